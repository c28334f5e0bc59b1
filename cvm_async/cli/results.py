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


@frozen
class Results:
    """Where and how a command's report shows.

    Attributes:
        terminal: Where.
        grid: Its table.
        named: Whether the VPSes were named by their ids, so that what could not be read of the list is none of them.
        full: Whether the table is shown whole, however long.
    """

    terminal: Terminal
    grid: Callable[[Report], Grid]
    named: bool
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
        self.terminal.show(*render.reasons(report), safe_text(report.summary()))
        self.terminal.say(*render.unread(report), tone=Tone.WARNING)
        self.terminal.emit(report.to_dict())
        hidden = unread(self.terminal, report.problems, named=self.named)
        return of_outcomes(report) or hidden


def unread(terminal: Terminal, problems: Sequence[Problem], *, named: bool) -> Exit:
    """Tell what could not be read of the list: these VPSes were meant, too, unless others were named by their ids."""
    if named or not problems:
        return Exit.DONE
    terminal.say(*(f"the panel's list: {problem}" for problem in problems), tone=Tone.WARNING)
    return Exit.PARTLY
