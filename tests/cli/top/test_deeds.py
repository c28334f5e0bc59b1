"""What the live terminal does: to those that are meant, also where they are newer than the list, and never twice."""

import asyncio

import pytest
from panels import NO_RETRY, calls, fleet_of, session_on
from virtual_time import virtual
from watches import LOST, reading

from cvm_async import Fleet, NoAnswerError, PowerState
from cvm_async.cli.top import deeds
from cvm_async.cli.top.lines.acting import Acting
from cvm_async.errors import CvmError
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.panel import Hang, PanelApp, SimulatedVps, bad_gateway


@virtual
async def test_the_list_alone_tells_what_there_is() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1, 2)), name="acme") as session:
        listed = deeds.as_listed(await session.fleet())
    assert [(each.key, each.status, each.error) for each in listed] == [
        (("acme", 1), None, None),
        (("acme", 2), None, None),
    ]


@virtual
async def test_those_that_are_chosen_are_found_without_a_call() -> None:
    panel = PanelApp(vpses=fleet_of(1, 2, 3))
    async with session_on(panel, name="acme") as session:
        fleet = await session.fleet()
        found = await deeds.chosen(fleet, {("acme", 1), ("acme", 3)})
        assert ([vps.id for vps in found], len(calls(panel, "list"))) == ([1, 3], 1)


@virtual
async def test_one_that_came_since_is_found_on_the_list_of_now() -> None:
    panel = PanelApp(vpses=fleet_of(1))
    async with session_on(panel, name="acme") as session:
        fleet = await session.fleet()
        panel.add_vps(SimulatedVps(id=2))
        assert [vps.id for vps in await deeds.chosen(fleet, {("acme", 2)})] == [2]
        assert len(await deeds.chosen(fleet, {("acme", 3)})) == 0


@virtual
async def test_where_the_list_fails_nothing_is_done_to_some_of_them() -> None:
    panel = PanelApp(vpses=fleet_of(1))
    async with session_on(panel, name="acme", retry=NO_RETRY) as session:
        fleet = await session.fleet()
        panel.inject(bad_gateway(), verb="list", times=None)
        with pytest.raises(CvmError):
            await deeds.chosen(fleet, {("acme", 1), ("acme", 2)})


async def planned(fleet: Fleet) -> Acting:
    plan = await fleet.plan(PowerState.STOPPED)
    acting = Acting(plan.verb, plan.to_do)
    seen: list[Progress] = []
    try:
        await deeds.apply(plan, acting, seen.append)
    finally:
        assert len(seen) == len(acting.done)
    return acting


@virtual
async def test_what_a_plan_says_is_done_and_waited_for() -> None:
    panel = PanelApp(vpses=fleet_of(1, 2), shutdown_time=5.0)
    async with session_on(panel) as session:
        acting = await planned(await session.fleet())
    assert sorted(panel.actions) == [(1, "stop"), (2, "stop")]
    assert acting.report is not None
    assert {each.value.state for each in acting.report if each.value} == {PowerState.STOPPED}


@virtual
async def test_cut_off_it_still_tells_what_was_done() -> None:
    panel = PanelApp(vpses=fleet_of(1))
    async with session_on(panel) as session:
        plan = await (await session.fleet()).plan(PowerState.STOPPED)
        acting = Acting(plan.verb, plan.to_do)
        panel.inject(Hang(), verb="stop")
        task = asyncio.create_task(deeds.apply(plan, acting, lambda _: None))
        await panel.wait_for(lambda: bool(calls(panel, "stop")))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        panel.clear_faults()
    assert acting.report is not None
    assert isinstance(acting.report[0].error, NoAnswerError)


def test_a_status_that_was_waited_for_is_what_is_known_now() -> None:
    before = reading(1, error=LOST)
    after = deeds.as_read(before, Outcome(before.vps, "acme", reading(1, "stopped").status))
    assert after.status is not None
    assert (after.status.state, after.error, after.age) == (PowerState.STOPPED, None, 0.0)
    assert deeds.as_read(before, Outcome(before.vps, "acme", None)) is before
