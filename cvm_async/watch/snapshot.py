"""`Snapshot`: what was known of a fleet at one moment; a VPS that could not be read keeps its last status."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from cvm_async._figures import state_word
from cvm_async._tables import Line, Table, what_it_has, what_it_uses
from cvm_async._words import some_vpses
from cvm_async.errors import CvmError
from cvm_async.models import (
    JSON_VERSION,
    CombinedTraffic,
    Problem,
    SplitTraffic,
    Traffic,
    Vps,
    VpsStatus,
    named,
    shown,
    usage,
)
from cvm_async.watch.events import Change, Direction, Key

if TYPE_CHECKING:
    from rich.console import RenderableType

K = TypeVar("K")


@frozen
class Use:
    """Traffic used of what is allowed, in one direction, in bytes."""

    direction: Direction
    """Which traffic: both directions together, or one."""
    used: int | None
    """Bytes used; None where the panel does not say."""
    limit: int | None
    """Bytes allowed; None where there is no limit, or the panel does not say."""

    @property
    def share(self) -> float | None:
        """How much of the limit is used, 1.0 for all of it; None where that cannot be told."""
        return None if self.used is None or not self.limit else self.used / self.limit


@frozen(kw_only=True)
class Reading:
    """What is known of one VPS."""

    panel: str
    """The name of the session it is reached through; its URL where the fleet has panels of one name."""
    vps: Vps
    """What it is, as it was last listed."""
    status: VpsStatus | None = None
    """The last status that could be read; None where none was."""
    read_at: datetime | None = None
    """When that was, in UTC; None likewise. When only lists are read, when the list was."""
    error: CvmError | None = None
    """Why it could not be read now; None where it could."""
    age: float | None = None
    """Seconds from `read_at` to the snapshot; None where it never was read."""

    @property
    def key(self) -> Key:
        """What names the VPS."""
        return self.panel, self.vps.id

    @property
    def is_fresh(self) -> bool:
        """Whether it was read for this snapshot."""
        return self.error is None

    @property
    def is_stale(self) -> bool:
        """Whether what is known was read earlier, as it could not be read now."""
        return self.error is not None and self.read_at is not None

    @property
    def traffic(self) -> tuple[Use, ...]:
        """Traffic used, by the status where it tells, else by the list; limits are in the list alone."""
        listed = self.vps.traffic
        counted = self.status.traffic if self.status is not None and self.status.traffic is not None else listed
        return () if counted is None else _uses(counted, listed)

    def to_dict(self) -> dict[str, object]:
        """Give the reading as JSON takes it."""
        return {
            **named(self.panel, self.vps),
            **shown(self.status),
            "usage": usage(self.vps, self.status),
            "uses": [
                {"direction": use.direction, "used": use.used, "limit": use.limit, "share": use.share}
                for use in self.traffic
            ],
            "read_at": None if self.read_at is None else self.read_at.isoformat(),
            "age": None if self.age is None else round(self.age, 3),
            "stale": self.is_stale,
            "error": None if self.error is None else str(self.error),
            "error_type": None if self.error is None else type(self.error).__name__,
            "error_kind": None if self.error is None else self.error.kind,
        }


def _uses(counted: Traffic, listed: Traffic | None) -> tuple[Use, ...]:
    if isinstance(counted, CombinedTraffic):
        limit = listed.limit if isinstance(listed, CombinedTraffic) else counted.limit
        return (Use("total", counted.used, limit),)
    limits = listed if isinstance(listed, SplitTraffic) else counted
    return Use("in", counted.in_used, limits.in_limit), Use("out", counted.out_used, limits.out_limit)


@frozen(kw_only=True, eq=False, repr=False)
class Snapshot:
    """What was known of a fleet at one moment. It pickles, without the sessions. `str` of it is one line."""

    at: datetime
    """When its reading was over, in UTC."""
    elapsed: float
    """Seconds that the reading took."""
    readings: tuple[Reading, ...] = field(repr=False)
    """One for each VPS, in the fleet's order."""
    problems: tuple[Problem, ...] = ()
    """What could not be read of the panels' lists."""
    changes: tuple[Change, ...] = field(default=(), repr=False)
    """What is different from the snapshot before it; empty for the first."""
    _by_key: Mapping[Key, Reading] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_by_key", {reading.key: reading for reading in self.readings})

    def __str__(self) -> str:
        states = ", ".join(f"{count:,} {state}" for state, count in self.totals.items()) or "no status read"
        failed = f", {len(self.failures):,} not read" if self.failures else ""
        return f"{some_vpses(len(self))} at {self.at:%H:%M:%S} UTC: {states}{failed}"

    def __repr__(self) -> str:
        return f"<Snapshot of {self}>"

    def __rich__(self) -> "RenderableType":
        return self._table().as_rich()

    def _repr_html_(self) -> str:
        return self._table().as_html()

    def _table(self) -> Table:
        """Give what could not be read first."""
        readings = sorted(self.readings, key=lambda reading: reading.is_fresh)
        return Table.of(str(self), map(_line, readings), len(self))

    def __len__(self) -> int:
        return len(self.readings)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self.readings)

    def __getitem__(self, key: Key) -> Reading:
        return self._by_key[key]

    def get(self, key: Key) -> Reading | None:
        """Give what is known of a VPS; None of one that is not in here."""
        return self._by_key.get(key)

    @property
    def statuses(self) -> dict[Key, VpsStatus]:
        """The last known status of each VPS that has one, stale ones included."""
        return {reading.key: reading.status for reading in self.readings if reading.status is not None}

    @property
    def failures(self) -> dict[Key, CvmError]:
        """Why VPSes could not be read now."""
        return {reading.key: reading.error for reading in self.readings if reading.error is not None}

    @property
    def stale(self) -> tuple[Reading, ...]:
        """Those that show what was read earlier."""
        return tuple(reading for reading in self.readings if reading.is_stale)

    @property
    def totals(self) -> dict[str, int]:
        """How many VPSes are in each state, by the last known one; the commonest first."""
        return dict(Counter(status.state.value for status in self.statuses.values()).most_common())

    def to_dict(self) -> dict[str, object]:
        """Give the snapshot as JSON takes it."""
        return {
            "version": JSON_VERSION,
            "at": self.at.isoformat(),
            "elapsed": round(self.elapsed, 6),
            "totals": self.totals,
            "failed": len(self.failures),
            "stale": len(self.stale),
            "problems": [problem.to_dict() for problem in self.problems],
            "changes": [change.to_dict() for change in self.changes],
            "readings": [reading.to_dict() for reading in self.readings],
        }


def _line(reading: Reading) -> Line:
    status, error = reading.status, reading.error
    age = "" if reading.age is None else f"read {reading.age:,.0f} s ago; "
    return Line(
        panel=reading.panel,
        vps=reading.vps,
        word="not read" if reading.read_at is None else "" if status is None else state_word(status),
        # Where lists are all that is read, they tell what there is to tell.
        figures=what_it_uses(reading.vps, status) if status or error else what_it_has(reading.vps),
        note="" if error is None else f"{age}{error.message}",
        trouble=error is not None,
    )


def grouped(readings: Iterable[Reading], key: Callable[[Reading], K]) -> dict[K, list[Reading]]:
    """Give readings by what the key makes of them, in order of first appearance."""
    groups: dict[K, list[Reading]] = {}
    for reading in readings:
        groups.setdefault(key(reading), []).append(reading)
    return groups
