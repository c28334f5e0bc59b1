"""One operation over many VPSes: in batches, by a pool of workers, with an outcome for each whatever befalls others."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar, cast

from attrs import define, field, frozen

from cvm_async._account.account import Account, loop_time
from cvm_async._gates.permit import left_alone
from cvm_async._gates.workers import Assignment, WorkerPool
from cvm_async.errors import CvmError, NotSentError
from cvm_async.fleet.operations import Operation, Untouched
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.rollout import Rollout
from cvm_async.models import Vps

T = TypeVar("T")


@frozen(eq=False)
class Member:
    """One VPS of a run, and its place in it."""

    index: int
    account: Account
    vps: Vps


Emit = Callable[[int, Outcome[T]], Awaitable[None]]
"""Takes an outcome with its VPS's place in the fleet; may keep the worker waiting, which is back-pressure."""


def node_of(member: Member) -> int | None:
    """Give the host node that a member is on."""
    return member.vps.node


@define(eq=False)
class Run(Generic[T]):
    """The state of one run.

    Attributes:
        targets: What to go over, in order.
        operation: What to do to each.
        rollout: How.
        emit: Where outcomes go, each once, as they come.
    """

    members: Sequence[Member]
    operation: Operation[T]
    rollout: Rollout
    emit: Emit[T]
    _begun: bytearray = field(init=False)
    _failures: int = field(init=False, default=0)
    _ends_at: float = field(init=False, default=math.inf)
    _stopped: str | None = field(init=False, default=None)
    _at_work: tuple[WorkerPool[Member], ...] = field(init=False, default=())

    async def __call__(self) -> None:
        """Go over all of them; afterwards each has its outcome."""
        self._begun = bytearray(len(self.members))
        timer = self._set_deadline()
        try:
            await self._go()
        finally:
            if timer is not None:
                timer.cancel()
        for member in self.members:
            if not self._begun[member.index]:
                await self.emit(
                    member.index, self._skip(member, NotSentError(f"not begun: {self._stopped}", vps_id=member.vps.id))
                )

    async def _go(self) -> None:
        begin = 0
        for size in self.rollout.batch_sizes(len(self.members)):
            if begin and self._stopped is None:
                await self._pause()
            if self._stopped is not None:
                return
            await self._batch(self.members[begin : begin + size])
            begin += size

    async def _pause(self) -> None:
        await asyncio.sleep(min(self.rollout.pause, max(0.0, self._left())))
        if self._left() <= 0:
            # The deadline's own timer may be due at this very moment, and come second.
            self._stop_late()

    async def _batch(self, batch: Sequence[Member]) -> None:
        workers = WorkerPool(
            self._do,
            node_of=node_of,
            max_concurrency=self.rollout.max_concurrency,
            per_node=self.rollout.per_node,
            holds_places=self.rollout.max_failures is not None,
        )
        by_account: dict[Account, list[Member]] = {}
        for member in batch:
            by_account.setdefault(member.account, []).append(member)
        for account, members in by_account.items():
            workers.add(account.gates, members)
        workers.close()
        self._at_work = (workers,)
        await workers.run()

    async def _do(self, assignment: Assignment[Member]) -> None:
        member = assignment.target
        if self._stopped is not None:
            # Its turn had come before the run was stopped, but nothing was sent yet.
            return
        self._begun[member.index] = 1
        if assignment.refused:
            outcome = self._skip(member, left_alone(member.vps.node, member.vps.id))
        else:
            outcome = await self._attempt(member, assignment)
        await self.emit(member.index, outcome)

    async def _attempt(self, member: Member, assignment: Assignment[Member]) -> Outcome[T]:
        began = loop_time()
        try:
            value = await self.operation(member.account, member.vps, assignment.permit, self._left)
        except CvmError as error:
            self._count_failure()
            error.vps_id = member.vps.id
            return Outcome(member.vps, member.account.panel, error=light(error), elapsed=loop_time() - began)
        except Untouched as reason:
            spent = loop_time() - began
            # Its value is what the operation would have given: the status of a VPS in the wanted state.
            value = cast("T", reason.value)
            return Outcome(member.vps, member.account.panel, value, reason.error, skipped=True, elapsed=spent)
        return Outcome(member.vps, member.account.panel, value, elapsed=loop_time() - began)

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures > self.rollout.failures_allowed(len(self.members)):
            self._stop(f"{self._failures:,} had failed, and max_failures is {self.rollout.max_failures}")

    def _set_deadline(self) -> asyncio.TimerHandle | None:
        seconds = self.rollout.deadline
        if seconds is None:
            return None
        self._ends_at = loop_time() + seconds
        return asyncio.get_running_loop().call_later(seconds, self._stop_late)

    def _left(self) -> float:
        return self._ends_at - loop_time()

    def _stop_late(self) -> None:
        self._stop(f"the deadline of {self.rollout.deadline:g} s had passed")

    def _stop(self, reason: str) -> None:
        if self._stopped is None:
            self._stopped = reason
            for workers in self._at_work:
                workers.drain()

    @staticmethod
    def _skip(member: Member, error: CvmError) -> Outcome[T]:
        return Outcome(member.vps, member.account.panel, error=error, skipped=True)


def light(error: CvmError) -> CvmError:
    """Give the error without its traceback, which would keep the frames of its call alive as long as the report."""
    error.__context__ = None
    return error.with_traceback(None)
