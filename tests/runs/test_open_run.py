import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from panels import calls, fleet_of, session_on, settled

from cvm_async import (
    ConfigurationError,
    Fleet,
    NotSentError,
    Progress,
    Rollout,
    RunControl,
    partial_report,
)
from cvm_async._api.verbs import Verb
from cvm_async.panel import PanelApp
from cvm_async.runs import file
from cvm_async.runs.journal import RunJournal
from cvm_async.runs.open_run import pause_left
from cvm_async.runs.record import TargetState
from cvm_async.runs.store import RunStore
from runs.makes import kept, record

TODO, SENT, ANSWERED, DONE, UNCHANGED, UNSEEN, FAILED, UNKNOWN = TargetState


@pytest.fixture
def runs(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def words(report: Any) -> list[str]:  # noqa: ANN401 - any report
    return ["ok" if outcome.ok else type(outcome.error).__name__ for outcome in report]


async def test_what_is_done_stays_done_and_what_was_not_begun_goes_on(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3, 4))
    async with session_on(app) as session:
        run_id = kept(runs, session, DONE, UNCHANGED, FAILED, TODO)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
    assert app.actions == [(4, "stop")]
    assert words(report) == ["ok", "ok", "CvmError", "ok"]
    assert [outcome.vps.id for outcome in report] == [1, 2, 3, 4]
    assert [outcome.skipped for outcome in report] == [False, True, False, False]
    record = runs.read(run_id)
    assert [target.state for target in record.targets] == [DONE, UNCHANGED, FAILED, DONE]
    assert [turn.ending for turn in record.turns] == [None, "finished"]


@pytest.mark.parametrize("state", [SENT, UNKNOWN])
async def test_a_stop_of_unknown_outcome_is_settled_by_looking(runs: RunStore, state: TargetState) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    app.set_power(1, "stopped")
    async with session_on(app) as session:
        run_id = kept(runs, session, state, state)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet(), settle=0.05)
        assert app.actions == []
        assert words(report) == ["ok", "NoAnswerError"]
        assert "it is running" in str(report[1].error)
        # It is still unknown, and may be looked at again.
        app.set_power(2, "stopped")
        async with runs.open(run_id) as run:
            assert words(await run.resume(await session.fleet(), settle=0.05)) == ["ok", "ok"]
    assert app.actions == []
    assert runs.read(run_id).summary.is_over


async def test_it_is_sent_again_only_where_that_is_asked_for_and_the_other_state_is_seen(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3))
    app.set_power(2, "stopped")
    app.set_power(3, "suspended")
    async with session_on(app) as session:
        run_id = kept(runs, session, SENT, SENT, SENT)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet(), settle=0.05, unsettled="resend")
    assert app.actions == [(1, "stop")]
    assert words(report) == ["ok", "ok", "NoAnswerError"]


async def test_a_restart_is_never_sent_again(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    async with session_on(app) as session:
        run_id = kept(runs, session, SENT, TODO, verb=Verb.RESTART)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet(), settle=0.05, unsettled="resend")
    assert app.actions == [(2, "restart")]
    assert words(report) == ["NoAnswerError", "ok"]


@pytest.mark.parametrize(("power", "word"), [("stopped", "ok"), ("suspended", "WaitTimeoutError")])
async def test_what_the_panel_had_confirmed_is_only_waited_for(runs: RunStore, power: Any, word: str) -> None:  # noqa: ANN401 - a literal
    app = PanelApp(vpses=fleet_of(1))
    app.set_power(1, power)
    async with session_on(app) as session:
        run_id = kept(runs, session, ANSWERED, wait=True)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
    assert words(report) == [word]
    assert app.actions == []


@pytest.mark.parametrize("state", [TODO, SENT, ANSWERED])
@pytest.mark.parametrize("confirm", [1, 3])
async def test_it_asks_for_as_many_readings_as_the_run_did(runs: RunStore, state: TargetState, confirm: int) -> None:
    app = PanelApp(vpses=fleet_of(1, power="running" if state is TODO else "stopped"))
    async with session_on(app) as session:
        run_id = kept(runs, session, state, wait=True, confirm=confirm, interval=0.01)
        async with runs.open(run_id) as run:
            assert words(await run.resume(await session.fleet())) == ["ok"]
    assert len(calls(app, "status")) == confirm


async def test_without_waiting_a_confirmed_action_is_done(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        run_id = kept(runs, session, ANSWERED)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
    assert words(report) == ["ok"]
    assert [record.verb for record in app.requests] == ["list"]


async def test_a_settled_stop_gives_its_status_where_the_run_waits(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, power="stopped"))
    async with session_on(app) as session:
        run_id = kept(runs, session, SENT, wait=True)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
    assert report[0].value is not None


async def test_a_look_that_is_of_no_use_leaves_it_unknown(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        run_id = kept(runs, session, SENT)
        app.remove_vps(1)
        async with runs.open(run_id) as run:
            report = await run.resume(fleet, settle=0.05)
    assert words(report) == ["NoAnswerError"]


async def test_failures_of_before_count(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(*[1] * 5))
    async with session_on(app) as session:
        run_id = kept(runs, session, FAILED, FAILED, TODO, TODO, TODO, rollout=Rollout(max_failures=1))
        fleet = await session.fleet()
        async with runs.open(run_id) as run:
            report = await run.resume(fleet)
        assert app.actions == []
        assert words(report)[2:] == ["NotSentError"] * 3
        async with runs.open(run_id) as run:
            report = await run.resume(fleet, rollout=Rollout(max_failures=2))
    assert words(report)[2:] == ["ok"] * 3


async def test_it_goes_on_in_the_batches_that_it_was_in(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(*range(1, 8)), shutdown_time=0.01)
    async with session_on(app) as session:
        run_id = kept(runs, session, DONE, DONE, TODO, TODO, TODO, TODO, TODO, rollout=Rollout(batch=(1, 3, 3)))
        async with runs.open(run_id) as run:
            await run.resume(await session.fleet())
    # Of the second batch two were left, and the third begins only after them.
    assert sorted(app.actions[:2]) == [(3, "stop"), (4, "stop")]
    begun = {record.vps: record.started for record in app.requests if record.verb == "stop"}
    ended = {record.vps: record.ended for record in app.requests if record.verb == "stop"}
    assert min(begun[vps] for vps in (5, 6, 7)) >= max(ended[vps] or 0.0 for vps in (3, 4))


async def test_a_planned_run_leaves_alone_what_has_moved_since(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    async with session_on(app) as session:
        fleet = await session.fleet()
        journal = runs.new()
        plan = await fleet.plan(Verb.STOP.goal)
        task = asyncio.create_task(plan.apply(journal=journal, rollout=Rollout(max_concurrency=1)))
        await app.wait_for(lambda: len(app.actions) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        app.set_power(2, "suspended")
        async with runs.open(journal.id) as run:
            report = await run.resume(fleet, settle=0.05)
    assert app.actions == [(1, "stop")]
    assert "it was running when this was planned, and is suspended now" in str(report[1].error)


async def test_a_vps_that_is_gone_is_told_and_its_outcome_too(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3, 4, 5, 6))
    async with session_on(app) as session:
        run_id = kept(runs, session, DONE, TODO, SENT, ANSWERED, FAILED, TODO)
        for vps in range(1, 6):
            app.remove_vps(vps)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
        with pytest.raises(LookupError):
            report.failed_fleet()
    assert app.actions == [(6, "stop")]
    assert words(report) == ["ok", "NotSentError", "NoAnswerError", "WaitTimeoutError", "CvmError", "ok"]
    assert [outcome.vps.id for outcome in report] == [1, 2, 3, 4, 5, 6]
    assert "no such VPS any more" in str(report[1].error)
    assert [outcome.skipped for outcome in report] == [False, True, *[False] * 4]


async def test_a_whole_report_knows_its_fleet(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    async with session_on(app) as session:
        run_id = kept(runs, session, FAILED, TODO)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
        assert [vps.id for vps in report.failed_fleet()] == [1]


async def test_a_fleet_of_other_panels_is_refused(runs: RunStore) -> None:
    app, other = PanelApp(vpses=fleet_of(1)), PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session, session_on(other, url="https://other.example.net") as elsewhere:
        run_id = kept(runs, session, TODO)
        async with runs.open(run_id) as run:
            with pytest.raises(ConfigurationError, match=r"went over https://panel\.example\.net.*other\.example\.net"):
                await run.resume(await elsewhere.fleet())
            with pytest.raises(ConfigurationError, match="no panel"):
                await run.resume(Fleet())
    assert runs.read(run_id).turns[-1].ending == "left as it was"


async def test_another_accounts_fleet_is_refused(runs: RunStore) -> None:
    app, other = PanelApp(vpses=fleet_of(1)), PanelApp(vpses=[evolve(fleet_of(1)[0], id=7)])
    async with session_on(app) as session, session_on(other) as elsewhere:
        run_id = kept(runs, session, TODO)
        async with runs.open(run_id) as run:
            with pytest.raises(ConfigurationError, match=r"none of the VPSes of the run .* another account's"):
                await run.resume(await elsewhere.fleet())
    assert other.actions == []


async def test_with_a_token_that_was_revoked_it_stays_as_it_is_and_goes_on_with_another(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3))
    async with session_on(app) as session:
        run_id = kept(runs, session, DONE, TODO, SENT)
        fleet = await session.fleet()
        app.private_token = "another"
        async with runs.open(run_id) as run:
            report = await run.resume(fleet, settle=0.05)
        assert words(report) == ["ok", "AuthenticationError", "NoAnswerError"]
        assert [target.state for target in runs.read(run_id).targets] == [DONE, TODO, UNKNOWN]
    async with session_on(app, name="renewed") as session:
        app.set_power(3, "stopped")
        async with runs.open(run_id) as run:
            assert words(await run.resume(await session.fleet())) == ["ok"] * 3
    assert app.actions == [(2, "stop")]
    assert [turn.panels for turn in runs.read(run_id).turns][1:] == [("panel.example.net",), ("renewed",)]


async def test_a_panel_that_the_fleet_does_not_reach_is_named(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        run_id = kept(runs, session, TODO)
        made = runs.read(run_id)
        away = evolve(made.targets[0], place=1, address="https://away.example.net/")
        (runs.path / f"{run_id}.run").unlink()
        file.made(runs.path / f"{run_id}.run", evolve(made, targets=(*made.targets, away)))
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
    assert words(report) == ["ok", "NotSentError"]
    assert "does not reach https://away.example.net/" in str(report[1].error)


async def test_cut_off_again_it_can_be_taken_up_again(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3))
    async with session_on(app) as session:
        fleet = await session.fleet()
        run_id = kept(runs, session, TODO, TODO, TODO)
        seen: list[Progress] = []

        def cut(progress: Progress) -> None:
            seen.append(progress)
            task.cancel()

        async def resume() -> None:
            async with runs.open(run_id) as run:
                await run.resume(fleet, rollout=Rollout(max_concurrency=1), progress=cut)

        task = asyncio.create_task(resume())
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert partial_report(caught.value) is not None
        assert runs.read(run_id).turns[-1].ending == "cut off"
        async with runs.open(run_id) as run:
            assert words(await run.resume(fleet, settle=0.05)) == ["ok"] * 3
    assert sorted(app.actions) == [(1, "stop"), (2, "stop"), (3, "stop")]


async def test_it_is_read_inside_its_block_only(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        run = runs.open(kept(runs, session, TODO))
        with pytest.raises(RuntimeError, match="async with"):
            _ = run.record


@pytest.mark.parametrize(
    "wrong",
    [{"settle": 0}, {"settle": None}, {"unsettled": "send"}, {"unsettled": ["report"]}, {"rollout": {"batch": 1}}],
)
async def test_settings_that_are_none_are_refused(runs: RunStore, wrong: dict[str, Any]) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session, runs.open(kept(runs, session, TODO)) as run:
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            await run.resume(await session.fleet(), **wrong)
    assert app.actions == []


@pytest.mark.parametrize(
    ("states", "ago", "left"),
    [
        pytest.param((DONE, TODO, TODO), 3.0, 7.0, id="cut off in the pause"),
        pytest.param((DONE, TODO, TODO), 30.0, 0.0, id="long ago"),
        pytest.param((DONE, TODO, TODO), -30.0, 10.0, id="by a clock that was set back"),
        pytest.param((DONE, SENT, TODO), 3.0, 0.0, id="after the pause"),
        pytest.param((DONE, DONE, TODO), 3.0, 0.0, id="in the midst of a batch"),
        pytest.param((TODO, TODO, TODO), 3.0, 0.0, id="before the first"),
        pytest.param((DONE, DONE, DONE), 3.0, 0.0, id="at the end"),
    ],
)
def test_what_is_left_of_a_pause_is_kept(states: tuple[TargetState, ...], ago: float, left: float) -> None:
    rollout = Rollout(batch=(1, 2), pause=10.0)
    made = record(*states, rollout=rollout)
    at = file.utc_now() - timedelta(seconds=ago)
    targets = tuple(evolve(each, ended_at=at if each.state is DONE else None) for each in made.targets)
    assert pause_left(evolve(made, targets=targets), rollout) == pytest.approx(left, abs=1.0)


async def test_what_was_sent_before_is_not_told_as_not_begun_where_it_is_stopped(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3))
    control = RunControl()
    control.stop("enough")
    async with session_on(app) as session:
        run_id = kept(runs, session, SENT, ANSWERED, TODO, wait=True)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet(), control=control)
    assert words(report) == ["NoAnswerError", "WaitTimeoutError", "NotSentError"]
    assert [outcome.skipped for outcome in report] == [False, False, True]
    assert "carried out is unknown; not begun: enough" in str(report[0].error)
    assert [target.state for target in runs.read(run_id).targets] == [SENT, ANSWERED, TODO]


async def test_what_was_sent_before_is_not_told_as_not_begun_where_it_is_cut_off(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3))
    async with session_on(app) as session:
        fleet = await session.fleet()
        run_id = kept(runs, session, SENT, UNKNOWN, TODO)

        async def resume() -> None:
            async with runs.open(run_id) as run:
                await run.resume(fleet, rollout=Rollout(max_concurrency=1))

        task = asyncio.create_task(resume())
        # The first is looked at; the others wait for their turn.
        await app.wait_for(lambda: any(record.verb == "status" for record in app.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
    report = partial_report(caught.value)
    assert report is not None
    assert words(report) == ["NoAnswerError", "NoAnswerError", "NotSentError"]
    assert [outcome.skipped for outcome in report] == [False, False, True]
    assert [target.state for target in runs.read(run_id).targets] == [UNKNOWN, UNKNOWN, TODO]
    assert app.actions == []


async def test_each_outcome_is_told_once_where_the_session_is_closed(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3))
    told: list[int] = []
    async with session_on(app) as session:
        fleet = await session.fleet()
        run_id = kept(runs, session, DONE, SENT, TODO)
    async with runs.open(run_id) as run:
        report = await run.resume(fleet, progress=lambda progress: told.append(progress.latest.vps.id))
    assert words(report) == ["ok", "NoAnswerError", "SessionClosedError"]
    assert told == [1, 2, 3]


@pytest.mark.parametrize("stopped", [True, False])
async def test_what_does_not_leave_again_is_as_unknown_as_before(
    runs: RunStore,
    stopped: bool,  # noqa: FBT001 - a row of a table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(_: RunJournal, _place: int) -> None:
        raise NotSentError("the disk is full")

    app = PanelApp(vpses=fleet_of(1))
    control = RunControl()
    monkeypatch.setattr(RunJournal, "sending", full)
    async with session_on(app) as session:
        fleet = await session.fleet()
        run_id = kept(runs, session, SENT)
        async with runs.open(run_id) as run:
            task = asyncio.create_task(run.resume(fleet, settle=0.2, unsettled="resend", control=control))
            await app.wait_for(lambda: any(record.verb == "status" for record in app.requests))
            if stopped:
                control.stop("enough")
            report = await task
    assert words(report) == ["NoAnswerError"]
    why = "not begun: enough" if stopped else "the disk is full"
    assert f"not sent again: {why}" in str(report[0].error)
    assert runs.read(run_id).targets[0].state is UNKNOWN
    assert app.actions == []


async def test_told_to_stop_it_waits_for_no_pause(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    control = RunControl()
    async with session_on(app) as session:
        run_id = kept(runs, session, TODO, TODO, rollout=Rollout(batch=1, pause=3_600.0))
        with closing(sqlite3.connect(runs.path / f"{run_id}.run", isolation_level=None)) as connection:
            connection.execute(*file.target_is(0, DONE, ended_at=file.utc_now()))
        async with runs.open(run_id) as run:
            fleet = await session.fleet()
            task = asyncio.create_task(run.resume(fleet, control=control))
            await settled()
            assert control.stage.pause > 0
            assert control.stage.batch == 2
            control.stop("enough")
            assert words(await task) == ["ok", "NotSentError"]
    assert app.actions == []


async def test_looking_ends_with_the_runs_deadline_and_is_shown_as_a_wait(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1))
    control = RunControl()
    async with session_on(app) as session:
        fleet = await session.fleet()
        run_id = kept(runs, session, SENT)
        async with runs.open(run_id) as run:
            task = asyncio.create_task(run.resume(fleet, rollout=Rollout(deadline=0.2), control=control))
            await app.wait_for(lambda: any(record.verb == "status" for record in app.requests))
            assert [each.doing for each in control.under_way()] == ["wait"]
            # And not after the 120 s that looking may take.
            report = await asyncio.wait_for(task, 60)
    assert words(report) == ["NoAnswerError"]


async def test_what_is_begun_anew_is_waited_for_where_the_run_waits(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        run_id = kept(runs, session, TODO, wait=True)
        async with runs.open(run_id) as run:
            report = await run.resume(await session.fleet())
    assert report[0].value is not None
    assert runs.read(run_id).targets[0].state is DONE
