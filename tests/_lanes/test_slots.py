import asyncio

import httpx
import pytest
from panels import settled
from virtual_time import virtual, virtual_loop

from cvm_async._lanes.slots import Slots, UnusableTransportError


@virtual
async def test_as_many_are_busy_as_there_may_be_and_the_next_waits_its_turn() -> None:
    slots = Slots(2)
    await slots.take(None)
    await slots.take(None)
    waiting = [asyncio.create_task(slots.take(None)) for _ in range(2)]
    await settled()
    assert (slots.busy, slots.waiting) == (2, 2)
    slots.free()
    await settled()
    assert [task.done() for task in waiting] == [True, False]
    assert (slots.busy, slots.waiting) == (2, 1)
    slots.free()
    await waiting[1]


@virtual
async def test_without_a_limit_nobody_waits() -> None:
    slots = Slots(None)
    for _ in range(1000):
        await slots.take(0.0)
    assert (slots.busy, slots.waiting) == (1000, 0)


@virtual
async def test_none_in_time_is_a_pool_timeout_and_takes_no_slot() -> None:
    slots = Slots(1)
    await slots.take(None)
    with pytest.raises(httpx.PoolTimeout, match="All 1 lanes stayed busy"):
        await slots.take(3.0)
    assert (virtual_loop().time(), slots.busy, slots.waiting) == (3.0, 1, 0)
    slots.free()
    await slots.take(0.0)


@virtual
async def test_a_cancelled_wait_takes_no_slot() -> None:
    slots = Slots(1)
    await slots.take(None)
    waiting = asyncio.create_task(slots.take(None))
    await settled()
    waiting.cancel()
    slots.free()
    await asyncio.wait([waiting])
    assert (slots.busy, slots.waiting) == (0, 0)
    await slots.take(0.0)


@virtual
async def test_closed_they_are_refused_to_who_waits_and_to_who_comes() -> None:
    slots = Slots(1)
    await slots.take(None)
    waiting = [asyncio.create_task(slots.take(None)) for _ in range(3)]
    await settled()
    slots.close()
    assert slots.is_closed
    for task in waiting:
        with pytest.raises(UnusableTransportError, match="closed while the request waited"):
            await task
    with pytest.raises(UnusableTransportError, match="has been closed"):
        await slots.take(None)
    assert (slots.busy, slots.waiting) == (1, 0)


def test_on_a_new_loop_all_are_free_once_the_old_one_is_closed() -> None:
    slots = Slots(1)

    async def enter() -> tuple[bool, bool]:
        is_new = slots.enter_loop()
        await slots.take(0.0)
        return is_new, slots.enter_loop()

    assert [asyncio.run(enter()) for _ in range(2)] == [(True, False)] * 2


def test_two_living_loops_cannot_share_them() -> None:
    slots = Slots(1)

    async def enter() -> bool:
        return slots.enter_loop()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        assert first.run(enter())
        with pytest.raises(UnusableTransportError, match="another event loop"):
            second.run(enter())
        assert not first.run(enter())
