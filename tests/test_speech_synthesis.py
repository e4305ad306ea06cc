"""The included voices say what is written: the gallery's own recognizer listens."""

import wave
from itertools import pairwise

import numpy as np
import pytest

from tasks import models
from tasks import speech_synthesis as synthesis
from tasks.errors import BadInput
from tasks.settings import ROOT
from tasks.speech_recognition import transcribe
from tasks.speech_synthesis import HEART, KOKORO_VOICES, PEAK, Voice, blend, join, say, speak
from tasks.whisper import RATE as WHISPER_RATE
from tasks.whisper import TINY_EN
from tests.test_speech_recognition import plain, word_error_rate

EVERYDAY = (ROOT / "tests/data/everyday.txt").read_text().splitlines()
KOKORO = {voice.name: voice for voice in KOKORO_VOICES}
LINE = "My old neighbor is walking along the river with her dog."


def one(text: str, voice: Voice = HEART, **how):
    (speech,) = speak(text, voice, **how)
    return speech


def median_pitch(speech) -> float:
    """Hz, measured on the wave by librosa, not taken from the network."""
    import librosa

    f0, voiced, _ = librosa.pyin(
        speech.samples / 32768, fmin=60, fmax=500, sr=speech.rate, frame_length=2048, hop_length=1024
    )
    return float(np.median(f0[voiced]))


@pytest.mark.parametrize(
    ("voice", "lines"), [(HEART, EVERYDAY), (KOKORO["Heart"], EVERYDAY[::3])], ids=["hibari", "Kokoro"]
)
def test_the_recognizer_understands_everyday_sentences(voice, lines):
    heard = transcribe(join(list(speak(" ".join(lines), voice)))).text
    assert word_error_rate(" ".join(lines), heard) <= 0.04


def test_numbers_money_dates_and_addresses_are_spoken():
    rate, samples = say("Dr. Smith paid $9.99 on March 3rd. The address is example.com.")
    heard = transcribe((rate, samples)).text.lower()
    assert "smith" in heard and "9.99" in heard and "march 3" in heard and "example.com" in heard


@pytest.mark.parametrize("voice", [HEART, KOKORO["Fenrir"]], ids=["hibari", "Kokoro"])
def test_speech_is_trimmed_int16_of_equal_loudness_and_not_clipped(voice):
    for text in (LINE, "WOW!", "a"):
        speech = one(text, voice)
        loud = synthesis.frames_rms(speech.samples / 32768)
        assert speech.samples.dtype == np.int16 and speech.samples.ndim == 1
        assert 0 < np.abs(speech.samples.astype(int)).max() <= PEAK * 32768
        assert loud[:12].max() > 0.001 and loud[-12:].max() > 0.001, "no silence longer than the margin"
        assert 0.05 < np.sqrt((loud[loud > loud.max() / 10] ** 2).mean()) <= 0.101


@pytest.mark.parametrize("voice", [HEART, KOKORO["Fenrir"]], ids=["hibari", "Kokoro"])
def test_pitch_moves_by_semitones_and_the_words_stay(voice):
    low, usual, high = (one(LINE, voice, pitch=semitones) for semitones in (-4, 0, 4))
    assert median_pitch(high) / median_pitch(usual) == pytest.approx(2 ** (4 / 12), rel=0.08)
    assert median_pitch(low) / median_pitch(usual) == pytest.approx(2 ** (-4 / 12), rel=0.08)
    assert high.seconds == pytest.approx(usual.seconds, abs=0.15)
    assert word_error_rate(LINE, transcribe((high.rate, high.samples), TINY_EN).text) <= 0.25


@pytest.mark.parametrize("voice", [HEART, KOKORO["Fenrir"]], ids=["hibari", "Kokoro"])
def test_speed_changes_the_length(voice):
    slow, fast = (one(LINE, voice, speed=speed) for speed in (0.7, 1.6))
    assert slow.seconds > 1.6 * fast.seconds


@pytest.mark.parametrize("voice", [HEART, KOKORO["Emma"]], ids=["hibari", "Kokoro"])
def test_phonemes_lie_where_they_sound(voice):
    speech = one("Sixty six.", voice)
    prosody = speech.prosody
    assert "".join(prosody.phonemes).replace(" ", "").startswith("sˈɪksti")
    assert len(prosody.starts) == len(prosody.phonemes) + 1
    assert all(a <= b for a, b in pairwise(prosody.starts)) and prosody.starts[-1] <= speech.seconds + 1e-6
    assert len(prosody.f0) == len(prosody.energy) and np.median(prosody.f0[prosody.f0 > 0]) > 120

    def brightness(sign: str) -> float:
        """How fast the wave changes, from its differences, in the middle of all phonemes of one sort."""
        spans = [
            (a, b) for s, a, b in zip(prosody.phonemes, prosody.starts, prosody.starts[1:], strict=False) if s == sign
        ]
        waves = [speech.samples[int((3 * a + b) / 4 * 24_000) : int((a + 3 * b) / 4 * 24_000)] for a, b in spans]
        return np.mean(
            [np.abs(np.diff(wave.astype(float))).mean() / np.abs(wave.astype(float)).mean() for wave in waves]
        )

    assert brightness("s") > 3 * brightness("ɪ")


def test_a_very_long_sentence_is_spoken_to_its_end():
    text = " ".join(EVERYDAY).replace(".", "").replace("?", "").replace(",", "")
    heard = transcribe(say(text), TINY_EN).text
    assert len(text) > 800
    assert plain(heard).endswith("bottom of the page")
    digits = one("1234567 " * 20)  # 140 characters, but more phonemes than a network can take
    assert digits.seconds > 20 and len(digits.prosody.phonemes) > synthesis.MAX_PHONEMES


def test_blends_lie_between_their_voices():
    low, high = KOKORO["Fenrir"], KOKORO["Bella"]
    middle = blend([low, high], [1, 1])
    pitches = [median_pitch(one(LINE, voice)) for voice in (low, middle, high)]
    assert pitches[0] * 1.1 < pitches[1] < pitches[2] / 1.05
    assert middle.mix == {"am_fenrir": 0.5, "af_bella": 0.5} and middle.name == "50% Fenrir + 50% Bella"
    alone = blend([low, high], [3, 0])
    assert np.array_equal(one("Hello.", alone).samples, one("Hello.", low).samples)
    assert blend([KOKORO["Emma"], low], [2, 1]).accent == "British"


@pytest.mark.parametrize(
    ("voices", "weights"), [([KOKORO["Emma"]], [0]), ([KOKORO["Emma"]], [-1]), ([KOKORO["Emma"]], [1, 2]), ([], [])]
)
def test_weights_that_fit_no_mix_get_a_sentence(voices, weights):
    with pytest.raises(BadInput, match="one weight for each voice"):
        blend(voices, weights)


def test_bad_input_gets_a_sentence():
    with pytest.raises(BadInput, match="Only the voices of Kokoro"):
        blend([HEART], [1])
    with pytest.raises(BadInput, match="speed"):
        next(speak("Hello.", speed=9))
    with pytest.raises(BadInput, match="pitch"):
        next(speak("Hello.", pitch=float("nan")))
    with pytest.raises(BadInput, match="nothing to say"):
        say(" ")


def test_american_and_british_voices_say_it_their_way():
    with models.use(KOKORO["Emma"].model) as network:
        american, british = ("".join(synthesis.phonemes("a bath", network.vocabulary, b)) for b in (False, True))
    assert american == "ɐ bˈæθ" and british == "ɐ bˈɑːθ"


def test_the_wav_says_what_it_is_and_is_still_a_wav(tmp_path):
    rate, samples = say("Hello.")
    synthesis.write_wav(tmp_path / "hello.wav", rate, samples, "Synthetic speech — made by hibari.")
    content = (tmp_path / "hello.wav").read_bytes()
    assert b"LIST" in content and b"ISFT" in content and b"Synthetic speech ? made by hibari." in content
    with wave.open(str(tmp_path / "hello.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        assert np.array_equal(np.frombuffer(file.readframes(file.getnframes()), "<i2"), samples)
    import av

    with av.open(str(tmp_path / "hello.wav")) as container:  # FFmpeg understands the mark
        assert "Synthetic speech" in container.metadata["comment"]
    assert transcribe(tmp_path / "hello.wav", TINY_EN).seconds == pytest.approx(
        len(samples) / rate, abs=1 / WHISPER_RATE
    )
