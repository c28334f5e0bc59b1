"""Columns fit every width, figures stand below each other, and what names a VPS is the last to go."""

import pytest
from attrs import evolve
from hypothesis import given, strategies as st
from watches import LOST, reading, split, used

from cvm_async.cli.top.lines.columns import columns_for, heading, line_of
from cvm_async.cli.top.lines.look import Line, Tone, width_of
from cvm_async.cli.top.lines.rows import Row
from cvm_async.errors import RateLimitedError
from cvm_async.models import PowerState, VpsStatus
from cvm_async.watch.rates import Rate
from cvm_async.watch.snapshot import Reading


def row(number: int = 1, state: str | None = "running", **more: object) -> Row:
    return Row(reading(number, state, **more))  # type: ignore[arg-type]


def named(name: str) -> Row:
    given = reading(1)
    return Row(evolve(given, vps=evolve(given.vps, hostname=name)))


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def state_of(shown: Row) -> str:
    return text_of(line_of(shown, columns_for(80, [shown])))[:13].rstrip()


ROWS = (
    row(1, traffic=used(50), limit=used(0, 100)),
    evolve(row(123_456, "terminated"), rate=Rate(total=12_345_678.0)),
    row(3, None, error=LOST, node=None),
    row(4, "stopped", error=LOST),
    named("漢" * 50),
)


@given(st.integers(1, 300), st.booleans())
def test_every_line_is_as_wide_as_it_should_be(width: int, panels: bool) -> None:  # noqa: FBT001
    columns = columns_for(width, ROWS, panels=panels)
    widths = {width_of(line) for line in (heading(columns, "ram"), *(line_of(each, columns) for each in ROWS))}
    assert len(widths) == 1
    assert widths.pop() <= max(width, 16)


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (250, "STATE HOSTNAME ID NODE RAM USED DISK USED TRAFFIC RATE"),
        (120, "STATE HOSTNAME ID NODE RAM DISK TRAFFIC RATE"),
        (78, "STATE HOSTNAME ID NODE RAM DISK TRAFFIC"),
        (70, "STATE HOSTNAME ID NODE RAM TRAFFIC"),
        (60, "STATE HOSTNAME ID NODE RAM"),
        (50, "STATE HOSTNAME ID NODE"),
        (40, "STATE HOSTNAME ID"),
        (32, "STATE HOSTNAME"),
        (20, "STATE HOST…"),
    ],
)
def test_where_room_is_short_figures_leave_before_names_are_cut(width: int, titles: str) -> None:
    assert text_of(heading(columns_for(width, [row()]), "")).split() == titles.split()


def test_a_fleet_of_several_panels_names_them() -> None:
    columns = columns_for(100, [row(panel="acme"), row(panel="x" * 40)], panels=True)
    assert "PANEL" in text_of(heading(columns, ""))
    assert f"{'x' * 15}…" in text_of(line_of(row(panel="x" * 40), columns))


def test_a_sign_is_beside_what_is_sorted_by_where_there_is_room() -> None:
    columns = columns_for(78, [row()])
    assert "RAM▾" in text_of(heading(columns, "ram"))
    assert "NODE " in text_of(heading(columns, "node"))
    assert ("NODE", Tone.STRONG) in heading(columns, "node")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (row(), "● running"),
        (row(1, "stopped"), "○ stopped"),
        (row(1, "suspended"), "◐ suspended"),
        (row(1, "terminated"), "◌ terminated"),
        (row(1, "unknown"), "? unknown"),
        (row(1, None), "· reading …"),
        (row(1, None, error=LOST), "✕ unreachable"),
        (row(1, None, error=RateLimitedError("", status_code=429)), "✕ refused: t…"),
        (Row(evolve(reading(1, error=LOST), age=42.0)), "● running 42s"),
        (Row(evolve(reading(1, "suspended", error=LOST), age=720.0)), "◐ suspen… 12m"),
        (Row(reading(1), doing="stopping"), "▸ stopping"),
    ],
)
def test_a_state_is_a_sign_and_a_word_and_how_old_that_is(shown: Row, expected: str) -> None:
    assert state_of(shown).split() == expected.split()


def test_a_word_of_the_panels_own_is_shown_and_made_safe() -> None:
    status = VpsStatus(state=PowerState.UNKNOWN, state_text="boo\x1b[2J")
    assert state_of(Row(evolve(reading(1), status=status))) == "? unknown: b…"


def test_what_is_not_from_now_is_quiet_but_for_its_age() -> None:
    old = evolve(reading(1, error=LOST), age=42.0)
    tones = {tone for _, tone in line_of(Row(old), columns_for(80, [Row(old)]))}
    assert tones == {Tone.QUIET, Tone.WARNING, Tone.PLAIN}


def amounts(given: Reading) -> str:
    return text_of(line_of(Row(given, Rate(total=1_500_000.0)), columns_for(250, [Row(given)])))


def test_amounts_and_rates_show_where_there_is_room() -> None:
    given = reading(1, traffic=split(1, 2))
    assert "1.0 KiB of 1.0 MiB" in amounts(given)
    assert "2.0 KiB of 1.0 MiB" in amounts(given)
    assert amounts(given).endswith(" 1.5 MB/s")
    bare = evolve(given, vps=evolve(given.vps, guaranteed_ram=None, disk_space=None))
    assert " of " not in amounts(bare)
    assert " of " not in amounts(reading(1, None))
