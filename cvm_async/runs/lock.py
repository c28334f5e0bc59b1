"""One process at a time works on a run: a lock that ends with its process, however that dies.

It is SQLite's own, on a file beside the run's: held by an open transaction, released by the operating system, and the
same on every system that Python runs on. The run's own file stays free to be read.
"""

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

from cvm_async._safe_text import safe_text
from cvm_async.runs.errors import JournalError, RunBusyError

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})
"""What a file system without locks says; some of a network's are so."""


def taken(path: Path) -> sqlite3.Connection:
    """Give the lock, held until it is closed.

    Raises:
        RunBusyError: Another process, or another part of this one, holds it.
        JournalError: Its file cannot be made.
    """
    try:
        path.touch(mode=0o600)
        return _locked(path)
    except (OSError, sqlite3.Error) as error:
        why = str(error)
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            if has_locks(path.parent):
                msg = f"the run {safe_text(path.stem)} is at work, here or in another process: wait for its end"
                raise RunBusyError(msg) from None
            why = "its file system has no locks"
        msg = f"{safe_text(str(path))} cannot be locked: {safe_text(why)}"
        raise JournalError(msg) from None


def _locked(path: Path) -> sqlite3.Connection:
    # Closed in whatever thread the run ends in.
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def has_locks(folder: Path) -> bool:
    """Tell whether files in a folder can be locked: where none can be, SQLite says that another has the lock."""
    if os.name != "posix":
        return True
    import fcntl  # noqa: PLC0415 - no other system has it

    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.lockf(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    return True
