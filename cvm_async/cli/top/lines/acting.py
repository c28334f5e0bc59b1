"""How a rollout that was agreed to goes on, as lines: how far it is, what came of each, and on which nodes it waits."""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

from attrs import Factory, define, field

from cvm_async import render
from cvm_async._api.verbs import Verb
from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.top.lines.look import Line, Tone, bar, cut, joined, percent, plain, spread
from cvm_async.fleet.control import RunControl, UnderWay
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.fleet.plan import PlannedStep
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.result import Result, result_of
from cvm_async.fleet.summary import how_word
from cvm_async.models import Vps
from cvm_async.runs.journal import RunJournal
from cvm_async.watch.events import Key

TONES: Final = {
    Result.CHANGED: Tone.GOOD,
    Result.UNCHANGED: Tone.QUIET,
    Result.NOT_POSSIBLE: Tone.WARNING,
    Result.FAILED: Tone.TROUBLE,
    Result.SKIPPED: Tone.WARNING,
    Result.UNKNOWN: Tone.TROUBLE,
    Result.SEEN: Tone.GOOD,
}
_QUEUED: Final = "queued"
_LATEST: Final = 200
_BAR: Final = 24
_NODE_BAR: Final = 12
_NODES_MOST: Final = 8


@define(eq=False)
class Acting:
    """One rollout under way.

    Attributes:
        verb: What is done.
        steps: To which VPSes.
        done: What came of those that are done.
        report: What came of all, once it is over.
        control: Ends it early, and tells what is under way.
        journal: Keeps the run; None where it is not kept.
    """

    verb: Verb
    steps: tuple[PlannedStep, ...]
    journal: RunJournal | None = None
    done: dict[Key, Outcome[object]] = Factory(dict[Key, Outcome[object]])
    report: FleetReport[Any] | None = None
    control: RunControl = Factory(RunControl)
    _latest: deque[Outcome[object]] = field(factory=lambda: deque[Outcome[object]](maxlen=_LATEST))

    def add(self, progress: Progress) -> None:
        """Take one more outcome."""
        outcome = progress.latest
        self.done[outcome.panel, outcome.vps.id] = outcome
        self._latest.append(outcome)

    @property
    def words(self) -> str:
        """What is being done: "stopping"."""
        return self.verb.row.doing

    @property
    def summary(self) -> str:
        """What came of it, in a line."""
        return f"{self.verb.value}: {'cut off' if self.report is None else self.report.summary()}"

    def doing(self) -> dict[Key, str]:
        """Give the VPSes that are not done yet, each with what is being done to it, or that its turn has not come."""
        if self.report is not None:
            return {}
        begun = {(each.panel, each.vps.id) for each in self.control.under_way()}
        keys = ((step.panel, step.vps.id) for step in self.steps)
        return {key: self.words if key in begun else _QUEUED for key in keys if key not in self.done}

    def lines(self, *, width: int, height: int) -> list[Line]:
        """Give how it goes, in at most so many lines."""
        head: Line = ((f"{self._title()} {some_vpses(len(self.steps))}", Tone.STRONG),)
        share = len(self.done) / len(self.steps)
        far: Line = (*bar(share, _BAR), (f" {percent(share)}   {len(self.done):,} of {len(self.steps):,}", Tone.PLAIN))
        lines = [head, plain(""), far, results_line(self.done.values(), self.verb), plain("")]
        nodes = self._nodes(width)[: min(_NODES_MOST, max(height - len(lines) - 2, 0))]
        lines.extend((*nodes, *((plain(""),) if nodes else ())))
        room = max(height - len(lines), 0)
        if self.report is not None:
            lines.extend(plain(line) for line in render.reasons(self.report)[:room])
        else:
            lines.extend(_outcome(outcome, self.verb) for outcome in list(self._latest)[::-1][:room])
        return [cut(line, width) for line in lines[:height]]

    def _title(self) -> str:
        if self.report is not None:
            return f"Done: {self.verb.value}"
        return f"Beginning nothing new: {self.words}" if self.control.stopped else self.words.capitalize()

    def _nodes(self, width: int) -> list[Line]:
        """Give how far each node is that is not done, those with the most left first."""
        named = _places({step.panel for step in self.steps})
        total = Counter(named(step.panel, step.vps) for step in self.steps)
        done = Counter(named(outcome.panel, outcome.vps) for outcome in self.done.values())
        begun: dict[str, list[UnderWay]] = {}
        for each in self.control.under_way():
            begun.setdefault(named(each.panel, each.vps), []).append(each)
        left = sorted((name for name in total if done[name] < total[name]), key=lambda name: done[name] - total[name])
        return [
            spread(
                (*bar(done[name] / total[name], _NODE_BAR), (f"   {name}", Tone.PLAIN)),
                ((f"{total[name] - done[name]:,} left{_longest(begun.get(name, []))}", Tone.QUIET),),
                width,
            )
            for name in left
        ]


def _longest(begun: Sequence[UnderWay]) -> str:
    """Give ``, 2 under way for 12 s of 120``; those that take longest come first."""
    if not begun:
        return ""
    limit = "" if begun[0].limit is None else f" of {begun[0].limit:.0f}"
    return f", {len(begun):,} under way for {begun[0].spent:.0f} s{limit}"


def looking(what: str, progress: Progress | None) -> list[Line]:
    """Give how far a look is that comes before a plan."""
    share = 0.0 if progress is None else progress.done / progress.total
    far = "" if progress is None else f"   {progress.done:,} of {progress.total:,}"
    head: Line = ((what, Tone.STRONG),)
    return [head, plain(""), (*bar(share, _BAR), (f" {percent(share)}{far}", Tone.PLAIN))]


def results_line(outcomes: Iterable[Outcome[object]], verb: Verb) -> Line:
    """Give how many there are of each result: ``18 changed   2 failed``."""
    counts = Counter(result_of(outcome, verb.value) for outcome in outcomes)
    return joined([((f"{counts[result]:,} {result}", TONES[result]),) for result in Result if counts[result]])


def _outcome(outcome: Outcome[object], verb: Verb) -> Line:
    result = result_of(outcome, verb.value)
    named = f"{safe_text(outcome.vps.hostname)} ({outcome.vps.id}) "
    why = "" if outcome.error is None else f": {safe_text(outcome.error.message)}"
    took = "" if outcome.skipped else f" in {outcome.elapsed:.1f} s"
    how = how_word(outcome, verb.value)
    return (named, Tone.PLAIN), (f"{result}{f' ({how})' if how else ''}", TONES[result]), (f"{took}{why}", Tone.QUIET)


def _places(panels: Collection[str]) -> Callable[[str, Vps], str]:
    """Give what names a node: where there are several panels, the panel, too."""

    def named(panel: str, vps: Vps) -> str:
        node = "node not told" if vps.node is None else f"node {vps.node}"
        return f"{node} of {safe_text(panel)}" if len(panels) > 1 else node

    return named


def told(reports: Sequence[FleetReport[Any]]) -> list[str]:
    """Give what a person reads after the terminal was left: what was done, and why what failed did."""
    return [
        line
        for report in reports
        for line in (f"{report.verb}: {safe_text(report.summary())}", *render.reasons(report))
    ]
