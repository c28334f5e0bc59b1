"""The command line's tables before they get a look: what is in them, in which order, and how it is meant."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from cvm_async._safe_text import safe_text
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.result import Result, result_of
from cvm_async.fleet.summary import how_word
from cvm_async.models import PowerState, Vps, VpsStatus
from cvm_async.render import (
    allowance,
    grouped,
    natural,
    node_name,
    outcome_word,
    place,
    traffic_usage,
    trouble_first,
    usage,
)

_WHOLE = sys.maxsize
"""Columns of a terminal: all that there are."""


class Tone(StrEnum):
    """How a row is meant; the values are rich's styles."""

    PLAIN = ""
    GOOD = "green"
    QUIET = "bright_black"
    WARNING = "yellow"
    TROUBLE = "red"


@frozen
class Column:
    """A column of a grid.

    Attributes:
        title: Its heading.
        right: Whether it is aligned to the right, as figures are.
        toned: Whether it shows the row's tone.
        leaves: Which leaves first where room is short, 1 before 2 and so on; None for what tells one row from another.
        uncut: How much of its texts is worth more than another figure.
        least: How narrow it may be cut where room is short still. A figure is never cut: it would be another one.
        mixed: Whether it shows only where its texts differ.
    """

    title: str
    right: bool = field(default=False, kw_only=True)
    toned: bool = field(default=False, kw_only=True)
    leaves: int | None = field(default=None, kw_only=True)
    uncut: int = field(default=_WHOLE, kw_only=True)
    least: int = field(default=_WHOLE, kw_only=True)
    mixed: bool = field(default=False, kw_only=True)


@frozen
class Row:
    """A row of a grid: a text for each column, safe to print.

    Attributes:
        cells: The texts.
        tone: How it is meant.
        about: What it shows, as JSON has it.
    """

    cells: tuple[str, ...]
    tone: Tone = Tone.PLAIN
    about: Callable[[], Mapping[str, object]] = dict


@frozen
class Grid:
    """A table without a look."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, columns: tuple[Column, ...], rows: Iterable[Row]) -> "Grid":
        """Give the table without the columns that show only where their texts differ, and do not."""
        kept = tuple(rows)
        alike = {index for index in range(len(columns)) if len({row.cells[index] for row in kept}) <= 1}
        shown = [index for index, column in enumerate(columns) if not (column.mixed and index in alike)]
        cut = (evolve(row, cells=tuple(row.cells[index] for index in shown)) for row in kept)
        return cls(tuple(columns[index] for index in shown), tuple(cut))


_ID = Column("ID", right=True)
_HOSTNAME = Column("HOSTNAME", uncut=len("web-001.dc1.example.net."), least=len("HOSTNAME"))
_STATE = Column("STATE", toned=True, uncut=len("refused: too many calls"), least=len("running"))
_PANEL = Column("PANEL", uncut=len("panel.example.net"), least=len("PANEL"), mixed=True)
# More than any figure has before it.
_NODE = Column("NODE", right=True, leaves=9)

_TONES = {
    PowerState.UNKNOWN: Tone.TROUBLE,
    PowerState.SUSPENDED: Tone.WARNING,
    PowerState.TERMINATED: Tone.QUIET,
    PowerState.STOPPED: Tone.WARNING,
    PowerState.RUNNING: Tone.GOOD,
}

_RESULT_TONES = {
    Result.FAILED: Tone.TROUBLE,
    Result.UNKNOWN: Tone.TROUBLE,
    Result.SKIPPED: Tone.WARNING,
    Result.NOT_POSSIBLE: Tone.WARNING,
    Result.CHANGED: Tone.GOOD,
    Result.UNCHANGED: Tone.QUIET,
    Result.SEEN: Tone.GOOD,
}
_RANKS = list(_RESULT_TONES)
"""Results in the order a person looks."""


def list_grid(vpses: Iterable[tuple[str, Vps]]) -> Grid:
    """Give what VPSes are, each with its panel's name, by node and hostname."""
    columns = (
        _ID,
        _HOSTNAME,
        _PANEL,
        _NODE,
        Column("RAM", right=True, leaves=5),
        Column("BURST", right=True, leaves=2),
        Column("DISK", right=True, leaves=4),
        Column("CPUS", right=True, leaves=1),
        Column("TRAFFIC", right=True, leaves=3),
    )
    ranked = sorted(vpses, key=lambda each: (natural(each[0]), place(each[1])))
    return Grid.of(columns, (_listed_row(panel, vps) for panel, vps in ranked))


def status_grid(outcomes: Iterable[Outcome[object]]) -> Grid:
    """Give what VPSes do and use, trouble first."""
    columns = (
        _STATE,
        _ID,
        _HOSTNAME,
        _PANEL,
        _NODE,
        Column("RAM USED", right=True, leaves=3),
        Column("DISK USED", right=True, leaves=2),
        Column("TRAFFIC", right=True, leaves=1),
    )
    return Grid.of(columns, (_row(outcome, _used(outcome)) for outcome in trouble_first(outcomes)))


def result_grid(outcomes: Iterable[Outcome[object]], verb: str) -> Grid:
    """Give what came of a power action for each VPS, trouble first; the result in a word, and how or why besides."""
    columns = (
        evolve(_STATE, title="RESULT", uncut=len("not possible"), least=len("unchanged")),
        _ID,
        _HOSTNAME,
        _PANEL,
        _NODE,
        Column("HOW", leaves=2),
        Column("TOOK", right=True, leaves=1),
    )
    ranked = sorted(outcomes, key=lambda each: (_RANKS.index(result_of(each, verb)), place(each.vps)))
    return Grid.of(columns, (_result_row(outcome, verb) for outcome in ranked))


def node_grid(outcomes: Iterable[Outcome[object]], verb: str) -> Grid:
    """Tell how each host node's VPSes are, the nodes with the most trouble first."""
    nodes = grouped(trouble_first(outcomes), lambda outcome: (outcome.panel, node_name(outcome.vps)))
    ranked = sorted(nodes.items(), key=lambda item: (-sum(not each.ok for each in item[1]), *map(natural, item[0])))
    columns = (
        _PANEL,
        Column("NODE", right=True),
        Column("VPSES", right=True, leaves=1),
        Column("HOW THEY ARE", toned=True, uncut=len("8 unreachable"), least=len("8 failed")),
    )
    return Grid.of(columns, (_node_row(panel, node, group, verb) for (panel, node), group in ranked))


def _node_row(panel: str, node: str, group: list[Outcome[object]], verb: str) -> Row:
    counts = Counter(outcome_word(outcome, verb) for outcome in group)
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    tone = Tone.PLAIN if all(outcome.ok for outcome in group) else Tone.TROUBLE
    return Row((safe_text(panel), node, f"{len(group):,}", said), tone)


def _result_row(outcome: Outcome[object], verb: str) -> Row:
    result = result_of(outcome, verb)
    named = _named(outcome.panel, outcome.vps)
    cells = (result.value, *named, how_word(outcome, verb), f"{outcome.elapsed:.1f} s")
    return Row(cells, _RESULT_TONES[result], lambda: {**outcome.to_dict(), "result": result.value})


def _listed_row(panel: str, vps: Vps) -> Row:
    return Row(_listed(panel, vps), about=lambda: {"panel": panel, **vps.to_dict()})


def _listed(panel: str, vps: Vps) -> tuple[str, ...]:
    ram, burst, disk = map(allowance, (vps.guaranteed_ram, vps.burstable_ram, vps.disk_space))
    cpus = "" if vps.cpu_count is None else f"{vps.cpu_count:,}"
    return (*_named(panel, vps), ram, burst, disk, cpus, traffic_usage(vps.traffic))


def _used(outcome: Outcome[object]) -> tuple[str, ...]:
    status, vps = outcome.value, outcome.vps
    if not isinstance(status, VpsStatus):
        return ("", "", "")
    ram, disk = usage(status.ram_used, vps.guaranteed_ram), usage(status.disk_used, vps.disk_space)
    return (ram, disk, traffic_usage(status.traffic))


def _row(outcome: Outcome[object], figures: tuple[str, ...]) -> Row:
    cells = (outcome_word(outcome, "status"), *_named(outcome.panel, outcome.vps), *figures)
    return Row(cells, _tone(outcome), outcome.to_dict)


def _named(panel: str, vps: Vps) -> tuple[str, str, str, str]:
    return (str(vps.id), safe_text(vps.hostname), safe_text(panel), node_name(vps))


def _tone(outcome: Outcome[object]) -> Tone:
    if outcome.error is not None:
        return Tone.TROUBLE
    status = outcome.value
    return _TONES[status.state] if isinstance(status, VpsStatus) else Tone.GOOD
