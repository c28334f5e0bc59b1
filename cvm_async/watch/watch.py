"""`Watch`: looks at a fleet on a schedule, in a task of its own, and hands out the newest snapshot."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeAlias

from attrs import evolve

from cvm_async._words import some_vpses
from cvm_async.errors import (
    AuthenticationError,
    ConfigurationError,
    CvmError,
    PermissionDeniedError,
    SessionClosedError,
)
from cvm_async.watch.changes import changes
from cvm_async.watch.memory import Look, failing, remembering
from cvm_async.watch.picture import THRESHOLDS
from cvm_async.watch.schedule import Schedule
from cvm_async.watch.snapshot import Snapshot

logger: logging.Logger = logging.getLogger("cvm_async")

ENDS = (AuthenticationError, PermissionDeniedError, ConfigurationError, SessionClosedError)
"""What does not pass: a watch that meets it ends."""

LookAt: TypeAlias = Callable[[], Awaitable[Look]]


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


class Watch:
    """An async context manager around the snapshots of a fleet; the snapshots are an async iterator without an end.

    A consumer that falls behind gets the newest snapshot and not a queue; its `changes` are since the one that the
    consumer had before. A look that fails does not end it: the VPSes keep their last status, with the error. Wrong
    tokens, a closed session and the like do end it. Leaving the block ends the looking. It is used once.

    Args:
        look: Looks at the fleet once.
        every: Seconds from one look to the next.
        jitter: Seconds by which a look may come later, at random.
        thresholds: Shares of a traffic limit whose crossing is told.
        now: Tells the time.
    """

    def __init__(
        self,
        look: LookAt,
        *,
        every: float,
        jitter: float = 0.0,
        thresholds: Sequence[float] = THRESHOLDS,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._look = look
        self._every = every
        self._jitter = jitter
        self._thresholds = tuple(thresholds)
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._latest: Snapshot | None = None
        self._given: Snapshot | None = None

    def __repr__(self) -> str:
        state = "not begun" if self._task is None else "ended" if self._task.done() else "at work"
        latest = self._latest
        seen = "nothing seen yet" if latest is None else f"{some_vpses(len(latest))} seen at {latest.at:%X}"
        return f"<Watch every {self._every:g} s: {state}, {seen}>"

    async def __aenter__(self) -> Self:
        if self._task is not None:
            msg = "a watch is used once"
            raise RuntimeError(msg)
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: self._news.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task = self._entered()
        task.cancel()
        await asyncio.wait([task])
        failure = None if task.cancelled() else task.exception()
        if failure is not None and error is None:
            raise failure

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Snapshot:
        task = self._entered()
        while self._latest is self._given and not task.done():
            self._news.clear()
            await self._news.wait()
        if task.cancelled():
            raise StopAsyncIteration
        if task.done():
            task.result()  # Raises what ended it.
        return self._give()

    def _give(self) -> Snapshot:
        latest = self._latest
        assert latest is not None  # noqa: S101 - there is news
        before, self._given = self._given, latest
        if before is None:
            return latest
        return evolve(latest, changes=changes(before, latest, thresholds=self._thresholds))

    def _entered(self) -> asyncio.Task[None]:
        if self._task is None:
            msg = "a watch is read inside `async with`"
            raise RuntimeError(msg)
        return self._task

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        schedule = Schedule(start=clock(), every=self._every, jitter=self._jitter)
        while True:
            began = clock()
            look = await self._tried()
            if look is not None:
                self._latest = remembering(self._latest, look, at=self._now(), elapsed=clock() - began)
                self._news.set()
            await asyncio.sleep(schedule.after(clock()) - clock())

    async def _tried(self) -> Look | None:
        """Look; where that fails in a way that may pass, give what was there before, and nothing where nothing was."""
        try:
            return await self._look()
        except ENDS:
            raise
        except CvmError as error:
            if self._latest is None:
                logger.warning("the first look at a watched fleet failed, the next one follows: %s", error)
                return None
            return failing(self._latest, error)
