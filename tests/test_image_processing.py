"""Every tool does to a picture what it says, and nothing else; every odd file gets a picture or a sentence."""

import io

import numpy as np
import PIL.Image
import pytest
import skimage.data

from tasks import image_processing as ip
from tasks import image_processing_classical as classical
from tasks import image_processing_looks as looks
from tasks import image_processing_page as page
from tasks import image_processing_tools as tools
from tasks import models, restoration
from tasks.errors import BadInput
from tasks.inputs import read_layers
from tasks.settings import EXAMPLES, ROOT

HOPPER = ROOT / "tests/data/grace_hopper.jpg"
CAT = EXAMPLES / "cat.jpg"


def photograph(side: int = 96) -> PIL.Image.Image:
    return PIL.Image.open(HOPPER).convert("RGB").resize((side, side * 5 // 4), PIL.Image.Resampling.LANCZOS)


def pixels(picture: PIL.Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float64)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return looks.scores(one, other)[0]


class Doubled:
    """Stands in for a network: takes tiles of 64 pixels, gives every pixel back as it was, `scale` x `scale` times."""

    tile, step, overlap, scale = 64, 1, 8, 1

    def __init__(self, folder):
        pass

    def __call__(self, values):
        return values.repeat(self.scale, 0).repeat(self.scale, 1).copy()


class Halved(Doubled):
    """Makes everything half as bright."""

    def __call__(self, values):
        return values / 2


def stand_in(load, name: str = "stand-in") -> models.Model:
    source = restoration.ENLARGER.source
    return models.Model(name, load, source, "test", 1, 1, "MIT", "")


@pytest.fixture
def halving(monkeypatch):
    """All four tools with a network that halves the brightness; Upscale's makes the picture twice as large."""
    model, twice = stand_in(Halved), stand_in(type("Twice", (Doubled,), {"scale": 2}), "twice")
    monkeypatch.setitem(restoration.SCALES, twice, 2)
    for name, way in (("Denoise", classical.non_local_means), ("Deblur", classical.deconvolve),
                      ("Brighten", classical.equalize)):  # fmt: skip
        tool = tools.Tool(name, (model,), lambda x, _, way=way: way(x), "by hand", "cat.jpg", 100)
        monkeypatch.setitem(tools.TOOLS, name, tool)
    monkeypatch.setitem(tools.TOOLS, "Upscale", tools.Tool("Upscale", (twice,), classical.bicubic, "b", "cat.jpg", 100))
    return model


# Simple adjustment


def test_settings_that_change_nothing_change_nothing():
    assert (pixels(ip.adjust(CAT)) == pixels(PIL.Image.open(CAT))).all()


def test_each_setting_does_what_it_is_called():
    picture = photograph()
    plain = pixels(picture)
    assert pixels(ip.adjust(picture, brightness=0.2)).mean() > plain.mean() + 30
    assert pixels(ip.adjust(picture, contrast=1.5)).std() > plain.std() * 1.15
    assert np.ptp(pixels(ip.adjust(picture, saturation=0)), axis=-1).max() == 0
    edges = [np.abs(np.diff(pixels(ip.adjust(picture, sharpness=s)), axis=1)).mean() for s in (-0.8, 0, 1)]
    assert edges[0] < edges[1] < edges[2]
    warm = pixels(ip.adjust(picture, white_balance=0.5)) - plain
    assert warm[..., 0].mean() > 0 > warm[..., 2].mean() and warm[..., 1].mean() == 0
    ramp = PIL.Image.fromarray(np.linspace(0, 255, 256).astype(np.uint8)[None])
    lifted = pixels(ip.adjust(ramp, gamma=2))[0, :, 0]
    assert lifted[0] == 0 and lifted[255] == 255 and lifted[64] > 120


def test_automatic_fills_the_range_and_takes_a_cast_away():
    dull = PIL.Image.fromarray((pixels(photograph()) * [0.5, 0.4, 0.3] + 40).astype(np.uint8))
    settings = classical.automatic(dull)
    better = ip.adjust(dull, **settings)
    assert pixels(better).std() > 1.4 * pixels(dull).std()
    cast, rest = (
        np.ptp(pixels(picture).mean((0, 1))) for picture in (ip.adjust(dull, **settings | {"white_balance": 0}), better)
    )
    assert rest < 0.7 * cast


@pytest.mark.parametrize("setting", [{"gamma": 0}, {"contrast": 9}, {"brightness": None}, {"saturation": float("nan")}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(BadInput, match="is a number from"):
        ip.adjust(photograph(16), **setting)


# The textbook's ways


def test_non_local_means_takes_noise_away():
    clean = np.asarray(photograph(160))
    noisy = looks.damage(clean, looks.NOISE, 0.45).pixels
    assert classical.noise(noisy) * 255 == pytest.approx(25, abs=4)
    assert psnr(clean, classical.non_local_means(noisy)) > psnr(clean, noisy) + 4


def test_richardson_lucy_undoes_a_blur_it_is_told():
    clean = np.asarray(photograph(160))
    blurred = looks.damage(clean, looks.BLUR, 0.5)
    assert psnr(clean, classical.deconvolve(blurred.pixels, blurred.kernel)) > psnr(clean, blurred.pixels) + 2.5


def test_equalize_lifts_shadows():
    clean = np.asarray(photograph(160))
    dark = looks.damage(clean, looks.DARK, 0.7).pixels
    assert psnr(clean, classical.equalize(dark)) > psnr(clean, dark) + 2


def test_diffusion_is_smooth_and_changes_the_hole_only():
    ramp = np.tile(np.arange(0, 250, 5, dtype=np.uint8)[None, :, None], (50, 1, 3))
    hole = np.zeros((50, 50), bool)
    hole[10:40, 15:35] = True
    spoilt = ramp.copy()
    spoilt[hole] = 0
    assert np.abs(classical.diffuse(spoilt, hole).astype(int) - ramp).max() <= 1  # a ramp solves Laplace's equation
    large = np.tile(ramp, (8, 8, 1))
    wide = np.ones(large.shape[:2], bool)
    wide[0] = False
    assert classical.diffuse(large, wide)[-1].mean() == pytest.approx(large[0].mean(), abs=12)
    frayed = np.indices((300, 300)).sum(0) % 7 > 0  # too large to be solved at once, and no smaller on a smaller copy
    assert classical.diffuse(large[:300, :300], frayed).shape == (300, 300, 3)


# Removal


def pasted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A gravel path, the same with something on it, and where that is."""
    ground = np.stack([skimage.data.gravel()[100:300, 100:320]] * 3, -1)
    rows, columns = np.indices(ground.shape[:2])
    mask = (rows - 100) ** 2 + (columns - 110) ** 2 < 28**2
    spoilt = ground.copy()
    spoilt[mask] = (220, 30, 30)
    return ground, spoilt, mask


def test_a_pasted_object_vanishes_into_the_ground():
    ground, spoilt, mask = pasted()
    steps = []
    filled = np.asarray(ip.remove(PIL.Image.fromarray(spoilt), mask, progress=lambda *step: steps.append(step)))
    hole = tools.grown(mask, (220, 200))
    assert (filled[~hole] == spoilt[~hole]).all()
    smooth = classical.diffuse(spoilt, hole)

    def statistics(picture):
        """How a texture looks, wherever its stones lie: histogram of values, spread of its edges."""
        inside = picture[mask].astype(np.float64)[:, 0]
        steps = np.diff(picture[..., 0].astype(np.float64), axis=1)[mask[:, 1:]]
        return np.array([*np.quantile(inside, (0.05, 0.25, 0.5, 0.75, 0.95)), 3 * steps.std()])

    truth = statistics(ground)
    assert np.abs(statistics(filled) - truth).sum() < 0.75 * np.abs(statistics(smooth) - truth).sum()
    assert np.abs(filled.astype(int) - np.median(filled, -1, keepdims=True)).max() <= 3, "no red is left"
    assert steps[-1][0] == steps[-1][1] and [done for done, _ in steps] == sorted(done for done, _ in steps)


def test_stripes_go_on_behind_what_was_removed():
    stripes = np.tile(np.where(np.arange(160) // 10 % 2, 200, 60).astype(np.uint8)[None, :, None], (120, 1, 3))
    spoilt = stripes.copy()
    mask = np.zeros((120, 160), bool)
    mask[45:75, 60:100] = True
    spoilt[mask] = (0, 0, 255)
    filled = np.asarray(ip.remove(PIL.Image.fromarray(spoilt), mask))
    smooth = classical.diffuse(spoilt, tools.grown(mask, (160, 120)))
    assert np.abs(filled[mask].astype(int) - stripes[mask]).mean() < 20
    assert np.abs(smooth[mask].astype(int) - stripes[mask]).mean() > 40


@pytest.mark.parametrize(
    ("size", "box"),
    [((1, 2), (0, 0, 1, 1)), ((9, 9), (2, 2, 5, 5)), ((300, 3), (100, 0, 160, 3)), ((64, 64), (1, 1, 64, 64))],
)
def test_holes_of_every_shape_are_filled(size, box):
    mask = PIL.Image.new("L", size)
    mask.paste(255, box)
    filled = ip.remove(PIL.Image.new("RGB", size, (10, 200, 30)), mask)
    assert filled.size == size and np.abs(pixels(filled) - (10, 200, 30)).max() <= 1


def test_masks_that_cannot_be_used_get_a_sentence():
    picture = photograph(40)
    with pytest.raises(BadInput, match="Nothing is marked"):
        ip.remove(picture, PIL.Image.new("L", picture.size))
    with pytest.raises(BadInput, match="Everything is marked"):
        ip.remove(picture, PIL.Image.new("L", picture.size, 255))
    with pytest.raises(BadInput, match="another size"):
        ip.remove(picture, np.ones((3, 3), bool))
    with pytest.raises(BadInput, match="Nothing is marked"):
        ip.remove(picture, PIL.Image.new("RGBA", picture.size, (255, 0, 0, 0)))


# Colour


def test_colour_spreads_to_the_edge_and_not_past_it():
    grey = np.full((90, 120), 200, np.uint8)
    grey[:, 60:] = 90
    scribbles = np.zeros((90, 120, 4), np.uint8)
    scribbles[40:50, 10:20] = (200, 40, 40, 255)
    scribbles[40:50, 100:110] = (40, 60, 200, 255)
    result = pixels(ip.colorize(PIL.Image.fromarray(grey), PIL.Image.fromarray(scribbles)))
    red, blue = result[..., 0] - result[..., 1], result[..., 2] - result[..., 1]
    assert red[:, :57].min() > 40 and blue[:, 63:].min() > 40
    assert red[:, 63:].max() < 10 and blue[:, :57].max() < 10
    luma = result @ [0.299, 0.587, 0.114]
    assert np.abs(luma - grey)[:, 4:-4].mean() < 12, "only the colour changes"


def test_colour_without_anything_to_go_by_says_so():
    with pytest.raises(BadInput, match="no scribbles"):
        ip.colorize(photograph(20))
    with pytest.raises(BadInput, match="no scribbles"):
        ip.colorize(photograph(20), PIL.Image.new("RGBA", photograph(20).size))
    with pytest.raises(BadInput, match="another size"):
        ip.colorize(photograph(20), PIL.Image.new("RGBA", (3, 3), "red"))


# What surrounds the networks: size, transparency, orientation, strength, scale, progress, the end


def test_transparency_travels_along(halving):
    picture = photograph(40)
    picture.putalpha(PIL.Image.linear_gradient("L").resize(picture.size))
    for result in (ip.adjust(picture, brightness=0.1), ip.denoise(picture), ip.deblur(picture), ip.brighten(picture)):
        assert result.mode == "RGBA" and (pixels(result)[..., 3] == pixels(picture)[..., 3]).all()
    large = ip.upscale(picture, 2)
    assert large.size == (80, 100) and large.mode == "RGBA"
    assert np.abs(pixels(large.resize(picture.size))[..., 3] - pixels(picture)[..., 3]).mean() < 3


def test_a_phone_held_upright(halving, tmp_path):
    exif = PIL.Image.Exif()
    exif[274] = 6  # turn by 90 degrees
    PIL.Image.new("RGB", (40, 20), "red").save(tmp_path / "phone.jpg", exif=exif)
    assert ip.denoise(tmp_path / "phone.jpg").size == (20, 40)
    assert ip.upscale(tmp_path / "phone.jpg", 4).size == (80, 160)


def test_strength_mixes_with_the_picture(halving):
    picture = PIL.Image.new("RGB", (20, 10), (200, 100, 40))
    assert ip.denoise(picture, 1).getpixel((3, 3)) == (100, 50, 20)
    assert ip.denoise(picture, 0.5).getpixel((3, 3)) == (150, 75, 30)
    assert ip.denoise(picture, 0).getpixel((3, 3)) == (200, 100, 40)


def test_every_network_makes_2_and_4_times_as_large(monkeypatch):
    for scale in (2, 4):
        model = stand_in(type("Times", (Doubled,), {"scale": scale}), f"times {scale}")
        monkeypatch.setitem(restoration.SCALES, model, scale)
        monkeypatch.setitem(tools.TOOLS, "Upscale", tools.Tool("Upscale", (model,), classical.bicubic, "", "", 9))
        for wanted in (2, 4):
            result = ip.upscale(photograph(20), wanted)
            assert result.size == (20 * wanted, 25 * wanted)
            assert (pixels(result)[::wanted, ::wanted] == pixels(photograph(20))).all()
    with pytest.raises(BadInput, match="2 or 4"):
        ip.upscale(photograph(20), 3)
    with pytest.raises(BadInput, match="megapixels"):
        ip.upscale(PIL.Image.new("RGB", (4000, 3000)), 4)
    with pytest.raises(BadInput, match="cannot upscale"):
        ip.upscale(photograph(20), 2, stand_in(Halved))


def test_progress_counts_tiles_and_can_end_the_run(halving):
    seen = []
    ip.deblur(photograph(150), progress=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == list(range(seen[0][1] + 1)) and seen[0][1] >= 9

    def third(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ip.deblur(photograph(150), progress=third)


def saved(picture: PIL.Image.Image, form: str, **options) -> PIL.Image.Image:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return PIL.Image.open(file)


ODD = {
    "one pixel": lambda: PIL.Image.new("RGB", (1, 1), "red"),
    "a line": lambda: PIL.Image.new("RGB", (300, 1), "red"),
    "16 bits": lambda: PIL.Image.fromarray(np.full((40, 30), 40000, np.uint16)),
    "CMYK": lambda: saved(photograph(40).convert("CMYK"), "JPEG"),
    "palette": lambda: saved(photograph(40).convert("P"), "PNG"),
    "transparent palette": lambda: saved(photograph(40).convert("P"), "PNG", transparency=3),
    "animation": lambda: saved(photograph(40), "GIF", save_all=True, append_images=[PIL.Image.new("RGB", (40, 50))]),
    "two colours": lambda: photograph(40).convert("1"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_go_through_every_tool(name, halving):
    picture = ODD[name]()
    size = picture.size
    for result in (ip.adjust(picture, contrast=1.5, sharpness=1), ip.denoise(picture), ip.brighten(picture)):
        assert result.size == size
    assert ip.upscale(picture, 2).size == (size[0] * 2, size[1] * 2)
    rgb = np.asarray(read_layers(picture).rgb)
    for tool in tools.TOOLS.values():
        assert tool.classic(rgb, 1).shape == rgb.shape
    marks = PIL.Image.new("RGBA", size)
    marks.paste((200, 30, 30, 255), (0, 0, 1, 1))
    assert ip.colorize(picture, marks).size == size


def test_an_animation_is_announced(halving, tmp_path):
    ODD["animation"]().save(tmp_path / "two.gif", save_all=True)
    assert page.remarks(read_layers(tmp_path / "two.gif")) == ["first of 2 frames"]
    *_, (_, status, _) = ip.on_restore(str(tmp_path / "two.gif"), "Denoise", "stand-in", 1, 4, None)
    assert "first of 2 frames" in status


def test_the_default_network_enlarges_better_than_bicubic():
    clean = np.asarray(photograph(160))
    small = PIL.Image.fromarray(clean).resize((80, 100), PIL.Image.Resampling.BICUBIC)
    assert psnr(clean, np.asarray(ip.upscale(small, 2))) > psnr(clean, classical.bicubic(np.asarray(small), 2)) + 1


# Look inside, and damage whose cure is known


def test_the_difference_lights_up_where_something_changed():
    before = np.asarray(photograph(80))
    after = before.copy()
    after[20:40, 20:40] += 90
    heat, words = looks.difference(before, after)
    light = pixels(heat).sum(-1)
    assert light[22:38, 22:38].mean() > 3 * light[60:, 60:].mean() and "of the pixels hardly changed" in words
    assert looks.difference(before, before)[0].size == (80, 100)


def test_the_lens_shows_the_same_place_three_ways():
    small = np.asarray(photograph(80))
    large = small.repeat(2, 0).repeat(2, 1)
    nearest, bicubic, network = looks.lens(small, large, 79, 0)
    assert nearest.size == bicubic.size == network.size
    assert (pixels(nearest) == pixels(network)).all() and (pixels(nearest) != pixels(bicubic)).any()
    assert (pixels(nearest)[4, -4] == small[0, -1]).all()


@pytest.mark.parametrize("kind", looks.DAMAGES)
def test_more_damage_is_worse(kind):
    clean = looks.clean(PIL.Image.open(HOPPER))
    assert clean.shape == (256, 256, 3)
    little, much = (looks.damage(clean, kind, amount) for amount in (0.1, 0.9))
    little, much = (d.pixels.repeat(d.factor, 0).repeat(d.factor, 1) for d in (little, much))
    for score in (0, 1):
        assert looks.scores(clean, much)[score] < looks.scores(clean, little)[score] < looks.scores(clean, clean)[score]


def test_the_experiment_ends_with_three_rows(halving):
    *_, rows = tools.damage_and_repair(HOPPER, looks.NOISE, 0.5)
    assert [row.name for row in rows] == ["damaged", "by hand", "stand-in"]
    assert rows[1].psnr > rows[0].psnr > rows[2].psnr
    with pytest.raises(BadInput, match="no damage"):
        next(tools.damage_and_repair(HOPPER, "Rain", 0.5))


def test_traces_of_jpeg_are_taken_away():
    *_, rows = tools.damage_and_repair(HOPPER, looks.JPEG, 0.5)
    assert [row.name for row in rows] == ["damaged", "total variation", "waifu2x photo, noise 2"]
    assert rows[0].psnr + 1.2 < rows[2].psnr > rows[1].psnr > rows[0].psnr and rows[2].ssim > rows[1].ssim


# The tab


def test_a_large_picture_is_restored_around_the_point_that_was_clicked():
    picture = PIL.Image.fromarray(np.arange(300, dtype=np.uint16)[None].repeat(200, 0).astype(np.uint8))
    assert ip.window(picture, 50, None).getpixel((25, 0)) == 150
    assert ip.window(picture, 50, (0, 0)).getpixel((0, 0)) == 0
    assert ip.window(picture, 50, (299, 10)).size == (50, 50)
    assert ip.window(picture, 500, (299, 10)).size == (300, 200)


def test_a_part_first_then_the_whole(halving, tmp_path):
    path = tmp_path / "large.png"
    photograph(200).save(path)
    *_, (slider, status, session) = ip.on_restore(str(path), "Denoise", "stand-in", 1, 4, None)
    assert slider[0].size == (100, 100) and "100 × 100 pixels" in status
    _, full, download, *_ = ip.on_restored(session)
    assert full["visible"] and "200 × 250 pixels: about" in full["value"] and not download["visible"]
    classic, _ = ip.on_left(session, page.CLASSIC)
    assert (pixels(classic) == classical.non_local_means(session.before)).all()
    *_, (slider, status, session, download, full) = ip.on_full(session)
    assert slider[1].size == (200, 250) and not full["visible"]
    assert np.abs(pixels(PIL.Image.open(download["value"])) - pixels(photograph(200)) / 2).max() <= 1
    assert ip.on_left(session, page.BEFORE)[0].size == (200, 250)


def test_words_that_estimate_are_round():
    assert [ip.rough(seconds) for seconds in (1, 12, 61, 200)] == ["5 s", "10 s", "60 s", "3 min"]
