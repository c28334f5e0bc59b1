"""`Worker`: does what an engine gives it, tells that it lives, and brings back what those have left who do not."""

import asyncio
import logging
import os
import platform
import secrets
from collections.abc import Callable
from contextlib import suppress

from attrs import define, field

from cvm_async._checks import seconds
from cvm_async._profiles.environment import Environment
from cvm_async._safe_text import safe_text
from cvm_async._secret import Secret
from cvm_async.cluster.database.lasting import LastingDatabase
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.schema import prepare
from cvm_async.cluster.database.shards import Ticket
from cvm_async.cluster.database.values import written
from cvm_async.cluster.engines.engine import Engine, HandedBackError
from cvm_async.cluster.errors import DatabaseLostError, PanelTakenError
from cvm_async.cluster.panel_work import SETTLE, PanelWork
from cvm_async.errors import CvmError
from cvm_async.fleet.control import RunControl, Stage, UnderWay
from cvm_async.models import Problem

logger: logging.Logger = logging.getLogger("cvm_async")

LEASE = 30.0
"""Seconds without a sign of life after which a worker is taken for dead."""
BEATS = 4
"""Signs of life in that time."""
RETRY = 1.0
"""Seconds after which a panel that was lost is taken up again."""

_HERE = """
INSERT INTO cvm_async.workers (id, region, backend, began, lease)
VALUES (%(id)s, %(region)s, %(backend)s, %(began)s, %(lease)s)
ON CONFLICT (id) DO UPDATE SET seen_at = now(), backend = excluded.backend, began = excluded.began
"""
_GONE = "DELETE FROM cvm_async.workers WHERE id = %(id)s"
_DEAD = """
SELECT id FROM cvm_async.workers WHERE seen_at < now() - make_interval(secs => lease) AND id <> %(id)s
"""
# Its locks end with its session: it may be stopped only, and wake up later.
_END_SESSION = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN cvm_async.workers ON pid = backend
WHERE id = %(id)s AND backend_start::text = began
"""
_GIVEN_UP = """
UPDATE cvm_async.shards SET state = 'done', problems = %(problems)s WHERE run = %(run)s AND number = %(number)s
"""
_STOPPED = """
SELECT id, coalesce(stopped, 'in the whole run ' || failures || ' had failed, and max_failures_overall is '
    || most_failures)
FROM cvm_async.runs WHERE id = ANY(%(runs)s) AND (stopped IS NOT NULL OR failures > most_failures)
"""


def new_id() -> str:
    """Give a name for a worker that begins now; no two have the same."""
    return f"{platform.node()}-{os.getpid()}-{secrets.token_hex(3)}"


@define(eq=False, kw_only=True)
class Worker:
    """Works until it is stopped or cancelled. A `RunControl` that is `over` it ends it tidily, and shows its work.

    Attributes:
        url: Where the database is.
        engine: Gives it tickets.
        region: Of which region; None: of all.
        environment: Where its profiles are looked for.
        lease: Seconds without a sign of life after which others take it for dead.
        settle: Seconds for looking whether a start or stop of unknown outcome was carried out, for each.
        id: What names it.
        on_ready: Called once it takes tickets.
        database: Its one connection.
    """

    url: Secret
    engine: Engine
    region: str | None = None
    environment: Environment = field(factory=Environment.of)
    lease: float = field(default=LEASE, validator=seconds())
    settle: float = field(default=SETTLE, validator=seconds())
    id: str = field(factory=new_id)
    on_ready: Callable[[], object] = field(default=lambda: None)
    database: LastingDatabase = field(init=False)
    _leaving: asyncio.Event = field(init=False, factory=asyncio.Event)
    _handing_back: "asyncio.Task[bool] | None" = field(init=False, default=None)
    _under_way: dict[Ticket, "asyncio.Task[None]"] = field(init=False, factory=dict[Ticket, "asyncio.Task[None]"])
    _panels: dict[str, asyncio.Lock] = field(init=False, factory=dict[str, asyncio.Lock])
    _controls: dict[Ticket, RunControl] = field(init=False, factory=dict[Ticket, RunControl])

    def __attrs_post_init__(self) -> None:
        self.database = LastingDatabase(self.url, self._here)

    async def run(self) -> None:
        """Work. Cancelled, it cuts off what is under way; others take its panels up at once.

        Raises:
            CvmError: The database cannot be used, at the beginning.
        """
        database = await self.database.first()
        await prepare(database)
        await self._here(database)
        try:
            await self.engine.serve(self.work, self.region)
            self.on_ready()
            while not await self._is_stopped(self.lease / BEATS):
                # What fails of it is tried again at the next beat.
                with suppress(CvmError):
                    await self._beat(await self.database.now())
            await self._wind_down()
        finally:
            await self._leave()

    def stop(self, reason: str) -> None:
        """Begin nothing new, and have `run` end with what is under way, whose panels go to others one by one."""
        self._leaving.set()
        for ticket, task in self._under_way.items():
            if ticket in self._controls:
                self._controls[ticket].stop(reason)
            else:
                # It has sent nothing yet.
                task.cancel()

    def under_way(self) -> tuple[UnderWay, ...]:
        """Give what is under way, on all panels."""
        return tuple(each for control in self._controls.values() for each in control.under_way())

    @property
    def stage(self) -> Stage:
        """It has no batches of its own."""
        return Stage()

    async def work(self, ticket: Ticket) -> None:
        """Do a shard; whoever asks for one that is under way here waits for its end.

        Raises:
            HandedBackError: The worker ends.
        """
        try:
            if not self._leaving.is_set():
                await asyncio.shield(self._begun(ticket))
        finally:
            if self._leaving.is_set():
                # Also where it is done: the ticket is with the others already, and who takes it sees that.
                raise HandedBackError

    def _begun(self, ticket: Ticket) -> "asyncio.Task[None]":
        task = self._under_way.get(ticket)
        if task is None:
            task = self._under_way[ticket] = asyncio.create_task(self._work(ticket))
            task.add_done_callback(lambda _: self._under_way.pop(ticket, None))
        return task

    async def _work(self, ticket: Ticket) -> None:
        work = PanelWork(ticket, self.id, self.region, self.environment, self._controls, self._leaving, self.settle)
        # A lock of the database's is no lock for its own session.
        async with self._panels.setdefault(ticket.address, asyncio.Lock()):
            while True:
                database = await self.database.now()
                try:
                    await work.done_on(database)
                except (DatabaseLostError, PanelTakenError) as error:
                    if self._leaving.is_set() and not work.unkept:
                        return
                    logger.warning("%s: %s; taking it up again", safe_text(ticket.address), error)
                    await asyncio.sleep(RETRY)
                except Exception as error:
                    # Not ours to foresee; but whoever follows the run must not wait for ever.
                    logger.exception("the work on %s failed", safe_text(ticket.address))
                    await self._give_up(ticket, error)
                    return
                else:
                    return

    async def _give_up(self, ticket: Ticket, error: Exception) -> None:
        """Keep that a shard is over, as far as it came; of an error that may say anything its kind alone.

        Where the connection is lost, too, over the next one: whoever follows the run waits for it.
        """
        problem = Problem(safe_text(ticket.address), f"given up ({type(error).__name__})", "done")
        problems = written([problem.to_dict()])
        about = {"run": ticket.run, "number": ticket.number, "problems": problems}
        while not self._leaving.is_set():
            try:
                await (await self.database.now()).write((_GIVEN_UP, about))
            except DatabaseLostError:
                await asyncio.sleep(RETRY)
            else:
                return

    async def _here(self, database: Database) -> None:
        """Tell that it lives, and by which session of the database's it holds its panels."""
        here = {
            "id": self.id,
            "region": self.region,
            "backend": database.backend,
            "began": database.began,
            "lease": self.lease,
        }
        await database.write((_HERE, here))

    async def _beat(self, database: Database) -> None:
        """Tell that it lives; look for those who do not, and for runs that were stopped."""
        await self._here(database)
        runs = [*{ticket.run for ticket in self._controls}]
        dead, stopped = await database.write((_DEAD, {"id": self.id}), (_STOPPED, {"runs": runs}))
        reasons: dict[str, str] = dict(stopped)
        for ticket, control in self._controls.items():
            if ticket.run in reasons:
                control.stop(reasons[ticket.run])
        for (worker,) in dead:
            logger.warning("the worker %s gives no sign of life: its panels go to others", worker)
            await database.write((_END_SESSION, {"id": worker}), alone=True)
            await self.engine.bring_back(worker)
            # Last: who dies before that leaves it to the next.
            await database.write((_GONE, {"id": worker}))

    async def _is_stopped(self, seconds: float) -> bool:
        """Wait until it is told to end, at most for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()
        return self._leaving.is_set()

    async def _wind_down(self) -> None:
        """Give the tickets back at once, and wait for what is under way: who takes them waits for each panel's lock."""
        handing_back = self._handed_back()
        while tasks := [task for task in (handing_back, *self._under_way.values()) if not task.done()]:
            await asyncio.wait(tasks, timeout=self.lease / BEATS)
            with suppress(CvmError):
                await self._here(await self.database.now())

    async def _leave(self) -> None:
        """End what is under way, and say that it is gone."""
        self._leaving.set()
        tasks = [*self._under_way.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if await self._handed_back():
            with suppress(CvmError, TimeoutError):
                async with asyncio.timeout(RETRY):
                    await (await self.database.now()).write((_GONE, {"id": self.id}))
        await self.database.close()

    def _handed_back(self) -> "asyncio.Task[bool]":
        if self._handing_back is None:
            self._handing_back = asyncio.create_task(self._hand_back())
        return self._handing_back

    async def _hand_back(self) -> bool:
        try:
            await self.engine.close()
        except CvmError as error:
            logger.warning("%s; others do, once the lease of %g s is over", error, self.lease)
            return False
        return True
