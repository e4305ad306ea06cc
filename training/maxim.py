"""MAXIM (Tu 2022, arXiv:2201.02973) in torch: the form in which its published weights are exported to ONNX.

Several U-Nets in a row. Each block mixes pixels twice: near ones within blocks, far ones across a grid laid over the
picture (two gated MLPs), then convolutions with channel attention. Submodules are called as in the authors' Flax code
(https://github.com/google-research/maxim), so that weights find their place by name.

Tensors are (B, H, W, C), H and W multiples of 64.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEATURES, DEPTH, GROUPS, BOTTLENECKS = 32, 3, 2, 2
SIDES = (16, 16, 8, 8)  # of blocks, and of the grid: by depth, the bottleneck last


class Norm(nn.LayerNorm):
    def __init__(self, channels: int):
        super().__init__(channels, eps=1e-6)


class Conv(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class ConvTranspose(nn.ConvTranspose2d):
    def __init__(self, channels_in: int, channels: int):
        super().__init__(channels_in, channels, 2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def gelu(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


class Halves(nn.Linear):
    """A linear layer with GELU whose result is wanted in two halves: cutting its weights spares copying features."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        half = self.out_features // 2
        weights, biases = self.weight.split(half), self.bias.split(half)
        u, v = (gelu(F.linear(x, weight, bias)) for weight, bias in zip(weights, biases, strict=True))
        return u, v


def resize(x: Tensor, ratio: float) -> Tensor:
    """Linear, smoothed before it is made smaller."""
    y = F.interpolate(x.permute(0, 3, 1, 2), scale_factor=ratio, mode="bilinear", antialias=ratio < 1)
    return y.permute(0, 2, 3, 1)


class Mix(nn.Linear):
    """A linear layer over places instead of channels: (..., places, channels)."""

    def __init__(self, side: int):
        super().__init__(side * side, side * side)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight @ x + self.bias[:, None]


def mix_near(x: Tensor, side: int, mix: Mix) -> Tensor:
    """Mix the pixels of each block of side x side."""
    n, h, w, c = x.shape
    y = x.reshape(n, h // side, side, w // side, side, c).permute(0, 1, 3, 2, 4, 5)
    y = mix(y.reshape(n, h // side, w // side, side * side, c)).reshape(n, h // side, w // side, side, side, c)
    return y.permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)


def mix_far(x: Tensor, side: int, mix: Mix) -> Tensor:
    """Mix the pixels that have the same place within the cells of a grid of side x side."""
    n, h, w, c = x.shape
    y = x.reshape(n, side, h // side, side, w // side, c).permute(0, 1, 3, 2, 4, 5)
    y = mix(y.reshape(n, side * side, (h // side) * (w // side) * c))
    y = y.reshape(n, side, side, h // side, w // side, c)
    return y.permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)


class GatingUnit(nn.Module):
    def __init__(self, channels: int, side: int, mixer):
        super().__init__()
        self.side, self.mixer = side, mixer
        self.intermediate_layernorm = Norm(channels)
        self.Dense_0 = Mix(side)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        return u * (self.mixer(self.intermediate_layernorm(v), self.side, self.Dense_0) + 1)


class GatedMlp(nn.Module):
    def __init__(self, channels: int, side: int, kind: str):
        super().__init__()
        self.LayerNorm = Norm(channels)
        self.in_project = Halves(channels, 2 * channels)
        self.gate = f"{kind}GatingUnit"
        self.add_module(self.gate, GatingUnit(channels, side, mix_near if kind == "Block" else mix_far))
        self.out_project = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.out_project(self.get_submodule(self.gate)(*self.in_project(self.LayerNorm(x))))


class MultiAxis(nn.Module):
    """Half of the channels are mixed across the grid, half within blocks."""

    def __init__(self, channels: int, side: int):
        super().__init__()
        self.LayerNorm_in = Norm(channels)
        self.in_project = Halves(channels, 2 * channels)
        self.GridGmlpLayer = GatedMlp(channels, side, "Grid")
        self.BlockGmlpLayer = GatedMlp(channels, side, "Block")
        self.out_project = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        u, v = self.in_project(self.LayerNorm_in(x))
        return x + self.out_project(torch.cat([self.GridGmlpLayer(u), self.BlockGmlpLayer(v)], -1))


class GatingWeights(nn.Module):
    def __init__(self, channels: int, side: int):
        super().__init__()
        self.side = side
        self.LayerNorm_in = Norm(channels)
        self.in_project = Halves(channels, 2 * channels)
        self.Dense_0, self.Dense_1 = Mix(side), Mix(side)
        self.out_project = nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        u, v = self.in_project(self.LayerNorm_in(x))
        u, v = mix_far(u, self.side, self.Dense_0), mix_near(v, self.side, self.Dense_1)
        return self.out_project(torch.cat([u, v], -1))


class CrossGating(nn.Module):
    """Two streams, each weighted by the other."""

    def __init__(self, channels: int, side: int, x_in: int, y_in: int, larger: bool = False):
        super().__init__()
        self.ConvTranspose_0 = ConvTranspose(y_in, channels) if larger else nn.Identity()
        self.Conv_0 = nn.Linear(x_in, channels)
        self.Conv_1 = nn.Linear(channels if larger else y_in, channels)
        for name in "xy":
            self.add_module(f"LayerNorm_{name}", Norm(channels))
            self.add_module(f"in_project_{name}", nn.Linear(channels, channels))
            self.add_module(f"SplitHeadMultiAxisGating_{name}", GatingWeights(channels, side))
            self.add_module(f"out_project_{name}", nn.Linear(channels, channels))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.Conv_0(x), self.Conv_1(self.ConvTranspose_0(y))
        u = gelu(self.in_project_x(self.LayerNorm_x(x)))
        v = gelu(self.in_project_y(self.LayerNorm_y(y)))
        gate_u, gate_v = self.SplitHeadMultiAxisGating_x(u), self.SplitHeadMultiAxisGating_y(v)
        y = y + self.out_project_y(v * gate_u)
        return x + y + self.out_project_x(u * gate_v), y


class ChannelAttention(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.Conv_0 = nn.Linear(channels, channels // 4)
        self.Conv_1 = nn.Linear(channels // 4, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.Conv_1(self.Conv_0(x.mean((1, 2), keepdim=True)).relu()).sigmoid()


class AttentiveConvs(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.LayerNorm = Norm(channels)
        self.conv1, self.conv2 = (Conv(channels, channels, 3, padding=1) for _ in range(2))
        self.channel_attention = ChannelAttention(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.channel_attention(self.conv2(F.leaky_relu(self.conv1(self.LayerNorm(x)), 0.2)))


class Mlp(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.Dense_0, self.Dense_1 = nn.Linear(channels, channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.Dense_1(gelu(self.Dense_0(x)))


class AttentiveMlp(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.LayerNorm = Norm(channels)
        self.channel_mixing = Mlp(channels)
        self.channel_attention = ChannelAttention(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.channel_attention(self.channel_mixing(self.LayerNorm(x)))


class Bottleneck(nn.Module):
    def __init__(self, channels: int, side: int):
        super().__init__()
        self.input_proj = nn.Linear(channels, channels)
        for i in range(GROUPS):
            self.add_module(f"SplitHeadMultiAxisGmlpLayer_{i}", MultiAxis(channels, side))
            self.add_module(f"channel_attention_block_1_{i}", AttentiveMlp(channels))

    def forward(self, x: Tensor) -> Tensor:
        x = shortcut = self.input_proj(x)
        for i in range(GROUPS):
            x = self.get_submodule(f"SplitHeadMultiAxisGmlpLayer_{i}")(x)
            x = self.get_submodule(f"channel_attention_block_1_{i}")(x)
        return x + shortcut


class Encoder(nn.Module):
    def __init__(self, channels_in: int, channels: int, side: int, crossed: bool = False, smaller: bool = True):
        super().__init__()
        self.Conv_0 = nn.Linear(channels_in, channels)
        for i in range(GROUPS):
            self.add_module(f"SplitHeadMultiAxisGmlpLayer_{i}", MultiAxis(channels, side))
            self.add_module(f"channel_attention_block_1{i}", AttentiveConvs(channels))
        self.cross_gating_block = CrossGating(channels, side, channels, channels) if crossed else None
        self.Conv_1 = Conv(channels, channels, 4, 2, 1) if smaller else None

    def forward(self, x: Tensor, other: Tensor | None = None) -> tuple[Tensor | None, Tensor]:
        """The features made half as large (None in a decoder), and as they are."""
        x = shortcut = self.Conv_0(x)
        for i in range(GROUPS):
            x = self.get_submodule(f"SplitHeadMultiAxisGmlpLayer_{i}")(x)
            x = self.get_submodule(f"channel_attention_block_1{i}")(x)
        x = x + shortcut
        if self.cross_gating_block:
            x, _ = self.cross_gating_block(x, other)
        return self.Conv_1(x) if self.Conv_1 else None, x


class Decoder(nn.Module):
    def __init__(self, channels_in: int, channels: int, side: int):
        super().__init__()
        self.ConvTranspose_0 = ConvTranspose(channels_in, channels)
        self.UNetEncoderBlock_0 = Encoder((1 + DEPTH) * channels, channels, side, smaller=False)

    def forward(self, x: Tensor, bridge: Tensor) -> Tensor:
        return self.UNetEncoderBlock_0(torch.cat([self.ConvTranspose_0(x), bridge], -1))[1]


class SupervisedAttention(nn.Module):
    """Where the picture drawn so far says that features matter."""

    def __init__(self, channels: int):
        super().__init__()
        self.Conv_0 = Conv(channels, channels, 3, padding=1)
        self.Conv_1 = Conv(channels, 3, 3, padding=1)
        self.Conv_2 = Conv(3, channels, 3, padding=1)

    def forward(self, x: Tensor, picture: Tensor) -> Tensor:
        return x + self.Conv_0(x) * self.Conv_2(self.Conv_1(x) + picture).sigmoid()


class Maxim(nn.Module):
    def __init__(self, stages: int):
        super().__init__()
        self.stages = stages
        widths = [FEATURES << i for i in range(DEPTH)]
        ups = 0
        for s in range(stages):
            last = s == stages - 1
            for i, width in enumerate(widths):
                self.add_module(f"stage_{s}_input_conv_{i}", Conv(3, width, 3, padding=1))
                if s:
                    self.add_module(f"stage_{s}_input_fuse_sam_{i}", CrossGating(width, SIDES[i], width, width))
                below = width // 2 if i else width
                self.add_module(f"stage_{s}_encoder_block_{i}", Encoder(below + width, width, SIDES[i], crossed=s > 0))
                above = widths[min(i + 1, DEPTH - 1)]
                cross = CrossGating(width, SIDES[i], DEPTH * width, above, larger=True)
                self.add_module(f"stage_{s}_cross_gating_block_{i}", cross)
                self.add_module(f"stage_{s}_decoder_block_{i}", Decoder(above, width, SIDES[i]))
                if not last:
                    self.add_module(f"stage_{s}_supervised_attention_module_{i}", SupervisedAttention(width))
            if last:
                self.add_module(f"stage_{s}_output_conv_0", Conv(widths[0], 3, 3, padding=1))
            for i in range(BOTTLENECKS):
                self.add_module(f"stage_{s}_global_block_{i}", Bottleneck(widths[-1], SIDES[-1]))
            for into in reversed(range(DEPTH)):  # resized features meet at each depth, in front of both kinds of blocks
                for j in range(DEPTH):
                    self.add_module(f"UpSampleRatio_{ups + j}", Resize(widths[j], widths[into], 2.0 ** (j - into)))
                    self.add_module(
                        f"UpSampleRatio_{ups + DEPTH**2 + j}",
                        Resize(widths[DEPTH - 1 - j], widths[into], 2.0 ** (DEPTH - 1 - j - into)),
                    )
                ups += DEPTH
            ups += DEPTH**2

    def forward(self, x: Tensor) -> Tensor:
        """RGB 0..1 -> the same, of the same size."""
        # The middle pixel of each square, right and below of it where there are two.
        pictures = [x if i == 0 else x[:, 2**i // 2 :: 2**i, 2**i // 2 :: 2**i] for i in range(DEPTH)]
        ups = iter(range(2 * DEPTH**2 * self.stages))
        part = self.get_submodule
        attended, before = [], []
        for s in range(self.stages):
            down, encoded = None, []
            for i in range(DEPTH):
                y = part(f"stage_{s}_input_conv_{i}")(pictures[i])
                if s:
                    y, _ = part(f"stage_{s}_input_fuse_sam_{i}")(y, attended[i])
                y = torch.cat([y if down is None else down, y], -1)
                down, features = part(f"stage_{s}_encoder_block_{i}")(y, before[i] if s else None)
                encoded.append(features)
            for i in range(BOTTLENECKS):
                down = part(f"stage_{s}_global_block_{i}")(down)
            decoded = up = down
            bridges = []
            for i in reversed(range(DEPTH)):
                signal = torch.cat([part(f"UpSampleRatio_{next(ups)}")(features) for features in encoded], -1)
                bridge, up = part(f"stage_{s}_cross_gating_block_{i}")(signal, up)
                bridges.append(bridge)
            before, attended = [None] * DEPTH, [None] * DEPTH
            for i in reversed(range(DEPTH)):
                signal = torch.cat([part(f"UpSampleRatio_{next(ups)}")(bridge) for bridge in bridges], -1)
                decoded = part(f"stage_{s}_decoder_block_{i}")(decoded, signal)
                before[i] = encoded[i] + decoded
                if s < self.stages - 1:
                    attended[i] = part(f"stage_{s}_supervised_attention_module_{i}")(decoded, pictures[i])
        return part(f"stage_{self.stages - 1}_output_conv_0")(decoded) + pictures[0]


class Resize(nn.Module):
    """Features of another depth."""

    def __init__(self, channels_in: int, channels: int, ratio: float):
        super().__init__()
        self.ratio = ratio
        self.Conv_0 = nn.Linear(channels_in, channels)

    def forward(self, x: Tensor) -> Tensor:
        if self.ratio == 1:
            return self.Conv_0(x)
        # Both are linear and trade places: the layer runs on the smaller of the two.
        return resize(self.Conv_0(x), self.ratio) if self.ratio > 1 else self.Conv_0(resize(x, self.ratio))
