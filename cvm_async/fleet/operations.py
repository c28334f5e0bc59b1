"""What a run does to one VPS: read its status, or act on its power and see that through. One function an operation."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, TypeVar

from attrs import field, frozen

from cvm_async._account.account import Account
from cvm_async._api.verbs import Verb
from cvm_async._checks import seconds
from cvm_async._gates.permit import Permit
from cvm_async.errors import CvmError, DecodeError, NoAnswerError, NotSentError, WaitTimeoutError
from cvm_async.models import PowerState, Vps, VpsStatus

T = TypeVar("T")

Clock: TypeAlias = Callable[[], float]
"""Seconds that are left for waiting, from the run's deadline; infinity where it has none."""

Operation: TypeAlias = Callable[[Account, Vps, Permit, Clock], Awaitable[T]]


class Untouched(Exception):  # noqa: N818 - no error: an operation's way to say that it rightly did nothing
    """Nothing was sent for this VPS, and why; or the status that shows that nothing needed to be.

    Attributes:
        value: The status that is what was wanted.
        error: What stood against it.
    """

    def __init__(self, *, value: VpsStatus | None = None, error: CvmError | None = None) -> None:
        super().__init__()
        self.value = value
        self.error = error


async def read_status(account: Account, vps: Vps, permit: Permit, left: Clock) -> VpsStatus:
    """Read a status; cut off at the run's deadline, as nothing is lost with it."""
    return await account.status(vps, permit=permit, within=left())


@frozen
class PowerAction:
    """A start, stop or restart of one VPS.

    After a restart, with `wait`, what can be known is that a status read after the panel answered "done" shows running.
    What cannot: whether that is before or after the reboot, on a panel that answers before the node is done. (The panel
    as documented answers after.)

    Attributes:
        verb: Which.
        wait: Whether it is done only when the VPS is in the state that the action leads to.
        timeout: Seconds that waiting may take, for each VPS.
        interval: Seconds between two readings of its status.
        verify: Whether a start or stop whose outcome is unknown is settled by reading the status; with `wait` it is in
            any case, since that reads the status until it shows the state.
    """

    verb: Verb
    wait: bool
    timeout: float = field(validator=seconds())
    interval: float = field(validator=seconds())
    verify: bool

    async def __call__(self, account: Account, vps: Vps, permit: Permit, left: Clock) -> VpsStatus | None:
        """Carry it out, and see it through where that was asked for."""
        try:
            await account.power(self.verb, vps, permit=permit)
        except (NoAnswerError, DecodeError) as error:
            if not (self.verb.row.settled_by_status and (self.verify or self.wait)):
                raise
            unanswered = error
        else:
            return await self._reached(account, vps, permit, left) if self.wait else None
        return await self._settled(account, vps, permit, left, unanswered)

    async def _reached(self, account: Account, vps: Vps, permit: Permit, left: Clock) -> VpsStatus:
        timeout = min(self.timeout, left())
        if timeout <= 0:
            msg = f"the deadline of the run had passed before it could be seen to be {self.verb.goal}"
            raise WaitTimeoutError(msg, vps_id=vps.id)
        permit.rest()
        return await account.wait(vps, self.verb.goal, timeout=timeout, interval=self.interval)

    async def _settled(
        self, account: Account, vps: Vps, permit: Permit, left: Clock, unanswered: NoAnswerError | DecodeError
    ) -> VpsStatus | None:
        try:
            status = await self._reached(account, vps, permit, left)
        except WaitTimeoutError as error:
            seen = "its status could not be read" if error.last is None else f"it is {error.last.state}"
        except CvmError as error:
            seen = f"its status could not be read: {error.message}"
        else:
            return status if self.wait else None
        raise NoAnswerError(
            f"{unanswered.message}; whether the {self.verb} was carried out is still unknown: {seen}",
            method=unanswered.method,
            path=unanswered.path,
            vps_id=vps.id,
            attempts=unanswered.attempts,
        )


@frozen
class PlannedAction:
    """A power action on a VPS that is still as it was when it was planned.

    Attributes:
        action: What to do.
        seen: The states that the plan saw, by the panel's address and the VPS's id.
    """

    action: PowerAction
    seen: Mapping[tuple[str, int], PowerState]

    async def __call__(self, account: Account, vps: Vps, permit: Permit, left: Clock) -> VpsStatus | None:
        """Carry it out, unless the VPS has moved since it was planned."""
        status = await read_status(account, vps, permit, left)
        if status.state is self.action.verb.goal:
            raise Untouched(value=status)
        seen = self.seen[account.address, vps.id]
        if status.state is not seen:
            message = f"not touched: it was {seen} when this was planned, and is {status.state} now"
            raise Untouched(error=NotSentError(message, vps_id=vps.id))
        return await self.action(account, vps, permit, left)
