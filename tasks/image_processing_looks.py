"""What a tool did to a picture, made visible: differences, histograms, a lens, and damage whose cure is known.

Pixels are uint8 (H, W, 3), RGB.
"""

import io
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw

from tasks.drawing import CHART, glow
from tasks.image_processing_classical import bicubic
from tasks.motion_deblurring import Found

ZOOM = 6  # pixels on the page for each value of a cepstrum
LENS = 28  # pixels of the picture's side under the lens
WAYS = ("nearest", "bicubic", "network")
CLEAN = 256  # pixels of the side of the picture that is damaged
MAX_FACTOR = 4  # the largest by which it is made smaller
BLUR, NOISE, DARK, SMALL, JPEG = "Blur", "Noise", "Dark", "Small", "JPEG"
DAMAGES = (BLUR, NOISE, DARK, SMALL, JPEG)


def difference(before: np.ndarray, after: np.ndarray) -> tuple[PIL.Image.Image, str]:
    """Where the picture changed, as light on it, and in words by how much. Sizes may differ."""
    size = (after.shape[1], after.shape[0])
    old = np.asarray(PIL.Image.fromarray(before).resize(size, PIL.Image.Resampling.BICUBIC), np.float32)
    change = np.abs(after - old).mean(-1)
    strongest = max(float(np.quantile(change, 0.995)), 1.0)
    words = (
        f"The values of a pixel changed by {change.mean():.1f} of 255 on average. The brightest light stands for "
        f"{strongest:.0f} or more; {np.mean(change < 2):.0%} of the pixels hardly changed."
    )
    return glow(PIL.Image.fromarray(after), change / strongest), words


def traces(found: Found) -> tuple[PIL.Image.Image, str]:
    """A picture's cepstrum with rings around the ends of the line that was read from it, and the line in words."""
    lags = found.lags[0, 0].cpu().numpy()
    low, high = np.quantile(lags, (0.0005, 0.9995))
    side = len(lags) * ZOOM
    grey = PIL.Image.fromarray(((lags - low) / max(high - low, 1e-6) * 255).clip(0, 255).astype(np.uint8))
    picture = grey.resize((side, side), PIL.Image.Resampling.NEAREST).convert("RGB")
    if found.line is None:
        return picture, "No straight smear was found: nothing was divided."
    line = found.line.cpu().numpy()
    pen = PIL.ImageDraw.Draw(picture)
    for x, y in (line, -line):
        x, y = side / 2 + x * ZOOM, side / 2 + y * ZOOM
        pen.ellipse([x - 2 * ZOOM, y - 2 * ZOOM, x + 2 * ZOOM, y + 2 * ZOOM], None, "#f59e0b", 3)
    degrees = np.degrees(np.arctan2(-line[1], line[0])) % 180
    return picture, (
        f"Everything was smeared along **{np.hypot(*found.smear.tolist()):.0f} pixels**, {degrees:.0f}° from level "
        f"(probability {found.sure:.0%}). Below, the picture's cepstrum: a smear leaves a dark spot at either end of "
        "its line, which a small network found (rings). The picture was then divided by the smear; what the smear had "
        "wiped out is another network's work."
    )


def histogram(before: np.ndarray, after: np.ndarray):
    """A plotly figure: how many pixels are how bright, before and after."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for pixels, name, colour, fill in ((before, "before", "#a8a29e", "tozeroy"), (after, "after", "#0d9488", None)):
        luma = np.asarray(PIL.Image.fromarray(pixels).convert("L"))
        share = np.bincount(luma.ravel() // 4, minlength=64) / luma.size * 100
        figure.add_scatter(
            x=np.arange(64) * 4 + 1.5, y=share, name=name, mode="lines", fill=fill, line={"color": colour, "width": 2},
            hovertemplate="brightness %{x:.0f}: %{y:.1f} % of the pixels<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(title="brightness: 0 is black, 255 is white", range=[0, 255], tickvals=[0, 64, 128, 192, 255])
    figure.update_yaxes(ticksuffix=" %", rangemode="tozero")
    return styled(figure)


def curves(table: np.ndarray):
    """A plotly figure of (3, 256): what becomes of each value of red, green and blue."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for values, name, colour in zip(table, ("red", "green", "blue"), ("#dc2626", "#16a34a", "#2563eb"), strict=True):
        figure.add_scatter(y=values, name=name, mode="lines", line={"color": colour, "width": 2})
    axis = {"range": [0, 255], "tickvals": [0, 64, 128, 192, 255]}
    figure.update_xaxes(title="value before", **axis)
    figure.update_yaxes(title="after", **axis)
    return styled(figure)


def styled(figure):
    """The same quiet look in light and dark."""
    grey = "rgba(128, 128, 128, 0.25)"
    figure.update_xaxes(gridcolor=grey, zerolinecolor=grey)
    figure.update_yaxes(gridcolor=grey, zerolinecolor=grey)
    figure.update_layout(
        height=240, margin={"l": 45, "r": 10, "t": 10, "b": 40}, dragmode=False, hovermode="x",
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
        **CHART,
    )  # fmt: skip
    return figure


def lens(small: np.ndarray, large: np.ndarray, x: int, y: int) -> list[PIL.Image.Image]:
    """One place of a picture and of its enlargement, magnified in the three WAYS.

    Args:
        small: (H, W, 3). large: (H * scale, W * scale, 3).
        x, y: the middle, in pixels of `small`.
    """
    scale = len(large) // len(small)
    side = min(LENS, *small.shape[:2])
    left, top = (
        min(max(at - side // 2, 0), length - side) for at, length in ((x, small.shape[1]), (y, small.shape[0]))
    )
    seen = small[top : top + side, left : left + side]
    place = large[top * scale : (top + side) * scale, left * scale : (left + side) * scale]
    size = (side * 8, side * 8)
    return [
        PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.NEAREST)
        for pixels in (seen, bicubic(seen, scale), place)
    ]


# Damage whose cure is known


@dataclass(frozen=True)
class Damaged:
    """A damaged picture; for a blur also its kernel, which only the classical way is told."""

    pixels: np.ndarray
    kernel: np.ndarray | None = None
    factor: int = 1  # how many times smaller it is


def clean(picture: PIL.Image.Image) -> np.ndarray:
    """The middle of a picture, (CLEAN, CLEAN, 3), made small so that its own noise and blur vanish."""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((CLEAN, CLEAN), PIL.Image.Resampling.LANCZOS, box))


def damage(pixels: np.ndarray, kind: str, amount: float) -> Damaged:
    """Spoil a picture. kind: one of DAMAGES. amount: 0 (a little) to 1 (badly)."""
    if kind == BLUR:
        import scipy.ndimage

        kernel = shake(3 + 18 * amount)
        blurred = [scipy.ndimage.convolve(pixels[..., c].astype(np.float32), kernel, mode="reflect") for c in range(3)]
        return Damaged(np.dstack(blurred).round().clip(0, 255).astype(np.uint8), kernel)
    if kind == NOISE:
        noise = np.random.default_rng(0).normal(0, 5 + 45 * amount, pixels.shape)
        return Damaged((pixels + noise).round().clip(0, 255).astype(np.uint8))
    if kind == DARK:
        dark = (pixels / 255) ** (1 + 1.2 * amount) * (1 - 0.7 * amount)
        return Damaged((dark * 255).round().astype(np.uint8))
    if kind == SMALL:
        factor = 2 if amount < 0.5 else MAX_FACTOR
        size = (pixels.shape[1] // factor, pixels.shape[0] // factor)
        small = PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.BICUBIC)
        return Damaged(np.asarray(small), factor=factor)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "JPEG", quality=round(45 - 40 * amount))
    return Damaged(np.asarray(PIL.Image.open(file)))


def shake(length: float, degrees: float = 30) -> np.ndarray:
    """The kernel of a camera that moved along a line of this many pixels; it sums to 1."""
    along = np.linspace(-length / 2, length / 2, 200)
    angle = np.radians(degrees)
    return smear(along[:, None] * (np.cos(angle), np.sin(angle)), int(length / 2) + 2)


def smear(points: np.ndarray, reach: int) -> np.ndarray:
    """What a point of light leaves that was at all of these points for the same time.

    Args:
        points: (N, 2), x and y in pixels from the middle, at most reach - 1.

    Returns:
        (2 * reach + 1, 2 * reach + 1), its sum 1: between pixels, light is shared by the four around.
    """
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    corner = np.floor(points).astype(int)
    part = points - corner
    for dx in (0, 1):
        for dy in (0, 1):
            weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            np.add.at(kernel, (corner[:, 1] + dy + reach, corner[:, 0] + dx + reach), weight)
    return kernel / kernel.sum()


def scores(clean: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """PSNR in dB (infinite if equal) and SSIM (1 if equal) of a picture as large as the clean one."""
    from skimage.metrics import structural_similarity

    error = np.mean((clean.astype(np.float64) - other) ** 2)
    psnr = float(10 * np.log10(255**2 / error)) if error else float("inf")
    return psnr, float(structural_similarity(clean, other, channel_axis=-1))
