"""Voices are told apart, matched closer than any single voice, and only with consent. Two of them are real people's."""

import re

import numpy as np
import pytest

from tasks import voice_matching as matching
from tasks.errors import BadInput
from tasks.inputs import read_audio
from tasks.settings import EXAMPLES
from tasks.speech_synthesis import HEART, KOKORO_VOICES, join, speak
from tests.test_speech_recognition import CLIPS

RATE = matching.ENCODER_RATE
KENNEDY = EXAMPLES / "kennedy.flac"
READER = (RATE, np.concatenate([read_audio(path, RATE) for path in CLIPS]))  # of LibriVox
STORY = "When the last boat had come home, the old man sat down and told us about the winters of his childhood."


def embed(audio) -> np.ndarray:
    return matching.embed(read_audio(audio, RATE))


def test_one_speaker_is_nearer_to_himself_than_to_another():
    clips = [embed(path) for path in CLIPS]
    kennedy = read_audio(KENNEDY, RATE)
    halves = [matching.embed(kennedy[: 5 * RATE]), matching.embed(kennedy[5 * RATE :])]
    assert np.allclose([np.linalg.norm(e) for e in clips], 1, atol=1e-5)
    assert min(clips[0] @ clips[1], clips[1] @ clips[3], halves[0] @ halves[1]) > matching.SAME_VOICE + 0.05
    assert max(clip @ half for clip in clips for half in halves) < matching.SAME_VOICE - 0.1
    # Loudness and pauses do not matter.
    quiet = np.concatenate([kennedy * 0.05, np.zeros(2 * RATE, np.float32)])
    assert matching.embed(quiet) @ matching.embed(kennedy) > 0.98


@pytest.mark.parametrize("audio", [READER, KENNEDY], ids=["a LibriVox reader", "Kennedy"])
def test_a_match_is_much_nearer_than_the_voice_one_starts_with(audio):
    voice = matching.match_voice(audio)
    target = matching.embed(matching.voice_of(audio, 5))
    best = max(KOKORO_VOICES, key=lambda known: target @ matching.known_voice(known))
    start, single = (target @ matching.embed_voice(v, matching.HELD_OUT) for v in (HEART, best))
    assert voice.similarity >= start + 0.15
    assert voice.similarity >= single + 0.05
    assert sum(voice.mix.values()) == pytest.approx(1) and min(voice.mix.values()) > 0
    # It holds for a text that had no part in it.
    assert target @ matching.embed_voice(voice, STORY) >= target @ matching.embed_voice(HEART, STORY) + 0.15


def test_pitch_is_measured_in_hertz():
    seconds = np.arange(3 * RATE) / RATE
    phase = 2 * np.pi * 150 * seconds + 2 * np.sin(2 * np.pi * 5 * seconds)  # with vibrato
    hum = sum(np.sin(k * phase) / k for k in range(1, 20)).astype(np.float32) / 4
    assert matching.median_pitch(hum) == pytest.approx(150, rel=0.03)


def test_the_filter_bends_one_spectrum_towards_another():
    rng = np.random.default_rng(0)
    dull = np.convolve(rng.standard_normal(4 * RATE), [0.5, 0.5], "same").astype(np.float32)
    taps = matching.bend(dull, rng.standard_normal(4 * RATE).astype(np.float32))
    gains = np.abs(np.fft.rfft(taps))
    frequencies = np.fft.rfftfreq(len(taps), 1 / 24_000)
    low, high = gains[np.abs(frequencies - 500).argmin()], gains[np.abs(frequencies - 5000).argmin()]
    assert low < 1 < high and high / low == pytest.approx(1 / np.cos(np.pi * 5000 / RATE), rel=0.25)


@pytest.mark.parametrize(
    ("audio", "says"),
    [
        (None, "no recording yet"),
        ((RATE, np.zeros(10 * RATE, np.float32)), "too little voice"),
        ((RATE, read_audio(KENNEDY, RATE)[: 4 * RATE]), "at least 5 seconds"),
    ],
)
def test_too_little_voice_gets_a_sentence(audio, says):
    with pytest.raises(BadInput, match=says):
        matching.match_voice(audio)


def test_a_sentence_is_not_asked_twice():
    asked = {matching.consent_sentence() for _ in range(50)}
    assert len(asked) == 50
    assert all(re.search(r"I agree .* Today I say \w+ \w+, \w+ \w+ and \w+ \w+\.$", sentence) for sentence in asked)


@pytest.fixture(scope="module")
def consenting() -> tuple[str, tuple[int, np.ndarray], tuple[int, np.ndarray]]:
    """A sentence, somebody who reads it aloud, and a sample of the same voice."""
    sentence = re.sub(r"say .*", "say yellow river, silent tiger and golden castle.", matching.consent_sentence())
    return sentence, join(list(speak(sentence))), join(list(speak(STORY)))


def test_consent_needs_the_words_and_the_voice(consenting):
    sentence, reading, sample = consenting
    consent = matching.check_consent(sentence, reading, sample)
    assert consent.word_errors <= 0.1 and consent.similarity > 0.8
    with pytest.raises(BadInput, match=r"not recognized\. Heard: .*winters"):
        matching.check_consent(sentence, sample, sample)
    yesterday = re.sub(r"say .*", "say sleepy planet, hungry ribbon and famous castle.", sentence)
    with pytest.raises(BadInput, match="not recognized"):
        matching.check_consent(yesterday, reading, sample)
    with pytest.raises(BadInput, match="not spoken by the same voice"):
        matching.check_consent(sentence, reading, KENNEDY)
    with pytest.raises(BadInput, match="Heard: “no words”"):
        matching.check_consent(sentence, (RATE, np.zeros(5 * RATE, np.float32)), sample)


def test_word_errors():
    assert matching.word_errors("This is my voice.", "this IS my voice") == 0
    assert matching.word_errors("one two three four", "one three for five") == 0.75
