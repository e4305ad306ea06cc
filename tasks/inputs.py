"""What visitors hand in, made into what networks take, or a clear sentence. Knows nothing of Gradio."""

import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps

from tasks.errors import BadInput

MAX_MEGAPIXELS = 25  # a 17 KB file can decode to gigabytes
# Pillow refuses to open what has twice this many pixels, before anything is decoded.
PIL.Image.MAX_IMAGE_PIXELS = MAX_MEGAPIXELS * 1_000_000

TOO_MANY_PIXELS = f"This picture is too large: the limit is {MAX_MEGAPIXELS} megapixels. Make it smaller and try again."
NOT_A_PICTURE = "This file is not a picture that can be read. JPEG, PNG, WebP and GIF work."


def read_picture(picture: str | Path | np.ndarray | PIL.Image.Image | None) -> PIL.Image.Image:
    """An upright RGB picture on white.

    Args:
        picture: a path, a PIL image of any mode, or uint8 (H, W), (H, W, 3) or (H, W, 4). Of an animation, the first
            frame counts; 16-bit grey is scaled to 8 bits; transparency becomes white; the EXIF orientation is applied.

    Raises:
        BadInput: nothing given, not a picture, damaged, SVG, or more than MAX_MEGAPIXELS.
    """
    if picture is None:
        raise BadInput("There is no picture yet: upload one, take one, or click an example.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # the limit is enforced below
            if isinstance(picture, np.ndarray):
                picture = PIL.Image.fromarray(picture)
            elif not isinstance(picture, PIL.Image.Image):
                picture = PIL.Image.open(picture)
        if picture.width * picture.height > MAX_MEGAPIXELS * 1_000_000:
            raise BadInput(TOO_MANY_PIXELS)
        picture.load()
        picture = PIL.ImageOps.exif_transpose(picture)
    except PIL.Image.DecompressionBombError as error:
        raise BadInput(TOO_MANY_PIXELS) from error
    except PIL.UnidentifiedImageError as error:
        raise BadInput(NOT_A_PICTURE) from error
    except (OSError, ValueError, TypeError, SyntaxError, EOFError) as error:
        raise BadInput("This picture is damaged: it cannot be read to its end.") from error
    if picture.mode.startswith("I") or picture.mode == "F":
        return _eight_bits(picture)
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return PIL.Image.alpha_composite(PIL.Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Modes I, I;16 and F -> RGB: 16-bit files use 0..65535, floats whatever range they hold."""
    values = np.asarray(picture, dtype=np.float32)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (0.0, 65535.0) if picture.mode.startswith("I") else (values.min(), values.max())
    scaled = (values - low) / max(high - low, 1e-9) * 255
    return PIL.Image.fromarray(scaled.clip(0, 255).astype(np.uint8)).convert("RGB")
