"""How far a run is, told to a client that asked for it: the newest, whenever the one before has gone out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from cvm_async._words import some_vpses
from cvm_async.fleet.outcome import Progress

__all__ = ["News", "Tell", "told_of"]

T = TypeVar("T")

Tell: TypeAlias = Callable[[float, float, str], Awaitable[None]]
"""Tells the client: how many are done, of how many, and a sentence."""

logger: logging.Logger = logging.getLogger("cvm_async")


class News:
    """What a run tells of itself, for `progress=`; a run of thousands sends no thousands of messages.

    Args:
        tell: Tells the client.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._latest: Progress | None = None
        self._told: Progress | None = None
        self._there = asyncio.Event()

    def __call__(self, progress: Progress) -> None:
        """Note how far the run is."""
        self._latest = progress
        self._there.set()

    async def follow(self, work: "asyncio.Task[T]") -> T:
        """Tell how far some work is until it is over, and give what it gave. Cancelled, it leaves the work alone."""
        work.add_done_callback(lambda _: self._there.set())
        over = False
        while not over:
            await self._there.wait()
            self._there.clear()
            over = work.done()
            await self._pass_on()
        return work.result()

    async def _pass_on(self) -> None:
        far = self._latest
        if far is None or far is self._told:
            return
        self._told = far
        try:
            await self._tell(far.done, far.total, f"{far.done:,} of {some_vpses(far.total)}")
        except Exception:
            logger.debug("the client could not be told how far a run is", exc_info=True)


async def told_of(work: Callable[[News], Awaitable[T]], tell: Tell) -> T:
    """Do some work that only looks, and tell how far it is; it ends with whoever waits for it."""
    news = News(tell)

    async def do() -> T:
        return await work(news)

    task = asyncio.create_task(do())
    try:
        return await news.follow(task)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
