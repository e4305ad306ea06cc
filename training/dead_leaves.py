"""Dead leaves to train on, photographs to measure on, and the training itself: what denoiser.py and deblurrer.py share.

No photograph is needed: the networks learn from "dead leaves", opaque shapes of all sizes that fell on one another,
whose edges and sizes follow the same statistics as natural pictures (Lee, Mumford and Huang, IJCV 41, 2001). That
networks that restore learn from them nearly as well as from photographs was shown by Achddou
(https://arxiv.org/abs/2504.10201).
"""

import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import skimage.data
import sklearn.datasets
import torch
from safetensors.torch import save_file

from tasks.settings import cache_folder

PICTURES, SIDE = 192, 384  # how many dead leaves are drawn at a time, and their side in pixels
FINER = 2  # drawn this many times as large, then made small: edges become as soft as a lens makes them
SHAPES = 4000
RATE = 1e-3  # Adam's, falling to nothing along a cosine
REDRAW = 2000  # steps after which the pictures are drawn anew
KEPT = 0.998  # of the running mean of the weights, a step


# Pictures


def grain(rng: np.random.Generator, side: int, slope: float) -> np.ndarray:
    """(side, side), mean 0, deviation 1: noise whose amplitude falls with frequency ** slope, as surfaces look."""
    y, x = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(x, y)
    frequency[0, 0] = 1
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * frequency**-slope, (side, side))
    return ((field - field.mean()) / field.std()).astype(np.float32)


def stripes(rng: np.random.Generator, side: int) -> np.ndarray:
    """Waves in one direction, -1.4 to 1.4."""
    angle, length = rng.uniform(0, np.pi), FINER * np.exp(rng.uniform(np.log(2.2), np.log(20)))
    y, x = np.mgrid[:side, :side].astype(np.float32)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length + 0.02 * grain(rng, side, 1.5))
    return 1.4 * (np.sign(wave) * np.abs(wave) ** rng.uniform(0.3, 1)).astype(np.float32)


def dead_leaves(rng: np.random.Generator, surfaces: np.ndarray) -> np.ndarray:
    """A picture, uint8 (SIDE, SIDE, 3). surfaces: (N, S, S), at least as large as it is drawn."""
    side = SIDE * FINER
    label = np.zeros((side, side), np.int32)
    smallest = rng.choice((3, 8, 20, 50))
    # Radii with a density of r ** -3 look alike at every distance.
    radii = (smallest**-2.0 - rng.random(SHAPES) * (smallest**-2.0 - (side / 2.0) ** -2)) ** -0.5
    for number, r in enumerate(radii, 1):
        x, y = rng.integers(0, side, 2).tolist()
        kind = rng.integers(3)
        if kind == 0:
            cv2.circle(label, (x, y), max(1, int(r)), number, -1)
        elif kind == 1:
            axes = (max(1, int(r)), max(1, int(r * rng.uniform(0.1, 1))))
            cv2.ellipse(label, (x, y), axes, rng.uniform(0, 180), 0, 360, number, -1)
        else:
            corners = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
            reach = r * rng.uniform(0.4, 1.4, len(corners))
            shape = np.stack([x + reach * np.cos(corners), y + reach * np.sin(corners)], 1)
            cv2.fillPoly(label, [shape.astype(np.int32)], number)
    light = rng.beta(1, 1.2, SHAPES + 1)
    tint = rng.normal(0, 1, (SHAPES + 1, 3)) * rng.choice((0.02, 0.08, 0.2), (SHAPES + 1, 1))
    colour = (light[:, None] + tint - tint.mean(1, keepdims=True)).astype(np.float32)
    # Half of the shapes are flat or shaded, half have a surface; strong ones teach what is not noise.
    strength = (rng.random(SHAPES + 1) < 0.5) * np.exp(rng.uniform(np.log(0.01), np.log(0.4), SHAPES + 1))
    slope = rng.normal(0, 0.25, (SHAPES + 1, 2)) * (rng.random((SHAPES + 1, 1)) < 0.6)
    which = rng.integers(len(surfaces), size=SHAPES + 1)
    surface = np.zeros((side, side), np.float32)
    left, top = rng.integers(0, surfaces.shape[1] - side + 1, 2)
    for number in range(len(surfaces)):
        here = which[label] == number
        surface[here] = surfaces[number, top : top + side, left : left + side][here]
    y, x = np.mgrid[:side, :side].astype(np.float32) / side - 0.5
    shade = surface * strength.astype(np.float32)[label] + (slope[label] * np.stack([x, y], -1)).sum(-1)
    picture = colour[label] + shade[..., None].astype(np.float32)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 3))  # out of focus
    small = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return (small.clip(0, 1) * 255).round().astype(np.uint8)


def draw(seed: int) -> torch.Tensor:
    """uint8 (PICTURES, 3, SIDE, SIDE)."""
    rng = np.random.default_rng(seed)
    side = SIDE * FINER + 256
    surfaces = [grain(rng, side, slope) for slope in (0.3, 0.6, 0.9, 1.2, 1.6)] + [stripes(rng, side) for _ in range(5)]
    surfaces = np.stack(surfaces)
    pictures = [dead_leaves(rng, surfaces) for _ in range(PICTURES)]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def crops(pictures: torch.Tensor, count: int, side: int) -> torch.Tensor:
    """(count, 3, side, side), 0..1, turned and mirrored, from grey to more colourful."""
    out = []
    for _ in range(count):
        i, (y, x) = int(torch.randint(len(pictures), ())), torch.randint(SIDE - side + 1, (2,)).tolist()
        part = pictures[i, :, y : y + side, x : x + side]
        out.append(torch.rot90(part.flip(1) if torch.rand(()) < 0.5 else part, int(torch.randint(4, ())), (1, 2)))
    x = torch.stack(out).float() / 255
    grey = x.mean(1, keepdim=True)
    return torch.lerp(grey, x, torch.rand(count, 1, 1, 1) * 1.2).clamp(0, 1)


def in_bytes(pictures: torch.Tensor, jpeg: float, worst: int) -> torch.Tensor:
    """(B, 3, H, W), 0..1, rounded as files do; a share of them as JPEG of a quality from the worst to 98."""
    pixels = (pictures * 255).round().clamp(0, 255).byte()
    for i in torch.nonzero(torch.rand(len(pixels)) < jpeg)[:, 0].tolist():
        quality = int(torch.randint(worst, 99, ()))
        pixels[i] = torch.from_numpy(compressed(pixels[i].permute(1, 2, 0).numpy(), quality)).permute(2, 0, 1)
    return pixels.float() / 255


def compressed(pixels: np.ndarray, quality: int) -> np.ndarray:
    """As a JPEG file gives them back."""
    return cv2.imdecode(cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)


def photographs() -> dict[str, np.ndarray]:
    """Middles of photographs that come with scikit-image and scikit-learn, uint8 (256, 256, 3)."""
    pictures = {name: getattr(skimage.data, name)() for name in ("cat", "rocket", "astronaut", "coffee")}
    pictures["motorcycle"] = skimage.data.stereo_motorcycle()[0]
    pictures |= {name: sklearn.datasets.load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    return {name: middle(picture) for name, picture in pictures.items()}


def middle(picture: np.ndarray, side: int = 256) -> np.ndarray:
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


# Training


def fit(
    name: str, net: torch.nn.Module, loss_of: Callable[[torch.Tensor], torch.Tensor], minutes: float
) -> dict[str, torch.Tensor]:
    """Train a network for so many minutes, those of earlier calls included, and return the mean of its weights.

    A checkpoint is kept every minute in the gallery's cache folder; from it the next call goes on.

    Args:
        loss_of: dead leaves, as `draw` gives them -> the loss of one step.
    """
    checkpoint = cache_folder() / f"{name}-checkpoint.pt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    mean = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.Adam(net.parameters(), betas=(0.9, 0.99))
    seconds, step = 0.0, 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        mean, seconds, step = state["mean"], state["seconds"], state["step"]
        torch.manual_seed(step)
    pictures, limit, losses, saved = draw(step), minutes * 60, [], seconds
    while seconds < limit:
        began = time.monotonic()
        rate = RATE * min(1, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * seconds / limit))
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = loss_of(pictures)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
        kept = min(KEPT, (step + 1) / (step + 10))
        for key, value in net.state_dict().items():
            mean[key].lerp_(value, 1 - kept)
        losses.append(loss.item())
        step += 1
        if step % REDRAW == 0:
            pictures = draw(step)
        seconds += time.monotonic() - began
        if seconds - saved > 60 or seconds >= limit:
            saved = seconds
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "mean": mean}
            torch.save(state | {"seconds": seconds, "step": step}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
            print(f"{name}: {seconds / 60:.0f} min, {step} steps, loss {np.mean(losses):.4f}", flush=True)
            losses.clear()
    return mean


def save(weights: dict[str, torch.Tensor], target: Path) -> None:
    """A safetensors file in half precision."""
    target.parent.mkdir(exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in weights.items()}, target)
    print(f"{target}: SHA-256 {hashlib.sha256(target.read_bytes()).hexdigest()}")
