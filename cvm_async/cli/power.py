"""The commands that change something: `start`, `stop` and `restart`.

A start or stop is a plan that is shown and applied: what is in the wanted state already is left alone, and each VPS is
looked at again just before it is touched. A restart has no state to aim at, and is done to all that were named.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeAlias

from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import CommandError, Exit, of_outcomes
from cvm_async.cli.flags import Common, RolloutFlags, Selection
from cvm_async.cli.grids import Tone, result_grid
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import NotSentError
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.plan import Plan, PlannedStep, Step, make_plan
from cvm_async.fleet.report import FleetReport
from cvm_async.models import PowerState, VpsList, VpsStatus

_NONE = Selection()
_HOW = RolloutFlags()
_COMMON = Common()

Report: TypeAlias = FleetReport[VpsStatus | None]

_AIM = {"start": PowerState.RUNNING, "stop": PowerState.STOPPED}
_ING = {"start": "Starting", "stop": "Stopping", "restart": "Restarting"}


async def start(*ids: int, selection: Selection = _NONE, how: RolloutFlags = _HOW, common: Common = _COMMON) -> Exit:
    """Start VPSes; those that run already are left alone.

    Args:
        ids: Which.
        selection: Or by what they are.
        how: How to go over them.
        common: As for every command.
    """
    return await _bring("start", ids, selection, how, common)


async def stop(*ids: int, selection: Selection = _NONE, how: RolloutFlags = _HOW, common: Common = _COMMON) -> Exit:
    """Shut VPSes down; those that are stopped already are left alone.

    Args:
        ids: Which.
        selection: Or by what they are.
        how: How to go over them.
        common: As for every command.
    """
    return await _bring("stop", ids, selection, how, common)


async def restart(*ids: int, selection: Selection = _NONE, how: RolloutFlags = _HOW, common: Common = _COMMON) -> Exit:
    """Restart VPSes; those that are stopped are started.

    Args:
        ids: Which.
        selection: Or by what they are.
        how: How to go over them.
        common: As for every command.
    """
    terminal = _prepared("restart", ids, selection, how, common)
    async with common.session(terminal, how.limits()) as session:
        chosen = selection.of(await session.fleet(), ids)
        vpses = list(chosen)
        intent = [f"To restart {len(vpses):,} VPSes:", *(f"  {line}" for line in render.by_node(vpses))]
        if how.dry_run:
            terminal.show(*intent)
            terminal.emit({**VpsList(vpses, chosen.problems).to_dict(), "to_do": len(vpses)})
            return Exit.DONE
        if len(vpses) > 1:
            _agree(terminal, "restart", len(vpses), intent, how)
        with ProgressBar(terminal, _ING["restart"]) as bar:
            work = chosen.restart(rollout=how.rollout(), wait=how.wait, timeout=how.timeout, progress=bar)
            report = await _carefully(work, terminal, bar, "restart")
    return _end(terminal, report)


async def _bring(verb: str, ids: Sequence[int], selection: Selection, how: RolloutFlags, common: Common) -> Exit:
    terminal = _prepared(verb, ids, selection, how, common)
    async with common.session(terminal, how.limits()) as session:
        chosen = selection.of(await session.fleet(), ids)
        with ProgressBar(terminal, "Looking") as bar:
            plan = make_plan(_AIM[verb], await chosen.status(progress=bar), chosen)
        if how.dry_run:
            terminal.show(*str(plan).splitlines())
            terminal.emit(plan.to_dict())
            return Exit.DONE
        if verb == "stop" and len(plan.to_do) > 1:
            _agree(terminal, verb, len(plan.to_do), str(plan).splitlines(), how)
        with ProgressBar(terminal, _ING[verb]) as bar:
            work = plan.apply(rollout=how.rollout(), wait=how.wait, timeout=how.timeout, progress=bar)
            applied = await _carefully(work, terminal, bar, verb)
    return _end(terminal, whole_report(plan, applied))


def whole_report(plan: Plan, applied: Report) -> Report:
    """Give a report over all VPSes of a plan: what was left alone and what cannot be helped have outcomes, too."""
    done = {(outcome.panel, outcome.vps.id): outcome for outcome in applied}
    outcomes = [done.get((step.panel, step.vps.id)) or _untouched(step) for step in plan.steps]
    return FleetReport(applied.verb, tuple(outcomes), applied.elapsed)


def _untouched(step: PlannedStep) -> Outcome[VpsStatus | None]:
    if step.step is Step.LEAVE:
        return Outcome(step.vps, step.panel, step.seen, skipped=True)
    error = step.error or NotSentError(f"not touched: it is {step.reason}", vps_id=step.vps.id)
    return Outcome(step.vps, step.panel, error=error, skipped=True)


def _prepared(verb: str, ids: Sequence[int], selection: Selection, how: RolloutFlags, common: Common) -> Terminal:
    """Give the terminal, once everything that can be checked without the panel is checked."""
    selection.check(ids, none_is_all=False)
    how.rollout()
    terminal = Terminal.here(json=common.json)
    asks = verb != "start" and len(set(ids)) != 1 and not (how.yes or how.dry_run)
    if asks and not terminal.interactive:
        message = f"to {verb} more than one VPS where nobody can be asked needs --yes"
        raise CommandError(message, Exit.USAGE)
    return terminal


def _agree(terminal: Terminal, verb: str, count: int, intent: Sequence[str], how: RolloutFlags) -> None:
    if how.yes:
        return
    terminal.say(*intent)
    if not terminal.confirm(f"{verb.capitalize()} {count:,} VPSes?"):
        message = "nothing was done"
        raise CommandError(message)


async def _carefully(work: Awaitable[Report], terminal: Terminal, bar: ProgressBar, verb: str) -> Report:
    """Do it; interrupted, say what a person must know before repeating it."""
    try:
        return await work
    except asyncio.CancelledError:
        done = 0 if bar.last is None else bar.last.done
        terminal.say(
            f"Interrupted after {done:,} VPSes. What was under way was cut off, and the panel may have carried it out, "
            f"or may yet: the warnings above name each. Look at their status before you {verb} again.",
            tone=Tone.WARNING,
        )
        raise


def _end(terminal: Terminal, report: Report) -> Exit:
    terminal.table(result_grid(report, report.verb), whole=False)
    terminal.show(*render.reasons(report), safe_text(report.summary()))
    terminal.emit(report.to_dict())
    return of_outcomes(report)
