"""Progress is told as it comes, and never ends what it tells of."""

import asyncio

import pytest
from values import vps
from virtual_time import virtual

from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.mcp.progress import News, told_of


def far(done: int) -> Progress:
    return Progress(done, 3, Outcome(vps(done), "work", None))


@virtual
async def test_the_newest_is_told_whenever_the_one_before_has_gone_out() -> None:
    told: list[tuple[float, str]] = []

    async def tell(done: float, _: float, message: str) -> None:
        await asyncio.sleep(10)
        told.append((done, message))

    async def work(news: News) -> str:
        for done in (1, 2, 3):
            await asyncio.sleep(1)
            news(far(done))
        return "done"

    assert await told_of(work, tell) == "done"
    assert told == [(1, "1 of 3 VPSes"), (3, "3 of 3 VPSes")]


@virtual
async def test_a_client_that_cannot_be_told_ends_nothing() -> None:
    async def tell(_: float, __: float, ___: str) -> None:
        raise BrokenPipeError

    async def work(news: News) -> str:
        news(far(1))
        await asyncio.sleep(1)
        return "done"

    assert await told_of(work, tell) == "done"


@virtual
async def test_work_that_only_looks_ends_with_whoever_waits_for_it() -> None:
    ended = asyncio.Event()

    async def work(_: News) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            ended.set()

    async def tell(_: float, __: float, ___: str) -> None:
        raise AssertionError

    task = asyncio.create_task(told_of(work, tell))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


@virtual
async def test_what_work_raises_is_raised() -> None:
    async def work(_: News) -> None:
        raise KeyError

    async def tell(_: float, __: float, ___: str) -> None:
        raise AssertionError

    with pytest.raises(KeyError):
        await told_of(work, tell)
