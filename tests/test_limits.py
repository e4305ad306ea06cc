"""Runs are counted per visitor and minute."""

import pytest

from tasks import limits
from tasks.errors import BadInput
from tasks.limits import Turns


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_visitor_has_so_many_runs_a_minute_and_others_have_their_own():
    clock = Clock()
    turns = Turns(3, clock)
    for _ in range(3):
        turns.take("ada")
    with pytest.raises(BadInput, match="more than 3 runs within a minute"):
        turns.take("ada")
    turns.take("bob")
    clock.now = 60.0
    turns.take("ada")


def test_visitors_of_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr(limits, "MOST_VISITORS", 2)
    turns = Turns(1, Clock())
    for visitor in ("ada", "bob", "eve"):
        turns.take(visitor)
    turns.take("ada")
    with pytest.raises(BadInput):
        turns.take("eve")
