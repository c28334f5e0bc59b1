import asyncio
import gc
import getpass
import os
import shutil
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from panels import fleet_of, session_on, settled
from values import vps

from cvm_async import (
    ActionFailedError,
    AuthenticationError,
    ConfigurationError,
    CvmError,
    DecodeError,
    Fleet,
    NoAnswerError,
    NodeUnreachableError,
    NotPossibleError,
    NotSentError,
    Outcome,
    PermissionDeniedError,
    PowerState,
    Rollout,
    WaitTimeoutError,
)
from cvm_async.errors import About
from cvm_async.panel import PanelApp, gateway_timeout
from cvm_async.runs import file
from cvm_async.runs.errors import JournalError, RunBusyError
from cvm_async.runs.in_place import InPlace
from cvm_async.runs.journal import INTENT_LASTS, RunJournal, lock_path, state_after, this_turn
from cvm_async.runs.record import RunRecord, TargetState, Turn
from cvm_async.runs.store import RunStore
from cvm_async.runs.writer import Statement, Writer
from runs.makes import kept


@pytest.fixture
def runs(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "state" / "runs")


async def test_a_run_is_kept_whole(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 1))
    app.set_power(2, "suspended")
    async with session_on(app) as session:
        journal = runs.new("maintenance")
        rollout = Rollout(batch=(1, 2), per_node=1)
        await (await session.fleet()).stop(
            rollout=rollout, wait=True, timeout=9.0, interval=0.5, confirm=2, journal=journal
        )
        record = runs.read(journal.id)
        assert (record.id, record.name, record.verb.value, record.rollout) == (
            journal.id,
            "maintenance",
            "stop",
            rollout,
        )
        assert (record.wait, record.timeout, record.interval, record.confirm) == (True, 9.0, 0.5, 2)
        assert [target.state.value for target in record.targets] == ["done", "failed", "done"]
        assert [target.key for target in record.targets] == [(session.url, number) for number in (1, 2, 3)]
        assert record.targets[1].error_type == "ActionFailedError"
        (turn,) = record.turns
        assert (turn.ending, turn.pid, turn.panels) == ("finished", os.getpid(), (session.name,))


async def test_no_token_is_in_it(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    app.inject(gateway_timeout(), verb="stop", times=1)
    async with session_on(app) as session:
        await (await session.fleet()).stop(journal=runs.new("maintenance"))
    for path in runs.path.iterdir():
        written = path.read_bytes()
        for token in (app.public_token, app.private_token):
            assert token.encode() not in written


async def test_a_journal_is_used_once(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    async with session_on(app) as session:
        fleet = await session.fleet()
        journal = runs.new()
        await fleet.stop(journal=journal)
        with pytest.raises(ConfigurationError, match="has begun before"):
            await fleet.start(journal=journal)
        with pytest.raises(ConfigurationError, match="has begun before"):
            await fleet.start(journal=RunJournal(journal.path, journal.id, ""))
    assert len(app.actions) == 2


async def test_a_place_where_nothing_can_be_written_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(JournalError, match="cannot be made"):
            await fleet.stop(journal=RunStore(tmp_path / "file" / "runs").new())
    assert app.actions == []


async def test_a_run_of_no_vps_is_kept_too(runs: RunStore) -> None:
    journal = runs.new()
    await Fleet().stop(journal=journal)
    assert runs.read(journal.id).summary.is_over


async def test_while_it_is_at_work_it_can_be_read_and_nobody_takes_it_up(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1), shutdown_time=0.05)
    async with session_on(app) as session:
        journal = runs.new()
        fleet = await session.fleet()
        task = asyncio.create_task(fleet.stop(journal=journal))
        await app.wait_for(lambda: any(record.verb == "stop" for record in app.requests))
        assert runs.read(journal.id).targets[0].state is TargetState.SENT
        with pytest.raises(RunBusyError):
            async with runs.open(journal.id):
                pass
        with pytest.raises(RunBusyError):
            runs.forget(journal.id)
        await task
        async with runs.open(journal.id) as run:
            assert run.record.targets[0].state is TargetState.DONE


async def test_what_cannot_be_written_any_more_is_not_sent_and_stops_the_run(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(*[1] * 5))
    async with session_on(app) as session:
        fleet = await session.fleet()
        journal = runs.new()

        def full(_: object) -> None:
            with closing(sqlite3.connect(journal.path)) as connection:
                connection.execute(
                    "CREATE TRIGGER full BEFORE UPDATE ON targets BEGIN SELECT RAISE(FAIL, 'the disk is full'); END"
                )
                connection.commit()

        report = await fleet.stop(rollout=Rollout(max_concurrency=1), journal=journal, progress=full)
    assert app.actions == [(1, "stop")]
    assert [type(outcome.error) for outcome in report] == [type(None), *[NotSentError] * 4]
    assert "the disk is full" in str(report[1].error)


def taken_away(path: Path) -> None:
    path.unlink()


def replaced(path: Path) -> None:
    other = path.with_suffix(".other")
    shutil.copy(path, other)
    other.replace(path)


def moved(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file cannot be taken away")
@pytest.mark.parametrize("change", [taken_away, replaced, moved])
@pytest.mark.parametrize("suffix", [".run", ".run-wal", ".lock"])
async def test_what_is_kept_where_nobody_finds_it_is_not_sent_and_stops_the_run(
    runs: RunStore, change: Callable[[Path], None], suffix: str
) -> None:
    app = PanelApp(vpses=fleet_of(*[1] * 5))
    async with session_on(app) as session:
        fleet = await session.fleet()
        journal = runs.new()
        task = asyncio.create_task(fleet.stop(rollout=Rollout(max_concurrency=1), journal=journal))
        await app.wait_for(lambda: bool(app.actions))
        change(journal.path.with_suffix(suffix))
        report = await task
    assert app.actions == [(1, "stop")]
    # What was under way is in the report; what it would have been kept in is told by the first that was not sent.
    assert [type(outcome.error) for outcome in report] == [type(None), *[NotSentError] * 4]
    told = "was replaced while" if change is replaced else "was taken away while"
    assert f"{told} the run was at work" in str(report[1].error)


async def test_an_action_that_was_cancelled_before_it_left_is_not_kept_as_sent(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        run_id = kept(runs, session, TargetState.TODO)
        journal = RunJournal(runs.path / f"{run_id}.run", run_id, "")
        await journal.take_up()
        held = sqlite3.connect(journal.path, isolation_level=None)
        held.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(journal.sending(0))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        held.execute("COMMIT")
        held.close()
        await journal.close("cut off")
    assert runs.read(run_id).targets[0].state is TargetState.TODO


async def test_a_file_that_cannot_be_read_leaves_the_run_free(runs: RunStore) -> None:
    runs.path.mkdir(parents=True)
    path = runs.path / "a-run.run"
    path.write_bytes(b"nothing of ours")
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            await RunJournal(path, "a-run", "").take_up()


async def test_closing_what_never_began_is_nothing(runs: RunStore) -> None:
    await runs.new().close("cut off")
    assert not runs.list()


async def test_a_journal_that_did_not_begin_keeps_nothing(runs: RunStore) -> None:
    with pytest.raises(NotSentError, match="has not begun"):
        await runs.new().sending(0)
    with pytest.raises(JournalError):
        runs.new().ended(0, Outcome(vps(1), "panel"))


GET: About = {"method": "GET"}
POST: About = {"method": "POST"}


@pytest.mark.parametrize(
    ("before", "error", "skipped", "after"),
    [
        pytest.param("sent", None, False, "done", id="done"),
        pytest.param("todo", None, False, "done", id="done by another run, which this one joined"),
        pytest.param("todo", None, True, "unchanged", id="there already"),
        pytest.param("sent", ActionFailedError("no", status_code=500, **POST), False, "failed", id="the panel says no"),
        pytest.param(
            "sent", NodeUnreachableError("no", **POST), False, "failed", id="the panel did not reach the node"
        ),
        pytest.param("sent", NoAnswerError("no", **POST), False, "unknown", id="no answer"),
        pytest.param("sent", DecodeError("no", **POST), False, "unknown", id="an answer that cannot be read"),
        pytest.param("todo", NoAnswerError("no"), False, "unknown", id="no answer to another's, which it joined"),
        pytest.param("sent", NotSentError("no"), False, "todo", id="the panel never saw it"),
        pytest.param("todo", NotSentError("no"), True, "todo", id="not begun"),
        pytest.param("sent", AuthenticationError("no", status_code=401, **POST), False, "todo", id="a revoked token"),
        pytest.param("sent", PermissionDeniedError("no", status_code=403, **POST), False, "todo", id="no rights"),
        pytest.param("todo", NotPossibleError("no"), True, "failed", id="nobody can do it"),
        pytest.param("todo", NodeUnreachableError("no"), True, "todo", id="its node was left alone"),
        pytest.param("todo", NoAnswerError("no", **GET), False, "todo", id="the look before it failed"),
        pytest.param("todo", NodeUnreachableError("no", **GET), False, "todo", id="the look found the node lost"),
        pytest.param("answered", WaitTimeoutError("no"), False, "unseen", id="done, and not seen"),
        pytest.param("todo", WaitTimeoutError("no"), False, "unseen", id="done by another run, and not seen"),
        pytest.param("answered", NoAnswerError("no", **GET), False, "unseen", id="done, and the look failed"),
    ],
)
def test_what_came_of_a_vps_tells_how_far_the_run_is_with_it(
    before: str, error: CvmError | None, after: str, *, skipped: bool
) -> None:
    outcome: Outcome[object] = Outcome(vps(1), "panel", None, error, skipped=skipped)
    assert state_after(TargetState(before), outcome).value == after


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="users have no numbers")
def test_who_it_was_the_operating_system_tells_and_not_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd  # noqa: PLC0415 - only where users have numbers

    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert this_turn().user == pwd.getpwuid(os.getuid()).pw_name

    def nameless(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nameless)
    assert this_turn().user == str(os.getuid())


@pytest.mark.parametrize("error", [KeyError("uid"), OSError("no name"), ImportError("pwd")])
def test_where_users_have_no_numbers_the_environment_names_them(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "getuid", raising=False)
    monkeypatch.setenv("LOGNAME", "somebody")
    assert this_turn().user == "somebody"

    def nameless() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert this_turn().user == "?"


def test_its_lock_is_beside_it() -> None:
    assert lock_path(Path("runs/a.run")) == Path("runs/a.lock")


async def test_a_planned_run_keeps_what_was_seen(runs: RunStore) -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(PowerState.STOPPED)
        journal = runs.new()
        await plan.apply(journal=journal)
    assert [target.seen for target in runs.read(journal.id).targets] == [PowerState.RUNNING] * 2


def writers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("journal ")]


async def ends_alone() -> None:
    """Wait until nobody writes any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("journal "):
            await asyncio.to_thread(thread.join)


async def test_a_run_that_is_cancelled_as_it_begins_is_left_and_can_be_taken_up(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, goes_on = file.made, threading.Event()

    def slow(path: Path, record: RunRecord) -> None:
        goes_on.wait(60)
        made(path, record)

    monkeypatch.setattr(file, "made", slow)
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        journal = runs.new()
        task = asyncio.create_task(fleet.stop(journal=journal))
        await settled()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        goes_on.set()
        await opened(journal)
        await ends_alone()
        assert [turn.ending for turn in runs.read(journal.id).turns] == ["cut off"]
        async with runs.open(journal.id) as run:
            assert (await run.resume(fleet)).ok
    assert app.actions == [(1, "stop")]


async def test_a_run_that_is_cancelled_as_it_is_taken_up_is_left_free(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, goes_on = file.read, threading.Event()

    def slow(path: Path, *, whole: bool = False) -> RunRecord:
        goes_on.wait(60)
        return read(path, whole=whole)

    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        run_id = kept(runs, session, TargetState.TODO)
    journal = RunJournal(runs.path / f"{run_id}.run", run_id, "")
    monkeypatch.setattr(file, "read", slow)
    task = asyncio.create_task(journal.take_up())
    await settled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    goes_on.set()
    await opened(journal)
    await ends_alone()
    assert [turn.ending for turn in runs.read(run_id).turns] == [None, "cut off"]
    runs.forget(run_id)


async def opened(journal: RunJournal) -> None:
    """Wait for what goes on in the background, with nobody to wait for it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.wait(others)
    await settled()
    # Closed already, it is closed.
    await journal.close("again")


async def test_a_run_that_cannot_be_written_when_it_is_taken_up_leaves_no_thread_and_is_free(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        run_id = kept(runs, session, TargetState.TODO)

    def wrong(_: Turn) -> Statement:
        return "INSERT INTO nothing VALUES (1)", ()

    monkeypatch.setattr(file, "turn_begins", wrong)
    with pytest.raises(JournalError, match="cannot be written"):
        async with runs.open(run_id):
            pass
    await ends_alone()
    assert writers() == []
    runs.forget(run_id)


async def test_what_comes_after_its_end_is_lost_without_an_error_of_others(runs: RunStore) -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        run_id = kept(runs, session, TargetState.TODO)
    journal = RunJournal(runs.path / f"{run_id}.run", run_id, "")
    await journal.take_up()
    await journal.close("finished")
    journal.answered(0)
    with pytest.raises(JournalError, match="closed"):
        journal.ended(0, Outcome(vps(1), "panel", None))
    with pytest.raises(NotSentError, match="closed"):
        await journal.sending(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
async def test_a_fork_has_no_part_in_a_run_of_its_parents(runs: RunStore) -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        run_id = kept(runs, session, TargetState.TODO)
    journal = RunJournal(runs.path / f"{run_id}.run", run_id, "")
    await journal.take_up()
    with warnings.catch_warnings():
        # Of other threads: the child below asks for nothing of theirs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            os._exit(0 if await refused_in_a_fork(journal, runs, run_id) else 1)
        finally:
            os._exit(2)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    # And its end takes neither the lock nor the run from the parent.
    with pytest.raises(RunBusyError):
        runs.forget(run_id)
    await journal.sending(0)
    await journal.close("finished")
    record = runs.read(run_id)
    assert (record.targets[0].state, record.turns[-1].ending) == (TargetState.SENT, "finished")


async def refused_in_a_fork(journal: RunJournal, runs: RunStore, run_id: str) -> bool:
    """Tell whether all that a fork does to its parent's run is refused, and ends."""
    try:
        await journal.sending(0)
    except NotSentError as error:
        if "from which this one was forked" not in str(error):
            return False
    try:
        runs.forget(run_id)
    except RunBusyError:
        await journal.close("finished")
        gc.collect()
        return True
    return False


@pytest.mark.parametrize("clock", ["wall", "steady"])
async def test_what_was_about_to_be_sent_too_long_ago_is_not_sent(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    """As after a stop of the process, or of the machine, between the intent's commit and the action."""
    written = Writer.write

    async def stands_still(writer: Writer, *statements: Statement) -> None:
        await written(writer, *statements)
        if clock == "wall":
            now = file.utc_now() + timedelta(seconds=INTENT_LASTS + 1)
            monkeypatch.setattr(file, "utc_now", lambda: now)
        else:
            later = time.monotonic() + INTENT_LASTS + 1
            monkeypatch.setattr("cvm_async.runs.journal.monotonic", lambda: later)

    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        journal = runs.new()
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "write", stands_still)
            report = await fleet.stop(journal=journal)
            monkeypatch.undo()
        assert isinstance(report[0].error, NotSentError)
        assert "kept 31 s ago" in report[0].error.message
        assert app.actions == []
        async with runs.open(journal.id) as run:
            assert (await run.resume(fleet)).ok
    assert app.actions == [(1, "stop")]


@pytest.mark.parametrize("verb", ["stop", "restart"])
@pytest.mark.parametrize("cut", ["first", "second"])
@pytest.mark.parametrize("has_left", [False, True], ids=["about to leave", "under way"])
async def test_a_run_that_is_cut_off_sends_nothing_again_that_leaves_for_another_run(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch, verb: str, cut: str, *, has_left: bool
) -> None:
    keep, goes_on = RunJournal.sending, asyncio.Event()
    told = {name: asyncio.Event() for name in ("first", "second")}

    async def sending(journal: RunJournal, place: int) -> None:
        await keep(journal, place)
        told[journal.name].set()
        if journal.name == "first":
            await goes_on.wait()

    monkeypatch.setattr(RunJournal, "sending", sending)
    app = PanelApp(vpses=fleet_of(1))
    app.hang_node(1)
    async with session_on(app) as session:
        fleet = await session.fleet()
        journals = {name: runs.new(name) for name in told}
        both: dict[str, asyncio.Task[object]] = {}
        for name, journal in journals.items():
            both[name] = asyncio.create_task(getattr(fleet, verb)(journal=journal))
            await told[name].wait()
        await settled()
        if has_left:
            goes_on.set()
            await app.wait_for(lambda: any(request.vps == 1 for request in app.requests))
        cut_off = both.pop(cut)
        cut_off.cancel()
        await asyncio.wait([cut_off])
        goes_on.set()
        app.heal_node(1)
        await asyncio.gather(*both.values())
        assert runs.read(journals[cut].id).targets[0].state is TargetState.UNKNOWN
        async with runs.open(journals[cut].id) as run:
            report = await run.resume(fleet)
    # What looking can settle is settled by looking; a restart leaves the state that it found.
    assert isinstance(report[0].error, type(None) if verb == "stop" else NoAnswerError)
    assert app.actions == [(1, verb)]


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
async def test_a_stream_is_kept_too_and_says_where_it_was_left(runs: RunStore, verb: str) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3, 4), shutdown_time=0.0, boot_time=0.0)
    for vps_id in range(1, 5):
        app.set_power(vps_id, "stopped" if verb == "start" else "running")
    async with session_on(app) as session:
        fleet = await session.fleet()
        whole, left = runs.new(), runs.new()
        stream = getattr(fleet.select(ids=[1, 2]), f"stream_{verb}")
        async with stream(journal=whole) as outcomes:
            assert [outcome.ok async for outcome in outcomes] == [True, True]
        stream = getattr(fleet.select(ids=[3, 4]), f"stream_{verb}")
        async with stream(journal=left, rollout=Rollout(batch=1, pause=3_600.0)) as outcomes:
            async for _ in outcomes:
                break
        assert [target.state.value for target in runs.read(whole.id).targets] == ["done", "done"]
        assert [target.state.value for target in runs.read(left.id).targets] == ["done", "todo"]
        assert [runs.read(run.id).turns[0].ending for run in (whole, left)] == ["finished", "cut off"]
        async with runs.open(left.id) as run:
            assert (await run.resume(fleet, rollout=Rollout())).ok
    assert sorted(app.actions) == [(vps_id, verb) for vps_id in range(1, 5)]


async def test_a_stream_that_cannot_be_kept_does_nothing_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(JournalError):
            async with fleet.stream_stop(journal=RunStore(tmp_path / "file").new()) as outcomes:
                assert [outcome async for outcome in outcomes] == []
    assert app.actions == []


async def test_a_file_that_goes_as_it_is_taken_up_leaves_the_run_free(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Path) -> InPlace:
        raise FileNotFoundError

    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        run_id = kept(runs, session, TargetState.TODO)
    with monkeypatch.context() as patch:
        patch.setattr(InPlace, "of", gone)
        with pytest.raises(JournalError, match="cannot be written"):
            await RunJournal(runs.path / f"{run_id}.run", run_id, "").take_up()
    runs.forget(run_id)
