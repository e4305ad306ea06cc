"""Colour from scribbles, without a network: it flows from the brush marks and stops where the brightness changes.

Levin 2004 (doi:10.1145/1015706.1015780): neighbours of similar brightness should have similar colours. That is one
sparse system of linear equations; here in its symmetric form, a diffusion that edges hold back.
"""

import numpy as np
import PIL.Image

SIDE = 400  # pixels of the longer side of the copy on which the equations are solved
EDGE = 0.012  # a step in brightness (0..1) that mostly stops a colour
LEAK = 1e-4  # what still flows over an edge, so that a region without a scribble gets a colour too
RADIUS = 4  # pixels of the copy: in windows so large, colour is taken to follow brightness when the copy is enlarged

# Luma and the two differences of colour of BT.601: eyes want detail in the first and hardly any in the others.
YUV = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def spread(grey: np.ndarray, scribbles: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Colour a grey picture.

    Args:
        grey: uint8 (H, W).
        scribbles: uint8 (H, W, 3), colours, of which only hue and saturation count.
        marked: bool (H, W), where they are; somewhere at least.

    Returns:
        uint8 (H, W, 3), as bright as `grey`.
    """
    height, width = grey.shape
    shrink = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    marks = np.dstack([scribbles, marked * np.uint8(255)])
    # Premultiplied when resized, so that the colours of unmarked pixels do not mix in.
    small = np.asarray(
        PIL.Image.fromarray(marks).convert("RGBa").resize(size, PIL.Image.Resampling.BOX).convert("RGBA")
    )
    small_marked = small[..., 3] > min(127, small[..., 3].max() - 1)
    luma = np.asarray(PIL.Image.fromarray(grey).resize(size, PIL.Image.Resampling.BOX)) / 255
    chroma = solve(luma, small[..., :3] / 255 @ YUV[1:].T, small_marked)
    yuv = np.dstack([grey / 255, *(enlarge(chroma[..., i], luma, grey / 255) for i in range(2))])
    return ((yuv @ np.linalg.inv(YUV).T).clip(0, 1) * 255).round().astype(np.uint8)


def solve(luma: np.ndarray, chroma: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """(h, w, 2): `chroma` (h, w, 2) where `marked`, elsewhere the weighted mean of the eight neighbours."""
    import scipy.sparse
    import scipy.sparse.linalg

    height, width = luma.shape
    number = np.arange(height * width).reshape(height, width)
    parts = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = np.s_[: height - down, max(0, -right) : width - max(0, right)]
        there = np.s_[down:, max(0, right) : width + min(0, right)]
        alike = np.exp(-((luma[here] - luma[there]) ** 2) / (2 * EDGE**2)) + LEAK
        parts.append((alike.ravel(), number[here].ravel(), number[there].ravel()))
    weights, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    weights = scipy.sparse.coo_matrix((weights, (rows, columns)), shape=(number.size, number.size))
    weights = (weights + weights.T).tocsr()
    laplacian = (scipy.sparse.diags(np.asarray(weights.sum(1)).ravel()) - weights).tocsr()
    free, fixed = np.flatnonzero(~marked), np.flatnonzero(marked)
    solved = chroma.reshape(-1, 2).copy()
    if len(free):
        known = -laplacian[free][:, fixed] @ solved[fixed]
        # Ordered and pivoted for a symmetric matrix: several times as fast as the default.
        factors = scipy.sparse.linalg.splu(
            laplacian[free][:, free].tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0,
            options={"SymmetricMode": True},
        )  # fmt: skip
        solved[free] = factors.solve(known)
    return solved.reshape(height, width, 2)


def enlarge(values: np.ndarray, guide: np.ndarray, large_guide: np.ndarray) -> np.ndarray:
    """(h, w) -> (H, W) along the edges of the guide: fast guided filter (He 2015, arXiv:1505.00996)."""
    import scipy.ndimage

    def mean(array):
        return scipy.ndimage.uniform_filter(array, 2 * RADIUS + 1, mode="nearest")

    variance = mean(guide**2) - mean(guide) ** 2
    slope = (mean(guide * values) - mean(guide) * mean(values)) / (variance + 1e-4)
    offset = mean(values) - slope * mean(guide)

    def large(array):
        resized = PIL.Image.fromarray(mean(array).astype(np.float32)).resize(
            large_guide.shape[::-1], PIL.Image.Resampling.BILINEAR
        )
        return np.asarray(resized)

    return large(slope) * large_guide + large(offset)
