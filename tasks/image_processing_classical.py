"""What filters do to pictures without having learned anything: point operations, and the repairs of textbooks.

Each is the opposite of a network of tasks/restoration.py on the same picture. Pixels are uint8 (H, W, 3), RGB.
"""

import numpy as np
import PIL.Image
import PIL.ImageEnhance
import PIL.ImageFilter

SMALL_HOLE = 40_000  # pixels that are solved for at once; larger holes are filled on a smaller copy


def curves(brightness: float, contrast: float, gamma: float, white_balance: float) -> np.ndarray:
    """(3, 256) uint8: what becomes of each value of red, green and blue. Arguments as in `adjust`."""
    value = np.arange(256) / 255
    warmth = np.array([1 + 0.3 * white_balance, 1, 1 - 0.3 * white_balance])[:, None]
    value = (value * warmth).clip(0, 1) ** (1 / gamma)
    value = (value - 0.5) * contrast + 0.5 + brightness
    return (value.clip(0, 1) * 255).round().astype(np.uint8)


def adjust(
    picture: PIL.Image.Image, brightness=0.0, contrast=1.0, saturation=1.0, sharpness=0.0, gamma=1.0, white_balance=0.0
) -> PIL.Image.Image:
    """Sharpen, send every pixel through the same curve, then move it from or towards grey.

    Args:
        picture: mode RGB.
        brightness: -1..1, added to every value (black is 0, white 1).
        contrast: 0..2, the steepness of the curve at middle grey; 1 changes nothing.
        saturation: 0..2, 0 is grey; 1 changes nothing.
        sharpness: -1..2, how much of the difference from a blurred copy is added (unsharp masking), or taken away.
        gamma: 0.3..3; above 1 lifts shadows and leaves black and white alone.
        white_balance: -1 (colder) to 1 (warmer): red and blue are scaled against each other.
    """
    if sharpness:
        blurred = picture.filter(PIL.ImageFilter.GaussianBlur(1.5))
        picture = PIL.Image.blend(blurred, picture, 1 + sharpness)
    table = curves(brightness, contrast, gamma, white_balance)
    return PIL.ImageEnhance.Color(picture.point(table.ravel().tolist())).enhance(saturation)


def automatic(picture: PIL.Image.Image) -> dict[str, float]:
    """Settings of `adjust` that bring the mean halfway to grey, and the values to where they fill the range.

    The rules that cameras began with. They know nothing of what is in the picture: an orange cat gets a little blue.
    """
    values = np.asarray(picture.resize((64, 64), PIL.Image.Resampling.BOX), np.float64) / 255
    red, _, blue = values.mean((0, 1))
    low, high = np.quantile(values, (0.01, 0.99))
    contrast = min(1 / max(high - low, 1e-9), 1.8)
    return {
        "brightness": float(np.clip(contrast * (0.5 - (low + high) / 2), -0.3, 0.3)),
        "contrast": float(contrast),
        "white_balance": float(np.clip(0.5 * (blue - red) / (0.3 * max(red + blue, 1e-9)), -0.4, 0.4)),
    }


def non_local_means(pixels: np.ndarray) -> np.ndarray:
    """Every pixel becomes the mean of those whose surroundings look alike (Buades 2005, doi:10.1109/CVPR.2005.38).

    How strong the noise is, is estimated by `noise`, so that nothing has to be chosen.
    """
    from skimage.restoration import denoise_nl_means

    if min(pixels.shape[:2]) < 8 or not (sigma := noise(pixels)):
        return pixels
    cleaned = denoise_nl_means(
        (pixels / 255).astype(np.float32), 5, 6, h=0.6 * sigma, sigma=sigma, fast_mode=True, channel_axis=-1
    )  # fmt: skip
    return to_bytes(cleaned)


def total_variation(pixels: np.ndarray) -> np.ndarray:
    """The picture with the least up and down that is still near this one (Rudin 1992): edges stay, ripples go."""
    from skimage.restoration import denoise_tv_chambolle

    return to_bytes(denoise_tv_chambolle(pixels / 255, weight=0.03, channel_axis=-1))


def noise(pixels: np.ndarray) -> float:
    """Standard deviation of the noise, 0..1: the median of the finest diagonal details (Donoho 1994)."""
    values = pixels.astype(np.float32) / 255
    details = (values[1:, 1:] - values[1:, :-1] - values[:-1, 1:] + values[:-1, :-1]) / 2
    return float((np.median(np.abs(details), (0, 1)) / 0.6745).mean())


def deconvolve(pixels: np.ndarray, kernel: np.ndarray | None = None, rounds: int = 15) -> np.ndarray:
    """Richardson-Lucy: find the picture that, blurred by the kernel, gives this one (doi:10.1364/JOSA.62.000055).

    Args:
        kernel: float (k, k) that sums to 1. It has to be known: None guesses a small defocus.
    """
    from skimage.restoration import richardson_lucy

    kernel = gaussian(1.5) if kernel is None else kernel
    edge = max(kernel.shape)
    padded = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), mode="symmetric").astype(np.float32) / 255
    sharp = np.stack([richardson_lucy(padded[..., c] + 1e-3, kernel, rounds) for c in range(3)], -1)
    return to_bytes(sharp[edge:-edge, edge:-edge])


def gaussian(sigma: float) -> np.ndarray:
    """A kernel that blurs alike in all directions; it sums to 1."""
    reach = np.arange(-int(3 * sigma + 1), int(3 * sigma + 1) + 1)
    bell = np.exp(-(reach**2) / (2 * sigma**2))
    kernel = np.outer(bell, bell)
    return kernel / kernel.sum()


def equalize(pixels: np.ndarray) -> np.ndarray:
    """Shadows lifted by a gamma that brings the median to the middle, then local contrast (CLAHE, Zuiderveld 1994)."""
    from skimage.color import lab2rgb, rgb2lab
    from skimage.exposure import equalize_adapthist

    values = pixels / 255
    median = float(np.clip(np.median(values.mean(-1)), 0.005, 0.995))
    lab = rgb2lab(values ** np.clip(np.log(0.45) / np.log(median), 0.25, 1))
    if min(pixels.shape[:2]) >= 16:
        lab[..., 0] = equalize_adapthist(lab[..., 0] / 100, clip_limit=0.003) * 100
    return to_bytes(lab2rgb(lab))


def bicubic(pixels: np.ndarray, scale: int) -> np.ndarray:
    """New pixels on a smooth curve through the 16 around them."""
    height, width = pixels.shape[:2]
    size = (width * scale, height * scale)
    return np.asarray(PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.BICUBIC))


def diffuse(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What ink that flows in from the edge would leave: every pixel of the hole is the mean of its four neighbours.

    Args:
        hole: bool (H, W), not everywhere.

    Returns:
        uint8 (H, W, 3): the solution of Laplace's equation in the hole, the same pixels elsewhere.
    """
    if not hole.any():
        return pixels
    shrink = np.sqrt(SMALL_HOLE / hole.sum())
    size = tuple(max(1, round(side * shrink)) for side in hole.shape[::-1])
    small_hole = np.asarray(PIL.Image.fromarray(hole).convert("L").resize(size, PIL.Image.Resampling.BOX)) > 0
    if shrink >= 1 or small_hole.all():
        return solved(pixels, hole)
    small = np.asarray(PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.BOX))
    smooth = PIL.Image.fromarray(solved(small, small_hole)).resize(hole.shape[::-1], PIL.Image.Resampling.BICUBIC)
    return np.where(hole[..., None], np.asarray(smooth), pixels)


def solved(pixels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """`diffuse` by one sparse system of linear equations, an unknown for every pixel of the hole."""
    import scipy.sparse
    import scipy.sparse.linalg

    filled = pixels.copy()
    number = np.cumsum(hole).reshape(hole.shape) - 1  # of each unknown
    count = int(hole.sum())
    equations = scipy.sparse.csc_matrix((count, count))
    known = np.zeros((count, 3))
    for one, other in pairs(hole.shape):
        for here, there in ((one, other), (other, one)):
            equations += unit(number[here][hole[here]], number[here][hole[here]], count)
            both = hole[here] & hole[there]
            equations -= unit(number[here][both], number[there][both], count)
            edge = hole[here] & ~hole[there]
            known[number[here][edge]] += pixels[there][edge]
    filled[hole] = scipy.sparse.linalg.spsolve(equations, known).round().clip(0, 255)
    return filled


def pairs(shape: tuple[int, int]) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Slices of a map that lie on each other where a pixel lies beside its right, and above its lower neighbour."""
    height, width = shape
    everything = slice(None)
    return [
        ((everything, slice(0, width - 1)), (everything, slice(1, width))),
        ((slice(0, height - 1), everything), (slice(1, height), everything)),
    ]


def unit(rows: np.ndarray, columns: np.ndarray, count: int):
    """A sparse matrix of ones at these places."""
    import scipy.sparse

    return scipy.sparse.csc_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))


def to_bytes(values: np.ndarray) -> np.ndarray:
    """0..1 -> 0..255."""
    return (values.clip(0, 1) * 255).round().astype(np.uint8)
