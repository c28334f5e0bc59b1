"""How many readings one host node may have at once where there are others: what hangs with it is then no more.

A node may hang in the midst of a poll, and then all that is in flight on it hangs, and keeps workers of the panel for
minutes. So each node has an eighth of what the session may have in flight, two of 16. It has more, a quarter of what
is in flight, where the panel evidently has workers to spare: where answers take as long with more in flight.
"""

import math

from attrs import define, field

from cvm_async._gates.node import START

PART = 8
"""Of what a session may have in flight, one in so many may be a reading on one node without any evidence."""

SPARE_PART = 4
"""Of the calls that the panel has taken at once and let none wait, one in so many may be on one node."""

SLOWER = 1.4
"""So many times the fastest answer's time: one that takes longer may have waited for a worker. Where half as many calls
again are in flight as there are workers, all take half as long again."""

TRY_AGAIN = 300.0
"""Seconds until more is tried again after it has shown that there are no more workers."""


@define(eq=False)
class Share:
    """What each node may have.

    Attributes:
        limit: Calls that the session may have in flight.
        extra: Readings that each node may have besides its eighth.
    """

    limit: int
    extra: int = 0
    _fastest: float = field(init=False, default=math.inf)
    _answers: int = field(init=False, default=0)
    _most_in_flight: int = field(init=False, default=0)
    _since: float = field(init=False, default=-math.inf)
    _not_before: float = field(init=False, default=-math.inf)

    @property
    def size(self) -> int:
        return max(START, math.ceil(self.limit / PART)) + self.extra

    def answered(self, began: float, now: float, in_flight: int) -> bool:
        """Learn from a status that began then and is answered, with so many in flight; tell whether that changes it."""
        seconds = now - began
        self._fastest = min(self._fastest, seconds)
        if seconds > SLOWER * self._fastest:
            return self._shrink(now)
        if began >= self._since:
            self._answers += 1
            self._most_in_flight = max(self._most_in_flight, in_flight)
            if now >= self._not_before and min(self._answers, self._most_in_flight) >= SPARE_PART * self.size:
                return self._resize(self.extra + self.size, now)
        return False

    def _shrink(self, now: float) -> bool:
        if self.extra:
            self._not_before = now + TRY_AGAIN
        return self._resize(0, now)

    def _resize(self, extra: int, now: float) -> bool:
        changed, self.extra = extra != self.extra, extra
        self._since = now
        self._answers = self._most_in_flight = 0
        return changed
