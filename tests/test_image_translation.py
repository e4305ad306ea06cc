"""Pictures change their look and keep their content; drawings are read in any light; Hub pipelines load."""

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from tasks import image_translation as it
from tasks import models, sketches
from tasks.errors import BadInput
from tasks.restoration import ENLARGER, enlarge
from tasks.settings import EXAMPLES
from tests.tiny_diffusion import write_controlnet, write_pipeline


def edges(picture, side=96):
    """Where a picture changes, coarsely: what must survive a change of look."""
    grey = np.asarray(picture.convert("L").resize((side, side)), np.float32)
    change = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    return (change - change.mean()).ravel() / change.std()


def likeness(a, b):
    return float((edges(a) * edges(b)).mean())


def distance(a, b):
    a, b = (np.asarray(each.convert("RGB").resize((64, 64)), np.float32) for each in (a, b))
    return float(np.abs(a - b).mean())


@pytest.fixture(scope="module")
def photo():
    return PIL.Image.open(EXAMPLES / "astronaut.jpg").convert("RGB").resize((256, 256))


def test_every_style_is_another_and_keeps_the_content(photo):
    other = PIL.Image.open(EXAMPLES / "cat.jpg").convert("RGB").resize((256, 256))
    painted = {name: it.stylize(photo, name) for name in it.STYLES}
    for name, result in painted.items():
        assert result.size == photo.size
        assert distance(photo, result) > 10, name
        assert likeness(photo, result) > likeness(other, result) + 0.1, name
    results = list(painted.values())
    assert min(distance(a, b) for i, a in enumerate(results) for b in results[:i]) > 5


def test_styles_are_mixed(photo):
    first, second = "Stained glass", "Bold primary colours"
    half = it.stylize(photo, {first: 1, second: 1})
    ends = [it.stylize(photo, name) for name in (first, second)]
    assert all(distance(half, end) < distance(*ends) for end in ends)


def test_a_style_comes_from_any_picture(photo):
    results = {name: it.stylize(photo, EXAMPLES / name) for name in it.STYLE_PICTURES}
    with models.use(it.ANY_STYLE) as network:
        style = {name: network.vector(PIL.Image.open(EXAMPLES / name)) for name in results}
        for name, result in results.items():
            far = {other: np.linalg.norm(network.vector(result) - vector) for other, vector in style.items()}
            assert min(far, key=far.get) == name


def test_strength_and_colours(photo):
    assert distance(it.stylize(photo, "Slate and ink", 0), photo) == 0
    weak, strong = (it.stylize(photo, EXAMPLES / "style-mosaic.jpg", strength) for strength in (0.0, 1.0))
    assert distance(photo, weak) < distance(photo, strong)
    kept = it.stylize(photo, "Bold primary colours", preserve_color=True)
    chroma = [np.asarray(each.convert("YCbCr"), np.float32)[..., 1:] for each in (photo, kept)]
    assert np.abs(chroma[0] - chroma[1]).mean() < 4


def test_styles_that_are_not_there_get_a_sentence(photo):
    for style in ("Cubism", {"Stained glass": -1}, {"Stained glass": 0}):
        with pytest.raises(BadInput, match="style"):
            it.stylize(photo, style)


@pytest.mark.parametrize("size", [(1, 1), (900, 3), (7, 500), (40, 33)], ids=str)
def test_odd_shapes_give_a_picture_or_a_sentence(size):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    picture = PIL.Image.fromarray(noise)
    assert it.to_sketch(picture, "ink").size == it.to_sketch(picture).size == size
    assert it.cartoon(picture).width >= 1
    try:
        ink = sketches.read_ink(picture)
        field = np.zeros((64, 64, 3), np.uint8)
        assert sketches.colour(ink, sketches.square_around(ink), field).picture.size == ink.shape[::-1]
    except BadInput as error:
        assert "no lines" in str(error)
    try:
        assert it.stylize(picture, "Stained glass").size == it.stylize(picture, picture).size == size
    except BadInput as error:
        assert "narrow" in str(error) and min(size) < 16


def test_reading_styles(photo):
    style = PIL.Image.open(EXAMPLES / "style-strokes.jpg")
    result = it.stylize(photo, style)
    report = it.compare_styles(photo, style, result)
    names, far = [row[0] for row in report.rows], {row[0]: row[-1] for row in report.rows}
    assert names == ["photograph", "style", "result"] and far["style"] == 0
    assert far["result"] < far["photograph"]
    assert it.compare_styles(photo, None, result).rows[0][-1] is None


def test_the_enlarger_beats_plain_enlarging_on_drawn_shapes():
    large = PIL.Image.new("RGB", (256, 256), (250, 240, 220))
    pen = PIL.ImageDraw.Draw(large)
    pen.ellipse([40, 40, 220, 200], (220, 60, 50), (20, 20, 20), 6)
    pen.polygon([(60, 220), (128, 120), (200, 230)], (40, 90, 200), (20, 20, 20), 6)
    small = large.resize((64, 64), PIL.Image.Resampling.BOX)

    def error(picture):
        return float(((np.asarray(picture, np.float32) - np.asarray(large, np.float32)) ** 2).mean())

    assert error(enlarge(small)) < 0.75 * error(small.resize(large.size, PIL.Image.Resampling.BICUBIC))
    assert ENLARGER.included


def test_a_cartoon_is_flatter_and_keeps_the_content():
    photo = PIL.Image.open(EXAMPLES / "coffee.jpg").convert("RGB")
    result = it.cartoon(photo)
    assert max(result.size) == 512
    assert likeness(photo, result) > 0.5
    grain = [np.abs(np.diff(np.asarray(each.resize((512, 342)).convert("L"), np.float32))) for each in (photo, result)]
    assert (grain[1] < 2).mean() > (grain[0] < 2).mean() + 0.1


@pytest.mark.parametrize("kind", ["pencil", "ink"])
def test_drawings_are_grey_on_white_and_keep_the_content(kind, photo):
    result = it.to_sketch(photo, kind)
    pixels = np.asarray(result)
    assert result.size == photo.size and (pixels == pixels[..., :1]).all()
    assert np.median(pixels) > 200 and pixels.min() < 80
    assert likeness(photo, result) > 0.25
    with pytest.raises(BadInput, match="crayon"):
        it.to_sketch(photo, "crayon")


def circle(light=None, pen=8):
    """A drawing of a circle with a gap, and its photograph in bad light."""
    picture = PIL.Image.new("L", (400, 400), 255)
    PIL.ImageDraw.Draw(picture).arc([100, 100, 300, 300], 20, 350, 40, pen)
    if light is None:
        return picture
    values = 255 - (255 - np.asarray(picture, np.float32)) * 0.5
    rows, columns = np.mgrid[0:400, 0:400] / 400
    values = values * (0.4 + 0.5 * rows * columns) + np.random.default_rng(0).normal(0, 3, values.shape)
    return PIL.Image.fromarray(values.clip(0, 255).astype(np.uint8))


def test_a_photograph_of_a_drawing_is_read_like_the_drawing():
    clean = sketches.read_ink(circle().convert("RGB"))
    photographed = sketches.read_ink(circle("dim").convert("RGB"))
    chalk = sketches.read_ink(PIL.Image.eval(circle(), lambda value: 255 - value).convert("RGB"))
    for ink in (photographed, chalk):
        assert ((ink > 0.5) == (clean > 0.5)).mean() > 0.99
    top, left, side = sketches.square_around(clean)
    assert abs(left - 85) < 12 and abs(top - 85) < 12 and abs(side - 230) < 20
    seen = sketches.crop(clean, (top, left, side), 64)
    assert seen.shape == (64, 64) and seen.max() == 1 and 0.02 < (seen > 0.5).mean() < 0.2


def test_paper_without_lines_gets_a_sentence():
    for paper in (PIL.Image.new("RGB", (300, 300), "white"), PIL.Image.new("RGB", (300, 300), (90, 90, 95))):
        with pytest.raises(BadInput, match="no lines"):
            sketches.read_ink(paper)


def test_colours_stop_at_lines_even_at_open_ones():
    ink = sketches.read_ink(circle().convert("RGB"))
    box = sketches.square_around(ink)
    field = np.full((64, 64, 3), 255, np.uint8)
    rows, columns = np.mgrid[0:64, 0:64] - 31.5
    field[np.hypot(rows, columns) < 30] = (200, 30, 30)  # a little larger than the drawn circle
    flat = np.asarray(sketches.colour(ink, box, field).flat)
    rows, columns = np.mgrid[0:400, 0:400] - 199.5
    inside, outside = np.hypot(rows, columns) < 90, np.hypot(rows, columns) > 112
    assert (flat[inside][:, 1] < 100).mean() > 0.95
    assert (flat[outside][:, 1] > 200).mean() > 0.95


@pytest.mark.parametrize(
    ("drawing", "prompt", "channel"),
    [("sketch-fish.png", "a blue fish", 2), ("sketch-mushroom.jpg", "a red mushroom", 0)],
)
def test_drawings_are_painted_in_the_colour_asked_for(drawing, prompt, channel):
    *steps, painting = it.paint(EXAMPLES / drawing, prompt)
    assert [step.index for step in steps] == list(range(17))
    flat = np.asarray(painting.flat, np.float32)
    subject = flat[np.abs(flat - np.median(flat, (0, 1))).max(-1) > 60]
    assert subject.shape[0] > 0.05 * flat.shape[0] * flat.shape[1]
    assert (subject.argmax(-1) == channel).mean() > 0.6
    assert len(it.painting_stages(painting)) == 4


def test_the_control_pipeline_of_the_hub_loads_runs_and_stops(tmp_path, monkeypatch):
    monkeypatch.setattr(it, "SIDE", 64)
    write_pipeline(tmp_path / "base", scheduler="LCMScheduler")
    write_controlnet(tmp_path / "control", tmp_path / "base")
    network = it.Scribble(tmp_path / "control", tmp_path / "base")
    ink = np.zeros((it.SIDE, it.SIDE), np.float32)
    steps = list(network("a cat", ink, 2, 5.0, 0))
    assert [step.index for step in steps] == [0, 1, 2] and steps[-1].image.size == (it.SIDE, it.SIDE)
    running = network("a cat", ink, 50, 5.0, 0)
    next(running)
    running.close()


def test_the_editing_pipeline_of_the_hub_loads_and_runs(tmp_path):
    write_pipeline(tmp_path, "StableDiffusionInstructPix2PixPipeline", unet_inputs=8)
    picture = PIL.Image.open(EXAMPLES / "coffee.jpg").convert("RGB").resize((64, 64))
    steps = list(it.InstructPix2Pix(tmp_path)(picture, "make it winter", 2, 5.0, 0))
    assert steps[-1].finished and steps[-1].image.size == (64, 64)
