"""How much visitors may ask for: plenty at home, less where strangers come."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from tasks.errors import BadInput

MINUTE = 60.0  # seconds
MOST_VISITORS = 10_000  # whose last runs are remembered
# Open pages whose rooms the server remembers. Each costs 1.2 MB and what its last results hold; Gradio keeps 10,000.
MOST_PAGES = 100


@dataclass(frozen=True)
class Limits:
    """What visitors may ask for.

    Args:
        upload: the largest file, as Gradio writes it.
        waiting: whoever comes while so many runs wait is told that the queue is full.
        runs: runs of networks per visitor and minute.
    """

    upload: str
    waiting: int
    runs: int


AT_HOME = Limits(upload="20mb", waiting=64, runs=600)
IN_PUBLIC = Limits(upload="10mb", waiting=24, runs=20)


class Turns:
    """Counts runs. Visitors are told apart by their page, not by their address: a class shares one address."""

    def __init__(self, runs: int, clock: Callable[[], float] = time.monotonic):
        self.runs = runs
        self.clock = clock
        self._begun: OrderedDict[str | None, deque[float]] = OrderedDict()  # who came last is last

    def take(self, visitor: str | None) -> None:
        """Count a run.

        Raises:
            BadInput: the visitor had all runs of this minute.
        """
        now = self.clock()
        begun = self._begun.setdefault(visitor, deque(maxlen=self.runs))
        self._begun.move_to_end(visitor)
        if len(begun) == self.runs and now - begun[0] < MINUTE:
            raise BadInput(f"That is more than {self.runs} runs within a minute: wait a moment, then try again.")
        begun.append(now)
        if len(self._begun) > MOST_VISITORS:
            self._begun.popitem(last=False)
