"""Requests to the panels, counted and timed as they end; how they ended is one of a few words, so it stays small."""

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Final, TypeAlias

from attrs import define, field

from cvm_async._exchange.observing import CallEnd
from cvm_async.exporter import metrics
from cvm_async.exporter.metrics import Family

BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0)
"""Seconds: a status takes some tenths, a read timeout is 15, a start may take 60 and its timeout is 120."""

_NAMES: Final = (*map(str, BUCKETS), "+Inf")

Key: TypeAlias = tuple[str, str, str]
"""The panel as a label, the verb, and what came of it."""


@define
class _Times:
    counts: list[int] = field(factory=lambda: [0] * len(_NAMES))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds


class Calls:
    """What came of the requests so far, and how long they took. A scrape may read it from another thread."""

    def __init__(self) -> None:
        self._times: dict[Key, _Times] = {}
        self._lock = Lock()

    def note(self, panel: str, end: CallEnd) -> None:
        """Count one, under the panel's label."""
        with self._lock:
            self._times.setdefault((panel, end.verb, end.result), _Times()).add(end.seconds)

    def families(self) -> Iterator[Family]:
        """Give what there is to scrape now."""
        calls, durations = metrics.CALLS.counter(), metrics.CALL_TIME.histogram()
        for key, (counts, total) in self._copied().items():
            calls.add_metric(key, sum(counts))
            durations.add_metric(key, list(zip(_NAMES, itertools.accumulate(counts), strict=True)), total)
        yield from (calls, durations)

    def _copied(self) -> Mapping[Key, tuple[list[int], float]]:
        with self._lock:
            return {key: (list(times.counts), times.total) for key, times in sorted(self._times.items())}
