"""VPSes as a table for rich and for Jupyter: one line a VPS, bounded in length, with no markup of a panel's in force.

Nothing here needs rich until a console that has it asks. A column in which nothing stands is left out.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, Final

from attrs import evolve, field, frozen

from cvm_async._figures import allowance, traffic_usage, usage
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.models import CombinedTraffic, SplitTraffic, Traffic, Vps, VpsStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

ROWS: Final = 100
"""Lines that a person scrolls through, in a notebook or on a terminal; the rest is told of in a sentence."""

_NOTE = 120
"""Characters of a note, such as why a VPS could not be read."""


@frozen(kw_only=True)
class Line:
    """One VPS in a table.

    Attributes:
        panel: Its panel's name.
        vps: Which.
        word: What is to be said of it first: its state, what came of a verb, what a plan does.
        figures: Memory, disk space, CPUs and traffic, as `what_it_has` and `what_it_uses` give them.
        note: What else is to be said.
        trouble: Whether a person should look at it.
    """

    panel: str
    vps: Vps
    word: str = ""
    figures: tuple[str, str, str, str] = ("", "", "", "")
    note: str = ""
    trouble: bool = False


@frozen(kw_only=True)
class Table:
    """Some VPSes in lines, cut short where they are many.

    Attributes:
        title: What stands above it, safe to print.
        columns: The headings.
        rows: For each line a text for each column, safe to print, and whether a person should look at it.
        more: How many lines are not in it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], bool], ...] = field(repr=False)
    more: int = 0

    @classmethod
    def of(cls, title: str, lines: Iterable[Line], total: int) -> "Table":
        """Give the table of the first of `total` lines."""
        shown = [(_cells(line), line.trouble) for line in islice(lines, ROWS)]
        used = [index for index in range(len(_COLUMNS)) if _is_worth_showing(index, [cells for cells, _ in shown])]
        return cls(
            title=safe_text(title),
            columns=tuple(_COLUMNS[index] for index in used),
            rows=tuple((tuple(cells[index] for index in used), trouble) for cells, trouble in shown),
            more=total - len(shown),
        )

    @property
    def rest(self) -> str:
        """What is said of the lines that are not in it; nothing where all are."""
        return f"and {self.more:,} more" if self.more else ""

    def as_html(self) -> str:
        """Give it as HTML in which every text is escaped."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        body = "".join(_html_row(cells, trouble=trouble) for cells, trouble in self.rows)
        rest = f"<p>{self.rest}</p>" if self.rest else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        return f"<div><p>{escape(self.title)}</p>{table}{rest}</div>"

    def as_rich(self) -> "RenderableType":
        """Give it as rich shows it; rich is there where this is asked for."""
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - the library itself has no rich
        from rich.table import Table as RichTable  # noqa: PLC0415 - likewise
        from rich.text import Text  # noqa: PLC0415 - likewise

        if not self.rows:
            return Text(self.title)
        caption = Text(self.rest) if self.rest else None
        table = RichTable(title=Text(self.title), caption=caption, title_justify="left", box=SIMPLE_HEAD)
        for column in self.columns:
            table.add_column(column, justify="right" if column in _RIGHT else "left")
        for cells, trouble in self.rows:
            # Texts and no strings: rich would take "[red]" in a hostname for its own markup.
            table.add_row(*map(Text, cells), style="red" if trouble else None)
        return table


def what_it_has(vps: Vps) -> tuple[str, str, str, str]:
    """Give a VPS's figures as the list tells them."""
    cpus = "" if vps.cpu_count is None else f"{vps.cpu_count:,}"
    return allowance(vps.guaranteed_ram), allowance(vps.disk_space), cpus, traffic_usage(vps.traffic)


def what_it_uses(vps: Vps, status: object) -> tuple[str, str, str, str]:
    """Give a VPS's figures as a status tells them; nothing where it is none."""
    if not isinstance(status, VpsStatus):
        return ("", "", "", "")
    ram, disk = usage(status.ram_used, vps.guaranteed_ram), usage(status.disk_used, vps.disk_space)
    return ram, disk, "", traffic_usage(_limited(status.traffic, vps.traffic))


_COLUMNS: Final = ("State", "ID", "Hostname", "Panel", "Node", "RAM", "Disk", "CPUs", "Traffic", "Note")
_PANEL: Final = _COLUMNS.index("Panel")
_RIGHT: Final = ("ID", "Node", "RAM", "Disk", "CPUs", "Traffic")


def _cells(line: Line) -> tuple[str, ...]:
    vps = line.vps
    node = "" if vps.node is None else str(vps.node)
    named = (safe_text(line.word), str(vps.id), safe_text(vps.hostname), safe_text(line.panel), node)
    return (*named, *line.figures, excerpt(line.note, _NOTE))


def _limited(counted: Traffic | None, listed: Traffic | None) -> Traffic | None:
    """Give a status's counters with the limits that the list alone tells."""
    if isinstance(counted, CombinedTraffic) and isinstance(listed, CombinedTraffic):
        return evolve(counted, limit=listed.limit)
    if isinstance(counted, SplitTraffic) and isinstance(listed, SplitTraffic):
        return evolve(counted, in_limit=listed.in_limit, out_limit=listed.out_limit)
    return counted or listed


def _is_worth_showing(index: int, rows: Sequence[tuple[str, ...]]) -> bool:
    texts = {cells[index] for cells in rows}
    return len(texts) > 1 if index == _PANEL else bool(texts - {""})


def _html_row(cells: Iterable[str], *, trouble: bool) -> str:
    style = ' style="color: #c00"' if trouble else ""
    return f"<tr{style}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
