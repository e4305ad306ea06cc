"""A model is data plus one loader; loaded models share one cache with one memory budget."""

import contextlib
import ctypes
import gc
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tasks.errors import BadInput, ModelUnavailable
from tasks.settings import settings
from tasks.weights import Hub, Source, State

MEMORY_PER_MEGABYTE = 2.0  # weights on disk -> in memory: fp16 grows to fp32, and activations need room


@dataclass(frozen=True, eq=False)  # a model is itself: compared and hashed by identity
class Model:
    """One line of a picker.

    Args:
        name: as its authors call it, unique within a task.
        load: called with the folder of weights, returns something callable with the task's own signature.
        source: where the weights come from.
        family: the architecture a learner would look up, e.g. "CNN", "Transformer".
        parameters: how many numbers were learned.
        megabytes: size of the weights on disk, which is what a download costs.
        license: SPDX name of the licence of the weights.
        link: the page that describes it.
        note: one sentence for the picker: what it is good for.
    """

    name: str
    load: Callable[[Path], Any]
    source: Source
    family: str
    parameters: int
    megabytes: int
    license: str
    link: str
    note: str = ""

    @property
    def included(self) -> bool:
        """Whether the model came with the installation, so that it needs no network."""
        return not isinstance(self.source, Hub)

    @property
    def label(self) -> str:
        """ "EfficientNet-Lite2 · CNN · 6.1 M · 25 MB · included": true at the moment it is read."""
        return (
            f"{self.name} · {self.family} · {count(self.parameters)} · {size(self.megabytes)} · {self.source.state()}"
        )


def count(parameters: int) -> str:
    """6_100_000 -> "6.1 M"."""
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if parameters >= unit:
            return f"{parameters / unit:.3g} {name}"
    return str(parameters)


def size(megabytes: float) -> str:
    """1600 -> "1.6 GB"."""
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"


def find(models: tuple[Model, ...], name: str) -> Model:
    """The model of this name, or a sentence that lists the names there are."""
    for model in models:
        if model.name == name:
            return model
    wrong = f"There is no model called {name!r} here." if name else "No model is chosen."
    raise BadInput(f"{wrong} Choose one of: {', '.join(m.name for m in models)}.")


class _Slot:
    """One model's place in the cache."""

    def __init__(self):
        self.lock = threading.Lock()  # held while loading, so that two visitors do not load the same model twice
        self.loaded: Any = None
        self.users = 0


_slots: OrderedDict[Model, _Slot] = OrderedDict()  # least recently used first
_guard = threading.Lock()


@contextmanager
def use(model: Model) -> Iterator[Any]:
    """The loaded model, for as long as the block runs: it is not unloaded meanwhile.

    Raises:
        ModelUnavailable: the weights are not here or are damaged. Nothing is downloaded.
    """
    if (slot := _slots.get(model)) is None or slot.loaded is None:
        _check_here(model)  # before others make room for it
    with _guard:
        slot = _slots.setdefault(model, _Slot())
        _slots.move_to_end(model)
        slot.users += 1
        if slot.loaded is None:
            _make_room(model)
    try:
        with slot.lock:
            if slot.loaded is None:
                slot.loaded = model.load(model.source.folder())
        yield slot.loaded
    finally:
        with _guard:
            slot.users -= 1


def load(model: Model) -> float:
    """Bring a model into memory. Returns the seconds it took, ~0 when it was there."""
    start = time.perf_counter()
    with use(model):
        return time.perf_counter() - start


def unload_all() -> None:
    """Forget every model that is not in use."""
    with _guard:
        for model in [model for model, slot in _slots.items() if not slot.users]:
            del _slots[model]
        _give_back()


def _check_here(model: Model) -> None:
    if model.source.state() == State.OFFLINE:
        raise ModelUnavailable(f"{model.name} is not on this machine, and the gallery runs offline.")
    if model.source.state() == State.NEEDS_DOWNLOAD:
        raise ModelUnavailable(f"{model.name} needs a download of {size(model.megabytes)}: press Download first.")


def _make_room(newcomer: Model) -> None:
    """Unload the least recently used models until the newcomer fits, by the estimates and by what the process holds.

    Called with the guard held.
    """
    budget = settings.memory_gb * 1000
    for model in list(_slots):
        estimate = sum(_memory(m) for m, slot in _slots.items() if slot.loaded is not None or m is newcomer)
        if max(estimate, resident() + _memory(newcomer)) <= budget:
            return
        if model is not newcomer and not _slots[model].users:
            del _slots[model]
            _give_back()


def resident() -> float:
    """Megabytes of memory the gallery holds."""
    return psutil.Process().memory_info().rss / 1e6


def _give_back() -> None:
    """Return what was freed to the machine: networks hold themselves in circles, and glibc keeps what it was given."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _memory(model: Model) -> float:
    """Estimated megabytes in memory."""
    return model.megabytes * MEMORY_PER_MEGABYTE
