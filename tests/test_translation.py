"""Everyday sentences both ways, what must come through untouched, the language, speech, and bad input."""

import csv
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import app
from tasks import translation as tr
from tasks import translation_models as tm
from tasks.errors import BadInput, ModelUnavailable
from tasks.settings import EXAMPLES, ROOT, settings

# Written for this test before any network had translated them; one reference each, Brazilian spelling.
with (ROOT / "tests/data/translation/everyday.tsv").open(encoding="utf-8") as table:
    ENGLISH, PORTUGUESE = zip(*csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE), strict=True)
SPANISH = EXAMPLES / "spanish-robot.flac"


def chrf(hypotheses, references) -> float:
    """chrF, 0..100: the F score, recall counting twice, of runs of 1 to 6 letters (https://aclanthology.org/W15-3049)."""
    precisions, recalls = [], []
    for n in range(1, 7):
        ours, theirs, both = 0, 0, 0
        for texts in zip(hypotheses, references, strict=True):
            a, b = (Counter(t[i : i + n] for i in range(len(t) - n + 1)) for t in ("".join(x.split()) for x in texts))
            ours, theirs, both = ours + a.total(), theirs + b.total(), both + (a & b).total()
        precisions.append(both / ours)
        recalls.append(both / theirs)
    precision, recall = sum(precisions) / 6, sum(recalls) / 6
    return 100 * 5 * precision * recall / (4 * precision + recall)


def portuguese(text: str, source: str | None = "en") -> str:
    return tr.translate(text, source, "pt").text


def english(text: str) -> str:
    return tr.translate(text, "pt", "en").text


# What the networks say


def test_chrf_is_that_of_sacrebleu():
    assert chrf(["The cat sat on the mat."], ["A cat is on the mat."]) == pytest.approx(56.53, abs=0.01)
    assert chrf(ENGLISH, ENGLISH) == 100


def test_forty_everyday_sentences_into_portuguese():
    assert len(ENGLISH) == 40
    assert chrf(portuguese("\n".join(ENGLISH)).split("\n"), PORTUGUESE) >= 85


def test_forty_everyday_sentences_into_english():
    assert chrf(english("\n".join(PORTUGUESE)).split("\n"), ENGLISH) >= 88


def test_a_text_keeps_its_shape():
    text = "  Good morning!\r\n\r\n\t- two dogs\n\t- three cats\n\n\n1. I love you.  See you tomorrow!\n"
    assert portuguese(text) == "  Bom dia!\r\n\r\n\t- dois cães\n\t- três gatos\n\n\n1. Eu te amo.  Vejo você amanhã!\n"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "Visit https://www.example.com/en/books?id=42&lang=en for more.",
            "https://www.example.com/en/books?id=42&lang=en",
        ),
        ("Write to anna.smith@example.org or call +351 912 345 678.", "anna.smith@example.org +351 912 345 678"),
        ("On 12/05/2021 John Smith met Maria Fernandes at gate B27.", "12/05/2021 John Smith Maria Fernandes B27"),
        ("I love you 😀👩‍👩‍👧!", "😀👩‍👩‍👧"),
        ("The word Привет means hello in Russian.", "Привет"),
        ("Call `pip install && run` first.", "`pip install && run`"),
        ("Mrs. Müller sends <b>many</b> greetings to @anna.", "Müller <b>many</b> @anna"),
    ],
    ids=lambda value: value[:12],
)
def test_names_numbers_addresses_and_emoji_survive(text, kept):
    translation = portuguese(text)
    assert all(part in translation for part in kept.split())
    assert "ZX" not in translation


def test_numbers_are_written_as_the_language_writes_them():
    assert "1.250.000 euros" in portuguese("Mr. Brown has 3 cats and 1,250,000 euros.")
    assert "1.234,56" in portuguese("The price is $1,234.56.")
    assert "7,900,000,000 people" in english("Cerca de 7.900.000.000 de pessoas vivem na Terra.")


def test_capitals_are_read_and_given_back():
    assert portuguese("WARNING: DO NOT OPEN THE DOOR!") == "AVISO: NÃO ABRA A PORTA!"
    assert english("À noite faz frio.").startswith("At night")


def test_a_sentence_that_is_much_too_long_does_not_run_in_circles():
    text = " ".join(sentence.rstrip(".?!") for sentence in ENGLISH) + "."
    written = portuguese(text).split()
    runs = [tuple(written[i : i + 5]) for i in range(len(written) - 4)]
    assert len(text.split()) * 0.6 < len(written) < len(text.split()) * 1.4
    assert len(set(runs)) > 0.95 * len(runs)


def test_steps_grow_into_the_whole():
    text = "\n".join(ENGLISH)
    steps = list(tr.translate_stepwise(text, "en", "pt"))
    assert len(steps) > 3 and len(steps[0].sentences) == 1
    assert all(after.text.startswith(before.text) for before, after in itertools.pairwise(steps))
    whole = steps[-1]
    assert len(whole.sentences) == whole.count and whole.text.count("\n") == 39
    assert [source for source, _ in whole.sentences[:2]] == list(ENGLISH[:2])


# The language


def test_the_language_is_guessed():
    for sentences, code in ((ENGLISH, "en"), (PORTUGUESE, "pt")):
        other = "pt" if code == "en" else "en"
        settled = [tr.settle_source(sentence, None, other, tr.DEFAULT) for sentence in sentences]
        assert settled == [(code, "")] * 40


@pytest.mark.parametrize(
    ("text", "code"),
    [("Wo ist hier der nächste Bahnhof?", "de"), ("Где находится вокзал?", "ru"), ("駅はどこですか？", "ja")],
)
def test_a_model_of_many_languages_guesses_among_them(text, code):
    assert tr.settle_source(text, None, "en", tm.SMALL_100) == (code, "")


def test_a_doubtful_guess_is_said():
    translation = tr.translate('The book "Os Lusíadas" is by Camões.', None, "en")
    assert translation.source == "pt" and "It is not clear which language" in translation.note


def test_a_text_in_another_language_than_said_gets_a_note():
    assert "seems to be Portuguese, not English" in tr.translate(PORTUGUESE[2], "en", "pt").note
    assert "seems to be Russian, not English" in tr.translate("Привет, как дела?", "en", "pt").note
    assert tr.translate(ENGLISH[2], "en", "pt").note == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Me gusta mucho el café con leche.", "seems to be Spanish, which Firefox Translations tiny does not read"),
        ("今日はとても天気がいいです。", "seems to be Japanese"),
        ("Привет, как дела?", "seems to be Russian"),
        (PORTUGUESE[2], "seems to be Portuguese already"),
    ],
)
def test_a_guess_that_cannot_be_translated_gets_a_sentence(text, sentence):
    with pytest.raises(BadInput, match=sentence):
        tr.translate(text, None, "pt")


# Bad input


@pytest.mark.parametrize("text", ["", " \n\t ", None])
def test_nothing_to_translate(text):
    with pytest.raises(BadInput, match="no text yet"):
        portuguese(text)


@pytest.mark.parametrize("text", ["😀😀", "12 34\n56", "?!", "\x00\x07 \x1b"], ids=ascii)
def test_nothing_but_signs(text):
    with pytest.raises(BadInput, match=r"no words|no text"):
        portuguese(text)


def test_a_text_that_is_too_long():
    with pytest.raises(BadInput, match="100,000 characters, and the limit is 20,000"):
        portuguese("word " * 20_000)


def test_languages_that_are_not_there():
    with pytest.raises(BadInput, match=r"does not know the language 'German'\. It knows English, Portuguese\."):
        tr.translate("Hello.", "en", "de")
    with pytest.raises(BadInput, match="does not know the language 'klingon'"):
        tr.translate("Hello.", "klingon", "pt")
    with pytest.raises(BadInput, match="same language"):
        tr.translate("Hello.", "en", "en")


@pytest.mark.parametrize(
    "text",
    ["I typed " + "a" * 200, "half \ud83d of a pair", "bell \x07 and \x00 null"],
    ids=["one letter", "half a pair", "control"],
)
def test_odd_texts_are_taken(text):
    translation = portuguese(text)
    assert len(translation) > 0.6 * len(text) and "\x07" not in translation and "\ud83d" not in translation


# Speech


def test_spanish_speech_is_read_in_english():
    translation = tr.translate_speech(SPANISH)
    assert (translation.source, translation.target, translation.note) == ("es", "en", "")
    assert "Good morning" in translation.text and "learn" in translation.text
    assert "Good morning" in tr.translate_speech(SPANISH, "es").text


def test_english_speech_is_written_down_and_silence_is_said():
    translation = tr.translate_speech(EXAMPLES / "kennedy.flac")
    assert "ask what you can do for your country" in translation.text and "English already" in translation.note
    silence = tr.translate_speech((16_000, np.zeros(16_000, np.float32)))
    assert (silence.text, silence.note) == ("", "No speech found.")


# Look inside


def test_attention_aligns_what_belongs_together():
    inside = tr.look("My brother bought a red car in Lisbon.", "en", "pt")
    assert inside.weights.shape == (len(inside.target_pieces), len(inside.source_pieces))
    np.testing.assert_allclose(inside.weights.sum(1), 1, rtol=1e-5)
    looked = {
        target: inside.source_pieces[row.argmax()]
        for target, row in zip(inside.target_pieces, inside.weights, strict=True)
    }
    assert looked["▁irmão"] == "▁brother" and looked["▁carro"] == "▁car" and looked["▁vermelho"] == "▁red"
    assert looked["▁Lisboa"] == "▁Lisbon"


def test_candidates_are_ranked_and_probable():
    inside = tr.look("The train to Lisbon leaves at 9:30.", "en", "pt")
    assert len({candidate.text for candidate in inside.candidates}) == tr.BEAM
    scores = [candidate.score for candidate in inside.candidates]
    assert scores == sorted(scores, reverse=True) and all(score < 0 for score in scores)
    assert all("Lisboa" in candidate.text for candidate in inside.candidates)


def test_what_is_drawn_runs_no_html():
    inside = tr.look("My <script>alert(1)</script> friend & I.", "en", "pt")
    figure, table, pieces = tr.alignment_chart(inside), tr.candidates_table(inside), tr.pieces_line(inside)
    (heat,) = figure.data
    assert np.shape(heat.z) == inside.weights.shape
    for text in (table, pieces, *figure.layout.xaxis.ticktext):
        assert "<script" not in text and "</s>" not in text


# The tab


def test_the_button_translates_and_offers_a_file():
    *steps, (text, status, done) = tr.on_translate(tr.TEXTS[0], "", "pt", tr.DEFAULT.name)
    assert steps and steps[0][0] in text
    assert "English → Portuguese" in status and "3 of 3 sentences" in status
    download, listen, voice, speak, answer, sentence, *_ = tr.on_done(done, opened=False)
    assert Path(download["value"]).read_text(encoding="utf-8") == text
    assert not listen["visible"] and not voice["visible"], "the quick voice speaks English only"
    assert speak["visible"], "other voices read Portuguese"
    assert answer["visible"]
    assert len(sentence["choices"]) == 3
    pieces, figure, table = tr.on_look(done, 1)
    assert "Sunday" in pieces and len(figure.data) == 1 and "domingo" in table


def test_english_can_be_heard():
    *_, (*_, done) = tr.on_translate(PORTUGUESE[0], "pt", "en", tr.DEFAULT.name)
    assert tr.on_done(done, opened=False)[1]["visible"]
    rate, samples = tr.on_listen(done)["value"]
    assert samples.dtype == np.int16 and 0.5 < len(samples) / rate < 5


def test_speech_through_the_button():
    *_, (text, status, done) = tr.on_translate_speech(str(SPANISH), "", "Whisper base")
    assert "Good morning" in text and "Spanish → English" in status
    assert tr.on_done(done, opened=True)[-3:] == ("", None, "")


def test_swap_exchanges_languages_and_texts():
    *_, (text, _, done) = tr.on_translate("Good morning.", "", "pt", tr.DEFAULT.name)
    assert tr.on_swap("Good morning.", text, "", "pt", tr.DEFAULT.name, done) == (text, "Good morning.", "pt", "en")
    assert tr.on_swap("Bom dia.", "", "", "en", tr.DEFAULT.name, None) == ("Bom dia.", "", "en", "pt")


def test_a_text_in_the_target_language_flips_the_pair():
    assert tr.on_flip("Bom dia, como vai?", "", "pt", tr.DEFAULT.name) == "en"
    assert "update" in tr.on_flip("Good morning.", "", "pt", tr.DEFAULT.name)["__type__"]
    assert "value" not in tr.on_flip("Bom dia, como vai?", "en", "pt", tr.DEFAULT.name), "what was chosen stays"
    assert "value" not in tr.on_flip("", "", "pt", tr.DEFAULT.name)
    assert "value" not in tr.on_flip("Me gusta mucho el café con leche.", "", "pt", tr.DEFAULT.name), "it is Spanish"


def test_the_menus_never_name_the_same_language():
    assert tr.on_same("en", "en", tr.DEFAULT.name) == "pt"
    assert "value" not in tr.on_same("en", "pt", tr.DEFAULT.name)


def test_offline_a_hub_model_says_so(monkeypatch):
    monkeypatch.setattr(settings, "offline", True)
    with pytest.raises(ModelUnavailable, match="Whisper small is not on this machine"):
        tr.translate_speech(SPANISH, model=tm.WHISPER_SMALL)


@pytest.fixture(scope="module")
def client():
    with app.Gallery() as gallery:
        tr.build()
    _, url, _ = gallery.launch(prevent_thread_lock=True, quiet=True)
    yield Client(url, verbose=False)
    gallery.close()


def test_the_api_translates_and_answers_bad_input_with_a_sentence(client):
    job = client.submit("\n".join(ENGLISH[:8]), "pt", api_name="/translation")
    text, status = job.result()
    assert text.count("\n") == 7 and "English → Portuguese" in status and len(job.outputs()) > 1
    for arguments, sentence in [
        (["word " * 20_000, "pt"], "too long"),
        (["Hello.", "xx"], "does not know the language"),
        (["Hello.", "fr", "en", "SMaLL-100"], "not on this machine"),
        (["Hello.", "pt", "en", "SkyNet"], "There is no model called"),
    ]:
        with pytest.raises(AppError, match=sentence):
            client.predict(*arguments, api_name="/translation")
    text, status = client.predict(handle_file(str(SPANISH)), "es", "Whisper base", api_name="/translation_of_speech")
    assert "Good morning" in text and "Spanish → English" in status
