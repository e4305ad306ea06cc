"""A text made ready for translation, and put together again: its language, its sentences, what must come through.

The language is guessed by langid's naive Bayes on byte n-grams (Lui and Baldwin 2012, https://aclanthology.org/P12-3005).
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence

LANGUAGES = dict(
    re.findall(
        r"(\w+) ([A-Z][\w ]+)",
        """
    af Afrikaans, am Amharic, ar Arabic, ast Asturian, az Azerbaijani, ba Bashkir, be Belarusian, bg Bulgarian,
    bn Bengali, br Breton, bs Bosnian, ca Catalan, ceb Cebuano, cs Czech, cy Welsh, da Danish, de German, el Greek,
    en English, es Spanish, et Estonian, fa Persian, ff Fulah, fi Finnish, fr French, fy Western Frisian, ga Irish,
    gd Scottish Gaelic, gl Galician, gu Gujarati, ha Hausa, he Hebrew, hi Hindi, hr Croatian, ht Haitian Creole,
    hu Hungarian, hy Armenian, id Indonesian, ig Igbo, ilo Iloko, is Icelandic, it Italian, ja Japanese, jv Javanese,
    ka Georgian, kk Kazakh, km Khmer, kn Kannada, ko Korean, lb Luxembourgish, lg Ganda, ln Lingala, lo Lao,
    lt Lithuanian, lv Latvian, mg Malagasy, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay,
    my Burmese, ne Nepali, nl Dutch, no Norwegian, ns Northern Sotho, oc Occitan, or Odia, pa Punjabi, pl Polish,
    ps Pashto, pt Portuguese, ro Romanian, ru Russian, sd Sindhi, si Sinhala, sk Slovak, sl Slovenian, so Somali,
    sq Albanian, sr Serbian, ss Swati, su Sundanese, sv Swedish, sw Swahili, ta Tamil, th Thai, tl Tagalog, tn Tswana,
    tr Turkish, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, wo Wolof, xh Xhosa, yi Yiddish, yo Yoruba, zh Chinese,
    zu Zulu
    """,
    )
)
"""The 100 languages of M2M100, by its codes."""

LONGEST = 400  # bytes of a sentence: beyond 100 pieces small networks begin to repeat themselves
LONGEST_WORD = 60  # of letters that spaces part; beyond that it is a code, or somebody leant on a key
MARKER = re.compile(
    r"\s*(?:(?:[-*•·–—>#]+|\d{1,3}[.)]|\[[ x]\])\s+)*"
)  # what a line of a list, a quote or a title begins with
# An end of a sentence: signs, closing quotes, a space. Chinese and Japanese need no space.
STOP = re.compile(r"(?:[.!?…]+[\"'”’»)\]]*\s+|[。！？]+[」』”）]*\s*)")
ABBREVIATIONS = re.compile(
    r"mr|mrs|ms|dra?|profa?|sra?|srta|st|jr|vs|fig|approx|dept|inc|ltd|vol|exm[oa]|av|eng|pp?|págs?|ex|e\.g|i\.e|p\.ex"
    r"|bzw|z\.b|usw|mme|mlle|d\.h|sig|dott",
    re.IGNORECASE,
)
BREAKS = re.compile(r"[;:]\s+|,\s+|\s[-–—]\s|[，、；]|\s+")  # where a sentence that is too long is cut
ADDRESS = re.compile(  # of a page, of a person; and `code`
    r"`[^`]+`|(?:https?://|www\.)[^\s<>\"“”]*[^\s<>\"“”'’.,;:!?)\]]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE
)
WORD = re.compile(r"[^\s.,;:!?()\"“”«»'‘’…]+(?:[.,:][^\s.,;:!?()\"“”«»'‘’…]+)*")
# How thousands and decimals are parted.
SEPARATORS = dict.fromkeys(("en", "zh", "ja", "ko", "th"), ",.") | dict.fromkeys(
    ("pt", "es", "it", "de", "nl", "da", "id", "tr", "ro", "el"), ".,"
)
LANGID_CODES = {"nb": "no", "nn": "no", "fil": "tl", "nso": "ns", "fuc": "ff"}


# The language


@functools.cache
def identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def guess_language(text: str) -> dict[str, float]:
    """Language codes with their probabilities, the largest first; codes that are not in LANGUAGES are left out."""
    found: dict[str, float] = {}
    for code, probability in identifier().rank(text):
        code = LANGID_CODES.get(code, code)
        if code in LANGUAGES:
            found[code] = found.get(code, 0) + probability
    return found


# Sentences


def clean(text: str) -> str:
    """Text without control characters (line breaks and tabs stay) and without halves of surrogate pairs."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff]", "", text)


def split(text: str) -> list[tuple[str, str]]:
    """[(what stays as it is, a sentence), ...]: joined they are the text. The last sentence may be empty.

    What stays are spaces, line breaks, and what a line of a list begins with. A sentence has no line break in it, a
    letter somewhere, and at most LONGEST bytes.
    """
    parts, kept = [], ""
    for line in text.splitlines(keepends=True):
        marker = MARKER.match(line).end()
        kept += line[:marker]
        for sentence in sentences(line[marker:]):
            for piece in shorten(sentence):
                core = piece.strip()
                if not any(letter.isalpha() for letter in core):
                    kept += piece
                    continue
                start = piece.index(core)
                parts.append((kept + piece[:start], core))
                kept = piece[start + len(core) :]
    return [*parts, (kept, "")]


def sentences(line: str) -> Iterator[str]:
    """The sentences of a line, each with the space behind it."""
    start = 0
    for stop in STOP.finditer(line):
        before = line[start : stop.start()].rsplit(maxsplit=1)[-1:] or [""]
        word = before[0].lstrip("([\"'“‘«¿¡")
        after = line[stop.end() : stop.end() + 1]
        abbreviated = stop[0][0] == "." and (
            ABBREVIATIONS.fullmatch(word) or (re.fullmatch(r"[^\W\d_]", word) and word.isupper())
        )
        if abbreviated or after.islower():
            continue
        yield line[start : stop.end()]
        start = stop.end()
    if start < len(line):
        yield line[start:]


def shorten(sentence: str) -> Iterator[str]:
    """A sentence of more than LONGEST bytes in pieces, cut late in what fits, at a sign or else a space."""
    while len(sentence.encode()) > LONGEST:
        fits = len(sentence.encode()[:LONGEST].decode(errors="ignore"))
        breaks = [found.end() for found in BREAKS.finditer(sentence, fits // 2, fits)]
        signs = [end for end in breaks if sentence[:end].rstrip()[-1] in ";:,—–，、；"]
        cut = (signs or breaks or [fits])[-1]
        yield sentence[:cut]
        sentence = sentence[cut:]
    yield sentence


# What must come through


def protect(sentence: str, source: str, target: str, spells: Callable[[str], bool]) -> tuple[str, dict[str, str]]:
    """A sentence with stand-ins that networks copy, and {stand-in: what it stands for in the translation}.

    Addresses, endless words and those whose characters the network has no pieces for (emoji, other scripts) get a
    stand-in such as ZX1. Numbers with separated thousands get a plain one, which stands for the number as the
    target language writes it.
    """
    kept: dict[str, str] = {}

    def stand_in(pattern: str, original: str, first: int = 1) -> str:
        name = next(
            name for i in range(first, first + 9999) if (name := pattern.format(i)) not in sentence + "".join(kept)
        )
        kept[name] = original
        return name

    def number(found: re.Match) -> str:
        (thousands, point), swap = SEPARATORS[source], str.maketrans(SEPARATORS[source], SEPARATORS[target])
        if not re.fullmatch(rf"\d{{1,3}}(?:\{thousands}\d{{3}})+(?:\{point}\d+)?", found[0]):
            return found[0]
        return stand_in("{}", found[0].translate(swap), 4711)

    def word(found: re.Match) -> str:
        if found[0] in kept or (spells(found[0]) and not (len(found[0]) > LONGEST_WORD and found[0].isascii())):
            return found[0]
        if not found.start() and spells(found[0].lower()):  # a vocabulary may have à and not À
            return found[0].lower()
        return stand_in("ZX{}", found[0])

    text = ADDRESS.sub(lambda found: stand_in("ZX{}", found[0]), sentence)
    if source in SEPARATORS and target in SEPARATORS:
        text = re.sub(r"(?<![\w.,])\d[\d.,]*\d(?![\w])", number, text)
    return WORD.sub(word, text), kept


def restore(translation: str, kept: dict[str, str]) -> str | None:
    """The translation with what the stand-ins stand for, or None unless each came through exactly once."""
    if any(len(re.findall(rf"(?<!\w){name}(?!\w)", translation)) != 1 for name in kept):
        return None
    return re.sub("|".join(kept), lambda found: kept[found[0]], translation) if kept else translation


def around(text: str, kept: dict[str, str]) -> list[str]:
    """What stands before, between and behind the stand-ins, and the stand-ins at odd places."""
    return re.split(f"({'|'.join(kept)})", text)


def shouted(text: str) -> bool:
    """Whether all of it is in capitals, which networks that know capitals from names and abbreviations cannot read."""
    words = re.findall(r"[^\W\d_]+", ADDRESS.sub(" ", text))
    return len("".join(words)) > 4 and all(word.isupper() for word in words)


def lowered(text: str) -> str:
    """A sentence in capitals as it is usually written. Addresses stay."""
    start, parts = 0, []
    for address in ADDRESS.finditer(text):
        parts += [text[start : address.start()].lower(), address[0]]
        start = address.end()
    text = "".join([*parts, text[start:].lower()])
    return text if parts and not parts[0] else text[:1].upper() + text[1:]


# Sentence by sentence


def translate_sentences(network, sentences: Sequence[str], source: str, target: str) -> list[str]:
    """Translate a batch, with what the network could only damage put back into its place."""
    prepared = [prepare(network, sentence, source, target) for sentence in sentences]
    translated = network([text for text, _, _ in prepared], source, target)
    return [
        finish(network, sentence, *ready, translation, source, target)
        for sentence, ready, translation in zip(sentences, prepared, translated, strict=True)
    ]


def prepare(network, sentence: str, source: str, target: str) -> tuple[str, dict[str, str], bool]:
    """What the network reads of a sentence, its stand-ins (see `protect`), and whether it was in capitals."""
    loud = shouted(sentence)
    text, kept = protect(
        lowered(sentence) if loud else sentence, source, target, lambda word: network.spells(word, source, target)
    )
    return text, kept, loud


def finish(
    network, sentence: str, text: str, kept: dict[str, str], loud: bool, translation: str, source: str, target: str
) -> str:
    """A translation with its stand-ins replaced; if one got lost, of what stands around them, bit by bit."""
    if sentence[0].isupper():
        translation = translation[:1].upper() + translation[1:]
    restored = restore(translation.upper() if loud else translation, kept)
    if restored is not None:
        return restored
    bits = []
    for bit in around(text, kept):
        core = bit.strip()
        if bit in kept or not any(letter.isalpha() for letter in core):
            bits.append(kept.get(bit, bit))
        else:
            (translated,) = network([core], source, target)
            bits.append(bit.replace(core, translated.upper() if loud else translated))
    return "".join(bits)
