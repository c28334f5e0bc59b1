"""Watches and waits of one session share their readings: a new one is taken, one under way is joined, else one is made.

So two watches of the same VPS, and whoever waits for it meanwhile, cost the panel one call where each wants one at
about the same time. How old a reading may be, who asks says; it tells when it began and ended, so that none of them
takes an old one for a new one. It is kept as long as somebody who has it keeps it, and no longer.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from attrs import frozen

from cvm_async._account.joined import Joined, Send, begin
from cvm_async._deadline import Deadline
from cvm_async._gates.permit import Permit
from cvm_async.errors import CvmError, NoAnswerError, own

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@frozen(kw_only=True, eq=False)
class News(Generic[T_co]):
    """What one reading gave.

    Attributes:
        result: What was read, or why it could not be.
        began: When it began, on the event loop's clock.
        ended: When it was over.
        was_repeatable: Whether it was tried again where that might have helped.
    """

    result: T_co | CvmError
    began: float
    ended: float
    was_repeatable: bool = True

    def value(self) -> T_co:
        """Give what was read.

        Raises:
            CvmError: Why it could not be; an error of the caller's own, as others have this one.
        """
        if isinstance(self.result, CvmError):
            raise own(self.result)
        return self.result


@frozen(eq=False)
class _Reading(Generic[T]):
    """A reading under way."""

    began: float
    call: Joined[News[T]]


class Readings(Generic[T]):
    """One session's readings of one kind, by a number for what is read: a VPS's id, or any for its one list."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._under_way: dict[int, _Reading[T]] = {}
        self._latest: WeakValueDictionary[int, News[T]] = WeakValueDictionary()

    def __len__(self) -> int:
        return len(self._under_way)

    async def take(
        self,
        number: int,
        send: Send[T],
        permit: Permit,
        *,
        since: float,
        repeatable: bool = True,
        within: float = math.inf,
    ) -> News[T]:
        """Give a reading that began at `since` or later.

        Args:
            number: Of what.
            send: Makes a new one; called at most once.
            permit: The caller's; given up where another's reading is taken, and handed over to its own.
            since: On the event loop's clock.
            repeatable: Whether `send` tries again where that may help; one that did not is taken by nobody who would,
                where it failed.
            within: Seconds that this caller waits.

        Cancelled, or out of time, it ends the reading unless somebody else waits for it.
        """
        latest = self._latest.get(number)
        if latest is not None and latest.began >= since and _is_good_enough(latest, repeatable=repeatable):
            permit.step_aside()
            return latest
        ends_at = self._clock() + within
        while True:
            reading = self._under_way.get(number)
            if reading is None or reading.began < since or reading.call.is_ending:
                reading = self._begin(number, send, permit.hand_over(), repeatable=repeatable)
            permit.step_aside()
            news = await _result(reading.call, max(0.0, ends_at - self._clock()))
            if _is_good_enough(news, repeatable=repeatable):
                return news
            since = math.nextafter(reading.began, math.inf)

    def forget(self, number: int) -> None:
        """Have the next caller read anew: what was read, or is being read, may have changed."""
        self._latest.pop(number, None)
        self._under_way.pop(number, None)

    def _begin(self, number: int, send: Send[T], permit: Permit, *, repeatable: bool) -> _Reading[T]:
        began = self._clock()

        async def read(permit: Permit, limit: Deadline) -> News[T]:
            try:
                result: T | CvmError = await send(permit, limit)
            except CvmError as error:
                result = error.with_traceback(None)
            return News(result=result, began=began, ended=self._clock(), was_repeatable=repeatable)

        reading = self._under_way[number] = _Reading(began, begin(read, permit))

        def ended(task: asyncio.Task[News[T]]) -> None:
            if self._under_way.get(number) is reading:
                del self._under_way[number]
                if not (reading.call.is_ending or task.cancelled() or task.exception()):
                    self._latest[number] = task.result()

        reading.call.task.add_done_callback(ended)
        return reading


def _is_good_enough(news: News[T], *, repeatable: bool) -> bool:
    """Tell whether a reading may stand for one of the caller's own: a failure only where nothing was left untried."""
    return news.was_repeatable or not repeatable or not isinstance(news.result, CvmError)


async def _result(call: Joined[News[T]], within: float) -> News[T]:
    deadline = Deadline(within)
    if not await call.ends(deadline):
        raise NoAnswerError(f"not read within the {round(deadline.seconds, 3):g} s that this look at it had")
    if call.task.cancelled():
        raise NoAnswerError("the reading was cut off")
    return call.task.result()
