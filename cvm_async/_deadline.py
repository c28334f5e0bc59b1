"""`Deadline` bounds what runs in it as `asyncio.timeout` does, but reads what has arrived before it ends it.

While the event loop is blocked, by a call that does not return or because the process is stopped, answers arrive and
nobody reads them. A timer that rings late says that we did not run; that nothing came, it does not say.

All deadlines of an event loop share one timer: to set one for each call and to take it back costs 4 µs, most of it for
the loop to keep its timers in order.
"""

import asyncio
import math
from types import TracebackType
from typing import Self, cast
from weakref import ReferenceType, WeakKeyDictionary, ref

LOOK_EVERY = 1.25
"""Seconds from one look at whether the loop runs to the next, while a block lasts: most are over before the first."""

LATE = 0.05
"""Seconds by which a timer may ring too late on a loop that is merely busy."""

BLOCKED = 0.25
"""Seconds by which it rings too late on one that was blocked: for so long no answer was read."""

GRACE = 0.05
"""Seconds for reading what has arrived: the loop asks for it at once, and most answers come in one piece."""

MOST_GRACES = 4
"""How often one deadline gives that time: a loop that is always late must not put it off for ever."""

JUST_NOW = 0.5
"""Seconds after the loop runs again in which all that timed out meanwhile is told."""


class Deadline:
    """A block that may take so many seconds; when they are over it is cancelled, and left without an error.

    Attributes:
        seconds: How many; infinity for no limit.
        has_ended: Whether its time is over, and the block has been cancelled.
        rings_at: When it is to be looked at next, on the event loop's clock.
        expired: Whether it was left for that.
    """

    __slots__ = (
        "_bell",
        "_blocked_until",
        "_cancelling",
        "_due",
        "_graces",
        "_loop",
        "_task",
        "expired",
        "has_ended",
        "rings_at",
        "seconds",
    )

    _loop: asyncio.AbstractEventLoop
    _cancelling: int
    rings_at: float

    def __init__(self, seconds: float | None) -> None:
        self.seconds: float = math.inf if seconds is None else seconds
        self.expired: bool = False
        self.has_ended: bool = False
        self._due = math.inf
        self._graces = MOST_GRACES
        self._blocked_until = -math.inf
        self._task: asyncio.Task[object] | None = None
        self._bell: _Bell | None = None

    @property
    def left(self) -> float:
        """Seconds that are left of what it had when it was entered."""
        return max(0.0, self._due - self._loop.time())

    @property
    def is_over(self) -> bool:
        """Whether its time is over, and what has arrived is still read: nothing new should begin."""
        return self._graces < MOST_GRACES

    @property
    def was_blocked(self) -> bool:
        """Whether the loop was blocked until just now: that nobody answered, we then cannot know."""
        return self._loop.time() - self._blocked_until < JUST_NOW

    def __enter__(self) -> Self:
        # Whatever waits for futures of asyncio's runs in a task.
        self._task = task = cast("asyncio.Task[object]", asyncio.current_task())
        self._cancelling = task.cancelling()
        self._loop = asyncio.get_running_loop()
        if self.seconds < math.inf:
            now = self._loop.time()
            self._due = now + self.seconds
            self._look_after(now)
            self._bell = _bell_of(self._loop)
            self._bell.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if self._bell is not None:
            self._bell.remove(self)
            self._bell = None
        task, self._task = self._task, None
        if not self.has_ended or task is None:
            return False
        # If somebody else cancelled the task besides, that goes on.
        ours = task.uncancel() <= self._cancelling
        self.expired = ours and kind is not None and issubclass(kind, asyncio.CancelledError)
        return self.expired

    def end(self, seconds: float) -> None:
        """End the block now, as one that had so many seconds; nothing if it has been left."""
        if self._task is not None and not self.has_ended:
            self.seconds = seconds
            self.has_ended = True
            self._task.cancel()

    def _look_after(self, now: float) -> None:
        self.rings_at = min(self._due, now + LOOK_EVERY)

    def look(self, now: float) -> None:
        """Look at the time, as it is due to."""
        late = now - self.rings_at
        if late > BLOCKED:
            self._blocked_until = now
        if late > LATE and now >= self._due and self._graces:
            self._graces -= 1
            self._due = now + GRACE
        if now < self._due:
            self._look_after(now)
        else:
            self.rings_at = math.inf
            self.end(self.seconds)


class _Bell:
    """The one timer of an event loop; it is set while there are deadlines, and rings when the first may be due."""

    __slots__ = ("_deadlines", "_loop", "_rings_at", "_timer")

    def __init__(self, loop: ReferenceType[asyncio.AbstractEventLoop]) -> None:
        self._loop = loop
        # In the order in which they were entered; a dict for want of an ordered set.
        self._deadlines: dict[Deadline, None] = {}
        self._rings_at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        return self._loop() is loop

    def add(self, deadline: Deadline) -> None:
        self._deadlines[deadline] = None
        if deadline.rings_at < self._rings_at:
            self._set(deadline.rings_at)

    def remove(self, deadline: Deadline) -> None:
        del self._deadlines[deadline]
        if not self._deadlines:
            self._set(math.inf)

    def _set(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._rings_at = when
        if when < math.inf:
            self._timer = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        for deadline in [*self._deadlines]:
            if deadline.rings_at <= now:
                deadline.look(now)
        self._set(min((deadline.rings_at for deadline in self._deadlines), default=math.inf))


_bells: WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = WeakKeyDictionary()
_latest: _Bell | None = None
"""The bell of the loop that had one last: mostly there is one loop, and to look it up costs as much as it saves."""


def _bell_of(loop: asyncio.AbstractEventLoop) -> _Bell:
    global _latest  # noqa: PLW0603 - a memory of what was looked up
    bell = _latest
    if bell is None or not bell.is_of(loop):
        bell = _latest = _bells.setdefault(loop, _Bell(ref(loop)))
    return bell
