"""One process at a time works on a run: a lock that ends with its process, however that dies.

It is SQLite's own, on a file beside the run's: held by an open transaction, released by the operating system, and the
same on every system that Python runs on. The run's own file stays free to be read.
"""

import sqlite3
from pathlib import Path

from cvm_async._safe_text import safe_text
from cvm_async.runs.errors import JournalError, RunBusyError


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
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            msg = f"the run {safe_text(path.stem)} is at work, here or in another process: wait for its end"
            raise RunBusyError(msg) from None
        msg = f"{safe_text(str(path))} cannot be locked: {safe_text(str(error))}"
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
