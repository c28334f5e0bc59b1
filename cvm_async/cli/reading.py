"""The commands that look and change nothing: `list`, `status`, `describe` and `wait`."""

from typing import Annotated, Literal

import cvm_async
from cvm_async._words import some_vpses
from cvm_async.cli.exits import Exit, of_outcomes
from cvm_async.cli.flags import Common, Count, Seconds, Switch
from cvm_async.cli.grids import Grid, list_grid, node_grid, status_grid
from cvm_async.cli.output.description import described
from cvm_async.cli.results import Report, Results, fleet_of, unread
from cvm_async.cli.which.flags import Called, Selection
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import JSON_VERSION, PowerState, VpsList, VpsStatus, usage

_ALL = Selection()
_COMMON = Common()


async def list_vpses(*names: Called, selection: Selection = _ALL, common: Common = _COMMON) -> Exit:
    """List the account's VPSes: what they are, not what they are doing.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids. None: all.
        selection: Or by what they are.
        common: As for every command.
    """
    which = selection.read(names, none_is_all=True, may_be_none=True)
    terminal = common.terminal()
    results = Results(terminal, status_grid, full=False)
    async with common.panels(terminal) as panels:
        fleet = await fleet_of(panels, terminal, whole=which.named)
        chosen, looked = await which.looked_at(which.of(fleet, terminal), results)
        only = panels.only
    vpses, named = VpsList(chosen, chosen.problems), [(each.account.panel, each.vps) for each in chosen.members]
    terminal.table(list_grid(named))
    terminal.sum_up(some_vpses(len(vpses)))
    listed = [{"panel": panel, **vps.to_dict()} for panel, vps in named]
    terminal.emit({**vpses.to_dict(), "vpses": listed, "panel": only})
    return unread(terminal, vpses.problems) or looked


async def status(
    *names: Called, nodes: Switch = False, full: Switch = False, selection: Selection = _ALL, common: Common = _COMMON
) -> Exit:
    """Show what VPSes are doing, those with trouble first.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids. None: all.
        nodes: Show host nodes instead of VPSes.
        full: Show every VPS, however many; to a pipe that is always so.
        selection: Or by what they are.
        common: As for every command.
    """
    which = selection.read(names, none_is_all=True, may_be_none=True)
    terminal = common.terminal()
    results = Results(terminal, _by_node if nodes else status_grid, full=full or nodes)
    async with common.panels(terminal) as panels:
        chosen = which.of(await fleet_of(panels, terminal, whole=which.named), terminal)
        report = await results.watching(
            "Reading",
            lambda bar, control: chosen.status(progress=bar, control=control),
            total=len(chosen),
            cut_off="",
        )
    return results.show(which.of_report(report))


async def wait(
    state: Literal["running", "stopped", "suspended", "terminated"],
    /,
    *names: Called,
    timeout: Annotated[float, Seconds] = 120.0,
    interval: Annotated[float, Seconds] = 2.0,
    confirm: Annotated[int, Count] = 1,
    selection: Selection = _ALL,
    common: Common = _COMMON,
) -> Exit:
    """Wait until VPSes are in a state.

    Args:
        state: Which state.
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids.
        timeout: Seconds to wait for each of them.
        interval: Seconds between two readings of a status.
        confirm: Readings in a row that have to show it, such as 2.
        selection: Or by what they are.
        common: As for every command.
    """
    which = selection.read(names, none_is_all=False)
    terminal = common.terminal()
    results = Results(terminal, status_grid, full=True)
    async with common.panels(terminal) as panels:
        fleet = await fleet_of(panels, terminal, whole=which.named)
        chosen, looked = await which.looked_at(which.of(fleet, terminal), results)
        report = await results.watching(
            "Waiting",
            lambda bar, control: chosen.wait_until(
                PowerState(state), timeout=timeout, interval=interval, confirm=confirm, progress=bar, control=control
            ),
            total=len(chosen),
            cut_off="",
        )
    return results.show(report) or looked


async def describe(name: Called, /, *names: Called, common: Common = _COMMON) -> Exit:
    """Tell all that is known of VPSes: what they are, what they do and use of what they have, and how their nodes are.

    Args:
        name: A hostname, whole or up to the first dot, or an id.
        names: More of them.
        common: As for every command.
    """
    which = Selection().read((name, *names), none_is_all=False)
    terminal = common.terminal()
    results = Results(terminal, status_grid, full=False)
    async with common.panels(terminal) as panels:
        chosen = which.of(await fleet_of(panels, terminal, whole=True), terminal)
        report = await results.watching(
            "Reading",
            lambda bar, control: chosen.status(progress=bar, control=control),
            total=len(chosen),
            cut_off="",
        )
        nodes = {(session.name, each.node): each for session in panels.sessions for each in session.node_states()}
    known = [_known(outcome, nodes.get((outcome.panel, outcome.vps.node or 0))) for outcome in report]
    for each in known:
        terminal.show(*described(each))
    terminal.emit({"version": JSON_VERSION, "vpses": known})
    return of_outcomes(report) or unread(terminal, report.problems)


def _known(outcome: Outcome[VpsStatus], node: "cvm_async.NodeReport | None") -> dict[str, object]:
    status = outcome.value
    return {
        "panel": outcome.panel,
        **outcome.vps.to_dict(),
        "usage": usage(outcome.vps, status),
        "ok": outcome.ok,
        "status": None if status is None else status.to_dict(),
        "error": None if outcome.error is None else str(outcome.error),
        "error_kind": None if outcome.error is None else outcome.error.kind,
        "node_state": None if node is None else node.to_dict(),
    }


def _by_node(report: Report) -> Grid:
    return node_grid(report, report.verb)
