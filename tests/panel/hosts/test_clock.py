import asyncio

import pytest

from cvm_async.panel.hosts.clock import LoopClock, ManualClock


async def test_a_manual_clock_begins_at_zero_and_stands_still() -> None:
    clock = ManualClock()
    await asyncio.sleep(0)
    assert clock.now() == 0.0


async def test_sleepers_wake_in_order_each_at_its_own_instant() -> None:
    clock, woken = ManualClock(), list[tuple[str, float]]()

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3.0), ("early", 1.0), ("also early", 1.0)):
            group.create_task(sleeper(name, seconds))
        await clock.advance(5.0)

    assert woken == [("early", 1.0), ("also early", 1.0), ("late", 3.0)]
    assert clock.now() == 5.0


async def test_who_sleeps_again_while_time_moves_is_woken_again_on_the_way() -> None:
    clock, instants = ManualClock(), list[float]()

    async def ticker() -> None:
        for _ in range(3):
            await clock.sleep(1.0)
            instants.append(clock.now())

    async with asyncio.TaskGroup() as group:
        group.create_task(ticker())
        await clock.advance(10.0)

    assert instants == [1.0, 2.0, 3.0]


async def test_who_sleeps_longer_than_time_moves_sleeps_on() -> None:
    clock = ManualClock()
    sleeper = asyncio.ensure_future(clock.sleep(2.0))
    await clock.advance(1.0)
    assert not sleeper.done()
    await clock.advance(1.0)
    assert sleeper.done()


async def test_a_cancelled_sleeper_disturbs_nobody() -> None:
    clock = ManualClock()
    cancelled, other = (asyncio.ensure_future(clock.sleep(1.0)) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    await clock.advance(1.0)
    assert cancelled.cancelled()
    assert other.done()


async def test_time_does_not_move_for_a_sleeper_who_was_cancelled() -> None:
    clock = ManualClock()
    cancelled = asyncio.ensure_future(clock.sleep(1.0))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(RuntimeError, match="nothing sleeps"):
        await clock.run(asyncio.Event().wait())
    assert clock.now() == 0.0


async def test_run_moves_as_far_as_the_work_needs() -> None:
    clock = ManualClock()

    async def work() -> str:
        await clock.sleep(60.0)
        return "done"

    assert await clock.run(work()) == "done"
    assert clock.now() == 60.0


async def test_run_raises_what_the_work_raises() -> None:
    clock = ManualClock()

    async def work() -> None:
        await clock.sleep(1.0)
        raise LookupError

    with pytest.raises(LookupError):
        await clock.run(work())


async def test_run_says_so_when_no_time_can_end_the_work_and_cancels_it() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(RuntimeError, match="nothing sleeps on this clock"):
        await ManualClock().run(work())
    assert ended.is_set()


async def test_the_loop_clock_shows_the_running_loop_s_time() -> None:
    clock = LoopClock()
    before = asyncio.get_running_loop().time()
    await clock.sleep(0.0)
    assert before <= clock.now() <= asyncio.get_running_loop().time()
