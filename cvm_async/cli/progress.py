"""Progress for whoever waits at a terminal: how far it is, and what it waits for; work that is soon done shows none.

It is drawn from the event loop and not from a thread: what is under way is looked at where it changes.
"""

import asyncio
import math
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from attrs import define, field, frozen
from rich.console import Group
from rich.live import Live
from rich.text import Text

import cvm_async
from cvm_async._safe_text import safe_text
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.control import UnderWay
from cvm_async.fleet.outcome import Progress

PATIENCE = 0.5
"""Seconds in which a person does not wonder yet."""

EVERY = 0.2
"""Seconds from one drawing to the next."""

SLOW = 2.0
"""Seconds after which a call is told of: most have been answered by then."""

_BAR = 40
"""Columns of the bar where there is room; `_LEAST` of them are better than none."""
_LEAST = 8
_NODES = 3

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES = "-\\|/"


@frozen(kw_only=True)
class Shown:
    """How far something is, as it is drawn.

    Attributes:
        title: What is being done.
        spent: Seconds since it began.
        idle: Seconds since something last moved.
        done: VPSes with an outcome, of `total`; None where nobody knows of how many.
        failed: Of these, VPSes that failed; skipped ones are not counted.
        stage: Where it is among its batches.
        under_way: What is under way, what takes longest first.
        ends: Whether nothing new begins any more.
    """

    title: str
    spent: float
    idle: float
    done: int = 0
    total: int | None = None
    failed: int = 0
    stage: "cvm_async.Stage | None" = None
    under_way: Sequence[UnderWay] = ()
    ends: bool = False


def lines(shown: Shown, width: int, *, plain: bool = False) -> list[Text]:
    """Draw it: a line with how far it is, and one with what it waits for, where it waits."""
    waiting = "" if shown.total is None else waits_for(shown, width)
    return [_first(shown, width, plain=plain), *([Text(waiting, style="yellow", no_wrap=True)] if waiting else [])]


def waits_for(shown: Shown, width: int) -> str:
    """Give ``waiting: node 2 (4 calls, 12 s of 15)``, as many nodes as there is room for; nothing where it moves."""
    if shown.stage is not None and shown.stage.pause > 0:
        return _cut(f"pausing: batch {shown.stage.batch} begins in {shown.stage.pause:,.0f} s", width)
    slow = [each for each in shown.under_way if each.spent >= SLOW]
    if slow:
        return _fitting("ending: " if shown.ends else "waiting: ", _by_node(slow), width)
    if shown.idle >= SLOW and not shown.under_way and shown.done < (shown.total or 0):
        return _cut("waiting for room: calls that were given up hold the places", width)
    return ""


def on_nodes(under_way: Iterable[UnderWay]) -> str:
    """Give ``nodes 2, 5``, and of which panel where there are several."""
    each = list(under_way)
    panels = {one.panel for one in each}
    nodes = sorted({_place(one, several=len(panels) > 1) for one in each})
    more = f" and {len(nodes) - _NODES:,} more" if len(nodes) > _NODES else ""
    return f"node{'s' if len(nodes) > 1 else ''} {', '.join(nodes[:_NODES])}{more}"


def _place(one: UnderWay, *, several: bool) -> str:
    node = "?" if one.vps.node is None else str(one.vps.node)
    return f"{node} of {safe_text(one.panel)}" if several else node


def _by_node(slow: Sequence[UnderWay]) -> list[str]:
    several = len({one.panel for one in slow}) > 1
    groups: dict[tuple[str, bool], list[UnderWay]] = {}
    for one in slow:
        groups.setdefault((_place(one, several=several), one.doing == "wait"), []).append(one)
    return [f"node {place} ({_told(group)})" for (place, _), group in groups.items()]


def _told(group: Sequence[UnderWay]) -> str:
    longest = group[0]
    what = "VPS" if longest.doing == "wait" else "call"
    plural = "" if len(group) == 1 else "es" if longest.doing == "wait" else "s"
    # Tried again, a call takes longer than one try may.
    limit = f" of {longest.limit:g}" if longest.limit is not None and longest.spent <= longest.limit else ""
    return f"{len(group):,} {what}{plural}, {longest.spent:,.0f} s{limit}"


def _fitting(head: str, parts: Sequence[str], width: int) -> str:
    for count in range(len(parts), 0, -1):
        rest = len(parts) - count
        said = head + ", ".join(parts[:count]) + (f" and {rest:,} more" if rest else "")
        if len(said) <= width:
            return said
    return _cut(head + parts[0], width)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _first(shown: Shown, width: int, *, plain: bool) -> Text:
    if shown.total is None:
        frames = _PLAIN_FRAMES if plain else _FRAMES
        frame = frames[int(shown.spent / EVERY) % len(frames)]
        return Text(_cut(f"{frame} {shown.title}: {shown.spent:,.0f} s", width), no_wrap=True)
    parts = _parts(shown)
    while len(parts) > 1 and len(shown.title) + 1 + len(", ".join(parts)) > width:
        parts.pop()
    said = ", ".join(parts)
    room = min(_BAR, width - len(shown.title) - len(said) - 2)
    text = Text(f"{shown.title} ", no_wrap=True)
    if room >= _LEAST:
        filled = room * shown.done // max(1, shown.total)
        text.append(("#" if plain else "━") * filled, style="green")
        text.append(("." if plain else "─") * (room - filled), style="bright_black")
        text.append(" ")
    return text.append(said)


def _parts(shown: Shown) -> list[str]:
    """Give what is told besides the title, what matters most first: from the end it leaves where room is short."""
    failed = [f"{shown.failed:,} failed"] if shown.failed else []
    stage = shown.stage
    batch = [f"batch {stage.batch:,} of {stage.batches:,}"] if stage is not None and stage.batches > 1 else []
    return [f"{shown.done:,}/{shown.total:,}", *failed, *batch, *_time(shown)]


def _time(shown: Shown) -> list[str]:
    """Give the pace of the whole time, and what is left at that pace; where nothing moves, since when."""
    pace = shown.done / shown.spent if shown.spent else 0.0
    steady = SLOW + (2 / pace if pace else 0.0)
    if shown.idle >= steady:
        return [f"nothing for {shown.idle:,.0f} s"]
    if not pace or shown.ends:
        return []
    left = math.ceil(((shown.total or 0) - shown.done) / pace)
    return [f"{pace:,.1f}/s", f"{left:,} s left"]


def _now() -> float:
    return asyncio.get_running_loop().time()


@define(eq=False)
class ProgressBar:
    """Draws on standard error, for as long as the block lasts; to be called with each `Progress`.

    Attributes:
        terminal: Where it shows, if that is a terminal that can redraw a line.
        title: What is being done.
        total: How many VPSes there are; None for a spinner.
        control: The run's, which tells what is under way.
        last: How far it is.
        ends: Whether nothing new begins any more.
    """

    terminal: Terminal
    title: str
    total: int | None = None
    control: "cvm_async.RunControl | None" = None
    last: Progress | None = None
    ends: bool = False
    _failed: int = field(init=False, default=0)
    _began: float = field(init=False, factory=_now)
    _moved: float = field(init=False, factory=_now)
    _live: Live | None = field(init=False, default=None)
    _timer: asyncio.TimerHandle | None = field(init=False, default=None)

    def __call__(self, progress: Progress) -> None:
        """Take note of how far it is."""
        self.last = progress
        self.total = progress.total
        self._moved = _now()
        if progress.latest.error is not None and not progress.latest.skipped:
            self._failed += 1

    def __enter__(self) -> Self:
        if self.terminal.animates:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._draw)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._live is not None:
            self._live.stop()

    def shown(self) -> Shown:
        """Give how far it is, to be drawn."""
        now = _now()
        return Shown(
            title=self.title,
            spent=now - self._began,
            idle=now - self._moved,
            done=0 if self.last is None else self.last.done,
            total=self.total,
            failed=self._failed,
            stage=None if self.control is None else self.control.stage,
            under_way=() if self.control is None else self.control.under_way(),
            ends=self.ends,
        )

    def _draw(self) -> None:
        err = self.terminal.err
        drawn = Group(*lines(self.shown(), err.width - 1, plain=err.options.ascii_only))
        if self._live is None:
            self._live = Live(console=err, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(drawn, refresh=True)
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._draw)
