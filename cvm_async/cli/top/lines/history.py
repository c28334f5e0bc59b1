"""The last looks, for one VPS's curves and forecast. Few are kept of a large fleet: memory is what they cost."""

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cvm_async.watch.events import Key
from cvm_async.watch.rates import Forecast, forecast, rates
from cvm_async.watch.snapshot import Reading, Snapshot

_READINGS: Final = 60_000
"""Readings that are kept in all, some 30 MB: 12 looks at 5,000 VPSes."""
_LEAST, _MOST = 8, 240
_LEVELS: Final = "▁▂▃▄▅▆▇█"


class History:
    """The last looks, the latest last."""

    def __init__(self) -> None:
        self._looks: deque[Snapshot] = deque()

    def keep(self, snapshot: Snapshot) -> None:
        """Take one more; the earliest go where there are too many."""
        self._looks.append(snapshot)
        most = max(_LEAST, min(_MOST, _READINGS // max(len(snapshot), 1)))
        while len(self._looks) > most:
            self._looks.popleft()

    def of(self, key: Key) -> list[Snapshot]:
        """Give the looks at one VPS alone, those at which it was read."""
        return [
            Snapshot(at=look.at, elapsed=look.elapsed, readings=(reading,))
            for look in self._looks
            if (reading := look.get(key)) is not None and reading.is_fresh
        ]


def reading_of(look: Snapshot) -> Reading:
    """Give the reading of a look at one VPS alone."""
    return look.readings[0]


def memory(looks: Sequence[Snapshot]) -> list[float | None]:
    """Give the memory in use at each look, in bytes."""
    statuses = (reading_of(look).status for look in looks)
    return [None if status is None else status.ram_used for status in statuses]


def traffic(looks: Sequence[Snapshot]) -> list[float | None]:
    """Give the traffic from each look to the next, in bytes a second."""
    return [rates(before, after)[reading_of(after).key].total for before, after in pairwise(looks)]


def when_full(looks: Sequence[Snapshot]) -> Forecast | None:
    """Tell when a traffic limit is reached at the rate of all these looks."""
    return forecast(looks)[reading_of(looks[-1]).key] if looks else None


def curve(figures: Sequence[float | None], width: int) -> str:
    """Give the last figures as a curve from 0 to the largest, a character each; a space where one is not known."""
    shown = figures[-width:]
    top = max((figure for figure in shown if figure is not None), default=0.0)
    return "".join(_level(figure, top) for figure in shown)


def _level(figure: float | None, top: float) -> str:
    if figure is None:
        return " "
    return _LEVELS[0] if top <= 0 else _LEVELS[min(int(figure / top * len(_LEVELS)), len(_LEVELS) - 1)]
