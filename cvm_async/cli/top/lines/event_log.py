"""The event log: a line for each change, and one for many alike; what the library warns of stands there, too."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import singledispatch
from typing import Final

from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.top.lines.look import ALARMING, Line, Tone, wrapped
from cvm_async.models import PowerState
from cvm_async.watch.events import (
    Change,
    Key,
    NodeBack,
    NodeDoubtful,
    NodeUnreachable,
    PanelBack,
    PanelUnreachable,
    StateChanged,
    TrafficCrossed,
    VpsChange,
    VpsReadable,
    VpsUnreadable,
)

KEPT: Final = 1_000
"""Lines of the log: more than a person scrolls back over."""
_ALIKE: Final = 6
"""Changes alike at one look from which on one line tells of them all."""


class EventLog:
    """What happened, the latest last.

    Attributes:
        lines: As they show.
    """

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self._changes: deque[tuple[datetime, Change]] = deque(maxlen=KEPT)

    def tell(self, at: datetime, changes: Sequence[Change], *, panels: bool = False) -> None:
        """Take what changed at one look; with `panels`, each line names the panel."""
        self._changes.extend((at, change) for change in changes)
        self.lines.extend(told(at, changes, panels=panels))

    def say(self, at: datetime, words: str, tone: Tone = Tone.PLAIN) -> None:
        """Take a line of the program's own."""
        self.lines.append(_stamped(at, words, tone))

    def latest(self, *, width: int, height: int) -> list[Line]:
        """Give the last lines, as many as fit."""
        if not self.lines:
            return [((" nothing has changed yet", Tone.QUIET),)]
        recent = (wrapped(line, width) for line in list(self.lines)[-height:]) if height else ()
        return [part for line in recent for part in line][-height:]

    def of(self, key: Key) -> list[Line]:
        """Give what happened to one VPS."""
        mine = ((at, each) for at, each in self._changes if isinstance(each, VpsChange) and each.key == key)
        return [_stamped(at, _what(change), tone_of(change)) for at, change in mine]


def told(at: datetime, changes: Iterable[Change], *, panels: bool = False) -> Iterator[Line]:
    """Give the lines for what changed at one look."""
    groups: dict[tuple[type[Change], str, str], list[Change]] = {}
    for change in changes:
        # What is about no VPS is one event already.
        alike = _what(change) if isinstance(change, VpsChange) else str(change)
        groups.setdefault((type(change), change.panel, alike), []).append(change)
    for (kind, panel, alike), group in groups.items():
        tone = tone_of(group[0])
        # What is about a node or a panel names it itself.
        named = f"{panel}: " if panels and issubclass(kind, VpsChange) else ""
        if len(group) >= _ALIKE:
            yield _stamped(at, f"{named}{some_vpses(len(group))}: {alike}", tone)
        else:
            yield from (_stamped(at, f"{named}{change}", tone) for change in group)


def _stamped(at: datetime, words: str, tone: Tone) -> Line:
    return (f" {at.astimezone():%H:%M:%S}  ", Tone.QUIET), (safe_text(words), tone)


def _what(change: VpsChange) -> str:
    """Give what happened, without the name of the VPS that it happened to."""
    named = f"{safe_text(change.vps.hostname)} ({change.vps.id})"
    return str(change).removeprefix(named).partition(": ")[2]


@singledispatch
def tone_of(change: Change) -> Tone:
    """Give the tone in which a change is told: most are news, neither good nor bad."""
    del change
    return Tone.PLAIN


@tone_of.register(PanelUnreachable)
@tone_of.register(NodeUnreachable)
@tone_of.register(VpsUnreadable)
def _(_: Change) -> Tone:
    return Tone.TROUBLE


@tone_of.register(PanelBack)
@tone_of.register(NodeBack)
@tone_of.register(VpsReadable)
def _(_: Change) -> Tone:
    return Tone.GOOD


@tone_of.register(NodeDoubtful)
def _(_: Change) -> Tone:
    return Tone.WARNING


@tone_of.register
def _(change: StateChanged) -> Tone:
    return Tone.GOOD if change.after is PowerState.RUNNING else Tone.WARNING


@tone_of.register
def _(change: TrafficCrossed) -> Tone:
    if change.after is None:
        return Tone.PLAIN
    return Tone.TROUBLE if change.after >= ALARMING else Tone.WARNING
