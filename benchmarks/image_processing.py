"""Restoration beside the same networks in eager torch, tile by tile; what enlarging costs; memory for 25 megapixels."""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import PIL.Image
import spandrel
import torch

from benchmarks import Row, compare, seconds
from tasks import models, settings
from tasks.restoration import MAXIM_DEBLUR, UPSCALE, WAIFU2X, restore, scale_of
from tasks.settings import EXAMPLES
from training.maxim import Maxim

TILE = 256


def rows() -> Iterator[Row]:
    settings.use_threads()
    picture = PIL.Image.open(EXAMPLES / "astronaut.jpg").convert("RGB").resize((TILE, TILE))
    pixels = np.array(picture)
    tile = pixels.astype(np.float32) / 255

    # How fast a network is does not depend on what it has learned.
    eager = Maxim(3).eval()
    with models.use(MAXIM_DEBLUR) as network, torch.inference_mode():
        x = torch.from_numpy(tile)[None]
        yield compare(
            f"{MAXIM_DEBLUR.name}, a tile of {TILE} pixels, beside eager torch",
            lambda: network(tile), lambda: eager(x), runs=3,
        )  # fmt: skip

    for model in UPSCALE:
        if model.included and scale_of(model) == 4:
            path = model.source.folder() / "model.safetensors"
            net = spandrel.ModelLoader("cpu").load_from_file(path).model.float().eval()

            def whole(net=net):
                with torch.inference_mode():
                    net(torch.from_numpy(tile.transpose(2, 0, 1).copy())[None])

            models.load(model)
            what = f"{TILE} to {4 * TILE} pixels, {model.name}, beside one run of the network"
            yield compare(what, lambda model=model: last(pixels, model), whole, runs=1)

    models.load(WAIFU2X)
    took = seconds(lambda: last(last(pixels, WAIFU2X), WAIFU2X))
    yield Row(f"{TILE} to {4 * TILE} pixels, {WAIFU2X.name} twice", took, took, 1.0)

    for kind in ("BRIGHTEN", "DEBLUR", "DENOISE"):
        gigabytes = []
        took = seconds(lambda kind=kind, gigabytes=gigabytes: gigabytes.append(peak(kind)))
        yield Row(f"25 megapixels, {kind}: start and first tiles", took, took, 1.0, f"{gigabytes[0]:.1f} GB at most")


def last(pixels: np.ndarray, model) -> np.ndarray:
    *_, progress = restore(pixels, model)
    return progress.pixels


# A fresh process, as what was freed before would hide what is taken now. A row of tiles has its room from the start.
# Not by getrusage: there a child begins with what its parent held (Linux).
PEAK = """
import re
from pathlib import Path
import numpy as np
from tasks import restoration
pixels = np.full((5000, 5000, 3), 90, np.uint8)
run = restoration.restore(pixels, restoration.{}[0])
for progress in run:
    if progress.done == 2:
        break
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e6)
"""


def peak(kind: str) -> float:
    """Gigabytes taken for 25 megapixels by the first model of a kind: all of a run of two tiles, or the first two."""
    done = subprocess.run([sys.executable, "-c", PEAK.format(kind)], capture_output=True, text=True, check=True)
    return float(done.stdout)
