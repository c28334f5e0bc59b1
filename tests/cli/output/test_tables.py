"""Tables as they were asked for."""

import pytest

from cvm_async.cli.exits import CommandError
from cvm_async.cli.grids import Column, Grid, Row, list_grid, status_grid
from cvm_async.cli.output.look import TABLE, Format, Look, Sort
from cvm_async.cli.output.tables import as_wanted
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import PowerState, Vps, VpsStatus


def vps(number: int, hostname: str) -> Vps:
    return Vps(id=number, hostname=hostname, virtualization_type=1, guaranteed_ram=512, disk_space=1000, cpu_count=2)


def read(number: int, ram: int) -> Outcome[VpsStatus]:
    return Outcome(vps(number, f"web{number}"), "p", VpsStatus(state=PowerState.RUNNING, state_text="", ram_used=ram))


def shown(grid: Grid) -> list[tuple[str, ...]]:
    return [tuple(column.title for column in grid.columns), *(row.cells for row in grid.rows)]


GRID = status_grid([read(1, 64 << 20), read(2, 128 << 20)])


def test_the_usual_table_is_as_the_command_made_it() -> None:
    assert as_wanted(GRID, TABLE) is GRID


def test_columns_are_headings_or_keys_in_the_order_asked_for() -> None:
    look = Look(columns=("ID", "ram-used", "usage.ram.percent", "usage.disk.used"))
    assert shown(as_wanted(GRID, look)) == [
        ("ID", "RAM USED", "usage.ram.percent", "usage.disk.used"),
        ("1", "64 MiB  12%", "12.5", ""),
        ("2", "128 MiB  25%", "25.0", ""),
    ]


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(CommandError, match=r"'nope' is none of .*hostname"):
        as_wanted(GRID, Look(columns=("nope",)))


def test_without_rows_nobody_knows_what_columns_there_are() -> None:
    assert shown(as_wanted(list_grid([]), Look(columns=("id", "anything")))) == [("ID",)]


def test_rows_are_sorted() -> None:
    assert [row.cells[1] for row in as_wanted(GRID, Look(sort=Sort.RAM)).rows] == ["2", "1"]


@pytest.mark.parametrize(
    ("grid", "more"),
    [
        (GRID, ("OF LIMIT", "KIND OF ERROR", "ANSWER")),
        (list_grid([("p", vps(1, "web"))]), ("VIRTUALIZATION", "LOCATION", "TEMPLATE", "IN", "OUT", "OF LIMIT")),
        (Grid((Column("NODE"),), (Row(("1",)),)), ()),
        (list_grid([]), ()),
    ],
    ids=["a status", "a list", "of no vps", "empty"],
)
def test_a_wide_table_has_more(grid: Grid, more: tuple[str, ...]) -> None:
    titles = [column.title for column in as_wanted(grid, Look(format=Format.WIDE)).columns]
    assert titles[len(grid.columns) :][: len(more)] == [*more]
