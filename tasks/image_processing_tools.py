"""The tools of the room Image processing as plain functions: a picture in, a picture out.

A picture is whatever `inputs.read_picture` takes. What comes back is as large, unless it was enlarged, is upright, and
is RGBA if the picture had transparency. `progress` is called with (done, total) after every step or tile; what it
raises ends the run there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import PIL.Image

from tasks import image_processing_classical as classical
from tasks import image_processing_looks as looks
from tasks import restoration, scribble_colors
from tasks.errors import BadInput
from tasks.inputs import Layers, read_layers, read_picture
from tasks.models import Model
from tasks.restoration import BRIGHTEN, COLORIZE, DEBLUR, DENOISE, REMOVE, UPSCALE, Progress, restore, scale_of

MAX_RESULT = 100  # megapixels of an enlargement
GROWTH = 0.006  # of the longer side: by how much a mask grows, as brushes miss the soft edge of things

# Lowest, highest, the value that changes nothing.
RANGES = {
    "brightness": (-1, 1, 0),
    "contrast": (0, 2, 1),
    "saturation": (0, 2, 1),
    "sharpness": (-1, 2, 0),
    "gamma": (0.3, 3, 1),
    "white_balance": (-1, 1, 0),
}


# Models


@dataclass(frozen=True)
class Tool:
    """A repair that networks do.

    Args:
        models: the default first.
        classic: uint8 (H, W, 3) and the scale -> what was done before there were networks.
        textbook: the name of that.
        example: a picture that needs it.
        window: pixels of the longer side of the part that is repaired first. Light is judged by the whole picture.
    """

    name: str
    models: tuple[Model, ...]
    classic: Callable[[np.ndarray, int], np.ndarray]
    textbook: str
    example: str
    window: int


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("Denoise", DENOISE, lambda x, _: classical.non_local_means(x), "non-local means", "cat-noisy.jpg", 480),
        Tool("Deblur", DEBLUR, lambda x, _: classical.deconvolve(x), "Richardson-Lucy", "astronaut-blurred.jpg", 480),
        Tool("Brighten", BRIGHTEN, lambda x, _: classical.equalize(x), "gamma and CLAHE", "coffee-dark.jpg", 10_000),
        Tool("Upscale", UPSCALE, classical.bicubic, "bicubic", "cat-small.png", 192),
    )
}
MODELS = tuple(dict.fromkeys((*DENOISE, *DEBLUR, *BRIGHTEN, *UPSCALE, *REMOVE, *COLORIZE)))


# The tools


def adjust(
    image, brightness=0.0, contrast=1.0, saturation=1.0, sharpness=0.0, gamma=1.0, white_balance=0.0
) -> PIL.Image.Image:
    """Simple adjustment, see `image_processing_classical.adjust`; RANGES tells what each setting may be.

    Raises:
        BadInput: the picture cannot be read, or a setting is out of range.
    """
    settings = dict(zip(RANGES, (brightness, contrast, saturation, sharpness, gamma, white_balance), strict=True))
    layers = read_layers(image)
    return layers.joined(classical.adjust(layers.rgb, **checked(settings)))


def checked(settings: dict[str, float]) -> dict[str, float]:
    for name, value in settings.items():
        low, high, _ = RANGES[name]
        if value is None or not low <= value <= high:
            raise BadInput(f"{name.replace('_', ' ').capitalize()} is a number from {low} to {high}.")
    return settings


def denoise(image, strength: float = 1.0, model: Model | None = None, progress=None) -> PIL.Image.Image:
    """Take the noise away. strength: 0 (nothing) to 1.

    Raises:
        BadInput: the picture cannot be read.
        ModelUnavailable: the weights are not here.
    """
    return finished(image, repaired(TOOLS["Denoise"], model, strength), progress)


def deblur(image, model: Model | None = None, progress=None) -> PIL.Image.Image:
    """Undo the blur of a shaken camera or of movement. Raises like `denoise`."""
    return finished(image, repaired(TOOLS["Deblur"], model), progress)


def brighten(image, model: Model | None = None, progress=None) -> PIL.Image.Image:
    """Make a photograph taken in the dark look as if there had been light. Raises like `denoise`."""
    return finished(image, repaired(TOOLS["Brighten"], model), progress)


def upscale(image, scale: int = 4, model: Model | None = None, progress=None) -> PIL.Image.Image:
    """2 or 4 times as wide and high, with the details a network expects.

    Raises:
        BadInput: the picture cannot be read, another scale, or the result would exceed MAX_RESULT.
        ModelUnavailable: the weights are not here.
    """
    return finished(image, repaired(TOOLS["Upscale"], model, scale=scale), progress)


def remove(image, mask, model: Model | None = None, progress=None) -> PIL.Image.Image:
    """Let something vanish.

    Args:
        mask: as large as the upright picture, bool (H, W) or a picture: what is not black (or, if it has transparency,
            not transparent) goes. It is grown a little.
        model: one of REMOVE, or None for patches of the surroundings.

    Raises:
        BadInput: the picture cannot be read, or the mask is empty, covers everything or has another size.
        ModelUnavailable: the weights are not here.
    """
    layers = read_layers(image)
    hole = grown(as_mask(mask), layers.rgb.size)
    return finished(layers, lambda pixels: filled(pixels, hole, model), progress)


def colorize(image, scribbles=None, model: Model | None = None, progress=None) -> PIL.Image.Image:
    """Give a picture colours; its own are ignored.

    Args:
        scribbles: RGBA, as large as the upright picture, transparent where nothing was drawn.
        model: one of COLORIZE, or None to let the scribbles spread.

    Raises:
        BadInput: the picture cannot be read, or neither model nor scribbles are given.
        ModelUnavailable: the weights are not here.
    """
    return finished(image, lambda pixels: coloured(pixels, scribbles, model), progress)


def finished(image, work: Callable[[np.ndarray], Iterator[Progress]], progress=None) -> PIL.Image.Image:
    """The picture that `work` makes of the pixels, with the transparency it came with."""
    layers = image if isinstance(image, Layers) else read_layers(image)
    for step in work(np.asarray(layers.rgb)):
        if progress is not None:
            progress(step.done, step.total)
    return layers.joined(PIL.Image.fromarray(step.pixels))


def repaired(
    tool: Tool, model: Model | None = None, strength: float = 1.0, scale: int = 4
) -> Callable[[np.ndarray], Iterator[Progress]]:
    """What a tool does to pixels, step by step; the last step carries the result."""
    model = tool.models[0] if model is None else model
    if model not in tool.models:
        raise BadInput(f"{model.name} cannot {tool.name.lower()}. Choose {tool.models[0].name}.")
    if tool.name == "Upscale":
        if scale not in (2, 4):
            raise BadInput("A picture can be made 2 or 4 times as large.")
        return lambda pixels: enlarged(pixels, scale, model)
    if tool is JPEG_TOOL:
        return lambda pixels: cleaned(pixels, model)

    def work(pixels: np.ndarray) -> Iterator[Progress]:
        for step in restore(pixels, model):
            if step.pixels is not None and strength < 1:
                mixed = pixels + (step.pixels.astype(np.float32) - pixels) * max(0.0, strength)
                step = replace(step, pixels=mixed.round().astype(np.uint8))
            yield step

    return work


def enlarged(pixels: np.ndarray, scale: int, model: Model) -> Iterator[Progress]:
    """Networks enlarge by 2 or by 4: the wrong one runs twice, or its result is made half as large."""
    height, width = pixels.shape[:2]
    if height * width * max(scale, scale_of(model)) ** 2 > MAX_RESULT * 1_000_000:
        raise BadInput(f"The result would have more than {MAX_RESULT} megapixels. Begin with a smaller picture.")
    steps = restore(pixels, model)
    if scale_of(model) < scale:
        for step in steps:
            if step.pixels is None:
                yield step
        steps = restore(step.pixels, model)
    for step in steps:
        if step.pixels is not None and scale_of(model) > scale:
            half = PIL.Image.fromarray(step.pixels).resize((width * scale, height * scale), PIL.Image.Resampling.BOX)
            step = replace(step, pixels=np.asarray(half))
        yield step


def cleaned(pixels: np.ndarray, model: Model) -> Iterator[Progress]:
    """Enlarged by 2, then made small again."""
    for step in enlarged(pixels, 2, model):
        if step.pixels is not None:
            small = PIL.Image.fromarray(step.pixels).resize(pixels.shape[1::-1], PIL.Image.Resampling.BOX)
            step = replace(step, pixels=np.asarray(small))
        yield step


def as_mask(mask) -> np.ndarray:
    """bool (H, W), see `remove`."""
    if isinstance(mask, np.ndarray) and mask.dtype == bool:
        return mask
    layers = read_layers(mask)
    return np.asarray(layers.alpha if layers.alpha is not None else layers.rgb.convert("L")) > 0


def grown(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The mask a little larger, if it can be used for a picture of this (width, height)."""
    if mask.shape != size[::-1]:
        raise BadInput("The mask has another size than the picture.")
    if not mask.any():
        raise BadInput("Nothing is marked yet: brush over what is to vanish.")
    if mask.all():
        raise BadInput("Everything is marked: leave some of the picture, as the fill is made from it.")
    import scipy.ndimage

    reach = max(1, round(GROWTH * max(size)))
    larger = scipy.ndimage.maximum_filter(mask, 2 * reach + 1)
    return mask if larger.all() else larger


def filled(pixels: np.ndarray, hole: np.ndarray, model: Model | None) -> Iterator[Progress]:
    """The hole made up by patches, or by a network."""
    if model is None:
        from tasks import patch_fill

        yield from patch_fill.fill(pixels, hole)
    else:
        yield from restoration.fill(pixels, hole, model)


def coloured(pixels: np.ndarray, scribbles, model: Model | None) -> Iterator[Progress]:
    """Colours from scribbles, or from a network."""
    if model is not None:
        yield from restoration.colorize(pixels, model)
        return
    if scribbles is None:
        raise BadInput("There are no scribbles yet: draw some colours onto the picture.")
    layers = read_layers(scribbles)
    marked = np.zeros(pixels.shape[:2], bool) if layers.alpha is None else np.asarray(layers.alpha) > 127
    if marked.shape != pixels.shape[:2]:
        raise BadInput("The scribbles have another size than the picture.")
    if not marked.any():
        raise BadInput("There are no scribbles yet: draw some colours onto the picture.")
    grey = np.asarray(PIL.Image.fromarray(pixels).convert("L"))
    yield Progress(1, 1, scribble_colors.spread(grey, np.asarray(layers.rgb), marked))


# Damage whose cure is known

REPAIRS = {looks.BLUR: "Deblur", looks.NOISE: "Denoise", looks.DARK: "Brighten", looks.SMALL: "Upscale"}
# A network that takes traces of JPEG away while it enlarges; its result is made small again.
JPEG_TOOL = Tool(
    "Clean", tuple(model for model in UPSCALE if model.name == "waifu2x photo, noise 2"),
    lambda x, _: classical.total_variation(x), "total variation", "", 0,
)  # fmt: skip


def cure(kind: str) -> Tool:
    """The tool that repairs a damage."""
    if kind == looks.JPEG:
        return JPEG_TOOL
    if kind not in REPAIRS:
        raise BadInput(f"There is no damage {kind!r}. Choose one of: {', '.join(looks.DAMAGES)}.")
    return TOOLS[REPAIRS[kind]]


@dataclass(frozen=True)
class Repair:
    """A picture on the way from whole over broken to whole again, with its scores."""

    name: str
    pixels: np.ndarray
    psnr: float
    ssim: float


def damage_and_repair(image, kind: str, amount: float) -> Iterator[Progress | list[Repair]]:
    """Spoil a picture and have it repaired by the textbook and by the default network.

    Args:
        kind: one of `image_processing_looks.DAMAGES`. amount: 0 to 1.

    Yields:
        The damaged picture, the network's Progress, and last the damaged one and both repairs.

    Raises:
        BadInput: the picture cannot be read, or there is no such damage.
    """
    tool = cure(kind)
    clean = looks.clean(read_picture(image))
    damaged = looks.damage(clean, kind, min(max(amount, 0.0), 1.0))
    seen = damaged.pixels.repeat(damaged.factor, 0).repeat(damaged.factor, 1)
    rows = [Repair("damaged", seen, *looks.scores(clean, seen))]
    yield rows
    if damaged.kernel is None:
        classic = tool.classic(damaged.pixels, damaged.factor)
    else:
        classic = classical.deconvolve(damaged.pixels, damaged.kernel)
    rows = [*rows, Repair(tool.textbook, classic, *looks.scores(clean, classic))]
    for step in repaired(tool, scale=damaged.factor)(damaged.pixels):
        yield step
    yield [*rows, Repair(tool.models[0].name, step.pixels, *looks.scores(clean, step.pixels))]
