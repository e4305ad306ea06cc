"""Removal of an object without a network: the hole is filled with patches found elsewhere in the same picture.

Coarse to fine, as Wexler 2007 (doi:10.1109/TPAMI.2007.60): every patch that touches the hole looks for the most similar
patch of the known part, then all of them vote for the colours of the pixels they cover, and so on until they agree.
The search is exact, one matrix product where PatchMatch (Barnes 2009, doi:10.1145/1531326.1531330) guesses for speed.
Neighbours like to copy from neighbours (Ashikhmin 2001, doi:10.1145/364338.364405), as that keeps textures sharp. What
was agreed on a small copy is looked up in the picture itself, so that the fill has its full resolution, and seams are
hidden.
"""

from collections.abc import Iterator

import numpy as np
import PIL.Image
import scipy.ndimage

from tasks import settings
from tasks.image_processing_classical import diffuse, to_bytes
from tasks.restoration import Progress

PATCH = 7  # pixels of a side
LARGEST = 256  # pixels of the longer side of the finest copy that is searched
SMALLEST = 24  # pixels of the shorter side of the coarsest, on which a hole is a few patches wide
STEP = 1.6  # from one copy to the next
ROUNDS = (6, 4, 2)  # searches on each coarse copy, on the last but one, on the finest
SHARP_COPIES = (
    2  # the finest ones start from places looked up, not from enlarged colours: these keep early mistakes out
)
DIMENSIONS = 24  # principal components that are compared: all 147 numbers would find the same and take far longer
SOURCES = 24_000  # patches to choose from
NEARNESS = 0.6  # what a distance as long as the copy counts beside the difference of two patches
PATIENCE = 2.0  # a neighbour's choice is taken over if it is not this many times as bad
DOUBT = 1.15  # by how much a patch counts less with every pixel that it lies deeper in the hole

LOYALTY = 0.015  # of the colours to what was voted, when seams are hidden: the smaller, the wider they are spread

OFFSETS = np.indices((PATCH, PATCH)).reshape(2, -1).T - PATCH // 2  # (49, 2): rows and columns
BELL = np.exp(-(OFFSETS**2).sum(1) / (2 * (PATCH / 3) ** 2)).astype(np.float32)  # (49,): the middle counts most


def fill(pixels: np.ndarray, mask: np.ndarray) -> Iterator[Progress]:
    """Make up what the mask covers. Closing the generator cancels between two searches.

    Args:
        pixels: uint8 (H, W, 3).
        mask: bool (H, W), True where something is to vanish; neither nowhere nor everywhere.

    Returns:
        One Progress per search; the last one carries the pixels, of which only the masked ones have changed.
    """
    settings.use_threads()
    box = surroundings(mask)
    crop, hole = pixels[box], mask[box]
    sizes = copies(hole)
    rounds = [ROUNDS[max(0, len(ROUNDS) - len(sizes) + i)] for i in range(len(sizes))]
    done, total, search = 0, sum(rounds) + 1, None
    for i, (size, count) in enumerate(zip(sizes, rounds, strict=True)):
        small, small_hole = resized(crop, size), shrunk(hole, size)
        if search is None:
            start = diffuse(small, small_hole)
        elif i < len(sizes) - SHARP_COPIES:
            start = resized(to_bytes(search.colours), size)
        else:
            start = search.look_up(small, small_hole)
        search = Search(np.where(small_hole[..., None], start, small), small_hole)
        for _ in range(count):
            search.choose()
            search.vote()
            done += 1
            yield Progress(done, total)
    filled = pixels.copy()
    if search:
        made_up = search.look_up(crop, hole) + enlarged(search.seams(), hole.shape)
        filled[box][hole] = made_up.round().clip(0, 255)[hole]
    else:
        filled[box][hole] = diffuse(crop, hole)[hole]
    yield Progress(total, total, filled)


def surroundings(mask: np.ndarray) -> tuple[slice, slice]:
    """The hole and as much again on every side: what fits best is rarely far away."""
    edges = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    margin = 24 + max(48, *(int(np.ptp(edge)) for edge in edges))
    return tuple(slice(max(0, int(edge[0]) - margin), int(edge[-1]) + margin + 1) for edge in edges)


def copies(hole: np.ndarray) -> list[tuple[int, int]]:
    """(height, width) of the copies to search, the coarsest first. None if no patch outside the hole is whole."""
    scale = min(1.0, LARGEST / max(hole.shape))
    sizes = []
    while not sizes or min(hole.shape) * scale >= SMALLEST:
        size = tuple(max(1, round(side * scale)) for side in hole.shape)
        if not whole(shrunk(hole, size)).any():
            break
        sizes.append(size)
        scale /= STEP
    return sizes[::-1]


def whole(hole: np.ndarray) -> np.ndarray:
    """(h, w): True in the middle of each patch that lies in the picture and does not touch the hole."""
    return scipy.ndimage.binary_erosion(~hole, np.ones((PATCH, PATCH)))


def shrunk(hole: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The hole on a copy: every pixel it has a part in."""
    return np.asarray(PIL.Image.fromarray(hole).convert("L").resize(size[::-1], PIL.Image.Resampling.BOX)) > 8


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W, 3) -> uint8 (h, w, 3)."""
    way = PIL.Image.Resampling.BOX if size[0] < len(pixels) else PIL.Image.Resampling.BICUBIC
    return np.asarray(PIL.Image.fromarray(pixels).resize(size[::-1], way))


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float (h, w, 3) -> (H, W, 3)."""
    channels = [PIL.Image.fromarray(values[..., c].astype(np.float32)) for c in range(3)]
    return np.dstack([np.asarray(c.resize(size[::-1], PIL.Image.Resampling.BILINEAR)) for c in channels])


class Search:
    """One copy of the picture: the patches that touch the hole, and for each the patch that is copied to its place.

    Args:
        start: uint8 (h, w, 3), the picture with a first guess in the hole.
        hole: bool (h, w). At least one patch is whole.
    """

    def __init__(self, start: np.ndarray, hole: np.ndarray):
        import torch

        self.hole = hole
        self.colours = start.astype(np.float32) / 255
        self.sound = whole(hole)
        inside = scipy.ndimage.binary_erosion(np.ones_like(hole), np.ones((PATCH, PATCH)))
        touching = scipy.ndimage.binary_dilation(hole, np.ones((PATCH, PATCH)))
        self.targets = np.argwhere(touching & inside)  # (N, 2): rows and columns of their middles
        self.sources = np.argwhere(self.sound)
        if len(self.sources) > SOURCES:
            chosen = np.random.default_rng(0).choice(len(self.sources), SOURCES, replace=False)
            self.sources = self.sources[chosen]
        self.depth = scipy.ndimage.distance_transform_edt(hole)[*self.targets.T]
        patches = self.patches(self.sources)
        self.mean = patches.mean(0)
        some = patches[:: max(1, len(patches) // 4000)] - self.mean
        self.axes = np.linalg.eigh(some.T @ some)[1][:, -DIMENSIONS:]
        self.index = torch.from_numpy(self.described(patches, self.sources))
        self.half_norms = (self.index**2).sum(1) / 2

    def pixels_of(self, middles: np.ndarray) -> np.ndarray:
        """(N, 2) -> (N, 49): where the pixels of patches lie in the flattened copy."""
        width = self.hole.shape[1]
        return (middles @ [width, 1])[:, None] + OFFSETS @ [width, 1]

    def patches(self, middles: np.ndarray) -> np.ndarray:
        """(N, 2) -> (N, 147), weighted so that squared distances count the middle most."""
        colours = self.colours.reshape(-1, 3)[self.pixels_of(middles)] * np.sqrt(BELL)[:, None]
        return colours.reshape(len(middles), -1)

    def places(self, middles: np.ndarray) -> np.ndarray:
        """(N, 2), scaled so that squared distances count as NEARNESS wants."""
        return (np.sqrt(NEARNESS) * middles / max(self.hole.shape)).astype(np.float32)

    def described(self, patches: np.ndarray, middles: np.ndarray) -> np.ndarray:
        """(N, DIMENSIONS + 2): what the search compares."""
        return np.hstack([(patches - self.mean) @ self.axes, self.places(middles)]).astype(np.float32)

    def choose(self) -> None:
        """For every patch that touches the hole: the most similar one, or the one its neighbours make natural."""
        import torch

        wanted = self.patches(self.targets)
        queries = torch.from_numpy(self.described(wanted, self.targets))
        nearest = [
            torch.addmm(self.half_norms[None], part, self.index.T, alpha=-1).argmin(1) for part in queries.split(1024)
        ]
        self.chosen = self.sources[torch.cat(nearest).numpy()]  # (N, 2)

        def cost(which, candidates):
            difference = ((self.patches(candidates) - wanted[which]) ** 2).sum(1)
            return difference + ((self.places(candidates) - self.places(self.targets[which])) ** 2).sum(1)

        everyone = np.arange(len(self.targets))
        self.costs = cost(everyone, self.chosen)
        limit = self.costs * PATIENCE + 1e-4
        number = np.full(self.hole.shape, -1)
        number[*self.targets.T] = everyone
        for step in (2, 1, 2, 1):
            for way in ([step, 0], [0, step], [-step, 0], [0, -step]):
                neighbours = number[*(self.targets - way).clip(0, np.array(number.shape) - 1).T]
                candidates = self.chosen[neighbours] + way
                useful = (neighbours >= 0) & (candidates >= 0).all(1) & (candidates < number.shape).all(1)
                useful[useful] = self.sound[*candidates[useful].T]
                useful &= (candidates != self.chosen).any(1)
                which = np.flatnonzero(useful)
                costs = cost(which, candidates[which])
                better = costs < limit[which]
                which, costs = which[better], costs[better]
                self.chosen[which], self.costs[which], limit[which] = candidates[which], costs, costs

    def weights(self) -> np.ndarray:
        """(N,): how much the vote of each patch counts."""
        typical = np.quantile(self.costs, 0.75) + 1e-4
        return np.exp(-self.costs / (2 * typical)) * DOUBT**-self.depth

    def vote(self) -> None:
        """Every pixel of the hole becomes the mean of what the patches over it were given."""
        covered = self.pixels_of(self.targets).ravel()
        colours = self.colours.reshape(-1, 3)
        copied = colours[self.pixels_of(self.chosen)].reshape(-1, 3)
        weights = (self.weights()[:, None] * BELL).ravel()
        votes = np.bincount(covered, weights, self.hole.size)
        decided = self.hole.ravel() & (votes > 0)
        for channel in range(3):
            sums = np.bincount(covered, weights * copied[:, channel], self.hole.size)
            colours[decided, channel] = sums[decided] / votes[decided]

    def look_up(self, picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """The same copies made in a picture of another size, uint8 (H, W, 3)."""
        size = np.array(self.hole.shape)
        scale = np.array(hole.shape) / size
        shifts, weights = np.zeros((*size, 2)), np.zeros(size)
        shifts[*self.targets.T] = (self.chosen - self.targets) * scale
        weights[*self.targets.T] = self.weights()
        pixels = np.argwhere(hole)
        there = (pixels + 0.5) / scale - 0.5  # on the copy
        sums, votes = np.zeros((len(pixels), 3)), np.zeros(len(pixels))
        for offset in OFFSETS:
            middles = (np.rint(there).astype(int) + offset).clip(0, size - 1)
            sources = np.rint(pixels + shifts[*middles.T]).astype(int)
            known = (sources >= 0).all(1) & (sources < hole.shape).all(1)
            known[known] = ~hole[*sources[known].T]
            bell = np.exp(-((there - middles) ** 2).sum(1) / (PATCH / 3))  # narrow: in full size, sharpness counts
            weight = weights[*middles.T] * bell * known
            sums += weight[:, None] * picture[*np.where(known[:, None], sources, 0).T]
            votes += weight
        filled = resized(to_bytes(self.colours), hole.shape).copy()
        decided = votes > 0
        filled[*pixels[decided].T] = (sums[decided] / votes[decided, None]).round().clip(0, 255)
        return filled

    def seams(self) -> np.ndarray:
        """(h, w, 3), in values up to 255: what hides the edges between patches that came from different places.

        Added to the colours, it makes them change from pixel to pixel as they did where they were copied from (Perez
        2003, doi:10.1145/882262.882269), as far as LOYALTY allows.
        """
        import scipy.sparse
        import scipy.sparse.linalg

        height, width = self.hole.shape
        colours = self.colours.reshape(-1, 3)
        number = np.arange(self.hole.size).reshape(height, width)
        covered, copied, weights = self.pixels_of(self.targets), self.pixels_of(self.chosen), self.weights()
        firsts, seconds, wanted = [], [], []
        for axis, step in ((0, width), (1, 1)):
            within = OFFSETS[:, axis] < PATCH // 2  # the neighbour belongs to the same patch
            here, there = covered[:, within].ravel(), copied[:, within].ravel()
            counts = (weights[:, None] * BELL[within]).ravel()
            votes = np.bincount(here, counts, self.hole.size)
            pairs = np.flatnonzero(votes)
            changes = colours[there + step] - colours[there]
            means = [np.bincount(here, counts * changes[:, c], self.hole.size)[pairs] / votes[pairs] for c in range(3)]
            firsts.append(pairs)
            seconds.append(pairs + step)
            wanted.append(np.stack(means, -1))
        first, second, wanted = (np.concatenate(part) for part in (firsts, seconds, wanted))
        row = np.arange(len(first))
        change = scipy.sparse.csr_matrix(
            (np.repeat([1.0, -1.0], len(row)), (np.tile(row, 2), np.concatenate([second, first]))),
            shape=(len(row), self.hole.size),
        )
        free, fixed = number[self.hole], number[~self.hole]
        inside = change[:, free].tocsc()
        missing = wanted - change[:, fixed] @ colours[fixed]
        system = (inside.T @ inside + LOYALTY * scipy.sparse.identity(len(free))).tocsc()
        solution = scipy.sparse.linalg.spsolve(system, inside.T @ missing + LOYALTY * colours[free])
        result = np.zeros_like(colours)
        result[free] = 255 * (solution - colours[free])
        return result.reshape(height, width, 3)
