"""The room: sentences stream, stop, become a file; what is inside them; the way back from a mel spectrogram."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tasks import text_to_speech as tts
from tasks.errors import BadInput
from tasks.inputs import read_audio
from tasks.speech_charts import SHOWN_SECONDS, chart, griffin_lim, mel_power, sounds
from tasks.speech_recognition import transcribe
from tasks.speech_synthesis import HEART
from tasks.whisper import TINY_EN
from tests.test_speech_recognition import plain

TEXT = "Good morning. The train leaves in a few minutes. Thank you very much for your help."


@pytest.fixture(scope="module")
def steps() -> list[tuple]:
    return list(tts.on_speak(TEXT, "hibari", "Heart"))


def test_sentences_are_played_before_the_whole_is_made(steps):
    heard = [json.loads(news) for _, _, news, *_ in steps if isinstance(news, str)]
    assert [len(message["parts"]) for message in heard] == [1, 2, 3, 3]
    assert [message["done"] for message in heard] == [False, False, False, True]
    assert len({message["run"] for message in heard}) == 1
    assert [part["text"] for part in heard[-1]["parts"]] == [s + "." for s in TEXT.rstrip(".").split(". ")]
    assert plain(transcribe(heard[0]["parts"][0]["path"], TINY_EN).text) == "good morning"


def test_the_file_holds_every_sentence_and_says_it_is_synthetic(steps):
    path, status, _, spoken, _ = steps[-1]
    assert plain(transcribe(path, TINY_EN).text) == plain(TEXT)
    assert b"Synthetic speech: made by the neural network hibari, voice Heart." in Path(path).read_bytes()
    assert len(read_audio(path, 24_000)) / 24_000 == pytest.approx(sum(s.seconds for s in spoken.speeches) + 0.5)
    assert "hibari" in status and "first sentence after" in status and "real-time factor" in status


def test_stop_ends_after_the_sentence_and_keeps_it():
    run = tts.on_speak(TEXT, "hibari", "Heart")
    *_, stopped = next(run)
    _, _, news, *_ = next(run)
    assert json.loads(tts.on_stop(news, stopped))["stopped"]
    *_, (path, _, news, spoken, _) = run
    assert json.loads(news)["stopped"] and len(spoken.speeches) == 1
    assert plain(transcribe(path, TINY_EN).text) == "good morning"
    assert tts.on_stop(None, None) is None


def test_words_that_cannot_be_read_are_named():
    *_, (path, status, *_) = tts.on_speak("Good morning, Иван and 你好. Thank you.", "hibari", "Heart")
    assert status.endswith("left out, as it is in another script: Иван, 你好")
    assert plain(transcribe(path, TINY_EN).text) == "good morning and thank you"


def test_ten_thousand_characters_are_spoken_to_the_end():
    text = ("The old keeper walked along the shore and watched the waves. " * 200)[:9_990] + " The end."
    speeches = list(tts.speak(text))
    assert len(speeches) > 160
    assert all(speech.seconds > 0.3 for speech in speeches)
    assert plain(transcribe((speeches[-1].rate, speeches[-1].samples), TINY_EN).text).endswith("the end")


def test_voices_can_be_chosen_and_blended():
    *_, (path, status, *_) = tts.on_speak("Hello there.", "Kokoro-82M", "Emma", "Fenrir", 25)
    assert b"voice 75% Emma + 25% Fenrir" in Path(path).read_bytes()
    assert "Kokoro-82M" in status
    voices, others = tts.on_model("Kokoro-82M", ())
    assert len(voices["choices"]) == 28 and ("Emma · female · British", "Emma") in voices["choices"]
    assert others["visible"] and others["choices"][0] == tts.NOBODY
    assert not tts.on_model("hibari", ())[1]["visible"]
    assert tts.on_voice("Emma", "Fenrir")["visible"] and not tts.on_voice("Emma", tts.NOBODY)["visible"]


def test_a_text_in_another_language_gets_a_hint():
    *_, (_, status, *_) = tts.on_speak("O cachorro está dormindo debaixo da mesa.", "hibari", "Heart")
    assert "looks like Portuguese, which can be read by: Kokoro-82M, other languages and Pocket TTS" in status
    assert not tts.other_language("The old keeper walked along the shore.", tts.DEFAULT)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("", "hibari", "Heart"), "nothing to say"),
        (("Hello.", "hibari", "Emma"), "no voice called 'Emma'"),
        (("Hello.", "Siri", "Heart"), "no model called 'Siri'"),
        (("Hello.", "hibari", "Heart", "Heart"), "Only the voices of Kokoro"),
        (("Hello.", "Kokoro-82M", "Heart", "Emma", 120), "one weight for each voice"),
    ],
)
def test_bad_input_gets_a_sentence(arguments, says):
    with pytest.raises(BadInput, match=says):
        list(tts.on_speak(*arguments))


def test_the_chart_shows_phonemes_pitch_and_spectrogram(steps):
    speech = steps[-1][3].speeches[1]
    signs = [sign for sign, _, _ in sounds(speech.prosody)]
    assert "".join(signs).startswith("ðətɹˈeɪn"), "in the international alphabet, stress before its vowel"
    wave, bars, pitch, energy, mel = chart(speech, 0).data
    assert list(bars.text) == signs[: len(bars.text)] and len(bars.text) > 10
    assert np.nanmax(pitch.y) > 150 and np.isnan(pitch.y).any(), "a woman's voice, with voiceless sounds in it"
    assert len(energy.x) == len(pitch.x)
    bands, frames = np.array(mel.z).shape
    assert bands == 80 and frames == pytest.approx(min(SHOWN_SECONDS, speech.seconds) * 24_000 / 256, abs=2)
    assert max(wave.y) <= 1
    assert len(chart(replace(speech, prosody=None), 0).data) == 2, "the Hub's networks tell no phonemes"
    later = chart(speech, 1).data[1]
    assert set(later.text) != set(bars.text)


def test_griffin_lim_is_understood_but_not_the_same(steps):
    speech = steps[-1][3].speeches[1]
    guessed = griffin_lim(speech.samples, speech.rate)
    assert guessed.shape == speech.samples.shape and guessed.dtype == np.int16
    assert "train leaves" in plain(transcribe((speech.rate, guessed), TINY_EN).text)
    # The same loudness in every band, but another wave.
    a, b = (np.log10(mel_power(samples, speech.rate) + 1e-4) for samples in (speech.samples, guessed))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(speech.samples, guessed)[0, 1]) < 0.5


def test_look_inside_follows_the_chosen_sentence(steps):
    spoken = steps[-1][3]
    names, slider, _, network, _ = tts.on_spoken(spoken)
    assert [name for name, _ in names["choices"]] == [speech.text for speech in spoken.speeches] and names["visible"]
    assert network is None and slider["value"] == 0
    network, guessed = tts.on_vocoder(spoken, 0)
    assert plain(transcribe(network, TINY_EN).text) == "good morning"
    assert len(read_audio(network, 24_000)) == len(read_audio(guessed, 24_000))
    with pytest.raises(BadInput, match="press Speak first"):
        tts.on_vocoder(None, 0)
    assert tts.on_look(None, 0, 0) is None


def test_a_match_is_offered_as_a_voice_only_with_consent():
    somebody = HEART  # of the quicker network
    sentence, shown, reading = tts.on_ask()
    assert sentence in shown and reading is None and tts.on_ask()[0] != sentence
    sentence = sentence.split("Today")[0] + "Today I say yellow river, silent tiger and golden castle."
    story = (
        "The old man sat down and told us about the long winters of his childhood. "
        "We listened until it was dark, and nobody wanted to go home."
    )
    sample, reading = (tts.save(list(tts.speak(text, somebody)), somebody) for text in (story, sentence))
    for arguments, says in (
        ((None, reading, sentence), "no sample yet"),
        ((sample, None, sentence), "consent is missing"),
        ((sample, reading, None), "consent is missing"),
        ((sample, sample, sentence), "not recognized"),
    ):
        with pytest.raises(BadInput, match=says):
            list(tts.on_match(*arguments))
    *_, (text, own, model) = tts.on_match(sample, reading, sentence)
    (matched,) = own
    assert model == "Kokoro-82M" and matched.name == tts.MATCHED and matched.similarity > 0.75
    assert f"Similarity {matched.similarity:.2f}" in text
    voices, _ = tts.on_model(model, own)
    assert voices["value"] == tts.MATCHED and len(voices["choices"]) == 29
    assert tts.on_model("hibari", own)[0]["value"] == "Heart"
    *_, (path, *_) = tts.on_speak("Hello there.", model, tts.MATCHED, own=own)
    assert b"voice Your match. Nobody said this." in Path(path).read_bytes()
    with pytest.raises(BadInput, match="no voice called 'Your match'"):
        list(tts.on_speak("Hello there.", model, tts.MATCHED))
