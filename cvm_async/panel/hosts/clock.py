"""Time as the panel knows it comes from a clock that is handed in, so that a test can own it.

A start takes up to a minute and an unreachable node ten seconds; with `ManualClock` both cost a test nothing.
"""

import asyncio
import heapq
import itertools
from collections.abc import Coroutine, Iterator
from typing import Protocol, TypeVar

import attrs

T = TypeVar("T")


class Clock(Protocol):
    """What the panel asks of a clock; seconds throughout, with an arbitrary zero."""

    def now(self) -> float:
        """Return the present instant."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when that many seconds have passed on this clock."""
        ...


@attrs.frozen
class LoopClock:
    """The running event loop's own time: what a panel uses unless told otherwise."""

    def now(self) -> float:
        """Return the running loop's time."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Sleep for real."""
        await asyncio.sleep(seconds)


# How often a `ManualClock` lets every ready task run before it takes them all to be waiting. An answer that
# travels from a woken script through ASGI and httpx to a caller, who then sends the next call, takes about
# ten such turns.
SETTLING_TURNS = 100


@attrs.define(eq=False)
class ManualClock:
    """A clock that stands still until it is told to move.

    Args:
        turns: how many turns of the event loop are granted after each wake-up, so that what was woken can go
            on and perhaps sleep again before time moves further.
    """

    turns: int = SETTLING_TURNS
    _now: float = attrs.field(default=0.0, init=False)
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = attrs.field(
        factory=list["tuple[float, int, asyncio.Future[None]]"], init=False, repr=False
    )
    _order: Iterator[int] = attrs.field(factory=itertools.count, init=False, repr=False)

    def now(self) -> float:
        """Return the instant this clock stands at; it begins at 0."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until somebody has moved the clock that far."""
        waker = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), waker))
        await waker

    async def advance(self, seconds: float) -> None:
        """Move on by that many seconds, waking sleepers in order, each at its own instant."""
        target = self._now + seconds
        await self._settle()
        while self._sleeps() and self._sleepers[0][0] <= target:
            await self._wake_next()
        self._now = target

    async def run(self, work: Coroutine[object, object, T]) -> T:
        """Move on as far as `work` needs to come to its end, and return what it returns.

        Raises:
            RuntimeError: `work` is not done and nothing sleeps on this clock: it waits for something that
                time alone won't bring, such as a hung node. `work` is cancelled then.
        """
        task = asyncio.ensure_future(work)
        try:
            await self._settle()
            while not task.done():
                if not self._sleeps():
                    raise RuntimeError("the work is not done, and nothing sleeps on this clock that could wake it")
                await self._wake_next()
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def _wake_next(self) -> None:
        self._now = self._sleepers[0][0]
        while self._sleeps() and self._sleepers[0][0] == self._now:
            heapq.heappop(self._sleepers)[2].set_result(None)
        await self._settle()

    def _sleeps(self) -> bool:
        """Tell whether anybody sleeps; those who were cancelled no longer do."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return bool(self._sleepers)

    async def _settle(self) -> None:
        for _ in range(self.turns):
            await asyncio.sleep(0)
