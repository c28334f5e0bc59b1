"""Who takes whose reading, on a virtual clock: never an older one than was asked for, and never one call too many."""

import asyncio
import gc
import math

import pytest
from panels import account_of, fleet_of, session_on
from virtual_time import virtual, virtual_loop

from cvm_async import CvmError, CvmSession, NoAnswerError, NotSentError
from cvm_async._account.account import loop_time
from cvm_async._account.readings import News, Readings
from cvm_async._deadline import Deadline
from cvm_async._gates.permit import Permit
from cvm_async.panel import PanelApp

# Tests may look inside where the fact is inside; they do it here.
# pyright: reportPrivateUsage=false


def under_way(readings: Readings[int]) -> list[asyncio.Task[News[int]]]:
    return [reading.call.task for reading in readings._under_way.values()]


class Source:
    """Something that is read, takes its time, and says how often it was; or fails."""

    def __init__(self, session: CvmSession, takes: float = 2.0) -> None:
        self.readings: Readings[int] = Readings(loop_time)
        self.takes = takes
        self.times = 0
        self.failure: CvmError | None = None
        self._gates = account_of(session).gates

    async def _send(self, permit: Permit, limit: Deadline) -> int:
        self.times += 1
        time = self.times
        with limit:
            await permit.enter()
            await asyncio.sleep(self.takes)
            if self.failure is not None:
                raise self.failure
            return time
        raise NoAnswerError("cut off")

    async def take(self, since: float, *, repeatable: bool = True, within: float = math.inf) -> News[int]:
        permit = Permit(self._gates, None)
        return await self.readings.take(7, self._send, permit, since=since, repeatable=repeatable, within=within)


@virtual
async def test_a_reading_under_way_is_joined_and_one_that_is_over_is_taken() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        first, second = await asyncio.gather(source.take(0.0), source.take(0.0))
        third = await source.take(0.0)
        assert first is second is third
        assert (first.value(), first.began, first.ended, source.times) == (1, 0.0, 2.0, 1)


@pytest.mark.parametrize("later", [1.0, 2.0, 50.0])
@virtual
async def test_one_that_began_too_early_is_not(later: float) -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        first = asyncio.create_task(source.take(0.0))
        await asyncio.sleep(later)
        second = await source.take(later)
        assert ((await first).value(), second.value(), second.began) == (1, 2, later)


@virtual
async def test_what_nobody_keeps_is_forgotten() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        assert (await source.take(0.0)).value() == 1
        gc.collect()
        assert (await source.take(0.0)).value() == 2


@virtual
async def test_after_a_power_action_the_next_one_is_read_anew_also_where_one_is_under_way() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        kept = await source.take(0.0)
        source.readings.forget(7)
        under_way = asyncio.create_task(source.take(0.0))
        await asyncio.sleep(1)
        source.readings.forget(7)
        last = await source.take(0.0)
        assert [each.value() for each in (kept, await under_way, last)] == [1, 2, 3]
        assert (await source.take(0.0)) is last


@virtual
async def test_one_callers_cancellation_is_nothing_to_the_others() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        first, second = (asyncio.create_task(source.take(0.0)) for _ in range(2))
        await asyncio.sleep(1)
        first.cancel()
        assert ((await second).value(), source.times) == (1, 1)


@virtual
async def test_who_comes_while_the_last_one_leaves_has_a_reading_of_its_own() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        first = asyncio.create_task(source.take(0.0))
        await asyncio.sleep(1)
        first.cancel()
        await asyncio.sleep(0)
        second = asyncio.create_task(source.take(0.0))
        assert ((await second).value(), source.times) == (2, 2)


@virtual
async def test_out_of_time_a_caller_leaves_it_to_the_others() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session, takes=10.0)
        patient = asyncio.create_task(source.take(0.0))
        with pytest.raises(NoAnswerError, match="not read within the 3 s"):
            await source.take(0.0, within=3.0)
        assert virtual_loop().time() == 3.0
        assert (await patient).value() == 1


@virtual
async def test_out_of_time_as_the_last_it_ends_and_nobody_takes_that() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session, takes=10.0)
        cut_off = await source.take(0.0, within=3.0)
        assert isinstance(cut_off.result, NoAnswerError)
        assert (await source.take(0.0)).value() == 2


@virtual
async def test_a_failure_is_each_callers_own() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        source.failure = NotSentError("refused")
        first, second = await asyncio.gather(source.take(0.0), source.take(0.0))
        errors: list[CvmError] = []
        for news in (first, second):
            with pytest.raises(NotSentError, match="refused") as caught:
                news.value()
            errors.append(caught.value)
        assert first is second
        assert errors[0] is not errors[1]


@virtual
async def test_a_failure_that_was_not_tried_again_does_for_those_alone_who_would_not_either() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        source.failure = NotSentError("refused")
        wait, watch = await asyncio.gather(source.take(0.0, repeatable=False), source.take(0.0))
        assert ((wait.began, wait.was_repeatable), (watch.began, watch.was_repeatable)) == ((0.0, False), (2.0, True))
        assert await source.take(0.0, repeatable=False) is watch
        assert source.times == 2


@virtual
async def test_cut_off_from_outside_it_is_an_error_and_nothing_to_take() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        source = Source(session)
        taking = asyncio.create_task(source.take(0.0))
        await asyncio.sleep(1)
        (reading,) = under_way(source.readings)
        reading.cancel()
        with pytest.raises(NoAnswerError, match="cut off"):
            await taking
        assert len(source.readings) == 0
