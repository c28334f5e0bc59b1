"""What a command shows of a report, also of one that Ctrl-C cut off, and the exit status that follows from it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from attrs import frozen

from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import Exit, of_outcomes
from cvm_async.cli.grids import Grid, Tone
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.report import FleetReport, partial_report
from cvm_async.models import Problem, VpsStatus

T = TypeVar("T")

Report: TypeAlias = FleetReport[VpsStatus | None]

_TOLD = 20
"""Problems that a person reads one by one; `--json` has all."""


@frozen
class Results:
    """Where and how a command's report shows.

    Attributes:
        terminal: Where.
        grid: Its table.
        full: Whether the table is shown whole, however long.
    """

    terminal: Terminal
    grid: Callable[[Report], Grid]
    full: bool

    async def watching(self, title: str, work: Callable[[ProgressBar], Awaitable[T]], *, cut_off: str) -> T:
        """Do some work behind a progress bar; interrupted, show how far it came, and say what a person must know."""
        bar = ProgressBar(self.terminal, title)
        try:
            with bar:
                return await work(bar)
        except asyncio.CancelledError as error:
            done = 0 if bar.last is None else bar.last.done
            self.terminal.say(f"Interrupted after {done:,} VPSes. {cut_off}".rstrip(), tone=Tone.WARNING)
            report = partial_report(error)
            if report is not None:
                self.show(report)
            raise

    def show(self, report: Report) -> Exit:
        """Print a report, and give the exit status for it."""
        self.terminal.table(self.grid(report), whole=self.full)
        self.terminal.sum_up(*render.reasons(report), safe_text(report.summary()))
        self.terminal.say(*render.unread(report), tone=Tone.WARNING)
        self.terminal.emit(report.to_dict())
        hidden = unread(self.terminal, report.problems)
        return of_outcomes(report) or hidden


def unread(terminal: Terminal, problems: Sequence[Problem]) -> Exit:
    """Tell what could not be read of the list, whichever VPSes a command is about: a script must notice it."""
    if not problems:
        return Exit.DONE
    more = [f"and {len(problems) - _TOLD:,} more such"] if len(problems) > _TOLD else []
    told = [f"the panel's list: {problem}" for problem in problems[:_TOLD]]
    terminal.say(*told, *more, tone=Tone.WARNING)
    return Exit.PARTLY
