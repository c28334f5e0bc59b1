"""`watch`: a line for each change, one for a lost node or panel and not one for each of its VPSes."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.exits import Exit
from cvm_async.cli.flags import Common, Count, Seconds, Switch
from cvm_async.cli.grids import status_grid
from cvm_async.cli.results import Results, fleet_of, unread
from cvm_async.cli.terminal import Terminal
from cvm_async.cli.which.flags import Called, Selection
from cvm_async.models import JSON_VERSION
from cvm_async.watch.changes import changes
from cvm_async.watch.events import Change, NodeUnreachable, PanelUnreachable, VpsChange, VpsUnreadable
from cvm_async.watch.snapshot import Snapshot

_ALL = Selection()
_COMMON = Common()
_FIGURES = frozenset(("elapsed", "totals", "failed", "stale"))
"""What a heartbeat tells of a snapshot: how many VPSes are how, and not which."""
_TROUBLE = (PanelUnreachable, NodeUnreachable, VpsUnreadable)


async def watch(
    *names: Called,
    interval: Annotated[float, Seconds] = 30.0,
    count: Annotated[int | None, Count] = None,
    heartbeat: Switch = False,
    selection: Selection = _ALL,
    common: Common = _COMMON,
) -> Exit:
    """Poll the status of VPSes and print what changes, a line each, until interrupted; for a person see `top`.

    As JSON, an object for each VPS comes first, of the kind "vps_found"; then one for each change.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids. None: all.
        interval: Seconds from the beginning of one poll to the next.
        count: End after so many polls.
        heartbeat: Print a line for each poll, too, so that a reader knows that it goes on.
        selection: Or by what they are.
        common: As for every command.
    """
    which = selection.read(names, none_is_all=True)
    terminal = common.terminal()
    results = Results(terminal, status_grid, full=False)
    async with common.panels(terminal) as panels:
        fleet = await fleet_of(panels, terminal, whole=which.named)
        chosen, looked = await which.looked_at(which.of(fleet, terminal), results)
        ended = unread(terminal, chosen.problems) or looked
        polls = 0
        async with chosen.watch(every=interval) as snapshots:
            async for snapshot in snapshots:
                if not polls:
                    terminal.say(overview(snapshot))
                    _tell_all(terminal, snapshot)
                _tell(terminal, snapshot, snapshot.changes if polls else trouble(snapshot))
                if heartbeat:
                    _beat(terminal, snapshot)
                polls += 1
                if polls == count:
                    break
    return ended


def overview(snapshot: Snapshot) -> str:
    """Give ``46 running, 5 stopped of 60 VPSes in 0.3 s``."""
    states = ", ".join(f"{count:,} {safe_text(state)}" for state, count in snapshot.totals.items()) or "none read"
    return f"{states} of {some_vpses(len(snapshot))} in {snapshot.elapsed:.1f} s"


def trouble(snapshot: Snapshot) -> list[Change]:
    """Give what cannot be read at the beginning; what is there and does what is no news then."""
    nothing = Snapshot(at=snapshot.at, elapsed=0.0, readings=())
    return [change for change in changes(nothing, snapshot) if isinstance(change, _TROUBLE)]


def _tell(terminal: Terminal, snapshot: Snapshot, told: Iterable[Change]) -> None:
    several = len({reading.panel for reading in snapshot.readings}) > 1
    for change in told:
        # What is about a node or a panel names it itself.
        panel = f"{safe_text(change.panel)}: " if several and isinstance(change, VpsChange) else ""
        terminal.show(f"{_time(terminal, snapshot)} {panel}{change}")
        _emit(terminal, snapshot, change.to_dict())


def _tell_all(terminal: Terminal, snapshot: Snapshot) -> None:
    """Give a program what there is to begin with, as what changes is told from there on."""
    for reading in snapshot:
        _emit(terminal, snapshot, {"kind": "vps_found", **reading.to_dict()})


def _beat(terminal: Terminal, snapshot: Snapshot) -> None:
    terminal.show(f"{_time(terminal, snapshot)} {overview(snapshot)}")
    figures = {key: value for key, value in snapshot.to_dict().items() if key in _FIGURES}
    _emit(terminal, snapshot, {"kind": "heartbeat", **figures})


def _emit(terminal: Terminal, snapshot: Snapshot, event: Mapping[str, object]) -> None:
    terminal.emit({"version": JSON_VERSION, "at": snapshot.at.isoformat(), **event}, indent=None)


def _time(terminal: Terminal, snapshot: Snapshot) -> str:
    """Give the time of day to a person; in a file, which is read another day, with the date and the offset."""
    at = snapshot.at.astimezone()
    return f"{at:%H:%M:%S}" if terminal.out.file.isatty() else at.isoformat(timespec="seconds")
