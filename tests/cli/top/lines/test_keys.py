"""The keys are told of in a line that fits, and all of them on a page."""

import pytest

from cvm_async.cli.top.app import Top
from cvm_async.cli.top.lines.keys import ALL, TABLE, footer, page
from cvm_async.cli.top.lines.look import width_of
from cvm_async.cli.top.table import FleetTable


@pytest.mark.parametrize("width", [1, 10, 40, 80, 120])
def test_as_many_keys_show_as_there_is_room_for(width: int) -> None:
    assert width_of(footer(TABLE, width)) <= width


def test_the_way_out_shows_first() -> None:
    assert "".join(text for text, _ in footer(TABLE, 24)) == " q quit  ? keys"


def test_the_page_fits_a_small_terminal() -> None:
    assert len(page()) <= 24 - 7
    assert max(map(width_of, page())) <= 80 - 6


def test_the_page_tells_of_every_key_there_is() -> None:
    names = {"question_mark": "?", "slash": "/", "escape": "esc", "less_than_sign": "<", "up": "↑", "down": "↓"}
    names |= {"pageup": "pgup", "pagedown": "pgdn", "ctrl+c": "ctrl-c", "ctrl+z": "ctrl-z"}
    told = " ".join(f"{key} {does}" for key, does in ALL).replace(",", " ").split()
    bound = {key for cls in (Top, FleetTable) for binding in cls.BINDINGS for key in str(binding.key).split(",")}  # type: ignore[union-attr]
    # Beside `s`, which is the same.
    bound -= {"greater_than_sign", "question_mark"}
    assert {names.get(key, key) for key in bound} <= set(told)
