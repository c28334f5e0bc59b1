import asyncio
import sys
from collections.abc import Awaitable

import pytest
from panels import account_of, calls, fleet_of, session_on
from virtual_time import virtual

from cvm_async import ConfigurationError, Limits, PowerState, Progress, WaitTimeoutError
from cvm_async.panel import PanelApp

STOPPED = PowerState.STOPPED


@virtual
async def test_a_wait_ends_when_every_vps_is_there_and_gives_the_status_that_shows_it() -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 1), shutdown_time=5.0)
    app.set_power(3, "stopped")
    told: list[int] = []

    def note(progress: Progress) -> None:
        told.append(progress.latest.vps.id)

    async with session_on(app) as session:
        fleet = await session.fleet()
        stopping = asyncio.create_task(fleet.select(ids=[1, 2]).stop())
        report = await fleet.wait_until(STOPPED, interval=1.0, progress=note)
        await stopping
        assert [(outcome.vps.id, outcome.value.state) for outcome in report.ok] == [(n, STOPPED) for n in (1, 2, 3)]
        assert report.verb == "wait"
        assert report.elapsed == pytest.approx(5, abs=1)
        assert report.summary().startswith("3 stopped in ")
    assert told[0] == 3


@virtual
async def test_each_vps_has_an_outcome_of_its_own_in_the_fleets_order() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1))
    for vps, power in ((2, "stopped"), (3, "terminated")):
        app.set_power(vps, power)
    async with session_on(app) as session:
        report = await (await session.fleet()).wait_until(STOPPED, timeout=5.0)
        assert [outcome.ok for outcome in report] == [False, True, False]
        assert {type(outcome.error) for outcome in report.failed} == {WaitTimeoutError}
        assert [outcome.error.vps_id for outcome in report.failed] == [1, 3]


@virtual
async def test_five_thousand_are_waited_for_at_once_and_hold_no_places() -> None:
    app = PanelApp(vpses=fleet_of(*[*range(1, 51)] * 100), latency=0.001)
    async with session_on(app, limits=Limits(max_concurrency=16)) as session:
        fleet = await session.fleet()
        waiting = asyncio.create_task(fleet.wait_until(STOPPED, timeout=600.0, interval=300.0))
        await asyncio.sleep(10)
        # All have been read once, and nobody is inside any more: a single call need not wait.
        assert len(calls(app, "status")) == 5_000
        assert account_of(session).gates.in_flight == 0
        assert app.peak_in_flight() <= 16
        for vps in range(1, 5_001):
            app.set_power(vps, "stopped")
        report = await waiting
        assert len(report.ok) == 5_000
        assert report.elapsed == pytest.approx(300, abs=10)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"state": "gone"}, "a state is one of"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": "2"}, "timeout must be"),
        ({"interval": -1}, "interval must be"),
        ({"interval": None}, "interval must be"),
        ({"deadline": float("nan")}, "deadline must be"),
    ],
    ids=str,
)
@virtual
async def test_a_wait_that_makes_no_sense_is_refused_before_anything_is_sent(
    knobs: dict[str, object], words: str
) -> None:
    app = PanelApp(vpses=0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(ConfigurationError, match=words):
            await fleet.wait_until(**{"state": STOPPED, **knobs})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


@virtual
async def test_the_plain_word_for_a_state_is_as_good_as_the_state() -> None:
    async with session_on(PanelApp(vpses=2)) as session:
        wait: Awaitable[object] = (await session.fleet()).wait_until("running")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        await wait


@virtual
async def test_without_a_limit_a_wait_ends_when_all_are_there() -> None:
    app = PanelApp(vpses=2, nodes=1)
    async with session_on(app) as session:
        waiting = asyncio.create_task((await session.fleet()).wait_until(STOPPED, timeout=None, interval=60.0))
        await asyncio.sleep(10_000)
        app.set_power(1, "stopped")
        app.set_power(2, "stopped")
        assert len((await waiting).ok) == 2


@virtual
async def test_a_closed_session_costs_its_own_vpses() -> None:
    sound = PanelApp(vpses=2)
    async with session_on(sound, url="https://sound.example.net") as a:
        async with session_on(PanelApp(vpses=2)) as b:
            both = await a.fleet() | await b.fleet()
        report = await both.wait_until(PowerState.RUNNING)
        assert [outcome.ok for outcome in report] == [True, True, False, False]
        assert [outcome.error.vps_id for outcome in report.failed] == [1, 2]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio begins tasks eagerly from Python 3.12 on")
@virtual
async def test_where_tasks_begin_eagerly_each_still_has_one_outcome() -> None:
    asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009 - not in 3.11
    async with session_on(PanelApp(vpses=2), url="https://sound.example.net") as a:
        async with session_on(PanelApp(vpses=2)) as b:
            both = await b.fleet() | await a.fleet()
        report = await both.wait_until(PowerState.RUNNING)
        assert [outcome.ok for outcome in report] == [False, False, True, True]


@virtual
async def test_waits_that_are_cut_off_leave_nothing_behind() -> None:
    async with session_on(PanelApp(vpses=50)) as session:
        fleet = await session.fleet()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await fleet.wait_until(STOPPED)
        assert len(account_of(session).waits) == 0
