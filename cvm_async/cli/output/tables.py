"""Tables for a person, as they were asked for: the columns, by their headings or by JSON's keys, and the order."""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import evolve

from cvm_async._figures import traffic_size
from cvm_async._safe_text import safe_text
from cvm_async.cli.grids import Column, Grid, Row
from cvm_async.cli.output.look import Format, Look
from cvm_async.cli.output.rows import Record, flat, keys_of, slug, sort_key, unknown_column

TITLES: Final = {
    "name": "hostname",
    "ram": "guaranteed_ram",
    "burst": "burstable_ram",
    "disk": "disk_space",
    "cpus": "cpu_count",
    "ram-used": "usage.ram.used",
    "disk-used": "usage.disk.used",
    "traffic": "usage.traffic.used",
    "took": "elapsed",
}
"""What headings mean as JSON's keys, where the two differ."""

_SHARE: Final = ("OF LIMIT", "usage.traffic.percent", "{} %".format)
_WIDE: Final[Mapping[str, tuple[tuple[str, str, Callable[..., str]], ...]]] = {
    "Vps": (
        ("VIRTUALIZATION", "virtualization_type", str),
        ("LOCATION", "location", str),
        ("TEMPLATE", "template", str),
        ("IN", "usage.traffic_in.used", traffic_size),
        ("OUT", "usage.traffic_out.used", traffic_size),
        _SHARE,
    ),
    "Outcome": (_SHARE, ("KIND OF ERROR", "error_kind", str), ("ANSWER", "elapsed", "{:.3f} s".format)),
}
"""What a wide table has besides: headings, JSON's keys, and how they are said; by the kind of what its rows show."""


def as_wanted(grid: Grid, look: Look) -> Grid:
    """Give a table with the columns and in the order that were asked for.

    Raises:
        CommandError: There is no such column.
    """
    if look.sort is not None:
        sort = look.sort
        grid = evolve(grid, rows=tuple(sorted(grid.rows, key=lambda row: sort_key(row.about(), sort))))
    if look.columns:
        return _chosen(grid, look.columns)
    return _wide(grid) if look.format is Format.WIDE else grid


def _chosen(grid: Grid, wanted: tuple[str, ...]) -> Grid:
    places = {slug(column.title): place for place, column in enumerate(grid.columns)}
    records = [row.about() for row in grid.rows]
    known = {key for record in records for key in keys_of(record)}
    columns: list[Column] = []
    cells: list[list[str]] = []
    for each in wanted:
        place, key = places.get(slug(each)), TITLES.get(slug(each), each)
        if place is not None:
            columns.append(evolve(grid.columns[place], leaves=None))
            cells.append([row.cells[place] for row in grid.rows])
        elif key in known:
            columns.append(Column(key))
            cells.append([_text(record, key) for record in records])
        elif grid.rows:
            raise unknown_column(each, {*places, *known})
    return Grid(tuple(columns), _rows(grid, cells))


def _wide(grid: Grid) -> Grid:
    records = [row.about() for row in grid.rows]
    kind = "Outcome" if records and "ok" in records[0] else "Vps"
    extra = _WIDE[kind] if records and records[0] else ()
    columns = (*grid.columns, *(Column(title, right=told is not str) for title, _, told in extra))
    cells = [[row.cells[place] for row in grid.rows] for place in range(len(grid.columns))]
    more = ([_text(record, key, told) for record in records] for _, key, told in extra)
    return Grid(columns, _rows(grid, [*cells, *more]))


def _rows(grid: Grid, cells: list[list[str]]) -> tuple[Row, ...]:
    return tuple(evolve(row, cells=tuple(column[place] for column in cells)) for place, row in enumerate(grid.rows))


def _text(record: Record, key: str, told: Callable[..., str] = str) -> str:
    value = flat(record, key)
    return "" if value is None else safe_text(told(value))
