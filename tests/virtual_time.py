"""An event loop on a clock of its own: when all is quiet, time jumps to the next timer, so an hour passes in no time.

Nothing sleeps, nothing depends on how fast the machine is, and every run takes the same course. A loop on which nothing
is left that could happen is a deadlock, and says so.
"""

import asyncio
import functools
import itertools
import random
import selectors
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, TypeVarTuple
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

P = ParamSpec("P")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LONG = 24 * 3600.0
"""Seconds after a test in which all that ends by itself has ended; what is still there then was left behind."""


ON_ITS_WAY = 0.02
"""Real seconds in which bytes get from one socket of this machine to another, also where the machine is busy."""


class DeadlockError(BaseException):
    """All tasks wait, and no timer is set. No `Exception`: nothing under test may take it for one of its own."""


class LeftBehindError(AssertionError):
    """A test is over, and tasks that it started are not."""


class _JumpingSelector(selectors.BaseSelector):
    """A selector that, instead of waiting, lets the time pass."""

    def __init__(self, passes: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._passes = passes

    def register(self, fileobj: "FileDescriptorLike", events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: "FileDescriptorLike", events: int, data: object = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready and timeout != 0 and len(self._real.get_map()) > 1:
            # There are sockets besides the loop's own: what is on its way between them comes first.
            ready = self._real.select(ON_ITS_WAY)
        if not ready:
            if timeout is None:
                raise DeadlockError("everything waits, and nothing will happen any more")
            if timeout > 0:
                self._passes(timeout)
        return ready

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time begins at 0 and passes only when nothing else can happen.

    `before_time_passes` are called at each such moment: what holds whenever nothing more can happen is looked at there.
    """

    def __init__(self) -> None:
        self._virtual_now = 0.0
        self._number = itertools.count()
        self._timers: WeakValueDictionary[int, asyncio.TimerHandle] = WeakValueDictionary()
        self.before_time_passes: list[Callable[[], None]] = []
        super().__init__(_JumpingSelector(self._pass))

    def time(self) -> float:
        return self._virtual_now

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        self._timers[next(self._number)] = timer
        return timer

    def hold(self, seconds: float) -> None:
        """Let the time pass as while somebody holds the loop: nothing is done meanwhile."""
        self._virtual_now += seconds

    @property
    def timers(self) -> list[float]:
        """When the timers are due that are set and not cancelled."""
        set_ones = [timer for timer in list(self._timers.values()) if not timer.cancelled()]
        return sorted(timer.when() for timer in set_ones if timer.when() > self._virtual_now)

    def _pass(self, seconds: float) -> None:
        for look in self.before_time_passes:
            look()
        self._virtual_now += seconds


def virtual_loop() -> VirtualTimeLoop:
    """Give the running loop, for a test that is on virtual time."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


def run_virtual(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual clock, and see to it that it leaves nothing behind.

    Raises:
        LeftBehindError: Tasks are still there a day later.
    """
    dice = random.getstate()
    # Pauses between two attempts are thrown with these, and every run must take the same course.
    random.seed(0)
    try:
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            return runner.run(_leaving_nothing(work))
    finally:
        random.setstate(dice)


def virtual(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an asynchronous test one that runs on a virtual clock."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_virtual(test(*args, **kwargs))

    return run


async def _leaving_nothing(work: Coroutine[Any, Any, T]) -> T:
    loop = virtual_loop()
    complaints: list[Mapping[str, object]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    result = await work
    loop.before_time_passes.clear()
    await asyncio.sleep(LONG)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left or complaints:
        raise LeftBehindError(f"tasks: {left}; complaints: {complaints}")
    return result
