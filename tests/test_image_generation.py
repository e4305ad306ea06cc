"""The same seed draws the same picture, words decide what it is, and receipts bring settings back or a sentence."""

import importlib.util
import itertools
import json
import math
from dataclasses import asdict, replace

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
import torch

from tasks import diffusion, emoji_art, models
from tasks import image_generation as ig
from tasks.errors import BadInput
from tests.tiny_diffusion import write_pipeline

APPLE = ig.Settings("a red apple", ig.DEFAULT.name, 8, 3.0, 1)


def pixels(picture):
    return np.asarray(picture.convert("RGB"), np.float32)


@pytest.fixture(scope="module")
def apple():
    return list(ig.generate(APPLE.prompt, steps=8, guidance=3.0, seed=1))


def test_a_red_apple_comes_out_of_noise(apple):
    assert [step.index for step in apple] == list(range(9))
    noise = [step.noise for step in apple]
    assert noise == sorted(noise, reverse=True) and noise[0] == 1 and noise[-1] == 0
    picture = pixels(apple[-1].image)
    assert picture.shape == (256, 256, 3) and apple[-1].finished
    middle, corner = picture[96:160, 96:160].mean((0, 1)), picture[:8, :8].mean((0, 1))
    assert middle[0] > middle[1] + 80 and middle[0] > middle[2] + 60  # red
    assert corner.min() > 235  # on white
    # What is given becomes smoother all the time; what is predicted is close to the end long before.
    rough = [np.abs(np.diff(pixels(step.image), axis=0)).mean() for step in apple[:-1]]
    assert rough == sorted(rough, reverse=True)
    end = pixels(apple[-2].predicted)
    assert np.abs(pixels(apple[4].predicted) - end).mean() < 0.3 * np.abs(pixels(apple[4].image) - end).mean()


@pytest.mark.parametrize(
    ("prompt", "ground"),
    [("a yellow banana, blue background", (58, 110, 220)), ("a green frog, pink background", (252, 176, 206))],
)
def test_words_decide_the_background(prompt, ground):
    with models.use(ig.DEFAULT) as network:
        *_, last = network(prompt, 8, 3.0, 5)
    picture = pixels(last.image)
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert np.abs(np.median(border, 0) - ground).max() < 45


def test_the_same_seed_draws_the_same_picture_and_another_another(apple):
    again = ig.draw(APPLE)
    assert (pixels(again) == pixels(apple[-1].image)).all()
    assert np.abs(pixels(ig.draw(replace(APPLE, seed=2))) - pixels(again)).mean() > 2


def test_several_pictures_get_the_seeds_that_follow(apple):
    finished = [step for step in ig.generate("a red apple", steps=2, seed=0, count=2) if step.finished]
    assert [step.number for step in finished] == [0, 1]
    assert (pixels(finished[1].image) == pixels(ig.draw(replace(APPLE, steps=2, seed=1)))).all()


@pytest.mark.parametrize(
    "wrong",
    [{"prompt": " "}, {"prompt": "a" * 301}, {"prompt": 7}, {"model": "SkyNet"}, {"steps": 0}, {"steps": 51},
     {"steps": 2.5}, {"steps": True}, {"guidance": math.nan}, {"guidance": math.inf}, {"guidance": -1},
     {"guidance": "3"}, {"seed": -1}, {"seed": 2**32}, {"seed": None}, {"seed": 1.5}],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range_get_a_sentence(wrong):
    with pytest.raises(BadInput, match=r"\.$"):
        replace(APPLE, **wrong).checked()


def test_a_receipt_brings_the_settings_back(tmp_path):
    settings = replace(APPLE, prompt="un éléphant 🐘", guidance=2.5)
    ig.save_with_receipt(PIL.Image.new("RGB", (8, 8)), settings, tmp_path / "a.png")
    found, more = ig.read_receipt(tmp_path / "a.png")
    assert found == settings
    assert more["versions"]["torch"] and more["revision"] == ig.revision(ig.DEFAULT)


def write_receipt(path, text):
    info = PIL.PngImagePlugin.PngInfo()
    info.add_text(ig.RECEIPT, text)
    PIL.Image.new("RGB", (8, 8)).save(path, pnginfo=info)


@pytest.mark.parametrize(
    "receipt",
    ["", "no json", "[]", "[" * 3000, "{}", "null", json.dumps(asdict(APPLE))[:-5],
     json.dumps(asdict(APPLE) | {"steps": 10**9}), json.dumps(asdict(APPLE) | {"model": ["x"]}),
     json.dumps(asdict(APPLE) | {"prompt": {"a": 1}}), json.dumps(asdict(APPLE) | {"seed": "1; drop"}),
     json.dumps(asdict(APPLE) | {"prompt": "x" * 10**6})],
    ids=range(12),
)  # fmt: skip
def test_receipts_nobody_here_wrote_get_a_sentence(receipt, tmp_path):
    write_receipt(tmp_path / "a.png", receipt)
    with pytest.raises(BadInput):
        ig.read_receipt(tmp_path / "a.png")


def test_files_that_are_no_png_get_a_sentence(tmp_path):
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"garbage" * 10)
    for path in (tmp_path / "a.jpg", tmp_path / "b.png", tmp_path / "missing.png"):
        with pytest.raises(BadInput, match="not a PNG"):
            ig.read_receipt(path)


def test_one_knob_is_turned():
    found = list(ig.vary(replace(APPLE, steps=2), "guidance"))
    captions = [caption for _, caption in found]
    assert captions[0] == "guidance 1" and len(captions) == 6
    saturation = [np.asarray(picture.convert("HSV"))[..., 1].mean() for picture, _ in found]
    assert saturation[-1] > saturation[0]  # guidance exaggerates
    with pytest.raises(BadInput, match="no knob"):
        next(ig.vary(APPLE, "temperature"))


def test_a_journey_between_two_seeds(tmp_path):
    pictures = list(ig.journey(replace(APPLE, steps=2), 9, pictures=5))
    with models.use(ig.DEFAULT) as network:
        ends = [[*network(APPLE.prompt, 2, 3.0, seed)][-1].image for seed in (1, 9)]
    assert (pixels(pictures[0]) == pixels(ends[0])).all() and (pixels(pictures[-1]) == pixels(ends[1])).all()
    hops = [np.abs(pixels(a) - pixels(b)).mean() for a, b in itertools.pairwise(pictures)]
    assert max(hops) < np.abs(pixels(ends[0]) - pixels(ends[1])).mean()
    ig.animation(pictures, tmp_path / "a.webp")
    assert PIL.Image.open(tmp_path / "a.webp").n_frames == 8


def test_between_keeps_the_length_of_noise():
    a, b = (torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(diffusion.between(a, a, 0.3), a)
    assert diffusion.between(a, b, 0.5).std().item() == pytest.approx(1, abs=0.03)


def test_background_words_look_at_the_background():
    settings = replace(APPLE, prompt="a red apple, blue background", steps=6)
    with models.use(ig.DEFAULT) as network:
        maps = dict(network.attention(settings.prompt, 6, 3.0, 1))
        plain = [*network(settings.prompt, 6, 3.0, 1)][-1].image
    assert list(maps) == ["a", "red", "apple,", "blue", "background"]
    rim = np.ones((16, 16), bool)
    rim[3:-3, 3:-3] = False
    share = {word: heat[rim].mean() / heat[~rim].mean() for word, heat in maps.items()}
    assert share["blue"] > share["apple,"]
    with models.use(ig.DEFAULT) as network:  # looking leaves the network as it was
        assert (pixels([*network(settings.prompt, 6, 3.0, 1)][-1].image) == pixels(plain)).all()


def test_film_and_curves(apple):
    assert ig.film_strip(apple).width > 5 * ig.film_strip(apple).height / 3
    rows = ig.curves(apple)
    assert len(rows) == 2 * len(apple) and all(0 <= share <= 1 for _, share, _ in rows)


def test_suggestions_are_things_it_was_taught():
    known = {thing for group in emoji_art.words()["things"].values() for thing in group}
    for seed in range(5):
        for (prompt,) in ig.suggestions(seed):
            assert any(thing in prompt for thing in known)
    assert ig.suggestions(0) != ig.suggestions(1)


@pytest.mark.parametrize(
    ("prompt", "remark"),
    [
        ("A red house, light blue background", ""),
        ("a hot dog", ""),
        ("strawberries", ""),
        ("", ""),
        ("a brown dog", "nearly a copy"),
        ("a spaceship above Paris", "None of the things it was taught"),
        ("a cat beside a mouse", "“mouse” and “cat” may become one"),
    ],
)
def test_what_the_network_does_not_know_is_said(prompt, remark):
    said = emoji_art.remark(prompt)
    assert remark in said if remark else said == ""


def test_nothing_is_said_of_what_is_offered():
    for thing in set().union(*emoji_art.words()["things"].values()):
        assert emoji_art.remark(f"a red {thing}, cream background") == ""


@pytest.mark.skipif(importlib.util.find_spec("cv2") is None, reason="the scripts of training/ are not installed")
def test_training_and_gallery_sample_the_same_picture():
    from training.emoji_art import model

    with models.use(ig.DEFAULT) as network:
        encoder = model.TextEncoder()
        ink = np.zeros((64, 64), np.float32)
        ink[20:44, 30] = 1
        for given in (None, ink):
            ours = [*network("a blue fish", 3, 2.0, 4, ink=given)]
            sheet = None if given is None else torch.from_numpy(given)[None, None]
            theirs = [*model.sample(network.unet, encoder, ["a blue fish"], steps=3, guidance=2.0, seeds=4, ink=sheet)]
            difference = pixels(ours[-1].image) - pixels(emoji_art.picture(theirs[-1].predicted))
            assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    "scheduler", ["EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "LCMScheduler", "DDIMScheduler"]
)
def test_pipelines_of_the_hub_load_and_show_their_steps(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(ig, "SIDE", 64)
    write_pipeline(tmp_path, scheduler=scheduler)
    network = ig.TextToImage(tmp_path)
    noise = network.pipeline.noise(3, 64)
    steps = list(network("a cat", 4, 5.0, 3, noise=noise))
    assert [step.index for step in steps] == list(range(5))
    assert steps[0].image.size == (32, 32) and steps[-1].image.size == (64, 64)
    assert steps[0].noise > steps[3].noise > steps[4].noise == 0
    again = list(network("a cat", 4, 5.0, 3, noise=noise))
    assert (pixels(again[-1].image) == pixels(steps[-1].image)).all()


def test_a_pipeline_stops_when_nobody_looks(tmp_path, monkeypatch):
    monkeypatch.setattr(ig, "SIDE", 64)
    write_pipeline(tmp_path)
    network = ig.TextToImage(tmp_path)
    calls = []
    network.pipeline.pipe.unet.register_forward_hook(lambda *_: calls.append(1))
    running = network("a cat", 50, 5.0, 3, noise=network.pipeline.noise(3, 64))
    next(running)
    running.close()
    assert len(calls) < 50


def test_the_safety_checker_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(ig, "SIDE", 64)
    write_pipeline(tmp_path, checked=True)
    network = ig.TextToImage(tmp_path)
    checker = network.pipeline.pipe.safety_checker
    for weights in (1e9, -1e9):  # thresholds nothing and everything passes
        checker.concept_embeds_weights.data.fill_(weights)
        checker.special_care_embeds_weights.data.fill_(weights)
        run = network("a cat", 2, 5.0, 3, noise=network.pipeline.noise(3, 64))
        if weights > 0:
            assert [*run][-1].finished
        else:
            with pytest.raises(BadInput, match="held this picture back"):
                list(run)


def test_file_lists_name_no_pickles():
    for model in ig.MODELS[1:]:
        assert "model_index.json" in model.source.files
        assert all(file.endswith((".json", ".safetensors", ".txt")) for file in model.source.files)
