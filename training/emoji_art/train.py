"""Train the network: `python -m training.emoji_art.train --minutes 25`, on one GPU or (slowly) on a CPU.

Stops when the wall-clock budget is spent, on Ctrl-C or SIGTERM, saving first; started again with the same --out it
goes on where it was. In --out: `last.pt` (everything), `ema.safetensors` (fp16, what is exported), `grid.png`
(fixed prompts and sketches drawn by the averaged weights), `log.jsonl` (scores).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from . import WORK, model
from .world import World, load

BATCH = 256  # keeps an H100 busy and still leaves many steps in few minutes; 32 is right for a CPU
LEARNING_RATE = 8e-4
WARMUP_STEPS = 300
FLAT_SHARE = 0.35  # of the budget at full learning rate, then half a cosine down to 1%: most quality comes late
EMA_DECAY = 0.999  # averages about the last thousand steps
# Time is drawn logit-normally (Esser et al. 2024, arXiv:2403.03206), leaning towards noise: which subject, which
# colour, where its parts go is decided there.
T_MEAN, T_SPREAD = -0.5, 1.0
# x-prediction weighted as if velocity were predicted, 1 / (1 - t)^2, bounded where the picture is all but given.
LEAST_NOISE = 0.1

PROMPTS = (
    "a red apple", "a green apple", "a blue strawberry", "a lion", "a purple elephant", "an orange cat face",
    "a pizza, light blue background", "a cactus", "a pink car", "a robot", "a rocket, dark blue background",
    "a yellow umbrella", "a birthday cake, pink background", "a sunflower", "an octopus", "a castle",
    "a blue whale, yellow background", "a green dragon face", "a crown", "a guitar on a purple background",
    "a frog, cartoon style", "a cyan bus", "a ghost", "a smiling face with sunglasses",
)  # fmt: skip


def loss_of(net, pictures, ink, states, mask, t, noise) -> torch.Tensor:
    """Velocity-weighted squared error of the predicted picture. t: (B,), noise: like pictures."""
    tt = t[:, None, None, None]
    z = tt * pictures + (1 - tt) * noise
    error = (model.predict(net, z, t, ink, states, mask).float() - pictures).square().mean((1, 2, 3))
    return (error / (1 - t).clamp(min=LEAST_NOISE).square()).mean()


def rate(elapsed: float, budget: float, step: int) -> float:
    """Learning rate after `elapsed` of `budget` seconds."""
    done = min(1.0, elapsed / budget)
    late = max(0.0, (done - FLAT_SHARE) / (1 - FLAT_SHARE))
    return LEARNING_RATE * min(1.0, (step + 1) / WARMUP_STEPS) * (0.01 + 0.99 * (1 + math.cos(math.pi * late)) / 2)


class Plans(IterableDataset):
    """Endless plans of training batches with their token numbers, made in worker processes: a GPU must not wait."""

    def __init__(self, world: World, encoder, batch: int, seed: int):
        self.world, self.encoder, self.batch, self.seed = world, encoder, batch, seed

    def __iter__(self):
        worker = get_worker_info()
        rng = random.Random(self.seed * 100 + (worker.id if worker else 0))
        while True:
            plan = self.world.plan(self.batch, rng)
            plan["ids"], plan["mask"] = self.encoder.tokens(plan.pop("captions"), model.MAX_TOKENS)
            yield plan


@contextlib.contextmanager
def weights(unet, values):
    """The network with other weights (the EMA) for a while."""
    params = list(unet.parameters())
    kept = [p.detach().clone() for p in params]
    with torch.no_grad():
        torch._foreach_copy_(params, values)
    try:
        yield unet.eval()
    finally:
        with torch.no_grad():
            torch._foreach_copy_(params, kept)
        unet.train()


def strip(pictures: np.ndarray, columns: int) -> np.ndarray:
    """(B, S, S, 3) -> one picture with `columns` a row (B is a multiple)."""
    b, s = pictures.shape[:2]
    return pictures.reshape(b // columns, columns, s, s, 3).transpose(0, 2, 1, 3, 4).reshape(-1, columns * s, 3)


def grid(unet, encoder, world: World, path: Path) -> None:
    """Fixed prompts (first rows), then fixed sketches above what the network makes of each."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        pictures, ink, captions = world.batch(64, random.Random(5), held=True)
    drawn = [i for i in range(64) if ink[i].min() >= 0 and captions[i]][:12]
    rows = [strip(model.generate(unet, encoder, list(PROMPTS), seeds=1).numpy(), 12)]
    if len(drawn) == 12:
        lines = ((1 - ink[drawn]).cpu() * 255).byte().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
        art = model.generate(unet, encoder, [captions[i] for i in drawn], seeds=1, ink=ink[drawn], guidance=2.0)
        truth = ((pictures[drawn].cpu() + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
        rows += [strip(lines, 12), strip(art.numpy(), 12), strip(truth, 12)]
    sheet = Image.fromarray(np.concatenate(rows))
    sheet.resize((sheet.width * 2, sheet.height * 2), Image.BICUBIC).save(path)


@torch.no_grad()
def scores(unet, encoder, world: World, count: int) -> dict[str, float]:
    """Error of x at four times on held-out colours and backgrounds; the same pictures and noise at every call."""
    device = world.tiles.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(11)
        pictures, ink, captions = world.batch(count, random.Random(11), held=True)
        states, mask = encoder(captions, model.MAX_TOKENS)
        noise = torch.randn_like(pictures)
    out = {}
    for t in (0.1, 0.3, 0.5, 0.8):
        tt = torch.full((count,), t, device=device)
        z = t * pictures + (1 - t) * noise
        out[f"x_error_t{t}"] = round(
            (model.predict(unet, z, tt, ink, states, mask) - pictures).square().mean().item(), 5
        )
    return out


def train(world: World, encoder, out: Path, *, minutes: float, device: str = "cpu", batch: int = BATCH,
          steps: int | None = None, compile: bool = False, save_every: float = 4.0, seed: int = 0,
          **unet_changes) -> list[float]:  # fmt: skip
    """Train until `minutes` (in total, over all resumed runs) or `steps` are reached. Returns this run's losses."""
    out.mkdir(parents=True, exist_ok=True)
    cuda = torch.device(device).type == "cuda"
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = cuda
    unet = model.build(**unet_changes).to(device, memory_format=torch.channels_last).train()
    params = list(unet.parameters())
    optimiser = torch.optim.AdamW(params, lr=LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=cuda)
    ema = [p.detach().clone() for p in params]
    step, seen, before = 0, 0, 0.0
    if (out / "last.pt").exists():
        kept = torch.load(out / "last.pt", map_location=device, weights_only=True)
        unet.load_state_dict(kept["unet"])
        optimiser.load_state_dict(kept["optimiser"])
        ema, step, seen, before = kept["ema"], kept["step"], kept["seen"], kept["elapsed"]
        print(f"resumed at step {step}, {seen} pictures seen", flush=True)
    net = torch.compile(unet) if compile else unet
    torch.manual_seed(seed + step)
    # Fork, not spawn: the plans need the world's lists, which live here. Workers never touch the GPU.
    plans = iter(DataLoader(Plans(world, encoder, batch, seed + step), batch_size=None, num_workers=6 if cuda else 0,
                            prefetch_factor=8 if cuda else None, pin_memory=cuda,
                            multiprocessing_context="fork" if cuda else None))  # fmt: skip
    world.to(device)
    started = saved = time.monotonic()
    elapsed = lambda: before + time.monotonic() - started  # noqa: E731
    losses, told, sums = [], step, torch.zeros((), device=device)
    print(f"{sum(p.numel() for p in params) / 1e6:.1f} M parameters, {len(world.tiles)} tiles on {device}", flush=True)

    def save() -> None:
        from safetensors.torch import save_file

        torch.save({"unet": unet.state_dict(), "optimiser": optimiser.state_dict(), "ema": ema, "step": step,
                    "seen": seen, "elapsed": elapsed()}, out / "last.tmp")  # fmt: skip
        os.replace(out / "last.tmp", out / "last.pt")
        with weights(unet, ema):
            half = {k: v.detach().half().cpu().contiguous() for k, v in unet.state_dict().items()}
            save_file(half, out / "ema.tmp", {"step": str(step), "seen": str(seen), "seconds": str(round(elapsed()))})
            os.replace(out / "ema.tmp", out / "ema.safetensors")
            row = {"step": step, "seen": seen, "seconds": round(elapsed())} | scores(
                unet, encoder, world, min(256, 2 * batch)
            )
            grid(unet, encoder, world, out / "grid.png")
        with (out / "log.jsonl").open("a") as log:
            log.write(json.dumps(row) + "\n")
        print(row, flush=True)

    stop = []
    old = {s: signal.signal(s, lambda *_: stop.append(1)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        while elapsed() < minutes * 60 and not stop and (steps is None or step < steps):
            for group in optimiser.param_groups:
                group["lr"] = rate(elapsed(), minutes * 60, step)
            with torch.autocast("cuda", torch.bfloat16, enabled=cuda):
                plan = next(plans)
                pictures, ink = world.show(plan)
                states, mask = encoder.states(plan["ids"], plan["mask"])
                t = torch.sigmoid(torch.randn(batch, device=device) * T_SPREAD + T_MEAN)
                loss = loss_of(net, pictures, ink, states.float(), mask, t, torch.randn_like(pictures))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            step, seen = step + 1, seen + batch
            torch._foreach_lerp_(ema, [p.detach() for p in params], 1 - min(EMA_DECAY, (1 + step) / (10 + step)))
            sums += loss.detach()
            # Reading a number from the GPU waits for it: only now and then.
            if step % (100 if cuda else 10) == 0 or step == steps:
                losses.append(sums.item() / (step - told))
                told, sums = step, torch.zeros_like(sums)
                print(f"step {step} seen {seen} loss {losses[-1]:.4f} {elapsed():.0f} s", flush=True)
                if not math.isfinite(losses[-1]):
                    raise FloatingPointError("The loss is no longer a number: start again with a lower learning rate.")
            if time.monotonic() - saved > save_every * 60:
                save()
                saved = time.monotonic()
    finally:
        for s, handler in old.items():
            signal.signal(s, handler)
    save()
    return losses


def main() -> None:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WORK / "run")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--batch", type=int, default=BATCH if gpu else 32)
    parser.add_argument("--steps", type=int, help="stop at this step, whatever the time")
    parser.add_argument("--save-every", type=float, default=4.0, help="minutes")
    parser.add_argument("--compile", action="store_true", help="torch.compile: a minute of waiting, then faster")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes that prepare the pictures, once")
    a = parser.parse_args()
    world = load(workers=a.workers)
    train(world, model.TextEncoder(a.device), a.out, minutes=a.minutes, device=a.device, batch=a.batch, steps=a.steps,
          compile=a.compile, save_every=a.save_every)  # fmt: skip


if __name__ == "__main__":
    main()
