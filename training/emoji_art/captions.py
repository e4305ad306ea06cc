"""What is said about a picture: "a purple elephant, 3d style, light blue background".

Which (concept, colour) and (concept, background) pairs are never trained is decided here, by a hash, so that
training, evaluation and the model's card agree without a list to keep.
"""

import hashlib
import random
import re

from .colours import BACKGROUNDS, COLOUR_WORDS, COLOURS

# One style: at the few million pictures we can afford, a second one makes both worse. Each entry is a sheet of
# data.py and the ways to ask for it.
STYLES = {"fluent-3d": ("3d style", "3d render", "glossy 3d", "in 3d style")}
DEFAULT_STYLE = "fluent-3d"  # what a caption without a style word means
STYLE_SAID = 0.2  # of captions in the default style; of another style nearly all, or the default becomes a mixture

HELD_COLOURS = 2  # of the 12 colour words, per concept
HELD_BACKGROUNDS = 3  # of the 16 that are not white, per concept


def _pick(concept: str, salt: str, choices: list[str], count: int) -> frozenset[str]:
    key = lambda word: hashlib.sha256(f"{salt}/{concept}/{word}".encode()).digest()  # noqa: E731
    return frozenset(sorted(choices, key=key)[:count])


def held_colours(concept: str) -> frozenset[str]:
    """Colours this concept (hex code points, "1f34e") is never shown in, apart from its own natural one."""
    return _pick(concept, "colour", list(COLOURS), HELD_COLOURS)


def held_backgrounds(concept: str) -> frozenset[str]:
    """Backgrounds this concept is never shown on."""
    return _pick(concept, "background", [b for b in BACKGROUNDS if b != "white"], HELD_BACKGROUNDS)


def without_colours(text: str) -> str:
    """The text less its colour words: a repainted "red apple" is an apple."""
    return " ".join(w for w in text.split() if w not in COLOUR_WORDS)


def article(text: str) -> str:
    return ("an " if text[:1] in "aeiou" else "a ") + text


def caption(label, keywords, style, colour, repainted, background, rng: random.Random) -> str:
    """One of the many ways to ask for a picture.

    label, keywords: lower case words of the concept. style: key of STYLES. colour: word to say or None; where the
    picture was repainted the word is always said, else sometimes. background: key of BACKGROUNDS or None (white).
    """
    if repainted:
        label = without_colours(label) or label
        keywords = [k for k in keywords if not set(k.split()) & COLOUR_WORDS]
    subject = label
    if keywords and rng.random() < 0.08:  # a synonym instead of the name
        subject = rng.choice(keywords)
    if colour and (repainted or rng.random() < 0.3) and colour not in subject.split():
        subject = f"{colour} {subject}"
    if rng.random() < 0.5:
        subject = article(subject)
    if keywords and rng.random() < 0.15:
        subject += ", " + ", ".join(rng.sample(keywords, min(len(keywords), rng.choice((1, 2)))))
    say_style = rng.random() < (STYLE_SAID if style == DEFAULT_STYLE else 0.95)
    style_words = rng.choice(STYLES[style]) if say_style else ""
    if style_words.startswith("in "):
        subject += " " + style_words
    elif style_words:
        subject += ", " + style_words
    if background is None and rng.random() < 0.25:
        background = "white"
    if background:
        ground = f"{background} background"
        subject += rng.choice((f", {ground}", f", {ground}", f" on {article(ground)}"))
    return subject


def clean_label(label: str, group: int) -> str:
    """emojibase's label in plain words: lower case, no quotes, "person: red hair" -> "person"."""
    text = re.sub(r"[“”\"]", "", label.lower().replace("’", "'"))
    return text.split(":")[0] if group == 1 else text.replace(":", "")


def clean_keywords(words: list[str], label: str) -> list[str]:
    words = [w.replace("_", " ").lower() for w in words]
    return [w for w in dict.fromkeys(words) if re.fullmatch(r"[a-z][a-z' \-]{2,20}", w) and w != label]
