"""What PHP and its web server make calls wait for: a worker, the session's file, the processor, a node's answer.

These, not the network, decide how many calls a real panel answers, so a client has to be measured against them.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from enum import Enum
from weakref import WeakValueDictionary

from cvm_async.panel.hosts.clock import Clock

_NOBODY_WAITS = nullcontext()


class WorkerPool:
    """PHP-FPM: so many scripts at a time, the others in a queue in order of arrival.

    Args:
        workers: scripts at a time; None for as many as come.
        backlog: calls that may wait in the queue; None for as many as come.
    """

    def __init__(self, workers: int | None, backlog: int | None) -> None:
        self._backlog = backlog
        self._waiting = 0
        self._free = None if workers is None else asyncio.Semaphore(workers)

    @property
    def is_full(self) -> bool:
        """Whether one more call would find neither a worker nor room in the queue."""
        if self._free is None or self._backlog is None:
            return False
        return self._free.locked() and self._waiting >= self._backlog

    def worker(self) -> AbstractAsyncContextManager[None]:
        """Occupy a worker, waiting for one if need be."""
        return _NOBODY_WAITS if self._free is None else self._occupy(self._free)

    @asynccontextmanager
    async def _occupy(self, free: asyncio.Semaphore) -> AsyncGenerator[None]:
        self._waiting += 1
        try:
            await free.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            free.release()


class SessionLocks:
    """PHP's session files, each locked by one script at a time; the others wait **inside** their workers."""

    def __init__(self) -> None:
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def session(self, name: str | None) -> AbstractAsyncContextManager[None]:
        """Lock the session of that name; None for one just begun, of which nobody else knows."""
        if name is None:
            return _NOBODY_WAITS
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock


class Processor:
    """So many cores, each at one script at a time, booked ahead so that none idles between two scripts.

    Args:
        cores: None for as many as are asked for.
    """

    def __init__(self, cores: int | None) -> None:
        self._free_at = None if cores is None else [0.0] * cores

    def book(self, now: float, seconds: float) -> float:
        """Book so much time on the core that is free first, and return how long it takes from now."""
        if self._free_at is None:
            return seconds
        end = max(now, self._free_at[0]) + seconds
        heapq.heapreplace(self._free_at, end)
        return end - now


class End(Enum):
    """Why a call no longer stands still."""

    WENT_ON = "what it waited for goes on"
    CALLER_LEFT = "its caller has gone"
    TIMED_OUT = "its time is up"


class StandingCalls:
    """Calls that wait, inside their workers, for a hung node to answer, or for a fault to be cleared.

    Args:
        clock: for how long.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # By the node, or None where a fault has stopped them.
        self._going_on: dict[int | None, asyncio.Event] = {}

    async def wait(self, node: int | None, seconds: float | None, *leaving: Coroutine[object, object, object]) -> End:
        """Stand still.

        Args:
            node: what is waited for; None for a fault.
            seconds: how long at most; None for ever.
            leaving: each ends once the caller has gone.
        """
        loop = asyncio.get_running_loop()
        goes_on = self._going_on.setdefault(node, asyncio.Event())
        ends: dict[asyncio.Task[object], End] = {loop.create_task(goes_on.wait()): End.WENT_ON}
        ends |= {loop.create_task(left): End.CALLER_LEFT for left in leaving}
        if seconds is not None:
            ends[loop.create_task(self._clock.sleep(seconds))] = End.TIMED_OUT
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return next(end for task, end in ends.items() if task.done())
        finally:
            for task in ends:
                task.cancel()

    def release(self, node: int | None) -> None:
        """Let the calls go on that wait for a node, or with None those that a fault has stopped."""
        if node in self._going_on:
            self._going_on.pop(node).set()

    def lose(self, node: int) -> None:
        """Let the calls that wait for a node wait in vain, whatever comes after."""
        self._going_on.pop(node, None)
