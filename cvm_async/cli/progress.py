"""A progress bar for whoever waits at a terminal, with rate and time left; work that is soon done shows none."""

import asyncio
from types import TracebackType
from typing import Self

from attrs import define, field
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress as Bar,
    ProgressColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.outcome import Progress

PATIENCE = 0.5
"""Seconds in which a person does not wonder yet."""


class Pace(ProgressColumn):
    """How many are done a second, and how long the rest takes at that pace; both over the whole time.

    rich's own columns go by the latest steps: in front of a node that hangs, they go on promising the end in a second.
    """

    def render(self, task: Task) -> Text:
        """Give ``4.1/s, 12 s left``; nothing before the first one is done."""
        spent = task.elapsed
        if not (spent and task.completed and task.total):
            return Text()
        pace = task.completed / spent
        return Text(f"{pace:,.1f}/s, {(task.total - task.completed) / pace:,.0f} s left")


@define(eq=False)
class ProgressBar:
    """A bar on standard error, for as long as the block lasts; to be called with each `Progress`.

    Attributes:
        terminal: Where it shows, if that is a terminal that can redraw a line.
        title: What is being done.
        last: How far it is.
    """

    terminal: Terminal
    title: str
    last: Progress | None = None
    _bar: Bar = field(init=False)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), Pace())
        self._bar = Bar(*columns, console=self.terminal.err, transient=True)
        self._bar.add_task(self.title, total=None)

    def __call__(self, progress: Progress) -> None:
        """Take note of how far it is."""
        self.last = progress
        self._bar.update(self._bar.task_ids[0], completed=progress.done, total=progress.total)

    def __enter__(self) -> Self:
        if self.terminal.animates:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._bar.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._bar.stop()
