import copy
import json
import pickle
from typing import cast

import pytest
from attrs import AttrsInstance, evolve, fields, has
from panels import NO_RETRY, account_of, fleet_of, session_on
from values import vps
from virtual_time import virtual

from cvm_async import (
    ActionFailedError,
    FleetError,
    FleetReport,
    NodeUnreachableError,
    Outcome,
    PowerState,
    Problem,
)
from cvm_async.panel import PanelApp


def failed_report(number: int) -> FleetReport[None]:
    """Report that every second VPS failed, in the panel's usual words."""
    outcomes = [
        Outcome[None](
            vps(n),
            "panel",
            error=ActionFailedError("the panel could not start the VPS", status_code=500, vps_id=n) if n % 2 else None,
        )
        for n in range(1, 2 * number + 1)
    ]
    return FleetReport("start", tuple(outcomes), 1.0)


async def a_report() -> tuple[FleetReport[object], PanelApp]:
    app = PanelApp(vpses=fleet_of(1, 2, 1, 2, 3))
    app.set_power(3, "stopped")
    app.unreachable_node(2, after=1.0, answer="503")
    async with session_on(app, retry=NO_RETRY, name="panel") as session:
        return await (await session.fleet()).status(), app


@virtual
async def test_a_report_is_the_sequence_of_its_outcomes() -> None:
    report, _ = await a_report()
    assert len(report) == 5
    assert list(report) == list(report.outcomes)
    assert report[1] is report.outcomes[1]
    assert report[1:3] == report.outcomes[1:3]
    assert str(report) == report.summary() == "2 running, 1 stopped, 2 unreachable on node 2 in 1.0 s"
    assert repr(report) == f"<FleetReport of status: {report}>"


@virtual
async def test_outcomes_are_found_by_how_they_went_by_node_by_error_and_by_state() -> None:
    report, _ = await a_report()
    assert [outcome.vps.id for outcome in report.ok] == [1, 3, 5]
    assert [outcome.vps.id for outcome in report.failed] == [2, 4]
    assert report.skipped == ()
    groups = {key: [outcome.vps.id for outcome in group] for key, group in report.by_node().items()}
    assert groups == {("panel", 1): [1, 3], ("panel", 2): [2, 4], ("panel", 3): [5]}
    assert {kind: len(group) for kind, group in report.by_error().items()} == {NodeUnreachableError: 2}
    states = {state: [outcome.vps.id for outcome in group] for state, group in report.by_state().items()}
    assert states == {"running": [1, 5], "stopped": [3]}


@virtual
async def test_a_report_is_json_and_pickles_without_its_sessions() -> None:
    report, _ = await a_report()
    told = json.loads(json.dumps(report.to_dict()))
    assert {key: told[key] for key in told.keys() - {"outcomes"}} == {
        "version": 1,
        "verb": "status",
        "ok": 3,
        "failed": 2,
        "skipped": 0,
        "results": {"seen": 3, "failed": 2, "skipped": 0},
        "elapsed": 1.0,
        "summary": "2 running, 1 stopped, 2 unreachable on node 2 in 1.0 s",
        "problems": [],
    }
    assert [outcome["id"] for outcome in told["outcomes"]] == [1, 2, 3, 4, 5]
    again: FleetReport[object] = pickle.loads(pickle.dumps(report))
    assert again.summary() == report.summary()
    assert [outcome.vps for outcome in again] == [outcome.vps for outcome in report]
    with pytest.raises(LookupError, match="select the ids of its `failed`"):
        again.failed_fleet()


@virtual
async def test_what_failed_is_a_fleet_to_try_again() -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 1, 2))
    app.unreachable_node(2, after=1.0, answer="503")
    async with session_on(app, retry=NO_RETRY) as session:
        report = await (await session.fleet()).status()
        app.heal_node(2)
        again = await report.failed_fleet().status()
        assert [(outcome.vps.id, outcome.ok) for outcome in again] == [(2, True), (4, True)]
        assert len(again.failed_fleet()) == 0


@virtual
async def test_a_copy_of_a_report_still_knows_what_failed_and_where_to_try_again() -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    app.unreachable_node(2, after=1.0)
    async with session_on(app, retry=NO_RETRY) as session:
        report = await (await session.fleet()).status()
        for again in (copy.copy(report), copy.deepcopy(report), evolve(evolve(report, elapsed=1.0), problems=())):
            assert [vps.id for vps in again.failed_fleet()] == [2]
        with pytest.raises(LookupError, match="pickled or made by hand"):
            evolve(report, outcomes=report.failed).failed_fleet()


@virtual
async def test_nobody_who_walks_through_a_report_or_a_plan_finds_a_session() -> None:
    async with session_on(PanelApp(vpses=2)) as session:
        fleet = await session.fleet()
        plan = await fleet.plan(PowerState.STOPPED)
        report = await plan.apply()
        for value in (report, plan, fleet):
            assert not reaches(value, account_of(session)), value
        assert not hasattr(fleet, "__attrs_attrs__")


def reaches(value: object, wanted: object) -> bool:
    """Walk as printers and dumpers do: attrs fields, and what a dictionary or a sequence holds."""
    if value is wanted:
        return True
    if has(type(value)):
        return any(
            reaches(getattr(value, each.name), wanted) for each in fields(cast("type[AttrsInstance]", type(value)))
        )
    return isinstance(value, (list, tuple)) and any(reaches(each, wanted) for each in cast("list[object]", value))


@virtual
async def test_a_wait_says_which_vpses_were_not_seen() -> None:
    async with session_on(PanelApp(vpses=2)) as session:
        report = await (await session.fleet()).wait_until(PowerState.STOPPED, timeout=1.0)
        assert report.verb == "wait"
        with pytest.raises(FleetError, match="2 of 2 VPSes were not seen in the wanted state"):
            report.raise_for_failures()


@pytest.mark.parametrize("number", [3, 3_000])
def test_the_error_of_a_report_is_readable_with_few_failures_and_with_thousands(number: int) -> None:
    report = failed_report(number)
    with pytest.raises(FleetError) as caught:
        report.raise_for_failures()
    text = str(caught.value)
    assert text.startswith(f"{number:,} of {2 * number:,} VPSes were not started: {number:,} x ActionFailedError: ")
    assert "VPS 1, 3, 5" in text
    assert len(text) < 300
    assert len(caught.value.exceptions) == number
    assert caught.value.report is report
    assert pickle.loads(pickle.dumps(caught.value)).report.summary() == report.summary()


def test_a_report_without_failures_raises_nothing() -> None:
    FleetReport("stop", (Outcome[None](vps(1), "panel"),), 1.0).raise_for_failures()


def test_what_went_well_without_a_status_has_no_state() -> None:
    assert FleetReport("stop", (Outcome[None](vps(1), "panel"),), 1.0).by_state() == {}


@pytest.mark.parametrize(
    ("number", "words"), [(1, "; 1 problem in the list"), (2, "; 2 problems in the list"), (0, "")]
)
def test_the_summary_tells_of_what_the_list_could_not(number: int, words: str) -> None:
    problems = tuple(Problem(f"response.vpses[{n}].id", "absent", "a number") for n in range(number))
    assert FleetReport("status", (), 0.25, problems).summary() == f"no VPSes in 0.2 s{words}"
