"""Kokoro in Portuguese, Spanish and Italian: the included network, with voices from the Hub, half a megabyte each."""

from pathlib import Path

import numpy as np

from tasks import models
from tasks.models import Model
from tasks.speech_synthesis import GENDERS, KOKORO, Prosody, Voice, portions, put_together
from tasks.spoken_romance import LANGUAGES, phonemes
from tasks.weights import Hub

LENGTHS, STYLE = 510, 256  # of a table: one vector for each length of text
CODES = {"p": "pt", "e": "es", "i": "it"}  # the first letter of a voice is its language
NAMES = ["pf_dora", "pm_alex", "pm_santa", "ef_dora", "em_alex", "em_santa", "if_sara", "im_nicola"]


class KokoroAbroad:
    """The tables of other languages' voices; the network is KOKORO's own, in memory once."""

    def __init__(self, folder: Path):
        tables = {name: np.fromfile(folder / f"voices/{name}.bin", "<f4") for name in NAMES}
        self.tables = {name: table.reshape(LENGTHS, STYLE) for name, table in tables.items()}

    def __call__(self, sentence: str, voice: Voice, speed: float, pitch: float) -> tuple[int, np.ndarray, Prosody]:
        table = sum(np.float32(share) * self.tables[name] for name, share in voice.mix.items())
        signs = phonemes(sentence, voice.language)
        with models.use(KOKORO) as kokoro:
            return put_together([kokoro.part(p, table, speed, pitch) for p in portions(signs, kokoro.vocabulary)])


KOKORO_ABROAD = Model(
    name="Kokoro-82M, other languages", load=KokoroAbroad,
    source=Hub(
        "onnx-community/Kokoro-82M-v1.0-ONNX", tuple(f"voices/{name}.bin" for name in NAMES),
        revision="1939ad2a8e416c0acfeecc08a694d14ef25f2231",
    ),
    family="StyleTTS 2 + iSTFTNet", parameters=81_763_410, megabytes=4, license="Apache-2.0",
    link="https://huggingface.co/onnx-community/Kokoro-82M-v1.0-ONNX",
    note="Portuguese, Spanish and Italian voices for the included network. Spelling is read by rules: a stress or an "
    "open vowel may be wrong.",
)  # fmt: skip


def voice(name: str) -> Voice:
    language = LANGUAGES[CODES[name[0]]].name
    return Voice(
        f"{name[3:].capitalize()} ({language})", KOKORO_ABROAD, GENDERS[name[1]], accent="", mix={name: 1.0},
        language=CODES[name[0]],
    )  # fmt: skip


VOICES = {KOKORO_ABROAD: tuple(map(voice, NAMES))}
