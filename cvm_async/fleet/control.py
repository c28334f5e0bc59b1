"""`RunControl`: a hand on runs that are under way, to end them early and tidily, and to see what they wait for.

A cancellation cuts off what is under way, and leaves the outcome of its power actions unknown. Most who want a run to
end mean less: that nothing new begins.
"""

import math
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Literal, Protocol, TypeAlias

from attrs import frozen

from cvm_async.models import Vps

Doing: TypeAlias = Literal["status", "start", "stop", "restart", "wait"]
"""What can be under way for a VPS."""


@frozen
class UnderWay:
    """A VPS that a run is at just now."""

    vps: Vps
    """The VPS."""
    panel: str
    """The name of the session it is reached through."""
    doing: str
    """What is under way: "status", "start", "stop" or "restart", or "wait" where its state is waited for."""
    spent: float
    """Seconds since that began."""
    limit: float | None
    """Seconds that it may take; a call that is tried again takes longer. None: there is no limit."""


@frozen
class Stage:
    """Where a run is among its batches."""

    batch: int = 1
    """The number of the batch that is under way, or comes next; the first is 1."""
    batches: int = 1
    """The number of batches; 1 where the run has none."""
    pause: float = 0.0
    """Seconds until it begins, where the run pauses between two; else 0.0."""


class Controlled(Protocol):
    """A run, as its control sees it."""

    def stop(self, reason: str) -> None:
        """Begin nothing any more."""
        ...

    def under_way(self) -> Iterable[UnderWay]:
        """Give what is under way."""
        ...

    @property
    def stage(self) -> Stage:
        """Where it is among its batches."""
        ...


class RunControl:
    """Ends runs early, and shows what they wait for. Give it to a verb of a fleet, or to several of them.

    It belongs to the event loop of the runs: from another thread, or from a signal's handler, call
    ``loop.call_soon_threadsafe(control.stop)``.
    """

    def __init__(self) -> None:
        self._runs: list[Controlled] = []
        self._reason: str | None = None

    def __repr__(self) -> str:
        state = "" if self._reason is None else f", stopped: {self._reason}"
        return f"<RunControl: {len(self.under_way())} under way{state}>"

    def stop(self, reason: str = "it was told to stop") -> None:
        """Begin nothing new, in the runs that have this control and in those that get it later.

        What is under way ends by itself, a power action and its wait for a state included; the runs then give their
        whole reports, in which the rest is skipped, for this reason. A wait for a state alone ends at once. To be told
        twice changes nothing.
        """
        if self._reason is None:
            self._reason = reason
            for run in self._runs:
                run.stop(reason)

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._reason is not None

    def under_way(self) -> tuple[UnderWay, ...]:
        """Give the VPSes that the runs are at just now, those that take longest first."""
        every = [each for run in self._runs for each in run.under_way()]
        return tuple(sorted(every, key=lambda each: -each.spent))

    @property
    def stage(self) -> Stage:
        """Where the latest run is among its batches."""
        return self._runs[-1].stage if self._runs else Stage()

    @contextmanager
    def over(self, run: Controlled) -> Generator[None]:
        """Have a run under control for as long as the block lasts; for the parts of this library."""
        self._runs.append(run)
        try:
            if self._reason is not None:
                run.stop(self._reason)
            yield
        finally:
            self._runs.remove(run)


def finite(seconds: float) -> float | None:
    """Give a limit as `UnderWay` has it."""
    return None if math.isinf(seconds) else seconds
