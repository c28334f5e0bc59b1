"""What both type checkers know of outcomes: this file is checked, and where one of them knew less it would complain."""

from typing import assert_type

import pytest
from panels import fleet_of, session_on
from virtual_time import virtual

from cvm_async import AnyOutcome, CvmError, Failed, FleetReport, PowerState, Succeeded, VpsStatus, partial_report
from cvm_async.panel import PanelApp


def states(report: FleetReport[VpsStatus]) -> list[PowerState]:
    """Need no cast and no look at what went wrong."""
    return [outcome.value.state for outcome in report.ok]


def reasons(report: FleetReport[VpsStatus]) -> list[str]:
    return [outcome.error.message for outcome in report.failed]


def told(outcome: AnyOutcome[VpsStatus]) -> str:
    """Take an outcome apart in each of the ways that a type checker follows."""
    if outcome.error is None:
        assert_type(outcome, Succeeded[VpsStatus])
        assert_type(outcome.value, VpsStatus)
    else:
        assert_type(outcome, Failed)
        assert_type(outcome.error, CvmError)
    if outcome.ok is True:
        assert_type(outcome.value, VpsStatus)
    if isinstance(outcome, Failed):
        return outcome.error.message
    return outcome.value.state.value


def by_match(outcome: AnyOutcome[VpsStatus]) -> str:
    match outcome:
        case Succeeded():
            return outcome.value.state.value
        case Failed():
            return outcome.error.message


@virtual
async def test_a_loop_over_a_report_needs_no_cast() -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    app.unreachable_node(2, after=0.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        report = await fleet.status()
        assert_type(report, FleetReport[VpsStatus])
        assert_type(report.ok, tuple[Succeeded[VpsStatus], ...])
        assert_type(report.failed, tuple[Failed, ...])
        assert_type(report[0], AnyOutcome[VpsStatus])
        assert states(report) == [PowerState.RUNNING]
        (reason,) = reasons(report)
        assert [told(outcome) for outcome in report] == ["running", reason]
        assert [by_match(outcome) for outcome in report] == ["running", reason]
        async with fleet.stream_status() as outcomes:
            assert sorted([told(outcome) async for outcome in outcomes]) == sorted(["running", reason])
        assert_type(await fleet.wait_until(PowerState.RUNNING, timeout=1), FleetReport[VpsStatus])


def test_what_was_cut_off_is_a_report_as_any() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert_type(partial_report(caught.value), FleetReport[VpsStatus | None] | None)
