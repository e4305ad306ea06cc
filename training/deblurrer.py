"""Train both networks of assets/models/straight-motion:  python -m training.deblurrer [--minutes 45] [--threads 1]

--only line (or repair) trains one of them, so that two can train at once.
"""

import argparse

import cv2
import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio as psnr

from tasks.image_processing_looks import shake, smear
from tasks.motion_deblurring import (
    LONGEST,
    StraightMotion,
    StraightMotionMaxim,
    build_line,
    build_repair,
    cepstrum,
    ends,
    repaired,
)
from tasks.restoration_networks import Maxim
from tasks.settings import ASSETS
from training.dead_leaves import crops, fit, in_bytes, photographs, save

FOLDER = ASSETS / "models/straight-motion"
EDGE = LONGEST // 2 + 4  # pixels around a crop from which light may come in
BATCH = 8
SIDES = {"line": 256, "repair": 128}  # pixels of a crop
NONE = 0.1  # share of pictures that were not smeared
NOISE = 6  # deviation of the strongest noise, of 255
CLEAN = 0.4  # share of the crops without
JPEG = 0.15  # share of the crops that went through a JPEG file
MISREAD = 0.12  # pixels by which the second network must expect either coordinate of the line to be wrong


def path(line: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The way between both ends of a line, (200, 2): a little bent, a little uneven in speed."""
    t = np.linspace(-0.5, 0.5, 200)
    t = t + 0.02 * rng.normal() * np.sin(2 * np.pi * (t + rng.random()))
    t = (t - t.min()) / np.ptp(t) - 0.5
    bend = 0.04 * rng.normal() * (t**2 - 0.25)
    return t[:, None] * line + bend[:, None] * line[::-1] * (1, -1)


def smeared(pictures: torch.Tensor, side: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Clean crops, the same smeared and noisy, (BATCH, 3, side, side), and the lines (BATCH, 2), x and y in pixels."""
    rng = np.random.default_rng(int(torch.randint(2**31, ())))
    wide = crops(pictures, BATCH, side + 2 * EDGE)
    length = rng.uniform(1.5, LONGEST, BATCH) * (rng.random(BATCH) >= NONE)
    angle = rng.uniform(0, 2 * np.pi, BATCH)
    lines = length[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    paths = [path(line, rng) for line in lines]
    # Half of them jump from pixel to pixel, so that no one way to draw a line is relied on.
    kernels = np.stack([smear(points if rng.random() < 0.5 else np.rint(points), EDGE) for points in paths])
    shape = wide.shape[2:]
    waves = torch.fft.rfft2(wide) * torch.fft.rfft2(torch.from_numpy(kernels).float(), shape)[:, None]
    inner = slice(2 * EDGE, 2 * EDGE + side)  # the kernel's middle is EDGE pixels from its corner
    blurred = torch.fft.irfft2(waves, shape)[:, :, inner, inner]
    deviation = NOISE / 255 * torch.rand(BATCH, 1, 1, 1) ** 2 * (torch.rand(BATCH, 1, 1, 1) >= CLEAN)
    x = in_bytes(blurred + deviation * torch.randn_like(blurred), JPEG, 85)
    return wide[:, :, EDGE : EDGE + side, EDGE : EDGE + side], x, torch.from_numpy(lines).float()


def both_ends(lines: torch.Tensor) -> torch.Tensor:
    """(B, 2) -> (B, (2 * LONGEST + 1) ** 2): half of the probability at each end, shared by the pixels around it."""
    at = torch.arange(-LONGEST, LONGEST + 1.0)
    out = 0
    for end in (lines, -lines):
        x, y = ((1 - (at - end[:, i, None]).abs()).clamp_min(0) for i in (0, 1))
        out = out + y[:, :, None] * x[:, None] / 2
    return out.flatten(1)


def loss_of_line(net: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    _, x, lines = smeared(pictures, SIDES["line"])
    seen = cepstrum(x).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        scores = net(seen)
    return -(both_ends(lines) * ends(scores.float())).sum(1).mean()


def loss_of_repair(net: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
    clean, x, lines = smeared(pictures, SIDES["repair"])

    def rounded(features):
        with torch.autocast("cpu", torch.bfloat16):
            return net(features.contiguous(memory_format=torch.channels_last)).float()

    # Decibels: to halve a small error counts as much as to halve a large one, so that easy pictures come out near
    # perfect although the hard ones never can.
    *first, last = (
        10 * (result - clean).square().mean((1, 2, 3)).add(1e-6).log10().mean()
        for result in repaired(rounded, x, lines + MISREAD * torch.randn_like(lines))
    )
    return last + 0.3 * sum(first)


def measure() -> None:
    """Print PSNR in decibels of smeared photographs: before, by these networks, by MAXIM, by all of them."""
    tools = [StraightMotion(FOLDER), Maxim(FOLDER.parent / "maxim-deblurring"), StraightMotionMaxim(FOLDER)]
    rng = np.random.default_rng(0)
    gains = []
    for name, clean in photographs().items():
        for length in (7, 11, 15, 20):
            degrees = rng.uniform(0, 180)
            before = np.dstack([cv2.filter2D(clean[..., c], -1, shake(length, degrees)) for c in range(3)])
            values = [before] + [(tool((before / 255).astype(np.float32)) * 255).round() for tool in tools]
            part = np.s_[8:-8, 8:-8]
            first, *others = (psnr(clean[part], value[part], data_range=255) for value in values)
            gains.append([value - first for value in others])
            print(
                f"{name}, {length} px at {degrees:.0f} degrees: {first:.1f}, " + ", ".join(f"{v:.1f}" for v in others)
            )
    print("mean gain", np.mean(gains, 0).round(2), "least", np.min(gains, 0).round(2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=45, help="of training each, the earlier calls' too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=SIDES)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    for name, build, loss_of in (("line", build_line, loss_of_line), ("repair", build_repair, loss_of_repair)):
        if options.only in (None, name):
            torch.manual_seed(0)
            net = build().to(memory_format=torch.channels_last)
            if name == "repair":
                torch.nn.init.zeros_(net[-2].weight)  # in the beginning it leaves what division gives
            weights = fit(f"straight-motion-{name}", net, lambda x, net=net, f=loss_of: f(net, x), options.minutes)
            save(weights, FOLDER / f"{name}.safetensors")
    if all((FOLDER / f"{name}.safetensors").exists() for name in SIDES):
        measure()


if __name__ == "__main__":
    main()
