"""The live table's columns: those that fit the width, each row as pieces. What names a VPS is the last to go."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from attrs import evolve, field, frozen

from cvm_async import render
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.cli.top.lines.look import Line, Piece, Tone, bar, cells, fitted, heat, percent, span
from cvm_async.cli.top.lines.rows import Row
from cvm_async.fleet.summary import error_word
from cvm_async.models import PowerState

_GAP: Final = 2
_BAR_LEAST, _BAR_GOOD, _BAR_MOST = 4, 8, 12
"""Cells of a bar: how many it must have, how many it has before there is room for anything else, and at most."""
_LUXURIES: Final = 2
"""Columns that leave first, 1 and 2: they show only where names and bars have their room."""
_FIGURE: Final = len(" 100%")
_NAME_LEAST: Final = 16
_NAME_MOST: Final = 40
_STATE: Final = len("○ terminated ")
_PANEL_MOST: Final = 16
_AMOUNT: Final = len("412 of 512 MiB")
_ORDER_SIGN: Final = "▾"

SIGNS: Final = {
    PowerState.RUNNING: ("●", Tone.GOOD),
    PowerState.STOPPED: ("○", Tone.WARNING),
    PowerState.SUSPENDED: ("◐", Tone.WARNING),
    PowerState.TERMINATED: ("◌", Tone.QUIET),
    PowerState.UNKNOWN: ("?", Tone.TROUBLE),
}
"""The sign before a state's word, and its tone."""
UNREAD_SIGN: Final = ("✕", Tone.TROUBLE)
NOT_YET_SIGN: Final = ("·", Tone.QUIET)
DOING_SIGN: Final = ("▸", Tone.KEY)


@frozen
class Column:
    """A column of the table.

    Attributes:
        title: Its heading.
        cell: Gives what stands in it, in exactly the width it is told.
        width: Cells.
        order: The way to sort that goes by it; "" for none.
        right: Whether its heading is aligned to the right.
        leaves: Which leaves first where room is short, 1 before 2; None for what tells one VPS from another.
    """

    title: str
    cell: Callable[[Row, int], Line]
    width: int = 0
    order: str = ""
    right: bool = field(default=False, kw_only=True)
    leaves: int | None = field(default=None, kw_only=True)


def columns_for(width: int, rows: Iterable[Row], *, panels: bool = False) -> tuple[Column, ...]:
    """Give the columns that fit so many cells, with their widths.

    Args:
        width: Of the table.
        rows: Those that may show: names and ids are as wide as they need.
        panels: Whether the VPSes are of several panels.
    """
    known = list(rows)
    name = max((cells(safe_text(row.reading.vps.hostname)) for row in known), default=_NAME_LEAST)
    panel = max((cells(safe_text(row.reading.panel)) for row in known), default=0)
    digits = max((len(str(row.reading.vps.id)) for row in known), default=1)
    sizes = {_NAME.title: _NAME_LEAST, _ID.title: max(digits, 2), _PANEL.title: max(min(panel, _PANEL_MOST), 5)}
    shown = [
        evolve(column, width=sizes.get(column.title, column.width))
        for column in _ALL
        if panels or column.title != _PANEL.title
    ]
    name = min(name, _NAME_MOST)
    comfort = max(name - _NAME_LEAST, 0) + len(_BARS) * (_BAR_GOOD - _BAR_LEAST)
    shown = _fitting(shown, width - comfort, upto=_LUXURIES)
    return _filled(_fitting(shown, width), width, name)


def _fitting(columns: Sequence[Column], width: int, *, upto: int = 99) -> list[Column]:
    """Give the columns that fit; those leave first whose `leaves` is least, and none beyond `upto`."""
    left = list(columns)
    leaving = sorted((each for each in left if each.leaves is not None), key=lambda each: each.leaves or 0)
    for column in leaving:
        if _total(left) <= width or (column.leaves or 0) > upto:
            break
        left.remove(column)
    return left


def heading(columns: Sequence[Column], order: str) -> Line:
    """Give the line above the rows; a sign is beside what they are sorted by."""
    pieces: list[Piece] = []
    for column in columns:
        is_sorted_by = bool(order) and column.order == order
        signed = f"{column.title}{_ORDER_SIGN}"
        title = signed if is_sorted_by and len(signed) <= column.width else column.title
        tone = Tone.STRONG if is_sorted_by else Tone.QUIET
        pieces.extend(((" " * _GAP, Tone.PLAIN),) if pieces else ())
        pieces.append((fitted(title, column.width, right=column.right), tone))
    return tuple(pieces)


def line_of(row: Row, columns: Sequence[Column]) -> Line:
    """Give one row; one that is not known from now is quiet."""
    pieces: list[Piece] = []
    for column in columns:
        pieces.extend(((" " * _GAP, Tone.PLAIN),) if pieces else ())
        cell = column.cell(row, column.width)
        pieces.extend(_quiet(cell) if row.reading.is_stale and column.cell is not state else cell)
    return tuple(pieces)


def _quiet(cell: Line) -> Line:
    return tuple((text, Tone.QUIET) for text, _ in cell)


def state(row: Row, width: int) -> Line:
    """Give what a VPS does: a sign and a word, and how old that is where it could not be read now."""
    reading = row.reading
    if row.doing:
        return (f"{DOING_SIGN[0]} ", DOING_SIGN[1]), (fitted(row.doing, width - 2), Tone.PLAIN)
    if reading.status is None:
        sign, tone = UNREAD_SIGN if reading.error is not None else NOT_YET_SIGN
        word = "reading …" if reading.error is None else error_word(reading.error)
        return (f"{sign} ", tone), (fitted(word, width - 2), tone)
    sign, tone = SIGNS[reading.status.state]
    word = excerpt(render.state_word(reading.status), width)
    if reading.is_stale:
        age = f" {span(reading.age or 0.0)}"
        return (f"{sign} {fitted(word, width - 2 - len(age))}", Tone.QUIET), (age, Tone.WARNING)
    said = Tone.PLAIN if reading.status.state is PowerState.RUNNING else tone
    return (f"{sign} ", tone), (fitted(word, width - 2), said)


def _text(text: Callable[[Row], str], *, right: bool = False) -> Callable[[Row, int], Line]:
    return lambda row, width: ((fitted(text(row), width, right=right), Tone.PLAIN),)


def _bar(share: Callable[[Row], float | None]) -> Callable[[Row, int], Line]:
    def cell(row: Row, width: int) -> Line:
        used = share(row)
        return (*bar(used, width - _FIGURE), (f" {percent(used)}", heat(used)))

    return cell


def _rate(row: Row) -> str:
    return "" if row.rate.total is None else f"{render.traffic_size(round(row.rate.total))}/s"


def _ram_amount(row: Row) -> str:
    return "" if row.reading.status is None else _amount(row.reading.status.ram_used, row.reading.vps.guaranteed_ram)


def _disk_amount(row: Row) -> str:
    return "" if row.reading.status is None else _amount(row.reading.status.disk_used, row.reading.vps.disk_space)


def _amount(used: int | None, megabytes: int | None) -> str:
    return "" if used is None or megabytes is None else f"{render.size(used)} of {render.allowance(megabytes)}"


_NAME: Final = Column("HOSTNAME", _text(lambda row: safe_text(row.reading.vps.hostname)), order="name")
_ID: Final = Column("ID", _text(lambda row: str(row.reading.vps.id), right=True), right=True, leaves=9)
_PANEL: Final = Column("PANEL", _text(lambda row: safe_text(row.reading.panel)), leaves=8)
_NODE: Final = Column(
    "NODE", _text(lambda row: render.node_name(row.reading.vps), right=True), 4, "node", right=True, leaves=7
)
_BAR_WIDTH: Final = _BAR_LEAST + _FIGURE
_BARS: Final = ("RAM", "DISK", "TRAFFIC")

_ALL: Final = (
    Column("STATE", state, _STATE, "trouble"),
    _NAME,
    _ID,
    _PANEL,
    _NODE,
    Column("RAM", _bar(lambda row: row.ram), _BAR_WIDTH, "ram", leaves=6),
    Column("USED", _text(_ram_amount, right=True), len("1,023 MiB of 1,023 MiB"), right=True, leaves=1),
    Column("DISK", _bar(lambda row: row.disk), _BAR_WIDTH, "disk", leaves=4),
    Column("USED", _text(_disk_amount, right=True), len("1,023 MiB of 1,023 MiB"), right=True, leaves=2),
    Column("TRAFFIC", _bar(lambda row: row.traffic), _BAR_WIDTH, "traffic", leaves=5),
    Column("RATE", _text(_rate, right=True), len("9,999 MB/s"), "rate", right=True, leaves=3),
)


def _total(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def _filled(columns: Sequence[Column], width: int, name: int) -> tuple[Column, ...]:
    """Give away the room that is left: to the names first, as far as they need it, and to the bars then."""
    spare = width - _total(columns)
    for_name = min(max(name - _NAME_LEAST, 0), spare) if spare > 0 else spare
    bars = sum(column.title in _BARS for column in columns)
    for_bars = min((spare - for_name) // bars, _BAR_MOST - _BAR_LEAST) if bars and spare > for_name else 0
    grown = {_NAME.title: for_name, **dict.fromkeys(_BARS, for_bars)}
    return tuple(evolve(column, width=max(column.width + grown.get(column.title, 0), 1)) for column in columns)
