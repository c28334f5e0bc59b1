import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from virtual_time import virtual, virtual_loop
from watches import BEGIN, LOST, reading

from cvm_async.errors import AuthenticationError, CvmError, NotSentError
from cvm_async.watch.memory import Look
from cvm_async.watch.snapshot import Snapshot
from cvm_async.watch.watch import Watch


def now() -> datetime:
    """Give the time of the virtual clock."""
    return BEGIN + timedelta(seconds=virtual_loop().time())


class Fleet:
    """A fleet of one VPS that takes its time, and is in another state, or fails, from look to look."""

    def __init__(self, *states: str | CvmError, takes: float = 0.0) -> None:
        self.states = states
        self.takes = takes
        self.began: list[float] = []

    async def __call__(self) -> Look:
        turn = min(len(self.began), len(self.states) - 1)
        self.began.append(virtual_loop().time())
        await asyncio.sleep(self.takes)
        state = self.states[turn]
        if isinstance(state, CvmError):
            raise state
        return Look(readings=(reading(1, state, after=virtual_loop().time()),))


def watch(look: Fleet, every: float = 30.0, jitter: float = 0.0) -> Watch:
    return Watch(look, every=every, jitter=jitter, now=now)


@virtual
async def test_it_looks_at_once_and_then_at_each_tick_whatever_a_look_takes() -> None:
    fleet = Fleet("running", takes=7.0)
    async with watch(fleet) as ticks:
        seen = [await anext(ticks) for _ in range(4)]
    assert fleet.began == [0.0, 30.0, 60.0, 90.0]
    assert [(each.at - BEGIN).total_seconds() for each in seen] == [7.0, 37.0, 67.0, 97.0]
    assert {each.elapsed for each in seen} == {7.0}


@virtual
async def test_a_look_that_takes_too_long_skips_ticks_and_never_piles_up() -> None:
    fleet = Fleet("running", takes=70.0)
    async with watch(fleet) as ticks:
        for _ in range(3):
            await anext(ticks)
    assert fleet.began == [0.0, 90.0, 180.0]


@virtual
async def test_a_slow_consumer_gets_the_newest_with_all_that_changed_since_its_last() -> None:
    async with watch(Fleet("running", "stopped", "running", "suspended")) as ticks:
        first = await anext(ticks)
        await asyncio.sleep(95)
        second = await anext(ticks)
    assert first.changes == ()
    assert (second.at - BEGIN).total_seconds() == 90.0
    assert [str(change).partition(": ")[2] for change in second.changes] == ["running -> suspended"]


@virtual
async def test_a_look_that_fails_keeps_what_was_known_and_the_watch_goes_on() -> None:
    down = NotSentError("connection refused")
    async with watch(Fleet("running", down, "running")) as ticks:
        first, second, third = [await anext(ticks) for _ in range(3)]
    assert second.statuses == first.statuses
    assert second["acme", 1].age == 30.0
    assert [type(change).kind for change in second.changes] == ["panel_unreachable"]
    assert [type(change).kind for change in third.changes] == ["panel_back"]


@virtual
async def test_where_the_first_look_fails_the_first_snapshot_is_the_next_one(caplog: pytest.LogCaptureFixture) -> None:
    async with watch(Fleet(LOST, "running")) as ticks:
        first = await anext(ticks)
    assert (first.at - BEGIN).total_seconds() == 30.0
    assert "the first look at a watched fleet failed, the next one follows" in caplog.text


@virtual
async def test_wrong_tokens_end_it_at_once() -> None:
    wrong = AuthenticationError("the panel does not accept this pair of tokens", status_code=401)

    async def read() -> list[Snapshot]:
        async with watch(Fleet("running", wrong)) as ticks:
            return [snapshot async for snapshot in ticks]

    with pytest.raises(AuthenticationError):
        await read()
    assert virtual_loop().time() == 30.0


@virtual
async def test_what_ended_it_is_told_also_to_who_has_left() -> None:
    wrong = AuthenticationError("the panel does not accept this pair of tokens", status_code=401)
    with pytest.raises(AuthenticationError):
        async with watch(Fleet(wrong)):
            await asyncio.sleep(1)


@virtual
async def test_leaving_the_block_ends_the_looking() -> None:
    fleet = Fleet("running", takes=10.0)
    async with watch(fleet) as ticks:
        await anext(ticks)
    await asyncio.sleep(1000)
    assert fleet.began == [0.0]
    with pytest.raises(StopAsyncIteration):
        await anext(ticks)


@virtual
async def test_a_consumer_that_is_cancelled_loses_nothing() -> None:
    async with watch(Fleet("running", "stopped", takes=10.0)) as ticks:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await anext(ticks)
        assert len(await anext(ticks)) == 1


@virtual
async def test_jitter_moves_a_look_and_not_the_ones_after_it() -> None:
    fleet = Fleet("running")
    async with watch(fleet, jitter=5.0) as ticks:
        for _ in range(20):
            await anext(ticks)
    late = [began - 30.0 * tick for tick, began in enumerate(fleet.began)]
    assert all(0 <= each < 5 for each in late)
    assert len(set(late)) > 10


@virtual
async def test_it_is_used_once_and_inside_its_block() -> None:
    ticks = watch(Fleet("running"))
    with pytest.raises(RuntimeError, match="inside `async with`"):
        await anext(ticks)
    async with ticks:
        with pytest.raises(RuntimeError, match="used once"):
            await ticks.__aenter__()


@pytest.mark.parametrize("state", ["not begun", "at work", "ended"])
def test_its_repr_says_how_it_is(state: str) -> None:
    @virtual
    async def told() -> str:
        ticks = watch(Fleet("running"))
        if state == "not begun":
            return repr(ticks)
        async with ticks:
            await anext(ticks)
            said = repr(ticks)
        return said if state == "at work" else repr(ticks)

    assert f"<Watch every 30 s: {state}, " in told()


@virtual
async def test_a_snapshot_tells_when_it_was_taken_by_the_machines_clock() -> None:
    before = datetime.now(UTC)
    async with Watch(Fleet("running"), every=30.0) as ticks:
        taken = await anext(ticks)
    assert before <= taken.at <= datetime.now(UTC)
