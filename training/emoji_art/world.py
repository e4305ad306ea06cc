"""What training sees: pictures and their words, composed anew for every step on the training device.

A stored tile becomes a training picture by: choosing natural colours or a repainted version, a background, a place,
size, turn and mirror image; the caption says what was chosen. A sketch of it goes through `sketch.by_hand`.
"""

from __future__ import annotations

import math
import multiprocessing
import random
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from . import WORK
from .captions import STYLES, caption, held_backgrounds, held_colours
from .colours import BACKGROUNDS, COLOURS, main_colour, repaint
from .data import Concept, load_concepts, load_sheet
from .model import SIZE
from .sketch import DRAFTS, by_hand, trace

NATURAL = len(COLOURS)  # column of `variants` that holds the picture as it was drawn
NATURAL_SHARE = 0.45  # of training pictures keep their own colours: most prompts name none
BACKGROUND_SHARE = 0.5
STYLE_WEIGHTS = {"fluent-3d": 1.0}  # share of each style, should there be several
INK_SHARE = 0.35  # of training pictures come with a sketch
NO_TEXT = {False: 0.1, True: 0.25}  # share of captions dropped, without and with a sketch


@dataclass
class World:
    """tiles: uint8 (R, S, S, 4) natural and repainted; drafts: uint8 (P, DRAFTS, S, S); variants: int (P, 13), row of
    `tiles` for each of COLOURS and NATURAL or -1 where the word would be untrue; things: P (concept, style) pairs."""

    tiles: torch.Tensor
    drafts: torch.Tensor
    variants: np.ndarray
    things: list[tuple[Concept, str]]
    natural_colour: list[str | None]

    def __post_init__(self):
        # What may be trained: held-out concepts never, held-out colours and backgrounds not for their concept.
        self.taught = [i for i, (c, _) in enumerate(self.things) if not c.held_out]
        self.weights = np.cumsum([STYLE_WEIGHTS[self.things[i][1]] for i in self.taught]).tolist()
        self.choices, self.grounds = {False: [], True: []}, {False: [], True: []}  # by "is held out"
        for i, (concept, _) in enumerate(self.things):
            colours, grounds = held_colours(concept.hex), held_backgrounds(concept.hex)
            true = [k for k in range(NATURAL) if self.variants[i, k] >= 0]
            for held in (False, True):
                self.choices[held].append([k for k in true if (COLOURS[k] in colours) == held])
                self.grounds[held].append([b for b in BACKGROUNDS if b != "white" and (b in grounds) == held])
        self.tiles = self.tiles.permute(0, 3, 1, 2).contiguous()  # (R, 4, S, S)

    def to(self, device) -> World:
        self.tiles, self.drafts = self.tiles.to(device), self.drafts.to(device)
        return self

    def plan(self, size: int, rng: random.Random, held: bool = False) -> dict:
        """What to show: plain numbers and words, made on the CPU (in worker processes when training on a GPU).

        held: taught concepts in the colours and on the backgrounds that training keeps from them; never for training.
        Returns tensors row, thing, draft, inked (B,), ground (B, 4) as RGB 0..255 and "was named", and `captions`.
        """
        rows, things, drafts, grounds, captions, inked = [], [], [], [], [], []
        for pick in rng.choices(self.taught, cum_weights=self.weights, k=size):
            concept, style = self.things[pick]
            colour, column = self.natural_colour[pick], NATURAL
            choices = self.choices[held][pick]
            if choices and (held or rng.random() > NATURAL_SHARE):
                column = rng.choice(choices)
                colour = COLOURS[column]
            ground = rng.choice(self.grounds[held][pick]) if rng.random() < BACKGROUND_SHARE else None
            has_ink = rng.random() < INK_SHARE
            rows.append(int(self.variants[pick, column]))
            things.append(pick)
            drafts.append(rng.randrange(DRAFTS))
            grounds.append(BACKGROUNDS[ground or "white"] + (1.0 if ground else 0.0,))
            inked.append(has_ink)
            words = caption(concept.label, concept.keywords, style, colour, column != NATURAL, ground, rng)
            captions.append("" if rng.random() < NO_TEXT[has_ink] else words)
        return {"row": torch.tensor(rows), "thing": torch.tensor(things), "draft": torch.tensor(drafts),
                "inked": torch.tensor(inked), "ground": torch.tensor(grounds, dtype=torch.float32),
                "captions": captions}  # fmt: skip

    def show(self, plan: dict) -> tuple[torch.Tensor, torch.Tensor]:
        """Carry out a plan on the device: pictures (B, 3, 64, 64) in -1..1 and ink (B, 1, 64, 64), -1 = no sketch."""
        device = self.tiles.device
        on = {k: v.to(device, non_blocking=True) for k, v in plan.items() if isinstance(v, torch.Tensor)}
        # The named colours vary a little, as visitors' idea of them does; white stays white.
        ground = on["ground"][:, :3] + torch.randn(len(on["row"]), 3, device=device) * 5 * on["ground"][:, 3:]
        theta = placing(len(ground), device, freely=on["inked"])
        pictures = compose(self.tiles[on["row"]], ground, theta)
        drafts = self.drafts[on["thing"], on["draft"]][:, None].float() / 255
        ink = by_hand(drafts, theta, SIZE)
        return pictures, torch.where(on["inked"][:, None, None, None], ink, -torch.ones_like(ink))

    def batch(self, size: int, rng: random.Random, held: bool = False):
        """`plan` and `show` in one: pictures, ink, captions ("" = no text)."""
        plan = self.plan(size, rng, held)
        return *self.show(plan), plan["captions"]

    def canonical(self, rows, grounds) -> torch.Tensor:
        """Tiles as the network should draw them: centred, 90% of the side. rows: (B,), grounds: (B, 3), 0..255."""
        theta = placing(len(rows), self.tiles.device, vary=False)
        return compose(self.tiles[rows], torch.as_tensor(grounds, dtype=torch.float32, device=self.tiles.device), theta)


def placing(count: int, device, vary: bool = True, freely: torch.Tensor | None = None) -> torch.Tensor:
    """Affine maps (B, 2, 3) from places in the picture to places in the tile, for `F.affine_grid`.

    vary: a little size, place and turn of its own for each picture. freely: bool (B,), which pictures vary a lot and
    are mirrored half of the time; all by default. With a sketch the network can see where things are and must follow;
    from words alone it had better learn one good way to stand.
    """
    if not vary:
        scale = torch.full((count,), 0.95 / 0.90, device=device)
        zero = torch.zeros_like(scale)
        return torch.stack([torch.stack([scale, zero, zero], 1), torch.stack([zero, scale, zero], 1)], 1)
    uniform = lambda low, high: torch.rand(count, device=device) * (high - low) + low  # noqa: E731
    much = torch.ones(count, device=device) if freely is None else freely.float()
    size = 0.97 - uniform(0, 1) * (0.07 + 0.14 * much)  # share of the side that the subject's longest side takes
    turned = much * (uniform(0, 1) < 0.4) * torch.randn(count, device=device) * math.radians(7)
    mirror = torch.where(uniform(0, 1) < 0.5 * much, -1.0, 1.0)
    stretch = torch.exp(torch.randn(count, device=device) * (0.01 + 0.03 * much))
    room = (1 - size) * (0.4 + 0.3 * much)
    dx, dy = uniform(-1, 1) * room, uniform(-1, 1) * room
    a = 0.95 / size
    cos, sin = torch.cos(turned) * a, torch.sin(turned) * a
    top = torch.stack([cos * mirror * stretch, -sin * mirror, -(cos * dx - sin * dy) * mirror], 1)
    bottom = torch.stack([sin, cos / stretch, -(sin * dx + cos * dy)], 1)
    return torch.stack([top, bottom], 1)


def compose(tiles: torch.Tensor, ground: torch.Tensor, theta: torch.Tensor, size: int = SIZE) -> torch.Tensor:
    """Place tiles, uint8 (B, 4, S, S), on plain grounds, (B, 3) in 0..255. Returns (B, 3, size, size) in -1..1."""
    rgba = tiles.float() / 255
    rgba = torch.cat([rgba[:, :3] * rgba[:, 3:], rgba[:, 3:]], 1)  # premultiplied: no dark rim after resampling
    grid = F.affine_grid(theta, (len(tiles), 4, size, size), align_corners=False)
    placed = F.grid_sample(rgba, grid, align_corners=False)
    ground = (ground / 255).clamp(0, 1)[:, :, None, None]
    return ((placed[:, :3] + ground * (1 - placed[:, 3:])) * 2 - 1).clamp(-1, 1)


def _prepare_one(tile: np.ndarray):
    return tile, [repaint(tile, colour) for colour in COLOURS], trace(tile), main_colour(tile)


def build(pictures: list[tuple[Concept, str, np.ndarray]], workers: int = 0) -> World:
    """A World of (concept, style, tile) triples: repaints and traces them. About 40 ms of CPU a picture."""
    tiles = [tile for _, _, tile in pictures]
    if workers:
        with multiprocessing.get_context("fork").Pool(workers, cv2.setNumThreads, (1,)) as pool:
            made = pool.map(_prepare_one, tiles, chunksize=16)
    else:
        made = [_prepare_one(tile) for tile in tiles]
    rows, variants = [], np.full((len(pictures), NATURAL + 1), -1, np.int32)
    for i, (tile, painted, _, _) in enumerate(made):
        variants[i, NATURAL] = len(rows)
        rows.append(tile)
        for k, other in enumerate(painted):
            if other is not None:
                variants[i, k] = len(rows)
                rows.append(other)
    return World(torch.from_numpy(np.stack(rows)), torch.from_numpy(np.stack([m[2] for m in made])), variants,
                 [(c, s) for c, s, _ in pictures], [m[3] for m in made])  # fmt: skip


def load(folder: Path | None = None, workers: int = 2) -> World:
    """The World of the trained styles below WORK/data, prepared once and kept beside it."""
    concepts = load_concepts(folder)
    things = [(c, style) for style in STYLES for c in concepts if style in c.tile]
    kept = WORK / "prepared.pt"
    if kept.exists():
        k = torch.load(kept, weights_only=True)
        return World(k["tiles"], k["drafts"], k["variants"].numpy(), things, k["natural"])
    sheets = {style: load_sheet(style, folder) for style in STYLES}
    world = build([(c, s, sheets[s][c.tile[s]]) for c, s in things], workers)
    rows = world.tiles.permute(0, 2, 3, 1).contiguous()
    torch.save({"tiles": rows, "drafts": world.drafts, "variants": torch.from_numpy(world.variants),
                "natural": world.natural_colour}, kept)  # fmt: skip
    return world
