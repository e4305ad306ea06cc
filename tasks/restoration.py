"""Networks that repair pictures: sharper, cleaner, brighter, larger; without an object, with colours.

Pictures of any size go through them in tiles. The networks themselves are in tasks/restoration_networks.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import PIL.Image

from tasks import models
from tasks.inputs import at_most
from tasks.models import Model
from tasks.motion_deblurring import StraightMotion, StraightMotionMaxim
from tasks.restoration_networks import Brightener, Colorizer, DeadLeaves, Filler, Maxim, Spandrel, Waifu2x
from tasks.weights import Asset, Hub

FILL_SIDE = 768  # pixels of the longer side of what a hole is filled from
COLOUR_SIDE = 512  # pixels of the longer side of what is coloured

# Models

ENLARGER = Model(
    name="Real-ESRGAN x4plus-anime", load=Spandrel, family="CNN", parameters=4_467_779, megabytes=9,
    source=Asset("realesrgan-x4plus-anime",
                 {"model.safetensors": "7cec4a3d1da56f059d7182e8638a0ffe3888c1a9613578b4d2830259a777b55f"}),
    license="BSD-3-Clause", link="https://github.com/xinntao/Real-ESRGAN",
    note="4 x. Trained on drawn pictures: it finds outlines and flat colours, in photographs too.",
)  # fmt: skip
FAST = Model(
    name="Real-ESRGAN animevideov3", load=partial(Spandrel, tile=256, overlap=24), family="CNN", parameters=621_424,
    megabytes=1,
    source=Asset("realesr-animevideov3",
                 {"model.safetensors": "d6a1e6171b9bbf74e1070d32fcec44535a615bf0e9432a63f063fc412db6a445"}),
    license="BSD-3-Clause", link="https://github.com/xinntao/Real-ESRGAN",
    note="4 x, fast. Made for drawn films: clean edges, smooth surfaces; fur and grass are wiped away.",
)  # fmt: skip
PHOTO = Model(
    name="Real-ESRGAN x4plus", load=Spandrel, family="CNN", parameters=16_697_987, megabytes=33,
    source=Asset("realesrgan-x4plus",
                 {"model.safetensors": "d2de69eb71996dce3e0b3bf69fddf32605ffd6019db47f605483e30ce3fa21a6"}),
    license="BSD-3-Clause", link="https://github.com/xinntao/Real-ESRGAN",
    note="4 x, slow. Invents convincing detail in photographs, and repairs JPEG and noise on the way.",
)  # fmt: skip
WAIFU2X_FILES = {
    "plain.safetensors": "94304a7e5d372e191038e69c090a22e5f3d2d03b35a6e44caa148d84d9e3063a",
    "noise0.safetensors": "dd9829146b6863b370562562bc52130ba6d308f45d82ea97408963df66726601",
    "noise1.safetensors": "554e580debd9960beee3134420e31ade6ff4a363d7cbdfc75fd8526921e1b5bc",
    "noise2.safetensors": "b68bddd9e7317dfe97dfb1d6f3926cc5fa5b33cc521acde6c98e42e13207eb68",
    "noise3.safetensors": "a65d35e42b233890b2a7060bcf954caf003e481f67da9fe58621666068c2a47e",
}
WAIFU2X, *WAIFU2X_DENOISING = (
    Model(
        name=name, load=partial(Waifu2x, file=file), family="CNN", parameters=552_483, megabytes=1,
        source=Asset("waifu2x-photo", {file: WAIFU2X_FILES[file]}),
        license="MIT", link="https://github.com/nagadomi/waifu2x", note=note,
    )
    for name, file, note in (
        ("waifu2x photo", "plain.safetensors", "2 x, fast. Stays true to the photograph: sharper, nothing invented."),
        *(
            (f"waifu2x photo, noise {level}", f"noise{level}.safetensors", f"2 x, fast, and takes away {what}.")
            for level, what in enumerate(("a little JPEG", "some JPEG", "much JPEG", "noise, and detail"))
        ),
    )
)  # fmt: skip
DEAD_LEAVES = Model(
    name="Dead leaves", load=DeadLeaves, family="CNN", parameters=383_180, megabytes=1,
    source=Asset("dead-leaves",
                 {"model.safetensors": "9451d589f9727bf541e380d0db362e96098772524655823d693e9a080277d34f"}),
    license="Apache-2.0", link="https://arxiv.org/abs/2504.10201",
    note="Trained by this project, fast. It has never seen a photograph, only shapes that lie on one another.",
)  # fmt: skip
MAXIM_DEBLUR, MAXIM_DENOISE, MAXIM_BRIGHTEN = (
    Model(
        name=f"MAXIM {kind}", load=load, family="MLP", parameters=parameters, megabytes=megabytes,
        source=Asset(f"maxim-{kind}", {f"maxim_{kind}.onnx": digest}),
        license="Apache-2.0", link="https://github.com/google-research/maxim", note=note,
    )
    for kind, load, parameters, megabytes, digest, note in (
        (
            "deblurring", Maxim, 22_207_605, 45,
            "78a20e56636ffc490efe6e714ec6a760f481fe7fdac48e1102e29ee1c516c739",
            "Learned from frames of moving cameras (GoPro): any shake, not only along a line.",
        ),
        (
            "denoising", Maxim, 22_207_605, 34,
            "3ebef2d3ff7eeff383bf7e46cbabd734c36457c44148b7b16fde49cf6e0791f8",
            "Learned from photographs of phones in little light (SIDD).",
        ),
        (
            "enhancement", Brightener, 14_170_988, 29,
            "bf6b019d25e6d5ef11155a978d0d1d0c93f3cd19a7efda659558fc4d2c94e0d4",
            "Learned from rooms photographed twice, dark and lit (LOL).",
        ),
    )
)  # fmt: skip

STRAIGHT_FILES = {
    "line.safetensors": "4b5c6389e949664b3e6d48ced555c71b9dd5fd53c5e420b740812eb1e6c4d1eb",
    "repair.safetensors": "afa4ef4b51b518568f74e5e111599df154d5998efe59cf08bb708095176330cd",
}
STRAIGHT_MOTION = Model(
    name="Straight motion", load=StraightMotion, family="CNN", parameters=280_989, megabytes=1,
    source=Asset("straight-motion", STRAIGHT_FILES), license="Apache-2.0", link="https://arxiv.org/abs/2003.10428",
    note="Trained by this project, fast. Finds the line along which a picture is smeared; without one it does nothing.",
)  # fmt: skip
STRAIGHT_MOTION_MAXIM = Model(
    name="MAXIM and straight motion", load=StraightMotionMaxim, family="MLP + CNN", parameters=22_488_594,
    megabytes=46, source=Asset("straight-motion", STRAIGHT_FILES, needs=MAXIM_DEBLUR.source), license="Apache-2.0",
    link="https://github.com/google-research/maxim",
    note="MAXIM restores; where the camera moved along a line, what it made up must agree with the smear.",
)  # fmt: skip

NAFNET_DEBLUR = Model(
    name="NAFNet GoPro", load=partial(Spandrel, file="NAFNet-GoPro-width64.pth", tile=256, overlap=32), family="CNN",
    parameters=67_888_835, megabytes=272, source=Hub("nyanko7/nafnet-models", ("NAFNet-GoPro-width64.pth",)),
    license="MIT", link="https://github.com/megvii-research/NAFNet", note="A strong network without activations.",
)  # fmt: skip
NAFNET_DENOISE = Model(
    name="NAFNet SIDD", load=partial(Spandrel, file="NAFNet-SIDD-width32.pth", tile=256, overlap=32), family="CNN",
    parameters=29_159_715, megabytes=117, source=Hub("nyanko7/nafnet-models", ("NAFNet-SIDD-width32.pth",)),
    license="MIT", link="https://github.com/megvii-research/NAFNet", note="Learned from phones in little light.",
)  # fmt: skip
SCUNET = Model(
    name="SCUNet", load=partial(Spandrel, file="scunet_color_real_psnr.pth", tile=256, overlap=32),
    family="CNN + Transformer", parameters=17_946_072, megabytes=72,
    source=Hub("deepinv/scunet", ("scunet_color_real_psnr.pth",)), license="Apache-2.0",
    link="https://github.com/cszn/SCUNet", note="Trained on many kinds of damage at once: noise, JPEG, resizing.",
)  # fmt: skip
PLKSR = Model(
    name="4xNomosWebPhoto RealPLKSR", load=partial(Spandrel, file="4xNomosWebPhoto_RealPLKSR.safetensors"),
    family="CNN", parameters=7_389_680, megabytes=30,
    source=Hub("Phips/4xNomosWebPhoto_RealPLKSR", ("4xNomosWebPhoto_RealPLKSR.safetensors",)), license="CC-BY-4.0",
    link="https://huggingface.co/Phips/4xNomosWebPhoto_RealPLKSR", note="4 x, for photographs found on the web.",
)  # fmt: skip
LAMA = Model(
    name="LaMa", load=partial(Filler, file="inpaint/fooocus_lama.safetensors"), family="CNN", parameters=50_975_875,
    megabytes=102, source=Hub("fofr/comfyui", ("inpaint/fooocus_lama.safetensors",)), license="Apache-2.0",
    link="https://github.com/advimman/lama", note="Continues structures and textures through large holes.",
)  # fmt: skip
DDCOLOR_TINY, DDCOLOR = (
    Model(
        name=name, load=partial(Colorizer, file=file), family="CNN + Transformer", parameters=parameters,
        megabytes=megabytes, source=Hub("piddnad/DDColor-models", (file,)), license="Apache-2.0",
        link="https://github.com/piddnad/DDColor", note=note,
    )
    for name, file, parameters, megabytes, note in (
        ("DDColor tiny", "ddcolor_paper_tiny.pth", 55_006_640, 220, "Plausible colours, quickly."),
        ("DDColor", "ddcolor_modelscope.pth", 227_869_328, 912, "Richer colours, from a larger network."),
    )
)  # fmt: skip

# The default first, then what else is included, then the Hub's.
ALONG_A_LINE = (STRAIGHT_MOTION_MAXIM, STRAIGHT_MOTION)
DEBLUR = (*ALONG_A_LINE, MAXIM_DEBLUR, NAFNET_DEBLUR)
DENOISE = (DEAD_LEAVES, MAXIM_DENOISE, SCUNET, NAFNET_DENOISE)
BRIGHTEN = (MAXIM_BRIGHTEN,)
UPSCALE = (WAIFU2X, *WAIFU2X_DENOISING, FAST, PHOTO, ENLARGER, PLKSR)
REMOVE = (LAMA,)
COLORIZE = (DDCOLOR_TINY, DDCOLOR)

SCALES = {WAIFU2X: 2} | dict.fromkeys(WAIFU2X_DENOISING, 2) | dict.fromkeys((FAST, PHOTO, ENLARGER, PLKSR), 4)


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
        if hasattr(network, "fitted"):  # there is something to be told from the picture before it is cut
            network = network.fitted(pixels)
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
    """Let the first and the last `shared` rows come from and go to nothing, in place: two tiles' shares add up to 1.

    All of the change is in the middle third: at its very edge a tile knows least of what is around.
    """
    steps = (np.arange(shared, dtype=np.float32) + 0.5) / max(shared, 1)
    ramp = (3 * steps - 1).clip(0, 1)[:, None, None]
    if start:
        tile[:shared] *= ramp
    if end:
        tile[len(tile) - shared :] *= ramp[::-1]


def enlarge(picture: PIL.Image.Image) -> PIL.Image.Image:
    """A picture four times as large, as if drawn: what the two generative tabs enlarge with."""
    *_, last = restore(np.asarray(picture.convert("RGB")), ENLARGER)
    return PIL.Image.fromarray(last.pixels)


def fill(pixels: np.ndarray, mask: np.ndarray, model: Model) -> Iterator[Progress]:
    """Make up what is under a mask, from its surroundings: they are cut out, and made small if they are large.

    Args:
        pixels: uint8 (H, W, 3), RGB.
        mask: bool (H, W), not empty.
        model: one of REMOVE.
    """
    with models.use(model) as network:
        yield Progress(0, 1)
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        part = tuple(
            _surroundings(places[0], places[-1] + 1, side)
            for places, side in ((rows, len(mask)), (columns, mask.shape[1]))
        )
        picture, hole = PIL.Image.fromarray(pixels[part]), mask[part]
        shrink = min(1, FILL_SIDE / max(picture.size))
        size = tuple(max(1, round(side * shrink)) for side in picture.size)
        small = np.asarray(picture.resize(size, PIL.Image.Resampling.LANCZOS), np.float32) / 255
        # A pixel of the small copy that lies in the hole by any part of it is unknown.
        unknown = np.asarray(PIL.Image.fromarray(hole.astype(np.float32)).resize(size, PIL.Image.Resampling.BOX)) > 0
        made_up = PIL.Image.fromarray((network(small, unknown) * 255).round().astype(np.uint8))
        result = pixels.copy()
        result[part][hole] = np.asarray(made_up.resize(picture.size, PIL.Image.Resampling.BICUBIC))[hole]
        yield Progress(1, 1, result)


def _surroundings(start: int, end: int, side: int) -> slice:
    """A stretch of a picture's side, with room on both sides to see how it goes on."""
    room = max(end - start, FILL_SIDE // 4)
    return slice(max(0, start - room), min(side, end + room))


def colorize(pixels: np.ndarray, model: Model) -> Iterator[Progress]:
    """Colours for uint8 (H, W, 3), which keeps its own light and shade: colour may be coarser than these."""
    with models.use(model) as network:
        yield Progress(0, 1)
        picture = PIL.Image.fromarray(pixels)
        coloured = network(np.asarray(at_most(picture, COLOUR_SIDE), np.float32) / 255)
        coloured = PIL.Image.fromarray((coloured * 255).round().astype(np.uint8)).convert("YCbCr")
        _, blue, red = coloured.resize(picture.size, PIL.Image.Resampling.BICUBIC).split()
        result = PIL.Image.merge("YCbCr", (picture.convert("L"), blue, red)).convert("RGB")
        yield Progress(1, 1, np.asarray(result))
