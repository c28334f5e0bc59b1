"""The commands that change something: `start`, `stop` and `restart`.

Each is a plan that is shown and applied: what is in the wanted state already is left alone, what is suspended is not
touched, and each VPS is looked at again just before it is acted on.
"""

from collections.abc import Sequence
from typing import Literal

from attrs import evolve

import cvm_async
from cvm_async import render
from cvm_async._api.verbs import Verb, acts
from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.acting.aftermath import Aftermath
from cvm_async.cli.acting.flags import Safety
from cvm_async.cli.acting.interrupts import Interrupts
from cvm_async.cli.acting.journals import Reach, journal_of
from cvm_async.cli.acting.plans import agree, panels_of, show_plan
from cvm_async.cli.acting.saved import Saved, addresses, check_writable, read_report
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common, RolloutFlags
from cvm_async.cli.grids import Grid, Tone, result_grid, status_grid
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.results import Report, Results, fleet_of, unread
from cvm_async.cli.terminal import Terminal
from cvm_async.cli.which.flags import Called, Selection
from cvm_async.cli.which.found import Which
from cvm_async.models import PowerState
from cvm_async.runs.errors import JournalError

_NONE = Selection()
_HOW = RolloutFlags()
_SAFETY = Safety()
_COMMON = Common()


async def start(
    *names: Called,
    selection: Selection = _NONE,
    how: RolloutFlags = _HOW,
    safety: Safety = _SAFETY,
    common: Common = _COMMON,
) -> Exit:
    """Start VPSes; those that run already are left alone.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids.
        selection: Or by what they are.
        how: How to go over them.
        safety: How it is agreed to, ended and kept.
        common: As for every command.
    """
    return await _act(Verb.START, names, selection, how, safety, common)


async def stop(
    *names: Called,
    selection: Selection = _NONE,
    how: RolloutFlags = _HOW,
    safety: Safety = _SAFETY,
    common: Common = _COMMON,
) -> Exit:
    """Shut VPSes down; those that are stopped already are left alone.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids.
        selection: Or by what they are.
        how: How to go over them.
        safety: How it is agreed to, ended and kept.
        common: As for every command.
    """
    return await _act(Verb.STOP, names, selection, how, safety, common)


async def restart(
    *names: Called,
    selection: Selection = _NONE,
    how: RolloutFlags = _HOW,
    safety: Safety = _SAFETY,
    common: Common = _COMMON,
) -> Exit:
    """Restart VPSes; those that are stopped are named, and started.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids.
        selection: Or by what they are.
        how: How to go over them.
        safety: How it is agreed to, ended and kept.
        common: As for every command.
    """
    return await _act(Verb.RESTART, names, selection, how, safety, common)


async def _act(  # noqa: PLR0917 - all that the command was given
    verb: Verb, names: Sequence[str], selection: Selection, how: RolloutFlags, safety: Safety, common: Common
) -> Exit:
    saved = _again(verb, names, selection, safety)
    which = Which() if saved else selection.read(names, none_is_all=False)
    at_most_one = which.at_most_one if saved is None else len(saved.again) <= 1
    terminal = _prepared(verb, at_most_one, how, safety, common)
    if saved is not None and not saved.again:
        terminal.say(f"nothing is to be done again in {safe_text(str(saved.path))}")
        return Exit.DONE
    async with common.panels(terminal, how) as panels:
        fleet = await fleet_of(panels, terminal, whole=True)
        chosen = saved.of(fleet) if saved else which.of(fleet, terminal)
        after = Aftermath(terminal, Reach.of(common), addresses(chosen), safety.report)
        where = f" on {panels_of(chosen)}"
        results = Results(terminal, _grid, full=safety.full, where=where, after=after)
        plan = which.of_plan(await _look(chosen, verb, results))
        if how.dry_run:
            show_plan(terminal, plan, full=safety.full, ask=False)
            terminal.emit(plan.to_dict())
            return unread(terminal, plan.problems)
        try:
            journal = journal_of(plan, keeps=safety.journal)
            _announce(terminal, plan, panels_of(chosen), how, safety, saved)
            results = evolve(results, after=evolve(after, journal=journal))
            report = await _apply(plan, chosen, how, safety, results, journal)
        except JournalError as error:
            message = f"{error}; nothing was done (--no-journal goes without)"
            raise CommandError(message) from None
    return results.show(report)


def _again(verb: Verb, names: Sequence[str], selection: Selection, safety: Safety) -> Saved | None:
    """Give what a saved report says is to be done again, where one was named."""
    if safety.retry_failed is None:
        return None
    if names or selection != _NONE:
        message = "--retry-failed says which VPSes: give it, or names and the like; not both"
        raise CommandError(message, Exit.USAGE)
    return read_report(safety.retry_failed, verb.value)


def _prepared(verb: Verb, at_most_one: bool, how: RolloutFlags, safety: Safety, common: Common) -> Terminal:  # noqa: FBT001 - one of five
    """Give the terminal, once everything that can be checked without the panel is checked."""
    how.rollout()
    safety.check()
    if safety.report is not None:
        check_writable(safety.report)
    terminal = common.terminal()
    asks = verb is not Verb.START and not at_most_one and not (how.yes or how.dry_run)
    if asks and not terminal.interactive:
        message = f"to {verb} more than one VPS where nobody can be asked needs --yes"
        raise CommandError(message, Exit.USAGE)
    return terminal


async def _look(chosen: "cvm_async.Fleet", verb: Verb, results: Results) -> "cvm_async.Plan":
    wanted: PowerState | Literal["restart"] = "restart" if verb is Verb.RESTART else verb.goal
    return await results.watching(
        "Looking",
        lambda bar, control: chosen.plan(wanted, progress=bar, control=control),
        total=len(chosen),
        cut_off="Nothing was done yet.",
    )


def _announce(  # noqa: PLR0917 - all that a person is told before
    terminal: Terminal,
    plan: "cvm_async.Plan",
    panels: str,
    how: RolloutFlags,
    safety: Safety,
    saved: Saved | None,
) -> None:
    """Say what is about to be done, and where; ask where that is wise."""
    if not plan.to_do:
        return
    twice = [step.vps for step in plan.to_do if saved and (step.panel, step.vps.id) in saved.unknown]
    if plan.verb is Verb.RESTART and twice:
        terminal.say(f"Perhaps restarted already, which looking cannot tell: {render.names(twice)}", tone=Tone.WARNING)
    if plan.verb is not Verb.START and len(plan.to_do) > 1 and not how.yes:
        show_plan(terminal, plan, full=safety.full, ask=True)
        agree(terminal, plan, panels, safety)
        return
    started = [step.vps for step in plan.started_by_restart]
    if started:
        terminal.say(f"Stopped now, and started by the restart: {render.names(started)}", tone=Tone.WARNING)
    if terminal.animates:
        # For a person; what a timer runs in the night is mailed for each line on standard error.
        terminal.say(f"{plan.verb.row.doing.capitalize()} {some_vpses(len(plan.to_do))} on {panels}")


async def _apply(  # noqa: PLR0917 - all that a run is made of
    plan: "cvm_async.Plan",
    chosen: "cvm_async.Fleet",
    how: RolloutFlags,
    safety: Safety,
    results: Results,
    journal: "cvm_async.RunJournal | None",
) -> Report:
    control = cvm_async.RunControl()
    verb = plan.verb
    bar = ProgressBar(results.terminal, verb.row.doing.capitalize(), len(plan.to_do), control)
    cut_off = (
        "What was under way was cut off, and the panel may have carried it out, or may yet: look at the status of "
        f"those whose outcome is unknown before you {verb} them again."
    )
    with Interrupts(results.terminal, control, bar, safety.grace) as interrupts:
        report = await results.behind(
            bar,
            plan.apply(
                fleet=chosen,
                rollout=how.rollout(),
                wait=how.wait,
                timeout=how.timeout,
                confirm=how.confirm,
                whole=True,
                progress=bar,
                control=control,
                journal=journal,
            ),
            cut_off=cut_off,
        )
    if interrupts.ended is not None:
        results.show(report)
        raise interrupts.ended
    return report


def _grid(report: Report) -> Grid:
    # Interrupted while it looked, there is a report of what was seen.
    return result_grid(report, report.verb) if acts(report.verb) else status_grid(report)
