"""Networks that repair pictures: sharper, cleaner, brighter, larger.

Every network of this module is called alike: float32 RGB (H, W, 3), 0..1, in; float32 (H * scale, W * scale, 3) out.
It says itself how it wants to be fed: `scale`; `tile`, the longest side it takes at once (0: any); `step`, of which
sides must be multiples; `overlap`, by how much tiles share their edges.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from tasks import models, settings
from tasks.models import Model
from tasks.weights import Asset

# Networks


class Spandrel:
    """Any network that spandrel (https://github.com/chaiNNer-org/spandrel) recognises by the names of its weights."""

    tile, step, overlap = 128, 1, 16

    def __init__(self, folder: Path, file: str = "model.safetensors"):
        import spandrel

        settings.use_threads()
        self.net = spandrel.ModelLoader(settings.device()).load_from_file(folder / file).float().eval()
        self.scale = self.net.scale

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        import torch

        x = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].to(settings.device())
        with torch.inference_mode():
            return self.net(x)[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()


# Models

ENLARGER = Model(
    name="Real-ESRGAN x4plus-anime", load=Spandrel, family="CNN", parameters=4_467_779, megabytes=9,
    source=Asset("realesrgan-x4plus-anime",
                 {"model.safetensors": "7cec4a3d1da56f059d7182e8638a0ffe3888c1a9613578b4d2830259a777b55f"}),
    license="BSD-3-Clause", link="https://github.com/xinntao/Real-ESRGAN",
    note="Trained on drawn pictures: it finds outlines and flat colours, in photographs too.",
)  # fmt: skip

# The default first, then what is included, then the Hub's.
DEBLUR: tuple[Model, ...] = ()
DENOISE: tuple[Model, ...] = ()
BRIGHTEN: tuple[Model, ...] = ()
UPSCALE: tuple[Model, ...] = (ENLARGER,)
REMOVE: tuple[Model, ...] = ()
COLORIZE: tuple[Model, ...] = ()

SCALES = {ENLARGER: 4}  # those not named keep the size


def scale_of(model: Model) -> int:
    """How many times as wide and high the result is: 1, 2 or 4. Nothing is loaded."""
    return SCALES.get(model, 1)


# Inference


@dataclass(frozen=True)
class Progress:
    """`done` of `total` tiles. The last one carries the result, uint8 (H, W, 3)."""

    done: int
    total: int
    pixels: np.ndarray | None = None


def restore(pixels: np.ndarray, model: Model) -> Iterator[Progress]:
    """Send a picture of any size through a network, tile by tile. Closing the generator stops it after a tile.

    Neighbouring tiles share an edge in which one fades into the other. Beside the two pictures only the current row of
    tiles is kept.

    Args:
        pixels: uint8 (H, W, 3), RGB.

    Yields:
        Progress, first with nothing done, last with the result of (H * scale, W * scale, 3).

    Raises:
        ModelUnavailable: the weights are not here, or are damaged.
    """
    with models.use(model) as network:
        height, width = pixels.shape[:2]
        (rows, tall), (columns, wide) = cut(height, network), cut(width, network)
        bottom, right = rows[-1] + tall - height, columns[-1] + wide - width
        padded = np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="reflect")
        total, scale = len(rows) * len(columns), network.scale
        yield Progress(0, total)
        result = np.empty((height * scale, width * scale, 3), np.uint8)
        shared = network.overlap * scale
        above = np.zeros((shared, padded.shape[1] * scale, 3), np.float32)
        for i, top in enumerate(rows):
            strip = np.zeros((tall * scale, padded.shape[1] * scale, 3), np.float32)
            for j, left in enumerate(columns):
                tile = network(padded[top : top + tall, left : left + wide].astype(np.float32) / 255)
                _fade(tile.transpose(1, 0, 2), shared, j > 0, j < len(columns) - 1)
                strip[:, left * scale : (left + wide) * scale] += tile
                if (done := i * len(columns) + j + 1) < total:
                    yield Progress(done, total)
            _fade(strip, shared, i > 0, i < len(rows) - 1)
            if i > 0:
                strip[:shared] += above
            # What the next row of tiles still fades into is not final.
            final = strip if i == len(rows) - 1 else strip[: len(strip) - shared]
            above = strip[len(strip) - shared :]
            place = result[top * scale : top * scale + len(final)]
            place[:] = (final[: len(place), : width * scale] * 255 + 0.5).clip(0, 255)
        yield Progress(total, total, result)


def cut(length: int, network) -> tuple[list[int], int]:
    """Where the tiles along a side begin, and how long they are: as equal as the network's step allows.

    Neighbours overlap by exactly `network.overlap`; the last may reach beyond the end.
    """
    tile, step, overlap = network.tile or max(length, network.step), network.step, network.overlap
    count = 1 if length <= tile else -(-(length - overlap) // (tile - overlap))
    side = -(-(length + (count - 1) * overlap) // count)
    side = -(-side // step) * step
    return [i * (side - overlap) for i in range(count)], side


def _fade(tile: np.ndarray, shared: int, start: bool, end: bool) -> None:
    """Let the first and the last `shared` rows come from and go to nothing, in place: two tiles' shares add up to 1."""
    ramp = ((np.arange(shared, dtype=np.float32) + 0.5) / shared)[:, None, None] if shared else None
    if start:
        tile[:shared] *= ramp
    if end:
        tile[-shared:] *= ramp[::-1]


def enlarge(picture: PIL.Image.Image) -> PIL.Image.Image:
    """A picture four times as large, as if drawn: what the two generative tabs enlarge with."""
    for progress in restore(np.asarray(picture.convert("RGB")), ENLARGER):
        pixels = progress.pixels
    return PIL.Image.fromarray(pixels)
