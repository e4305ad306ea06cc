"""How good is it? `python -m training.emoji_art.evaluate` writes WORK/evaluation/scores.json and sheets to look at.

* Retrieval: does the judge (classifier.py: other artists' sets only) recognise the asked subject, is the asked colour
  the subject's main colour, is the ground the asked one? For taught things in new combinations, for combinations
  training kept away, and for concepts never seen at all. The same questions put to real repainted pictures give the
  ceiling.
* Memorisation: in colours and on grounds kept from training, is a picture nearer to a training picture than a copy?
  Kind "recoloured" asks for things the gallery offers, kind "every" for everything taught in every colour kept from
  it: what comes too close there is what left_out.py leaves out.
* Sketches: 30 scripted hand drawings after another artist's pictures; is the main colour right?
"""

from __future__ import annotations

import argparse
import json
import random
import time
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from . import WORK, model
from .captions import DEFAULT_STYLE, article, without_colours
from .classifier import Judge
from .colours import BACKGROUNDS, COLOURS, main_colour, subject_colours
from .data import load_concepts, load_sheet
from .left_out import LEFT_OUT
from .world import NATURAL, World, compose, load, placing

STEPS, GUIDANCE = 16, 3.0  # the app's defaults
PROMPTS = 50
RECOLOURED = 500  # prompts; two thirds of them can be told apart
TOO_CLOSE = 1.1  # copies: what comes so near with one noise may come nearer than a copy with another
SKETCHES = 30
SKETCH_STYLE = "noto"  # drawings after pictures of another artist than the network's
SKETCH_GUIDANCE = 2.0
GROUND_TOLERANCE = 40  # largest channel difference, of 255, at which a ground is still the asked one


def questions(world: World, kind: str, count: int = PROMPTS, seed: int = 0) -> list[dict]:
    """Prompts of one kind, at most `count`; another seed gives others.

    kind: taught | held (colour and ground kept from training) | natural | unseen (concepts) | recoloured (as held, of
    what the gallery offers) | every (as held, each taught thing in each colour kept from it, all of them).
    """
    rng = random.Random(f"evaluate {kind}" + (f" {seed}" if seed else ""))
    able = [i for i, (c, s) in enumerate(world.things) if s == DEFAULT_STYLE and c.held_out == (kind == "unseen")]
    held, coloured = kind in ("held", "recoloured", "every"), kind not in ("natural", "unseen")
    if coloured:
        able = [i for i in able if world.choices[held][i]]
    if kind == "recoloured":
        able = [i for i in able if world.things[i][0].label not in LEFT_OUT]
    if kind == "every":
        asked = [(i, k) for i in able for k in world.choices[held][i]]
    else:
        asked = [(i, None) for i in rng.sample(able, min(count, len(able)))]
    out = []
    for i, column in asked:
        label, ground = world.things[i][0].label, "white"
        if coloured:
            column = rng.choice(world.choices[held][i]) if column is None else column
            ground = rng.choice(world.grounds[held][i])
            label = f"{COLOURS[column]} {without_colours(label) or label}"
        else:
            column = NATURAL
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


def to_training(pictures: torch.Tensor, asked: list[dict], world: World) -> tuple[torch.Tensor, np.ndarray]:
    """Root mean square distances to all N training pictures, standing as they should on the ground a prompt names.

    pictures: (B, 3, S, S), 0..255, one for each of `asked`. Returns (B, N), 0..255, and the things they show (N,).
    """
    size = pictures.shape[-1]
    shown = [(i, k) for i in world.taught for k in [*world.choices[False][i], NATURAL]]
    stored, theta = world.tiles[[world.variants[pair] for pair in shown]], placing(1, "cpu", vary=False)

    def on(value: float) -> torch.Tensor:
        parts = stored.split(1024)
        return torch.cat(
            [compose(t, torch.full((len(t), 3), value), theta.expand(len(t), -1, -1), size) for t in parts]
        )

    # what is black on black once, and how much of the ground shows: then every ground is one multiply-add
    black, white = on(0.0), on(255.0)
    clear = (white - black) / 2
    out = torch.empty(len(pictures), len(shown))
    for name in sorted({q["ground"] for q in asked}):
        ground = torch.tensor(BACKGROUNDS[name], dtype=torch.float32)
        here = [k for k, q in enumerate(asked) if q["ground"] == name]
        every = ((black + 1) * 127.5 + clear * ground[:, None, None]).flatten(1)
        out[here] = torch.cdist(pictures[here].flatten(1), every) / every.shape[1] ** 0.5
    return out, np.array([i for i, _ in shown])


def memorisation(draw_all, asked: list[dict], world: World, size: int = 32) -> tuple[dict, np.ndarray, list[dict]]:
    """Distances at 32 px, see `to_training`, of pictures nobody trained. draw_all: prompts -> uint8 (B, 64, 64, 3).

    copy: a right answer placed as in training to itself placed exactly; other: a right answer to the nearest training
    picture of another concept. Both medians. real_within_copy: share of right answers that are nearer to a training
    picture than a copy is: of a thing in orange that was trained in yellow, nobody can say whether it was copied.
    told_apart: how many prompts are left; only these are drawn. memorised: how many of their pictures are within a
    copy of a training picture. too_close: their things, and those up to TOO_CLOSE copies away, nearest first.

    Returns these scores, the pictures and what was asked for each of them.
    """
    torch.manual_seed(0)  # the copies are placed by chance
    tiles, count = world.tiles[[q["row"] for q in asked]], len(asked)
    grounds = torch.tensor([BACKGROUNDS[q["ground"]] for q in asked], dtype=torch.float32)
    exact = placing(1, "cpu", vary=False).expand(count, -1, -1)
    moved = placing(count, "cpu", freely=torch.zeros(count, dtype=torch.bool))
    real, moved = ((compose(tiles, grounds, theta, size) + 1) * 127.5 for theta in (exact, moved))
    copy = (real - moved).square().mean((1, 2, 3)).sqrt().quantile(0.5).item()
    distance, owner = to_training(real, asked, world)
    same = torch.from_numpy(owner == np.array([q["thing"] for q in asked])[:, None])
    other = distance.masked_fill(same, torch.inf).amin(1).quantile(0.5).item()
    told_apart = distance.amin(1) >= copy
    asked = [q for q, told in zip(asked, told_apart.tolist(), strict=True) if told]
    pictures = draw_all([q["prompt"] for q in asked])
    small = F.interpolate(torch.from_numpy(pictures).permute(0, 3, 1, 2).float(), (size, size), mode="area")
    nearest, best = to_training(small, asked, world)[0].min(1)
    close = [k for k in nearest.argsort().tolist() if nearest[k] < TOO_CLOSE * copy]
    scores = {
        "prompts": count, "told_apart": len(asked), "real_within_copy": 1 - len(asked) / count,
        "copy": copy, "other": other, "memorised": int((nearest < copy).sum()),
        "nearest_median": nearest.quantile(0.5).item(), "nearest_least": nearest.min().item(),
        "nearest_is_the_subject": float(np.mean(owner[best] == [q["thing"] for q in asked])),
        "too_close": list(dict.fromkeys(world.things[asked[k]["thing"]][0].label for k in close)),
    }  # fmt: skip
    return scores, pictures, asked


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
    kinds = ["taught", "held", "natural", "unseen", "recoloured", "sketch"]
    parser.add_argument("--kinds", nargs="*", choices=[*kinds, "every"], default=kinds)
    parser.add_argument("--count", type=int, default=RECOLOURED, help='prompts of kind "recoloured"')
    parser.add_argument("--seed", type=int, default=0, help="other prompts and other noise")
    parser.add_argument("--out", type=Path, default=WORK / "evaluation")
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    world, concepts, encoder, unet = load(), load_concepts(), model.TextEncoder(), load_unet(a.weights)
    judge = Judge(len(concepts)).eval()
    if not set(a.kinds) <= {"recoloured", "every", "sketch"}:  # the others need no judge
        judge.load_state_dict(torch.load(a.judge, weights_only=True))
    result = {"steps": a.steps, "guidance": a.guidance}
    knobs = {"steps": a.steps, "guidance": a.guidance}
    draw_all = partial(draw, unet, encoder, seed=100 + 10_000 * a.seed, **knobs)
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
        elif kind in ("recoloured", "every"):
            result[kind], pictures, asked = memorisation(draw_all, questions(world, kind, a.count, a.seed), world)
            sheet(pictures, [q["prompt"] for q in asked], a.out / f"{kind}.png")
        else:
            asked = questions(world, kind, seed=a.seed)
            prompts, started = [q["prompt"] for q in asked], time.process_time()
            pictures = draw_all(prompts)
            result[kind] = mark(pictures, asked, world, judge, concepts)
            result[kind]["cpu_seconds_each"] = (time.process_time() - started) / len(asked)
            grounds = torch.tensor([BACKGROUNDS[q["ground"]] for q in asked], dtype=torch.float32)
            real = world.canonical(torch.tensor([q["row"] for q in asked]), grounds)
            real = ((real + 1) * 127.5).byte().permute(0, 2, 3, 1).numpy()
            result[kind]["ceiling"] = mark(real, asked, world, judge, concepts)
            sheet(pictures, prompts, a.out / f"{kind}.png")
        print(kind, json.dumps(result[kind], indent=1), flush=True)
        scores = a.out / "scores.json"  # kinds asked for in another run with the same knobs are kept
        old = json.loads(scores.read_text()) if scores.exists() else {}
        same = all(old.get(k) == result[k] for k in knobs)
        scores.write_text(json.dumps((old if same else {}) | result, indent=1))


if __name__ == "__main__":
    main()
