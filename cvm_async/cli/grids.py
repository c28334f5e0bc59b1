"""The command line's tables before they get a look: what is in them, in which order, and how it is meant."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from attrs import field, frozen

from cvm_async._safe_text import safe_text
from cvm_async.fleet.outcome import Outcome
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

_ROOMY = 100
"""Columns of a terminal from which on the less important figures show, too."""


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
        flexible: Whether it may be cut where room is short.
        toned: Whether it shows the row's tone.
        from_width: Width of the terminal from which on it is worth its room.
    """

    title: str
    right: bool = field(default=False, kw_only=True)
    flexible: bool = field(default=False, kw_only=True)
    toned: bool = field(default=False, kw_only=True)
    from_width: int = field(default=0, kw_only=True)


@frozen
class Row:
    """A row of a grid: a text for each column, safe to print."""

    cells: tuple[str, ...]
    tone: Tone = Tone.PLAIN


@frozen
class Grid:
    """A table without a look."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


_ID = Column("ID", right=True)
_HOSTNAME = Column("HOSTNAME", flexible=True)
_NODE = Column("NODE", right=True)

_TONES = {
    PowerState.UNKNOWN: Tone.TROUBLE,
    PowerState.SUSPENDED: Tone.WARNING,
    PowerState.TERMINATED: Tone.QUIET,
    PowerState.STOPPED: Tone.WARNING,
    PowerState.RUNNING: Tone.GOOD,
}


def list_grid(vpses: Iterable[Vps]) -> Grid:
    """Give what VPSes are, by node and hostname."""
    columns = (
        _ID,
        _HOSTNAME,
        _NODE,
        Column("RAM", right=True),
        Column("BURST", right=True, from_width=_ROOMY),
        Column("DISK", right=True),
        Column("CPUS", right=True, from_width=_ROOMY),
        Column("TRAFFIC", right=True),
    )
    return Grid(columns, tuple(Row(_listed(vps)) for vps in sorted(vpses, key=place)))


def status_grid(outcomes: Iterable[Outcome[object]]) -> Grid:
    """Give what VPSes do and use, trouble first."""
    columns = (
        Column("STATE", toned=True),
        _ID,
        _HOSTNAME,
        _NODE,
        Column("RAM USED", right=True),
        Column("DISK USED", right=True),
        Column("TRAFFIC", right=True, from_width=_ROOMY),
    )
    return Grid(columns, tuple(_row(outcome, "status", _used(outcome)) for outcome in trouble_first(outcomes)))


def result_grid(outcomes: Iterable[Outcome[object]], verb: str) -> Grid:
    """Give what came of a power action for each VPS, trouble first."""
    columns = (Column("RESULT", toned=True), _ID, _HOSTNAME, _NODE, Column("TOOK", right=True))
    rows = (_row(outcome, verb, (f"{outcome.elapsed:.1f} s",)) for outcome in trouble_first(outcomes))
    return Grid(columns, tuple(rows))


def node_grid(outcomes: Iterable[Outcome[object]], verb: str) -> Grid:
    """Tell how each host node's VPSes are, the nodes with the most trouble first."""
    nodes = grouped(trouble_first(outcomes), lambda outcome: node_name(outcome.vps))
    ranked = sorted(nodes.items(), key=lambda item: (-sum(not each.ok for each in item[1]), natural(item[0])))
    columns = (_NODE, Column("VPSES", right=True), Column("HOW THEY ARE", toned=True, flexible=True))
    return Grid(columns, tuple(_node_row(node, group, verb) for node, group in ranked))


def _node_row(node: str, group: list[Outcome[object]], verb: str) -> Row:
    counts = Counter(outcome_word(outcome, verb) for outcome in group)
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    tone = Tone.PLAIN if all(outcome.ok for outcome in group) else Tone.TROUBLE
    return Row((node, f"{len(group):,}", said), tone)


def _listed(vps: Vps) -> tuple[str, ...]:
    ram, burst, disk = map(allowance, (vps.guaranteed_ram, vps.burstable_ram, vps.disk_space))
    cpus = "" if vps.cpu_count is None else f"{vps.cpu_count:,}"
    return (*_named(vps), ram, burst, disk, cpus, traffic_usage(vps.traffic))


def _used(outcome: Outcome[object]) -> tuple[str, ...]:
    status, vps = outcome.value, outcome.vps
    if not isinstance(status, VpsStatus):
        return ("", "", "")
    ram, disk = usage(status.ram_used, vps.guaranteed_ram), usage(status.disk_used, vps.disk_space)
    return (ram, disk, traffic_usage(status.traffic))


def _row(outcome: Outcome[object], verb: str, figures: tuple[str, ...]) -> Row:
    return Row((outcome_word(outcome, verb), *_named(outcome.vps), *figures), _tone(outcome))


def _named(vps: Vps) -> tuple[str, str, str]:
    return (str(vps.id), safe_text(vps.hostname), node_name(vps))


def _tone(outcome: Outcome[object]) -> Tone:
    if outcome.error is not None:
        return Tone.TROUBLE
    status = outcome.value
    return _TONES[status.state] if isinstance(status, VpsStatus) else Tone.GOOD
