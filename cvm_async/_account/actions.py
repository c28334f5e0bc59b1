"""One power action in flight per VPS: who asks for the same joins it, who asks for another waits until it has ended."""

import asyncio
from collections.abc import Callable, Coroutine

from attrs import define

from cvm_async._api.verbs import Verb
from cvm_async._gates.permit import Permit
from cvm_async.errors import NoAnswerError, NotSentError

Send = Callable[[Permit, float | None], Coroutine[object, object, None]]
"""Carries an action out, in that turn, within the seconds that are left; None for as long as it takes."""


@define(eq=False)
class _Action:
    """An action under way; it is everybody's who asked for it, and ends early only when all of them have gone."""

    verb: Verb
    task: asyncio.Task[None]
    callers: int = 0

    async def join(self, vps_id: int) -> None:
        self.callers += 1
        try:
            await asyncio.shield(self.task)
        except asyncio.CancelledError:
            if not _is_being_cancelled():
                msg = f"the {self.verb} was cut off while under way: whether it was carried out is unknown"
                raise NoAnswerError(msg, vps_id=vps_id) from None
            if self.callers == 1:
                await self._cut_off()
            raise
        finally:
            self.callers -= 1

    async def _cut_off(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])
        if not self.task.cancelled():
            # It ended in the same step. Nobody is left to be told, and asyncio would complain that nobody asked.
            self.task.exception()


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Actions:
    """The power actions under way on one panel."""

    def __init__(self) -> None:
        self._under_way: dict[int, _Action] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    async def perform(
        self, verb: Verb, vps_id: int, permit: Permit, send: Send, *, timeout: float | None = None
    ) -> None:
        """Send the action, or join the same one that is under way.

        Args:
            verb: Start, stop or restart.
            vps_id: Of which VPS.
            permit: The caller's; it is given up while another's action is waited for, and handed over to its own.
            send: Called at most once, and never while another action on the VPS is under way.
            timeout: Seconds that joining or waiting may take; what is left of them is for sending.

        Cancelled, it cuts the action off unless somebody else has joined it.

        Raises:
            NoAnswerError: The action that it joined took too long, or was cut off.
            NotSentError: Another action was under way all the time.
            CvmError: As `send` raises it.
        """
        deadline = asyncio.timeout(timeout)
        joined = False
        try:
            async with deadline:
                while (action := self._current(vps_id)) is not None:
                    permit.step_aside()
                    joined = action.verb is verb
                    if joined:
                        await action.join(vps_id)
                        return
                    await asyncio.wait([action.task])
                left = _until(deadline)
                deadline.reschedule(None)
                await self._begin(verb, vps_id, permit.hand_over(), send, left).join(vps_id)
        except TimeoutError:
            if timeout is None or not deadline.expired():
                raise
        else:
            return
        if joined:
            msg = f"the {verb} that was under way already did not end within {timeout:g} s"
            raise NoAnswerError(msg, vps_id=vps_id)
        msg = f"another action was under way for all of the {timeout:g} s that the {verb} had"
        raise NotSentError(msg, vps_id=vps_id)

    def _current(self, vps_id: int) -> _Action | None:
        action = self._under_way.get(vps_id)
        # One that has just ended may still be noted: whoever asks now asks for another.
        return None if action is None or action.task.done() else action

    def _begin(self, verb: Verb, vps_id: int, permit: Permit, send: Send, left: float | None) -> _Action:
        """Send in a task of its own, which outlives a caller whom others have joined."""
        action = self._under_way[vps_id] = _Action(verb, asyncio.create_task(send(permit, left)))

        def ended(_: asyncio.Task[None]) -> None:
            if self._under_way[vps_id] is action:
                del self._under_way[vps_id]
            permit.step_aside()

        action.task.add_done_callback(ended)
        return action


def _until(deadline: asyncio.Timeout) -> float | None:
    when = deadline.when()
    return None if when is None else when - asyncio.get_running_loop().time()
