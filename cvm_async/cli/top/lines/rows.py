"""The live table's rows: which VPSes, in which order, and how much of what they have is used."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from attrs import frozen

from cvm_async import render
from cvm_async.cli.top.lines.look import ALARMING
from cvm_async.cli.top.lines.search import Search
from cvm_async.models import MEBIBYTE, PowerState, Vps
from cvm_async.watch.events import Key
from cvm_async.watch.rates import Rate
from cvm_async.watch.snapshot import Reading, Snapshot

_NO_RATE: Final = Rate()
_EVERYTHING: Final = Search()

_FULL_RANK: Final = 2
_RANKS: Final = {
    PowerState.UNKNOWN: 1,
    PowerState.SUSPENDED: 3,
    PowerState.TERMINATED: 4,
    PowerState.STOPPED: 5,
    PowerState.RUNNING: 6,
}
"""What a person looks for comes first; 0 is what cannot be read, and 2 what has no room left."""

_NAMES_KEPT: Final = 100_000


@frozen
class Row:
    """One VPS in the table.

    Attributes:
        reading: What is known of it.
        rate: Its traffic since the look before.
        doing: What is being done to it now, such as "stopping".
    """

    reading: Reading
    rate: Rate = _NO_RATE
    doing: str = ""

    @property
    def key(self) -> Key:
        """What names the VPS."""
        return self.reading.key

    @property
    def ram(self) -> float | None:
        """The share of its memory that is used; None where that is not known."""
        status, vps = self.reading.status, self.reading.vps
        return None if status is None else _share(status.ram_used, vps.guaranteed_ram)

    @property
    def disk(self) -> float | None:
        """The share of its disk that is used; None likewise."""
        status, vps = self.reading.status, self.reading.vps
        return None if status is None else _share(status.disk_used, vps.disk_space)

    @property
    def traffic(self) -> float | None:
        """The share of its traffic that is used, of the limit that is nearest; None likewise."""
        return max((use.share for use in self.reading.traffic if use.share is not None), default=None)

    @property
    def rank(self) -> int:
        """Its place by trouble, the worst at 0."""
        reading = self.reading
        if reading.error is not None:
            return 0
        is_full = any((share or 0.0) >= ALARMING for share in (self.disk, self.traffic))
        rank = _RANKS[PowerState.UNKNOWN if reading.status is None else reading.status.state]
        return min(rank, _FULL_RANK) if is_full else rank


def _share(used: int | None, megabytes: int | None) -> float | None:
    return None if used is None or not megabytes else used / (megabytes * MEBIBYTE)


@lru_cache(_NAMES_KEPT)
def _by_name(hostname: str) -> tuple[tuple[int, str], ...]:
    """Give a hostname's place; it is asked for at each look, and costs more than the rest of the sorting."""
    return tuple(render.natural(hostname))


def _place(vps: Vps) -> tuple[Any, ...]:
    return (-1 if vps.node is None else vps.node, _by_name(vps.hostname), vps.id)


SortKey: TypeAlias = Callable[[Row], tuple[Any, ...]]
"""Gives what rows of one order compare by."""


def _largest_first(figure: Callable[[Row], float | None]) -> SortKey:
    def key(row: Row) -> tuple[Any, ...]:
        known = figure(row)
        return known is None, -(known or 0.0), _place(row.reading.vps)

    return key


ORDERS: Final[Mapping[str, SortKey]] = {
    "trouble": lambda row: (row.rank, row.reading.panel, _place(row.reading.vps)),
    "name": lambda row: (_by_name(row.reading.vps.hostname), row.key),
    "node": lambda row: (row.reading.panel, _place(row.reading.vps)),
    "ram": _largest_first(lambda row: row.ram),
    "disk": _largest_first(lambda row: row.disk),
    "traffic": _largest_first(lambda row: row.traffic),
    "rate": _largest_first(lambda row: row.rate.total),
}
"""The ways to sort, in the order in which a key steps through them."""


def rows(
    snapshot: Snapshot,
    *,
    order: str = "trouble",
    search: Search = _EVERYTHING,
    rates: Mapping[Key, Rate] | None = None,
    doing: Mapping[Key, str] | None = None,
) -> list[Row]:
    """Give the rows to show, in their order.

    Args:
        snapshot: What is known.
        order: One of `ORDERS`.
        search: Which of them.
        rates: Traffic since the look before.
        doing: What is being done to some of them.
    """
    rates, doing = rates or {}, doing or {}
    found = (
        Row(reading, rates.get(reading.key, _NO_RATE), doing.get(reading.key, ""))
        for reading in snapshot
        if search.fits(reading)
    )
    return sorted(found, key=ORDERS[order])


def next_order(order: str, step: int = 1) -> str:
    """Give the order that comes so many steps after this one, around."""
    names = list(ORDERS)
    return names[(names.index(order) + step) % len(names)]
