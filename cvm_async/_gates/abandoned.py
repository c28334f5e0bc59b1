"""Calls that we gave up and the panel did not: PHP works on for a caller who has left, for three commands of a minute.

Each counts as in flight until it can be taken to be over. Else one hung node would eat all of a panel's workers, two or
four a poll. Nothing here knows the time or waits: what is over is taken out by whoever looks.
"""

import math
from collections.abc import Callable

from attrs import define, field

from cvm_async._gates.verdict import Flight


@define(eq=False)
class AbandonedCall:
    """A call that may still be under way on the panel.

    Attributes:
        flight: Which.
        until: When it is taken to be over.
        firm: Whether only time ends it. One that was cut off early, or while the whole panel was silent, is taken to be
            over as soon as a later one to the same node is answered.
        unexplained: Whether nobody else was answered while it was under way: it may have been the panel's fault.
        is_explained: Whether nothing is known against its VPS: it was cut off too early to tell, or its node was lost
            then, and is back.
    """

    flight: Flight
    until: float
    firm: bool
    unexplained: bool
    is_explained: bool = False


@define(eq=False)
class AbandonedCalls:
    """All of a session's."""

    _calls: list[AbandonedCall] = field(init=False, factory=list[AbandonedCall])

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: AbandonedCall) -> None:
        self._calls.append(call)

    def expire(self, now: float) -> list[AbandonedCall]:
        """Take out what is over by now."""
        return self._take_out(lambda call: call.until <= now)

    def release(self, node: int | None, before: float) -> list[AbandonedCall]:
        """Take out what an answer of the node to a call that began then shows to be over."""
        return self._take_out(lambda call: not call.firm and call.flight.node == node and call.flight.began < before)

    def excuse(self) -> list[AbandonedCall]:
        """Learn that the panel as a whole was silent, and give those that its silence explains."""
        excused = [call for call in self._calls if call.unexplained and call.firm]
        for call in excused:
            call.firm = False
        return excused

    def explain(self, node: int | None) -> None:
        """Learn that a node that was lost is back."""
        for call in self._calls:
            call.is_explained = call.is_explained or call.flight.node == node

    def next_end(self, node: int | None) -> float:
        """Give when the first one of a node is over; infinity where it has none."""
        return min((call.until for call in self._calls if call.flight.node == node), default=math.inf)

    def last_end(self, vps: int | None, number: int) -> float:
        """Give when fewer than so many firm ones will speak against a VPS; minus infinity where fewer do now."""
        ends = sorted(
            call.until for call in self._calls if call.firm and not call.is_explained and call.flight.vps == vps
        )
        return -math.inf if vps is None or len(ends) < number else ends[-number]

    def next_end_of_all(self) -> float:
        return min((call.until for call in self._calls), default=math.inf)

    def _take_out(self, is_over: Callable[[AbandonedCall], bool]) -> list[AbandonedCall]:
        over = [call for call in self._calls if is_over(call)]
        if over:
            self._calls = [call for call in self._calls if not is_over(call)]
        return over
