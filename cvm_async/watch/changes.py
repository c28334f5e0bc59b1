"""`changes` tells what is different between two snapshots: pure, so that anybody can compare any two."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from cvm_async.models import PowerState
from cvm_async.watch.events import (
    Change,
    Direction,
    NodeBack,
    NodeDoubtful,
    NodeUnreachable,
    PanelBack,
    PanelUnreachable,
    StateChanged,
    TrafficCrossed,
    VpsAppeared,
    VpsGone,
    VpsMoved,
    VpsReadable,
    VpsUnreadable,
)
from cvm_async.watch.picture import THRESHOLDS, NodeKey, Picture, check_thresholds
from cvm_async.watch.snapshot import Reading, Snapshot, Use, grouped

_SEVERAL: Final = 3
"""VPSes of a node that are stopped from one look to the next where that is doubtful."""

_DIRECTIONS: Final[tuple[Direction, ...]] = ("total", "in", "out")


def changes(before: Snapshot, after: Snapshot, *, thresholds: Sequence[float] = THRESHOLDS) -> tuple[Change, ...]:
    """Tell what is different between two snapshots: panels and nodes first, then VPSes in the later one's order.

    A panel or node of which nothing can be read is one event; its VPSes keep their last known states. A panel that is
    lost says nothing more of its nodes, until it is back. A node all of whose VPSes are stopped at once, several of
    which ran before, is one event, too.

    Args:
        before: The earlier one.
        after: The later one.
        thresholds: Shares of a traffic limit, above 0.0 up to 1.0, whose crossing is told.

    Raises:
        ConfigurationError: The thresholds are no such shares.
    """
    check_thresholds(thresholds)
    old, new = Picture.of(before, thresholds), Picture.of(after, thresholds)
    doubtful = _doubtful_nodes(after, old)
    return (
        *_of_inventory(before, after, old, new),
        *_of_panels(after, old, new),
        *_of_nodes(after, old, new),
        *(NodeDoubtful(panel, node, vpses) for (panel, node), vpses in sorted(doubtful.items())),
        *_of_states(after, old, new, doubtful),
        *_of_readability(after, old, new),
        *_of_traffic(after, old, new),
    )


def _of_inventory(before: Snapshot, after: Snapshot, old: Picture, new: Picture) -> Iterator[Change]:
    for reading in before:
        if reading.key not in new.states:
            yield VpsGone(reading.panel, reading.vps)
    for reading in after:
        key = reading.key
        if key not in old.states:
            yield VpsAppeared(reading.panel, reading.vps, new.states[key])
        elif old.nodes[key] != new.nodes[key]:
            yield VpsMoved(reading.panel, reading.vps, old.nodes[key], new.nodes[key])


def _of_panels(after: Snapshot, old: Picture, new: Picture) -> Iterator[Change]:
    now = grouped(after, lambda reading: reading.panel)
    for panel in sorted(new.lost_panels - old.lost_panels):
        yield PanelUnreachable(panel, len(now[panel]), _reason(now[panel]))
    for panel in sorted(old.lost_panels - new.lost_panels):
        if panel in now:
            yield PanelBack(panel, len(now[panel]))


def _of_nodes(after: Snapshot, old: Picture, new: Picture) -> Iterator[Change]:
    now = grouped(after, lambda reading: (reading.panel, reading.vps.node))
    for panel, node in sorted(new.lost_nodes - old.lost_nodes):
        group = now[panel, node]
        yield NodeUnreachable(panel, node, len(group), _reason(group))
    for panel, node in sorted(old.lost_nodes - new.lost_nodes):
        # Of a lost panel's nodes nothing is known, neither good nor bad.
        if panel not in new.lost_panels and (panel, node) in now:
            yield NodeBack(panel, node, len(now[panel, node]))


def _doubtful_nodes(after: Snapshot, old: Picture) -> dict[NodeKey, int]:
    """Give the nodes that seem to have stopped as a whole, each with how many VPSes are on it.

    Where only one or two of them just ran, they may well have been stopped by somebody.
    """
    groups = grouped(after, lambda reading: (reading.panel, reading.vps.node))
    return {
        (panel, node): len(group)
        for (panel, node), group in groups.items()
        if node is not None
        and all(map(_is_seen_stopped, group))
        and sum(old.states.get(reading.key) is PowerState.RUNNING for reading in group) >= _SEVERAL
    }


def _is_seen_stopped(reading: Reading) -> bool:
    return reading.is_fresh and reading.status is not None and reading.status.state is PowerState.STOPPED


def _of_states(after: Snapshot, old: Picture, new: Picture, doubtful: Collection[NodeKey]) -> Iterator[Change]:
    for reading in after:
        if (reading.panel, reading.vps.node) in doubtful:
            continue
        was, is_now = old.states.get(reading.key, new.states[reading.key]), new.states[reading.key]
        if was is not is_now:
            yield StateChanged(reading.panel, reading.vps, was, is_now)


def _of_readability(after: Snapshot, old: Picture, new: Picture) -> Iterator[Change]:
    failed, mended = new.unreadable - old.unreadable, old.unreadable - new.unreadable
    for reading in after:
        if reading.key in failed:
            yield VpsUnreadable(reading.panel, reading.vps, _message(reading))
        elif reading.key in mended and reading.is_fresh:
            yield VpsReadable(reading.panel, reading.vps)


def _of_traffic(after: Snapshot, old: Picture, new: Picture) -> Iterator[Change]:
    for reading in after:
        uses = {use.direction: use for use in reading.traffic}
        for direction in _DIRECTIONS:
            was, is_now = (picture.crossed.get((reading.key, direction)) for picture in (old, new))
            if was != is_now:
                use = uses.get(direction, Use(direction, None, None))
                yield TrafficCrossed(reading.panel, reading.vps, direction, was, is_now, use.used, use.limit)


def _reason(group: Sequence[Reading]) -> str:
    """Give what most of those failed of that were asked for; the others were left alone for it."""
    asked = [reading for reading in group if reading.error is not None and reading.error.attempts]
    return Counter(map(_message, asked or group)).most_common(1)[0][0]


def _message(reading: Reading) -> str:
    return "" if reading.error is None else reading.error.message
