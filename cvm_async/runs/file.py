"""One run's file: its tables, how it is made, and how it is read as a `RunRecord`. No token is ever in it."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import asdict

from cvm_async._api.verbs import Verb, acts
from cvm_async._safe_text import safe_text
from cvm_async.errors import ConfigurationError
from cvm_async.fleet.rollout import Rollout
from cvm_async.models import PowerState
from cvm_async.runs.record import RunRecord, TargetRecord, TargetState, Turn
from cvm_async.runs.writer import DURABLE, Statement

FORMAT = 3
"""What `user_version` says of the file; another number is another version's."""

_TABLES = """
CREATE TABLE run (
    id TEXT NOT NULL, name TEXT NOT NULL, verb TEXT NOT NULL, rollout TEXT NOT NULL,
    wait INTEGER NOT NULL, timeout REAL, interval REAL NOT NULL, confirm INTEGER NOT NULL
) STRICT;
CREATE TABLE turns (
    number INTEGER PRIMARY KEY, began_at TEXT NOT NULL, ended_at TEXT,
    user TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, panels TEXT NOT NULL, ending TEXT
) STRICT;
CREATE TABLE targets (
    place INTEGER PRIMARY KEY, address TEXT NOT NULL, panel TEXT NOT NULL, vps_id INTEGER NOT NULL,
    hostname TEXT NOT NULL, node INTEGER, seen TEXT,
    state TEXT NOT NULL, sent_at TEXT, ended_at TEXT, error TEXT, error_type TEXT
) STRICT;
"""
_NEW_RUN = "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_NEW_TARGET = "INSERT INTO targets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_NEW_TURN = "INSERT INTO turns (began_at, user, host, pid, panels) VALUES (?, ?, ?, ?, ?)"
_TURN_GOES_THROUGH = "UPDATE turns SET panels = ? WHERE number = (SELECT max(number) FROM turns)"
_TURN_ENDS = "UPDATE turns SET ended_at = ?, ending = ? WHERE number = (SELECT max(number) FROM turns)"
_TARGET_IS = """
UPDATE targets SET state = ?, sent_at = coalesce(?, sent_at), ended_at = ?, error = ?, error_type = ? WHERE place = ?
"""
_ONLY_OURS = 0o600


def made(path: Path, record: RunRecord) -> None:
    """Make the file of a run that begins, durable before this returns.

    Raises:
        OSError: It could not be made.
        sqlite3.Error: Likewise.
    """
    # The rights before the first byte: SQLite would make it as the umask has it, and its other files as this one.
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _ONLY_OURS))
    try:
        _fill(path, record)
        sync_folder(path.parent)
    except BaseException:
        for each in files(path):
            each.unlink(missing_ok=True)
        raise


def files(path: Path) -> tuple[Path, ...]:
    """Give a run's file, and those that SQLite puts beside it while it is open."""
    return path, *(path.with_name(path.name + part) for part in ("-wal", "-shm"))


def _fill(path: Path, record: RunRecord) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for setting in DURABLE:
            connection.execute(setting).fetchall()
        connection.executescript(f"PRAGMA user_version = {FORMAT};{_TABLES}")
        connection.execute("BEGIN")
        for sql, values in _rows(record):
            connection.execute(sql, values)
        connection.execute("COMMIT")


def _rows(record: RunRecord) -> Iterator[Statement]:
    rollout = json.dumps(asdict(record.rollout))
    name = _storable(record.name)
    how = record.wait, record.timeout, record.interval, record.confirm
    yield _NEW_RUN, (record.id, name, record.verb.value, rollout, *how)
    for turn in record.turns:
        yield turn_begins(turn)
    for target in record.targets:
        yield _NEW_TARGET, (*_named(target), target.state.value, None, None, target.error, target.error_type)


def _named(target: TargetRecord) -> tuple[object, ...]:
    seen = None if target.seen is None else target.seen.value
    panel, hostname = _storable(target.panel), _storable(target.hostname)
    return target.place, target.address, panel, target.vps_id, hostname, target.node, seen


def _storable(text: str) -> str:
    """Give raw text as SQLite takes it: half of a surrogate pair, as JSON can hold it, cannot be written."""
    return text.encode("utf-8", "backslashreplace").decode()


def turn_begins(turn: Turn) -> Statement:
    """Say that a process works on the run from now on."""
    return _NEW_TURN, (turn.began_at.isoformat(), turn.user, turn.host, turn.pid, _names(turn.panels))


def turn_goes_through(panels: Iterable[str]) -> Statement:
    """Say which sessions the last turn reaches its VPSes through."""
    return _TURN_GOES_THROUGH, (_names(panels),)


def _names(panels: Iterable[str]) -> str:
    return json.dumps([*panels])


def turn_ends(ended_at: datetime, ending: str) -> Statement:
    """Say how the last turn was left."""
    return _TURN_ENDS, (ended_at.isoformat(), ending)


def target_is(
    place: int,
    state: TargetState,
    *,
    sent_at: datetime | None = None,
    ended_at: datetime | None = None,
    error: str | None = None,
    error_type: str | None = None,
) -> Statement:
    """Say how far the run is with a VPS; when it was sent is kept where nothing new is said of that."""
    return _TARGET_IS, (state.value, _text(sent_at), _text(ended_at), error, error_type, place)


def _text(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


def read(path: Path, *, whole: bool = False) -> RunRecord:
    """Give what stands in a run's file, also while a process works on it.

    Args:
        path: The file.
        whole: Whether all of it is looked over for damage before anything in it is trusted.

    Raises:
        ConfigurationError: There is no such file, or it is no run's, or another version's, or damaged.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30.0)) as connection:
            connection.row_factory = sqlite3.Row
            return _checked(connection, path.stem, whole=whole)
    except Exception as error:  # noqa: BLE001 - whatever stands there, it is a run or it is told why it is none
        why = "it was cut off as it was made, and nothing was sent" if _is_unmade(path) else safe_text(str(error))
    msg = f"{safe_text(str(path))} cannot be read as a run: {why}"
    raise ConfigurationError(msg)


def _checked(connection: sqlite3.Connection, run_id: str, *, whole: bool) -> RunRecord:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if found != FORMAT:
        msg = f"it is of format {found}, and this version of cvm_async reads {FORMAT}"
        raise ValueError(msg)
    if whole:
        (said,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise ValueError(said)
    record = _record(connection)
    if record.id != run_id:
        msg = f"it is that of the run {record.id}"
        raise ValueError(msg)
    if not record.turns or not acts(record.verb) or len({each.key for each in record.targets}) < len(record.targets):
        msg = "it tells of no run that there could be"
        raise ValueError(msg)
    return record


def _is_unmade(path: Path) -> bool:
    """Tell whether a file was begun, and nothing written: all of it comes in one transaction."""
    try:
        return path.is_file() and not any(each.stat().st_size for each in files(path)[:2] if each.exists())
    except OSError:
        return False


def _record(connection: sqlite3.Connection) -> RunRecord:
    # One transaction: all of it is of one moment.
    connection.execute("BEGIN")
    run = connection.execute("SELECT * FROM run").fetchone()
    if run is None:
        msg = "it tells of no run"
        raise ValueError(msg)
    return RunRecord(
        id=run["id"],
        name=run["name"],
        verb=Verb.__members__[run["verb"].upper()],
        rollout=_rollout(json.loads(run["rollout"])),
        wait=bool(run["wait"]),
        timeout=run["timeout"],
        interval=run["interval"],
        confirm=run["confirm"],
        targets=tuple(_target(row) for row in connection.execute("SELECT * FROM targets ORDER BY place")),
        turns=tuple(_turn(row) for row in connection.execute("SELECT * FROM turns ORDER BY number")),
    )


def _rollout(written: dict[str, Any]) -> Rollout:
    return Rollout(**written)


def _target(row: sqlite3.Row) -> TargetRecord:
    return TargetRecord(
        place=row["place"],
        address=row["address"],
        panel=row["panel"],
        vps_id=row["vps_id"],
        hostname=row["hostname"],
        node=row["node"],
        seen=None if row["seen"] is None else PowerState(row["seen"]),
        state=TargetState(row["state"]),
        sent_at=_moment(row["sent_at"]),
        ended_at=_moment(row["ended_at"]),
        error=row["error"],
        error_type=row["error_type"],
    )


def _turn(row: sqlite3.Row) -> Turn:
    return Turn(
        began_at=_time(row["began_at"]),
        ended_at=_moment(row["ended_at"]),
        user=row["user"],
        host=row["host"],
        pid=row["pid"],
        panels=tuple(json.loads(row["panels"])),
        ending=row["ending"],
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else _time(text)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = f"{text} is a time of no zone"
        raise ValueError(msg)
    return moment


def utc_now() -> datetime:
    """Give the time."""
    return datetime.now(UTC)


def sync_folder(folder: Path) -> None:
    """Have the folder's own entry of a new file on the disk, too; Windows has no way to ask for that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
