"""How good is it? `python -m training.emoji_art.evaluate` writes WORK/evaluation/scores.json and sheets to look at.

* Retrieval: does the judge (classifier.py: other artists' sets only) recognise the asked subject, is the asked colour
  the subject's main colour, is the ground the asked one? For taught things in new combinations, for combinations
  training kept away, and for concepts never seen at all. The same questions put to real repainted pictures give the
  ceiling.
* Memorisation: distance to the nearest training picture, against what a copy and another concept would have.
* Sketches: 30 scripted hand drawings after another artist's pictures; is the main colour right?
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image, ImageDraw

from . import WORK, model
from .captions import DEFAULT_STYLE, article, without_colours
from .classifier import Judge
from .colours import BACKGROUNDS, COLOURS, main_colour, subject_colours
from .data import load_concepts, load_sheet
from .world import NATURAL, World, compose, load, placing

STEPS, GUIDANCE = 16, 3.0  # the app's defaults
PROMPTS = 50
SKETCHES = 30
SKETCH_STYLE = "noto"  # drawings after pictures of another artist than the network's
SKETCH_GUIDANCE = 2.0
GROUND_TOLERANCE = 40  # largest channel difference, of 255, at which a ground is still the asked one


def questions(world: World, kind: str, count: int = PROMPTS) -> list[dict]:
    """Prompts of one kind: taught | held (colour and ground kept from training) | natural | unseen (concepts)."""
    rng = random.Random(f"evaluate {kind}")
    able = [i for i, (c, s) in enumerate(world.things) if s == DEFAULT_STYLE and c.held_out == (kind == "unseen")]
    held = kind == "held"
    if kind in ("taught", "held"):
        able = [i for i in able if world.choices[held][i]]
    out = []
    for i in rng.sample(able, min(count, len(able))):
        label, ground, column = world.things[i][0].label, "white", NATURAL
        if kind in ("taught", "held"):
            column, ground = rng.choice(world.choices[held][i]), rng.choice(world.grounds[held][i])
            label = f"{COLOURS[column]} {without_colours(label) or label}"
        prompt = article(label) + ("" if ground == "white" else f", {ground} background")
        out.append({"prompt": prompt, "thing": i, "row": int(world.variants[i, column]), "ground": ground,
                    "colour": COLOURS[column] if column != NATURAL else None})  # fmt: skip
    return out


def mark(pictures: np.ndarray, asked: list[dict], world: World, judge: Judge, concepts) -> dict[str, float]:
    """Shares of pictures, uint8 (B, 64, 64, 3), that are what was asked."""
    number = {c.hex: k for k, c in enumerate(concepts)}
    truth = torch.tensor([number[world.things[q["thing"]][0].hex] for q in asked])
    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        top = judge(x).topk(5).indices
    coloured = [(p, q["colour"]) for p, q in zip(pictures, asked, strict=True) if q["colour"]]
    main = [(subject_colours(p) or [None])[0] == colour for p, colour in coloured]
    border = [np.median(np.concatenate([p[0], p[-1], p[:, 0], p[:, -1]]), 0) for p in pictures]
    grounds = [
        np.abs(b - BACKGROUNDS[q["ground"]]).max() < GROUND_TOLERANCE for b, q in zip(border, asked, strict=True)
    ]
    return {
        "top1": (top[:, 0] == truth).float().mean().item(),
        "top5": (top == truth[:, None]).any(1).float().mean().item(),
        "colour": float(np.mean(main)) if main else None,
        "ground": float(np.mean(grounds)),
    }


def memorisation(pictures: np.ndarray, asked: list[dict], world: World, held: bool) -> dict[str, float]:
    """Root mean square distances, 0..255 at 32 px, all on the ground the prompt names.

    nearest: generated picture to the nearest training picture. copy: a training picture placed as in training to
    itself placed exactly. other: a real picture to the nearest one of another concept. Both medians.
    real_within_copy: share of right answers, none of which was trained, that are nearer to a training picture than a
    copy is: of a thing in orange that was trained in yellow, nobody can say whether it was copied. told_apart: how many
    prompts are left, and memorised: the share of their pictures that are within a copy of a training picture.
    """
    torch.manual_seed(0)  # the copies are placed by chance
    size = 32
    trained = [i for i in world.taught if world.things[i][1] == DEFAULT_STYLE]
    rows = np.array([world.variants[i, k] for i in trained for k in [*world.choices[False][i], NATURAL]])
    owner = np.array([i for i in trained for _ in [*world.choices[False][i], NATURAL]])
    theta = placing(1, "cpu", vary=False)
    small = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    small = torch.nn.functional.interpolate(small, (size, size), mode="area").flatten(1)
    # premultiplied colours and opacity once, then every ground is one multiply-add
    stored = world.tiles[rows]

    def on(value: float) -> torch.Tensor:
        parts = stored.split(1024)
        return torch.cat(
            [compose(t, torch.full((len(t), 3), value), theta.expand(len(t), -1, -1), size) for t in parts]
        )

    black, white = on(0.0), on(255.0)
    clear = (white - black) / 2  # share of the ground that shows
    nearest, same, copies, others, answers = [], 0, [], [], []
    for name in sorted({q["ground"] for q in asked}):
        ground = torch.tensor(BACKGROUNDS[name], dtype=torch.float32)
        here = [k for k, q in enumerate(asked) if q["ground"] == name]
        every = (((black + 1) * 127.5) + clear * ground[:, None, None]).flatten(1)
        tiles = world.tiles[[asked[k]["row"] for k in here]]
        on_it = ground.expand(len(here), 3)
        real = ((compose(tiles, on_it, theta.expand(len(here), -1, -1), size) + 1) * 127.5).flatten(1)
        moved = placing(len(here), "cpu", freely=torch.zeros(len(here), dtype=torch.bool))
        moved = ((compose(tiles, on_it, moved, size) + 1) * 127.5).flatten(1)
        copies += (moved - real).square().mean(1).sqrt().tolist()
        root = every.shape[1] ** 0.5
        distance, of_real = torch.cdist(small[here], every) / root, torch.cdist(real, every) / root
        for j, k in enumerate(here):
            best = int(distance[j].argmin())
            nearest.append(distance[j, best].item())
            same += int(owner[best] == asked[k]["thing"])
            answers.append(of_real[j].min().item())
            others.append(of_real[j][torch.from_numpy(owner != asked[k]["thing"])].min().item())
    copy = float(np.median(copies))
    told_apart = np.array(answers) >= copy
    memorised = np.array(nearest)[told_apart] < copy
    return {
        "nearest_median": float(np.median(nearest)), "nearest_least": min(nearest), "copy": copy,
        "other": float(np.median(others)), "nearest_is_the_subject": same / len(asked),
        "real_within_copy": float(np.mean(~told_apart)), "told_apart": int(told_apart.sum()),
        "memorised": float(np.mean(memorised)), "kept_from_training": held,
    }  # fmt: skip


def hand_drawing(tile: np.ndarray, rng: np.random.Generator, size: int = 384) -> np.ndarray:
    """A wobbly pencil drawing with gaps after a picture. tile: RGBA. Returns uint8, (size, size), 255 = paper.

    Its own code on purpose, not sketch.py's: another pen and wobble, drawn large, so training's habits don't help.
    """
    big = cv2.resize(tile, (size - 40, size - 40), interpolation=cv2.INTER_CUBIC)
    big = cv2.copyMakeBorder(big, 20, 20, 20, 20, cv2.BORDER_CONSTANT)
    alpha = big[..., 3:].astype(np.float32) / 255
    soft = cv2.GaussianBlur((big[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8), (0, 0), 3.5)
    lines = cv2.Canny(cv2.GaussianBlur(big[..., 3], (0, 0), 2), 60, 150)
    for channel in range(3):
        lines |= cv2.Canny(soft[..., channel], 30, 75)

    def wave(width: float, height: float) -> np.ndarray:
        noise = rng.standard_normal((size, size)).astype(np.float32)
        return cv2.GaussianBlur(noise, (0, 0), width) * width * 3.5 * height

    y, x = np.mgrid[:size, :size].astype(np.float32)
    pen = np.ones((3, 3) if rng.random() < 0.5 else (5, 5), np.uint8)
    lines = cv2.remap(cv2.dilate(lines, pen), x + wave(24, 3.5), y + wave(24, 3.5), cv2.INTER_LINEAR)
    ys, xs = np.where(lines > 100)
    for j in rng.integers(len(ys), size=12):  # the pen was lifted
        cv2.circle(lines, (int(xs[j]), int(ys[j])), int(rng.integers(3, 9)), 0, -1)
    return (252 - lines.astype(np.float32) * rng.uniform(0.6, 0.95)).clip(0, 255).astype(np.uint8)


def sketch_questions(world: World) -> list[dict]:
    """Half in the subject's own colour, unsaid, half in a colour that is said; drawings after SKETCH_STYLE."""
    rng, ink_rng = random.Random("sketches"), np.random.default_rng(3)
    sheet = load_sheet(SKETCH_STYLE)
    out = []
    for i in rng.sample(world.taught, len(world.taught)):
        concept, style = world.things[i]
        if style != DEFAULT_STYLE or SKETCH_STYLE not in concept.tile or concept.group not in (0, 3, 4, 5, 7):
            continue
        tile, own, said = sheet[concept.tile[SKETCH_STYLE]], world.natural_colour[i], len(out) % 2 == 1
        if said:
            able = [k for k in world.choices[False][i] if COLOURS[k] != own]
            if not able:
                continue
            colour = COLOURS[rng.choice(able)]
            prompt = f"{article(colour)} {without_colours(concept.label) or concept.label}"
        elif own is None or own == "white" or main_colour(tile) != own:
            continue  # where the two artists disagree, no answer is wrong
        else:
            colour, prompt = own, article(concept.label)
        drawing = hand_drawing(tile, ink_rng)
        out.append({"prompt": prompt, "colour": colour, "drawing": drawing, "thing": i})
        if len(out) == SKETCHES:
            return out
    return out


def ink_of(drawing: np.ndarray) -> torch.Tensor:
    """Drawing, uint8 (S, S), 255 = paper -> ink (1, 64, 64), 0 = paper, its darkest lines near 1."""
    small = cv2.resize(drawing, (model.SIZE, model.SIZE), interpolation=cv2.INTER_AREA)
    ink = (float(np.median(small)) - small.astype(np.float32)).clip(0) / 255
    return torch.from_numpy(ink / max(0.2, float(np.quantile(ink, 0.98))))[None].clamp(0, 1)


def sheet(pictures: np.ndarray, words: list[str], path: Path, columns: int = 10, zoom: int = 2) -> None:
    """Pictures with their prompts, to look at."""
    side, text = model.SIZE * zoom, 26
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * side, rows * (side + text)), "white")
    pen = ImageDraw.Draw(page)
    for i, (picture, word) in enumerate(zip(pictures, words, strict=True)):
        x, y = i % columns * side, i // columns * (side + text)
        page.paste(Image.fromarray(picture).resize((side, side), Image.BICUBIC), (x, y))
        pen.text((x + 2, y + side), "\n".join([word[:21], word[21:42]]), fill="black", font_size=10)
    page.save(path)


def draw(unet, encoder, prompts, *, steps, guidance, ink=None, seed=100, batch=10) -> np.ndarray:
    parts = []
    for a in range(0, len(prompts), batch):
        part = None if ink is None else ink[a : a + batch]
        asked, knobs = prompts[a : a + batch], {"steps": steps, "guidance": guidance}
        parts.append(model.generate(unet, encoder, asked, seeds=seed + a, ink=part, **knobs))
    return torch.cat(parts).numpy()


def load_unet(path: Path):
    """The network with the weights of a safetensors file (fp16 on disk), in fp32."""
    from safetensors.torch import load_file

    unet = model.build()
    unet.load_state_dict(load_file(path))
    return unet.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=WORK / "run" / "ema.safetensors")
    parser.add_argument("--judge", type=Path, default=WORK / "judge.pt")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--kinds", nargs="*", default=["taught", "held", "natural", "unseen", "sketch"])
    parser.add_argument("--out", type=Path, default=WORK / "evaluation")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    world, concepts, encoder, unet = load(), load_concepts(), model.TextEncoder(), load_unet(a.weights)
    judge = Judge(len(concepts))
    judge.load_state_dict(torch.load(a.judge, weights_only=True))
    judge.eval()
    result = {"steps": a.steps, "guidance": a.guidance}
    knobs = {"steps": a.steps, "guidance": a.guidance}
    for kind in a.kinds:
        if kind == "sketch":
            asked = sketch_questions(world)
            prompts, ink = [q["prompt"] for q in asked], torch.stack([ink_of(q["drawing"]) for q in asked])
            pictures = draw(unet, encoder, prompts, steps=a.steps, guidance=SKETCH_GUIDANCE, ink=ink)
            right = [q["colour"] in subject_colours(p)[:1] for p, q in zip(pictures, asked, strict=True)]
            result["sketch"] = {"main_colour": float(np.mean(right)), "own": float(np.mean(right[::2])),
                                "said": float(np.mean(right[1::2])), "count": len(asked)}  # fmt: skip
            lines = ((1 - ink) * 255).byte().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
            pairs = np.stack([lines, pictures], 1).reshape(-1, *pictures.shape[1:])
            sheet(pairs, [w for q in asked for w in ("", q["prompt"])], a.out / "sketch.png")
        else:
            asked = questions(world, kind)
            prompts, started = [q["prompt"] for q in asked], time.process_time()
            pictures = draw(unet, encoder, prompts, **knobs)
            result[kind] = mark(pictures, asked, world, judge, concepts)
            result[kind]["cpu_seconds_each"] = (time.process_time() - started) / len(asked)
            grounds = torch.tensor([BACKGROUNDS[q["ground"]] for q in asked], dtype=torch.float32)
            real = world.canonical(torch.tensor([q["row"] for q in asked]), grounds)
            real = ((real + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
            result[kind]["ceiling"] = mark(real, asked, world, judge, concepts)
            sheet(pictures, prompts, a.out / f"{kind}.png")
            if kind in ("taught", "held"):
                result[kind]["memorisation"] = memorisation(pictures, asked, world, kind == "held")
        print(kind, json.dumps(result[kind], indent=1), flush=True)
        scores = a.out / "scores.json"  # kinds asked for in another run with the same knobs are kept
        old = json.loads(scores.read_text()) if scores.exists() else {}
        same = all(old.get(k) == result[k] for k in knobs)
        scores.write_text(json.dumps((old if same else {}) | result, indent=1))


if __name__ == "__main__":
    main()
