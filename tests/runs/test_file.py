import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from cvm_async import ConfigurationError, PowerState, Rollout
from cvm_async._api.verbs import Verb
from cvm_async.runs import file
from cvm_async.runs.record import RunRecord, TargetState
from cvm_async.runs.writer import Statement
from runs.makes import record

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def applied(path: Path, *statements: Statement) -> RunRecord:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for sql, values in statements:
            connection.execute(sql, values)
    return file.read(path)


@pytest.mark.parametrize(
    "rollout",
    [
        Rollout(),
        Rollout(max_concurrency=3, per_node=1, max_failures=0.1, batch=(1, 0.1, 1.0), pause=2.5, deadline=9.0),
        Rollout(max_failures=3, on_unknown="verify"),
    ],
)
def test_what_is_made_is_read_again(tmp_path: Path, rollout: Rollout) -> None:
    whole = record(*TargetState, verb=Verb.RESTART, rollout=rollout)
    whole = evolve(
        whole,
        wait=True,
        timeout=None,
        targets=tuple(evolve(each, seen=PowerState.RUNNING, node=3) for each in whole.targets),
    )
    file.made(tmp_path / "a.run", whole)
    assert file.read(tmp_path / "a.run") == whole


@given(st.text(st.characters(), max_size=20), st.text(max_size=20))
def test_any_text_of_a_panel_can_be_kept(hostname: str, name: str) -> None:
    import tempfile  # noqa: PLC0415 - a fresh folder for each example

    whole = record(TargetState.TODO)
    whole = evolve(whole, name=name, targets=(evolve(whole.targets[0], hostname=hostname + "\ud800"),))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.run"
        file.made(path, whole)
        assert file.read(path).targets[0].hostname.startswith(hostname.encode("utf-8", "backslashreplace").decode())


def test_only_its_owner_may_read_it_and_what_sqlite_puts_beside_it(tmp_path: Path) -> None:
    file.made(tmp_path / "a.run", record(TargetState.TODO))
    with closing(sqlite3.connect(tmp_path / "a.run")) as connection:
        connection.execute("UPDATE run SET name = 'x'")
        connection.commit()
        found = list(tmp_path.iterdir())
        assert len(found) == 3
        assert os.name != "posix" or not any(path.stat().st_mode & 0o077 for path in found)


def test_a_run_is_made_once(tmp_path: Path) -> None:
    file.made(tmp_path / "a.run", record())
    with pytest.raises(FileExistsError):
        file.made(tmp_path / "a.run", record())


def test_how_far_it_is_with_a_vps_is_kept_step_by_step(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    file.made(path, record(TargetState.TODO, TargetState.TODO))
    target = applied(path, file.target_is(1, TargetState.SENT, sent_at=NOW)).targets[1]
    assert (target.state, target.sent_at, target.ended_at) == (TargetState.SENT, NOW, None)
    target = applied(
        path, file.target_is(1, TargetState.FAILED, ended_at=NOW, error="no", error_type="PanelError")
    ).targets[1]
    assert (target.state, target.sent_at, target.ended_at) == (TargetState.FAILED, NOW, NOW)
    assert (target.error, target.error_type) == ("no", "PanelError")
    assert file.read(path).targets[0].state is TargetState.TODO


def test_the_last_turn_is_the_one_that_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    whole = record()
    file.made(path, whole)
    turns = applied(path, file.turn_begins(whole.turns[0]), file.turn_ends(NOW, "finished")).turns
    assert [turn.ending for turn in turns] == [None, "finished"]
    assert turns[1].ended_at == NOW


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param("PRAGMA user_version = 7", id="another version"),
        pytest.param("DELETE FROM run", id="nothing in it"),
        pytest.param("UPDATE run SET verb = 'fly'", id="an unknown verb"),
        pytest.param("UPDATE run SET rollout = '{'", id="a broken rollout"),
        pytest.param("UPDATE run SET rollout = '{\"speed\": 1}'", id="an unknown setting"),
        pytest.param("UPDATE targets SET state = 'lost'", id="an unknown state"),
        pytest.param("UPDATE turns SET began_at = 'soon'", id="a broken time"),
        pytest.param("UPDATE turns SET began_at = '2026-11-25T12:00:00'", id="a time of no zone"),
        pytest.param("UPDATE turns SET panels = '7'", id="broken names"),
        pytest.param("UPDATE run SET rollout = '[]'", id="a rollout that is a list"),
        pytest.param("UPDATE run SET rollout = replace(hex(zeroblob(9999)), '0', '[')", id="one without an end"),
        pytest.param("UPDATE run SET verb = 'status'", id="a verb that does nothing"),
        pytest.param("UPDATE run SET id = 'b'", id="another run's"),
        pytest.param("DELETE FROM turns", id="nobody's"),
        pytest.param("UPDATE targets SET vps_id = 1", id="a VPS twice"),
        pytest.param("DROP TABLE targets", id="a table is missing"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "a.run"
    file.made(path, record(TargetState.TODO, TargetState.TODO))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(spoil)
        connection.commit()
    with pytest.raises(ConfigurationError, match=r"a\.run"):
        file.read(path)


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but long enough to be looked at" * 20])
def test_what_is_no_file_of_ours_is_refused_and_not_made(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.run"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"a\.run"):
        file.read(path)
    assert path.exists() is (content is not None)


@pytest.mark.parametrize("left", [0, 100, 5_000, 9_000])
def test_what_was_cut_off_is_refused(tmp_path: Path, left: int) -> None:
    path = tmp_path / "a.run"
    file.made(path, record(*[TargetState.TODO] * 50))
    os.truncate(path, left)
    with pytest.raises(ConfigurationError, match="nothing was sent" if not left else "malformed"):
        file.read(path)


def test_what_is_damaged_where_nobody_has_looked_is_refused_before_it_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    file.made(path, record(*[TargetState.TODO] * 50))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE INDEX beside ON targets (state)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'beside'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.commit()
    with path.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(bytes(size))
    file.read(path)
    with pytest.raises(ConfigurationError, match="cannot be read as a run"):
        file.read(path, whole=True)


def test_a_file_that_nobody_may_look_at_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.run"
    path.touch()

    def refused(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(sqlite3, "connect", refused)
    monkeypatch.setattr(Path, "stat", refused)
    monkeypatch.setattr(Path, "is_file", refused)
    with pytest.raises(ConfigurationError, match="cannot be read as a run"):
        file.read(path)


def test_what_could_not_be_made_whole_leaves_nothing(tmp_path: Path) -> None:
    twice = record(TargetState.TODO)
    with pytest.raises(sqlite3.Error):
        file.made(tmp_path / "a.run", evolve(twice, targets=twice.targets * 2))
    assert list(tmp_path.iterdir()) == []


def test_whom_a_turn_goes_through_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.run"
    file.made(path, record())
    assert applied(path, file.turn_goes_through({"prod": 1, "caf\u00e9": 2})).turns[0].panels == ("prod", "caf\u00e9")


def test_where_folders_cannot_be_synced_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    file.sync_folder(tmp_path / "there is none")
