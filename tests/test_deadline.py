import asyncio

import pytest
from virtual_time import virtual, virtual_loop

from cvm_async._deadline import BLOCKED, GRACE, JUST_NOW, LATE, MOST_GRACES, Deadline

HOPS = 30
"""Steps of the event loop that an answer takes from its arrival to who waits for it: more than any client's."""


def now() -> float:
    return asyncio.get_running_loop().time()


async def answer(after: float) -> str:
    await asyncio.sleep(after)
    for _ in range(HOPS):
        await asyncio.sleep(0)
    return "answered"


async def within(seconds: float | None, after: float) -> str:
    with Deadline(seconds):
        return await answer(after)
    return "expired"


def held(at: float, seconds: float) -> None:
    """Hold the loop from then on for so long."""
    asyncio.get_running_loop().call_at(at, virtual_loop().hold, seconds)


@pytest.mark.parametrize(
    ("seconds", "after", "end", "at"),
    [
        pytest.param(2.0, 1.0, "answered", 1.0, id="in time"),
        pytest.param(2.0, 3.0, "expired", 2.0, id="too late"),
        pytest.param(None, 1e6, "answered", 1e6, id="no limit"),
        pytest.param(0.0, 1.0, "expired", 0.0, id="no time"),
    ],
)
@virtual
async def test_a_block_ends_by_itself_or_when_its_time_is_over(
    seconds: float | None, after: float, end: str, at: float
) -> None:
    assert await within(seconds, after) == end
    assert now() == at


@pytest.mark.parametrize(
    ("after", "end", "at"),
    [
        pytest.param(1.0, "answered", 3.0, id="arrived before its end"),
        pytest.param(2.9, "answered", 3.0, id="arrived while the loop was blocked"),
        pytest.param(4.0, "expired", 3.0 + GRACE, id="has not arrived"),
    ],
)
@virtual
async def test_what_has_arrived_while_the_loop_was_blocked_is_read_before_it_is_judged(
    after: float, end: str, at: float
) -> None:
    held(0.5, 2.5)
    assert await within(2.0, after) == end
    assert now() == pytest.approx(at)


@virtual
async def test_a_busy_loop_gets_no_grace() -> None:
    held(2.0 - LATE / 2, LATE)
    assert await within(2.0, 2.1) == "expired"
    assert now() == pytest.approx(2.0 + LATE / 2)


@virtual
async def test_a_loop_that_is_always_late_does_not_put_it_off_for_ever() -> None:
    for turn in range(100):
        held(1.0 + turn, 0.99)
    assert await within(1.5, 1e3) == "expired"
    assert now() < 1.5 + (MOST_GRACES + 1)


@virtual
async def test_the_cancellation_of_another_goes_on_its_way() -> None:
    task = asyncio.create_task(within(2.0, 3.0))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@virtual
async def test_a_cancellation_in_the_instant_of_the_deadline_goes_on_its_way() -> None:
    task = asyncio.create_task(within(2.0, 3.0))
    asyncio.get_running_loop().call_at(2.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


@virtual
async def test_an_error_that_the_end_of_the_block_brings_about_goes_on_its_way() -> None:
    deadline = Deadline(2.0)

    async def fail_in_the_end() -> None:
        with deadline:
            try:
                await asyncio.sleep(3)
            finally:
                raise KeyError

    with pytest.raises(KeyError):
        await fail_in_the_end()
    assert not deadline.expired


@pytest.mark.parametrize(("outer", "inner"), [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0)])
@virtual
async def test_one_within_another_ends_no_more_than_its_own_block(outer: float, inner: float) -> None:
    around, inside = Deadline(outer), Deadline(inner)
    with around:
        with inside:
            await asyncio.sleep(3)
        await asyncio.sleep(3)
    assert around.expired
    assert inside.expired is (inner < outer)
    assert now() == outer


@virtual
async def test_it_can_be_ended_before_its_time_in_the_name_of_another() -> None:
    deadline = Deadline(None)
    asyncio.get_running_loop().call_later(1.0, deadline.end, 0.5)
    asyncio.get_running_loop().call_later(1.0, deadline.end, 0.7)
    with deadline:
        await asyncio.sleep(3)
    assert (deadline.expired, deadline.seconds, now()) == (True, 0.5, 1.0)


@virtual
async def test_who_has_left_is_not_ended() -> None:
    deadline = Deadline(2.0)
    with deadline:
        await asyncio.sleep(0.5)
    deadline.end(1.0)
    await asyncio.sleep(3)
    assert not deadline.expired
    assert not deadline.has_ended


@virtual
async def test_it_tells_what_is_left() -> None:
    deadline = Deadline(2.0)
    with deadline:
        await asyncio.sleep(0.5)
    assert deadline.left == 1.5
    await asyncio.sleep(3)
    assert deadline.left == 0.0


@pytest.mark.parametrize(
    ("hold", "later", "was_blocked"),
    [
        pytest.param(2.5, 0.0, True, id="blocked"),
        pytest.param(2.5, JUST_NOW / 2, True, id="blocked until just now"),
        pytest.param(2.5, JUST_NOW * 2, False, id="blocked a while ago"),
        pytest.param(BLOCKED / 2, 0.0, False, id="busy"),
        pytest.param(0.0, 0.0, False, id="free"),
    ],
)
@virtual
async def test_it_tells_whether_the_loop_was_blocked_until_just_now(
    hold: float,
    later: float,
    was_blocked: bool,  # noqa: FBT001 - a test's parameter
) -> None:
    with Deadline(100.0) as deadline:
        await asyncio.sleep(10.25)
        virtual_loop().hold(hold)
        # The timer that tells is run first.
        await asyncio.sleep(0.01)
        await asyncio.sleep(later)
        assert deadline.was_blocked is was_blocked
    assert not deadline.expired


@virtual
async def test_one_without_a_limit_needs_no_timer() -> None:
    with Deadline(None):
        assert virtual_loop().timers == []


@virtual
async def test_all_deadlines_of_a_loop_share_one_timer() -> None:
    with Deadline(5.0), Deadline(3.0), Deadline(None), Deadline(4.0):
        # It looks at whether the loop runs before any of them is due.
        assert len(virtual_loop().timers) == 1
    assert virtual_loop().timers == []


@virtual
async def test_one_that_is_due_sooner_than_those_before_it_ends_in_its_time() -> None:
    ends = tuple(await asyncio.gather(within(2.0, 1e3), within(0.5, 1e3), within(1.0, 1e3), within(3.0, 2.5)))
    assert ends == ("expired", "expired", "expired", "answered")
    assert now() == 2.5


def test_each_loop_has_a_timer_of_its_own() -> None:
    async def wait() -> str:
        return await within(0.001, 60.0)

    for _ in range(2):
        assert asyncio.run(wait()) == "expired"
