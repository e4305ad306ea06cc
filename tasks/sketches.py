"""Drawings: reading the lines of one, laying colours between them, making one of a photograph. No network runs here.

Everything works on ink: float32 (H, W), 0 = paper, 1 = line.
"""

from dataclasses import dataclass

import numpy as np
import PIL.Image

from tasks.errors import BadInput

SIDE = 768  # pixels of the longer side that is worked on
FAINTEST = 0.1  # darker than its paper by less than this is grain
LINE = 0.28  # ink from which a pixel belongs to a line
REACH = 0.08  # how far colours spread, as a share of the drawing's side
INK = np.array([28, 20, 40], np.float32)

NO_LINES = "There are no lines in this drawing: draw something first, or photograph your drawing in better light."


# Reading


def read_ink(picture: PIL.Image.Image) -> np.ndarray:
    """The lines of a drawing (RGB), whatever paper, light and pen: levelled, and scaled to at most SIDE pixels.

    Raises:
        BadInput: there are none.
    """
    from scipy import ndimage

    scale = min(1.0, SIDE / max(picture.size))
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    grey = np.asarray(picture.convert("L").resize(size, PIL.Image.Resampling.LANCZOS), np.float32) / 255
    if np.median(grey) < 0.4:  # chalk on a board
        grey = 1 - grey
    # Paper is what remains when everything narrower than a hand's line is filled with what lies around it.
    reach = max(3, max(grey.shape) // 20)
    small = grey[::4, ::4]
    paper = ndimage.grey_closing(small, max(3, reach // 4), mode="nearest")
    paper = ndimage.gaussian_filter(paper, reach / 4, mode="nearest")
    paper = ndimage.zoom(paper, np.divide(grey.shape, paper.shape), order=1)
    ink = 1 - grey / np.maximum(paper, 0.05)
    strong = ink[ink > FAINTEST]
    if strong.size < 20 or np.percentile(strong, 90) < 2 * FAINTEST:
        raise BadInput(NO_LINES)
    return ((ink - FAINTEST) / (np.percentile(strong, 90) - FAINTEST)).clip(0, 1).astype(np.float32)


def square_around(ink: np.ndarray) -> tuple[int, int, int]:
    """(top, left, side) of the square in which the drawing fills 88 %; it may reach beyond the paper."""
    from scipy import ndimage

    marks, count = ndimage.label(ink > LINE, np.ones((3, 3)))
    sizes = ndimage.sum_labels(np.ones_like(marks), marks, np.arange(1, count + 1))
    large = np.isin(marks, 1 + np.flatnonzero(sizes >= 0.05 * sizes.max()))  # dust does not count
    rows, columns = (np.flatnonzero(large.any(axis)) for axis in (1, 0))
    side = max(8, round(max(np.ptp(rows), np.ptp(columns)) / 0.88))
    return int(rows[0] + rows[-1] - side) // 2, int(columns[0] + columns[-1] - side) // 2, side


def crop(ink: np.ndarray, box: tuple[int, int, int], size: int) -> np.ndarray:
    """The square (top, left, side) of the ink at size x size pixels, lines as dark as those a network learned from."""
    top, left, side = box
    margin = side + max(abs(top), abs(left))
    padded = np.pad(ink, margin)
    square = padded[top + margin : top + margin + side, left + margin : left + margin + side]
    small = PIL.Image.fromarray(square).resize((size, size), PIL.Image.Resampling.BOX)
    small = np.asarray(small)
    dark = small[small > FAINTEST]
    return (small / max(np.percentile(dark, 90) if dark.size else 1.0, FAINTEST)).clip(0, 1)


# Colouring


@dataclass(frozen=True)
class Coloured:
    """A drawing with colours: `flat` is what it was before shading and lines."""

    picture: PIL.Image.Image
    flat: PIL.Image.Image


def colour(ink: np.ndarray, box: tuple[int, int, int], field: np.ndarray) -> Coloured:
    """Lay a small field of colours (S, S, 3), which covers the square `box`, between the lines of a drawing.

    The field knows which colours go where, but only roughly; the drawing knows where they end. Colours spread along
    the paper and hardly across a line, the more trusted the further from any line. A gap in a line lets a little
    through, where filling areas would spill all.
    """
    from scipy import ndimage

    top, left, side = box
    rim = np.concatenate([field[0], field[-1], field[:, 0], field[:, -1]])
    ground = np.median(rim, 0)
    sheet = PIL.Image.new("RGB", ink.shape[::-1], tuple(int(value) for value in ground))
    sheet.paste(PIL.Image.fromarray(field).resize((side, side), PIL.Image.Resampling.BICUBIC), (left, top))
    depth = ndimage.distance_transform_edt(ink < LINE).astype(np.float32)
    trust = np.minimum(depth / side, 0.05) ** 2 + 1e-6
    spread_values = spread(np.dstack([np.asarray(sheet, np.float32) * trust[..., None], trust]), ink, REACH * side)
    flat = spread_values[..., :3] / spread_values[..., 3:]
    foreign = np.abs(flat - ground).max(-1, keepdims=True)
    subject = ((foreign - 20) / 40).clip(0, 1)
    flat = ground + (flat - ground) * subject  # an even ground
    hollow = (depth / (0.1 * side)).clip(0, 1)[..., None] ** 0.5
    shade = 1 - 0.14 * (1 - hollow) * subject
    painted = flat * shade
    painted += (INK - painted) * (ink * 0.92)[..., None]
    return Coloured(*(PIL.Image.fromarray(v.clip(0, 255).round().astype(np.uint8)) for v in (painted, flat)))


def spread(values: np.ndarray, ink: np.ndarray, reach: float) -> np.ndarray:
    """Smooth (H, W, C) along the paper, not across ink: the recursive filter of the domain transform (Gastal 2011).

    Args:
        ink: (H, W), 0..1; a line lengthens the way across it.
        reach: standard deviation in pixels.
    """
    length = 1 + ink * (4 * reach)  # way from a pixel to the next
    rounds = 3
    values = values.copy()
    for number in range(rounds):
        sigma = reach * 3**0.5 * 2 ** (rounds - 1 - number) / (4**rounds - 1) ** 0.5
        for swapped in (False, True):
            lines, way = (values.swapaxes(0, 1), length.T) if swapped else (values, length)
            keep = np.exp(-(2**0.5) / sigma * np.maximum(way[:, 1:], way[:, :-1]))[..., None]
            for i in range(1, lines.shape[1]):
                lines[:, i] += keep[:, i - 1] * (lines[:, i - 1] - lines[:, i])
            for i in range(lines.shape[1] - 2, -1, -1):
                lines[:, i] += keep[:, i] * (lines[:, i + 1] - lines[:, i])
    return values


# Drawing


def ink_drawing(picture: PIL.Image.Image, detail: float) -> PIL.Image.Image:
    """A photograph as ink: extended difference of Gaussians (Winnemöller 2012, doi:10.1016/j.cag.2012.03.004).

    detail: 0 (bold, few lines) to 1 (fine).
    """
    from scipy import ndimage

    grey = np.asarray(picture.convert("L"), np.float32) / 255
    # Half of the tone is measured against the surroundings, or dark corners of a photograph would fill with ink.
    around = ndimage.gaussian_filter(grey, 0.06 * max(picture.size))
    tone = 0.5 * grey + 0.5 * (grey / np.maximum(around, 0.02)).clip(0, 1)
    sigma = (3.4 - 2.4 * detail) * max(picture.size) / 1000
    sharp = 17 * ndimage.gaussian_filter(tone, sigma) - 16 * ndimage.gaussian_filter(tone, 1.6 * sigma)
    paper = 0.72 * np.median(tone)
    ink = np.where(sharp > paper, 1.0, 1 + np.tanh(8 * (sharp - paper)))
    return PIL.Image.fromarray((ink.clip(0, 1) * 255).round().astype(np.uint8)).convert("RGB")


def pencil_drawing(picture: PIL.Image.Image, detail: float) -> PIL.Image.Image:
    """A photograph as pencil: every pixel as dark as it is against the mean around it, on paper with a grain.

    detail: 0 (soft shading) to 1 (fine lines only).
    """
    from scipy import ndimage

    grey = np.asarray(picture.convert("L"), np.float32) / 255
    around = ndimage.gaussian_filter(grey, (0.03 - 0.025 * detail) * max(picture.size))
    tone = (grey / np.maximum(around, 0.02)).clip(0, 1) ** 1.6
    tone *= 0.82 + 0.18 * ndimage.gaussian_filter(grey, 2)  # dark things keep a hint of their tone
    grain = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(grey.shape).astype(np.float32), 0.7)
    tone += grain * 0.22 * (1 - tone)
    return PIL.Image.fromarray((40 + 215 * tone.clip(0, 1)).round().astype(np.uint8)).convert("RGB")


def smooth(picture: PIL.Image.Image, reach: int, contrast: float) -> PIL.Image.Image:
    """Flat colours, edges kept: the bilateral filter (Tomasi 1998).

    Args:
        reach: pixels on each side that count; the cost grows with its square.
        contrast: difference in colour, 0..255, beyond which a neighbour hardly counts.
    """
    x = np.asarray(picture.convert("RGB"), np.float32)
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    total, weights = np.zeros_like(x), np.zeros(x.shape[:2], np.float32)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            y = padded[reach + dy : reach + dy + x.shape[0], reach + dx : reach + dx + x.shape[1]]
            near = np.exp(-(dy**2 + dx**2) / (2 * (reach / 1.5) ** 2))
            weight = near * np.exp(-((y - x) ** 2).sum(-1) / (2 * contrast**2))
            total += weight[..., None] * y
            weights += weight
    return PIL.Image.fromarray((total / weights[..., None]).round().astype(np.uint8))
