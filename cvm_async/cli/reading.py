"""The commands that look and change nothing: `list`, `status` and `wait`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import Exit, of_outcomes
from cvm_async.cli.flags import Common, Selection, Switch
from cvm_async.cli.grids import Tone, list_grid, node_grid, status_grid
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import CvmError
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.fleet.report import FleetReport
from cvm_async.models import PowerState, Problem, Vps, VpsList, VpsStatus

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
    return _unread(terminal, fleet.problems)


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
    async with common.session(terminal) as session:
        fleet = await session.fleet()
        chosen = selection.of(fleet, ids)
        with ProgressBar(terminal, "Reading") as bar:
            report = await chosen.status(progress=bar)
    if nodes:
        terminal.table(node_grid(report, report.verb))
    else:
        terminal.table(status_grid(report), whole=full)
    terminal.show(*render.reasons(report), safe_text(report.summary()))
    terminal.say(*render.unread(report), tone=Tone.WARNING)
    terminal.emit(report.to_dict())
    # A VPS that cannot be read is one of those that were asked for, unless others were named.
    unread = Exit.DONE if ids or selection.conditional else _unread(terminal, fleet.problems)
    return of_outcomes(report) or unread


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
    async with common.session(terminal) as session:
        chosen = selection.of(await session.fleet(), ids)
        vpses = list(chosen)
        with ProgressBar(terminal, "Waiting") as bar:

            def wait_for(vps: Vps) -> Awaitable[VpsStatus]:
                return session.wait_until(vps, PowerState(state), timeout=timeout, interval=interval)

            report = await _all(wait_for, vpses, session.name, bar)
    terminal.table(status_grid(report))
    terminal.show(*render.reasons(report), safe_text(report.summary()))
    terminal.emit(report.to_dict())
    return of_outcomes(report)


async def _all(
    wait_for: Callable[[Vps], Awaitable[VpsStatus]], vpses: Sequence[Vps], panel: str, bar: ProgressBar
) -> FleetReport[VpsStatus]:
    """Wait for all at once: a task each, since each of them has a wait of its own, and one stream of polls for all."""
    clock = asyncio.get_running_loop().time
    began = clock()
    done = 0

    async def one(vps: Vps) -> Outcome[VpsStatus]:
        nonlocal done
        try:
            outcome = Outcome(vps, panel, await wait_for(vps), elapsed=clock() - began)
        except CvmError as error:
            outcome = Outcome[VpsStatus](vps, panel, error=error, elapsed=clock() - began)
        done += 1
        bar(Progress(done, len(vpses), outcome))
        return outcome

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(vps)) for vps in vpses]
    return FleetReport("status", tuple(task.result() for task in tasks), clock() - began)


def _unread(terminal: Terminal, problems: Sequence[Problem]) -> Exit:
    """Tell what could not be read of the list; a fleet of which that is so was dealt with partly."""
    terminal.say(*(f"the panel's list: {problem}" for problem in problems), tone=Tone.WARNING)
    return Exit.PARTLY if problems else Exit.DONE
