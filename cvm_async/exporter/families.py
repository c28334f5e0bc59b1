"""Panels as families of metrics: pure. What could not be read is absent, and nowhere a 0 stands for it.

A VPS that could not be read now has no state, no use and no traffic now: Prometheus marks a series that has gone, and
an old figure would look like a new one. What it has, and that it could not be read, is still told.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from cvm_async.exporter import metrics
from cvm_async.exporter.labels import hostname_label, node_label, panel_labels
from cvm_async.exporter.metrics import Family, Row
from cvm_async.exporter.views import PanelView
from cvm_async.models import MEBIBYTE, PowerState, VpsStatus
from cvm_async.watch.snapshot import Reading

Values: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
"""Values of a VPS, each with those of the labels that it has besides the VPS's."""


def _one(value: float | None) -> Values:
    return () if value is None else (((), value),)


def _bytes(mebibytes: int | None) -> Values:
    return _one(None if mebibytes is None else mebibytes * MEBIBYTE)


def _status(reading: Reading) -> VpsStatus | None:
    return reading.status if reading.is_fresh else None


def _of_status(value: Callable[[VpsStatus], float | None]) -> Callable[[Reading], Values]:
    def values(reading: Reading) -> Values:
        status = _status(reading)
        return () if status is None else _one(value(status))

    return values


def _states(reading: Reading) -> Values:
    status = _status(reading)
    return () if status is None else (((state.value,), float(state is status.state)) for state in PowerState)


def _traffic(reading: Reading) -> Values:
    uses = reading.traffic if reading.is_fresh else ()
    return (((use.direction,), float(use.used)) for use in uses if use.used is not None)


def _traffic_limits(reading: Reading) -> Values:
    return (((use.direction,), float(use.limit)) for use in reading.traffic if use.limit)


_OF_A_VPS: Final[tuple[tuple[Row, Callable[[Reading], Values]], ...]] = (
    (metrics.VPS_UP, lambda reading: _one(float(reading.is_fresh))),
    (metrics.VPS_READ, lambda reading: _one(None if reading.read_at is None else reading.read_at.timestamp())),
    (metrics.VPS_STATE, _states),
    (metrics.RAM_USED, _of_status(lambda status: status.ram_used)),
    (metrics.RAM_LIMIT, lambda reading: _bytes(reading.vps.guaranteed_ram)),
    (metrics.RAM_BURST, lambda reading: _bytes(reading.vps.burstable_ram)),
    (metrics.DISK_USED, _of_status(lambda status: status.disk_used)),
    (metrics.DISK_LIMIT, lambda reading: _bytes(reading.vps.disk_space)),
    (metrics.CPUS, lambda reading: _one(reading.vps.cpu_count)),
    (metrics.TRAFFIC, _traffic),
    (metrics.TRAFFIC_LIMIT, _traffic_limits),
)


def fleet_families(views: Sequence[PanelView]) -> Iterator[Family]:
    """Give what changes with a look, and with nothing else."""
    called = panel_labels(view.name for view in views)
    up, took, nodes = metrics.PANEL_UP.gauge(), metrics.LOOK_TIME.gauge(), metrics.NODE_UP.gauge()
    for view in views:
        up.add_metric((called[view.name],), float(view.is_up))
        if view.at is not None:
            took.add_metric((called[view.name],), view.elapsed)
        for node, is_up in view.nodes.items():
            nodes.add_metric((called[view.name], node_label(node)), float(is_up))
    yield from (up, took, nodes)
    vpses = [(_labels(called[view.name], reading), reading) for view in views for reading in view.readings]
    for row, values_of in _OF_A_VPS:
        family = row.family()
        for labels, reading in vpses:
            for more, value in values_of(reading):
                # Of those that a VPS can have none is a histogram, which takes other values.
                family.add_metric((*labels, *more), value)  # type: ignore[arg-type, call-arg]
        yield family


def age_family(views: Sequence[PanelView], now: datetime) -> Family:
    """Give how old what is known is, at this moment."""
    called = panel_labels(view.name for view in views)
    ages = metrics.SNAPSHOT_AGE.gauge()
    for view in views:
        if view.at is not None:
            ages.add_metric((called[view.name],), max(0.0, (now - view.at).total_seconds()))
    return ages


def _labels(panel: str, reading: Reading) -> tuple[str, str, str, str]:
    vps = reading.vps
    return panel, node_label(vps.node), str(vps.id), hostname_label(vps)
