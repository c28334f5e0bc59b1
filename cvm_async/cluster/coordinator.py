"""What begins a run and follows it: keeps it, hands its panels to the engine, and gives what comes of them."""

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from contextlib import nullcontext, suppress

import anyio
from attrs import define, field, frozen

from cvm_async._account.account import loop_time
from cvm_async._api.verbs import Verb
from cvm_async._checks import given
from cvm_async._profiles.environment import Environment
from cvm_async._safe_text import excerpt, safe_text
from cvm_async._secret import Secret
from cvm_async.cluster.accounts import profiles_in
from cvm_async.cluster.database.following import AnOutcome, Following
from cvm_async.cluster.database.lasting import LastingDatabase
from cvm_async.cluster.database.postgres import PATIENCE, Database
from cvm_async.cluster.database.schema import prepare
from cvm_async.cluster.database.shards import Order, Shard, Ticket, new_run
from cvm_async.cluster.engines.choice import engine_of
from cvm_async.cluster.errors import DatabaseLostError
from cvm_async.cluster.selection import Panel, panels_of
from cvm_async.errors import CvmError
from cvm_async.fleet.control import RunControl, Stage, UnderWay
from cvm_async.fleet.plan import STEPS, Plan, PlannedStep, Step
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import OnProgress, Telling, attach_report
from cvm_async.fleet.work.operations import PowerAction
from cvm_async.models import VpsStatus
from cvm_async.runs.errors import RunNotFoundError
from cvm_async.runs.journal import this_turn

logger: logging.Logger = logging.getLogger("cvm_async")

POLL = 0.5
"""Seconds between two looks for outcomes."""
PATIENCE_FOR_WORKERS = 10.0
"""Seconds in which a worker may begin before it is said that there is none; and from one such look to the next."""
_STOP = "UPDATE cvm_async.runs SET stopped = coalesce(stopped, %(reason)s) WHERE id = %(run)s"


_NO_WORKER = {
    True: "the run %s waits: no worker lives that takes the region %s; cvm-async worker --region begins one",
    False: "the run %s waits: no worker lives that takes panels without a region%s; cvm-async worker begins one",
}


@frozen
class Coordinator:
    """Begins runs and follows them.

    Attributes:
        url: Where the database is.
        engine: The engine's name.
        environment: Where profiles are looked for.
    """

    url: Secret
    engine: str
    environment: Environment

    @staticmethod
    def order(
        verb: Verb, rollout: Rollout, action: PowerAction | None = None, most_failures: int | None = None
    ) -> Order:
        """Give what is asked of each panel."""
        if action is None:
            return Order(verb=verb, rollout=rollout)
        return Order(
            verb=verb,
            rollout=rollout,
            wait=action.wait,
            timeout=action.timeout,
            interval=action.interval,
            most_failures=most_failures,
        )

    async def begun(self, profiles: Sequence[str], order: Order, name: str) -> str:
        """Begin a run, and give its id. From here on the workers do it, whatever becomes of this process.

        Raises:
            ConfigurationError: No profile fits, or one cannot be used.
            DatabaseLostError: The database cannot be reached.
        """
        panels = panels_of(await asyncio.to_thread(profiles_in, self.environment), profiles)
        run = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
        shards = [_shard(run, number, order, panel) for number, panel in enumerate(panels)]
        turn = this_turn()
        queue = await engine_of(self.engine).queue(self.url)
        try:
            database = await Database.opened(self.url)
            try:
                await prepare(database)
                await database.write(
                    *new_run(order, shards, name=excerpt(name, 200), user=turn.user, host=turn.host), alone=True
                )
            finally:
                await database.close()
            await queue.put([shard.ticket for shard in shards])
        finally:
            await queue.close()
        logger.info("the run %s has begun: %s on %d panels", run, order.verb, len(panels))
        return run

    async def followed(
        self, run: str, progress: OnProgress | None, control: RunControl | None
    ) -> FleetReport[VpsStatus | None]:
        """Follow a run to its end, and give its report.

        Raises:
            RunNotFoundError: There is none of that id.
            DatabaseLostError: The database cannot be reached.
        """
        following = await self._follow(run, progress, control)
        return following.report

    async def plan(self, verb: Verb, run: str, progress: OnProgress | None, control: RunControl | None) -> Plan:
        """Follow a run that reads statuses to its end, and give the plan that follows from them."""
        followed = await self._follow(run, progress, control)
        addresses = {name: shard.ticket.address for shard in followed.following.shards for name in shard.profiles}
        steps = tuple(
            PlannedStep(
                outcome.vps,
                outcome.panel,
                addresses[outcome.panel],
                Step.CANNOT if outcome.value is None else STEPS.get((verb, outcome.value.state), Step.CANNOT),
                outcome.value,
                outcome.error,
            )
            for outcome in followed.report
        )
        return Plan(verb.goal, steps, followed.report.problems, verb=verb)

    async def _follow(self, run: str, progress: OnProgress | None, control: RunControl | None) -> "_Followed":
        given("control", control, RunControl, "a RunControl")
        database = LastingDatabase(self.url)
        await database.first()
        followed = _Followed(Following(run), database, Telling(progress))
        try:
            await followed.to_its_end(control)
        finally:
            with anyio.move_on_after(PATIENCE, shield=True):
                await followed.told()
                await database.close()
        return followed


@define(eq=False)
class _Followed:
    """A run that is followed; its control can stop it, which the workers hear of."""

    following: Following
    database: LastingDatabase
    telling: Telling
    report: FleetReport[VpsStatus | None] = field(init=False)
    _began: float = field(init=False, factory=loop_time)
    _looked: float = field(init=False, factory=loop_time)
    _unserved: set[str] = field(init=False, factory=set[str])
    _stopping: "asyncio.Task[object] | None" = field(init=False, default=None)

    async def to_its_end(self, control: RunControl | None) -> None:
        with nullcontext() if control is None else control.over(self):
            try:
                # What other machines do is no event here.
                while not await self._look():  # noqa: ASYNC110
                    await asyncio.sleep(POLL)
            except asyncio.CancelledError as error:
                with anyio.move_on_after(PATIENCE, shield=True):
                    await self._cut_off(error)
                raise
        self.report = self._report(await self.following.outcomes(await self.database.now()))
        if self.telling.ending is not None:
            attach_report(self.telling.ending, self.report)
            raise self.telling.ending

    async def _look(self) -> bool:
        """Tell what has come, and whether that was all."""
        try:
            news = await self.following.look(await self.database.now())
        except DatabaseLostError as error:
            # The workers go on, and what they keep is there when we look again.
            logger.warning("%s; looking again", error)
            return False
        for outcome in news:
            self.telling.tell(outcome, self.following.total)
        if not self.following.shards:
            msg = f"there is no run {excerpt(self.following.run, 60)} in this database"
            raise RunNotFoundError(msg)
        if self.telling.ending is not None:
            self.stop(f"the progress callback raised {type(self.telling.ending).__name__}")
        await self._look_for_workers()
        return self.following.over

    async def _look_for_workers(self) -> None:
        """Say once of each region that nobody works on it, and again when that comes again."""
        if loop_time() - self._looked < PATIENCE_FOR_WORKERS:
            return
        self._looked = loop_time()
        with suppress(DatabaseLostError):
            unserved = {*await self.following.unserved(await self.database.now())}
            for region in sorted(unserved - self._unserved):
                logger.warning(_NO_WORKER[bool(region)], self.following.run, safe_text(region))
            self._unserved = unserved

    async def _cut_off(self, error: asyncio.CancelledError) -> None:
        """Have the workers begin nothing new, and give the cancellation what is there of the report."""
        self.stop("whoever began the run was cut off")
        try:
            outcomes = await self.following.outcomes(await self.database.now())
            attach_report(error, self._report(outcomes))
        except CvmError as trouble:
            logger.warning("the run %s goes on without us: %s", self.following.run, trouble)

    def stop(self, reason: str) -> None:
        """Have the workers begin nothing any more."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(reason))

    async def told(self) -> None:
        """Wait until the workers were told, if they were to be: a connection made after the end would stay open."""
        if self._stopping is not None:
            await self._stopping

    async def _stop(self, reason: str) -> None:
        try:
            database = await self.database.now()
            await database.write((_STOP, {"run": self.following.run, "reason": reason}))
        except CvmError as error:
            logger.warning("the run %s could not be stopped: %s", self.following.run, error)

    def under_way(self) -> tuple[UnderWay, ...]:
        """Give nothing: what is under way is known where the workers are."""
        return ()

    @property
    def stage(self) -> Stage:
        """It has no batches of its own."""
        return Stage()

    def _report(self, outcomes: Sequence[AnOutcome]) -> FleetReport[VpsStatus | None]:
        verb = self.following.shards[0].order.verb.value if self.following.shards else Verb.STATUS.value
        return FleetReport(verb, tuple(outcomes), loop_time() - self._began, self.following.problems)


def _shard(run: str, number: int, order: Order, panel: Panel) -> Shard:
    ticket = Ticket(run=run, number=number, address=panel.address, region=panel.region)
    return Shard(ticket=ticket, order=order, profiles=panel.profiles)
