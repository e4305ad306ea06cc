"""Pictures of what a network found: names, boxes and light, crisp at any size and readable on any picture.

Shared by the two tabs that point at places in a picture, object detection and image segmentation; CHART by
whatever draws a chart.
"""

import colorsys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

SIDES = (900, 1600)  # pixels of the longer side of what is drawn on: smaller pictures grow so that text stays readable

# The layout of every plotly figure: transparent, so that the page's own background shows in light and dark.
CHART = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font": {"color": "#808080"}}


@dataclass(frozen=True)
class Canvas:
    """A copy of a picture to draw on."""

    picture: PIL.Image.Image
    scale: float  # what one pixel of the picture measures on the copy
    size: tuple[int, int]  # width and height of the picture itself


def canvas(picture: PIL.Image.Image, sides: tuple[int, int] = SIDES) -> Canvas:
    """A copy whose longer side lies within `sides`."""
    longer = max(picture.size)
    scale = min(max(longer, sides[0]), sides[1]) / longer
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    return Canvas(picture.resize(size, PIL.Image.Resampling.LANCZOS), scale, picture.size)


def colour(label: str, number: int = 1) -> tuple[int, int, int]:
    """The same bright colour for the same label everywhere; dark text is readable on all of them.

    Instances of a class (`number` from 1) get hues far from each other.
    """
    hue = (zlib.crc32(label.encode()) % 360 / 360 + 0.381966 * (number - 1)) % 1
    return tuple(round(255 * part) for part in colorsys.hls_to_rgb(hue, 0.65, 0.85))


def outline(pen: PIL.ImageDraw.ImageDraw, box: Sequence[float], rgb: tuple[int, int, int], width: int) -> None:
    """A rectangle with a dark rim, so that it stands out from bright and from dark pictures."""
    x1, y1, x2, y2 = box
    pen.rectangle([x1 - 1, y1 - 1, max(x1, x2) + 1, max(y1, y2) + 1], None, (20, 20, 20), 1)
    pen.rectangle([x1, y1, max(x1, x2), max(y1, y2)], None, rgb, width)


def tag(picture: PIL.Image.Image, text: str, corner: tuple[float, float], rgb: tuple[int, int, int]) -> None:
    """A name on a label of its colour, above the corner where there is room, and inside the picture."""
    pen = PIL.ImageDraw.Draw(picture)
    font = PIL.ImageFont.load_default(max(picture.size) // 44)
    _, top, right, bottom = pen.textbbox((0, 0), text, font)
    width, height = right + 10, bottom + top + 2
    x = max(0, min(corner[0], picture.width - width))
    y = corner[1] - height if corner[1] >= height else corner[1]
    pen.rectangle([x, y, x + width, y + height], rgb)
    pen.text((x + 5, y + 1), text, (15, 15, 15), font)


def glow(picture: PIL.Image.Image, heat: np.ndarray, resample=PIL.Image.Resampling.BICUBIC) -> PIL.Image.Image:
    """A map (h, w) in 0..1 as light on a darkened picture."""
    weight = PIL.Image.fromarray((heat.clip(0, 1) * 255).astype(np.uint8)).resize(picture.size, resample)
    dark = PIL.Image.blend(picture.convert("L").convert("RGB"), PIL.Image.new("RGB", picture.size), 0.65)
    bright = PIL.Image.blend(picture, PIL.Image.new("RGB", picture.size, (255, 170, 30)), 0.55)
    return PIL.Image.composite(bright, dark, weight)
