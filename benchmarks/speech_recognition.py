"""transcribe() beside faster-whisper called by hand with the same settings, and the real-time factor."""

from collections.abc import Iterator

from faster_whisper import WhisperModel

from benchmarks import Row, compare
from tasks import models
from tasks.settings import EXAMPLES, settings
from tasks.speech_recognition import DEFAULT, TINY_EN, transcribe

RECORDING = EXAMPLES / "kennedy.flac"
SECONDS = 11


def rows() -> Iterator[Row]:
    for model in (DEFAULT, TINY_EN):
        folder = str(model.source.folder())
        net = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=settings.threads)

        def by_hand(net=net):
            list(net.transcribe(str(RECORDING), beam_size=1, vad_filter=True, word_timestamps=True)[0])

        def ours(model=model):
            transcribe(RECORDING, model)

        models.load(model)
        row = compare(f"transcribe {SECONDS} s, {model.name}", ours, by_hand, runs=9)
        yield Row(row.what, row.ours, row.theirs, row.ratio, f"real-time factor {row.ours / SECONDS:.2f}")
