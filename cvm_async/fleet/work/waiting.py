"""A wait for a state over many VPSes: all at once, as a wait needs no place and its session reads for all of them.

Each is a task that only waits. What asks the panel is the session's own few workers, one reading a VPS and interval,
however many wait for it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import nullcontext

from attrs import define, field

from cvm_async._account.account import loop_time, state_of
from cvm_async._checks import count, one_of, seconds
from cvm_async.errors import CvmError, NoAnswerError
from cvm_async.fleet.control import RunControl, Stage, UnderWay
from cvm_async.fleet.members import Members
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.work.run import Emit, naming
from cvm_async.models import PowerState, VpsStatus


@define(eq=False)
class Waiting:
    """The state of one wait.

    Attributes:
        members: What to wait for.
        state: The state that they should come to.
        timeout: Seconds to wait for each; None: without a limit.
        interval: Seconds between two readings of a status.
        deadline: Seconds for all of it.
        emit: Where outcomes go, each once, as they come.
        control: Who may end it early, and see what it waits for.
        confirm: Readings in a row that have to show the state.
    """

    members: Members
    state: PowerState = field(converter=state_of)
    timeout: float | None = field(validator=seconds(optional=True))
    interval: float = field(validator=seconds())
    deadline: float | None = field(validator=seconds(optional=True))
    emit: Emit[VpsStatus]
    control: RunControl | None = field(default=None, validator=one_of(RunControl, "a RunControl"))
    confirm: int = field(default=1, validator=count())
    _tasks: list[asyncio.Task[None]] = field(init=False, factory=list["asyncio.Task[None]"])
    _open: set[int] = field(init=False)
    _began: float = field(init=False, factory=loop_time)
    _stopped: str | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._open = set(range(len(self.members)))

    async def __call__(self) -> None:
        """Wait for all of them; afterwards each has its outcome."""
        with nullcontext() if self.control is None else self.control.over(self):
            if self._stopped is None:
                await self._all()
        for index, outcome in self.unfinished():
            await self.emit(index, outcome)

    def stop(self, reason: str) -> None:
        """End all waits."""
        self._stopped = reason
        for task in self._tasks:
            task.cancel()

    def unfinished(self) -> Iterator[tuple[int, Outcome[VpsStatus]]]:
        """Give what is to be said of those that have no outcome, once they were cut off."""
        for index in self._open:
            account, vps = self.members[index]
            error = NoAnswerError(f"{self._stopped or 'cut off'} before it was seen to be {self.state}", vps_id=vps.id)
            yield index, Outcome(vps, account.panel, None, error, elapsed=loop_time() - self._began)

    def under_way(self) -> Iterator[UnderWay]:
        """Give what is waited for."""
        spent = loop_time() - self._began
        for index in sorted(self._open):
            account, vps = self.members[index]
            yield UnderWay(vps, account.panel, "wait", spent, self._bound)

    @property
    def stage(self) -> Stage:
        """It has no batches."""
        return Stage()

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for index in range(len(self.members)):
                self._tasks.append(group.create_task(self._one(index)))

    async def _one(self, index: int) -> None:
        account, vps = self.members[index]
        try:
            status = await account.wait(
                vps, self.state, timeout=self._bound, interval=self.interval, confirm=self.confirm
            )
            outcome = Outcome(vps, account.panel, status, elapsed=loop_time() - self._began)
        except CvmError as error:
            failure = naming(error, vps.id)
            outcome = Outcome[VpsStatus](vps, account.panel, None, failure, elapsed=loop_time() - self._began)
        self._open.remove(index)
        await self.emit(index, outcome)

    @property
    def _bound(self) -> float | None:
        return min((bound for bound in (self.timeout, self.deadline) if bound is not None), default=None)
