"""One shard, done: the panel taken, its VPSes listed, the verb carried out as a fleet's is, and all of it kept."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from attrs import field, frozen

from cvm_async._api.verbs import Verb, acts
from cvm_async._profiles.environment import Environment
from cvm_async.cluster.accounts import accounts
from cvm_async.cluster.database.guards import Hold, held
from cvm_async.cluster.database.journal import PanelJournal
from cvm_async.cluster.database.postgres import Database, Statement
from cvm_async.cluster.database.shards import Shard, Ticket, shards_of
from cvm_async.cluster.errors import DatabaseLostError
from cvm_async.fleet.control import RunControl
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Progress
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.work.journal import Intent
from cvm_async.models import VpsStatus
from cvm_async.runs.open_run import OpenRun

SETTLE = 120.0
"""Seconds for looking whether a start or stop of unknown outcome was carried out, for each."""


@frozen(eq=False)
class PanelWork:
    """Does a shard.

    Attributes:
        ticket: Which.
        worker: Who.
        region: What its profiles must say; None: whatever they say.
        environment: Where they are looked for.
        controls: What may be sending, by ticket: whoever hears that a run was stopped ends it by these.
        leaving: Set once the worker ends: what is under way is kept, and the rest left to the next one.
        settle: Seconds for looking whether a start or stop of unknown outcome was carried out, for each.
        unkept: What came of actions and could not be kept yet.
    """

    ticket: Ticket
    worker: str
    region: str | None
    environment: Environment
    controls: dict[Ticket, RunControl]
    leaving: asyncio.Event
    settle: float = SETTLE
    unkept: list[Statement] = field(factory=list[Statement], init=False)

    async def done_on(self, database: Database) -> None:
        """Do what is left to do of it; where it was done before, nothing.

        Raises:
            DatabaseLostError: The connection was lost, and with it the panel: to be done again, on a new one.
            PanelTakenError: Another worker has the panel: likewise.
        """
        async with held(database, self.ticket.address, self.worker) as hold:
            found = await shards_of(database, self.ticket.run, self.ticket.number)
            if found and found[0].state != "done":
                await self._do(found[0], hold)

    async def _do(self, shard: Shard, hold: Hold) -> None:
        names, address = shard.profiles, self.ticket.address
        async with accounts(names, address, self.region, self.environment) as reached:
            await hold.predecessors_over(reached.longest)
            fleet = await reached.fleet()
            async with self._under_control(hold, shard) as control:
                journal = PanelJournal(shard, hold, control, self.worker, self.unkept, self.leaving)
                if acts(shard.order.verb):
                    await self._act(fleet, journal)
                else:
                    await self._read(fleet, journal)
            if hold.database.lost:
                raise DatabaseLostError(await hold.database.wait_lost())
            if not self.leaving.is_set():
                await journal.over(fleet.problems)

    async def _act(self, fleet: Fleet, journal: PanelJournal) -> None:
        shard, order = journal.shard, journal.shard.order
        if shard.state == "listed":
            await self._go_on(fleet, journal)
            return
        verb = {Verb.START: fleet.start, Verb.STOP: fleet.stop, Verb.RESTART: fleet.restart}[order.verb]
        report = await verb(
            rollout=order.rollout,
            wait=order.wait,
            timeout=order.timeout,
            interval=order.interval,
            control=journal.control,
            journal=journal,
        )
        self._keep_rest(report, journal)

    def _keep_rest(self, report: FleetReport[VpsStatus | None], journal: PanelJournal) -> None:
        if not self.leaving.is_set():
            journal.rest(dict(enumerate(report)))

    async def _go_on(self, fleet: Fleet, journal: PanelJournal) -> None:
        """Take up what another worker, or this one on another connection, has left."""
        if not fleet:
            # No list can be had: what is known stays as it is, and the fleet's problems say why.
            return
        async with OpenRun(journal) as run:
            report = await run.resume(fleet, settle=self.settle, control=journal.control)
        self._keep_rest(report, journal)

    @staticmethod
    async def _read(fleet: Fleet, journal: PanelJournal) -> None:
        order = journal.shard.order
        intent = Intent(
            verb=order.verb,
            members=fleet.members,
            rollout=order.rollout,
            wait=order.wait,
            timeout=order.timeout,
            interval=order.interval,
        )
        places = {(account.panel, vps.id): place for place, (account, vps) in enumerate(fleet.members)}

        def seen(progress: Progress) -> None:
            latest = progress.latest
            journal.seen(places[latest.panel, latest.vps.id], latest)

        await journal.begin(intent)
        await fleet.status(rollout=order.rollout, progress=seen, control=journal.control)
        await journal.close("finished")

    @asynccontextmanager
    async def _under_control(self, hold: Hold, shard: Shard) -> AsyncGenerator[RunControl]:
        """Give a control that ends the work where the connection is lost or the run stopped."""
        control = RunControl()
        if shard.stopped is not None:
            control.stop(shard.stopped)
        if self.leaving.is_set():
            control.stop("the worker ends")
        self.controls[self.ticket] = control

        async def watch() -> None:
            control.stop(await hold.database.wait_lost())

        watching = asyncio.create_task(watch())
        try:
            yield control
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            self.controls.pop(self.ticket, None)
