import asyncio
from collections.abc import Callable

import pytest
from panels import fleet_of, session_on
from virtual_time import virtual

from cvm_async import (
    FleetReport,
    Limits,
    PowerState,
    Rollout,
    RunControl,
    Stage,
    Timeouts,
)
from cvm_async.panel import Hang, PanelApp

ONE_AT_A_TIME = Rollout(max_concurrency=1)


def told(report: FleetReport[object]) -> list[str]:
    return ["ok" if outcome.error is None else outcome.error.message for outcome in report]


def at(seconds: float, do: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(seconds, do)


@virtual
async def test_a_run_that_is_stopped_begins_nothing_new_and_lets_what_is_under_way_end() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1), shutdown_time=10.0)
    control = RunControl()
    async with session_on(app, limits=Limits(max_concurrency=2)) as session:
        at(5, control.stop)
        # Once more says nothing new.
        at(6, lambda: control.stop("another reason"))
        report = await (await session.fleet()).stop(control=control)
        assert told(report) == ["ok", "ok", *["not begun: it was told to stop"] * 2]
        assert [outcome.skipped for outcome in report] == [False, False, True, True]
        assert report.elapsed == pytest.approx(10)
    assert app.actions == [(1, "stop"), (2, "stop")]


@virtual
async def test_what_is_waited_for_is_under_way_and_ends() -> None:
    app = PanelApp(vpses=fleet_of(1, 1), shutdown_time=1.0, settle=20.0)
    control = RunControl()
    async with session_on(app) as session:
        at(5, lambda: control.stop("enough"))
        report = await (await session.fleet()).stop(rollout=ONE_AT_A_TIME, wait=True, control=control)
        assert told(report) == ["ok", "not begun: enough"]


@pytest.mark.parametrize("verb", ["status", "start", "stop", "restart", "apply"])
@virtual
async def test_what_was_stopped_before_it_begins_does_nothing(verb: str) -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    control = RunControl()
    control.stop("no")
    async with session_on(app) as session:
        fleet = await session.fleet()
        whose = await fleet.plan(PowerState.STOPPED) if verb == "apply" else fleet
        report: FleetReport[object] = await getattr(whose, verb)(control=control)
        assert told(report) == ["not begun: no"] * 2
    assert app.actions == []


@virtual
async def test_a_look_that_is_stopped_leaves_a_plan_that_does_nothing_about_the_rest() -> None:
    app = PanelApp(vpses=fleet_of(1, 1), latency=10.0)
    control = RunControl()
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        at(5, control.stop)
        plan = await (await session.fleet()).plan(PowerState.STOPPED, control=control)
        assert [step.step for step in plan.steps] == ["stop", "cannot"]


@pytest.mark.parametrize("stopped_at", [0.0, 5.0], ids=["before it", "in it"])
@virtual
async def test_a_wait_that_is_stopped_ends(stopped_at: float) -> None:
    control = RunControl()
    async with session_on(PanelApp(vpses=fleet_of(1, 1))) as session:
        fleet = await session.fleet()
        if stopped_at:
            at(stopped_at, control.stop)
        else:
            control.stop()
        report = await fleet.wait_until(PowerState.STOPPED, control=control)
        assert told(report) == ["it was told to stop before it was seen to be stopped"] * 2
        assert report.elapsed == stopped_at


@virtual
async def test_a_pause_that_is_stopped_ends_at_once() -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    control = RunControl()
    async with session_on(app) as session:
        at(10, control.stop)
        rollout = Rollout(batch=1, pause=3600.0)
        report = await (await session.fleet()).stop(rollout=rollout, control=control)
        assert told(report) == ["ok", "not begun: it was told to stop"]
        assert report.elapsed == pytest.approx(10)


@pytest.mark.parametrize("verb", ["stream_status", "stream_start", "stream_stop", "stream_restart"])
@virtual
async def test_a_stream_can_be_stopped_too(verb: str) -> None:
    control = RunControl()
    control.stop("no")
    async with (
        session_on(PanelApp(vpses=fleet_of(1, 1))) as session,
        getattr(await session.fleet(), verb)(control=control) as outcomes,
    ):
        assert [outcome.skipped async for outcome in outcomes] == [True, True]


@virtual
async def test_it_tells_what_is_under_way_since_when_and_for_how_long_at_most() -> None:
    app = PanelApp(vpses=fleet_of(1, 2), shutdown_time=5.0, settle=100.0)
    app.inject(Hang(), verb="status", vps=2)
    control = RunControl()
    seen: list[list[tuple[int, str, str, float, float | None]]] = []

    def look() -> None:
        seen.append([(e.vps.id, e.panel, e.doing, e.spent, e.limit) for e in control.under_way()])

    async with session_on(app, timeouts=Timeouts(read=15.0, action=60.0), name="p") as session:
        plan = await (await session.fleet()).at([0]).plan(PowerState.STOPPED)
        assert (control.under_way(), repr(control)) == ((), "<RunControl: 0 under way>")
        for seconds in (2, 7):
            at(seconds, look)
        at(8, control.stop)
        at(9, look)
        await asyncio.gather(
            plan.apply(control=control, wait=True, timeout=None), (await session.fleet()).status(control=control)
        )
        assert seen == [
            [(1, "p", "stop", 2.0, 60.0), (2, "p", "status", 2.0, 15.0)],
            [(2, "p", "status", 7.0, 15.0), (1, "p", "wait", 2.0, None)],
            [(2, "p", "status", 9.0, 15.0), (1, "p", "wait", 4.0, None)],
        ]
        assert repr(control) == "<RunControl: 0 under way, stopped: it was told to stop>"
        assert control.stopped


@virtual
async def test_an_action_that_waits_for_its_turn_is_not_under_way_and_is_not_begun_once_it_was_stopped() -> None:
    app = PanelApp(vpses=fleet_of(1, 1), shutdown_time=10.0, latency=1.0)
    control = RunControl()
    seen: list[list[tuple[int, str]]] = []
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        plan = await (await session.fleet()).plan(PowerState.STOPPED)
        for seconds in (1.5, 2.5):
            at(seconds, lambda: seen.append([(each.vps.id, each.doing) for each in control.under_way()]))
        at(5, control.stop)
        report = await plan.apply(control=control)
        assert [outcome.skipped for outcome in report] == [False, True]
    assert app.actions == [(1, "stop")]
    assert all(len(each) <= 1 for each in seen)


@virtual
async def test_it_tells_what_is_waited_for() -> None:
    control = RunControl()
    async with session_on(PanelApp(vpses=fleet_of(1, 1))) as session:
        waiting = (await session.fleet()).wait_until(PowerState.STOPPED, timeout=10.0, control=control)
        at(4, lambda: seen.extend((e.vps.id, e.doing, e.spent, e.limit) for e in control.under_way()))
        at(4, lambda: stages.append(control.stage))
        seen: list[tuple[int, str, float, float | None]] = []
        stages: list[Stage] = []
        await waiting
        assert seen == [(1, "wait", 4.0, 10.0), (2, "wait", 4.0, 10.0)]
        assert stages == [Stage()]


@virtual
async def test_it_tells_which_batch_is_under_way_and_when_the_next_begins() -> None:
    app = PanelApp(vpses=fleet_of(*[1] * 4), shutdown_time=10.0)
    control = RunControl()
    stages: list[Stage] = []
    async with session_on(app) as session:
        for seconds in (5, 12, 35):
            at(seconds, lambda: stages.append(control.stage))
        rollout = Rollout(batch=(1, 0.5), pause=20.0)
        await (await session.fleet()).stop(rollout=rollout, control=control)
    assert stages == [Stage(1, 3), Stage(2, 3, pause=18.0), Stage(2, 3)]
    assert control.stage == Stage()
