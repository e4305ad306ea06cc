"""Style transfer: paint a picture in the manner of another.

Two included networks: 26 styles in one (Dumoulin 2017, arXiv:1610.07629), and any style read from a picture
(Ghiasi 2017, arXiv:1705.06830). Their cards are in assets/models/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw

from tasks import models, settings
from tasks.errors import BadInput
from tasks.inputs import at_most, read_picture
from tasks.models import Model
from tasks.weights import Asset

STYLE_SIDE = 640  # pixels of the longer side that takes on a style
LEAST_SIDE = 16  # pixels of the shorter side: brush strokes need room
FIXED_SIDE = 384  # what the network for any style was exported for

# The good ones of the 26, named after what they look like: the network came without names.
STYLES = {
    "Stained glass": 15, "Blue and yellow swirls": 19, "Bold primary colours": 7, "Lime and teal, lined": 13,
    "Pink and teal on white": 8, "Warm pastel": 0, "Lilac pastel": 12, "Autumn strokes": 5, "Sepia woodcut": 18,
    "Coral poster": 21, "Slate and ink": 22, "Etching in blue": 24,
}  # fmt: skip


# Models


class ManyStyles:
    """One network for 26 styles: a style is a set of scales and shifts of its feature maps, so styles can be mixed."""

    def __init__(self, folder: Path):
        self.session = settings.onnx_session(folder / "multistyle26.onnx")

    def __call__(self, picture: PIL.Image.Image, shares: np.ndarray) -> PIL.Image.Image:
        """shares: (26,), not negative, sum 1."""
        width, height = picture.size
        x = np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / 255
        x = np.pad(x, ((0, 0), (0, 0), (0, -height % 4), (0, -width % 4)), mode="edge")
        y = self.session.run(None, {"image": x, "style_weights": shares.astype(np.float32)})[0][0]
        return _picture(y.transpose(1, 2, 0)[:height, :width])


class AnyStyle:
    """Two networks: the first turns any picture into 100 numbers, the second paints another picture with them."""

    def __init__(self, folder: Path):
        self.predictor = settings.onnx_session(folder / "predict.onnx")
        self.painter = settings.onnx_session(folder / "transform.onnx")

    def vector(self, picture: PIL.Image.Image) -> np.ndarray:
        """The style of a picture, (100,): of the square in its middle."""
        left, top = ((side - min(picture.size)) // 2 for side in picture.size)
        square = picture.crop((left, top, left + min(picture.size), top + min(picture.size)))
        x = np.asarray(square.resize((256, 256), PIL.Image.Resampling.LANCZOS), np.float32)[None] / 255
        return self.predictor.run(None, {"style_image": x})[0].reshape(100)

    def __call__(self, picture: PIL.Image.Image, vector: np.ndarray) -> PIL.Image.Image:
        small = at_most(picture, FIXED_SIDE)
        width, height = small.size
        x = np.asarray(small, np.float32) / 255
        x = np.pad(x, ((0, FIXED_SIDE - height), (0, FIXED_SIDE - width), (0, 0)), mode="symmetric")
        names = [given.name for given in self.painter.get_inputs()]
        given = dict(zip(names, (x[None], vector.reshape(1, 1, 1, 100).astype(np.float32)), strict=True))
        painted = _picture(self.painter.run(None, given)[0][0][:height, :width])
        return painted.resize(picture.size, PIL.Image.Resampling.LANCZOS)


MANY_STYLES = Model(
    name="26 styles in one", load=ManyStyles, family="CNN", parameters=166_104, megabytes=1,
    source=Asset("style-26",
                 {"multistyle26.onnx": "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e"}),
    license="Apache-2.0", link="https://arxiv.org/abs/1610.07629", note="Paintings learned in advance, ready to mix.",
)  # fmt: skip
ANY_STYLE = Model(
    name="Any style", load=AnyStyle, family="Two CNNs", parameters=2_535_665, megabytes=3,
    source=Asset("style-any", {
        "predict.onnx": "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
        "transform.onnx": "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
    }),
    license="Apache-2.0", link="https://arxiv.org/abs/1705.06830", note="Takes the style of a picture that you bring.",
)  # fmt: skip


# Inference


def stylize(image, style, strength: float = 1.0, preserve_color: bool = False) -> PIL.Image.Image:
    """Paint a picture in another style, at most STYLE_SIDE pixels large.

    Args:
        image: whatever `inputs.read_picture` takes.
        style: a name of STYLES; a mixture {name: share}; or a picture (a Path, a PIL image, an array) to take it from.
        strength: 0 (the picture as it is) to 1. With a style picture it is the style that is mixed, else the pixels.
        preserve_color: keep the picture's own colours and take only light and strokes.

    Raises:
        BadInput: the picture or the style cannot be used.
    """
    picture = at_most(read_picture(image), STYLE_SIDE)
    if min(picture.size) < LEAST_SIDE:
        raise BadInput("This picture is too small or too narrow to be painted: take one nearer to a square.")
    if isinstance(style, str | Mapping):
        with models.use(MANY_STYLES) as network:
            painted = network(picture, style_shares({style: 1} if isinstance(style, str) else style))
        painted = PIL.Image.blend(picture, painted, strength)
    else:
        example = read_picture(style)
        with models.use(ANY_STYLE) as network:
            mixed = strength * network.vector(example) + (1 - strength) * network.vector(picture)
            painted = network(picture, mixed)
    if preserve_color:
        light = painted.convert("YCbCr").getchannel(0)
        painted = PIL.Image.merge("YCbCr", (light, *picture.convert("YCbCr").split()[1:])).convert("RGB")
    return painted


def style_shares(mixture: Mapping[str, float]) -> np.ndarray:
    """(26,), sum 1."""
    shares = np.zeros(26)
    for name, share in mixture.items():
        if name not in STYLES or not share >= 0:
            raise BadInput(f"There is no style called {name!r} here. Choose one of: {', '.join(STYLES)}.")
        shares[STYLES[name]] += share
    if not shares.sum() > 0:
        raise BadInput("A mixture needs a share above 0 of at least one style.")
    return shares / shares.sum()


def _picture(values: np.ndarray) -> PIL.Image.Image:
    """(H, W, 3), 0..1."""
    return PIL.Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8))


# Look inside


@dataclass(frozen=True)
class StyleReport:
    """What a style is to a network.

    vectors: the 100 numbers of each picture, as bars: the photograph, the style (if it came as a picture), the result.
    rows: name, mean and spread of brightness, spread of colour, strokes (mean step between neighbours), and how far
        its 100 numbers are from those of the style.
    """

    vectors: PIL.Image.Image
    rows: list[list]


def compare_styles(image, style, result) -> StyleReport:
    """Measure photograph, style (None where it is one of STYLES) and result with the network that reads styles."""
    given = {"photograph": image, "style": style, "result": result}
    pictures = {name: at_most(read_picture(each), STYLE_SIDE) for name, each in given.items() if each is not None}
    with models.use(ANY_STYLE) as network:
        vectors = {name: network.vector(picture) for name, picture in pictures.items()}
    rows = []
    for name, picture in pictures.items():
        light, *colours = (np.asarray(band, np.float32) for band in picture.convert("YCbCr").split())
        strokes = (np.abs(np.diff(light, axis=0)).mean() + np.abs(np.diff(light, axis=1)).mean()) / 2
        far = float(np.linalg.norm(vectors[name] - vectors["style"])) if style is not None else None
        numbers = (light.mean(), light.std(), np.hypot(*(band.std() for band in colours)), strokes)
        rows.append([name, *(round(float(number), 1) for number in numbers), far and round(far, 2)])
    return StyleReport(_bars(vectors), rows)


def _bars(vectors: Mapping[str, np.ndarray]) -> PIL.Image.Image:
    """Vectors (100,) under each other as bars around a middle line."""
    width, height, left = 1000, 110, 120
    sheet = PIL.Image.new("RGB", (left + width, height * len(vectors)), "white")
    pen = PIL.ImageDraw.Draw(sheet)
    most = max(np.abs(vector).max() for vector in vectors.values())
    for row, (name, vector) in enumerate(vectors.items()):
        middle = row * height + height // 2
        pen.text((8, middle - 12), name, (30, 30, 30), font_size=20)
        for i, value in enumerate(vector):
            end = middle - value / most * (height / 2 - 8)
            box = [left + i * 10 + 1, min(middle, end), left + i * 10 + 8, max(middle, end)]
            pen.rectangle(box, (15, 118, 110) if value > 0 else (190, 90, 40))
    return sheet
