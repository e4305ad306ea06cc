"""What people write becomes what can be read aloud."""

import pytest

from tasks.errors import BadInput
from tasks.spoken_text import MAX_CHARACTERS, MAX_SENTENCE, readable, sentences


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Visit https://www.example.com/a-b?x=1#top.", "Visit example dot com slash a dash b."),
        ("See docs.python.org/3/ now.", "See docs dot python dot org slash 3 now."),
        ("Write to jo.doe@mail.example.org!", "Write to jo dot doe at mail dot example dot org!"),
        ("I love it 😀😀😀", "I love it, grinning face,"),
        ("Well done 👍🏽.", "Well done, thumbs up sign."),
        ("An area of π r²", "An area of pi r squared"),
        ("Take 3½ cups", "Take 3 and 1/2 cups"),
        ("**Bold** and `code`", " Bold and code"),
        ("𝐁𝐨𝐥𝐝 and Ｗｉｄｅ and ﬁne", "Bold and Wide and fine"),
        ("Z̷a̷l̷g̷o", "Zalgo"),
        ("Call (555) 123-4567", "Call 555-123-4567"),
        ("Crème brûlée, 3.5 m, e.g. at 7:45.", "Crème brûlée, 3.5 m, e.g. at 7:45."),
    ],
)
def test_signs_and_addresses_are_spelled_out(written, read):
    assert readable(written)[0].strip() == read.strip()


def test_other_scripts_are_left_out_and_named():
    text, left_out = readable("Hello Привет and 你好, friend.")
    assert (text, left_out) == ("Hello and, friend.", ["Привет", "你好"])


def test_sentences_end_where_they_should():
    text = "Dr. Smith paid $9.99 to J. K. Rowling. Really?\nYes! # A title"
    assert sentences(text) == ["Dr. Smith paid $9.99 to J. K. Rowling.", "Really?", "Yes!", "# A title"]


@pytest.mark.parametrize("text", ["word " * 400, "x" * 900, "one, " * 300])
def test_long_sentences_are_cut(text):
    pieces = sentences(text)
    assert len(pieces) > 3
    assert all(0 < len(piece) <= MAX_SENTENCE for piece in pieces)
    assert "".join(pieces).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing to say"),
        (" \n ", "nothing to say"),
        ("… !!", "nothing to say"),
        ("Привет, мир", "read English"),
        ("你好。", "read English"),
        ("a" * (MAX_CHARACTERS + 1), "limit is 10,000"),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(text, says):
    with pytest.raises(BadInput, match=says):
        sentences(text)
