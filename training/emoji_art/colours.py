"""Colour words: naming the main colour of a picture, and repainting a picture until the word is true.

A picture here is RGBA, uint8, (H, W, 4). Hues are degrees, saturation and value 0..1.
"""

import cv2
import numpy as np

# Target hue of each chromatic word. The naming bands below are wider, so that a repainted picture with shading
# still lands inside its word.
HUES = {"red": 0, "orange": 28, "yellow": 52, "green": 120, "cyan": 182, "blue": 220, "purple": 276, "pink": 325}
COLOURS = (*HUES, "brown", "black", "gray", "white")

# Words that contradict a repainted picture when they stay in its caption.
COLOUR_WORDS = set(COLOURS) | {"grey", "gold", "golden", "silver", "violet", "teal", "turquoise", "rose"}

BACKGROUNDS = {
    "white": (255, 255, 255), "light blue": (176, 216, 250), "blue": (58, 110, 220), "dark blue": (18, 28, 84),
    "black": (14, 14, 18), "gray": (150, 154, 160), "green": (70, 170, 90), "light green": (190, 236, 176),
    "red": (214, 52, 52), "pink": (252, 176, 206), "purple": (128, 76, 190), "lavender": (214, 196, 250),
    "yellow": (252, 220, 90), "orange": (248, 150, 60), "teal": (36, 150, 150), "cream": (252, 240, 214),
    "brown": (124, 84, 56),
}  # fmt: skip

# A word is the picture's colour only when at least this share of the subject's pixels carries it.
MAIN_SHARE = 0.38

_BANDS = ((14, "red"), (40, "orange"), (68, "yellow"), (165, "green"), (195, "cyan"), (250, "blue"),
          (300, "purple"), (344, "pink"), (361, "red"))  # fmt: skip


def _hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hsv = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
    return hsv[..., 0], hsv[..., 1], hsv[..., 2]


def name_pixels(rgb: np.ndarray) -> np.ndarray:
    """Colour word of every pixel as an index into COLOURS. rgb: uint8, (..., 3), returns int8, (...)."""
    flat = rgb.reshape(-1, 1, 3)
    h, s, v = (a[:, 0] for a in _hsv(flat))
    names = np.empty(len(flat), np.int8)
    low = 0
    for high, word in _BANDS:
        names[(h >= low) & (h < high)] = COLOURS.index(word)
        low = high
    is_red, is_orange = names == COLOURS.index("red"), names == COLOURS.index("orange")
    names[is_red & (v > 0.88) & (s < 0.55)] = COLOURS.index("pink")
    names[(is_orange & (v < 0.69)) | (is_red & (h >= 8) & (h < 20) & (v < 0.55))] = COLOURS.index("brown")
    grey = (s <= 0.27) | (v <= 0.24)
    names[grey & (v <= 0.30)] = COLOURS.index("black")
    names[grey & (v > 0.30) & (v < 0.78)] = COLOURS.index("gray")
    names[grey & (v >= 0.78)] = COLOURS.index("white")
    return names.reshape(rgb.shape[:-1])


def shares(rgb: np.ndarray) -> np.ndarray:
    """Share of each of COLOURS among pixels. rgb: uint8, (N, 3), returns float, (len(COLOURS),), sums to 1."""
    return np.bincount(name_pixels(rgb), minlength=len(COLOURS)) / max(1, len(rgb))


def main_colour(rgba: np.ndarray) -> str | None:
    """The word most of the subject's pixels carry, or None for a picture of many colours or with no subject."""
    pixels = rgba[..., :3][rgba[..., 3] > 128]
    if len(pixels) < 20:
        return None
    share = shares(pixels)
    return COLOURS[share.argmax()] if share.max() >= MAIN_SHARE else None


def subject_colours(rgb: np.ndarray, apart: int = 42) -> list[str]:
    """Colour words of the subject on a plain background, commonest first, each with >= 15% of the subject.

    rgb: uint8, (H, W, 3). The background is the median of the border; what differs from it by more than `apart`
    (largest channel difference) is the subject.
    """
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    distance = np.abs(rgb.astype(int) - np.median(border, 0)).max(-1)
    pixels = rgb[distance > apart]
    if len(pixels) < 20:
        return []
    share = shares(pixels)
    return [COLOURS[i] for i in np.argsort(-share) if share[i] >= 0.15]


def _turn(rgba: np.ndarray, main: str, colour: str, reach: float) -> np.ndarray:
    """Paint the main colour's pixels in `colour`; hues more than `reach` degrees from it stay (leaves, eyes)."""
    h, s, v = _hsv(rgba[..., :3])
    opaque = rgba[..., 3] > 128
    words = name_pixels(rgba[..., :3])
    mine = opaque & (words == COLOURS.index(main))
    neutral = main in ("black", "gray", "white")
    if neutral:
        weight = np.clip((0.45 - s) / 0.15, 0, 1)
        away = np.zeros_like(h)
    else:
        radians = np.deg2rad(h[mine])
        centre = np.rad2deg(np.arctan2(np.sin(radians).mean(), np.cos(radians).mean()))
        away = (h - centre + 180) % 360 - 180
        weight = np.clip((reach + 30 - np.abs(away)) / 30, 0, 1) * np.clip(s / 0.12, 0, 1)
    if colour in HUES or colour == "brown":
        new_h = (HUES.get(colour, 24) + away * 0.5) % 360
        new_s, new_v = np.maximum(s, 0.1), v
        if neutral:  # lay colour over grey, keep its light and shade
            new_v = 0.42 + 0.58 * v
            new_s = np.clip(0.35 + 0.9 * (1 - v), 0, 0.8)
        elif main == "brown":
            new_v = np.clip(v * 1.4, 0, 1)
        if colour == "brown":
            new_s, new_v = np.clip(new_s, 0.5, 0.75), new_v * 0.62
    else:
        level = v * (1 - 0.35 * s)  # how light the pixel looks
        new_h, new_s = h, s * 0.08
        new_v = {"black": 0.06 + 0.28 * level, "gray": 0.28 + 0.45 * level, "white": 0.74 + 0.26 * level}[colour]
    mix = np.stack([new_h, new_s, new_v], -1).astype(np.float32)
    painted = cv2.cvtColor(mix, cv2.COLOR_HSV2RGB) * 255
    weight = cv2.GaussianBlur(weight.astype(np.float32), (0, 0), 0.6)[..., None]  # no jagged border between hues
    out = rgba.copy()
    out[..., :3] = (painted * weight + rgba[..., :3] * (1 - weight)).round().clip(0, 255).astype(np.uint8)
    return out


def repaint(rgba: np.ndarray, colour: str) -> np.ndarray | None:
    """The picture with its main colour turned into `colour`, or None when `main_colour` would not call it that.

    First only the main colour and its neighbours turn; when that is too little of the picture (a pizza), all do.
    """
    pixels = rgba[..., :3][rgba[..., 3] > 128]
    if len(pixels) < 20:
        return None
    main = COLOURS[shares(pixels).argmax()]
    if main == colour:
        return rgba if main_colour(rgba) == colour else None
    for reach in (45.0, 75.0, 180.0):
        out = _turn(rgba, main, colour, reach)
        if main_colour(out) == colour:
            return out
    return None
