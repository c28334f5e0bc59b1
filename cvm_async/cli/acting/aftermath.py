"""What is to be done after an action: the report kept in a file, and the command that looks at what is unknown."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from attrs import frozen

import cvm_async
from cvm_async._api.verbs import acts
from cvm_async.cli.acting.journals import Reach, left_to_do
from cvm_async.cli.acting.saved import write_report
from cvm_async.cli.results import Report
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.result import AGAIN, Result

_LONG = 400
"""Characters of a command beyond which nobody copies it."""


@frozen
class Aftermath:
    """What follows a report.

    Attributes:
        terminal: Where it is told.
        reach: How the command reached its panels.
        panels: The addresses of the panels by their names.
        path: Where the report is kept; None: nowhere.
        journal: Of the run, where it is kept; told of what is begun later.
    """

    terminal: Terminal
    reach: Reach
    panels: Mapping[str, str]
    path: Path | None
    journal: "cvm_async.RunJournal | None" = None

    def __call__(self, report: Report) -> None:
        """Keep the report, and tell what to do next."""
        if not acts(report.verb):
            # Interrupted while it looked: nothing was done, and what an earlier run has kept in the file still counts.
            return
        by_result = report.by_result()
        if self.path is not None:
            write_report(self.path, report, self.panels)
            again = any(result in AGAIN for result in by_result)
            flags = ["--retry-failed", shlex.quote(str(self.path)), *self.reach.flags]
            command = " ".join(["cvm-async", report.verb, *flags])
            self._tell(f"The report is in {self.path}{f'; do the rest again with: {command}' if again else ''}")
        for line in left_to_do(self.journal, self.reach):
            self._tell(line)
        unknown: dict[str, list[int]] = {}
        for outcome in by_result.get(Result.UNKNOWN, ()):
            unknown.setdefault(outcome.panel, []).append(outcome.vps.id)
        for panel, ids in unknown.items():
            self._tell(f"Look at what is unknown: {look_command(ids, self._flags_for(panel))}")

    def _flags_for(self, panel: str) -> Sequence[str]:
        # An id is one of one panel.
        return self.reach.flags_of(panel) if len(self.panels) > 1 else self.reach.flags

    def _tell(self, line: str) -> None:
        if self.terminal.json:
            self.terminal.say(line)
        else:
            self.terminal.show(line)


def look_command(ids: Iterable[int], flags: Sequence[str]) -> str:
    """Give the command that looks at these: ``cvm-async status 84 76 68 --profile prod``."""
    said = " ".join(["cvm-async", "status", *_ranges(ids), *flags])
    return said if len(said) <= _LONG else " ".join(["cvm-async", "status", "--all", *flags])


def _ranges(ids: Iterable[int]) -> list[str]:
    """Give ids as they are typed, three or more in a row as a range."""
    runs: list[list[int]] = []
    for each in sorted(ids):
        if runs and runs[-1][-1] + 1 == each:
            runs[-1].append(each)
        else:
            runs.append([each])
    return [text for run in runs for text in (_run(run))]


def _run(run: list[int]) -> list[str]:
    return [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(each) for each in run]  # noqa: PLR2004 - "1-2" saves nothing
