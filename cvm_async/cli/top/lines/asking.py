"""What would be done, as lines that are read before a person agrees: how many by node, then which."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.cli.top.lines.look import Line, Tone, cut, fitted, plain
from cvm_async.fleet.plan import Plan, PlannedStep, Step

_FIGURE: Final = 18
_LINES_BESIDE: Final = 8
"""Lines that the question has beside the nodes and the names."""


def question(plan: Plan) -> str:
    """Give ``Stop 38 VPSes on acme?``."""
    panels = ", ".join(safe_text(panel) for panel in dict.fromkeys(step.panel for step in plan.to_do))
    return f"{plan.verb.value.capitalize()} {some_vpses(len(plan.to_do))} on {panels}?"


def asked(plan: Plan, *, width: int, height: int) -> list[Line]:
    """Give what a plan would do, in at most so many lines: nodes with the most to do first, totals last, then names."""
    if not plan.to_do:
        return [cut(line, width) for line in _nothing(plan, max(height, 1))]
    kinds = [kind for kind in Step if plan.of(kind)]
    lines = [((question(plan), Tone.STRONG),), plain(""), *_table(plan, kinds, max(height - _LINES_BESIDE, 1))]
    started = len(plan.started_by_restart)
    warning: Line = ((f"{some_vpses(started)} of these stopped: a restart starts them", Tone.WARNING),)
    lines.extend((plain(""), warning) if started else ())
    names = [plain(""), *_names(plan.to_do, plan.verb.value), *_cannot(plan)]
    room = max(height - len(lines), 0)
    return [cut(line, width) for line in (*lines, *names[:room])]


def _nothing(plan: Plan, height: int) -> list[Line]:
    head: Line = ((f"There is nothing to {plan.verb.value} among {some_vpses(len(plan))}.", Tone.STRONG),)
    left = len(plan.of(Step.LEAVE))
    known = [plain(f"{some_vpses(left)}: {plan.wanted.value} already")] if left else []
    return [head, plain(""), *known, *_cannot(plan)][:height]


def _table(plan: Plan, kinds: Sequence[Step], height: int) -> list[Line]:
    by_place: dict[str, Counter[Step]] = {}
    several = len({step.panel for step in plan.steps}) > 1
    for step in plan.steps:
        by_place.setdefault(_place(step, several=several), Counter())[step.step] += 1
    ranked = sorted(by_place, key=lambda name: (-sum(by_place[name][kind] for kind in _acting(kinds)), name))
    ranked.sort(key=render.natural) if len(ranked) <= height else None
    wide = max(len("all of them"), *(len(name) for name in by_place))
    head = "".join(fitted(_title(plan, kind), _FIGURE, right=True) for kind in kinds)
    lines: list[Line] = [((fitted("", wide) + head, Tone.QUIET),)]
    lines.extend(plain(_row(name, by_place[name], kinds, wide)) for name in ranked[:height])
    if len(ranked) > height:
        lines.append(((f"and {len(ranked) - height:,} more nodes", Tone.QUIET),))
    lines.append(((_row("all of them", sum(by_place.values(), Counter[Step]()), kinds, wide), Tone.STRONG),))
    return lines


def _acting(kinds: Iterable[Step]) -> list[Step]:
    return [kind for kind in kinds if kind not in (Step.LEAVE, Step.CANNOT)]


def _row(name: str, counts: Counter[Step], kinds: Iterable[Step], wide: int) -> str:
    figures = (f"{counts[kind]:,}" if counts[kind] else "" for kind in kinds)
    return fitted(name, wide) + "".join(fitted(figure, _FIGURE, right=True) for figure in figures)


def _title(plan: Plan, kind: Step) -> str:
    titles = {Step.LEAVE: f"{plan.wanted.value} already", Step.CANNOT: "not possible"}
    return titles.get(kind, f"to {kind.value}")


def _place(step: PlannedStep, *, several: bool) -> str:
    node = "node not told" if step.vps.node is None else f"node {step.vps.node}"
    return f"{safe_text(step.panel)}, {node}" if several else node


def _names(steps: Sequence[PlannedStep], verb: str) -> list[Line]:
    return [((f"{verb} ", Tone.QUIET), (_named(step), Tone.PLAIN)) for step in steps]


def _cannot(plan: Plan) -> list[Line]:
    return [
        (("not possible: ", Tone.WARNING), (f"{_named(step)}: {safe_text(step.reason)}", Tone.PLAIN))
        for step in plan.of(Step.CANNOT)
    ]


def _named(step: PlannedStep) -> str:
    return f"{safe_text(step.vps.hostname)} ({step.vps.id})"
