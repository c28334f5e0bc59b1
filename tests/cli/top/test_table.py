"""The table draws what is on the screen, and its cursor stays on the VPS that it was put on."""

import pytest
from textual.app import App, ComposeResult
from watches import reading, snapshot

from cvm_async.cli.top.lines.rows import rows
from cvm_async.cli.top.table import FleetTable


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[int] = []
        self.table = FleetTable()

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()
        self.fill(range(1, 101))

    def fill(self, numbers: "range | list[int]", order: str = "name") -> None:
        known = snapshot(*(reading(number) for number in numbers))
        self.table.show(rows(known, order=order), order=order, panels=False)

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        self.opened.append(event.row.reading.vps.id)


def current(host: Host) -> int | None:
    return None if host.table.current is None else host.table.current.reading.vps.id


@pytest.mark.parametrize(
    ("keys", "number"),
    [
        ("down", 2),
        ("j j k", 2),
        ("up", 1),
        ("end", 100),
        ("G down", 100),
        ("G home", 1),
        ("pagedown", 9),
        ("pagedown pagedown pageup", 9),
        ("G g", 1),
    ],
)
async def test_keys_move_the_cursor_and_it_stays_on_the_screen(keys: str, number: int) -> None:
    host = Host()
    async with host.run_test(size=(80, 10)) as pilot:
        await pilot.press(*keys.split())
        await pilot.pause()
        assert current(host) == number
        lines = [host.table.render_line(y).text for y in range(10)]
        assert any(f"vps{number}.example.net" in line for line in lines)


async def test_the_cursor_stays_on_its_vps_and_on_the_first_row_it_stays_first() -> None:
    host = Host()
    async with host.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        host.fill(range(50, 101))
        assert current(host) == 50
        await pilot.press("down")
        host.fill([10, 20, 51, 52])
        assert (current(host), host.table.cursor) == (51, 2)
        host.fill([10, 20])
        assert current(host) == 20
        host.fill([])
        assert (current(host), host.table.chosen()) == (None, [])
        await pilot.press("space", "enter", "down", "end", "pagedown", "a")
        assert (host.opened, host.table.marked) == ([], set())


async def test_some_are_selected_and_where_none_is_the_one_under_the_cursor_is_meant() -> None:
    host = Host()
    async with host.run_test(size=(80, 10)) as pilot:
        await pilot.press("down")
        assert [row.reading.vps.id for row in host.table.chosen()] == [2]
        await pilot.press("space", "down", "space")
        assert [row.reading.vps.id for row in host.table.chosen()] == [2, 4]
        assert host.table.render_line(2).text.startswith("✓ ")
        await pilot.press("a")
        assert len(host.table.chosen()) == 100
        await pilot.press("a")
        assert host.table.marked == set()


async def test_the_mouse_points_and_opens() -> None:
    host = Host()
    async with host.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        await pilot.click(FleetTable, offset=(5, 3))
        assert (current(host), host.opened) == (3, [])
        await pilot.click(FleetTable, offset=(5, 0))
        assert current(host) == 3
        await pilot.click(FleetTable, offset=(5, 4), times=2)
        await pilot.pause()
        assert (current(host), host.opened) == (4, [4])


async def test_below_the_last_row_there_is_nothing() -> None:
    host = Host()
    async with host.run_test(size=(80, 10)) as pilot:
        host.fill([1])
        await pilot.pause()
        assert host.table.render_line(2).text.strip() == ""
        await pilot.click(FleetTable, offset=(5, 7))
        assert current(host) == 1
