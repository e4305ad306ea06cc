"""The judge: a classifier that learns concepts from OTHER artists' emoji sets only, never from those the generator saw.

    python -m training.emoji_art.classifier --minutes 2

When it calls a generated picture an elephant, the picture looks like what five other styles call an elephant.
Its accuracy on real pictures of the generator's styles (which it never saw either) is the ceiling of the score.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from . import WORK
from .data import OTHER_STYLES, load_concepts, load_sheet
from .model import SIZE
from .world import compose, placing

BATCH = 512
LEARNING_RATE = 2e-3


class Judge(nn.Module):
    """Residual net over 64 px pictures in -1..1: (B, 3, 64, 64) -> (B, concepts)."""

    def __init__(self, concepts: int, widths=(48, 96, 192, 384)):
        super().__init__()
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.stages = nn.ModuleList()
        for a, b in pairwise(widths):
            self.stages.append(nn.ModuleList([
                nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()),
                nn.Sequential(nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(),
                              nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b)),
            ]))  # fmt: skip
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * widths[-1], concepts))

    def forward(self, x):
        x = self.stem(x)
        for shrink, residual in self.stages:
            x = shrink(x)
            x = F.relu(x + residual(x))
        # mean says what is there, max that it is there at all; 8 x 8 places
        return self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


def turn_hues(pictures: torch.Tensor) -> torch.Tensor:
    """A random turn of every picture's hues and a change of saturation, so that shape must tell. Values 0..1."""
    b = len(pictures)
    angle = torch.rand(b, device=pictures.device) * 6.2832 * (torch.rand(b, device=pictures.device) < 0.6)
    strength = torch.rand(b, device=pictures.device) * 1.0 + 0.2
    cos, sin = torch.cos(angle) * strength, torch.sin(angle) * strength
    # YIQ: luma stays, the two colour axes turn
    rgb_yiq = pictures.new_tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    y, i, q = torch.einsum("kc,bchw->kbhw", rgb_yiq, pictures)
    c, s = cos[:, None, None], sin[:, None, None]
    yiq = torch.stack([y, c * i - s * q, s * i + c * q])
    return torch.einsum("ck,kbhw->bchw", torch.linalg.inv(rgb_yiq), yiq).clamp(0, 1)


def augment(tiles: torch.Tensor) -> torch.Tensor:
    """Tiles, uint8 (B, 4, S, S), as pictures the generator might draw: any hue, any plain ground, a little blur."""
    b, device = len(tiles), tiles.device
    rgb = turn_hues(tiles[:, :3].float() / 255)
    tiles = torch.cat([(rgb * 255).to(torch.uint8), tiles[:, 3:]], 1)
    ground = torch.rand(b, 3, device=device) * 255
    ground = torch.where(torch.rand(b, 1, device=device) < 0.5, torch.full_like(ground, 255), ground)
    x = compose(tiles, ground, placing(b, device))
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return torch.lerp(x, soft, (torch.rand(b, 1, 1, 1, device=device) * 0.9)) + torch.randn_like(x) * 0.03


def main() -> None:
    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=WORK / "judge.pt")
    parser.add_argument("--minutes", type=float, default=2.0 if gpu else 25)
    parser.add_argument("--batch", type=int, default=BATCH if gpu else 64)
    a = parser.parse_args()
    device = "cuda" if gpu else "cpu"
    concepts = load_concepts()
    tiles, labels = [], []
    for style in OTHER_STYLES:
        sheet = load_sheet(style)
        for k, c in enumerate(concepts):
            if style in c.tile:
                tiles.append(torch.from_numpy(sheet[c.tile[style]]))
                labels.append(k)
    tiles = torch.stack(tiles).permute(0, 3, 1, 2).contiguous().to(device)
    labels = torch.tensor(labels, device=device)
    real = torch.from_numpy(load_sheet("fluent-3d")[[c.tile["fluent-3d"] for c in concepts]]).permute(0, 3, 1, 2)
    real = compose(real, torch.full((len(real), 3), 255.0), placing(len(real), "cpu", vary=False), SIZE)
    judge = Judge(len(concepts)).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    started, step = time.monotonic(), 0
    print(f"{len(tiles)} pictures, {len(concepts)} concepts", flush=True)
    while (done := (time.monotonic() - started) / 60 / a.minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * min(1, (step + 1) / 100, max(0.01, 1.3 * (1 - done)))
        pick = torch.randint(len(tiles), (a.batch,), device=device)
        with torch.autocast("cuda", torch.bfloat16, enabled=gpu):
            out = judge(augment(tiles[pick]).contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(out.float(), labels[pick], label_smoothing=0.05)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        if step % 200 == 0:
            print(f"step {step} loss {loss.item():.3f} {time.monotonic() - started:.0f} s", flush=True)
    judge.eval()
    with torch.inference_mode():
        out = torch.cat([judge(x.to(device)).float().cpu() for x in real.split(128)])
    top5 = out.topk(5).indices
    truth = torch.arange(len(concepts))[:, None]
    print(f"never seen 3D pictures: top-1 {(top5[:, :1] == truth).float().mean():.3f}, "
          f"top-5 {(top5 == truth).any(1).float().mean():.3f} of {len(concepts)}", flush=True)  # fmt: skip
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in judge.cpu().state_dict().items()}, a.out)


if __name__ == "__main__":
    main()
