"""What a command shows of a report, also of one that Ctrl-C cut off, and the exit status that follows from it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

from attrs import frozen

import cvm_async
from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.exits import Exit, of_outcomes
from cvm_async.cli.grids import Grid, Tone
from cvm_async.cli.panels import Panels
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.shell.wording import in_flags
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.report import FleetReport, partial_report
from cvm_async.models import Problem, VpsStatus

T = TypeVar("T")

Report: TypeAlias = FleetReport[VpsStatus | None]

_TOLD = 20
"""Problems that a person reads one by one; `--json` has all."""


def _nothing(_: Report) -> None:
    """Do nothing more with a report."""


@frozen
class Results:
    """Where and how a command's report shows.

    Attributes:
        terminal: Where.
        grid: Its table.
        full: Whether the table is shown whole, however long.
        where: What its summary says besides.
        after: What is to be done with each report that is shown.
    """

    terminal: Terminal
    grid: Callable[[Report], Grid]
    full: bool
    where: str = ""
    after: Callable[[Report], object] = _nothing

    async def watching(
        self,
        title: str,
        work: "Callable[[ProgressBar, cvm_async.RunControl], Awaitable[T]]",
        *,
        total: int,
        cut_off: str,
    ) -> T:
        """Do some work on so many VPSes behind a progress bar of that title; see `behind`."""
        control = cvm_async.RunControl()
        bar = ProgressBar(self.terminal, title, total, control)
        return await self.behind(bar, work(bar, control), cut_off=cut_off)

    async def behind(self, bar: ProgressBar, work: Awaitable[T], *, cut_off: str) -> T:
        """Do some work behind a progress bar; interrupted, show how far it came, and say what a person must know."""
        try:
            with bar:
                return await work
        except asyncio.CancelledError as error:
            done = 0 if bar.last is None else bar.last.done
            self.terminal.say(f"Interrupted after {some_vpses(done)}. {cut_off}".rstrip(), tone=Tone.WARNING)
            report = partial_report(error)
            if report is not None:
                self.show(report)
            raise

    def show(self, report: Report) -> Exit:
        """Print a report, and give the exit status for it."""
        self.terminal.table(self.grid(report), whole=self.full)
        self.terminal.sum_up(*map(in_flags, render.reasons(report)), f"{safe_text(report.summary())}{self.where}")
        self.terminal.say(*render.unread(report), tone=Tone.WARNING)
        self.terminal.emit(report.to_dict())
        self.after(report)
        hidden = unread(self.terminal, report.problems)
        return of_outcomes(report) or hidden


async def fleet_of(panels: Panels, terminal: Terminal, *, whole: bool) -> "cvm_async.Fleet":
    """List the VPSes of some panels, as `Panels.fleet` does; where that takes long, a person sees that it does."""
    with ProgressBar(terminal, f"Listing the VPSes of {panels.told}"):
        return await panels.fleet(whole=whole)


def unread(terminal: Terminal, problems: Sequence[Problem]) -> Exit:
    """Tell what could not be read of the list, whichever VPSes a command is about: a script must notice it."""
    if not problems:
        return Exit.DONE
    more = [f"and {len(problems) - _TOLD:,} more such"] if len(problems) > _TOLD else []
    told = [f"the panel's list: {problem}" for problem in problems[:_TOLD]]
    terminal.say(*told, *more, tone=Tone.WARNING)
    return Exit.PARTLY
