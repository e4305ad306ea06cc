"""The training suite of our own picture network, and what the shipped weights can do. No network, no training data."""

import random
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from tasks import emoji_art
from training.emoji_art import EXPORTED, captions, colours, evaluate, model, sketch, train, world
from training.emoji_art.data import SIZE, Concept, fit
from training.emoji_art.left_out import LEFT_OUT


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small pictures gain nothing from threads, and on a busy machine threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tile(colour=(220, 30, 30), shape="disc") -> np.ndarray:
    """A stored tile as data.py makes them: one plain shape, transparent around."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    inside = np.hypot(x, y) < 36 if shape == "disc" else np.maximum(abs(x), abs(y) * 2) < 36
    out = np.zeros((SIZE, SIZE, 4), np.uint8)
    out[inside] = (*colour, 255)
    return out


def little_world() -> world.World:
    shapes = {"ball": ("disc", (220, 30, 30)), "box": ("bar", (40, 90, 220)), "plate": ("disc", (128, 128, 128))}
    pictures = [
        (Concept(f"{i:x}", name, ["thing"], 7), captions.DEFAULT_STYLE, tile(colour, shape))
        for i, (name, (shape, colour)) in enumerate(shapes.items())
    ]
    return world.build(pictures)


@pytest.fixture(scope="module")
def encoder():
    return model.TextEncoder()


@pytest.fixture(scope="module")
def shipped():
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(EXPORTED / "unet", torch_dtype=torch.float32)
    return unet.eval().to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def references():
    row = np.asarray(Image.open(EXPORTED / "references.webp").convert("RGB"))
    names = ("apple", "elephant", "pizza", "frog", "rocket", "sunflower")
    return dict(zip(names, row.reshape(64, 6, 64, 3).transpose(1, 0, 2, 3).astype(float), strict=True))


@pytest.mark.parametrize(
    ("rgb", "word"),
    [((220, 30, 30), "red"), ((240, 140, 40), "orange"), ((250, 220, 60), "yellow"), ((60, 170, 70), "green"),
     ((60, 90, 220), "blue"), ((140, 60, 200), "purple"), ((250, 110, 180), "pink"), ((120, 75, 40), "brown"),
     ((20, 20, 24), "black"), ((140, 140, 145), "gray"), ((245, 245, 245), "white")],
)  # fmt: skip
def test_colours_have_the_names_people_give_them(rgb, word):
    assert colours.main_colour(tile(rgb)) == word


@pytest.mark.parametrize("colour", colours.COLOURS)
@pytest.mark.parametrize("start", [(220, 30, 30), (128, 128, 128)])
def test_a_repainted_picture_is_what_its_caption_says_or_is_refused(start, colour):
    painted = colours.repaint(tile(start), colour)
    assert painted is None or colours.main_colour(painted) == colour
    if colour in ("blue", "green", "purple"):
        assert painted is not None


def test_a_picture_of_no_subject_has_no_colour():
    assert colours.main_colour(np.zeros((SIZE, SIZE, 4), np.uint8)) is None
    assert fit(np.zeros((50, 50, 4), np.uint8)) is None


def test_subject_colours_ignore_the_ground():
    picture = np.full((64, 64, 3), colours.BACKGROUNDS["light blue"], np.uint8)
    picture[16:48, 16:48] = (220, 30, 30)
    assert colours.subject_colours(picture) == ["red"]


def test_captions_say_the_new_colour_and_forget_the_old():
    for seed in range(200):
        rng = random.Random(seed)
        words = captions.caption("red apple", ["red fruit", "fruit"], "fluent-3d", "blue", True, "yellow", rng)
        assert "blue" in words and "red" not in words.split() and "yellow background" in words


def test_what_is_held_out_is_never_trained():
    w = little_world()
    rng = random.Random(0)
    for _ in range(30):
        plan = w.plan(16, rng)
        columns = (plan[key].tolist() for key in ("thing", "row", "ground"))
        for thing, row, ground in zip(*columns, strict=True):
            concept = w.things[thing][0]
            column = w.variants[thing].tolist().index(row)
            if row != w.variants[thing, world.NATURAL]:
                assert colours.COLOURS[column] not in captions.held_colours(concept.hex)
            grounds = {colours.BACKGROUNDS[b] for b in captions.held_backgrounds(concept.hex)}
            assert tuple(int(v) for v in ground[:3]) not in grounds


def test_a_copy_of_a_training_picture_is_found_and_a_right_answer_is_not(monkeypatch):
    w = little_world()
    held = evaluate.questions(w, "every")
    assert {(q["thing"], q["colour"]) for q in held} == {
        (i, c) for i in range(3) for k, c in enumerate(colours.COLOURS)
        if w.variants[i, k] >= 0 and c in captions.held_colours(w.things[i][0].hex)
    }  # fmt: skip

    def drawn(asked, rows):
        grounds = torch.tensor([colours.BACKGROUNDS[q["ground"]] for q in asked], dtype=torch.float32)
        return ((w.canonical(torch.tensor(rows), grounds) + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()

    def right(prompts):
        asked = [q for q in held if q["prompt"] in prompts]
        return drawn(asked, [q["row"] for q in asked])

    def natural(prompts):  # as if the network did not listen to colours
        asked = [q for q in held if q["prompt"] in prompts]
        return drawn(asked, [w.variants[q["thing"], world.NATURAL] for q in asked])

    scores, _, asked = evaluate.memorisation(right, held, w)
    assert scores["told_apart"] == len(asked) > 0 and scores["memorised"] == 0
    scores, _, _ = evaluate.memorisation(natural, held, w)
    assert scores["memorised"] == len(asked) and scores["nearest_least"] < 3  # the same pixels, reduced in another way
    assert set(scores["too_close"]) == {w.things[q["thing"]][0].label for q in asked}
    monkeypatch.setattr(evaluate, "LEFT_OUT", {"ball"})
    assert {q["thing"] for q in evaluate.questions(w, "recoloured")} == {1, 2}


def test_the_gallery_offers_what_is_not_left_out():
    words = emoji_art.words()
    offered = [thing for group in words["things"].values() for thing in group]
    assert set(words["left_out"]) == LEFT_OUT and not LEFT_OUT & {*offered, *words["never_taught"]}
    assert f"{len(offered):,} things" in emoji_art.EMOJI_ART.note
    card = (EXPORTED / "README.md").read_text(encoding="utf-8")
    assert f"{len(offered)} things" in card and f"{len(offered) + len(words['left_out'])} pictures" in card


def test_a_hand_follows_the_outline_loosely():
    drafts = sketch.trace(tile())
    assert drafts.shape == (sketch.DRAFTS, SIZE, SIZE)
    y, x = np.where(drafts[3] > 100)
    assert np.abs(np.hypot(x - (SIZE - 1) / 2, y - (SIZE - 1) / 2) - 36).max() < 3  # the outline is the disc's rim
    torch.manual_seed(0)
    theta = world.placing(8, "cpu", vary=False)
    ink = sketch.by_hand(torch.from_numpy(drafts[3])[None, None].float().div(255).expand(8, -1, -1, -1), theta, 64)
    assert ink.shape == (8, 1, 64, 64) and ink.min() >= 0 and ink.max() <= 1
    assert not torch.allclose(ink[0], ink[1])  # no two drawings alike
    assert ink[:, :, 28:36, 28:36].mean() < 0.2 < ink.amax((1, 2, 3)).min()  # lines, and not in the middle


def test_placing_keeps_sketch_and_picture_together():
    w = little_world()
    torch.manual_seed(1)
    pictures, ink, _ = w.batch(64, random.Random(1))
    with_ink = ink.amin((1, 2, 3)) >= 0
    assert 5 < with_ink.sum() < 45
    assert (ink[~with_ink] == -1).all()
    assert pictures.abs().max() <= 1


def test_training_lowers_the_loss_and_resumes(tmp_path, encoder, monkeypatch, capsys):
    monkeypatch.setattr(train, "WARMUP_STEPS", 5)
    monkeypatch.setattr(train, "PROMPTS", train.PROMPTS[:12])
    monkeypatch.setattr(model, "generate", partial(model.generate, steps=2))  # only for the picture of progress
    knobs = {"minutes": 5, "batch": 8, "block_out_channels": (16, 32, 32)}
    first = train.train(little_world(), encoder, tmp_path, steps=30, **knobs)
    assert first[-1] < 0.8 * first[0]
    again = train.train(little_world(), encoder, tmp_path, steps=40, **knobs)
    assert "resumed at step 30, 240 pictures seen" in capsys.readouterr().out
    assert len(again) == 1 and again[0] < first[0]
    assert {f.name for f in tmp_path.iterdir()} >= {"last.pt", "ema.safetensors", "grid.png", "log.jsonl"}


def test_rate_warms_up_and_fades():
    assert train.rate(0, 100, 0) < 0.01 * train.LEARNING_RATE
    assert train.rate(10, 100, 10_000) == pytest.approx(train.LEARNING_RATE)
    assert train.rate(100, 100, 10_000) == pytest.approx(0.01 * train.LEARNING_RATE)


def test_shipped_network_draws_what_is_asked(shipped, encoder, references):
    names = {"a red apple": "apple", "an elephant": "elephant", "a pizza": "pizza", "a sunflower": "sunflower"}
    pictures = model.generate(shipped, encoder, list(names), steps=8, seeds=1).numpy()
    assert colours.subject_colours(pictures[0])[0] == "red"
    for picture, name in zip(pictures, names.values(), strict=True):
        distance = {k: np.square(picture - v).mean() for k, v in references.items()}
        assert min(distance, key=distance.get) == name


def test_shipped_network_obeys_colour_and_ground(shipped, encoder):
    picture = model.generate(shipped, encoder, ["a purple elephant, yellow background"], steps=8, seeds=4).numpy()[0]
    assert colours.subject_colours(picture)[0] == "purple"
    assert np.abs(np.median(picture[:, :3], (0, 1)) - colours.BACKGROUNDS["yellow"]).max() < 40


def test_same_seed_same_picture_whatever_the_company(shipped, encoder):
    alone = model.generate(shipped, encoder, ["a frog"], steps=2, seeds=[7]).numpy().astype(int)
    both = model.generate(shipped, encoder, ["a rocket on a red background", "a frog"], steps=2, seeds=[3, 7]).numpy()
    other = model.generate(shipped, encoder, ["a frog"], steps=2, seeds=[8]).numpy()
    assert np.abs(alone[0] - both[1]).max() <= 2  # sums in another order, no more
    assert np.abs(alone - other).max() > 40


def test_sketch_decides_where_the_colour_goes(shipped, encoder):
    ink = torch.zeros(1, 1, 64, 64)
    y, x = np.mgrid[:64, :64]
    ring = np.abs(np.hypot(x - 40, y - 40) - 16) < 1.2  # a ball drawn low on the right
    ink[0, 0][torch.from_numpy(ring)] = 1
    picture = model.generate(shipped, encoder, ["a red balloon"], steps=8, seeds=1, guidance=2.0, ink=ink).numpy()[0]
    assert picture[36:44, 36:44].mean() < 200  # painted inside
    assert picture[:14, :14].mean() > 235  # paper outside


def test_steps_tell_the_story(shipped, encoder):
    steps = list(model.sample(shipped, encoder, ["a lion"], steps=4, seeds=0))
    assert [s.index for s in steps] == [0, 1, 2, 3] and steps[0].t == 0
    noise = [s.noisy.std().item() for s in steps]
    assert noise[0] == pytest.approx(1, abs=0.05)
    # the prediction settles: the last changes far less than the first
    moves = [(b.predicted - a.predicted).abs().mean().item() for a, b in pairwise(steps)]
    assert moves[-1] < moves[0]
