"""`Slots` bound how many connections are busy at a time: first come, first served, on one event loop."""

import asyncio
import sys

import httpx

from cvm_async._deadline import Deadline


class UnusableTransportError(RuntimeError):
    """The transport is closed, or in use on another event loop: nothing of the request was sent."""


class Slots:
    """Slots, one for each busy connection.

    Args:
        limit: How many, at least 1; None for no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit: int = sys.maxsize if limit is None else limit
        self.is_closed: bool = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self._start_afresh()

    def _start_afresh(self) -> None:
        # asyncio's semaphore is fair, and sound under cancellation.
        self._free = asyncio.Semaphore(self.limit)
        self.busy: int = 0
        self.waiting: int = 0

    def enter_loop(self) -> bool:
        """Tell whether the running loop is a new one; then all slots are free, and the old loop's connections lost.

        Raises:
            UnusableTransportError: Another event loop uses them, and is still alive.
        """
        loop = asyncio.get_running_loop()
        if loop is self.loop:
            return False
        if self.loop is not None and not self.loop.is_closed():
            raise UnusableTransportError("This transport is in use on another event loop; make one for each loop.")
        self._start_afresh()
        self.loop = loop
        return True

    async def take(self, within: float | None) -> None:
        """Take a slot, waiting for it so many seconds at most.

        Raises:
            httpx.PoolTimeout: None became free in time.
            UnusableTransportError: They are closed.
        """
        if self.is_closed:
            raise UnusableTransportError("Cannot send a request, as the transport has been closed.")
        if self._free.locked():
            await self._wait(within)
        else:
            # This does not suspend.
            await self._free.acquire()
        self.busy += 1

    async def _wait(self, within: float | None) -> None:
        self.waiting += 1
        try:
            with Deadline(within) as deadline:
                await self._free.acquire()
        finally:
            self.waiting -= 1
        if deadline.expired:
            raise httpx.PoolTimeout(f"All {self.limit} lanes stayed busy.")
        if self.is_closed:
            raise UnusableTransportError("The transport was closed while the request waited for a lane.")

    def free(self) -> None:
        """Give a slot back."""
        self.busy -= 1
        self._free.release()

    def close(self) -> None:
        """Give out no more; requests that wait get an error now."""
        self.is_closed = True
        for _ in range(self.waiting):
            self._free.release()
