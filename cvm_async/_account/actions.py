"""One power action in flight per VPS: who asks for the same joins it, who asks for another waits until it has ended."""

import asyncio
import math
from collections.abc import Callable, Coroutine

from attrs import define, field, frozen

from cvm_async._account.joined import Joined, begin
from cvm_async._api.verbs import Verb
from cvm_async._deadline import Deadline
from cvm_async._exchange.sending import BeforeSend, Departure, Hold, free
from cvm_async._gates.permit import Permit
from cvm_async.errors import CvmError, NoAnswerError, NotSentError, own

Send = Callable[[Permit, Deadline, Departure], Coroutine[object, object, None]]
"""Carries an action out with that permit, ends early where the deadline is ended, and tells whether it has left."""


@frozen(eq=False)
class _Caller:
    """Somebody who asked for an action; see `Actions.perform`."""

    hold: Hold
    before_send: BeforeSend | None
    limit: Deadline

    @property
    def time(self) -> str:
        """Say what time it had."""
        return f"the {round(self.limit.seconds, 3):g} s that this call had"

    def held(self) -> str | None:
        """Say why it must not leave for this one any more: what leaves in the last instant ends unknown."""
        return self.hold() or (f"{self.time} were over" if self.limit.is_over else None)


@define(eq=False)
class _Action:
    """An action under way.

    Attributes:
        verb: Start, stop or restart.
        callers: Who asked for it, and waits for it.
        departure: Whether it has left. It must not, once all callers say so, nor before all of them know.
        is_announced: Whether its callers were told that it leaves: who comes now has to be told by itself.
        call: Carries it out.
    """

    verb: Verb
    callers: list[_Caller]
    departure: Departure = field(init=False)
    is_announced: bool = field(init=False, default=False)
    call: Joined[None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.departure = Departure(self._hold, self._announce)

    def _hold(self) -> str | None:
        reasons = [caller.held() for caller in self.callers]
        return reasons[0] if reasons and all(reasons) else None

    async def _announce(self) -> None:
        self.is_announced = True
        for caller in tuple(self.callers):
            # It may have left while another was told.
            if caller.before_send is not None and caller in self.callers:
                await caller.before_send()

    async def add(self, caller: _Caller) -> None:
        """Have another caller."""
        if self.is_announced and caller.before_send is not None:
            await caller.before_send()
        self.callers.append(caller)

    async def join(self, vps_id: int, caller: _Caller) -> None:
        """Wait for its end until the caller's deadline."""
        call, deadline = self.call, caller.limit
        try:
            has_ended = await call.ends(deadline)
        finally:
            self.callers.remove(caller)
        if not has_ended:
            msg = f"the {self.verb} did not end within {caller.time}; it goes on for another caller"
            raise NoAnswerError(msg, vps_id=vps_id)
        if call.task.cancelled():
            raise self._cut_off(vps_id)
        failure = call.task.exception()
        if call.callers and isinstance(failure, CvmError):
            # The others get it, too.
            raise own(failure)
        call.task.result()

    def _cut_off(self, vps_id: int) -> CvmError:
        if not self.departure.sent:
            return NotSentError(f"the {self.verb} was cut off before it was sent", vps_id=vps_id)
        msg = f"the {self.verb} was cut off while under way: whether it was carried out is unknown"
        return NoAnswerError(msg, vps_id=vps_id)


class Actions:
    """The power actions under way on one panel."""

    def __init__(self) -> None:
        self._under_way: dict[int, _Action] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    async def perform(
        self,
        verb: Verb,
        vps_id: int,
        permit: Permit,
        send: Send,
        *,
        timeout: float = math.inf,
        hold: Hold = free,
        before_send: BeforeSend | None = None,
        departing: Callable[[Departure], object] | None = None,
        alone: bool = False,
    ) -> None:
        """Send the action, or join the same one that is under way.

        Args:
            verb: Start, stop or restart.
            vps_id: Of which VPS.
            permit: The caller's; it is given up while another's action is waited for, and handed over to its own.
            send: Called at most once, and never while another action on the VPS is under way.
            timeout: Seconds that this caller waits, for another action and for its own.
            hold: Says why it must not leave any more, if so; it leaves all the same where another caller wants it.
            before_send: Awaited before it leaves, as that of every caller; at once where one joins what has left.
            departing: Told, once it is known, which departure this caller's is: its own, or that of what it joined.
            alone: Whether it is refused where one of its kind is under way, as that may be for another end.

        Cancelled, or out of time, it ends the action unless somebody else waits for it: then it may leave yet, and
        counts as sent for who has gone, too.

        Raises:
            NoAnswerError: The action goes on for another caller, or was cut off.
            NotSentError: Another action was under way all the time.
            CvmError: As `send` raises it.
        """
        deadline = Deadline(timeout)
        with deadline:
            while (other := self._current(vps_id)) is not None and other.verb is not verb:
                permit.step_aside()
                await asyncio.wait([other.call.task])
        if deadline.expired or deadline.is_over:
            msg = f"another action was under way for all of the {timeout:g} s that the {verb} had"
            raise NotSentError(msg, vps_id=vps_id)
        caller = _Caller(hold, before_send, Deadline(deadline.left))
        joined = self._current(vps_id)
        if joined is not None and alone:
            raise NotSentError(f"another {verb} of this VPS is under way", vps_id=vps_id)
        if joined is None and (reason := hold()) is not None:
            raise NotSentError(f"not begun: {reason}", vps_id=vps_id)
        action = joined or self._begin(verb, vps_id, caller, permit.hand_over(), send)
        if departing is not None:
            departing(action.departure)
        permit.step_aside()
        try:
            if joined is not None:
                await joined.add(caller)
            await action.join(vps_id, caller)
        except asyncio.CancelledError:
            if departing is not None and not action.call.task.done():
                departing(Departure(sent=True))
            raise

    def _current(self, vps_id: int) -> _Action | None:
        action = self._under_way.get(vps_id)
        # One that has just ended may still be noted: whoever asks now asks for another.
        return None if action is None or action.call.task.done() else action

    def _begin(self, verb: Verb, vps_id: int, caller: _Caller, permit: Permit, send: Send) -> _Action:
        """Send in a task of its own, which outlives a caller whom others have joined."""
        action = self._under_way[vps_id] = _Action(verb, [caller])
        action.call = begin(lambda permit, limit: send(permit, limit, action.departure), permit)

        def ended(_: asyncio.Task[None]) -> None:
            if self._under_way[vps_id] is action:
                del self._under_way[vps_id]

        action.call.task.add_done_callback(ended)
        return action
