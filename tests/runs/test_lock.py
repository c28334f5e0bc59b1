import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cvm_async.runs.errors import JournalError, RunBusyError
from cvm_async.runs.lock import has_locks, taken


def test_one_at_a_time_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = taken(path)
    with pytest.raises(RunBusyError, match="run a is at work"):
        taken(path)
    first.close()
    taken(path).close()


def test_it_ends_with_its_process_however_that_dies(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    hold = (
        f"import pathlib, sys; from cvm_async.runs.lock import taken; it = taken(pathlib.Path({str(path)!r}));"
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(RunBusyError):
            taken(path)
        process.kill()
    taken(path).close()


def test_only_its_owner_may_touch_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    taken(path).close()
    assert os.name != "posix" or path.stat().st_mode & 0o077 == 0


def test_a_folder_in_its_place_is_no_other_process(tmp_path: Path) -> None:
    (tmp_path / "a.lock").mkdir()
    with pytest.raises(JournalError, match="unable to open"):
        taken(tmp_path / "a.lock")


def test_a_file_that_is_no_lock_is_no_other_process(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_bytes(b"what is this? " * 1_000)
    with pytest.raises(JournalError, match="not a database"):
        taken(tmp_path / "a.lock")


def test_a_lock_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be locked"):
        taken(tmp_path / "nowhere" / "a.lock")


@pytest.mark.skipif(os.name != "posix", reason="elsewhere all file systems have locks")
@pytest.mark.parametrize("trouble", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_told_and_is_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: int
) -> None:
    def refused(_: int, __: int) -> None:
        raise OSError(trouble, "no")

    first = taken(tmp_path / "a.lock")
    monkeypatch.setattr("fcntl.lockf", refused)
    # What SQLite calls busy may be either.
    with pytest.raises(JournalError, match="its file system has no locks"):
        taken(tmp_path / "a.lock")
    first.close()


def test_where_it_cannot_be_asked_there_are_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_locks(tmp_path)
    monkeypatch.setattr(os, "name", "nt")
    assert has_locks(tmp_path)
