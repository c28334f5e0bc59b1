"""The commands that change something: `start`, `stop` and `restart`.

A start or stop is a plan that is shown and applied: what is in the wanted state already is left alone, and each VPS is
looked at again just before it is touched. A restart has no state to aim at, and is done to all that were named.
"""

from collections.abc import Sequence

from cvm_async import render
from cvm_async._api.verbs import Verb
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common, RolloutFlags
from cvm_async.cli.grids import Grid, result_grid
from cvm_async.cli.results import Report, Results, unread
from cvm_async.cli.terminal import Terminal
from cvm_async.cli.which.flags import Selection
from cvm_async.cli.which.found import Which
from cvm_async.models import VpsList

_NONE = Selection()
_HOW = RolloutFlags()
_COMMON = Common()


async def start(*names: str, selection: Selection = _NONE, how: RolloutFlags = _HOW, common: Common = _COMMON) -> Exit:
    """Start VPSes; those that run already are left alone.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids.
        selection: Or by what they are.
        how: How to go over them.
        common: As for every command.
    """
    return await _bring(Verb.START, names, selection, how, common)


async def stop(*names: str, selection: Selection = _NONE, how: RolloutFlags = _HOW, common: Common = _COMMON) -> Exit:
    """Shut VPSes down; those that are stopped already are left alone.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids.
        selection: Or by what they are.
        how: How to go over them.
        common: As for every command.
    """
    return await _bring(Verb.STOP, names, selection, how, common)


async def restart(
    *names: str, selection: Selection = _NONE, how: RolloutFlags = _HOW, common: Common = _COMMON
) -> Exit:
    """Restart VPSes; those that are stopped are started.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids.
        selection: Or by what they are.
        how: How to go over them.
        common: As for every command.
    """
    which = selection.read(names, none_is_all=False)
    terminal = _prepared(Verb.RESTART, which, how, common)
    results = Results(terminal, _grid, full=False)
    async with common.panels(terminal, how) as panels:
        chosen, looked = await which.looked_at(which.of(await panels.fleet(whole=True), terminal), results)
        vpses = list(chosen)
        intent = [f"To restart {len(vpses):,} VPSes:", *(f"  {line}" for line in render.by_node(vpses))]
        if how.dry_run:
            terminal.show(*intent)
            terminal.emit({**VpsList(vpses, chosen.problems).to_dict(), "to_do": len(vpses)})
            return unread(terminal, chosen.problems) or looked
        if len(vpses) > 1:
            _agree(terminal, Verb.RESTART, len(vpses), intent, how)
        report = await results.watching(
            Verb.RESTART.row.doing.capitalize(),
            lambda bar: chosen.restart(rollout=how.rollout(), wait=how.wait, timeout=how.timeout, progress=bar),
            cut_off=_cut_off(Verb.RESTART),
        )
    return results.show(report) or looked


async def _bring(verb: Verb, names: Sequence[str], selection: Selection, how: RolloutFlags, common: Common) -> Exit:
    which = selection.read(names, none_is_all=False)
    terminal = _prepared(verb, which, how, common)
    results = Results(terminal, _grid, full=False)
    async with common.panels(terminal, how) as panels:
        chosen = which.of(await panels.fleet(whole=True), terminal)
        found = await results.watching(
            "Looking", lambda bar: chosen.plan(verb.goal, progress=bar), cut_off="Nothing was done yet."
        )
        # The plan has looked at all of them: to ask for a state costs nothing more.
        plan = which.of_plan(found)
        if how.dry_run:
            terminal.show(*str(plan).splitlines())
            terminal.emit(plan.to_dict())
            return unread(terminal, plan.problems)
        if verb is Verb.STOP and len(plan.to_do) > 1:
            _agree(terminal, verb, len(plan.to_do), str(plan).splitlines(), how)
        report = await results.watching(
            verb.row.doing.capitalize(),
            lambda bar: plan.apply(
                fleet=chosen, rollout=how.rollout(), wait=how.wait, timeout=how.timeout, whole=True, progress=bar
            ),
            cut_off=_cut_off(verb),
        )
    return results.show(report)


def _grid(report: Report) -> Grid:
    return result_grid(report, report.verb)


def _cut_off(verb: Verb) -> str:
    return (
        "What was under way was cut off, and the panel may have carried it out, or may yet: look at the status of "
        f"those whose outcome is unknown before you {verb} them again."
    )


def _prepared(verb: Verb, which: Which, how: RolloutFlags, common: Common) -> Terminal:
    """Give the terminal, once everything that can be checked without the panel is checked."""
    how.rollout()
    terminal = common.terminal()
    asks = verb is not Verb.START and not which.at_most_one and not (how.yes or how.dry_run)
    if asks and not terminal.interactive:
        message = f"to {verb} more than one VPS where nobody can be asked needs --yes"
        raise CommandError(message, Exit.USAGE)
    return terminal


def _agree(terminal: Terminal, verb: Verb, count: int, intent: Sequence[str], how: RolloutFlags) -> None:
    if how.yes:
        return
    terminal.say(*intent)
    if not terminal.confirm(f"{verb.capitalize()} {count:,} VPSes?"):
        message = "nothing was done"
        raise CommandError(message)
