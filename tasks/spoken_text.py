"""Written text made into sentences that a voice can read: addresses, emoji, foreign letters, very long sentences.

English numbers, dates, times, money, units and abbreviations are read by hibari's own normalization, after this;
numbers of other languages by spoken_romance.
"""

import re
import unicodedata
from collections.abc import Iterator

from tasks.errors import BadInput
from tasks.spoken_romance import LANGUAGES

MAX_CHARACTERS = 10_000
MAX_SENTENCE = 220  # characters: longer ones are cut at a comma, or at a space, as the networks know no longer ones

ENDINGS = "ai|app|br|ca|ch|cn|co|com|de|dev|edu|es|eu|fr|gov|info|io|it|jp|me|net|nl|org|pt|ru|uk|us"
ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    rf"|(?<![\w.@])(?:[\w-]+\.)+(?:{ENDINGS})\b(?![.\w]\w)(?:/[^\s<>\"]*)?",
    re.IGNORECASE,
)
ADDRESS_SIGNS = {
    language: dict(zip("./@-_~:", [*(f" {word} " for word in words.split()), " "], strict=True))
    for language, words in {
        "en": "dot slash at dash underscore tilde",
        "pt": "ponto barra arroba hífen sublinhado til",
        "es": "punto barra arroba guion subrayado tilde",
        "it": "punto barra chiocciola trattino sottolineato tilde",
    }.items()
}
SIGNS = {
    "²": " squared ", "³": " cubed ", "×": " times ", "÷": " divided by ", "©": " copyright ",
    "≈": " about ", "≤": " at most ", "≥": " at least ", "≠": " is not ", "∞": " infinity ", "√": " root of ",
}  # fmt: skip
PLAIN_SIGNS = {"…": "...", "℃": "°C", "℉": "°F", "­": "", "→": ", ", "•": ", "}
MARKDOWN = re.compile(r"^\s*(?:#{1,6}|>|[-*+])\s+|\*\*|__|`+", re.MULTILINE)
LONG_NUMBER = re.compile(r"\d{22,}")  # the lexicon knows no name for it: digit by digit
PHONE = re.compile(r"\((\d{3})\)[ -]?(?=\d{3}-\d{4}\b)")
CLAUSE = re.compile(r"(?<=[,;:—–])\s+")

NOTHING = "There is nothing to say yet: write a sentence."
TOO_LONG = f"This text is too long: the limit is {MAX_CHARACTERS:,} characters. Split it and try again."
OTHER_LETTERS = (
    "The voices here read {0}, and none of these words is written in its letters. "
    "Write it in {0}, or translate it first."
)


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of a text, at least one, each with something to say in it and none longer than MAX_SENTENCE.

    Args:
        language: "en", or a code of LANGUAGES.

    Raises:
        BadInput: empty, longer than MAX_CHARACTERS, or not a word of it can be read.
    """
    from hibari import Hibari

    if not text or not text.strip():
        raise BadInput(NOTHING)
    if len(text) > MAX_CHARACTERS:
        raise BadInput(TOO_LONG)
    clear, left_out = readable(text, language)
    found = [piece for sentence in Hibari.split_sentences(clear) for piece in pieces(sentence)]
    found = [piece.lstrip(" ,;") for piece in found if any(map(str.isalnum, piece))]
    if not found:
        name = LANGUAGES[language].name if language in LANGUAGES else "English"
        raise BadInput(OTHER_LETTERS.format(name) if left_out else NOTHING)
    return found


def readable(text: str, language: str = "en") -> tuple[str, list[str]]:
    """The text with addresses, signs and emoji in words, and the words in other scripts, which had to be left out.

    Signs of mathematics, Greek letters and emoji have words in English only; elsewhere they are left out.
    """
    english = language == "en"
    text = MARKDOWN.sub(" ", ADDRESS.sub(lambda match: spell_address(match, language), text))
    if english:
        text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " and ", PHONE.sub(r"\1-", text))
    for sign, words in (SIGNS | PLAIN_SIGNS if english else PLAIN_SIGNS).items():
        text = text.replace(sign, words)
    text = LONG_NUMBER.sub(lambda match: " ".join(match[0]), text)
    text = unicodedata.normalize("NFKC", text).replace("⁄", "/")  # mathematical bold letters, full width, ligatures
    text = "".join(spell_pictures(text, english))
    left_out: list[str] = []

    def spell_word(match: re.Match) -> str:
        word = match[0]
        if all(unicodedata.name(c, "").startswith(("LATIN", "MICRO", "FEMININE", "MASCULINE")) for c in word):
            return word
        # In formulas: "GREEK SMALL LETTER PI".
        if english and len(word) == 1 and unicodedata.name(word).startswith("GREEK"):
            return f" {unicodedata.name(word).split()[3].lower()} "
        left_out.append(word)
        return ""

    text = re.sub(r"[^\W\d_]+", spell_word, text)
    text = re.sub(r"[^\S\n]+", " ", text)
    return re.sub(r"(?:\s*,)*\s*([,.;:!?])", r"\1", text), left_out


def spell_address(match: re.Match, language: str) -> str:
    """https://www.example.com/a-b?x=1 -> "example dot com slash a dash b". What follows ? and # is for machines."""
    address = match[0].rstrip(".,;:!?)'’”")
    rest = match[0][len(address) :]
    address = re.sub(r"^(?:https?://)?(?:www\.)?", "", re.split(r"[?#]", address)[0], flags=re.IGNORECASE).rstrip("/")
    return "".join(ADDRESS_SIGNS[language].get(c, c) for c in address) + rest


def spell_pictures(text: str, english: bool) -> Iterator[str]:
    """The characters, with emoji by their English name, as screen readers say it; one that is repeated only once."""
    last = ""
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cf", "Mn", "Me", "Cn", "Co", "Sk"):  # joiners, skin tones, marks piled upon letters
            continue
        if character == last:
            continue
        last = character if is_picture(character) else ""
        if last:
            yield f", {unicodedata.name(character).lower()}, " if english else ", "
        else:
            yield " " if category == "Cc" and character != "\n" else character


def is_picture(character: str) -> bool:
    return ord(character) >= 0x2600 and unicodedata.category(character) == "So"


def pieces(sentence: str) -> Iterator[str]:
    """A sentence in pieces of at most MAX_SENTENCE characters, cut after a comma where one is, else at a space."""
    piece = ""
    for clause in CLAUSE.split(sentence):
        for part in [clause] if len(clause) <= MAX_SENTENCE else words_of(clause):
            if piece and len(piece) + len(part) >= MAX_SENTENCE:
                yield piece
                piece = ""
            piece = f"{piece} {part}".strip()
    if piece:
        yield piece


def words_of(clause: str) -> Iterator[str]:
    for word in clause.split():
        yield from (word[i : i + 40] for i in range(0, len(word), 40))
