"""`Database`: one connection with Postgres, for all that a process has to keep there.

One for each panel would exhaust Postgres. And it is the guard's own: the locks that say which panels this process may
act on end with it, so that whoever has lost the connection has lost the panels, and knows it. What arrives while a
transaction is under way goes into the next one, whosever it is (group commit).
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, Self, TypeAlias

import psycopg
from attrs import define, field, frozen
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, tuple_row

from cvm_async._safe_text import excerpt
from cvm_async._secret import Secret
from cvm_async.cluster.errors import DatabaseLostError
from cvm_async.errors import ConfigurationError, CvmError

logger: logging.Logger = logging.getLogger("cvm_async")

Values: TypeAlias = Mapping[str, object]
Statement: TypeAlias = tuple[LiteralString, Values]
"""SQL, and what it is to be filled with."""
Rows: TypeAlias = list[tuple[Any, ...]]
"""What came of a statement; empty where it gives none."""

PATIENCE = 15.0
"""Seconds for the database to answer; one that is silent for longer is taken for lost, as are the locks with it."""

_ALIVE: Mapping[str, object] = {
    "connect_timeout": 10,
    # Else a machine that vanished is noticed after two hours, and its locks with it.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": int(PATIENCE * 1000),
    "application_name": "cvm_async",
}
_DURABLE = """
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')
"""
"""A server may be set to confirm what is not on its disk yet; an intent must be there before its action leaves."""
_WHO = "SELECT pg_backend_pid(), backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()"

_LEAVING = ("08", "57P")
"""Errors of the connection, and of a server that ends it: class 08 and 57P01 to 57P05. Source: Postgres, appendix A."""
_SHOWN = 300


@frozen(eq=False)
class _Job:
    """Statements that become durable together, and who waits for what they give."""

    statements: Sequence[Statement]
    done: "asyncio.Future[list[Rows]]"
    alone: bool

    def fail(self, error: CvmError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


@define(eq=False)
class Database:
    """One connection with Postgres, until it is lost or closed.

    Attributes:
        backend: The number of the server's process for it.
        began: When the server began that process; with the number it names it.
    """

    backend: int
    began: str
    _connection: "psycopg.AsyncConnection[TupleRow]" = field(repr=False)
    _jobs: deque[_Job] = field(init=False, factory=deque[_Job], repr=False)
    _arrived: asyncio.Event = field(init=False, factory=asyncio.Event, repr=False)
    _task: "asyncio.Task[None]" = field(init=False, repr=False)
    _ended: "asyncio.Future[str]" = field(init=False, repr=False)
    commits: int = field(init=False, default=0)
    """How many transactions there were."""

    def __attrs_post_init__(self) -> None:
        self._ended = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._work(), name="cvm_async database")

    @classmethod
    async def opened(cls, url: Secret) -> Self:
        """Connect.

        Raises:
            ConfigurationError: The address cannot be used.
            DatabaseLostError: It cannot be reached, or does not let us in.
        """
        try:
            connection = await psycopg.AsyncConnection.connect(
                url.reveal(), autocommit=True, row_factory=tuple_row, **_known(url)
            )
        except psycopg.ProgrammingError:
            # What it says may quote the address, with a password.
            msg = "the database's address is none: postgresql://user@host/name"
            raise ConfigurationError(msg) from None
        except psycopg.Error as error:
            raise DatabaseLostError(f"the database cannot be reached: {_told(error)}") from None
        try:
            await connection.execute(_DURABLE)
            [(backend, began)] = await (await connection.execute(_WHO)).fetchall()
        except BaseException as error:
            await connection.close()
            if isinstance(error, psycopg.Error):
                raise DatabaseLostError(f"the database cannot be used: {_told(error)}") from None
            raise
        return cls(backend, began, connection)

    @property
    def lost(self) -> bool:
        """Whether it is over with it."""
        return self._ended.done()

    async def wait_lost(self) -> str:
        """Wait until it is lost or closed, and give the reason."""
        return await asyncio.shield(self._ended)

    async def write(self, *statements: Statement, alone: bool = False) -> list[Rows]:
        """Carry statements out, all or none, and give their rows when they are durable.

        Cancelled, they may be carried out all the same.

        Args:
            statements: What to do, in order.
            alone: Whether in a transaction of its own: for what another's failure must not undo by half.

        Raises:
            DatabaseLostError: The connection is gone: they may be carried out, or not.
            CvmError: The database refused one of them.
        """
        done = self.hand_over(*statements, alone=alone)
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.shield(done)
        except TimeoutError:
            done.add_done_callback(_forget)
            await self._lose(f"the database was silent for {PATIENCE:g} s")
            raise DatabaseLostError(self._ended.result()) from None
        except asyncio.CancelledError:
            done.add_done_callback(_forget)
            raise

    def hand_over(self, *statements: Statement, alone: bool = False) -> "asyncio.Future[list[Rows]]":
        """Have statements carried out without waiting for that; as `write`."""
        job = _Job(statements, asyncio.get_running_loop().create_future(), alone)
        if self.lost:
            job.fail(DatabaseLostError(self._ended.result()))
        else:
            self._jobs.append(job)
            self._arrived.set()
        return job.done

    async def close(self) -> None:
        """End it, once it has done what was handed over."""
        if not self.lost:
            with contextlib.suppress(CvmError):
                await self.write(("SELECT", {}))
        await self._lose("the connection with the database was closed")

    async def _lose(self, reason: str) -> None:
        self._over(reason)
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([self._task])
        await self._closed()

    async def _closed(self) -> None:
        with contextlib.suppress(psycopg.Error):
            await self._connection.close()

    def _over(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)
        while self._jobs:
            self._jobs.popleft().fail(DatabaseLostError(self._ended.result()))

    async def _work(self) -> None:
        while not self.lost:
            await self._arrived.wait()
            self._arrived.clear()
            while self._jobs:
                await self._together(self._taken())

    def _taken(self) -> list[_Job]:
        """Give what waits now and may go into one transaction."""
        jobs = [self._jobs.popleft()]
        while self._jobs and not (jobs[0].alone or self._jobs[0].alone):
            jobs.append(self._jobs.popleft())
        return jobs

    async def _together(self, jobs: list[_Job]) -> None:
        try:
            await self._commit(jobs)
        except psycopg.Error as error:
            if self._connection.closed or self._connection.broken or ends_connection(error):
                reason = f"the connection with the database is lost: {_told(error)}"
                for job in jobs:
                    job.fail(DatabaseLostError(reason))
                self._over(reason)
                await self._closed()
            elif len(jobs) > 1:
                # One of them is at fault: the others must not pay for it.
                for job in jobs:
                    await self._together([job])
            else:
                jobs[0].fail(CvmError(f"the database refused it: {_told(error)}"))
        except BaseException:
            for job in jobs:
                job.fail(DatabaseLostError("the connection with the database was given up"))
            raise

    async def _commit(self, jobs: Sequence[_Job]) -> None:
        async with self._connection.pipeline(), self._connection.transaction():
            cursors = [[await self._connection.execute(sql, values) for sql, values in job.statements] for job in jobs]
        self.commits += 1
        for job, of_job in zip(jobs, cursors, strict=True):
            rows = [await cursor.fetchall() if cursor.description else [] for cursor in of_job]
            if not job.done.done():
                job.done.set_result(rows)


def _known(url: Secret) -> Mapping[str, Any]:
    """Give our own parameters, but those that the address says itself."""
    said = conninfo_to_dict(url.reveal())
    return {key: value for key, value in _ALIVE.items() if key not in said}


def ends_connection(error: psycopg.Error) -> bool:
    """Tell whether it is no statement's, but the connection's: that comes before the connection is seen to be closed.

    A server that refuses a statement gives a code. psycopg gives none where it cannot talk any more: "cannot exit
    pipeline mode while busy", where a session was ended in the midst of one.
    """
    if isinstance(error, psycopg.errors.PipelineAborted) or not isinstance(error, psycopg.OperationalError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_LEAVING)


def _told(error: psycopg.Error) -> str:
    return excerpt(" ".join(str(error).split()) or type(error).__name__, _SHOWN)


def _forget(done: "asyncio.Future[list[Rows]]") -> None:
    """Ask for what nobody waits for any more: asyncio would complain of an error that nobody saw."""
    done.exception()
