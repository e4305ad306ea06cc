"""The networks of tasks/restoration.py, all called alike.

float32 RGB (H, W, 3), 0..1, goes in; float32 (H * scale, W * scale, 3) comes out. Each says how it wants to be fed:
`tile`, the longest side it takes at once (0: the whole picture); `step`, of which sides must be multiples; `overlap`,
by how many pixels tiles share their edges.
"""

from pathlib import Path

import numpy as np
import PIL.Image

from tasks import settings


class Torch:
    """What networks in torch share: pictures become tensors and back."""

    def net(self, x: "torch.Tensor") -> "torch.Tensor":  # noqa: F821
        """(B, 3, H, W) -> (B, 3, H * scale, W * scale), RGB, 0..1."""
        raise NotImplementedError

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        import torch

        settings.use_threads()
        with torch.inference_mode():
            return self.net(self.batch(pixels))[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()

    @staticmethod
    def batch(pixels: np.ndarray) -> "torch.Tensor":  # noqa: F821
        """float32 (H, W, 3) -> (1, 3, H, W), where the networks are."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].to(settings.device())


class Spandrel(Torch):
    """Any network that spandrel (https://github.com/chaiNNer-org/spandrel) recognises by the names of its weights."""

    step = 1

    def __init__(self, folder: Path, file: str = "model.safetensors", tile: int = 128, overlap: int = 16):
        self.net = load_spandrel(folder / file)
        self.scale, self.tile, self.overlap = self.net.scale, tile, overlap


def load_spandrel(path: Path, *more):
    """A network that spandrel built, in float32. Weights in pickles are read without running what they may contain.

    Args:
        more: architectures that spandrel keeps in a package of their own.
    """
    import spandrel

    settings.use_threads()
    registry = spandrel.MAIN_REGISTRY.copy()
    registry.add(*more)
    loader = spandrel.ModelLoader(settings.device(), registry)
    return loader.load_from_file(path).float().eval()


def mirrored(x: "torch.Tensor", width: int) -> "torch.Tensor":  # noqa: F821
    """The pictures (B, C, H, W) with an edge of so many pixels, mirrored as far as they go."""
    import torch.nn.functional as F

    edge = [min(width, side - 1) for side in (x.shape[3], x.shape[3], x.shape[2], x.shape[2])]
    return F.pad(F.pad(x, edge, mode="reflect"), [width - side for side in edge], mode="replicate")


class Waifu2x(Torch):
    """UpConv7 (https://github.com/nagadomi/nunif): six convolutions, then one that doubles the size."""

    scale, tile, step, overlap = 2, 256, 1, 24

    def __init__(self, folder: Path, file: str):
        import safetensors.torch

        tensors = safetensors.torch.load_file(folder / file, settings.device())
        self.layers = [[tensors[f"conv{i}_layer.{part}"].float() for part in ("weight", "bias")] for i in range(1, 8)]

    def net(self, x):
        import torch.nn.functional as F

        x = mirrored(x, 7)  # the convolutions take nothing beyond the edge
        for weight, bias in self.layers[:-1]:
            x = F.leaky_relu(F.conv2d(x, weight, bias), 0.1)
        return F.conv_transpose2d(x, *self.layers[-1], stride=2, padding=3)


class DeadLeaves(Torch):
    """What is noise and what is picture, told from 24 pixels around; trained by training/denoiser.py.

    Residual blocks as of EDSR (Lim 2017, arXiv:1707.02921) on squares of 2 x 2 pixels as of FFDNet (Zhang 2018,
    arXiv:1710.04026), without being told how strong the noise is. What comes out is the noise.
    """

    scale, tile, step, overlap = 1, 512, 2, 48
    CHANNELS, BLOCKS, EDGE = 64, 5, 24

    def __init__(self, folder: Path):
        import safetensors.torch

        self.noise = self.build()
        self.noise.load_state_dict(safetensors.torch.load_file(folder / "model.safetensors"))
        self.noise.eval().to(settings.device())

    def net(self, x):
        edge = self.EDGE
        # Beyond the edge the convolutions would see grey.
        return x - self.noise(mirrored(x, edge) - 0.5)[:, :, edge:-edge, edge:-edge]

    @classmethod
    def build(cls) -> "torch.nn.Sequential":  # noqa: F821
        return residual_network(3, cls.CHANNELS, cls.BLOCKS)


def residual_network(inputs: int, wide: int, blocks: int, dilation: int = 1) -> "torch.nn.Sequential":  # noqa: F821
    """Residual blocks on squares of 2 x 2 pixels: (B, inputs, H, W) -> (B, 3, H, W), sides even.

    dilation: of the second convolution of each block.
    """
    from torch import nn

    class Block(nn.Sequential):
        def forward(self, x):
            return x + super().forward(x)

    def conv(inputs: int, outputs: int, dilation: int = 1) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)

    middle = [Block(conv(wide, wide), nn.ReLU(), conv(wide, wide, dilation)) for _ in range(blocks)]
    return nn.Sequential(nn.PixelUnshuffle(2), conv(4 * inputs, wide), *middle, conv(wide, 12), nn.PixelShuffle(2))


class Maxim:
    """MAXIM (Tu 2022, arXiv:2201.02973), exported by training/convert_maxim.py: sides are multiples of 64."""

    scale, tile, step, overlap = 1, 384, 64, 32

    def __init__(self, folder: Path):
        (path,) = folder.glob("*.onnx")
        self.session = settings.onnx_session(path, keep_memory=False)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"picture": pixels[None]})[0][0].clip(0, 1)


class Brightener(Maxim):
    """MAXIM looks at the whole photograph, made small, since brightness is a matter of the whole.

    What it does to the small copy is described around each of its points by a line, brighter = a * value + b, with a
    guided filter (He 2010, doi:10.1109/TPAMI.2012.213). The lines then apply to the photograph itself, which stays as
    sharp as it was.
    """

    scale, tile, step, overlap = 1, 0, 1, 0
    AREA = 256 * 256  # pixels of the small copy
    RADIUS = 4  # pixels of the small copy that share a line
    SMOOTHNESS = 1e-5  # variance under which a neighbourhood counts as even

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        shrink = (self.AREA / (height * width)) ** 0.5
        size = tuple(int(max(1, round(side * shrink / 64))) * 64 for side in (width, height))
        small = resized(pixels, size)
        lines = guided_lines(small, super().__call__(small), self.RADIUS, self.SMOOTHNESS)
        result = np.empty_like(pixels)
        rows = 256  # at a time: what is in flight stays small
        for top in range(0, height, rows):
            part = slice(top, min(top + rows, height))
            box = (0, part.start * size[1] / height, size[0], part.stop * size[1] / height)
            a, b = (resized(line, (width, part.stop - part.start), box) for line in lines)
            result[part] = (a * pixels[part] + b).clip(0, 1)
        return result


def resized(pixels: np.ndarray, size: tuple[int, int], box: tuple[float, ...] | None = None) -> np.ndarray:
    """float32 (H, W, 3) -> (size[1], size[0], 3), linear, smoothed before it is made smaller."""
    channels = [PIL.Image.fromarray(np.ascontiguousarray(pixels[..., c])) for c in range(3)]
    return np.stack([np.asarray(c.resize(size, PIL.Image.Resampling.BILINEAR, box)) for c in channels], -1)


def guided_lines(x: np.ndarray, y: np.ndarray, radius: int, smoothness: float) -> tuple[np.ndarray, np.ndarray]:
    """(a, b), each (H, W, 3): around each point a * x + b is the closest to y that a line can get."""
    from scipy.ndimage import uniform_filter

    def mean(values):
        return uniform_filter(values, (2 * radius + 1, 2 * radius + 1, 0), mode="reflect")

    mean_x, mean_y = mean(x), mean(y)
    a = (mean(x * y) - mean_x * mean_y) / (mean(x * x) - mean_x**2 + smoothness)
    return mean(a), mean(mean_y - a * mean_x)


class Filler(Torch):
    """LaMa (Suvorov 2021, arXiv:2109.07161): convolutions over the Fourier transform see the whole picture at once."""

    scale, tile, step, overlap = 1, 0, 1, 0

    def __init__(self, folder: Path, file: str):
        self.network = load_spandrel(folder / file)

    def net(self, x):
        return self.network(x[:, :3], x[:, 3:])

    def __call__(self, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """mask: bool (H, W), where something is to be made up."""
        return super().__call__(np.concatenate([pixels, mask[..., None].astype(np.float32)], -1))


class Colorizer(Torch):
    """DDColor (Kang 2022, arXiv:2212.11613) sees only how light a picture is."""

    scale, tile, step, overlap = 1, 0, 1, 0

    def __init__(self, folder: Path, file: str):
        import spandrel_extra_arches

        self.network = load_spandrel(folder / file, *spandrel_extra_arches.EXTRA_REGISTRY)

    def net(self, x):
        return self.network(0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:])
