"""`Known`: what the live terminal knows and how it is to be shown; no widget here, and so all of it can be tested."""

from collections.abc import Sequence
from datetime import datetime

from attrs import define, field, frozen

from cvm_async._words import some_vpses
from cvm_async.cli.top.deeds import as_listed, as_looked_at, as_read
from cvm_async.cli.top.lines import overview
from cvm_async.cli.top.lines.acting import Acting
from cvm_async.cli.top.lines.detail import detail
from cvm_async.cli.top.lines.event_log import EventLog
from cvm_async.cli.top.lines.history import History
from cvm_async.cli.top.lines.look import Line, Tone
from cvm_async.cli.top.lines.rows import Row, next_order, rows
from cvm_async.cli.top.lines.search import Search
from cvm_async.cli.watch import trouble
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Outcome
from cvm_async.watch.events import Key
from cvm_async.watch.rates import Rate, rates
from cvm_async.watch.snapshot import Reading, Snapshot


@frozen
class Wanted:
    """Which VPSes show, and how.

    Attributes:
        order: One of the ways to sort.
        search: What is filtered by.
    """

    order: str = "trouble"
    search: Search = field(factory=Search)


@define(eq=False)
class Known:
    """What is known of the fleet.

    Attributes:
        panels: What the panels are called.
        every: Seconds from one look to the next.
        wanted: Which VPSes show, and how.
        snapshot: What is known; what the list alone tells, until the first look is over.
        looks: How many looks are over.
        log: What happened.
        acting: What is being done, or was done last.
        waiting: What is waited for, before there is anything to show.
    """

    panels: Sequence[str]
    every: float
    wanted: Wanted = field(factory=Wanted)
    snapshot: Snapshot | None = None
    looks: int = 0
    log: EventLog = field(factory=EventLog)
    acting: Acting | None = None
    waiting: str = ""
    _rates: dict[Key, Rate] = field(factory=dict[Key, Rate], init=False)
    _newer: dict[Key, Reading] = field(factory=dict[Key, Reading], init=False)
    _arrived: dict[Key, Reading] = field(factory=dict[Key, Reading], init=False)
    _now: Snapshot | None = field(default=None, init=False)
    _heads: dict[int, list[Line]] = field(factory=dict[int, list[Line]], init=False)
    _history: History = field(factory=History, init=False)

    def take_list(self, fleet: Fleet) -> None:
        """Take what the panels' lists tell."""
        self.panels = fleet.panels or self.panels
        self.snapshot = as_listed(fleet)
        for problem in fleet.problems:
            self.log.say(self.snapshot.at, f"of the list cannot be read: {problem}", Tone.WARNING)
        self._changed()

    def take(self, snapshot: Snapshot) -> None:
        """Take what one look gave."""
        first = not self.looks
        told = trouble(snapshot) if first else snapshot.changes
        self.log.tell(snapshot.at, told, panels=len(self.panels) > 1)
        if self.snapshot is not None and not first:
            self._rates = rates(self.snapshot, snapshot)
        self._newer = {key: reading for key, reading in self._newer.items() if _is_later(reading, snapshot.get(key))}
        self._arrived.clear()
        self._history.keep(snapshot)
        self.snapshot = snapshot
        self.looks += 1
        self._changed()

    def note(self, outcome: Outcome[object]) -> None:
        """Take what came of an action for one VPS: it shows before the next look is over."""
        key = outcome.panel, outcome.vps.id
        reading = None if self.snapshot is None else self.snapshot.get(key)
        if reading is not None:
            self._newer[key] = as_read(reading, outcome)
            self._changed()

    def arrive(self, outcome: Outcome[object]) -> None:
        """Take one VPS's status before the look is over: one node that hangs makes nobody wait for the others."""
        key = outcome.panel, outcome.vps.id
        reading = None if self.snapshot is None else self.snapshot.get(key)
        if reading is not None:
            self._arrived[key] = as_looked_at(reading, outcome)
            self._changed()

    @property
    def now(self) -> Snapshot | None:
        """What is known, with what came of actions since the last look."""
        if self._now is None and self.snapshot is not None:
            self._now = overview.with_newer(self.snapshot, {**self._arrived, **self._newer})
        return self._now

    def _changed(self) -> None:
        self._now = None
        self._heads.clear()

    def rows(self) -> list[Row]:
        """Give the rows to show."""
        if self.now is None:
            return []
        doing = {} if self.acting is None else self.acting.doing()
        return rows(self.now, order=self.wanted.order, search=self.wanted.search, rates=self._rates, doing=doing)

    def head(self, *, now: datetime, width: int) -> list[Line]:
        """Give the three lines above the table."""
        snapshot = self.now
        waiting: Line = ((f"{self.waiting} ", Tone.QUIET),)
        if snapshot is None:
            return [overview.title(self.panels, None, waiting, width), (), ()]
        # Only how old it is changes from second to second.
        if width not in self._heads:
            nodes = overview.nodes(snapshot, width) if self.looks else ()
            self._heads[width] = [overview.counts(snapshot, width), nodes]
        if not self.looks:
            waiting = ((f"reading, {len(self._arrived):,} of {some_vpses(len(snapshot))} so far ", Tone.QUIET),)
        fresh = overview.freshness(snapshot, now=now, every=self.every) if self.looks else waiting
        return [overview.title(self.panels, len(snapshot), fresh, width), *self._heads[width]]

    def rule(self, *, shown: int, marked: int, width: int) -> Line:
        """Give the line below the table: which show, in which order, how many are selected, what is being done."""
        parts: list[Line] = [(("sorted by ", Tone.QUIET), (self.wanted.order, Tone.PLAIN))]
        if self.wanted.search.words:
            of = 0 if self.snapshot is None else len(self.snapshot)
            text = f" fit {self.wanted.search.text}"
            parts.append(((f"{shown:,} of {of:,}", Tone.STRONG), (text, Tone.KEY)))
        if marked:
            parts.append(((f"{marked:,} selected", Tone.KEY),))
        if self.acting is not None and self.acting.report is None:
            done = f"{len(self.acting.done):,} of {len(self.acting.steps):,}"
            parts.append(((f"{self.acting.words} {done}", Tone.KEY),))
        return overview.rule(parts, width)

    def row(self, key: Key) -> Row | None:
        """Give one VPS's row, also where it does not show; None where it is gone."""
        reading = None if self.now is None else self.now.get(key)
        return None if reading is None else Row(reading, self._rates.get(key, Rate()))

    def detail(self, key: Key, *, now: datetime, width: int, height: int) -> list[Line]:
        """Give all that is known of one VPS."""
        row, looks, events = self.row(key), self._history.of(key), self.log.of(key)
        if row is None:
            return [(("This VPS is gone.", Tone.WARNING),), *events[-height:]]
        return detail(row, looks, events, now=now, width=width, height=height)

    def sort(self, step: int) -> None:
        """Sort in the next way, or in the one before."""
        self.wanted = Wanted(next_order(self.wanted.order, step), self.wanted.search)

    def find(self, text: str) -> None:
        """Filter by this."""
        self.wanted = Wanted(self.wanted.order, Search.of(text))


def _is_later(reading: Reading, read: Reading | None) -> bool:
    """Tell whether what came of an action is later than what a look found."""
    if read is None or reading.read_at is None:
        return False
    return read.read_at is None or read.read_at < reading.read_at
