"""Pages show lines until they are closed; a question takes only what is meant as a yes."""

import pytest
from textual.app import App
from textual.widgets import Input

from cvm_async.cli.top.lines.keys import CLOSE
from cvm_async.cli.top.lines.look import Line, plain
from cvm_async.cli.top.pages import Agree, Shown


def lines(width: int, height: int) -> list[Line]:
    return [plain(f"{width} x {height}")]


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.answers: list[object] = []


@pytest.mark.parametrize(("key", "gives"), [("escape", ""), ("enter", ""), ("q", ""), ("S", "S")])
async def test_a_page_is_closed_by_its_keys(key: str, gives: str) -> None:
    host = Host()
    async with host.run_test() as pilot:
        host.push_screen(Shown(lines, CLOSE, ("S", "X")), host.answers.append)
        await pilot.pause()
        await pilot.press("x", key)
        assert host.answers == [gives]


async def test_a_page_is_drawn_for_the_room_there_is() -> None:
    host = Host()
    async with host.run_test(size=(80, 24)) as pilot:
        page = Shown(lines, CLOSE)
        host.push_screen(page)
        await pilot.pause()
        assert "74 x 17" in host.export_screenshot().replace("&#160;", " ")
        await pilot.resize_terminal(200, 50)
        await pilot.pause()
        assert "104 x 43" in host.export_screenshot().replace("&#160;", " ")
        await pilot.resize_terminal(3, 3)
        await pilot.pause()


async def test_where_a_number_is_asked_for_the_key_is_no_yes_wherever_it_is_pressed() -> None:
    host = Host()
    async with host.run_test() as pilot:
        page = Agree(lines, "12", anything=True)
        host.push_screen(page, host.answers.append)
        await pilot.pause()
        page.set_focus(None)
        await pilot.press("y")
        assert host.answers == []
        await pilot.press("n")
        assert host.answers == [False]


@pytest.mark.parametrize(
    ("typed", "keys", "answers"),
    [
        ("", "y", [True]),
        ("", "n", [False]),
        ("", "escape", [False]),
        ("", "enter", [False]),
        ("", "x", []),
        ("12", "y", []),
        ("12", "1 2 enter", [True]),
        ("1200", "1 comma 2 0 0 enter", [True]),
        ("12", "1 enter", []),
        ("12", "enter", []),
        ("12", "1 enter 1 2 enter", [True]),
        ("12", "escape", [False]),
    ],
)
async def test_only_what_is_meant_as_a_yes_is_one(typed: str, keys: str, answers: list[bool]) -> None:
    host = Host()
    async with host.run_test() as pilot:
        host.push_screen(Agree(lines, typed, anything=True), host.answers.append)
        await pilot.pause()
        await pilot.press(*keys.split())
        await pilot.pause()
        assert host.answers == answers
        assert bool(host.screen.query(Input)) is bool(typed and not answers)
