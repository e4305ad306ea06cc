"""Sentences end where they end, stand-ins come and go, and joined parts are the text."""

import pytest

from tasks import translation_text as tt


def sentences(text: str) -> list[str]:
    return [sentence for _, sentence in tt.split(text)[:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("Mr. Smith met J. K. Brown at 9.30 p.m. yesterday.", ["Mr. Smith met J. K. Brown at 9.30 p.m. yesterday."]),
        ('"Come in!" she said. (He did.) Then they ate.', ['"Come in!" she said.', "(He did.)", "Then they ate."]),
        ("A Sra. Silva vive na Av. Central. Tem 3.500 anos.", ["A Sra. Silva vive na Av. Central.", "Tem 3.500 anos."]),
        ("今日は暑い。元気？はい！", ["今日は暑い。", "元気？", "はい！"]),
        ("- milk\n* bread\n  2) eggs\n> quoted\n# Title", ["milk", "bread", "eggs", "quoted", "Title"]),
        ("— Olá! — disse ela.", ["Olá!", "— disse ela."]),
        ("12:30\n\n* * *\n\nHello", ["Hello"]),
    ],
)  # fmt: skip
def test_sentences(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "\n", "a\r\n\r\nb\rc\n", "  - x.  y\t\n\n 1. z ", "日本。\u3000中国。", "word " * 500, "x" * 999, "Ü, " * 400],
    ids=ascii,
)  # fmt: skip
def test_joined_parts_are_the_text(text):
    parts = tt.split(text)
    assert "".join(kept + sentence for kept, sentence in parts) == text
    assert all(len(sentence.encode()) <= tt.LONGEST for _, sentence in parts)


def test_long_sentences_are_cut_at_signs():
    text = "the cat sleeps under the old table, " * 30
    assert all(sentence.endswith(",") for sentence in sentences(text)[:-1])


def ascii_only(word: str) -> bool:
    return word.isascii() and "@" not in word


def test_stand_ins():
    text, kept = tt.protect("Pay €5, $1,234.56 or 1,250,000 at ZX1 to a@b.org 😀!", "en", "pt", ascii_only)
    assert text == "Pay ZX3, $4711 or 4712 at ZX1 to ZX2 ZX4!"
    assert kept == {"ZX2": "a@b.org", "4711": "1.234,56", "4712": "1.250.000", "ZX3": "€5", "ZX4": "😀"}
    assert tt.restore(text, kept) == "Pay €5, $1.234,56 or 1.250.000 at ZX1 to a@b.org 😀!"
    assert tt.restore("Pay ZX3", kept) is None and tt.restore("ZX2 ZX2 ZX3 ZX4 4711 4712", kept) is None


def test_numbers_stay_where_a_language_is_not_known_or_they_are_no_thousands():
    assert tt.protect("1,250,000", "en", "xh", ascii_only) == ("1,250,000", {})
    for text in ("3.5", "1.2.3", "12:30", "1,25", "v1,000x", "10,00"):
        assert tt.protect(text, "en", "pt", ascii_only) == (text, {})


class Forgetful:
    """A network that shouts, and loses the stand-ins of all sentences of more than three words."""

    def __call__(self, sentences, source, target):
        return [s.upper() if len(s.split()) < 4 else "..." for s in sentences]

    def spells(self, word, source, target):
        return word.isascii()


def test_a_lost_stand_in_costs_the_sentence_not_the_address():
    sentences = ["See https://x.org/a and then call me, ok?", "hello there"]
    assert tt.translate_sentences(Forgetful(), sentences, "en", "pt") == ["SEE https://x.org/a ...", "HELLO THERE"]


def test_capitals():
    assert tt.shouted("DO NOT OPEN!") and tt.shouted("HELLO") and not tt.shouted("NATO") and not tt.shouted("I am OK")
    assert tt.lowered("WRITE TO A@B.ORG NOW!") == "Write to A@B.ORG now!"


def test_control_characters_go():
    assert tt.clean("\ufeffa\x00b\x07\tc\r\n\ud83d") == "ab\tc\r\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Where is the train station?", "en"), ("Onde fica a estação de trem?", "pt"),
        ("¿Dónde está la estación de tren?", "es"), ("Où est la gare, s'il vous plaît ?", "fr"),
        ("Wo ist hier der nächste Bahnhof?", "de"), ("Dov'è la stazione ferroviaria?", "it"),
        ("火车站在哪里？我要买一张票。", "zh"), ("駅はどこですか？", "ja"), ("기차역이 어디에 있습니까?", "ko"),
        ("Где находится вокзал?", "ru"), ("أين محطة القطار؟", "ar"), ("Πού είναι ο σταθμός;", "el"),
    ],
)  # fmt: skip
def test_the_language_of_a_question(text, code):
    assert next(iter(tt.guess_language(text))) == code
