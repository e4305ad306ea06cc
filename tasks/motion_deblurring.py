"""Straight motion: find the line along which a picture was smeared, undo that by division, repair what is left.

A smear is a product in the Fourier transform, and the logarithm makes it a sum: transformed back, this "cepstrum"
(Oppenheim & Schafer 2004, doi:10.1109/MSP.2004.1328092) has dark spots at both ends of the line. A small network reads
the line from there. Division by the smear's transform brings detail back, and where the smear left nothing, ripples; a
second network tells them from the picture. Both take turns, as of USRNet (Zhang 2020, arXiv:2003.10428). The networks
are trained by training/deblurrer.py on drawn shapes. Where seconds don't matter, MAXIM fills in what the smear took.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks import settings
from tasks.restoration_networks import Maxim, Torch, residual_network

LONGEST = 24  # pixels, of the line along either axis
LAGS = LONGEST + 4  # of the cepstrum the network sees this much in each direction
WINDOW = 128  # side in pixels of the parts whose spectra are averaged
ROOM = 64  # pixels in which one edge of the picture becomes the opposite one, as the Fourier transform sees a circle
NOISE = (0.0005, 0.005, 0.05)  # shares of noise in the smeared picture that the division allows for
ROUNDS = 3  # of division and repair
SEEN = 1024  # pixels of the side of a picture's middle, from which its line is told
LEAST = 32  # side of a picture from which a line can be told
# Probabilities below which a picture is left alone, by how much smaller the copy is that the line is looked for in:
# bricks pass for a long smear more easily than for a short one.
SURE = {1: 0.9, 2: 0.97}
SHORTEST = 1.5  # pixels: a line that is shorter is none


@dataclass(frozen=True)
class Found:
    """What was read from a picture.

    lags: its cepstrum, see `cepstrum`, (1, 3, 2 * LAGS + 1, 2 * LAGS + 1). line: (x, y) from end to end, in pixels of
    the copy that both were read from, or None. times: by how much that copy was smaller. sure: how probable the line
    was.
    """

    lags: "torch.Tensor"  # noqa: F821
    line: "torch.Tensor | None"  # noqa: F821
    times: int
    sure: float

    @property
    def smear(self) -> "torch.Tensor | None":  # noqa: F821
        """The line in pixels of the picture itself."""
        return None if self.line is None else self.line * self.times


class StraightMotion(Torch):
    """One line for a picture; a tile that comes alone tells its own."""

    scale, tile, step, overlap = 1, 512, 2, 64
    found: Found | None = None

    def __init__(self, folder: Path):
        import safetensors.torch

        self.line, self.repair = build_line(), build_repair()
        for name, net in (("line", self.line), ("repair", self.repair)):
            net.load_state_dict(safetensors.torch.load_file(folder / f"{name}.safetensors"))
            net.eval().to(settings.device())

    def fitted(self, pixels: np.ndarray) -> "StraightMotion":
        """The same networks, with the line of this picture, uint8 (H, W, 3)."""
        fitted = copy.copy(self)
        fitted.found = self.look(pixels)
        if fitted.found.smear is not None:
            # As far as the line reaches, a tile knows too little of what came in; tiles fade beyond their outer third.
            reach = int(fitted.found.smear.abs().max()) + 2
            fitted.overlap = max(self.overlap, 3 * reach)
        return fitted

    def net(self, x):
        smear = (self.found or self.find(x)).smear
        return x if smear is None else repaired(self.repair, x, smear)[-1]

    def find(self, x: "torch.Tensor") -> Found:  # noqa: F821
        """The line of a picture (1, 3, H, W). What is longer than LONGEST is looked for in a copy half as large."""
        import torch.nn.functional as F

        for times, enough in SURE.items():
            small = F.avg_pool2d(x, times, ceil_mode=True)
            lags = cepstrum(small)
            line, sure = read(self.line(lags))
            if sure >= enough or min(small.shape[2:]) < 2 * LEAST:
                break
        told = sure >= enough and line.norm() >= SHORTEST and min(small.shape[2:]) >= LEAST
        return Found(lags, line if told else None, times, sure)

    def look(self, pixels: np.ndarray) -> Found:
        """`find` for the middle of uint8 (H, W, 3)."""
        import torch

        top, left = (max(0, (side - SEEN) // 2) for side in pixels.shape[:2])
        middle = pixels[top : top + SEEN, left : left + SEEN]
        with torch.inference_mode():
            return self.find(self.batch(middle.astype(np.float32) / 255))


class StraightMotionMaxim(StraightMotion):
    """What MAXIM makes of a picture, held to the smear: smeared again, it must give the picture that was there.

    Waves that the smear left are the picture's own, the others are MAXIM's. Without a line it is MAXIM alone.
    """

    tile, step, overlap = 256, Maxim.step, Maxim.overlap  # less than MAXIM alone, as torch takes memory too

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.maxim = Maxim(folder.parent / "maxim-deblurring")

    def net(self, x):
        smear = (self.found or self.find(x)).smear
        guess = self.batch(self.maxim(x[0].permute(1, 2, 0).cpu().numpy()))
        return guess if smear is None else held(x, smear, guess)


# The line


def cepstrum(x: "torch.Tensor") -> "torch.Tensor":  # noqa: F821
    """(B, 3, H, W), 0..1 -> (B, 3, 2 * LAGS + 1, 2 * LAGS + 1).

    Once where strong parts of the picture count, once where all parts count alike, and the distance from the middle.
    """
    import torch

    height, width = (min(side, WINDOW) for side in x.shape[2:])
    window = torch.hann_window(height, False)[:, None] * torch.hann_window(width, False)
    parts = x.mean(1).unfold(1, height, max(1, height // 2)).unfold(2, width, max(1, width // 2)).flatten(1, 2)
    parts = (parts - parts.mean((2, 3), keepdim=True)) * window.to(x.device)
    power = torch.fft.rfft2(parts, (WINDOW, WINDOW)).abs().square() + 1e-4  # about what rounding to bytes leaves
    spectra = torch.stack([power.mean(1).log(), power.log().mean(1)], 1)
    lags = torch.fft.fftshift(torch.fft.irfft2(spectra, (WINDOW, WINDOW)), (2, 3))
    middle = slice(WINDOW // 2 - LAGS, WINDOW // 2 + LAGS + 1)
    lags = lags[:, :, middle, middle]
    away = torch.linspace(-1, 1, 2 * LAGS + 1, device=x.device)
    away = torch.hypot(away[:, None], away)[None, None].expand(len(x), -1, -1, -1)
    lags = torch.where(away * LAGS < 1.5, 0.0, lags)  # how strong the picture is, says nothing
    return torch.cat([lags / lags.std((2, 3), keepdim=True).clamp_min(1e-6), away - 0.5], 1)


def build_line() -> "torch.nn.Sequential":  # noqa: F821
    """`cepstrum` -> (B, 1, ...), as large: how likely the line ends there."""
    from torch import nn

    layers, inputs = [], 3
    for dilation in (1, 1, 2, 4, 2, 1):
        layers += [nn.Conv2d(inputs, 32, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        inputs = 32
    return nn.Sequential(*layers, nn.Conv2d(inputs, 1, 1))


def ends(scores: "torch.Tensor") -> "torch.Tensor":  # noqa: F821
    """What `build_line` gives -> logarithms of probability, (B, (2 * LONGEST + 1) ** 2): a line has two ends."""
    beyond = LAGS - LONGEST
    scores = scores[:, 0, beyond:-beyond, beyond:-beyond]
    return (scores + scores.flip(1, 2)).flatten(1).log_softmax(1)


def read(scores: "torch.Tensor") -> tuple["torch.Tensor", float]:  # noqa: F821
    """What `build_line` gives for one picture -> the line from end to end, (x, y) in pixels, and how probable it is."""
    import torch

    side = 2 * LONGEST + 1
    chances = ends(scores)[0].exp().view(side, side)
    y, x = divmod(int(chances.argmax()), side)
    near = [slice(max(0, at - 2), at + 3) for at in (y, x)]
    part = chances[near[0], near[1]]
    at = torch.arange(side, device=part.device) - float(LONGEST)
    line = torch.stack([(part * at[near[1]]).sum(), (part * at[near[0], None]).sum()]) / part.sum()
    # Near the middle both ends are in the part, and cancel out.
    return line, min(1.0, 2 * float(part.sum()))


# What the line did


def transfer(line: "torch.Tensor", shape: tuple[int, int]) -> "torch.Tensor":  # noqa: F821
    """How much of each wave of a picture of this (height, width) is left by lines (B, 2): (B, 1, H, W // 2 + 1)."""
    import torch

    y = torch.fft.fftfreq(shape[0], device=line.device)[:, None]
    x = torch.fft.rfftfreq(shape[1], device=line.device)
    return torch.sinc(x * line[:, 0, None, None] + y * line[:, 1, None, None])[:, None]


def divided(x: "torch.Tensor", line: "torch.Tensor", guess: "torch.Tensor") -> "torch.Tensor":  # noqa: F821
    """(B, 3, H, W) -> (B, 3 * len(NOISE), H, W): without the smear; waves that it left little of are the guess's.

    How little, depends on the share of noise.
    """
    import torch

    larger = round_about(x)
    shape = larger.shape[2:]
    left, waves, guessed = transfer(line, shape), torch.fft.rfft2(larger), torch.fft.rfft2(round_about(guess))
    back = [(left * waves + share * guessed) / (left * left + share) for share in NOISE]
    back = torch.fft.irfft2(torch.cat(back, 1), shape)
    return back[:, :, : x.shape[2], : x.shape[3]].clamp(-0.5, 1.5)


def held(x: "torch.Tensor", line: "torch.Tensor", guess: "torch.Tensor") -> "torch.Tensor":  # noqa: F821
    """A guess that, smeared along the line (2,), gives x as far as noise allows; all (1, 3, H, W).

    At the edges, where light came in that no guess knows of, it stays as it is.
    """
    import torch

    height, width = x.shape[2:]
    larger = round_about(guess)
    shape = larger.shape[2:]
    left = transfer(line[None], shape)
    missing = x - torch.fft.irfft2(left * torch.fft.rfft2(larger), shape)[:, :, :height, :width]
    for axis, along, reach in ((2, (-1, 1), line[1]), (3, (-1,), line[0])):
        at = torch.arange(x.shape[axis], device=x.device) + 0.5
        inside = (torch.minimum(at, x.shape[axis] - at) / (reach.abs() + 2)).clamp(0, 1)
        missing = missing * inside.view(along)
    more = torch.fft.rfft2(missing, shape) * left / (left * left + NOISE[1])
    return guess + torch.fft.irfft2(more, shape)[:, :, :height, :width]


def round_about(x: "torch.Tensor") -> "torch.Tensor":  # noqa: F821
    """Pictures (B, C, H, W), larger by ROOM in which their right edge becomes the left one, and the lower the upper."""
    import torch

    for axis, shape in ((2, (-1, 1)), (3, (-1,))):
        room = min(ROOM, x.shape[axis])
        ramp = ((torch.arange(room, device=x.device) + 0.5) / room).view(shape)
        end, start = (x.narrow(axis, at, room).flip(axis) for at in (x.shape[axis] - room, 0))
        x = torch.cat([x, torch.lerp(end, start, ramp)], axis)
    return x


def build_repair() -> "torch.nn.Sequential":  # noqa: F821
    """As the denoiser, but every second convolution looks twice as far."""
    return residual_network(3 + 3 * len(NOISE), wide=48, blocks=5, dilation=2)


def repaired(repair: "torch.nn.Module", x: "torch.Tensor", line: "torch.Tensor") -> list["torch.Tensor"]:  # noqa: F821
    """Pictures (B, 3, H, W), 0..1, of even sides, without their smears, better from round to round.

    line: (2,) or (B, 2).
    """
    import torch

    rounds = [x]
    for _ in range(ROUNDS):
        without = divided(x, line.view(-1, 2), rounds[-1])
        rounds.append(without[:, 3:6] + repair(torch.cat([x, without], 1) - 0.5))
    return rounds[1:]
