"""Fetch the English voices of Kokoro-82M for assets/models/kokoro-voices:  python -m training.kokoro_voices

The npm package kokoro-js carries a table for each voice: float32 (510 lengths of text, 256). Nothing of the package is
installed or run; its tables are read, rounded to half precision and written into one file.

Then every voice reads two sentences to the speaker encoder: the second file holds its embeddings, and the pitches.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tasks.speech_synthesis import KOKORO_VOICES, speak
from tasks.voice_matching import embed, resample

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "models" / "kokoro-voices"
PACKAGE = "kokoro-js@1.2.1"
SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
READ = (
    "The old keeper walked along the shore and watched the waves. "
    "Every evening they would sit together and talk about the day."
)
ENGLISH = ("af_", "am_", "bf_", "bm_")  # American or British, female or male


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("voices.safetensors", voices())
    write("matching.safetensors", heard())


def voices() -> dict[str, np.ndarray]:
    """Name -> float16 (510, 256)."""
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
    return dict(sorted(tables.items()))


def heard() -> dict[str, np.ndarray]:
    """embeddings (28, 256) and pitches (28,) in Hz, in the order of KOKORO_VOICES."""
    embeddings, pitches = [], []
    for voice in KOKORO_VOICES:
        speeches = list(speak(READ, voice))
        f0 = np.concatenate([speech.prosody.f0 for speech in speeches])
        pitches.append(np.median(f0[f0 > 0]))
        embeddings.append(embed(np.concatenate([resample(speech.samples / 32768) for speech in speeches])))
        print(f"{voice.name}: {pitches[-1]:.0f} Hz", flush=True)
    return {"embeddings": np.stack(embeddings).astype(np.float32), "pitches": np.array(pitches, np.float32)}


def write(name: str, tensors: dict[str, np.ndarray]) -> None:
    path = FOLDER / name
    save_file(tensors, path)
    path.chmod(0o644)
    print(f"{name}: {path.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
