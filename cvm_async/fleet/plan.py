"""`Plan`: what is to be done to a fleet, as a value to read before agreeing, and to apply afterwards."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias

from attrs import Factory, field, frozen

from cvm_async._api.verbs import Verb
from cvm_async._checks import check_switch, refuse
from cvm_async._safe_text import excerpt, safe_text
from cvm_async._tables import Line, Table, what_it_uses
from cvm_async._words import some_vpses
from cvm_async.errors import ConfigurationError, CvmError, NotPossibleError
from cvm_async.fleet.control import RunControl
from cvm_async.fleet.members import Members
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport, origin_of, remember_origin
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import Gathering, OnProgress
from cvm_async.fleet.work.journal import Journal, kept
from cvm_async.fleet.work.operations import DEFAULT_INTERVAL, DEFAULT_WAIT, PlannedAction, PowerAction
from cvm_async.fleet.work.run import Run
from cvm_async.models import JSON_VERSION, PowerState, Problem, Vps, VpsStatus, named, shown, usage

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cvm_async.fleet.fleet import Fleet


class Step(StrEnum):
    """What a plan does about one VPS."""

    START = "start"
    """It is stopped, and is to be started."""
    STOP = "stop"
    """It is running, and is to be stopped."""
    RESTART = "restart"
    """It is to be restarted; where its `reason` is that it is stopped, that starts it."""
    LEAVE = "leave"
    """It is in the wanted state already."""
    CANNOT = "cannot"
    """Nothing can be done: it is suspended, terminated, or its state is not known."""


Wanted: TypeAlias = PowerState | Literal["restart"]
"""What a plan is made for: a state, or a restart, which leads from running to running."""

STEPS: Final = {
    (Verb.START, PowerState.STOPPED): Step.START,
    (Verb.START, PowerState.RUNNING): Step.LEAVE,
    (Verb.STOP, PowerState.RUNNING): Step.STOP,
    (Verb.STOP, PowerState.STOPPED): Step.LEAVE,
    (Verb.RESTART, PowerState.RUNNING): Step.RESTART,
    (Verb.RESTART, PowerState.STOPPED): Step.RESTART,
}
"""What is to be done, and the state found; from every other one a customer can do nothing."""

_NAMED = 20
"""VPSes of a node whose names are shown: a plan is read before it is agreed to."""
_QUOTED = 40
"""Characters of a wrong word that an error quotes."""


@frozen(weakref_slot=False)
class PlannedStep:
    """What a plan does about one VPS, and why."""

    vps: Vps
    """The VPS."""
    panel: str
    """The name of the session it is reached through."""
    address: str
    """That panel's URL, which with the id names the VPS."""
    step: Step
    """What to do."""
    seen: VpsStatus | None = None
    """Its status when the plan was made; None where it could not be read."""
    error: CvmError | None = None
    """Why it could not be read; None where it could."""

    @property
    def key(self) -> tuple[str, int]:
        """What names the VPS: ids are unique on a panel."""
        return self.address, self.vps.id

    @property
    def acts(self) -> bool:
        """Whether it changes something."""
        return self.step in (Step.START, Step.STOP, Step.RESTART)

    @property
    def reason(self) -> str:
        """The state that was found, or why it was not."""
        return self.seen.state.value if self.seen is not None else str(self.error)

    def to_dict(self) -> dict[str, object]:
        """Give the step as JSON takes it, with the status that was seen."""
        return {
            **named(self.panel, self.vps),
            "step": self.step.value,
            "reason": self.reason,
            **shown(self.seen),
            "usage": usage(self.vps, self.seen),
        }


@frozen(eq=False, repr=False)
class Plan:
    """What is to be done to a fleet. `str` of it is for reading: counts by node, then names."""

    wanted: PowerState
    """The state that it leads to: running or stopped."""
    steps: tuple[PlannedStep, ...] = field(repr=False)
    """One for each VPS, in the fleet's order."""
    problems: tuple[Problem, ...] = ()
    """What could not be read when the fleet was listed; VPSes that the plan knows nothing of."""
    verb: Verb = field(default=Factory(lambda plan: Verb.bringing_to(plan.wanted), takes_self=True), kw_only=True)
    """What is done to those that it is to be done to: "start", "stop" or "restart"."""

    def __len__(self) -> int:
        return len(self.steps)

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, (self.wanted, self.steps, self.problems, self.verb)

    # It cannot be changed, and a second one would not know its fleet.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def of(self, *kinds: Step) -> tuple[PlannedStep, ...]:
        """Give the steps of these kinds."""
        return tuple(step for step in self.steps if step.step in kinds)

    @property
    def to_do(self) -> tuple[PlannedStep, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.acts)

    def to_dict(self) -> dict[str, object]:
        """Give the plan as JSON takes it."""
        return {
            "version": JSON_VERSION,
            "wanted": self.wanted.value,
            "verb": self.verb.value,
            "to_do": len(self.to_do),
            "steps": [step.to_dict() for step in self.steps],
            "problems": [problem.to_dict() for problem in self.problems],
        }

    def __repr__(self) -> str:
        return f"<Plan: {self.title}>"

    def __rich__(self) -> "RenderableType":
        return self._table().as_rich()

    def _repr_html_(self) -> str:
        return self._table().as_html()

    def _table(self) -> Table:
        """Give what is to be done first, then what cannot be, then what is left as it is."""
        steps = sorted(self.steps, key=lambda step: (not step.acts, step.step is Step.LEAVE))
        return Table.of(self.title, map(_line, steps), len(self))

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, names: int | None = _NAMED) -> list[str]:
        """Give it line by line.

        Args:
            names: How many VPSes of a node are named; None: all.
        """
        lines = [self.title]
        for kind in (Step.START, Step.STOP, Step.RESTART, Step.CANNOT):
            lines.extend(self._by_node(kind, names))
        lines.extend(f"  not known to this plan, as it cannot be read: {problem}" for problem in self.problems[:_NAMED])
        if len(self.problems) > _NAMED:
            lines.append(f"  and {len(self.problems) - _NAMED:,} more such problems in the list")
        return lines

    @property
    def title(self) -> str:
        """Give it in a line: ``To have 1,000 VPSes stopped: 900 to stop, 100 to leave as they are``."""
        counts = Counter(step.step for step in self.steps)
        started = len(self.started_by_restart)
        titles = {
            Step.START: "to start",
            Step.STOP: "to stop",
            Step.RESTART: "to restart" + (f" ({started:,} of them stopped, which a restart starts)" if started else ""),
            Step.LEAVE: "to leave as they are",
            Step.CANNOT: f"that cannot be {self.verb.row.past}",
        }
        told = ", ".join(f"{counts[kind]:,} {words}" for kind, words in titles.items() if counts[kind])
        those = some_vpses(len(self))
        aim = f"To restart {those}" if self.verb is Verb.RESTART else f"To have {those} {self.wanted}"
        return f"{aim}: {told or 'nothing to do'}"

    @property
    def started_by_restart(self) -> tuple[PlannedStep, ...]:
        """The steps that restart a VPS which is stopped: a restart starts it."""
        return tuple(step for step in self.of(Step.RESTART) if step.reason == PowerState.STOPPED)

    def _by_node(self, kind: Step, names: int | None) -> list[str]:
        places: dict[tuple[str, int | None], list[PlannedStep]] = {}
        for step in self.of(kind):
            places.setdefault((step.panel, step.vps.node), []).append(step)
        lines: list[str] = []
        for (panel, node), steps in places.items():
            where = f"{safe_text(panel)}, {'node not told' if node is None else f'node {node}'}"
            named = steps[:names]
            told = ", ".join(_name(step) for step in named)
            more = f" and {len(steps) - len(named):,} more" if len(steps) > len(named) else ""
            what = f"cannot {self.verb}" if kind is Step.CANNOT else kind
            lines.append(f"  {what} {len(steps):,} on {where}: {told}{more}")
        return lines

    async def apply(
        self,
        *,
        fleet: "Fleet | None" = None,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        confirm: int = 1,
        whole: bool = False,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        journal: Journal | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Do what the plan says, and nothing else.

        Each VPS is read again just before it is acted on. One that moved meanwhile is not touched: where it is in the
        wanted state already its outcome is good and skipped; else it is skipped with an error that says so.

        Args:
            fleet: Where to find the VPSes, for a plan that was pickled and knows no session any more. Those of the
                plan that it does not have are left out.
            rollout: As for `Fleet.start`, as are the others.
            wait: Likewise.
            timeout: Likewise.
            interval: Likewise.
            confirm: Likewise.
            whole: Whether to report on every VPS of the plan, also on those that are left as they are.
            progress: As for `Fleet.start`.
            control: Likewise.
            journal: Likewise.

        Returns:
            An outcome for each VPS to act on, in the fleet's order; with `whole` for each of the plan, in its.

        Raises:
            LookupError: The plan was pickled or made by hand, and no fleet was given.
        """
        # An empty fleet is one, too: then there is nothing to do.
        origin = origin_of(self) if fleet is None else fleet
        if origin is None:
            msg = "a plan that was pickled or made by hand knows no session: give `apply` the fleet"
            raise LookupError(msg)
        if not isinstance(getattr(origin, "members", None), Members):
            refuse("fleet", "a Fleet", origin)
        check_switch("whole", whole)
        places = {member.key: place for place, member in enumerate(origin.members)}
        steps = [step for step in self.steps if step.key in places]
        every = origin.at(places[step.key] for step in steps)
        acting = [place for place, step in enumerate(steps) if step.acts]
        chosen = every.at(acting)

        def report(outcomes: tuple[Outcome[VpsStatus | None], ...], elapsed: float) -> FleetReport[VpsStatus | None]:
            told, of = (_over_all(steps, acting, outcomes), every) if whole else (outcomes, chosen)
            return remember_origin(FleetReport(self.verb.value, told, elapsed, of.problems), of)

        how = Rollout.given(rollout)
        action = PowerAction(self.verb, wait, timeout, interval, how.on_unknown == "verify", confirm)
        planned = PlannedAction(action, {step.key: step.seen.state for step in steps if step.seen is not None})
        gathering = Gathering(chosen.members, progress, report)
        async with kept(journal, planned.intent(chosen.members, how)):
            return await gathering.of(lambda emit: Run(chosen.members, planned, how, emit, control, journal))


def verb_for(wanted: Wanted | str) -> Verb:
    """Give the verb that leads to what is wanted, also where a caller gave a state's plain word.

    Raises:
        ConfigurationError: It is nothing that somebody can bring about.
    """
    word = str(wanted)
    for verb in (Verb.START, Verb.STOP):
        if word == verb.goal.value:
            return verb
    if word == Verb.RESTART.value:
        return Verb.RESTART
    told = excerpt(word, _QUOTED)
    msg = f'a fleet can be brought to running or to stopped, not to {told}; or be restarted: plan("restart")'
    raise ConfigurationError(msg)


def make_plan(verb: Verb, report: FleetReport[VpsStatus], members: Members) -> Plan:
    """Give the plan that follows from what was found."""
    steps = tuple(
        PlannedStep(
            outcome.vps,
            outcome.panel,
            member.account.address,
            Step.CANNOT if outcome.value is None else STEPS.get((verb, outcome.value.state), Step.CANNOT),
            outcome.value,
            outcome.error,
        )
        for outcome, member in zip(report, members, strict=True)
    )
    return Plan(verb.goal, steps, members.problems, verb=verb)


def _revive(wanted: PowerState, steps: tuple[PlannedStep, ...], problems: tuple[Problem, ...], verb: Verb) -> Plan:
    return Plan(wanted, steps, problems, verb=verb)


def _over_all(
    steps: Sequence[PlannedStep], acting: Sequence[int], outcomes: Iterable[Outcome[VpsStatus | None]]
) -> tuple[Outcome[VpsStatus | None], ...]:
    """Give an outcome for each step, from those of the steps that were acted on."""
    whole = [_untouched(step) for step in steps]
    for place, outcome in zip(acting, outcomes, strict=True):
        whole[place] = outcome
    return tuple(whole)


def _untouched(step: PlannedStep) -> Outcome[VpsStatus | None]:
    if step.step is Step.LEAVE:
        return Outcome(step.vps, step.panel, step.seen, skipped=True)
    error = step.error or NotPossibleError(f"not touched: it is {step.reason}", last=step.seen, vps_id=step.vps.id)
    return Outcome(step.vps, step.panel, None, error, skipped=True)


def _line(step: PlannedStep) -> Line:
    return Line(
        panel=step.panel,
        vps=step.vps,
        word=step.step.value,
        figures=what_it_uses(step.vps, step.seen),
        note=step.reason,
        trouble=step.step is Step.CANNOT,
    )


def _name(step: PlannedStep) -> str:
    name = f"{safe_text(step.vps.hostname)} ({step.vps.id})"
    started = step.step is Step.RESTART and step.reason == PowerState.STOPPED
    return f"{name}: {safe_text(step.reason)}" if started or step.step is Step.CANNOT else name
