"""The first Ctrl-C begins nothing new and lets what is under way end; the second cuts it off.

A SIGTERM is the first step with a time for it: whoever sends one kills what has not ended soon after.
"""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self, cast

from attrs import define, field

import cvm_async
from cvm_async._words import some_vpses
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.grids import Tone
from cvm_async.cli.progress import ProgressBar, on_nodes
from cvm_async.cli.terminal import Terminal

Handler = Callable[[int, FrameType | None], object]


@define(eq=False)
class Interrupts:
    """What signals do to a run, for as long as the block lasts; it is entered where the event loop runs.

    Attributes:
        terminal: Where it is told.
        control: The run's.
        bar: Shows that it is ending.
        grace: Seconds that what is under way has after a SIGTERM.
    """

    terminal: Terminal
    control: "cvm_async.RunControl"
    bar: ProgressBar
    grace: float
    _first: int | None = field(init=False, default=None)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _before: Handler = field(init=False)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        # asyncio's own, which cancels the command.
        self._before = cast("Handler", signal.signal(signal.SIGINT, self._on_signal))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)
        if self._timer is not None:
            self._timer.cancel()

    @property
    def ended(self) -> CommandError | None:
        """How the command ends, where a signal came."""
        if self._first is None:
            return None
        status = Exit.TERMINATED if self._first == signal.SIGTERM else Exit.INTERRUPTED
        return CommandError(status.name.lower(), status)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._first is None:
            self._first = number
            # Not here: a handler runs in the middle of whatever is being done.
            self._loop.call_soon_threadsafe(self._wind_down)
        else:
            self._before(number, frame)

    def _wind_down(self) -> None:
        terminated = self._first == signal.SIGTERM
        word = "terminated" if terminated else "interrupted"
        self.control.stop(word)
        under_way = self.control.under_way()
        told = f"{word.capitalize()}: nothing new begins."
        if under_way:
            ends = f"They have {self.grace:g} s to end" if terminated else "Ctrl-C again cuts them off"
            told += f" Under way: {some_vpses(len(under_way))} on {on_nodes(under_way)}. {ends}."
        self.terminal.say(told, tone=Tone.WARNING)
        self.bar.ends = True
        if terminated:
            self._timer = self._loop.call_later(self.grace, self._before, signal.SIGTERM, None)
