"""`Writer`: one thread that writes to one SQLite file; what arrives while it commits goes into the next commit.

A commit waits for the disk, milliseconds, so it must not be made on the event loop, nor one for each VPS: with many
actions under way a commit carries several of them (group commit).
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeAlias

from attrs import define, field, frozen

from cvm_async.runs.in_place import InPlace

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
    """Something could not be written: the disk is full, the file is gone, the writer was closed or is another's."""


@frozen(eq=False)
class _Job:
    """Statements that become durable together, and whom to tell."""

    statements: Sequence[Statement]
    waiter: asyncio.Future[None] | None = None
    tell: Callable[[Exception | None], None] = lambda _: None


@define(eq=False)
class Writer:
    """Writes to one file until it is closed.

    Attributes:
        path: The file; it must be there, with its tables.
        connect: Opens it, in the thread that writes.
        kept: It, and what else must stay where it is: a commit counts only as long as that is so.
        on_end: Called when that thread has written its last.
    """

    path: Path
    connect: Callable[[Path], "Connection"] = field(factory=lambda: opened, repr=False)
    kept: InPlace = field(factory=InPlace)
    on_end: Callable[[], object] = field(default=lambda: None, repr=False)
    commits: int = field(init=False, default=0)
    """How often it has waited for the disk."""
    _jobs: "SimpleQueue[_Job | None]" = field(init=False, factory=SimpleQueue["_Job | None"], repr=False)
    _thread: threading.Thread = field(init=False, repr=False)
    _closed: bool = field(init=False, default=False)
    _process: int = field(init=False, factory=os.getpid)

    def __attrs_post_init__(self) -> None:
        # No daemon: Python then waits for it at its end, and what was handed over is written.
        self._thread = threading.Thread(target=self._work, name=f"journal {self.path.stem}")
        self._thread.start()

    async def write(self, *statements: Statement) -> None:
        """Write, all or nothing, and return when it is durable. Cancelled, it is written all the same.

        Raises:
            WriteError: It could not be written.
        """
        self._check()
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._jobs.put(_Job(statements, waiter=waiter))
        await waiter

    def hand_over(self, *statements: Statement, tell: Callable[[Exception | None], None] = lambda _: None) -> None:
        """Have it written without waiting for that.

        Raises:
            WriteError: The writer was closed, or is that of the process that this one was forked from.
        """
        self._check()
        self._jobs.put(_Job(statements, tell=tell))

    def _check(self) -> None:
        if self.is_forked:
            raise WriteError(f"{self.path.name} belongs to process {self._process}, from which this one was forked")
        if self._closed:
            raise WriteError(f"{self.path.name} is closed")

    def end(self) -> None:
        """Have it end once it has written what was handed over, without waiting for that."""
        if not (self._closed or self.is_forked):
            self._closed = True
            self._jobs.put(None)

    def close(self) -> None:
        """Write what was handed over, and end. It waits for the disk; twice is as good as once."""
        self.end()
        self._thread.join()

    @property
    def is_forked(self) -> bool:
        """Whether it is that of the process that this one was forked from: a fork has no thread of it to write with."""
        return os.getpid() != self._process

    def _work(self) -> None:
        connection: Connection | None = None
        try:
            while (jobs := self._together()) is not None:
                error: Exception | None = None
                try:
                    connection = connection or self.connect(self.path)
                    self._commit(connection, jobs)
                    self._check_place()
                except Exception as failure:  # noqa: BLE001 - whoever waits would wait for ever
                    error = failure
                _tell(jobs, error)
        finally:
            with suppress(Exception):
                # Whatever its disk says: others wait for what ends now.
                if connection is not None:
                    connection.close()
            self.on_end()

    def _check_place(self) -> None:
        if not self.commits:
            # SQLite has made it just now; until it is checkpointed, all that is committed is there alone.
            self.kept = self.kept.joined(InPlace.of(self.path.with_name(f"{self.path.name}-wal")))
        self.commits += 1
        self.kept.check()

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


def _tell(jobs: Sequence[_Job], error: Exception | None) -> None:
    """Tell all at once: to wake the event loop costs as much as a statement."""
    waiters: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for job in jobs:
        if job.waiter is None:
            job.tell(error)
        else:
            waiters.setdefault(job.waiter.get_loop(), []).append(job.waiter)
    for loop, those in waiters.items():
        # A loop that is closed is gone with whoever waited, and what was written is written.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, those, error)


def _settle(waiters: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(WriteError(str(error)))


def opened(path: Path) -> sqlite3.Connection:
    """Open a file that is there: SQLite would make an empty one in place of one that was taken away."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=30.0)
    for setting in DURABLE:
        connection.execute(setting).fetchall()
    return connection
