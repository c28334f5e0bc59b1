"""The plans that were made and shown. Each is asked about once and applied at most once, and soon, or never."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from attrs import define, field

from cvm_async.fleet.control import RunControl
from cvm_async.fleet.outcome import Progress
from cvm_async.fleet.plan import Plan
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.rollout import Rollout
from cvm_async.mcp.problems import NothingDone, ToolProblem
from cvm_async.mcp.texts import told
from cvm_async.models import VpsStatus

__all__ = ["PATIENCE", "HeldPlan", "PlanStore", "Stage"]

PATIENCE: Final = 300.0
"""Seconds from the plan to the answer of whoever is asked: a fleet is not looked at and acted on half an hour later."""

_KEPT: Final = 20
"""Plans that are remembered, for what became of them; a plan of thousands of VPSes is some megabytes."""

_ANEW: Final = "Make a new plan, if the user still wants it."


class Stage(StrEnum):
    """How far a plan is. It only goes on, never back."""

    OPEN = "open"
    """It was shown; nobody was asked."""
    ASKED = "asked"
    """The user is being asked, and the plan is held against the fleet just before."""
    AGREED = "agreed"
    """The user agreed, and nothing has begun."""
    WITHDRAWN = "withdrawn"
    """Nothing was done, and will be."""
    APPLYING = "applying"
    """It is under way."""
    OVER = "over"
    """It was applied, as far as that went."""


_RESULT: Final = "Ask plan_result what became of it."
_REFUSALS: Final = {
    Stage.OPEN: ("nobody was asked about this plan", _ANEW),
    Stage.ASKED: ("the user is being asked about this plan, which happens once", _RESULT),
    Stage.AGREED: ("the user agreed to this plan by another call, and it is applied once", _RESULT),
    Stage.WITHDRAWN: ("this plan was withdrawn", _ANEW),
    Stage.APPLYING: ("this plan is being applied by another call, and it is applied once", _RESULT),
    Stage.OVER: ("this plan was applied before, and it is applied once", _RESULT),
}
"""Why a plan is not applied, and what to do about it."""

_NOT_BEGUN: Final = frozenset((Stage.OPEN, Stage.ASKED, Stage.AGREED))
_WITH_TIME: Final = frozenset((Stage.OPEN, Stage.ASKED))
"""Until when a plan grows too old."""


@define(eq=False)
class HeldPlan:
    """A plan, what it will be applied with, and what became of it.

    Attributes:
        plan: The plan.
        rollout: How it is gone about.
        wait: Whether a VPS is done only when its status shows the new state.
        made_at: When it was made, on the store's clock.
        id: Names it; nobody can guess it.
        question: Names the one question about it; nobody can guess that, either.
        control: Ends its run early.
        stage: How far it is.
        why: Why it was withdrawn, or why its run could not begin.
        progress: How far its run is.
        run_id: Of the journal.
        report: What came of it.
    """

    plan: Plan
    rollout: Rollout
    wait: bool
    made_at: float
    id: str = field(factory=lambda: secrets.token_hex(8))
    question: str = field(factory=lambda: secrets.token_hex(16))
    control: RunControl = field(factory=RunControl)
    stage: Stage = Stage.OPEN
    why: str = ""
    progress: Progress | None = None
    run_id: str | None = None
    report: FleetReport[VpsStatus | None] | None = None

    def agree(self) -> None:
        """Note that the user agreed.

        Raises:
            ToolProblem: It was withdrawn meanwhile.
        """
        if self.stage is not Stage.ASKED:
            raise refusal(self)
        self.stage = Stage.AGREED

    def withdraw(self, why: str) -> None:
        """See that it is never applied; once it is being applied, that changes nothing."""
        if self.stage in _NOT_BEGUN:
            self.stage, self.why = Stage.WITHDRAWN, why

    @contextmanager
    def settling(self) -> Generator[None]:
        """See that it is withdrawn where something ends the block, whatever that is, before anything has begun."""
        try:
            yield
        except NothingDone as problem:
            self.withdraw(problem.why)
            raise
        except ToolProblem as problem:
            self.withdraw(str(problem))
            raise
        except BaseException:
            self.withdraw("its request was cancelled, or failed")
            raise


class PlanStore:
    """The plans of one server.

    Args:
        patience: Seconds for which a plan can be agreed to.
        clock: Tells the time, in seconds.
    """

    def __init__(self, *, patience: float = PATIENCE, clock: Callable[[], float]) -> None:
        self._patience = patience
        self._clock = clock
        self._plans: OrderedDict[str, HeldPlan] = OrderedDict()

    def hold(self, plan: Plan, rollout: Rollout, *, wait: bool) -> HeldPlan:
        """Keep a plan that was just made."""
        held = HeldPlan(plan, rollout, wait, self._clock())
        self._plans[held.id] = held
        for old in [each for each in self._plans.values() if each.stage is not Stage.APPLYING][:-_KEPT]:
            del self._plans[old.id]
        return held

    def get(self, plan_id: str) -> HeldPlan:
        """Give a plan, however far it is.

        Raises:
            ToolProblem: There is none of that id.
        """
        held = self._plans.get(plan_id)
        if held is None:
            raise NothingDone("unknown_plan", f"there is no plan {told(plan_id)!r}", _ANEW)
        if held.stage in _WITH_TIME and self.seconds_left(held) <= 0:
            held.withdraw("it is too old: nobody agreed to it in time")
        return held

    def begin(self, plan_id: str) -> HeldPlan:
        """Give a plan that nobody was asked about yet, and that nobody else is asked about from now on.

        Raises:
            ToolProblem: It is not so.
        """
        held = self.get(plan_id)
        if held.stage is not Stage.OPEN:
            raise refusal(held)
        held.stage = Stage.ASKED
        return held

    def asked(self, plan_id: str, question: str | None) -> HeldPlan:
        """Give a plan that is being asked about, to whoever knows the question.

        Raises:
            ToolProblem: It is not so.
        """
        held = self.get(plan_id)
        known = question is not None and secrets.compare_digest(question.encode(), held.question.encode())
        if held.stage is not Stage.ASKED or not known:
            raise refusal(held)
        return held

    def seconds_left(self, held: HeldPlan) -> float:
        """Tell how long a plan can still be agreed to."""
        return held.made_at + self._patience - self._clock()


def refusal(held: HeldPlan) -> ToolProblem:
    """Give why a plan is not applied now."""
    why, advice = _REFUSALS[held.stage]
    because = f": {held.why}" if held.stage is Stage.WITHDRAWN else ""
    return ToolProblem(f"plan_{held.stage}", f"{why}{because}; nothing was done by this call", advice)
