"""What is known of each panel, from the last looks: metrics and the landing page are made from it alone."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

from attrs import evolve, frozen

from cvm_async.errors import CvmError
from cvm_async.watch.picture import Picture
from cvm_async.watch.snapshot import Reading, Snapshot, grouped

NodeStates: TypeAlias = Mapping[int, bool]


@frozen(kw_only=True, eq=False)
class PanelView:
    """What is known of one panel.

    Attributes:
        name: What it is called.
        at: When the last look at it was over; None where there was none.
        elapsed: Seconds that it took.
        readings: What is known of its VPSes, each once.
        is_up: Whether anything could be read of it then.
        nodes: Whether each host node can be reached, where that can be told.
        error: Why the panel could not even be listed, if so.
    """

    name: str
    at: datetime | None = None
    elapsed: float = 0.0
    readings: tuple[Reading, ...] = ()
    is_up: bool = True
    nodes: NodeStates
    error: CvmError | None = None


def views_of(snapshots: Mapping[str, Snapshot], lost: Mapping[str, CvmError]) -> tuple[PanelView, ...]:
    """Give what is known of each panel, by name.

    Args:
        snapshots: The last one of each source; a source that is named is a panel itself, also where it has no VPS.
        lost: Why panels could not be listed at all.
    """
    views = {name: PanelView(name=name, is_up=False, nodes={}, error=error) for name, error in lost.items()}
    for source, snapshot in snapshots.items():
        for view in _views_of(source, snapshot):
            earlier = views.get(view.name)
            views[view.name] = view if earlier is None else _merged(earlier, view)
    return tuple(view for _, view in sorted(views.items()))


def _views_of(source: str, snapshot: Snapshot) -> Iterator[PanelView]:
    picture = Picture.of(snapshot)
    groups = grouped(snapshot, lambda reading: reading.panel)
    for name in dict.fromkeys((*([source] if source else ()), *groups)):
        readings = groups.get(name, [])
        yield PanelView(
            name=name,
            at=snapshot.at,
            elapsed=snapshot.elapsed,
            readings=tuple(_once(readings)),
            is_up=name not in picture.lost_panels,
            nodes=_nodes(name, readings, picture),
        )


def _merged(one: PanelView, other: PanelView) -> PanelView:
    """Give a panel that two sources tell of, each VPS once."""
    return evolve(
        other,
        readings=tuple(_once((*one.readings, *other.readings))),
        is_up=one.is_up or other.is_up,
        nodes={
            node: one.nodes.get(node, False) or other.nodes.get(node, False) for node in {**one.nodes, **other.nodes}
        },
    )


def _once(readings: Iterable[Reading]) -> Iterable[Reading]:
    return {reading.key: reading for reading in readings}.values()


def _nodes(panel: str, readings: Iterable[Reading], picture: Picture) -> NodeStates:
    """Tell of each node whether it can be reached: of one of which nothing was read, and not for its fault, nothing."""
    well = {reading.vps.node: True for reading in readings if reading.is_fresh and reading.vps.node is not None}
    lost = {node: False for where, node in picture.lost_nodes if where == panel}
    return dict(sorted({**well, **lost}.items()))
