"""The lines around the live table: how many VPSes do what, on which nodes there is trouble, and how old that is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import evolve, frozen

from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.top.lines.columns import NOT_YET_SIGN, SIGNS, UNREAD_SIGN
from cvm_async.cli.top.lines.look import REST, Line, Piece, Tone, cut, joined, span, spread, width_of
from cvm_async.models import PowerState
from cvm_async.watch.events import Key
from cvm_async.watch.picture import NodeKey, Picture
from cvm_async.watch.snapshot import Reading, Snapshot

_LATE = 2.0
"""Intervals after which a look that has not come is late."""


def with_newer(snapshot: Snapshot, newer: Mapping[Key, Reading]) -> Snapshot:
    """Give a snapshot with what is known better since, because something was done and waited for."""
    if not newer:
        return snapshot
    return evolve(snapshot, readings=tuple(newer.get(reading.key, reading) for reading in snapshot))


def title(panels: Sequence[str], total: int | None, fresh: Line, width: int) -> Line:
    """Give which panels, how many VPSes, and how new what is known of them is."""
    named: Line = ((" " + ", ".join(map(safe_text, panels)), Tone.STRONG),)
    known: Line = () if total is None else ((f"   {some_vpses(total)}", Tone.PLAIN),)
    return spread((*named, *known), fresh, width)


def freshness(snapshot: Snapshot, *, now: datetime, every: float) -> Line:
    """Give ``read 4s ago in 0.4 s, every 30 s``; a look that is late warns."""
    age = (now - snapshot.at).total_seconds()
    tone = Tone.WARNING if age > _LATE * every + snapshot.elapsed else Tone.QUIET
    return (f"read {span(age)} ago", tone), (f" in {snapshot.elapsed:.1f} s, every {every:g} s ", Tone.QUIET)


def counts(snapshot: Snapshot, width: int) -> Line:
    """Give how many VPSes are in each state, by the last known one; then how much of that is not from now."""
    states = Counter(status.state for status in snapshot.statuses.values())
    parts: list[Line] = [_count(states[state], state.value, *SIGNS[state]) for state in PowerState if states[state]]
    unread = Counter(reading.error is not None for reading in snapshot if reading.status is None)
    if unread[True]:
        parts.append(_count(unread[True], "not read", *UNREAD_SIGN))
    if unread[False]:
        parts.append(_count(unread[False], "not read yet", *NOT_YET_SIGN))
    if snapshot.stale:
        parts.append(((f"{len(snapshot.stale):,} stale", Tone.WARNING),))
    return cut(((" ", Tone.PLAIN), *joined(parts)), width)


def _count(count: int, word: str, sign: str, tone: Tone) -> Line:
    return (f"{sign} ", tone), (f"{count:,}", Tone.STRONG), (f" {word}", Tone.PLAIN)


@frozen
class NodeCount:
    """How the VPSes of a host node are.

    Attributes:
        key: The panel and the node.
        running: How many run, as far as is known.
        total: How many there are.
        is_lost: Whether none of them can be read.
    """

    key: NodeKey
    running: int
    total: int
    is_lost: bool

    @property
    def rank(self) -> tuple[bool, bool, NodeKey]:
        """Its place by trouble: lost ones first, then those on which not all runs."""
        return not self.is_lost, self.running == self.total, self.key


def by_node(snapshot: Snapshot, picture: Picture) -> list[NodeCount]:
    """Give the host nodes, those with trouble first."""
    total: Counter[NodeKey] = Counter()
    running: Counter[NodeKey] = Counter()
    for reading in snapshot:
        if reading.vps.node is not None:
            key = reading.panel, reading.vps.node
            total[key] += 1
            running[key] += reading.status is not None and reading.status.state is PowerState.RUNNING
    lost = picture.lost_nodes
    nodes = [NodeCount(key, running[key], total[key], key in lost or key[0] in picture.lost_panels) for key in total]
    return sorted(nodes, key=lambda node: node.rank)


def nodes(snapshot: Snapshot, width: int) -> Line:
    """Give the panels and nodes that are lost, and how many VPSes run on each node, as far as there is room."""
    picture = Picture.of(snapshot)
    several = len({reading.panel for reading in snapshot}) > 1
    parts: list[Line] = [
        ((f"{UNREAD_SIGN[0]} panel {safe_text(panel)} unreachable", UNREAD_SIGN[1]),)
        for panel in sorted(picture.lost_panels)
    ]
    found = by_node(snapshot, picture)
    parts.extend(_node(node, several=several) for node in found)
    return _as_many_as_fit(((" nodes  ", Tone.QUIET),), parts, width) if parts else ()


def _as_many_as_fit(head: Line, parts: Sequence[Line], width: int) -> Line:
    shown: list[Line] = []
    for index, part in enumerate(parts):
        left = len(parts) - index
        more: Line = ((f"+{left - 1:,} more", Tone.QUIET),)
        longer = joined([*shown, part, *([more] if left > 1 else [])])
        if width_of(head) + width_of(longer) > width:
            return cut((*head, *joined([*shown, ((f"+{left:,} more", Tone.QUIET),)])), width)
        shown.append(part)
    return (*head, *joined(shown))


def _node(node: NodeCount, *, several: bool) -> Line:
    name = f"{safe_text(node.key[0])}:{node.key[1]}" if several else str(node.key[1])
    figures = f" {node.running:,}/{node.total:,}"
    if node.is_lost:
        return ((f"{UNREAD_SIGN[0]} {name} lost{figures}", UNREAD_SIGN[1]),)
    all_run = node.running == node.total
    return (name, Tone.PLAIN), (figures, Tone.QUIET if all_run else Tone.WARNING)


def rule(parts: Sequence[Line], width: int) -> Line:
    """Give a line across the screen that says what is between."""
    pieces: list[Piece] = [(REST * 2, Tone.QUIET)]
    for part in parts:
        pieces.extend(((" ", Tone.PLAIN), *part, (" ", Tone.PLAIN), (REST * 2, Tone.QUIET)))
    line = cut(pieces, width)
    return (*line, (REST * (width - width_of(line)), Tone.QUIET))
