import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from mocked import LIST, STATUS, Panel, answer, session_over
from panels import NO_RETRY, account_of, calls, fleet_of, session_on
from virtual_time import virtual, virtual_loop

from cvm_async import (
    ActionFailedError,
    Breaker,
    ConfigurationError,
    Fleet,
    FleetReport,
    Limits,
    NodeUnreachableError,
    NotSentError,
    Outcome,
    Rollout,
    SessionClosedError,
    VpsStatus,
    WaitTimeoutError,
)
from cvm_async._gates.verdict import Verdict
from cvm_async.fleet.work.operations import Attempt, Done
from cvm_async.fleet.work.run import Run
from cvm_async.panel import Hang, PanelApp

Report = FleetReport[VpsStatus | None]


def kinds(report: Report) -> list[str]:
    """Give what became of each VPS, in a word."""

    def word(outcome: Outcome[object]) -> str:
        return "ok" if outcome.ok else "skipped" if outcome.skipped else "failed"

    return [word(outcome) for outcome in report]


def starts(app: PanelApp, verb: str = "stop") -> list[tuple[int | None, float]]:
    return [(record.vps, record.started) for record in calls(app, verb)]


def with_suspended(*vpses: int, of: int, nodes: int = 1, **traits: float) -> PanelApp:
    """Give a panel on which these VPSes can't be stopped."""
    app = PanelApp(vpses=fleet_of(*[number % nodes + 1 for number in range(of)]), **traits)  # type: ignore[arg-type]
    for vps in vpses:
        app.set_power(vps, "suspended")
    return app


# Failures


@pytest.mark.parametrize("max_failures", [pytest.param(2, id="a count"), pytest.param(0.2, id="a fraction")])
@virtual
async def test_when_one_more_has_failed_than_may_nothing_new_starts(max_failures: float) -> None:
    app = with_suspended(2, 4, 6, 8, of=10)
    async with session_on(app) as session:
        rollout = Rollout(max_concurrency=1, max_failures=max_failures)
        report = await (await session.fleet()).stop(rollout=rollout)
        assert kinds(report) == ["ok", "failed"] * 3 + ["skipped"] * 4
        error = report[6].error
        assert isinstance(error, NotSentError)
        assert str(error) == f"not begun: 3 had failed, and max_failures is {max_failures} (VPS 7)"
    assert len(calls(app, "stop")) == 6


@virtual
async def test_failures_count_over_the_whole_run_and_not_by_batch() -> None:
    app = with_suspended(1, 3, 5, of=10)
    async with session_on(app) as session:
        rollout = Rollout(batch=2, max_failures=2)
        report = await (await session.fleet()).stop(rollout=rollout)
        assert kinds(report) == ["failed", "ok"] * 3 + ["skipped"] * 4


@virtual
async def test_a_run_that_may_stop_has_no_more_at_stake_than_calls_may_be_in_flight() -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2, 3] * 10), settle=30.0)
    async with session_on(app, limits=Limits(max_concurrency=4, per_node=2)) as session:
        report = await (await session.fleet()).stop(wait=True, timeout=10.0, rollout=Rollout(max_failures=2))
        # All that were begun fail at one moment. What is let in between the first of them and the third is held back.
        assert kinds(report).count("skipped") == 30 - 4
        free = await (await session.fleet()).restart(wait=True, timeout=10.0, rollout=Rollout(max_failures=None))
        assert kinds(free).count("skipped") == 0


@virtual
async def test_what_is_under_way_when_a_run_stops_ends_by_itself() -> None:
    app = with_suspended(1, of=9, shutdown_time=30.0)
    async with session_on(app, limits=Limits(max_concurrency=3, per_node=3)) as session:
        report = await (await session.fleet()).stop(rollout=Rollout(max_failures=0))
        assert kinds(report) == ["failed", "ok", "ok"] + ["skipped"] * 6
        assert report.elapsed == pytest.approx(30)
    assert app.actions == [(2, "stop"), (3, "stop")]


@virtual
async def test_a_vps_whose_turn_has_come_in_the_very_step_of_the_last_failure_is_not_begun() -> None:
    app = with_suspended(*range(1, 10), of=9)
    app.unreachable_node(1, after=1.0, answer="503")
    async with session_on(app, limits=Limits(max_concurrency=1), retry=NO_RETRY) as session:
        report = await (await session.fleet()).stop(rollout=Rollout(max_failures=0))
        assert kinds(report) == ["failed"] + ["skipped"] * 8
    assert len(calls(app, "stop")) == 1


@virtual
async def test_a_vps_that_another_callers_end_lets_in_as_the_run_stops_is_not_begun() -> None:
    begun: list[int] = []

    async def fails(attempt: Attempt) -> Done[None]:
        begun.append(attempt.vps.id)
        await asyncio.sleep(1)
        raise ActionFailedError("no", status_code=500)

    app = PanelApp(vpses=fleet_of(1, 1, 1))
    outcomes: list[Outcome[None]] = []

    async def emit(_: int, outcome: Outcome[None]) -> None:
        outcomes.append(outcome)

    async with session_on(app, limits=Limits(max_concurrency=2)) as session:
        fleet = await session.fleet()
        room = account_of(session).gates
        room.enter(None)
        # Within the clock's resolution it is one moment: the failure comes first, then the room, then the next's turn.
        asyncio.get_running_loop().call_at(1 + 1e-10, room.leave, None, Verdict.ANSWERED)
        await Run(fleet.members, fails, Rollout(max_failures=0), emit)()
    assert begun == [1]
    assert [outcome.skipped for outcome in outcomes] == [False, True, True]


@virtual
async def test_the_first_reason_to_stop_is_the_one_that_is_told() -> None:
    app = with_suspended(1, 2, 3, of=9, latency=1.0)
    async with session_on(app, limits=Limits(max_concurrency=3, per_node=3)) as session:
        report = await (await session.fleet()).stop(rollout=Rollout(max_failures=0))
        assert "1 had failed" in str(report[8].error)
        assert kinds(report) == ["failed"] * 3 + ["skipped"] * 6


@virtual
async def test_what_is_skipped_on_a_dead_node_is_not_counted_as_failed() -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2] * 20))
    app.unreachable_node(1, after=1.0, answer="503")
    async with session_on(app, limits=Limits(per_node=1, breaker=Breaker(failures=3)), retry=NO_RETRY) as session:
        report = await (await session.fleet()).restart(rollout=Rollout(max_failures=3))
        of_node = [outcome for outcome in report if outcome.vps.node == 1]
        assert [outcome.skipped for outcome in of_node] == [False] * 3 + [True] * 17
        assert {type(outcome.error) for outcome in of_node} == {NodeUnreachableError}
        assert all(outcome.ok for outcome in report if outcome.vps.node == 2)


@virtual
async def test_errors_in_a_report_hold_no_frames() -> None:
    app = with_suspended(1, of=1)
    async with session_on(app) as session:
        [outcome] = await (await session.fleet()).stop()
        assert isinstance(outcome.error, ActionFailedError)
        assert outcome.error.__traceback__ is None
        assert outcome.error.__context__ is None


# Errors of one's own


@virtual
async def test_who_waits_when_a_session_closes_gets_an_error_that_names_its_vps() -> None:
    async with session_on(PanelApp(vpses=fleet_of(*[1] * 9), latency=1.0), limits=Limits(max_concurrency=1)) as session:
        fleet = await session.fleet()
        runs = [asyncio.create_task(act()) for act in (fleet.status, fleet.status, fleet.stop)]
        singles = [asyncio.create_task(session.status(vps)) for vps in fleet]
        await asyncio.sleep(0.5)
        await session.aclose()
        errors = [outcome.error for run in runs for outcome in (await run).failed]
        assert [error.vps_id for error in errors] == [o.vps.id for run in runs for o in run.result().failed]
        assert len({id(error) for error in errors}) == len(errors)
        refused = await asyncio.gather(*singles, return_exceptions=True)
        assert not {id(error) for error in refused} & {id(error) for error in errors}


@virtual
async def test_nobody_writes_into_an_error_that_another_holds() -> None:
    shared = NotSentError("no", vps_id=77, attempts=3)

    async def fails(_: Attempt) -> Done[None]:
        raise shared

    outcomes: list[Outcome[None]] = []

    async def emit(_: int, outcome: Outcome[None]) -> None:
        outcomes.append(outcome)

    async with session_on(PanelApp(vpses=3)) as session:
        await Run((await session.fleet()).members, fails, Rollout(), emit)()
    assert sorted(str(outcome.error) for outcome in outcomes) == [f"no (VPS {vps}, 3 attempts)" for vps in (1, 2, 3)]
    assert shared.vps_id == 77


@virtual
async def test_what_led_to_an_error_stays_with_it() -> None:
    async def fails(_: Attempt) -> Done[None]:
        raise NotSentError("no") from ZeroDivisionError("a hook")

    outcomes: list[Outcome[None]] = []

    async def emit(_: int, outcome: Outcome[None]) -> None:
        outcomes.append(outcome)

    async with session_on(PanelApp(vpses=1)) as session:
        await Run((await session.fleet()).members, fails, Rollout(), emit)()
    assert outcomes[0].error is not None
    assert isinstance(outcomes[0].error.__cause__, ZeroDivisionError)


@virtual
async def test_a_cancellation_that_is_not_the_runs_costs_one_vps() -> None:
    async def cut(attempt: Attempt) -> Done[None]:
        if attempt.vps.id == 2:
            raise asyncio.CancelledError
        return Done(None)

    outcomes: dict[int, Outcome[None]] = {}

    async def emit(index: int, outcome: Outcome[None]) -> None:
        outcomes[index] = outcome

    async with session_on(PanelApp(vpses=3, nodes=1), limits=Limits(max_concurrency=1)) as session:
        await Run((await session.fleet()).members, cut, Rollout(), emit)()
    assert [outcomes[index].ok for index in range(3)] == [True, False, True]


# Sessions that cannot be used from here


@virtual
async def test_a_session_that_is_closed_has_its_outcomes_at_once_and_costs_the_others_nothing() -> None:
    gone, sound = PanelApp(vpses=3), PanelApp(vpses=2)
    async with session_on(sound, url="https://sound.example.net") as a:
        async with session_on(gone, url="https://gone.example.net") as b:
            both = await a.fleet() | await b.fleet()
        report = await both.stop(rollout=Rollout(batch=1, pause=10.0))
        assert kinds(report) == ["ok"] * 2 + ["skipped"] * 3
        assert {type(outcome.error) for outcome in report.failed} == {SessionClosedError}
        assert [outcome.error.vps_id for outcome in report.failed] == [1, 2, 3]
        # Of the two that are left, each is a batch.
        assert report.elapsed == 10
        stopped = await both.stop(rollout=Rollout(max_failures=2))
        assert kinds(stopped) == ["skipped"] * 5
        assert str(stopped[0].error) == "not begun: 3 had failed, and max_failures is 2 (VPS 1)"
    assert gone.actions == []


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
@pytest.mark.parametrize("debug", [False, True], ids=["as usual", "in asyncio's debug mode"])
def test_a_session_at_work_on_another_threads_loop_is_left_alone(*, debug: bool, closed: bool) -> None:
    ready, free = threading.Event(), threading.Event()
    fleets: list[Fleet] = []

    async def slow_status(_: httpx.Request) -> httpx.Response:
        ready.set()
        await asyncio.to_thread(free.wait)
        return answer(200, STATUS)

    async def theirs() -> list[VpsStatus]:
        limits = Limits(max_concurrency=1)
        session = session_over(Panel(answer(200, LIST), slow_status), url="https://theirs.example.net", limits=limits)
        async with session:
            fleets.append(await session.fleet())
            if closed:
                await session.aclose()
                ready.set()
                await asyncio.to_thread(free.wait)
                return []
            # The second waits for the first one's place.
            return [*await asyncio.gather(session.status(1), session.status(1))]

    async def ours() -> FleetReport[VpsStatus]:
        async with session_over(Panel()) as session, asyncio.timeout(60):
            return await (await session.fleet() | fleets[0]).status()

    with ThreadPoolExecutor() as pool:
        there = pool.submit(asyncio.run, theirs(), debug=debug)
        assert ready.wait(60)
        try:
            report = asyncio.run(ours(), debug=debug)
        finally:
            free.set()
        assert [status.state.value for status in there.result()] == ([] if closed else ["running"] * 2)
    assert (report[0].ok, report[1].ok, report[1].skipped) == (True, False, True)
    error = report[1].error
    assert isinstance(error, SessionClosedError if closed else ConfigurationError)
    assert error.vps_id == 1


# Batches


@virtual
async def test_a_batch_begins_when_all_of_the_one_before_are_done() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1, 1), shutdown_time=10.0)
    async with session_on(app) as session:
        await (await session.fleet()).stop(rollout=Rollout(batch=(1, 0.4), pause=60.0))
    assert starts(app) == [(1, 0), (2, 70), (3, 70), (4, 140), (5, 140)]


@virtual
async def test_with_wait_a_batch_is_done_when_all_of_it_reached_the_state() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1), shutdown_time=1.0, settle=20.0)
    async with session_on(app) as session:
        await (await session.fleet()).stop(wait=True, interval=5.0, rollout=Rollout(batch=1))
    # Read at 1, 6, 11, 16, and seen at 21.
    assert starts(app) == [(1, 0), (2, 21), (3, 42)]


@virtual
async def test_a_canary_that_fails_stops_the_run_without_a_pause() -> None:
    app = with_suspended(1, of=10)
    async with session_on(app) as session:
        rollout = Rollout(batch=(1, 1.0), pause=3600.0, max_failures=0)
        report = await (await session.fleet()).stop(rollout=rollout)
        assert kinds(report) == ["failed"] + ["skipped"] * 9
        assert report.elapsed == 0


@virtual
async def test_limits_of_the_run_hold_besides_those_of_the_session() -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2, 3, 4] * 10), shutdown_time=1.0)
    async with session_on(app) as session:
        await (await session.fleet()).stop(rollout=Rollout(max_concurrency=3, per_node=1))
    assert app.peak_in_flight() == 3
    assert max(app.peak_in_flight(node=node) for node in (1, 2, 3, 4)) == 1


@virtual
async def test_the_limits_of_the_run_count_those_whose_state_is_waited_for() -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2] * 3), settle=10.0)
    async with session_on(app) as session:
        await (await session.fleet()).stop(wait=True, interval=10.0, rollout=Rollout(max_concurrency=2))
    assert starts(app) == [(1, 0), (2, 0), (3, 10), (4, 10), (5, 20), (6, 20)]


# The deadline


@virtual
async def test_after_the_deadline_nothing_new_starts_and_actions_under_way_end() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1), shutdown_time=10.0)
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(rollout=Rollout(max_concurrency=1, deadline=15.0))
        assert kinds(report) == ["ok", "ok", "skipped", "skipped"]
        assert str(report[2].error) == "not begun: the deadline of 15 s had passed (VPS 3)"
        assert report.elapsed == pytest.approx(20)
    assert app.actions == [(1, "stop"), (2, "stop")]


@virtual
async def test_the_deadline_ends_waits() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1), shutdown_time=10.0, settle=100.0)
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(wait=True, rollout=Rollout(max_concurrency=2, deadline=15.0))
        assert kinds(report) == ["failed", "failed", "skipped"]
        assert str(report[0].error) == "it did not become stopped within 5 s: it is running (VPS 1)"
        assert report.elapsed == pytest.approx(15)


@virtual
async def test_an_action_that_ends_after_the_deadline_is_not_waited_for() -> None:
    app = PanelApp(vpses=fleet_of(1), shutdown_time=10.0)
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(wait=True, rollout=Rollout(deadline=5.0))
        assert isinstance(report[0].error, WaitTimeoutError)
        assert "the deadline of the run had passed before it could be seen to be stopped" in str(report[0].error)
        assert report.elapsed == pytest.approx(10)
    assert calls(app, "status") == []


@virtual
async def test_the_deadline_cuts_off_the_reading_of_a_status_as_nothing_is_lost_with_it() -> None:
    app = PanelApp(vpses=8, nodes=1)
    app.inject(Hang(), verb="status", times=None)
    async with session_on(app) as session:
        report = await (await session.fleet()).status(rollout=Rollout(deadline=3.0))
        # Two are asked of a node that has not answered yet.
        assert len(report.skipped) == 6
        assert report.elapsed == pytest.approx(3)


@pytest.mark.parametrize("deadline", [5.0, 10.0])
@virtual
async def test_a_deadline_in_a_pause_ends_the_run_then(deadline: float) -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    async with session_on(app) as session:
        rollout = Rollout(batch=1, pause=10.0, deadline=deadline)
        report = await (await session.fleet()).stop(rollout=rollout)
        assert kinds(report) == ["ok", "skipped"]
        assert report.elapsed == pytest.approx(deadline)


@virtual
async def test_a_deadline_that_was_not_needed_leaves_no_timer() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        await (await session.fleet()).stop(rollout=Rollout(deadline=777.0))
        assert virtual_loop().timers == []


# Never twice


@pytest.mark.parametrize("verb", ["stop", "restart"])
@virtual
async def test_two_runs_over_one_fleet_at_once_do_each_vps_once(verb: str) -> None:
    app = PanelApp(vpses=fleet_of(*range(1, 16)), shutdown_time=5.0, boot_time=5.0)
    async with session_on(app, limits=Limits(max_concurrency=30)) as session:
        fleet = await session.fleet()
        act: Callable[[], Awaitable[Report]] = getattr(fleet, verb)
        # With room for all, so that each run comes while the other's action is under way.
        one, other = await asyncio.gather(act(), act())
        assert (len(one.ok), len(other.ok)) == (15, 15)
    assert len(app.actions) == len({vps for vps, _ in app.actions}) == 15
