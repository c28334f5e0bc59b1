import asyncio
from functools import partial

import pytest
from panels import calls, fleet_of, session_on
from virtual_time import virtual

from cvm_async import (
    ActionFailedError,
    CvmError,
    DecodeError,
    FleetReport,
    NoAnswerError,
    Outcome,
    PowerState,
    Rollout,
    Timeouts,
    VpsStatus,
    WaitTimeoutError,
)
from cvm_async.panel import Answer, Cut, Fault, Hang, PanelApp, Reset, bad_gateway, garbage, gateway_timeout

VERIFY = Rollout(on_unknown="verify")
SHORT = Timeouts(connect=1.0, read=2.0, action=5.0)

UNKNOWN = [
    pytest.param(Hang, NoAnswerError, id="no answer in time"),
    pytest.param(Reset, NoAnswerError, id="reset"),
    pytest.param(bad_gateway, NoAnswerError, id="502"),
    pytest.param(gateway_timeout, NoAnswerError, id="504"),
    pytest.param(garbage, DecodeError, id="an answer that can't be read"),
    pytest.param(partial(Answer, status=500), NoAnswerError, id="an empty 500"),
    pytest.param(partial(Answer, status=503, body=b"<html>"), NoAnswerError, id="503 of a proxy"),
    pytest.param(partial(Answer, status=403, body=b"<html>"), NoAnswerError, id="403 of a firewall"),
]


async def one(
    app: PanelApp, verb: str, rollout: Rollout | None = None, *, wait: bool = False, timeout: float = 60.0
) -> Outcome[VpsStatus | None]:
    async with session_on(app, timeouts=SHORT) as session:
        fleet = await session.fleet()
        report = await getattr(fleet, verb)(rollout=rollout, wait=wait, timeout=timeout)
        outcome: Outcome[VpsStatus | None] = report[0]
        return outcome


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize(("verb", "before", "after"), [("start", "stopped", "running"), ("stop", "running", "stopped")])
@pytest.mark.parametrize(("fault", "_error"), UNKNOWN)
@virtual
async def test_an_unanswered_action_that_was_carried_out_is_settled_by_the_state(
    fault: type[Hang], _error: type[CvmError], verb: str, before: str, after: str, *, wait: bool
) -> None:
    app = PanelApp(vpses=fleet_of(1, power=before), settle=10.0)
    app.inject(fault(after_action=True), verb=verb)
    outcome = await one(app, verb, VERIFY, wait=wait)
    assert outcome.ok
    assert (outcome.value and outcome.value.state.value) == (after if wait else None)
    assert app.actions == [(1, verb)]


@pytest.mark.parametrize(("fault", "_error"), UNKNOWN)
@virtual
async def test_who_waits_for_the_state_need_not_ask_for_it_to_be_looked_at(
    fault: type[Hang], _error: type[CvmError]
) -> None:
    app = PanelApp(vpses=fleet_of(1), settle=10.0)
    app.inject(fault(after_action=True), verb="stop")
    outcome = await one(app, "stop", wait=True)
    assert outcome.ok
    assert app.actions == [(1, "stop")]


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
@pytest.mark.parametrize(("fault", "error"), UNKNOWN)
@virtual
async def test_without_verify_it_is_reported_as_it_is_and_not_sent_again(
    fault: type[Hang], error: type[CvmError], verb: str
) -> None:
    app = PanelApp(vpses=fleet_of(1, power="stopped" if verb == "start" else "running"))
    app.inject(fault(after_action=True), verb=verb)
    outcome = await one(app, verb)
    assert type(outcome.error) is error
    assert app.actions == [(1, verb)]
    assert calls(app, "status") == []


@pytest.mark.parametrize(("fault", "_error"), UNKNOWN[:3])
@virtual
async def test_one_that_was_not_carried_out_stays_unknown_when_the_time_is_over(
    fault: type[Hang], _error: type[CvmError]
) -> None:
    app = PanelApp(vpses=fleet_of(1))
    app.inject(fault(), verb="stop")
    outcome = await one(app, "stop", VERIFY, timeout=30.0)
    assert isinstance(outcome.error, NoAnswerError)
    assert "whether the stop was carried out is still unknown: it is running" in str(outcome.error)
    assert "POST /api/client/vps/1/stop" in str(outcome.error)
    assert outcome.elapsed >= 30
    assert app.actions == []
    assert len(calls(app, "stop")) == 1


@pytest.mark.parametrize(
    ("state", "words"),
    [
        pytest.param("suspended", "still unknown: it is suspended", id="a state from which it can't come"),
        pytest.param(None, "still unknown: its status could not be read: the panel knows no such VPS", id="it is gone"),
    ],
)
@virtual
async def test_what_stands_against_settling_is_told_at_once(state: str | None, words: str) -> None:
    app = PanelApp(vpses=fleet_of(1))
    app.inject(Hang(), verb="stop")
    async with session_on(app, timeouts=SHORT) as session:
        fleet = await session.fleet()
        run = asyncio.create_task(fleet.stop(rollout=VERIFY))
        await asyncio.sleep(1)
        if state is None:
            app.remove_vps(1)
        else:
            app.set_power(1, state)
        [outcome] = await run
        assert words in str(outcome.error)
        assert outcome.elapsed < 10


@virtual
async def test_settling_ends_at_the_runs_deadline() -> None:
    app = PanelApp(vpses=fleet_of(1))
    app.inject(Reset(), verb="stop")
    outcome = await one(app, "stop", Rollout(on_unknown="verify", deadline=7.0))
    assert outcome.elapsed == pytest.approx(7)
    late = PanelApp(vpses=fleet_of(1))
    late.inject(Hang(), verb="stop")
    outcome = await one(late, "stop", Rollout(on_unknown="verify", deadline=3.0))
    assert "still unknown: its status could not be read" in str(outcome.error)
    assert calls(late, "status") == []


@virtual
async def test_a_status_that_can_not_be_read_meanwhile_is_told() -> None:
    app = PanelApp(vpses=fleet_of(1))
    app.inject(Reset(), verb="stop")
    app.inject(bad_gateway(), verb="status", times=None)
    outcome = await one(app, "stop", VERIFY, timeout=10.0)
    assert str(outcome.error).count("its status could not be read") == 1


@pytest.mark.parametrize(("fault", "error"), UNKNOWN)
@virtual
async def test_a_restart_can_not_be_settled_and_says_so(fault: type[Hang], error: type[CvmError]) -> None:
    app = PanelApp(vpses=fleet_of(1))
    app.inject(fault(after_action=True), verb="restart")
    outcome = await one(app, "restart", VERIFY, wait=True)
    assert type(outcome.error) is error
    assert app.actions == [(1, "restart")]
    assert calls(app, "status") == []


@virtual
async def test_an_action_that_failed_is_known_to_have_failed_and_is_not_settled() -> None:
    app = PanelApp(vpses=fleet_of(1))
    outcome = await one(app, "start", VERIFY)
    assert isinstance(outcome.error, ActionFailedError)
    assert calls(app, "status") == []


@virtual
async def test_settled_actions_are_no_failures_of_the_run() -> None:
    app = PanelApp(vpses=fleet_of(*[1] * 6))
    app.inject(Reset(after_action=True), verb="stop", times=3)
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(rollout=Rollout(on_unknown="verify", max_failures=0))
        assert report.failed == ()
    assert sorted(app.actions) == [(vps, "stop") for vps in range(1, 7)]


FAULTS: list[Fault] = [Cut(), Hang(after_action=True), Reset(after_action=True), bad_gateway(after_action=True)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("on_unknown", ["report", "verify"])
@virtual
async def test_no_vps_is_ever_acted_on_twice(fault: Fault, on_unknown: str) -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2] * 5))
    app.inject(fault, verb="restart", times=None)
    async with session_on(app, timeouts=SHORT) as session:
        rollout = Rollout(on_unknown=on_unknown)  # type: ignore[arg-type]
        report = await (await session.fleet()).restart(rollout=rollout, wait=True)
        assert len(report.failed) == 10
    assert sorted(app.actions) == [(vps, "restart") for vps in range(1, 11)]


@virtual
async def test_a_restart_with_wait_gives_a_status_that_was_read_after_the_answer() -> None:
    app = PanelApp(vpses=fleet_of(1), boot_time=5.0, shutdown_time=5.0)
    outcome = await one(app, "restart", wait=True)
    assert outcome.error is None or outcome.elapsed < 10
    slow = PanelApp(vpses=fleet_of(1), boot_time=2.0, shutdown_time=1.0)
    outcome = await one(slow, "restart", wait=True)
    assert outcome.value is not None
    assert outcome.value.state is PowerState.RUNNING
    assert [record.started for record in calls(slow, "status")] == [calls(slow, "restart")[0].ended]


@pytest.mark.parametrize(
    ("verb", "end", "words"),
    [
        pytest.param("stop", "close", "the session was closed during the wait", id="stopped, the session closed"),
        pytest.param("restart", "close", "the session was closed during the wait", id="restarted, the session closed"),
        pytest.param("stop", "remove", "the panel knows no such VPS of this user", id="stopped, the VPS removed"),
    ],
)
@virtual
async def test_an_action_that_is_done_and_not_seen_says_both(verb: str, end: str, words: str) -> None:
    app = PanelApp(vpses=fleet_of(1), settle=60.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        if verb == "restart":
            app.inject(Hang(), verb="status", times=None)
        run = asyncio.create_task(getattr(fleet, verb)(wait=True))
        await asyncio.sleep(1)
        if end == "close":
            await session.aclose()
        else:
            app.remove_vps(1)
        report: FleetReport[VpsStatus | None] = await run
        (outcome,) = report.failed
        assert isinstance(outcome.error, WaitTimeoutError)
        assert outcome.error.message.startswith(f"the {verb} is done, but not seen: ")
        assert words in outcome.error.message
        assert (outcome.error.vps_id, outcome.skipped) == (1, False)


@virtual
async def test_without_a_limit_a_wait_lasts_until_the_state_is_there() -> None:
    app = PanelApp(vpses=fleet_of(1), settle=3600.0)
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(wait=True, timeout=None, interval=60.0)
        assert report.ok
        assert report.elapsed == pytest.approx(3600)
