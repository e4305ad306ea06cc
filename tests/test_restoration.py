"""Networks repair what was damaged on purpose, by more than the textbook does; tiles leave no trace."""

import contextlib
import itertools
import pickle

import numpy as np
import PIL.Image
import pytest
import skimage.data
from scipy.ndimage import convolve, gaussian_filter, median_filter

from tasks import image_processing_looks as looks
from tasks import models
from tasks.image_processing_classical import non_local_means
from tasks.restoration import (
    BRIGHTEN,
    COLORIZE,
    DEBLUR,
    DENOISE,
    MAXIM_DEBLUR,
    NAFNET_DEBLUR,
    REMOVE,
    SCALES,
    STRAIGHT_MOTION,
    STRAIGHT_MOTION_MAXIM,
    UPSCALE,
    colorize,
    cut,
    fill,
    restore,
    scale_of,
)
from tasks.settings import EXAMPLES
from tasks.weights import Asset

EVERY = (*DEBLUR, *DENOISE, *BRIGHTEN, *UPSCALE, *REMOVE, *COLORIZE)


def psnr(a, b):
    """Decibels."""
    return 10 * np.log10(255**2 / ((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2).mean())


def result(pixels, model):
    *_, last = restore(pixels, model)
    return last.pixels


@contextlib.contextmanager
def instead(monkeypatch, network):
    """Whatever model is asked for, this network answers."""
    with monkeypatch.context() as patch:
        patch.setattr(models, "use", lambda model: contextlib.nullcontext(network))
        yield


class Echo:
    """Gives back what it gets, and remembers how much that was."""

    scale, tile, step, overlap = 1, 64, 8, 16

    def __init__(self):
        self.shapes = []

    def __call__(self, pixels):
        self.shapes.append(pixels.shape)
        return pixels.repeat(self.scale, 0).repeat(self.scale, 1)


class Moody(Echo):
    """Each tile comes out a little lighter or darker: the worst a network without overview does."""

    def __call__(self, pixels):
        return super().__call__(pixels) + (0.02 if len(self.shapes) % 2 else -0.02)


@pytest.fixture(scope="module")
def motorcycle():
    return skimage.data.stereo_motorcycle()[0]  # (500, 741, 3)


@pytest.fixture(scope="module")
def ramp():
    """Smooth, in two directions: any seam would show."""
    y, x = np.mgrid[:150, :200]
    return np.stack([x + 20, y + 40, (x + y) / 2 + 30], -1).astype(np.uint8)


@pytest.mark.parametrize("height, width", [(1, 1), (1, 300), (64, 65), (150, 200), (257, 129)])
@pytest.mark.parametrize("scale, step", [(1, 1), (2, 8), (1, 64)])
def test_any_size_comes_back_as_it_was_pixel_by_pixel(monkeypatch, height, width, scale, step):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    network = Echo()
    network.scale, network.step = scale, step
    with instead(monkeypatch, network):
        assert (result(pixels, None) == pixels.repeat(scale, 0).repeat(scale, 1)).all()
    assert all(tall % step == 0 and wide % step == 0 and max(tall, wide) <= 64 for tall, wide, _ in network.shapes)


def test_tiles_cover_a_side_and_overlap_as_told():
    for length in range(1, 700):
        starts, side = cut(length, Echo)
        assert starts[0] == 0 and starts[-1] < length <= starts[-1] + side
        assert all(b - a == side - Echo.overlap for a, b in itertools.pairwise(starts))


def test_moods_of_tiles_leave_no_edge(monkeypatch, ramp):
    with instead(monkeypatch, Moody()):
        mended = result(ramp, None).astype(int)
    steps = np.abs(np.diff(mended - ramp, axis=1)).max(), np.abs(np.diff(mended - ramp, axis=0)).max()
    assert max(steps) <= 2  # tiles differ by ten


def test_a_closed_run_stops_between_tiles(monkeypatch, ramp):
    network = Echo()
    with instead(monkeypatch, network):
        run = restore(ramp, None)
        seen = [next(run) for _ in range(3)]
        run.close()
    assert [progress.done for progress in seen] == [0, 1, 2]
    assert len(network.shapes) == 2 < seen[0].total == 12
    assert all(progress.pixels is None for progress in seen)


def test_progress_counts_every_tile(monkeypatch, ramp):
    with instead(monkeypatch, Echo()):
        run = list(restore(ramp, None))
    assert [progress.done for progress in run] == list(range(13))
    assert run[-1].pixels.shape == ramp.shape


# The included networks, their own weights


@pytest.mark.parametrize("model", [model for model in EVERY if isinstance(model.source, Asset)], ids=lambda m: m.name)
def test_included_weights_are_those_that_were_converted(model):
    assert model.included and model.source.folder().exists()  # the hashes are checked on the way


@pytest.mark.parametrize("model", [DEBLUR[0], DENOISE[0], UPSCALE[0], UPSCALE[5]], ids=lambda m: m.name)
def test_one_pixel(model):
    pixels = np.full((1, 1, 3), (200, 120, 40), np.uint8)
    out = result(pixels, model)
    assert out.shape == (scale_of(model), scale_of(model), 3)
    assert out[0, 0, 0] > out[0, 0, 1] > out[0, 0, 2]


@pytest.mark.parametrize(("length", "degrees"), [(6, 100), (13, 29), (20, 160)])
def test_a_straight_smear_is_found_and_undone(motorcycle, length, degrees):
    part, angle = np.s_[160:416, 60:316], np.radians(degrees)
    sharp, before = motorcycle[part], smeared(motorcycle, length, degrees)[part]
    with models.use(STRAIGHT_MOTION) as network:
        line = network.look(before).line.numpy()
    expected = length * np.array([np.cos(angle), np.sin(angle)])
    assert min(np.linalg.norm(line - expected), np.linalg.norm(line + expected)) < 1
    assert psnr(result(before, STRAIGHT_MOTION), sharp) > psnr(before, sharp) + 4


def test_a_photograph_taken_by_a_moving_camera():
    """Longer than what is looked for at full size; the camera moved "approximately horizontal", says its owner."""
    clock = np.asarray(PIL.Image.open(EXAMPLES / "clock.jpg").convert("RGB"))
    with models.use(STRAIGHT_MOTION) as network:
        found = network.look(clock)
    x, y = found.smear.numpy()
    assert 30 < abs(x) < 42
    assert abs(y) < 4
    # Along the smear there are edges again: the hands, and what is written on the dial.
    dial = np.s_[110:195, 165:255]
    for model in (STRAIGHT_MOTION, STRAIGHT_MOTION_MAXIM):
        before, after = (
            np.abs(np.diff(pixels[dial].mean(-1), axis=1)).mean() for pixels in (clock, result(clock, model))
        )
        assert after > 2 * before


def test_without_a_smear_nothing_changes(motorcycle, ramp):
    for pixels in (motorcycle[160:416, 60:316], ramp[:200, :200], np.full((64, 64, 3), 99, np.uint8)):
        assert np.array_equal(result(pixels, STRAIGHT_MOTION), pixels)


def smeared(sharp, length: float, degrees: float):
    kernel = looks.shake(length, degrees)
    channels = [convolve(sharp[..., c].astype(float), kernel, mode="reflect") for c in range(3)]
    return np.dstack(channels).round().clip(0, 255).astype(np.uint8)


def test_maxim_is_held_to_the_smear(motorcycle):
    part = np.s_[200:392, 100:292]
    sharp, before = motorcycle[part], smeared(motorcycle, 15, 29)[part]
    free, held = (psnr(result(before, model), sharp) for model in (MAXIM_DEBLUR, STRAIGHT_MOTION_MAXIM))
    assert free > psnr(before, sharp) + 5
    assert held > psnr(before, sharp) + 7
    assert held > free + 1


@pytest.mark.parametrize("grain", [0, 0.6], ids=["white", "grain"])
def test_denoising_beats_non_local_means(motorcycle, grain):
    """Grain comes in spots, as after a camera's own processing: non-local means take it for detail."""
    clean = motorcycle[180:308, 80:208]
    noisy = with_noise(clean, grain)
    lead = psnr(result(noisy, DENOISE[0]), clean) - psnr(non_local_means(noisy), clean)
    assert lead > (3 if grain else 1)


def test_maxim_takes_grain_away(motorcycle):
    clean = motorcycle[180:308, 80:208]
    noisy = with_noise(clean, 0.6)
    assert psnr(result(noisy, DENOISE[1]), clean) > psnr(noisy, clean) + 4


def with_noise(clean, grain: float):
    """Noise with a deviation of 25, smoothed by a Gaussian of so many pixels."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=clean.shape), (grain, grain, 0))
    return (clean + 25 * noise / noise.std()).clip(0, 255).round().astype(np.uint8)


def test_enlarging_twice(motorcycle):
    large = PIL.Image.fromarray(motorcycle[120:440, 60:444])
    small = large.resize((192, 160), PIL.Image.Resampling.BICUBIC)
    bicubic = small.resize(large.size, PIL.Image.Resampling.BICUBIC)
    assert scale_of(UPSCALE[0]) == 2
    assert psnr(result(np.asarray(small), UPSCALE[0]), large) > psnr(bicubic, large) + 2


@pytest.mark.parametrize("model", [m for m in UPSCALE if SCALES[m] == 4 and m.included], ids=lambda m: m.name)
def test_enlarging_four_times_keeps_the_picture_and_sharpens_it(motorcycle, model):
    small = PIL.Image.fromarray(motorcycle[200:248, 100:148])
    large = PIL.Image.fromarray(result(np.asarray(small), model))
    assert large.size == (192, 192)
    assert psnr(large.resize(small.size, PIL.Image.Resampling.BOX), small) > 24
    smooth = np.asarray(small.resize(large.size, PIL.Image.Resampling.BICUBIC).convert("L"), float)
    assert np.abs(np.diff(np.asarray(large.convert("L"), float))).std() > 1.1 * np.abs(np.diff(smooth)).std()


def test_enlarging_may_take_noise_away():
    noisy = np.random.default_rng(0).normal(128, 8, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    plain, denoised = (result(noisy, model).std() for model in (UPSCALE[0], UPSCALE[4]))
    assert denoised < 0.4 * plain


def test_low_light(motorcycle):
    dark = (255 * (0.06 * (motorcycle / 255) ** 2.2) ** (1 / 2.2)).round().astype(np.uint8)
    light = result(dark, BRIGHTEN[0])
    assert dark.mean() < 30 < 70 < light.mean() < 130
    assert (light >= 254).mean() < 0.01
    assert psnr(light, motorcycle) > psnr(dark, motorcycle) + 5
    # Details are the photograph's own: as sharp as before, not as coarse as the copy the network saw.
    detail = [np.diff(picture.mean(-1), axis=1) for picture in (dark, light)]
    assert np.corrcoef(detail[0].ravel(), detail[1].ravel())[0, 1] > 0.9


def test_tiles_agree_with_the_whole(monkeypatch, motorcycle):
    pixels = motorcycle[200:280, 100:196]
    network = UPSCALE[0].load(UPSCALE[0].source.folder())
    whole = network(pixels.astype(np.float32) / 255) * 255
    network.tile = 56
    with instead(monkeypatch, network):
        run = list(restore(pixels, UPSCALE[0]))
    assert run[0].total == 6
    assert np.abs(run[-1].pixels - whole).max() < 0.51  # rounding


@pytest.mark.parametrize("model", DENOISE[:2], ids=lambda m: m.name)
def test_a_smooth_picture_stays_smooth_across_tiles(monkeypatch, ramp, model):
    network = model.load(model.source.folder())
    network.tile = 128
    with instead(monkeypatch, network):
        out = result(ramp, model).astype(int)
    assert np.abs(out - ramp).max() <= 6
    bends = np.abs(np.diff(out - ramp, 2, axis=1)).mean((0, 2))  # of each column: a seam would stand out
    assert (bends < 2 * median_filter(bends, 31) + 0.3).all()


# The Hub's, as tiny or untrained networks of the same architecture


def test_hub_networks_are_recognised(tmp_path):
    import torch
    from safetensors.torch import save_file
    from spandrel.architectures.NAFNet import NAFNet
    from spandrel.architectures.PLKSR import RealPLKSR
    from spandrel.architectures.SCUNet import SCUNet

    torch.manual_seed(0)
    tiny = {
        "NAFNet-GoPro-width64.pth": NAFNet(width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
        "scunet_color_real_psnr.pth": SCUNet(config=[1] * 7, dim=64),
    }
    for name, net in tiny.items():
        torch.save({"params": net.state_dict()}, tmp_path / name)
    plksr = RealPLKSR(dim=16, n_blocks=2, upscaling_factor=4, kernel_size=5)
    save_file(plksr.state_dict(), tmp_path / "4xNomosWebPhoto_RealPLKSR.safetensors")
    pixels = np.random.default_rng(0).random((20, 30, 3), dtype=np.float32)
    by_file = {model.source.files[0]: model for model in EVERY if not model.included}
    for name in (*tiny, "4xNomosWebPhoto_RealPLKSR.safetensors"):
        network = by_file[name].load(tmp_path)
        scale = scale_of(by_file[name])
        assert network.scale == scale
        assert network(pixels).shape == (20 * scale, 30 * scale, 3)


def test_pickles_that_carry_code_are_refused(tmp_path):
    import torch

    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit('code of a pickle ran')",)

    torch.save({"params": Bomb()}, tmp_path / "NAFNet-GoPro-width64.pth")
    with pytest.raises(pickle.UnpicklingError):
        NAFNET_DEBLUR.load(tmp_path)


def test_a_hole_is_filled_and_nothing_else_changes(monkeypatch, motorcycle):
    class Painter:
        def __call__(self, pixels, mask):
            assert pixels.shape[:2] == mask.shape and max(mask.shape) <= 768
            assert mask.any() and not mask.all()
            return np.where(mask[..., None], np.float32([1, 0, 0]), 0)

    pixels = np.tile(motorcycle, (4, 2, 1))  # large enough to be made small
    hole = np.zeros(pixels.shape[:2], bool)
    hole[600:1300, 400:900] = True
    with instead(monkeypatch, Painter()):
        *_, last = fill(pixels, hole, None)
    assert (last.pixels[~hole] == pixels[~hole]).all()
    inside = last.pixels[620:1280, 420:880]
    assert (inside == [255, 0, 0]).all()


def test_colours_are_taken_and_light_is_kept(monkeypatch, motorcycle):
    class Painter:
        def __call__(self, pixels):
            assert max(pixels.shape) <= 512
            return pixels * np.float32([1, 0.5, 0.5])

    grey = np.asarray(PIL.Image.fromarray(motorcycle).convert("L").convert("RGB"))
    with instead(monkeypatch, Painter()):
        *_, last = colorize(grey, None)
    light = [np.asarray(PIL.Image.fromarray(each).convert("L"), int) for each in (grey, last.pixels)]
    assert np.abs(light[0] - light[1]).mean() < 3
    assert (last.pixels[..., 0].astype(int) - last.pixels[..., 1]).mean() > 30


def test_lama_is_recognised_and_keeps_what_is_known(tmp_path):
    import torch
    from safetensors.torch import save_file
    from spandrel.architectures.LaMa import LaMa

    torch.manual_seed(0)
    path = tmp_path / REMOVE[0].source.files[0]
    path.parent.mkdir()
    save_file(LaMa(in_nc=4, out_nc=3).half().state_dict(), path)
    pixels = np.random.default_rng(0).random((40, 48, 3), dtype=np.float32)
    mask = np.zeros((40, 48), bool)
    mask[10:20, 10:30] = True
    out = REMOVE[0].load(tmp_path)(pixels, mask)
    assert np.abs(out - pixels)[~mask].max() < 1e-5
    assert np.abs(out - pixels)[mask].mean() > 0.05


def test_ddcolor_is_recognised(tmp_path):
    import torch
    from spandrel_extra_arches.architectures.DDColor import DDColor

    torch.manual_seed(0)
    net = DDColor(encoder_name="convnext-t", num_output_channels=2, last_norm="Spectral", num_queries=100)
    torch.save({"params": net.half().state_dict()}, tmp_path / COLORIZE[0].source.files[0])
    out = COLORIZE[0].load(tmp_path)(np.random.default_rng(0).random((40, 48, 3), dtype=np.float32))
    assert out.shape == (40, 48, 3) and 0 <= out.min() <= out.max() <= 1
