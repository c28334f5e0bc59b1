"""A call that belongs to all who wait for it: it goes on when one of them leaves, and ends when the last has gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

from attrs import define, field

from cvm_async._deadline import Deadline
from cvm_async._gates.permit import Permit

T = TypeVar("T")

Send = Callable[[Permit, Deadline], Coroutine[object, object, T]]
"""Makes a call with that permit, and ends early where the deadline is ended."""


@define(eq=False)
class Joined(Generic[T]):
    """A call under way, in a task of its own.

    Attributes:
        task: Makes it.
        limit: Ends it early. It has no time of its own: that of the last caller to leave counts.
        callers: How long each caller waits.
        is_ending: Whether the last of them has gone, which ends it: who comes now comes too late.
    """

    task: asyncio.Task[T]
    limit: Deadline
    callers: list[Deadline] = field(factory=list[Deadline])
    is_ending: bool = False

    async def ends(self, deadline: Deadline) -> bool:
        """Wait for its end, and tell whether it came before the deadline; what came of it, the task tells.

        Who is the last to leave, out of time or cancelled, ends it. It then has ended for one who was out of time, too:
        its own error says how far it had come.
        """
        self.callers.append(deadline)
        try:
            with deadline:
                await asyncio.wait([self.task])
            if deadline.expired:
                return await self._left(deadline)
        except asyncio.CancelledError:
            if self._is_last(deadline):
                self.is_ending = True
                self.task.cancel()
                await asyncio.wait([self.task])
            raise
        finally:
            self.callers.remove(deadline)
        return True

    async def _left(self, deadline: Deadline) -> bool:
        if not self._is_last(deadline):
            return False
        self.is_ending = True
        self.limit.end(deadline.seconds)
        await asyncio.wait([self.task])
        return True

    def _is_last(self, deadline: Deadline) -> bool:
        # Whose time is over in the same instant stays for nobody.
        return all(other is deadline or other.has_ended for other in self.callers)


def begin(send: Send[T], permit: Permit) -> Joined[T]:
    """Make a call, and give up its permit at its end."""
    limit = Deadline(None)
    task = asyncio.create_task(send(permit, limit))

    def ended(task: asyncio.Task[T]) -> None:
        permit.step_aside()
        if not task.cancelled():
            # Its callers may all have gone, and asyncio would complain that nobody asked.
            task.exception()

    task.add_done_callback(ended)
    return Joined(task, limit)
