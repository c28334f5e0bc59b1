"""A plan as a person reads it before agreeing: a table by node and state with totals, and names where they are few."""

from collections import Counter
from collections.abc import Iterable, Sequence

import cvm_async
from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.acting.flags import Safety
from cvm_async.cli.exits import CommandError
from cvm_async.cli.grids import Column, Grid, Row
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import PowerState

_FEW = 8
"""VPSes that are named and not counted: as many as a person reads."""

_NODES = 20
"""Rows of the table: it should stand on the screen with the question below."""

_UNREAD = "not read"
"""How VPSes are that could not be looked at."""

_ORDER = [state.value for state in PowerState if state is not PowerState.UNKNOWN] + [PowerState.UNKNOWN.value, _UNREAD]

_LEAVING = [PowerState.TERMINATED.value, PowerState.UNKNOWN.value, PowerState.SUSPENDED.value, _UNREAD]
"""Which column leaves first, after that of all, where room is short: the title tells how many cannot be helped."""

PlannedSteps = Sequence["cvm_async.PlannedStep"]


def show_plan(terminal: Terminal, plan: "cvm_async.Plan", *, full: bool, ask: bool) -> None:
    """Show a plan: among the results, or where somebody is asked about it among the messages."""
    say = terminal.say if ask else terminal.show
    if len(plan) <= _FEW:
        say(*str(plan).splitlines())
        return
    say(plan.title, "")
    terminal.brief(plan_grid(plan.steps, full=full), ask=ask)
    say("", *(plan.lines(None)[1:] if full else _noted(plan)))


def agree(terminal: Terminal, plan: "cvm_async.Plan", panels: str, safety: Safety) -> None:
    """Ask whether to go on.

    Raises:
        CommandError: The person does not agree.
    """
    count = len(plan.to_do)
    question = f"{plan.verb.capitalize()} {some_vpses(count)} on {panels}?"
    if count > safety.confirm_above:
        typed = terminal.ask(f"{question} Type {count} to go on:")
        agreed = typed.strip().replace(",", "") == str(count)
    else:
        agreed = terminal.confirm(question)
    if not agreed:
        message = "nothing was done"
        raise CommandError(message)


def panels_of(fleet: "cvm_async.Fleet") -> str:
    """Give the names of a fleet's panels, as a sentence takes them."""
    return safe_text(", ".join(fleet.panels))


def plan_grid(steps: PlannedSteps, *, full: bool = False) -> Grid:
    """Give how many VPSes of each node are in which state, and all of them last."""
    several = len({step.panel for step in steps}) > 1
    nodes: dict[tuple[str, int | None], Counter[str]] = {}
    for step in steps:
        nodes.setdefault((step.panel, step.vps.node), Counter())[_how(step)] += 1
    found = {state for counts in nodes.values() for state in counts}
    states = [state for state in _ORDER if state in found]
    ranked = sorted(nodes.items(), key=lambda item: (item[0][0], -1 if item[0][1] is None else item[0][1]))
    shown = ranked if full or len(ranked) <= _NODES + 1 else ranked[:_NODES]
    rows = [_row((*([safe_text(panel)] if several else []), _node(node)), of, states) for (panel, node), of in shown]
    blank = ("",) if several else ()
    rest = ranked[len(shown) :]
    if rest:
        rows.append(_row((*blank, f"{len(rest):,} more"), _sum(of for _, of in rest), states))
    rows.append(_row((*blank, "all"), _sum(nodes.values()), states))
    columns = (
        *([Column("PANEL", uncut=12, least=6)] if several else []),
        Column("NODE", right=True),
        *(Column(state.upper(), right=True, leaves=_leaves(state)) for state in states),
        Column("ALL", right=True, leaves=1),
    )
    return Grid(columns, tuple(rows))


def _leaves(state: str) -> int | None:
    return None if state in (PowerState.RUNNING, PowerState.STOPPED) else _LEAVING.index(state) + 2


def _how(step: "cvm_async.PlannedStep") -> str:
    return _UNREAD if step.seen is None else step.seen.state.value


def _node(node: int | None) -> str:
    return "?" if node is None else str(node)


def _sum(counts: "Iterable[Counter[str]]") -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _row(named: tuple[str, ...], counts: Counter[str], states: Sequence[str]) -> Row:
    figures = (f"{counts[state]:,}" if counts[state] else "" for state in states)
    return Row((*named, *figures, f"{counts.total():,}"))


def _noted(plan: "cvm_async.Plan") -> list[str]:
    """Give what must be said by name also where names are too many: what a restart starts, and what was not read."""
    started = plan.started_by_restart
    unread = render.reasons(Outcome(step.vps, step.panel, None, step.error) for step in plan.steps)
    return [
        *(
            [f"  stopped, and would be started by the restart: {render.names([s.vps for s in started])}"]
            if started
            else []
        ),
        *(f"  not read: {line}" for line in unread),
        *(f"  not known to this plan, as it cannot be read: {problem}" for problem in plan.problems[:_FEW]),
    ]
