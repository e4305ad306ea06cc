"""The gallery beside the bare libraries, in one run: `python -m benchmarks` prints one table.

Each module has `rows() -> Iterator[Row]`; `python -m benchmarks speech_recognition` runs one of them.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table. Seconds are medians; the ratio is the median of pairs run in turn."""

    what: str
    ours: float
    theirs: float
    ratio: float
    note: str = ""


def compare(what: str, ours: Callable, theirs: Callable, runs: int = 7, note: str = "") -> Row:
    """Run both in turn, after one warm-up each, so that a machine that slows down slows both."""
    pairs = []
    for i in range(runs + 1):
        pair = seconds(ours), seconds(theirs)
        if i:
            pairs.append(pair)
    a, b = zip(*pairs, strict=True)
    ratio = statistics.median(x / y for x, y in pairs)
    return Row(what, statistics.median(a), statistics.median(b), ratio, note)


def seconds(function: Callable) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
