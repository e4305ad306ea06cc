"""Fetch the English voices of Kokoro-82M for assets/models/kokoro-voices:  python -m training.kokoro_voices

The npm package kokoro-js carries a table for each voice: float32 (510 lengths of text, 256). Nothing of the package is
installed or run; its tables are read, rounded to half precision and written into one file.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "models" / "kokoro-voices"
PACKAGE = "kokoro-js@1.2.1"
SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
ENGLISH = ("af_", "am_", "bf_", "bm_")  # American or British, female or male


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True)
        (archive,) = Path(folder).glob("*.tgz")
        if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
            sys.exit(f"{PACKAGE} is not the package this gallery was tested with.")
        tables = {}
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                name = Path(member.name).stem
                if member.name.endswith(".bin") and name.startswith(ENGLISH):
                    table = np.frombuffer(tar.extractfile(member).read(), "<f4").reshape(510, 256)
                    tables[name] = table.astype(np.float16)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "voices.safetensors"
    save_file(dict(sorted(tables.items())), path)
    print(json.dumps({path.name: hashlib.sha256(path.read_bytes()).hexdigest()}), f"{len(tables)} voices")


if __name__ == "__main__":
    main()
