"""`Writer`: one thread that writes to one SQLite file; what arrives while it commits goes into the next commit.

A commit waits for the disk, milliseconds, so it must not be made on the event loop, nor one for each VPS: with many
actions under way a commit carries several of them (group commit).
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeAlias

from attrs import define, field, frozen

Statement: TypeAlias = tuple[str, Sequence[object]]
"""SQL, and what it is to be filled with."""

DURABLE = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")
"""A commit is on the disk when it returns. With `NORMAL` it would be there only at the next checkpoint, and a power cut
takes what was confirmed before (SQLite, "PRAGMA synchronous")."""


class Connection(Protocol):
    """What is needed of a connection with SQLite; `sqlite3`'s is one."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, values: Sequence[object] = (), /) -> object:
        """Carry out one statement."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class WriteError(Exception):
    """Something could not be written: the disk is full, the file is gone, or the writer was closed."""


@frozen(eq=False)
class _Job:
    """Statements that become durable together, and whom to tell."""

    statements: Sequence[Statement]
    tell: Callable[[Exception | None], None]


@define(eq=False)
class Writer:
    """Writes to one file until it is closed.

    Attributes:
        path: The file; it must be there, with its tables.
        connect: Opens it, in the thread that writes.
        on_end: Called when that thread has written its last.
    """

    path: Path
    connect: Callable[[Path], "Connection"] = field(factory=lambda: opened, repr=False)
    on_end: Callable[[], object] = field(default=lambda: None, repr=False)
    commits: int = field(init=False, default=0)
    """How often it has waited for the disk."""
    _jobs: "SimpleQueue[_Job | None]" = field(init=False, factory=SimpleQueue["_Job | None"], repr=False)
    _thread: threading.Thread = field(init=False, repr=False)
    _closed: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        # No daemon: Python then waits for it at its end, and what was handed over is written.
        self._thread = threading.Thread(target=self._work, name=f"journal {self.path.stem}")
        self._thread.start()

    async def write(self, *statements: Statement) -> None:
        """Write, all or nothing, and return when it is durable. Cancelled, it is written all the same.

        Raises:
            WriteError: It could not be written.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def told(error: Exception | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(WriteError(str(error)))

        def tell(error: Exception | None) -> None:
            try:
                loop.call_soon_threadsafe(told, error)
            except RuntimeError:
                # The loop is closed: whoever waited is gone with it, and what was written is written.
                return

        self.hand_over(*statements, tell=tell)
        await done

    def hand_over(self, *statements: Statement, tell: Callable[[Exception | None], None] = lambda _: None) -> None:
        """Have it written without waiting for that.

        Raises:
            WriteError: The writer was closed.
        """
        if self._closed:
            raise WriteError(f"{self.path.name} is closed")
        self._jobs.put(_Job(statements, tell))

    def end(self) -> None:
        """Have it end once it has written what was handed over, without waiting for that."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)

    def close(self) -> None:
        """Write what was handed over, and end. It waits for the disk; twice is as good as once."""
        self.end()
        self._thread.join()

    def _work(self) -> None:
        connection: Connection | None = None
        try:
            while (jobs := self._together()) is not None:
                error: Exception | None = None
                try:
                    connection = connection or self.connect(self.path)
                    self._commit(connection, jobs)
                except (sqlite3.Error, OSError) as failure:
                    error = failure
                for job in jobs:
                    job.tell(error)
        finally:
            if connection is not None:
                connection.close()
            self.on_end()

    def _together(self) -> list[_Job] | None:
        """Give all that waits now; None at the end."""
        first = self._jobs.get()
        jobs = [] if first is None else [first]
        while first is not None and not self._jobs.empty():
            another = self._jobs.get()
            if another is None:
                # The end comes after what came before it.
                self._jobs.put(None)
                break
            jobs.append(another)
        return jobs or None

    def _commit(self, connection: "Connection", jobs: Sequence[_Job]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                for sql, values in job.statements:
                    connection.execute(sql, values)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self.commits += 1


def opened(path: Path) -> sqlite3.Connection:
    """Open a file that is there: SQLite would make an empty one in place of one that was taken away."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=30.0)
    for setting in DURABLE:
        connection.execute(setting).fetchall()
    return connection
