"""`Picture`: what changes speak of, without the figures that always change: what is there, does what, is lost."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import singledispatch
from http import HTTPStatus
from typing import Final, TypeAlias, cast

from attrs import evolve, frozen

from cvm_async._checks import refuse
from cvm_async.errors import DecodeError, NoAnswerError, NodeUnreachableError, PanelError
from cvm_async.models import PowerState
from cvm_async.watch.events import (
    Change,
    Direction,
    Key,
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
from cvm_async.watch.snapshot import Reading, Snapshot, grouped

THRESHOLDS: Final = (0.80, 0.95)
"""Shares of a traffic limit at which a person wants to know: when there is time left, and when there is none."""

NodeKey: TypeAlias = tuple[str, int]
TrafficKey: TypeAlias = tuple[Key, Direction]


@frozen(kw_only=True)
class Picture:
    """What changes speak of.

    Attributes:
        states: What each VPS does, as far as is known; None where it has never been read.
        nodes: The host node that each is on.
        lost_panels: Panels of which nothing could be read.
        lost_nodes: Host nodes of which nothing could be read, on panels that are not lost.
        unreadable: VPSes that could not be read, on nodes and panels that are not lost.
        crossed: The highest threshold that each VPS's traffic has reached, where it has reached one.
    """

    states: Mapping[Key, PowerState | None]
    nodes: Mapping[Key, int | None]
    lost_panels: frozenset[str] = frozenset()
    lost_nodes: frozenset[NodeKey] = frozenset()
    unreadable: frozenset[Key] = frozenset()
    crossed: Mapping[TrafficKey, float]

    @classmethod
    def of(cls, snapshot: Snapshot, thresholds: Sequence[float] = THRESHOLDS) -> "Picture":
        """Give the picture of a snapshot."""
        panels = _lost_panels(snapshot)
        nodes = _lost_nodes(snapshot, panels)
        return cls(
            states={r.key: None if r.status is None else r.status.state for r in snapshot},
            nodes={r.key: r.vps.node for r in snapshot},
            lost_panels=panels,
            lost_nodes=nodes,
            unreadable=frozenset(
                r.key for r in snapshot if not (r.is_fresh or r.panel in panels or (r.panel, r.vps.node) in nodes)
            ),
            crossed=dict(_crossed(snapshot, thresholds)),
        )

    def apply(self, changes: Iterable[Change]) -> "Picture":
        """Give the picture after what `changes` told of two snapshots, of which this is the first."""
        picture = self
        for change in changes:
            picture = after(change, picture)
        return picture.tidy()

    def tidy(self) -> "Picture":
        """Give it without what nothing is left of, and without VPSes that a lost node or panel stands for."""
        panels = {key[0] for key in self.states}
        nodes = {(key[0], node) for key, node in self.nodes.items()}
        return evolve(
            self,
            lost_panels=self.lost_panels & panels,
            lost_nodes=frozenset(node for node in self.lost_nodes if node in nodes and node[0] not in self.lost_panels),
            unreadable=frozenset(key for key in self.unreadable if not self._is_lost(key)),
        )

    def _is_lost(self, key: Key) -> bool:
        return key[0] in self.lost_panels or (key[0], self.nodes[key]) in self.lost_nodes


@singledispatch
def after(change: Change, picture: Picture) -> Picture:
    """Give the picture after one change."""
    msg = f"{change!r} says nothing of {picture!r}"
    raise TypeError(msg)


@after.register
def _(change: VpsGone, picture: Picture) -> Picture:
    gone = change.key
    return evolve(
        picture,
        states={key: state for key, state in picture.states.items() if key != gone},
        nodes={key: node for key, node in picture.nodes.items() if key != gone},
        unreadable=picture.unreadable - {gone},
        crossed={which: share for which, share in picture.crossed.items() if which[0] != gone},
    )


@after.register
def _(change: VpsAppeared, picture: Picture) -> Picture:
    states, nodes = {**picture.states, change.key: change.state}, {**picture.nodes, change.key: change.vps.node}
    return evolve(picture, states=states, nodes=nodes)


@after.register
def _(change: VpsMoved, picture: Picture) -> Picture:
    return evolve(picture, nodes={**picture.nodes, change.key: change.after})


@after.register
def _(change: StateChanged, picture: Picture) -> Picture:
    return evolve(picture, states={**picture.states, change.key: change.after})


@after.register
def _(change: VpsUnreadable, picture: Picture) -> Picture:
    return evolve(picture, unreadable=picture.unreadable | {change.key})


@after.register
def _(change: VpsReadable, picture: Picture) -> Picture:
    return evolve(picture, unreadable=picture.unreadable - {change.key})


@after.register
def _(change: NodeDoubtful, picture: Picture) -> Picture:
    on_it = (key for key, node in picture.nodes.items() if (key[0], node) == (change.panel, change.node))
    return evolve(picture, states={**picture.states, **dict.fromkeys(on_it, PowerState.STOPPED)})


@after.register
def _(change: NodeUnreachable, picture: Picture) -> Picture:
    return evolve(picture, lost_nodes=picture.lost_nodes | {(change.panel, change.node)})


@after.register
def _(change: NodeBack, picture: Picture) -> Picture:
    return evolve(picture, lost_nodes=picture.lost_nodes - {(change.panel, change.node)})


@after.register
def _(change: PanelUnreachable, picture: Picture) -> Picture:
    return evolve(picture, lost_panels=picture.lost_panels | {change.panel})


@after.register
def _(change: PanelBack, picture: Picture) -> Picture:
    return evolve(picture, lost_panels=picture.lost_panels - {change.panel})


@after.register
def _(change: TrafficCrossed, picture: Picture) -> Picture:
    which = (change.key, change.direction)
    others = {each: share for each, share in picture.crossed.items() if each != which}
    return evolve(picture, crossed=others if change.after is None else {**others, which: change.after})


def _lost_panels(snapshot: Snapshot) -> frozenset[str]:
    """Find the panels of which nothing can be read, and that say nothing of their own, either."""
    groups = grouped(snapshot, lambda reading: reading.panel)
    return frozenset(panel for panel, group in groups.items() if not any(map(_panel_answers, group)))


def _panel_answers(reading: Reading) -> bool:
    error = reading.error
    if isinstance(error, NodeUnreachableError):
        # Its own word, or that of a breaker, which opens for a node only while the panel answers for others.
        return not error.may_be_panel
    return error is None or (isinstance(error, PanelError) and bool(error.errors))


def _lost_nodes(snapshot: Snapshot, lost_panels: frozenset[str]) -> frozenset[NodeKey]:
    """Find the nodes of which nothing can be read, where that may be the node's fault.

    What may be one VPS's own trouble is the node's where every one of several has it: a panel that cannot reach a node
    breaks over each call, and does not say why.
    """
    groups = grouped(snapshot, lambda reading: (reading.panel, reading.vps.node))
    return frozenset(
        (panel, node)
        for (panel, node), group in groups.items()
        if node is not None
        and panel not in lost_panels
        and not any(reading.is_fresh for reading in group)
        and (any(map(_is_silent, group)) or (len(group) > 1 and all(map(_is_broken, group))))
    )


def _is_silent(reading: Reading) -> bool:
    return isinstance(reading.error, (NodeUnreachableError, NoAnswerError))


def _is_broken(reading: Reading) -> bool:
    error = reading.error
    return isinstance(error, DecodeError) or (
        isinstance(error, PanelError) and error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR and not error.errors
    )


def check_thresholds(thresholds: object) -> None:
    """Refuse what are no shares of a limit, such as percentages: they would never be crossed.

    Raises:
        ConfigurationError: They are so.
    """
    rule = "shares of a limit above 0.0 up to 1.0, such as 0.8"
    if not isinstance(thresholds, Iterable):
        refuse("thresholds", rule, thresholds)
    for share in cast("Iterable[object]", thresholds):
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
            refuse("thresholds", rule, share)


def _crossed(snapshot: Snapshot, thresholds: Sequence[float]) -> Iterator[tuple[TrafficKey, float]]:
    for reading in snapshot:
        for use in reading.traffic:
            reached = [threshold for threshold in thresholds if use.share is not None and use.share >= threshold]
            if reached:
                yield (reading.key, use.direction), max(reached)
