"""Snapshots for tests of what watches a fleet: made of a few words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from attrs import evolve
from values import vps

from cvm_async.errors import CvmError, NodeUnreachableError
from cvm_async.models import CombinedTraffic, PowerState, SplitTraffic, Traffic, VpsStatus
from cvm_async.watch.snapshot import Reading, Snapshot

BEGIN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LOST = NodeUnreachableError("the host node of the VPS is unreachable")


def status(state: str = "running", traffic: Traffic | None = None) -> VpsStatus:
    return VpsStatus(state=PowerState(state), state_text=state, ram_used=1024, disk_used=2048, traffic=traffic)


def reading(
    number: int,
    state: str | None = "running",
    *,
    node: int | None = 1,
    panel: str = "acme",
    error: CvmError | None = None,
    traffic: Traffic | None = None,
    limit: Traffic | None = None,
    after: float = 0.0,
) -> Reading:
    """Give what is known of a VPS; `after` says when it was read, in seconds."""
    seen = None if state is None else status(state, traffic)
    at = None if seen is None else BEGIN + timedelta(seconds=after)
    known = evolve(vps(number, node), traffic=limit)
    return Reading(panel=panel, vps=known, status=seen, read_at=at, error=error, age=None if seen is None else 0.0)


def snapshot(*readings: Reading, after: float = 0.0) -> Snapshot:
    return Snapshot(at=BEGIN + timedelta(seconds=after), elapsed=0.5, readings=readings)


def used(total: int, limit: int | None = None) -> CombinedTraffic:
    return CombinedTraffic(total, limit)


def split(inward: int, outward: int, limits: Mapping[str, int] | None = None) -> SplitTraffic:
    return SplitTraffic(inward, outward, **({} if limits is None else limits))
