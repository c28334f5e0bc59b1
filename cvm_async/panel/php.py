"""What PHP and its web server make calls wait for: a worker, the session's file, the processor.

These three, not the network, decide how many calls a real panel answers, so a client has to be measured
against them.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from weakref import WeakValueDictionary

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
