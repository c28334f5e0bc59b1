"""The loop that everybody writes: a task for each VPS, and a semaphore that lets some of them through."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.job import Poll, Tally


def limited(one: Callable[[int], Awaitable[object]], places: int, tally: Tally) -> Poll:
    """Give a poll of `one` for each VPS, so many at once."""
    semaphore = asyncio.Semaphore(places)

    async def read(vps_id: int) -> None:
        async with semaphore:
            try:
                status = await one(vps_id)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is counted by its name
                tally.failed(error)
            else:
                tally.answered(vps_id, status)

    async def poll(ids: Sequence[int]) -> None:
        await asyncio.gather(*(read(vps_id) for vps_id in ids))

    return poll
