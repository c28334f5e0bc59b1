"""The commands that look and change nothing: `list`, `status` and `wait`."""

from typing import Literal

from cvm_async.cli.exits import Exit
from cvm_async.cli.flags import Common, Selection, Switch
from cvm_async.cli.grids import Grid, list_grid, node_grid, status_grid
from cvm_async.cli.results import Report, Results, unread
from cvm_async.cli.terminal import Terminal
from cvm_async.models import PowerState, VpsList

_ALL = Selection()
_COMMON = Common()


async def list_vpses(*, selection: Selection = _ALL, common: Common = _COMMON) -> Exit:
    """List the account's VPSes: what they are, not what they are doing."""
    selection.check((), none_is_all=True)
    terminal = Terminal.here(json=common.json)
    async with common.session(terminal) as session:
        fleet = await session.fleet()
        chosen = list(selection.of(fleet, ()))
        panel = session.name
    terminal.table(list_grid(chosen))
    terminal.show(f"{len(chosen):,} VPSes")
    terminal.emit({**VpsList(chosen, fleet.problems).to_dict(), "panel": panel})
    return unread(terminal, fleet.problems, named=False)


async def status(
    *ids: int, nodes: Switch = False, full: Switch = False, selection: Selection = _ALL, common: Common = _COMMON
) -> Exit:
    """Show what VPSes are doing, those with trouble first.

    Args:
        ids: Which; all of them, if nothing else says which.
        nodes: Show host nodes instead of VPSes.
        full: Show every VPS, however many; to a pipe that is always so.
        selection: Or by what they are.
        common: As for every command.
    """
    selection.check(ids, none_is_all=True)
    terminal = Terminal.here(json=common.json)
    results = Results(terminal, _by_node if nodes else status_grid, named=bool(ids), full=full or nodes)
    async with common.session(terminal) as session:
        chosen = selection.of(await session.fleet(), ids)
        report = await results.watching("Reading", lambda bar: chosen.status(progress=bar), cut_off="")
    return results.show(report)


async def wait(
    state: Literal["running", "stopped", "suspended", "terminated"],
    /,
    *ids: int,
    timeout: float = 120.0,
    interval: float = 2.0,
    selection: Selection = _ALL,
    common: Common = _COMMON,
) -> Exit:
    """Wait until VPSes are in a state.

    Args:
        state: Which state.
        ids: Which VPSes.
        timeout: Seconds to wait for each of them.
        interval: Seconds between two readings of a status.
        selection: Or by what they are.
        common: As for every command.
    """
    selection.check(ids, none_is_all=False)
    terminal = Terminal.here(json=common.json)
    results = Results(terminal, status_grid, named=bool(ids), full=True)
    async with common.session(terminal) as session:
        chosen = selection.of(await session.fleet(), ids)
        report = await results.watching(
            "Waiting",
            lambda bar: chosen.wait_until(PowerState(state), timeout=timeout, interval=interval, progress=bar),
            cut_off="",
        )
    return results.show(report)


def _by_node(report: Report) -> Grid:
    return node_grid(report, report.verb)
