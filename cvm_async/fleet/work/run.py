"""One operation over many VPSes: in batches, by a pool of workers, with an outcome for each whatever befalls others."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import Generic, TypeVar

from attrs import define, evolve, field, frozen

from cvm_async._account.account import Account, loop_time
from cvm_async._checks import one_of
from cvm_async._gates.workers import Assignment, WorkerPool
from cvm_async.errors import CvmError, NotSentError, WaitTimeoutError, own
from cvm_async.fleet.control import RunControl, Stage, UnderWay
from cvm_async.fleet.members import Members
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.journal import Notes
from cvm_async.fleet.work.operations import UNSENT, Attempt, Done, Operation, PowerAction, Standing

T = TypeVar("T")

Emit = Callable[[int, Outcome[T]], Awaitable[None]]
"""Takes an outcome with its VPS's place in the fleet; may keep the worker waiting, which is back-pressure."""


@frozen(eq=False)
class Earlier(Generic[T]):
    """What there is of a run that is taken up again.

    Attributes:
        outcomes: Of those with which it is done, by their place in the fleet: they are in its batches and its failures.
        standings: What is true of those for which something was sent, and whose outcome is still to be found out.
        pause: Seconds that are left of the pause in which it was cut off.
    """

    outcomes: Mapping[int, Outcome[T]] = field(factory=dict[int, Outcome[T]])
    standings: Mapping[int, Standing] = field(factory=dict[int, Standing])
    pause: float = 0.0


@define(eq=False)
class Run(Generic[T]):
    """The state of one run.

    Attributes:
        members: What to go over, in order.
        operation: What to do to each.
        rollout: How.
        emit: Where outcomes go, each once, as they come.
        control: Who may end it early, and see what it waits for.
        journal: Keeps them; it has begun.
        earlier: What there is of it already, where it is taken up again.
    """

    members: Members
    operation: Operation[T]
    rollout: Rollout
    emit: Emit[T]
    control: RunControl | None = field(default=None, validator=one_of(RunControl, "a RunControl"))
    journal: Notes | None = None
    earlier: Earlier[T] = field(factory=Earlier[T])
    _attempts: dict[int, Attempt] = field(init=False, factory=dict[int, Attempt])
    _stage: Stage = field(init=False, factory=Stage)
    _pause_ends: float | None = field(init=False, default=None)
    _ended: asyncio.Event = field(init=False, factory=asyncio.Event)
    _begun: bytearray = field(init=False)
    _cut_off: dict[int, Outcome[T]] = field(init=False, factory=dict[int, Outcome[T]])
    _failures: int = field(init=False, default=0)
    _ends_at: float = field(init=False, default=math.inf)
    _stopped: str | None = field(init=False, default=None)
    _at_work: WorkerPool[int] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._begun = bytearray(len(self.members))

    async def __call__(self) -> None:
        """Go over all of them; afterwards each has its outcome."""
        timer = self._set_deadline()
        try:
            with nullcontext() if self.control is None else self.control.over(self):
                await self._over_all()
        finally:
            if timer is not None:
                timer.cancel()
        for index, begun in enumerate(self._begun):
            if not begun:
                await self.emit(index, self._skip(index, NotSentError(f"not begun: {self._stopped}")))

    def stop(self, reason: str) -> None:
        """Begin nothing any more; what is under way ends by itself."""
        if self._stopped is None:
            self._stopped = reason
            self._ended.set()
            if self._at_work is not None:
                self._at_work.drain()

    def unfinished(self) -> Iterator[tuple[int, Outcome[T]]]:
        """Give what is to be said of those that have no outcome, once the run was cut off."""
        for index, begun in enumerate(self._begun):
            if not begun:
                yield index, self._stands(index, self._before(index))
        yield from self._cut_off.items()

    def under_way(self) -> Iterator[UnderWay]:
        """Give what is under way."""
        now = loop_time()
        for attempt in self._attempts.values():
            if attempt.departure is not None and not attempt.departure.sent:
                # Its action waits for its turn.
                continue
            spent = now - attempt.since
            yield UnderWay(attempt.vps, attempt.account.panel, attempt.doing, spent, attempt.limit)

    @property
    def stage(self) -> Stage:
        """Where it is among its batches."""
        return self._stage if self._pause_ends is None else evolve(self._stage, pause=self._pause_ends - loop_time())

    async def _over_all(self) -> None:
        await self._carry()
        await self._go(await self._refuse_unusable())

    async def _refuse_unusable(self) -> list[int]:
        """Give their outcomes to those whose session cannot be used from here, and leave its gates alone.

        They may be at work on the event loop of another thread. Those of the other sessions are given back.
        """
        trouble: dict[Account, CvmError | None] = {}
        usable: list[int] = []
        for index, (account, _) in enumerate(self.members):
            if account not in trouble:
                trouble[account] = _trouble(account)
            error = trouble[account]
            if error is None:
                usable.append(index)
            elif not self._begun[index]:
                self._begun[index] = 1
                self._count_failure()
                await self.emit(index, self._skip(index, error))
        return usable

    async def _carry(self) -> None:
        for index, outcome in self.earlier.outcomes.items():
            self._begun[index] = 1
            if not (outcome.ok or outcome.skipped):
                self._count_failure()
            await self.emit(index, outcome)

    async def _go(self, todo: Sequence[int]) -> None:
        begin = 0
        pause = self.earlier.pause or None
        batches = sum(1 for _ in self.rollout.batch_sizes(len(todo)))
        for number, size in enumerate(self.rollout.batch_sizes(len(todo)), 1):
            batch = [index for index in todo[begin : begin + size] if not self._begun[index]]
            begin += size
            if not batch:
                continue
            self._stage = Stage(number, batches)
            if pause is not None and self._stopped is None:
                await self._pause(pause)
            if self._stopped is not None:
                return
            await self._batch(batch)
            pause = self.rollout.pause

    async def _pause(self, seconds: float) -> None:
        seconds = min(seconds, max(0.0, self._left()))
        self._pause_ends = loop_time() + seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        self._pause_ends = None
        if self._left() <= 0:
            # The deadline's own timer may be due at this very moment, and come second.
            self._stop_late()

    async def _batch(self, batch: Sequence[int]) -> None:
        workers = WorkerPool(
            self._do,
            node_of=self._node_of,
            max_concurrency=self.rollout.max_concurrency,
            per_node=self.rollout.per_node,
            holds_places=self._failures_allowed < len(self.members),
            acts=isinstance(self.operation, PowerAction),
        )
        by_account: dict[Account, list[int]] = {}
        for index in batch:
            by_account.setdefault(self.members[index].account, []).append(index)
        for account, indexes in by_account.items():
            workers.add(account.gates, indexes)
        workers.close()
        self._at_work = workers
        await workers.run()

    def _node_of(self, index: int) -> int | None:
        return self.members[index].vps.node

    async def _do(self, assignment: Assignment[int]) -> None:
        index = assignment.target
        if self._stopped is not None:
            # Its turn had come before the run was stopped, but nothing was sent yet.
            return
        self._begun[index] = 1
        if assignment.refused:
            outcome = self._skip(index, assignment.permit.refusal(self.members[index][1].id))
        else:
            outcome = await self._attempt(index, assignment)
            self._keep(index, outcome)
        await self.emit(index, outcome)

    def _keep(self, index: int, outcome: Outcome[T]) -> None:
        if self.journal is None:
            return
        try:
            self.journal.ended(index, outcome)
        except CvmError as error:
            # What was done stays in the report; whatever came next could be kept nowhere.
            self.stop(error.message)

    async def _attempt(self, index: int, assignment: Assignment[int]) -> Outcome[T]:
        account, vps = self.members[index]
        attempt = Attempt(
            account,
            vps,
            assignment.permit,
            self._left,
            self.journal,
            index,
            self._reason_to_stop,
            self._before(index),
        )
        self._attempts[index] = attempt
        began = loop_time()
        try:
            result = await self.operation(attempt)
        except CvmError as error:
            self._count_failure()
            return Outcome(vps, account.panel, None, naming(error, vps.id), elapsed=loop_time() - began)
        except asyncio.CancelledError:
            outcome = self._stands(index, attempt.standing, loop_time() - began)
            if not _is_being_cancelled():
                # Not ours: something below was cancelled, and this VPS is all that it costs.
                self._count_failure()
                return outcome
            self._cut_off[index] = outcome
            if not isinstance(outcome.error, WaitTimeoutError):
                # That it would be sent was perhaps kept already, or not yet, where it has joined an action of others.
                self._keep(index, outcome)
            raise
        finally:
            del self._attempts[index]
        spent = loop_time() - began
        if isinstance(result, Done):
            return Outcome(vps, account.panel, result.value, elapsed=spent)
        return Outcome(vps, account.panel, result.value, result.error, skipped=True, elapsed=spent)

    @property
    def _failures_allowed(self) -> float:
        return self.rollout.failures_allowed(len(self.members))

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures > self._failures_allowed:
            self.stop(f"{self._failures:,} had failed, and max_failures is {self.rollout.max_failures}")

    def _set_deadline(self) -> asyncio.TimerHandle | None:
        seconds = self.rollout.deadline
        if seconds is None:
            return None
        self._ends_at = loop_time() + seconds
        return asyncio.get_running_loop().call_later(seconds, self._stop_late)

    def _reason_to_stop(self) -> str | None:
        return self._stopped

    def _left(self) -> float:
        return self._ends_at - loop_time()

    def _stop_late(self) -> None:
        self.stop(f"the deadline of {self.rollout.deadline:g} s had passed")

    def _before(self, index: int) -> Standing:
        return self.earlier.standings.get(index, UNSENT)

    def _skip(self, index: int, error: CvmError) -> Outcome[T]:
        account, vps = self.members[index]
        standing = self.earlier.standings.get(index)
        if standing is not None:
            # Here nothing was begun, but before: that counts.
            return self._stands(index, evolve(standing, message=f"{standing.message}; {error.message}"))
        return Outcome(vps, account.panel, None, naming(error, vps.id), skipped=True)

    def _stands(self, index: int, standing: Standing, elapsed: float = 0.0) -> Outcome[T]:
        account, vps = self.members[index]
        error = standing.kind(standing.message, vps_id=vps.id)
        return Outcome(vps, account.panel, None, error, skipped=not standing.sent, elapsed=elapsed)


def naming(error: CvmError, vps_id: int) -> CvmError:
    """Give the same error as one of its own that names this VPS: others, to whom it came too, may hold the first."""
    named = own(error)
    named.vps_id = vps_id
    return named


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _trouble(account: Account) -> CvmError | None:
    try:
        account.check()
    except CvmError as error:
        return error
    return None
