"""One cache of loaded models: nothing is loaded twice, nothing in use is dropped."""

import threading

import numpy as np
import pytest

from tasks import TASKS, models
from tasks.errors import BadInput, ModelUnavailable
from tasks.models import Model, count, find, load, size, unload_all, use
from tasks.settings import settings
from tasks.weights import Hub, State

RESIDENT = models.resident


class Here:
    """A source that always has its folder."""

    def __init__(self, folder=None, state: State = State.INCLUDED):
        self._folder, self._state = folder, state

    def state(self):
        return self._state

    def folder(self):
        return self._folder


def model(name: str, loader=lambda folder: object(), megabytes: int = 100, source=None) -> Model:
    return Model(name, loader, source or Here(), "CNN", 1_000_000, megabytes, "MIT", "https://example.org")


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    unload_all()
    monkeypatch.setattr(settings, "memory_gb", 0.6)  # three models of 100 MB, as each is counted twice
    monkeypatch.setattr(models, "resident", lambda: 0.0)
    yield
    unload_all()


def loaded() -> set[str]:
    return {model.name for model, slot in models._slots.items() if slot.loaded is not None}


def test_least_recently_used_goes_first():
    a, b, c, d = (model(name) for name in "abcd")
    for one in (a, b, c, a, d):
        load(one)
    assert loaded() == {"a", "c", "d"}


def test_a_model_in_use_stays_even_over_the_budget():
    large = model("large", megabytes=500)
    with use(large) as network:
        load(model("small"))
        with use(large) as again:
            assert again is network
    load(model("another"))
    assert "large" not in loaded()


def test_what_the_process_really_holds_counts(monkeypatch):
    for name in "abc":
        load(model(name))
    held = iter([500.0, 450.0, 300.0])  # megabytes; every model that leaves gives some back
    monkeypatch.setattr(models, "resident", lambda: next(held))
    load(model("d"))
    assert loaded() == {"c", "d"}


def test_memory_of_a_model_that_left_goes_back_to_the_machine():
    load(model("large", lambda folder: np.ones(50_000_000, np.float32)))
    full = RESIDENT()
    unload_all()
    assert RESIDENT() < full - 150


def test_two_visitors_load_once():
    started, go_on, loads = threading.Event(), threading.Event(), []

    def slow(folder):
        loads.append(folder)
        started.set()
        go_on.wait(10)
        return object()

    one, seen = model("slow", slow), []

    def visit():
        with use(one) as network:
            seen.append(network)

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    started.wait(10)
    go_on.set()
    for visitor in visitors:
        visitor.join(10)
    assert len(loads) == 1 and len(seen) == 3 and len(set(map(id, seen))) == 1


def test_a_load_that_fails_can_be_tried_again():
    attempts = []

    def loader(folder):
        attempts.append(folder)
        if len(attempts) == 1:
            raise RuntimeError("no memory")
        return object()

    flaky = model("flaky", loader)
    with pytest.raises(RuntimeError):
        load(flaky)
    load(flaky)
    assert loaded() == {"flaky"}


def test_nothing_is_downloaded_by_using_a_model(monkeypatch):
    load(model("near"))
    far = model("far", source=Hub("someone/far", ("config.json",)), megabytes=1600)
    with pytest.raises(ModelUnavailable, match="runs offline"):
        load(far)
    assert loaded() == {"near"}, "nobody makes room for what cannot come"
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with pytest.raises(ModelUnavailable, match=r"needs a download of 1\.6 GB"):
        load(far)


def test_labels_and_names():
    assert model("Tiny").label == "Tiny · CNN · 1 M · 100 MB · included"
    assert (count(6_092_072), count(85_000), count(1_700_000_000)) == ("6.09 M", "85 k", "1.7 B")
    assert (size(25), size(1640)) == ("25 MB", "1.6 GB")
    with pytest.raises(BadInput, match="Choose one of: a, b"):
        find((model("a"), model("b")), "c")


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.slug)
def test_every_task_opens_with_a_model_that_is_here(task):
    default = task.models[0]
    assert default.included and default.source.state() == State.INCLUDED
    assert "NC" not in default.license and default.license
    assert len({model.name for model in task.models}) == len(task.models)
    assert any(isinstance(model.source, Hub) for model in task.models), "no Hub model beside the included ones"
