"""A voice like a recording's, from the voices there are; and the consent it takes.

Matching, not cloning: a speaker encoder (GE2E, Wan et al. 2018, https://arxiv.org/abs/1710.10467) turns the recording
into a point on a sphere. The nearest mix of Kokoro's voices is looked for there, the pitch is moved to the recording's,
and the average spectrum is bent towards it. Whatever no mix of the voices can do stays as it is.
"""

import functools
import re
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tasks import models
from tasks.errors import BadInput
from tasks.inputs import read_audio
from tasks.models import Model
from tasks.settings import use_threads
from tasks.speech_synthesis import KOKORO, KOKORO_VOICES, RATE, Voice, blend, speak
from tasks.weights import Wheel
from tasks.whisper import BASE

ENCODER_RATE = 16_000  # samples per second
MELS, WINDOW, HOP = 40, 400, 160  # 25 ms every 10 ms
SPAN, STRIDE = 160, 77  # frames the encoder reads at once, and how far apart it begins
MIN_SECONDS = 5.0  # of voice
HEARD_SECONDS = 30  # of a recording, at most
PITCH_WEIGHT = 0.15  # of the logarithm of the pitch, beside the embedding, when the mix is looked for
PHRASE = "The old keeper walked along the shore, and every evening they would sit together and talk about the day."
HELD_OUT = "A quick brown fox jumped over the fence, while nobody in the village was looking at the moon."
TAPS = 513
MAX_SHIFT = 7.0  # semitones: further, it sounds like nobody
MAX_BEND = 9.0  # decibels the average spectrum may be bent


class SpeakerEncoder:
    """Three LSTM layers over a mel spectrogram; the last state, projected, is the speaker."""

    def __init__(self, folder: Path):
        import torch

        use_threads()
        state = torch.load(folder / "pretrained.pt", map_location="cpu", weights_only=True)["model_state"]
        self.lstm = torch.nn.LSTM(MELS, 256, num_layers=3, batch_first=True)
        self.linear = torch.nn.Linear(256, 256)
        for name, layer in (("lstm", self.lstm), ("linear", self.linear)):
            layer.load_state_dict({k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(name)})

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """(256,), of length 1: who speaks. samples: float32 (n,) at ENCODER_RATE."""
        import librosa
        import torch

        samples = voice_only(samples)
        samples = samples * (10 ** (-30 / 20) / max(np.sqrt((samples**2).mean()), 1e-9))  # as loud as in training
        samples = np.pad(samples, (0, max(0, SPAN * HOP - len(samples))))
        mel = librosa.feature.melspectrogram(y=samples, sr=ENCODER_RATE, n_fft=WINDOW, hop_length=HOP, n_mels=MELS)
        spans = np.stack([mel.T[i : i + SPAN] for i in range(0, mel.shape[1] - SPAN + 1, STRIDE)])  # (B, SPAN, MELS)
        with torch.inference_mode():
            _, (hidden, _) = self.lstm(torch.from_numpy(spans.astype(np.float32)))
            embeddings = torch.relu(self.linear(hidden[-1]))  # (B, 256)
            embedding = torch.nn.functional.normalize(embeddings).mean(0).numpy()
        return embedding / np.linalg.norm(embedding)


def voice_only(samples: np.ndarray) -> np.ndarray:
    """The stretches that are less than 35 dB under the loudest."""
    import librosa

    stretches = librosa.effects.split(samples, top_db=35, frame_length=1024, hop_length=256)
    return np.concatenate([samples[a:b] for a, b in stretches]) if len(stretches) else samples


GE2E = Model(
    name="GE2E speaker encoder",
    load=SpeakerEncoder,
    source=Wheel(
        ("resemblyzer==0.1.4",),
        {"resemblyzer/pretrained.pt": "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"},
    ),
    family="LSTM",
    parameters=1_423_616,
    megabytes=17,
    license="Apache-2.0",
    link="https://github.com/resemble-ai/Resemblyzer",
)


# Matching


def match_voice(audio) -> Voice:
    """A mix of Kokoro's voices, with pitch and average spectrum moved, that is close to a recording's voice.

    Whether the speaker agrees is not asked here: see `check_consent`.

    Args:
        audio: as `inputs.read_audio` takes it, with at least MIN_SECONDS of one voice; HEARD_SECONDS are used.

    Raises:
        BadInput: no recording, or not enough voice in it.
        ModelUnavailable: the weights are not here.
    """
    samples = voice_of(audio, MIN_SECONDS)
    target, pitch = embed(samples), median_pitch(samples)
    voice = nearest_mix(target, pitch)
    wave = resample(next(speak(PHRASE, voice)).samples / 32768)
    semitones = float(np.clip(12 * np.log2(pitch / median_pitch(wave)), -MAX_SHIFT, MAX_SHIFT))
    voice = replace(voice, pitch=semitones, taps=bend(wave, samples))
    return replace(voice, similarity=float(target @ embed_voice(voice, HELD_OUT)))


def nearest_mix(target: np.ndarray, pitch: float) -> Voice:
    """The non-negative mix whose embedding, and pitch, come closest in the sense of least squares."""
    from scipy.optimize import nnls

    known = known_voices()
    octaves = PITCH_WEIGHT * np.log(known["pitches"] / pitch)
    shares, _ = nnls(np.vstack([known["embeddings"].T, octaves]), np.append(target, 0))
    shares[shares < 0.03 * shares.max()] = 0
    return blend(KOKORO_VOICES, shares)


@functools.cache
def known_voices() -> dict[str, np.ndarray]:
    """embeddings (28, 256) and pitches (28,) in Hz of KOKORO_VOICES, made by training/kokoro_voices.py."""
    from safetensors.numpy import load_file

    return load_file(KOKORO.source.folder() / "matching.safetensors")


def known_voice(voice: Voice) -> np.ndarray:
    """(256,): the embedding of one of KOKORO_VOICES."""
    return known_voices()["embeddings"][KOKORO_VOICES.index(voice)]


def voice_of(audio, least: float) -> np.ndarray:
    """float32 (n,) at ENCODER_RATE: the voice in a recording, without pauses."""
    samples = voice_only(read_audio(audio, ENCODER_RATE))[: HEARD_SECONDS * ENCODER_RATE]
    if len(samples) < least * ENCODER_RATE or np.abs(samples).max() < 0.003:
        raise BadInput(f"There is too little voice in this recording: at least {least:.0f} seconds are needed.")
    return samples


def embed(samples: np.ndarray) -> np.ndarray:
    """(256,), of length 1. samples: float32 (n,) at ENCODER_RATE."""
    with models.use(GE2E) as encoder:
        return encoder(samples)


def embed_voice(voice: Voice, text: str) -> np.ndarray:
    """(256,), of length 1: how a voice sounds to the speaker encoder when it says this."""
    return embed(np.concatenate([resample(speech.samples / 32768) for speech in speak(text, voice)]))


def resample(wave: np.ndarray) -> np.ndarray:
    from scipy.signal import resample_poly

    return resample_poly(wave, 2, 3).astype(np.float32)  # RATE -> ENCODER_RATE


def median_pitch(samples: np.ndarray) -> float:
    """Hz. samples: float32 (n,) at ENCODER_RATE."""
    import librosa

    f0, voiced, _ = librosa.pyin(
        samples[: 12 * ENCODER_RATE], fmin=60, fmax=400, sr=ENCODER_RATE, frame_length=1024, hop_length=512
    )
    if not voiced.any():
        raise BadInput("No voice with a pitch was found in this recording: speak, do not whisper.")
    return float(np.median(f0[voiced]))


def bend(wave: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(TAPS,) at RATE: a filter that brings a voice's average spectrum towards another's. Both at ENCODER_RATE."""
    from scipy.signal import firwin2, savgol_filter

    bins = 512
    frequencies = np.linspace(0, ENCODER_RATE / 2, bins + 1)
    gains = average_spectrum(target, bins) - average_spectrum(wave, bins)
    gains = savgol_filter(gains, 31, 2)
    gains = (gains - gains[(frequencies > 200) & (frequencies < 4000)].mean()).clip(-MAX_BEND, MAX_BEND)
    gains[frequencies < 80] = 0
    top = frequencies <= 7000
    points = np.append(frequencies[top], [9000, RATE / 2])  # recordings may end below what a voice has
    return firwin2(TAPS, points / (RATE / 2), 10 ** (np.append(gains[top], [0, 0]) / 20)).astype(np.float32)


def average_spectrum(samples: np.ndarray, bins: int) -> np.ndarray:
    """(bins + 1,) decibels, of the frames that are not silent."""
    import librosa

    power = np.abs(librosa.stft(samples, n_fft=2 * bins, hop_length=bins // 2)) ** 2
    energy = power.sum(0)
    return 10 * np.log10(power[:, energy > energy.max() * 1e-3].mean(1) + 1e-12)


# Consent


SAME_VOICE = 0.75  # cosine; stretches of one speaker had 0.85 and more, of two speakers 0.65 at most
WORD_ERRORS = 0.25  # of the words of the sentence
ADJECTIVES = "yellow purple silent gentle wooden golden frozen happy little quiet narrow famous hungry sleepy"
NOUNS = "river tiger window garden mountain button pencil rabbit island lemon castle ribbon planet doctor"


def consent_sentence() -> str:
    """A sentence that only somebody who is asked now can have read aloud: one of four million."""
    chance = secrets.SystemRandom()
    drawn = zip(chance.sample(ADJECTIVES.split(), 3), chance.sample(NOUNS.split(), 3), strict=True)
    words = [" ".join(pair) for pair in drawn]
    return (
        "This is my own voice, and I agree that this gallery makes one like it. "
        f"Today I say {words[0]}, {words[1]} and {words[2]}."
    )


@dataclass(frozen=True)
class Consent:
    """What was heard of the sentence, the share of wrong words, and the cosine between the two recordings' voices."""

    heard: str
    word_errors: float
    similarity: float


def check_consent(sentence: str, reading, sample) -> Consent:
    """Whether the voice of a sample has read this sentence aloud.

    Args:
        sentence: of `consent_sentence`.
        reading, sample: recordings, as `inputs.read_audio` takes them.

    Raises:
        BadInput: other words, another voice, or too little of it.
    """
    samples = read_audio(reading, ENCODER_RATE)
    with models.use(BASE) as whisper:
        *_, transcript = whisper(samples, "en")
    wrong = word_errors(sentence, transcript.text)
    said = set(plain(transcript.text))
    drawn = [word for word in plain(sentence) if word in (ADJECTIVES + " " + NOUNS).split()]
    if wrong > WORD_ERRORS or sum(word in said for word in drawn) < len(drawn) - 2:
        heard = transcript.text or "no words"
        raise BadInput(f"The sentence was not recognized. Heard: “{heard}”. Read it aloud once more, word for word.")
    similarity = float(embed(voice_of(reading, 2)) @ embed(voice_of(sample, MIN_SECONDS)))
    if similarity < SAME_VOICE:
        raise BadInput(
            f"The sentence and the sample are not spoken by the same voice (similarity {similarity:.2f}, "
            f"{SAME_VOICE} is needed). Whoever's voice is matched has to read the sentence."
        )
    return Consent(transcript.text, wrong, similarity)


def word_errors(reference: str, hypothesis: str) -> float:
    """Substitutions, insertions and deletions for each word of the reference (Levenshtein)."""
    words, others = plain(reference), plain(hypothesis)
    row = list(range(len(others) + 1))
    for i, word in enumerate(words, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(others, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1] / len(words)


def plain(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"[a-z']+", text.lower())
