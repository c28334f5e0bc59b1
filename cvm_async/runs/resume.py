"""What is done to a VPS of a run that is taken up again: by how far the run had come with it."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import frozen

from cvm_async import errors
from cvm_async._api.verbs import Verb
from cvm_async._safe_text import safe_text
from cvm_async.errors import CvmError, NoAnswerError, NotSentError, WaitTimeoutError
from cvm_async.fleet.members import Member
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.work.operations import Attempt, Done, Operation, PowerAction, Standing, Untouched
from cvm_async.models import PowerState, Vps, VpsStatus
from cvm_async.runs.record import TargetRecord, TargetState, is_over

Unsettled: TypeAlias = Literal["report", "resend"]
"""What to do with a start or stop of which looking does not show that it was carried out."""

_ACTS_ON: dict[Verb, PowerState] = {Verb.START: PowerState.STOPPED, Verb.STOP: PowerState.RUNNING}
"""The state in which a VPS must be seen before its action may be sent again."""


@frozen
class Resumed:
    """Takes up a VPS where the run left it.

    Attributes:
        action: What to do where nothing was sent.
        power: The start, stop or restart in it.
        states: How far the run had come, by the panel's address and the VPS's id.
        settle: Seconds for looking whether what may have been carried out was.
        unsettled: What to do where looking does not show it.
    """

    action: Operation[VpsStatus | None]
    power: PowerAction
    states: Mapping[tuple[str, int], TargetState]
    settle: float
    unsettled: Unsettled

    async def __call__(self, attempt: Attempt) -> Done[VpsStatus | None] | Untouched[VpsStatus | None]:
        """Do what is left to do."""
        state = self.states[attempt.account.address, attempt.vps.id]
        if state is TargetState.TODO:
            return await self.action(attempt)
        if state is TargetState.ANSWERED:
            attempt.permit.step_aside()
            return Done(await self.power.seen(attempt) if self.power.wait else None)
        return await self._settled(attempt)

    async def _settled(self, attempt: Attempt) -> Done[VpsStatus | None] | Untouched[VpsStatus | None]:
        verb = self.power.verb
        unknown = f"whether the {verb} was carried out before the run was taken up again is unknown"
        if not verb.row.settled_by_status:
            raise NoAnswerError(f"{unknown}: a {verb} leaves the state that it found", vps_id=attempt.vps.id)
        # The readings go through the gates by themselves, and would wait for the room that this holds.
        attempt.permit.step_aside()
        try:
            status = await self.power.reached(attempt, self.settle)
        except WaitTimeoutError as error:
            last = None if error.last is None else error.last.state
            if self.unsettled == "resend" and last is _ACTS_ON[verb]:
                return await self._again(attempt, unknown)
            seen = error.message if last is None else f"it is {last}"
            raise NoAnswerError(f"{unknown}: {seen}", vps_id=attempt.vps.id) from None
        except CvmError as error:
            raise NoAnswerError(f"{unknown}: {error.message}", vps_id=attempt.vps.id) from None
        return Done(status if self.power.wait else None)

    async def _again(self, attempt: Attempt, unknown: str) -> Done[VpsStatus | None]:
        """Send it again; where it does not leave, it is as unknown as before."""
        error: CvmError | None
        try:
            result = await self.power(attempt)
        except NotSentError as unsent:
            error = unsent
        else:
            if isinstance(result, Done):
                return result
            error = result.error
        raise NoAnswerError(f"{unknown}, and it was not sent again: {error}", vps_id=attempt.vps.id)


def carried(target: TargetRecord, verb: Verb, member: Member | None) -> Outcome[VpsStatus | None] | None:
    """Give the outcome of a VPS with which the run is done; None where something is left to do."""
    vps = _as_recorded(target) if member is None else member.vps
    if target.state in (TargetState.DONE, TargetState.UNCHANGED):
        return Outcome(vps, target.panel, None, skipped=target.state is TargetState.UNCHANGED)
    return Outcome(vps, target.panel, None, _error(target)) if is_over(target.state, verb) else None


def missing(target: TargetRecord, *, is_reached: bool) -> Outcome[VpsStatus | None]:
    """Give the outcome of a VPS that the fleet does not have, and with which the run is not done."""
    why = "the fleet has no such VPS any more" if is_reached else f"the fleet does not reach {target.address}"
    standing = standing_of(target.state)
    error = standing.kind(f"{safe_text(why)}; {standing.message}", vps_id=target.vps_id)
    return Outcome(_as_recorded(target), target.panel, None, error, skipped=not standing.sent)


def standing_of(state: TargetState) -> Standing:
    """Give what is true of a VPS with which the run is not done, before anything more is done to it."""
    return _STANDINGS.get(state, _UNKNOWN)


_UNKNOWN = Standing(NoAnswerError, "whether its action was carried out is unknown")
_STANDINGS: dict[TargetState, Standing] = {
    TargetState.TODO: Standing(NotSentError, "nothing was sent for it", sent=False),
    TargetState.ANSWERED: Standing(WaitTimeoutError, "its action is done, but not seen"),
}


def _as_recorded(target: TargetRecord) -> Vps:
    return Vps(
        id=target.vps_id,
        hostname=target.hostname,
        node=target.node,
        virtualization_type=None,
        guaranteed_ram=None,
        disk_space=None,
        cpu_count=None,
    )


def _error(target: TargetRecord) -> CvmError:
    """Give the error that was kept, as one of its class where that can be made of a message alone."""
    message, vps_id = target.error or f"it ended as {target.state}", target.vps_id
    kind = getattr(errors, target.error_type or "", None)
    if isinstance(kind, type) and issubclass(kind, errors.PanelError) and kind is not errors.NameNotFoundError:
        return kind(message, status_code=_STATUS_CODES.get(kind, 500), vps_id=vps_id)
    if kind in _OF_A_MESSAGE:
        return kind(message, vps_id=vps_id)
    return CvmError(message, vps_id=vps_id)


_OF_A_MESSAGE = (
    WaitTimeoutError,
    NoAnswerError,
    NotSentError,
    errors.NotPossibleError,
    errors.NotSupportedError,
    errors.DecodeError,
    errors.SessionClosedError,
)
_STATUS_CODES: dict[type[CvmError], int] = {
    errors.AuthenticationError: 401,
    errors.PermissionDeniedError: 403,
    errors.VpsNotFoundError: 404,
    errors.RateLimitedError: 429,
    errors.NodeUnreachableError: 503,
}
"""The status codes that the API documents for these; what was answered is not kept."""
