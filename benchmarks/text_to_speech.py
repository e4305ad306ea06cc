"""speak() beside the raw engines: hibari's own class, and Kokoro's ONNX file as published; and the real-time factor."""

import json
from collections.abc import Iterator

import numpy as np
from hibari import Hibari
from safetensors.numpy import load_file

from benchmarks import Row, compare
from tasks import models
from tasks.settings import onnx_session, settings
from tasks.speech_synthesis import HEART, HIBARI, KOKORO, KOKORO_VOICES, KOKORO_WHEELS, Voice, speak

TEXT = "The old keeper walked along the shore. Every evening he counted the waves, and then he lit the lamp."


def rows() -> Iterator[Row]:
    raw = Hibari(threads=settings.threads)
    yield row("hibari", HEART, lambda: raw(TEXT), 9)

    parts = b"".join(path.read_bytes() for path in KOKORO_WHEELS._locate().values())
    path = KOKORO_WHEELS.folder().parent / "benchmark-kokoro.onnx"
    path.write_bytes(parts)
    session = onnx_session(path)
    path.unlink()
    vocabulary = json.loads((HIBARI.source.folder() / "vocab.json").read_text())
    table = load_file(KOKORO.source.folder() / "voices.safetensors")["af_heart"].astype(np.float32)

    def kokoro():
        for signs in raw.phonemize(TEXT):
            ids = [vocabulary[sign] for sign in signs if sign in vocabulary]
            style, speed = table[len(ids) - 1][None], np.ones(1, np.float32)
            session.run(None, {"tokens": np.array([[0, *ids, 0]], np.int64), "style": style, "speed": speed})

    yield row("Kokoro-82M", KOKORO_VOICES[0], kokoro, 5)


def row(name: str, voice: Voice, theirs, runs: int) -> Row:
    models.load(voice.model)
    seconds = sum(speech.seconds for speech in speak(TEXT, voice))
    found = compare(f"speak {seconds:.1f} s, {name}", lambda: list(speak(TEXT, voice)), theirs, runs)
    note = f"real-time factor {found.ours / seconds:.3f}"
    return Row(found.what, found.ours, found.theirs, found.ratio, note)
