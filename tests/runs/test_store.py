import os
import time
from pathlib import Path

import pytest
from panels import fleet_of, session_on

from cvm_async import ConfigurationError
from cvm_async.panel import PanelApp
from cvm_async.runs import file
from cvm_async.runs.errors import JournalError, RunNotFoundError
from cvm_async.runs.journal import lock_path
from cvm_async.runs.lock import taken
from cvm_async.runs.record import TargetState
from cvm_async.runs.store import KEEP, RunStore, default_path
from runs.makes import record


@pytest.fixture
def runs(tmp_path: Path) -> RunStore:
    (tmp_path / "runs").mkdir()
    return RunStore(tmp_path / "runs")


def written(runs: RunStore, name: str, *, age: float = 0.0) -> Path:
    path = runs.path / f"{name}.run"
    file.made(path, record(TargetState.DONE, run_id=name))
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def test_runs_are_kept_in_the_platforms_folder_for_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert RunStore().path == default_path()
    if os.name == "posix":
        assert "cvm_async" in default_path().parts


def test_where_there_is_no_home_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpanded(name: str, **_: object) -> Path:
        return Path("~") / name

    def refused(_: str, **__: object) -> Path:
        raise RuntimeError

    for nowhere in (unexpanded, refused):
        monkeypatch.setattr("cvm_async.runs.store.user_state_path", nowhere)
        with pytest.raises(ConfigurationError, match="no home directory"):
            RunStore()


def test_the_newest_run_is_listed_first(runs: RunStore) -> None:
    for name in ("20261124-1", "20261125-1", "20261123-1"):
        written(runs, name)
    assert [path.stem for path in sorted(runs.path.glob("*.run"), reverse=True)] == [
        "20261125-1",
        "20261124-1",
        "20261123-1",
    ]
    assert len(runs.list()) == 3


def test_what_cannot_be_read_does_not_hide_the_others_and_is_told(runs: RunStore) -> None:
    written(runs, "good")
    written(runs, "bad").write_bytes(b"nothing")
    written(runs, "copy").rename(runs.path / "worse.run")
    (runs.path / "worst.run").mkdir()
    found = runs.list()
    assert [summary.id for summary in found] == ["good"]
    assert [problem.partition(".run ")[0].rpartition("/")[2] for problem in found.problems] == ["worst", "worse", "bad"]
    assert "it is that of the run copy" in found.problems[1]


@pytest.mark.parametrize("trouble", [PermissionError("no"), NotADirectoryError("no")])
def test_a_folder_that_cannot_be_looked_into_is_told_and_not_empty(
    runs: RunStore, monkeypatch: pytest.MonkeyPatch, trouble: OSError
) -> None:
    def refused(_: Path) -> None:
        raise trouble

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(ConfigurationError, match="runs cannot be kept in"):
        runs.list()
    # And the first run that begins tells that nothing can be kept there.
    runs.new()


def test_a_run_that_nobody_may_look_at_is_told(runs: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refused)
    for look in (runs.read, runs.open, runs.forget):
        with pytest.raises(ConfigurationError, match="runs cannot be kept in"):
            look("one")


def test_what_cannot_be_taken_away_is_told(runs: RunStore) -> None:
    (runs.path / "a.run").mkdir()
    with pytest.raises(JournalError, match="cannot be taken away"):
        runs.forget("a")
    assert lock_path(runs.path / "a.run").exists()


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    assert RunStore(tmp_path / "none").list() == []


async def test_making_one_writes_nothing_before_it_begins(runs: RunStore) -> None:
    journal = runs.new("maintenance")
    assert runs.list() == []
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        await (await session.fleet()).stop(journal=journal)
    (summary,) = runs.list()
    assert (summary.id, summary.name) == (journal.id, "maintenance")


def test_ids_of_one_second_differ(runs: RunStore) -> None:
    assert len({runs.new().id for _ in range(20)}) > 1


@pytest.mark.parametrize("run_id", ["20261125-120000-abcd", "x"])
def test_a_run_that_is_not_there_is_told(runs: RunStore, run_id: str) -> None:
    for look in (runs.read, runs.open, runs.forget):
        with pytest.raises(RunNotFoundError, match=run_id):
            look(run_id)


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "a.run", "-rf", "x" * 200, 7, None])
def test_what_is_no_id_is_refused(runs: RunStore, run_id: object) -> None:
    for look in (runs.read, runs.open, runs.forget):
        with pytest.raises(ConfigurationError, match="a run's id"):
            look(run_id)  # type: ignore[arg-type]


def test_what_is_forgotten_leaves_nothing(runs: RunStore) -> None:
    written(runs, "one")
    for part in ("one.run-wal", "one.run-shm"):
        (runs.path / part).touch()
    runs.forget("one")
    assert list(runs.path.iterdir()) == []


def test_old_runs_are_forgotten_when_a_new_one_is_made(runs: RunStore) -> None:
    old, young = written(runs, "old", age=KEEP + 60), written(runs, "young", age=KEEP - 3600)
    runs.new()
    assert (old.exists(), young.exists()) == (False, True)


def test_a_run_at_work_is_not_forgotten_however_old(runs: RunStore) -> None:
    old = written(runs, "old", age=KEEP + 60)
    lock = taken(lock_path(old))
    runs.new()
    lock.close()
    assert old.exists()


def test_they_may_be_kept_for_ever_or_for_less(runs: RunStore) -> None:
    old = written(runs, "old", age=10 * KEEP)
    RunStore(runs.path, keep=None).new()
    assert old.exists()
    RunStore(runs.path, keep=60.0).new()
    assert not old.exists()


@pytest.mark.parametrize("keep", [0, -1, "soon", float("nan")])
def test_a_time_that_is_none_is_refused(keep: object) -> None:
    with pytest.raises(ConfigurationError, match="keep"):
        RunStore(Path(), keep=keep)  # type: ignore[arg-type]


def test_a_name_is_a_text(runs: RunStore) -> None:
    with pytest.raises(ConfigurationError, match="name"):
        runs.new(7)  # type: ignore[arg-type]


def test_an_old_run_that_cannot_be_taken_away_keeps_nobody_from_a_new_one(runs: RunStore) -> None:
    old = written(runs, "old", age=KEEP + 60)
    lock_path(old).mkdir()
    runs.new()
    assert old.exists()
