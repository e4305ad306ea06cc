"""Line drawings to learn from: first what a careful draughtsman would trace, then what a hand makes of it.

`trace` (CPU, once) draws four drafts of a picture, from every edge to the mere outline. `by_hand` (GPU, every step
anew) bends, breaks, doubles, thickens and fades them, so that no two drawings are alike and none is a Canny map.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F

DRAFTS = 4
_TRACE = 192  # px the drafts are drawn at


def trace(rgba: np.ndarray) -> np.ndarray:
    """Drafts of a picture. rgba: uint8, (S, S, 4). Returns uint8, (DRAFTS, S, S), 255 = ink, in the same place."""
    size = rgba.shape[0]
    alpha = rgba[..., 3:].astype(np.float32) / 255
    flat = (rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    big = cv2.resize(flat, (_TRACE, _TRACE), interpolation=cv2.INTER_CUBIC)
    shape = cv2.resize(rgba[..., 3], (_TRACE, _TRACE), interpolation=cv2.INTER_CUBIC)
    shape = cv2.GaussianBlur(shape, (0, 0), 1.5)
    outline = np.zeros((_TRACE, _TRACE), np.uint8)
    contours, _ = cv2.findContours((shape > 128).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(outline, contours, -1, 255, 1)

    def inner(blur: float, low: float) -> np.ndarray:
        soft = cv2.GaussianBlur(big, (0, 0), blur)
        edges = np.zeros_like(outline)
        for channel in range(3):
            edges |= cv2.Canny(soft[..., channel], low, 2.5 * low)
        return edges

    drafts = []
    # (lines, pen width in px of 192): all detail, normal detail, only the strongest inner lines, outline alone
    for lines, pen in ((inner(1.2, 25), 2), (inner(1.8, 40), 3), (inner(3.0, 55), 3), (0, 3)):
        drawn = cv2.dilate(outline | lines, np.ones((pen, pen), np.uint8))
        drawn = cv2.GaussianBlur(drawn, (0, 0), 0.8)
        drafts.append(cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA))
    return np.stack(drafts)


def _smooth_noise(count: int, channels: int, cells: int, size: int, device) -> torch.Tensor:
    noise = torch.randn(count, channels, cells, cells, device=device)
    return F.interpolate(noise, (size, size), mode="bicubic", align_corners=False)


def by_hand(drafts: torch.Tensor, theta: torch.Tensor, size: int) -> torch.Tensor:
    """A hand's version of each draft, (B, 1, size, size), 0 = paper, 1 = full ink.

    drafts: float (B, 1, S, S) in 0..1. theta: (B, 2, 3), the affine map that also placed the picture, so that drawing
    and picture agree up to the small offset, turn and stretch added here.
    """
    count, device = len(drafts), drafts.device
    uniform = lambda low, high: torch.rand(count, 1, 1, 1, device=device) * (high - low) + low  # noqa: E731
    sometimes = lambda p: (torch.rand(count, 1, 1, 1, device=device) < p).float()  # noqa: E731

    def stroke(wobble: float) -> torch.Tensor:
        slip = theta + torch.randn_like(theta) * theta.new_tensor([[0.03, 0.03, 0.035], [0.03, 0.03, 0.035]])
        grid = F.affine_grid(slip, (count, 1, size, size), align_corners=False)
        # Slow bends (an eye misjudging proportions) and quick ones (a trembling hand), in units of half the picture.
        bend = _smooth_noise(count, 2, 4, size, device) * uniform(0, 0.055) * wobble
        bend = bend + _smooth_noise(count, 2, 10, size, device) * uniform(0, 0.025) * wobble
        return F.grid_sample(drafts, grid + bend.permute(0, 2, 3, 1), align_corners=False)

    ink = stroke(1.0)
    ink = torch.maximum(ink, stroke(1.3) * sometimes(0.2) * uniform(0.5, 1))  # drawn twice, not quite on itself
    thick = F.max_pool2d(ink, 3, 1, 1)
    ink = torch.lerp(ink, thick, sometimes(0.35) * uniform(0.2, 1))
    # Gaps: a smooth field per drawing; where it is lowest the pen was lifted. Up to a quarter of the line is lost.
    field = _smooth_noise(count, 1, 14, size, device)
    lifted = torch.sigmoid((field + uniform(0.9, 3.0)) * 12)
    ink = ink * torch.where(sometimes(0.7) > 0, lifted, torch.ones_like(lifted))
    pressure = (1 + 0.35 * _smooth_noise(count, 1, 6, size, device) * sometimes(0.5)).clamp(0.3, 1.5)
    ink = ink * pressure * uniform(0.5, 1.5)
    paper = torch.rand(count, 1, size, size, device=device) * sometimes(0.3) * uniform(0, 0.15)
    return (ink + paper).clamp(0, 1)
