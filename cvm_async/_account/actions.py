"""One power action in flight per VPS: who asks for the same joins it, who asks for another waits until it has ended."""

import asyncio
import math

from attrs import define

from cvm_async._account.joined import Joined, Send, begin
from cvm_async._api.verbs import Verb
from cvm_async._deadline import Deadline
from cvm_async._gates.permit import Permit
from cvm_async.errors import CvmError, NoAnswerError, NotSentError, own


@define(eq=False)
class _Action:
    """An action under way.

    Attributes:
        verb: Start, stop or restart.
        call: Carries it out.
    """

    verb: Verb
    call: Joined[None]

    async def join(self, vps_id: int, deadline: Deadline) -> None:
        """Wait for its end until the deadline."""
        call = self.call
        if not await call.ends(deadline):
            within = f"the {round(deadline.seconds, 3):g} s that this call had"
            msg = f"the {self.verb} did not end within {within}; it goes on for another caller"
            raise NoAnswerError(msg, vps_id=vps_id)
        if call.task.cancelled():
            msg = f"the {self.verb} was cut off while under way: whether it was carried out is unknown"
            raise NoAnswerError(msg, vps_id=vps_id)
        failure = call.task.exception()
        if call.callers and isinstance(failure, CvmError):
            # The others get it, too.
            raise own(failure)
        call.task.result()


class Actions:
    """The power actions under way on one panel."""

    def __init__(self) -> None:
        self._under_way: dict[int, _Action] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    async def perform(
        self, verb: Verb, vps_id: int, permit: Permit, send: Send[None], *, timeout: float = math.inf
    ) -> None:
        """Send the action, or join the same one that is under way.

        Args:
            verb: Start, stop or restart.
            vps_id: Of which VPS.
            permit: The caller's; it is given up while another's action is waited for, and handed over to its own.
            send: Called at most once, and never while another action on the VPS is under way.
            timeout: Seconds that this caller waits, for another action and for its own.

        Cancelled, or out of time, it ends the action unless somebody else waits for it.

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
        if deadline.expired:
            msg = f"another action was under way for all of the {timeout:g} s that the {verb} had"
            raise NotSentError(msg, vps_id=vps_id)
        action = self._current(vps_id)
        if action is None:
            action = self._begin(verb, vps_id, permit.hand_over(), send)
        permit.step_aside()
        await action.join(vps_id, Deadline(deadline.left))

    def _current(self, vps_id: int) -> _Action | None:
        action = self._under_way.get(vps_id)
        # One that has just ended may still be noted: whoever asks now asks for another.
        return None if action is None or action.call.task.done() else action

    def _begin(self, verb: Verb, vps_id: int, permit: Permit, send: Send[None]) -> _Action:
        """Send in a task of its own, which outlives a caller whom others have joined."""
        action = self._under_way[vps_id] = _Action(verb, begin(send, permit))

        def ended(_: asyncio.Task[None]) -> None:
            if self._under_way[vps_id] is action:
                del self._under_way[vps_id]

        action.call.task.add_done_callback(ended)
        return action
