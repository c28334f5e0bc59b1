"""One message for each thing that this library tells of, in words that a chat's user reads; see `places` for where.

Errors are told by their `user_message`: whoever reads a chat need not know the panel's address. A change says why as
the log does: alerts are for those who run it.
"""

from collections.abc import Iterable, Sequence
from functools import singledispatch
from typing import Protocol, TypeAlias, cast, runtime_checkable

from cvm_async._checks import refuse
from cvm_async._figures import size, state_word, traffic_size
from cvm_async._safe_text import safe_text
from cvm_async.errors import CvmError
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetError, FleetReport
from cvm_async.models import MEBIBYTE, PowerState, Vps, VpsStatus
from cvm_async.render.fitting import fit
from cvm_async.render.places import PLAIN, Place
from cvm_async.render.words import alike, grouped, names, unread
from cvm_async.watch.events import Change
from cvm_async.watch.snapshot import Reading, Snapshot, Use


@runtime_checkable
class HasLines(Protocol):
    """A `Plan`: it knows sessions, and who only renders needs no HTTP library."""

    def lines(self, names: int | None = ...) -> Sequence[str]:
        """Give it line by line; of a node so many VPSes are named."""
        ...


Shown: TypeAlias = (
    VpsStatus
    | Outcome[object]
    | Reading
    | FleetReport[object]
    | Snapshot
    | Change
    | HasLines
    | CvmError
    | str
    | Sequence[Change]
    | Sequence[str]
)
"""What can be shown: a text or several lines of one's own, too."""

_NAMED = 8
"""VPSes of a node that a plan names."""
_NOT_LISTED = Vps(id=1, hostname="", virtualization_type=None, guaranteed_ram=None, disk_space=None, cpu_count=None)
_UNREMARKABLE = PowerState.RUNNING
"""The state whose VPSes are counted and not named."""


def message(value: Shown, place: Place = PLAIN, *, vps: Vps | None = None, limit: int | None = None) -> str:
    """Give something as a message for a place: escaped for it, and cut to its limit on a whole line.

    Args:
        value: What to show.
        place: Where: `PLAIN`, `DISCORD`, `TELEGRAM` or `SLACK`.
        vps: Whose status it is, to name it and to tell what it may use; for a `VpsStatus` alone.
        limit: Another limit than the place's, as the place counts.

    Raises:
        ConfigurationError: It is nothing that can be shown, or the limit is below 100.
    """
    lines = _of_status(value, vps) if isinstance(value, VpsStatus) else _lines(value)
    return fit([safe_text(line) for line in lines], place, limit)


@singledispatch
def _lines(value: object) -> Iterable[str]:
    if isinstance(value, HasLines):
        return value.lines(_NAMED)
    if not isinstance(value, Sequence):
        refuse("what is to be shown", "a status, a report, a snapshot, a plan, changes, an error or a text", value)
    return [line for part in cast("Sequence[object]", value) for line in _lines(part)]


@_lines.register
def _(value: str) -> Iterable[str]:
    return value.split("\n")


@_lines.register
def _(value: Change) -> Iterable[str]:
    return [str(value)]


@_lines.register
def _(value: CvmError) -> Iterable[str]:
    return [f"{'' if value.vps_id is None else f'VPS {value.vps_id}: '}{value.user_message}"]


@_lines.register
def _(value: FleetError) -> Iterable[str]:
    return [value.user_message, *(() if value.report is None else _reasons(value.report))]


@_lines.register(Outcome)
def _(value: Outcome[object]) -> Iterable[str]:
    if isinstance(value.value, VpsStatus):
        return _of_status(value.value, value.vps)
    if value.error is not None:
        return [f"{_name(value.vps)}: {value.error.user_message}"]
    return [f"{_name(value.vps)}: done"]


@_lines.register
def _(value: Reading) -> Iterable[str]:
    if value.error is None and value.status is not None:
        return _of_status(value.status, value.vps)
    old = "" if value.age is None else f", what follows is {value.age:,.0f} s old"
    why = "not read yet" if value.error is None else f"not read{old}: {value.error.user_message}"
    return [f"{_name(value.vps)}: {why}", *(() if value.status is None else _of_status(value.status, value.vps))]


@_lines.register(FleetReport)
def _(value: FleetReport[object]) -> Iterable[str]:
    seen = [(outcome.vps, outcome.value) for outcome in value if isinstance(outcome.value, VpsStatus)]
    return [value.summary(), *_reasons(value), *_by_state(seen), *unread(value)]


@_lines.register
def _(value: Snapshot) -> Iterable[str]:
    known = [(reading.vps, reading.status) for reading in value if reading.status is not None]
    failed = [(reading.error, reading.panel, reading.vps) for reading in value if reading.error is not None]
    return [str(value), *map(str, value.changes), *_alike(failed), *_by_state(known)]


def _reasons(report: FleetReport[object]) -> list[str]:
    failed = [(outcome.error, outcome.panel, outcome.vps) for outcome in report.failed]
    return _alike(failed)


def _alike(failed: Iterable[tuple[CvmError, str, Vps]]) -> list[str]:
    return alike((error.user_message.removesuffix("."), panel, vps) for error, panel, vps in failed)


def _by_state(seen: Iterable[tuple[Vps, VpsStatus]]) -> list[str]:
    """Name those that do not run, a line for each state."""
    groups = grouped((each for each in seen if each[1].state is not _UNREMARKABLE), lambda each: state_word(each[1]))
    return [f"{len(group):,} {word}: {names([vps for vps, _ in group])}" for word, group in groups.items()]


def _of_status(status: VpsStatus, vps: Vps | None) -> list[str]:
    state, of = state_word(status), vps or _NOT_LISTED
    figures = [
        _used("memory", status.ram_used, of.guaranteed_ram),
        _used("disk", status.disk_used, of.disk_space),
        *map(_traffic, Reading(panel="", vps=of, status=status).traffic),
    ]
    problems = [f"not read: {problem}" for problem in status.problems]
    return [state if vps is None else f"{_name(vps)}: {state}", *filter(None, figures), *problems]


def _used(what: str, used: int | None, megabytes: int | None) -> str:
    if used is None:
        return ""
    of = megabytes and f" of {size(megabytes * MEBIBYTE)}, {100 * used // (megabytes * MEBIBYTE)}%"
    return f"{what}: {size(used)}{of or ''}"


def _traffic(use: Use) -> str:
    if use.used is None:
        return ""
    which = "traffic" if use.direction == "total" else f"traffic {use.direction}"
    of = "" if use.share is None or use.limit is None else f" of {traffic_size(use.limit)}, {use.share:.0%}"
    return f"{which}: {traffic_size(use.used)}{of}"


def _name(vps: Vps) -> str:
    on = "" if vps.node is None else f" on node {vps.node}"
    return f"{vps.hostname} ({vps.id}){on}"
