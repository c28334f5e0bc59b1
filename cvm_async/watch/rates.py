"""Traffic in bytes a second, and when a limit will be reached: from counters, and "unknown" where they cannot tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from attrs import frozen

from cvm_async.watch.events import Direction, Key
from cvm_async.watch.snapshot import Reading, Snapshot


@frozen(kw_only=True)
class Rate:
    """Traffic of one VPS in bytes a second; None where it is unknown.

    Unknown is what was counted apart or together only, a counter that went back (a reset, a new month, a wrap), and a
    VPS that could not be read at both times.
    """

    incoming: float | None = None
    """Bytes a second that come in, where the panel counts both directions apart."""
    outgoing: float | None = None
    """Bytes a second that go out, likewise."""
    total: float | None = None
    """Bytes a second of both directions together, however they are counted."""

    def to_dict(self) -> dict[str, float | None]:
        """Give the rate as JSON takes it."""
        return {"incoming": self.incoming, "outgoing": self.outgoing, "total": self.total}


@frozen(kw_only=True)
class Forecast:
    """When one VPS reaches a traffic limit if it goes on as now."""

    direction: Direction
    """The traffic whose limit is reached first."""
    at: datetime
    """When it is, in UTC; not after the snapshot where it is reached already."""
    rate: float | None
    """Bytes a second at which it comes nearer; None where it is reached already and the rate is unknown."""

    def to_dict(self) -> dict[str, object]:
        """Give the forecast as JSON takes it."""
        return {"direction": self.direction, "at": self.at.isoformat(), "rate": self.rate}


def rates(before: Snapshot, after: Snapshot) -> dict[Key, Rate]:
    """Give the traffic of each VPS of the later snapshot between the two.

    Its time is that between the two readings, by the machine's clock. Where that did not go on, all is unknown.
    """
    return {reading.key: _rate(before.get(reading.key), reading) for reading in after}


def forecast(history: Sequence[Snapshot]) -> dict[Key, Forecast | None]:
    """Tell for each VPS of the last snapshot when it reaches a traffic limit, at its rate over all the snapshots.

    None where it is unknown: there is no limit, or no rate that leads to it. Of snapshots from before a
    counter went back nothing is used.

    Args:
        history: Snapshots, the earliest first.
    """
    if not history:
        return {}
    return {reading.key: _forecast(_since_reset(reading.key, history)) for reading in history[-1]}


def _rate(before: Reading | None, after: Reading) -> Rate:
    if before is None:
        return Rate()
    by = {use.direction: _growth(before, after, use.direction) for use in after.traffic}
    if "total" in by:
        return Rate(total=by["total"])
    incoming, outgoing = by.get("in"), by.get("out")
    both = None if incoming is None or outgoing is None else incoming + outgoing
    return Rate(incoming=incoming, outgoing=outgoing, total=both)


def _growth(before: Reading, after: Reading, direction: Direction) -> float | None:
    """Give bytes a second between two readings; None where they cannot tell."""
    seconds = _seconds(before, after)
    old, new = _used(before, direction), _used(after, direction)
    if seconds is None or old is None or new is None or new < old:
        return None
    return (new - old) / seconds


def _seconds(before: Reading, after: Reading) -> float | None:
    if before.read_at is None or after.read_at is None or not after.is_fresh:
        return None
    seconds = (after.read_at - before.read_at).total_seconds()
    return seconds if seconds > 0 else None


def _used(reading: Reading, direction: Direction) -> int | None:
    return next((use.used for use in reading.traffic if use.direction == direction), None)


def _since_reset(key: Key, history: Sequence[Snapshot]) -> list[Reading]:
    """Give the fresh readings of a VPS from the last time on that one of its counters went back."""
    fresh = [reading for snapshot in history if (reading := snapshot.get(key)) is not None and reading.is_fresh]
    begin = 0
    for index, (before, after) in enumerate(pairwise(fresh), 1):
        if any(_went_back(before, after, use.direction) for use in after.traffic):
            begin = index
    return fresh[begin:]


def _went_back(before: Reading, after: Reading, direction: Direction) -> bool:
    old, new = _used(before, direction), _used(after, direction)
    return old is not None and new is not None and new < old


def _forecast(readings: Sequence[Reading]) -> Forecast | None:
    if not readings:
        return None
    first, last = readings[0], readings[-1]
    found = [one for use in last.traffic if (one := _reached(first, last, use.direction)) is not None]
    return min(found, key=lambda one: one.at, default=None)


def _reached(first: Reading, last: Reading, direction: Direction) -> Forecast | None:
    use = next(use for use in last.traffic if use.direction == direction)
    rate = _growth(first, last, direction)
    if use.used is None or not use.limit or last.read_at is None:
        return None
    if use.used >= use.limit:
        return Forecast(direction=direction, at=last.read_at, rate=rate)
    if not rate:
        return None
    try:
        at = last.read_at + timedelta(seconds=(use.limit - use.used) / rate)
    except OverflowError:  # Beyond the year 9999: at this rate it is never reached.
        return None
    return Forecast(direction=direction, at=at, rate=rate)
