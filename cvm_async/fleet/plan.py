"""`Plan`: what it takes to bring a fleet to a state, as a value to read before agreeing, and to apply afterwards."""

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING

from attrs import field, frozen

from cvm_async._safe_text import excerpt, safe_text
from cvm_async.errors import ConfigurationError, CvmError
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.rollout import Rollout
from cvm_async.models import JSON_VERSION, PowerState, Vps, VpsStatus, named, shown

if TYPE_CHECKING:
    from cvm_async.fleet.fleet import Fleet, OnProgress


class Step(StrEnum):
    """What a plan does about one VPS."""

    START = "start"
    STOP = "stop"
    LEAVE = "leave"
    """It is in the wanted state already."""
    CANNOT = "cannot"
    """Nothing can be done: it is suspended, terminated, or its state is not known."""


STEPS = {
    (PowerState.RUNNING, PowerState.STOPPED): Step.START,
    (PowerState.RUNNING, PowerState.RUNNING): Step.LEAVE,
    (PowerState.STOPPED, PowerState.RUNNING): Step.STOP,
    (PowerState.STOPPED, PowerState.STOPPED): Step.LEAVE,
}
"""The wanted state and the one found; from every other one a customer can do nothing."""

_TITLES = {
    Step.START: "to start",
    Step.STOP: "to stop",
    Step.LEAVE: "to leave as they are",
    Step.CANNOT: "that cannot be helped",
}

_NAMED = 20
"""VPSes of a node whose names are shown: a plan is read before it is agreed to."""
_QUOTED = 40
"""Characters of a wrong word that an error quotes."""


@frozen(weakref_slot=False)
class PlannedStep:
    """What a plan does about one VPS, and why.

    Attributes:
        vps: Which.
        panel: The name of the session it is reached through.
        address: That panel's URL, which with the id names the VPS.
        step: What to do.
        seen: Its status when the plan was made; None where it could not be read.
        error: Why not.
    """

    vps: Vps
    panel: str
    address: str
    step: Step
    seen: VpsStatus | None = None
    error: CvmError | None = None

    @property
    def reason(self) -> str:
        """The state that was found, or why it was not."""
        return self.seen.state.value if self.seen is not None else str(self.error)

    def to_dict(self) -> dict[str, object]:
        """Give the step as JSON takes it, with the status that was seen."""
        return {**named(self.panel, self.vps), "step": self.step.value, "reason": self.reason, **shown(self.seen)}


@frozen(eq=False)
class Plan:
    """What it takes to bring a fleet to a state. `str` of it is for reading: counts by node, then names.

    Attributes:
        wanted: Running or stopped.
        steps: One for each VPS, in the fleet's order.
    """

    wanted: PowerState
    steps: tuple[PlannedStep, ...] = field(repr=False)
    _fleet: "Fleet | None" = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.steps)

    def __reduce__(self) -> tuple[object, ...]:
        return (Plan, (self.wanted, self.steps))

    def of(self, *kinds: Step) -> tuple[PlannedStep, ...]:
        """Give the steps of these kinds."""
        return tuple(step for step in self.steps if step.step in kinds)

    @property
    def to_do(self) -> tuple[PlannedStep, ...]:
        """The steps that change something."""
        return self.of(Step.START, Step.STOP)

    def to_dict(self) -> dict[str, object]:
        """Give the plan as JSON takes it."""
        return {
            "version": JSON_VERSION,
            "wanted": self.wanted.value,
            "to_do": len(self.to_do),
            "steps": [step.to_dict() for step in self.steps],
        }

    def __str__(self) -> str:
        counts = Counter(step.step for step in self.steps)
        title = ", ".join(f"{counts[kind]:,} {words}" for kind, words in _TITLES.items() if counts[kind])
        lines = [f"To have {len(self):,} VPSes {self.wanted}: {title or 'nothing to do'}"]
        for kind in (Step.START, Step.STOP, Step.CANNOT):
            lines.extend(self._by_node(kind))
        return "\n".join(lines)

    def _by_node(self, kind: Step) -> list[str]:
        places: dict[tuple[str, int | None], list[PlannedStep]] = {}
        for step in self.of(kind):
            places.setdefault((step.panel, step.vps.node), []).append(step)
        lines: list[str] = []
        for (panel, node), steps in places.items():
            where = f"{safe_text(panel)}, {'node not told' if node is None else f'node {node}'}"
            names = ", ".join(_name(step) for step in steps[:_NAMED])
            more = f" and {len(steps) - _NAMED:,} more" if len(steps) > _NAMED else ""
            lines.append(f"  {kind} {len(steps):,} on {where}: {names}{more}")
        return lines

    async def apply(
        self,
        *,
        fleet: "Fleet | None" = None,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = 120.0,
        interval: float = 2.0,
        progress: "OnProgress | None" = None,
    ) -> FleetReport[VpsStatus | None]:
        """Do what the plan says, and nothing else.

        Each VPS is read again just before it is acted on. One that moved meanwhile is not touched: where it is in the
        wanted state already its outcome is good and skipped; else it is skipped with an error that says so.

        Args:
            fleet: Where to find the VPSes, for a plan that was pickled and knows no session any more.
            rollout: As for `Fleet.start`, as are the others.
            wait: Likewise.
            timeout: Likewise.
            interval: Likewise.
            progress: Likewise.

        Returns:
            An outcome for each VPS to start or stop, in the fleet's order.

        Raises:
            LookupError: The plan was pickled, and no fleet was given.
        """
        chosen = fleet or self._fleet
        if chosen is None:
            msg = "a plan that was pickled knows no session: give `apply` the fleet"
            raise LookupError(msg)
        return await chosen.apply_plan(
            self, rollout=rollout, wait=wait, timeout=timeout, interval=interval, progress=progress
        )


def as_wanted(state: PowerState | str) -> PowerState:
    """Give the state itself, also where a caller gave its plain word.

    Raises:
        ConfigurationError: It is none that somebody can bring VPSes to.
    """
    for wanted in (PowerState.RUNNING, PowerState.STOPPED):
        if state == wanted:
            return wanted
    msg = f"a fleet can be brought to running or to stopped, not to {excerpt(str(state), _QUOTED)}"
    raise ConfigurationError(msg)


def make_plan(wanted: PowerState, report: FleetReport[VpsStatus], fleet: "Fleet") -> Plan:
    """Give the plan that follows from what was found."""
    steps = tuple(
        PlannedStep(
            outcome.vps,
            outcome.panel,
            address,
            Step.CANNOT if outcome.value is None else STEPS.get((wanted, outcome.value.state), Step.CANNOT),
            outcome.value,
            outcome.error,
        )
        for outcome, address in zip(report, fleet.addresses(), strict=True)
    )
    return Plan(wanted, steps, fleet)


def _name(step: PlannedStep) -> str:
    name = f"{safe_text(step.vps.hostname)} ({step.vps.id})"
    return f"{name}: {safe_text(step.reason)}" if step.step is Step.CANNOT else name
