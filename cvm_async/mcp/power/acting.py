"""The tools that act: make a plan, apply it once its user agreed, and tell what became of it."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from mcp_types import ElicitResult, InputRequiredResult
from pydantic import Field

from cvm_async._api.verbs import Verb
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.plan import Plan, PlannedStep, Step, Wanted
from cvm_async.fleet.result import result_of
from cvm_async.fleet.rollout import Rollout
from cvm_async.mcp import facts
from cvm_async.mcp.answers import fitting
from cvm_async.mcp.calls import Call
from cvm_async.mcp.power.asking import KEY, Question, ask, check_can_ask, how, in_a_round, question_of, refused
from cvm_async.mcp.power.plans import HeldPlan, PlanStore, Stage
from cvm_async.mcp.power.running import Runs
from cvm_async.mcp.power.shown import PlannedVps, PlanShown, RunTold, VpsOutcome
from cvm_async.mcp.problems import NothingDone, ToolProblem
from cvm_async.mcp.progress import told_of
from cvm_async.mcp.targets import Asked, Panels, Which
from cvm_async.mcp.texts import SENTENCE, told

__all__ = ["Acting", "PlanAsked", "PlanNamed"]

_FAILURES: Final = 3
"""How many VPSes may fail before nothing new begins, if a model does not say: nobody watches it as a person would."""
_SHORT_ROOM: Final = 4_000
"""Characters of the shorter list of an answer."""
_CHANGED: Final = 5
"""VPSes that a refusal names because they are not as they were."""

_NEXT: Final = (
    "Nothing has been done. Show the user what is to be done, and call apply_plan with the plan_id if they want it: "
    "they are then asked to confirm by this server, by way of the client."
)
_NOTHING: Final = "There is nothing to do, and nothing was done."

_STAGES: Final = {
    Stage.OPEN: "Nothing was done; nobody was asked yet.",
    Stage.ASKED: "Nothing was done yet; the user is being asked.",
    Stage.AGREED: "The user agreed; nothing was done yet.",
    Stage.WITHDRAWN: "Nothing was done, and nothing will be",
    Stage.APPLYING: "It is being carried out.",
    Stage.OVER: "It was carried out, as far as the outcomes tell.",
}

Several = Annotated[int | None, Field(ge=1)]


class PlanAsked(Which):
    """What `plan_power` takes. It says which VPSes, or that all are meant."""

    action: Literal["start", "stop", "restart"]
    all: bool = Field(default=False, description="Every VPS of every panel; given alone, but for exclude.")
    max_concurrency: Several = Field(default=None, description="VPSes under way at once.")
    per_node: Several = Field(default=None, description="Of these, on one host node.")
    max_failures: int = Field(default=_FAILURES, ge=0, description="More failures than this, and nothing new begins.")
    batch_size: Several = Field(default=None, description="How many go together before the next begin.")
    pause_seconds: float = Field(default=0.0, ge=0, le=3600, description="Between two batches.")
    wait: bool = Field(default=False, description="Whether each is done only when its state shows it; takes longer.")

    def check(self) -> None:
        """See that it says which VPSes.

        Raises:
            ToolProblem: It says nothing, or two things.
        """
        if self.all == self.means_all:
            return
        message = "say which VPSes: names, match, node or panel; or all alone"
        raise ToolProblem("arguments", message, "Ask the user which VPSes are meant.")

    @property
    def rollout(self) -> Rollout:
        """How to go about it."""
        return Rollout(
            max_concurrency=self.max_concurrency,
            per_node=self.per_node,
            max_failures=self.max_failures,
            batch=() if self.batch_size is None else (self.batch_size,),
            pause=self.pause_seconds,
        )


class PlanNamed(Asked):
    """What `apply_plan` and `plan_result` take."""

    plan_id: str = Field(min_length=1, description="As plan_power gave it.")


class Acting:
    """The tools that act, of one server.

    Args:
        panels: Whose VPSes.
        plans: The plans that were made.
        runs: What was begun of them.
    """

    def __init__(self, panels: Panels, plans: PlanStore, runs: Runs) -> None:
        self._panels = panels
        self._plans = plans
        self._runs = runs

    async def plan_power(self, asked: PlanAsked, call: Call) -> PlanShown:
        """Look at VPSes, and say what would be done. Changes nothing."""
        asked.check()
        fleet = await self._panels.of(asked, whole=True)
        wanted = _wanted(Verb[asked.action.upper()])
        plan = await told_of(lambda news: fleet.plan(wanted, progress=news), call.tell)
        held = self._plans.hold(plan, asked.rollout, wait=asked.wait) if plan.to_do else None
        return _shown(asked, plan, held, 0.0 if held is None else self._plans.seconds_left(held))

    async def apply_plan(self, asked: PlanNamed, call: Call) -> RunTold | InputRequiredResult:
        """Ask the client's user, and do what the plan says if they agree."""
        if call.is_second_round:
            held = self._plans.asked(asked.plan_id, call.params.request_state)
            return await self._answered(held, question_of(held), call.response(KEY), call)
        check_can_ask(call)
        held = self._plans.begin(asked.plan_id)
        with held.settling():
            await self._check_states(held)
            question = question_of(held)
            if call.in_rounds:
                return in_a_round(question, held)
            answer = await ask(call, question, self._plans.seconds_left(held))
        return await self._answered(held, question, answer, call)

    async def plan_result(self, asked: PlanNamed, _: Call) -> RunTold:
        """Tell what became of a plan."""
        return _told(self._plans.get(asked.plan_id))

    async def _answered(self, held: HeldPlan, question: Question, answer: ElicitResult | None, call: Call) -> RunTold:
        with held.settling():
            why = question.refusal_of(answer)
            if why is not None:
                raise refused(why)
            held.agree()
            fleet = await self._check_listed(held)
            await self._runs.carry_out(held, fleet, call.tell)
        return _told(held)

    async def _check_listed(self, held: HeldPlan) -> Fleet:
        """See that each VPS of a plan is still what it was, and give the newest fleet.

        Raises:
            ToolProblem: One is not.
        """
        to_do = held.plan.to_do
        fleet = await self._panels.only({step.panel for step in to_do}).fleet(whole=True)
        now = {member.key: member.vps.hostname for member in fleet.members}
        _check_none(f"{_name(step)} is no longer there" for step in to_do if step.key not in now)
        _check_none(
            f"{_name(step)} is called {told(now[step.key])} now" for step in to_do if now[step.key] != step.vps.hostname
        )
        return fleet

    async def _check_states(self, held: HeldPlan) -> None:
        """See that the same would be planned now: the user is to read what will be done, and not what would have been.

        Raises:
            ToolProblem: It would not.
        """
        fleet = await self._check_listed(held)
        places = {member.key: place for place, member in enumerate(fleet.members)}
        acting = fleet.at(places[step.key] for step in held.plan.to_do)
        # Not told of: what a client is told of one call must go up, and the run comes after this.
        now = await acting.plan(_wanted(held.plan.verb))
        _check_none(
            f"{_name(after)} is {told(after.reason, SENTENCE)} now, and was {told(before.reason)}"
            for before, after in zip(held.plan.to_do, now.steps, strict=True)
            if before.reason != after.reason
        )


def _wanted(verb: Verb) -> Wanted:
    return "restart" if verb is Verb.RESTART else verb.goal


def _check_none(changed: Iterable[str]) -> None:
    every = list(changed)
    if every:
        rest = facts.more(len(every) - _CHANGED)
        why = f"the fleet is not as it was: {'; '.join(every[:_CHANGED])}{f', {rest}' if rest else ''}"
        raise NothingDone("plan_outdated", why, "Make a new plan, if the user still wants it.")


def _name(step: PlannedStep) -> str:
    return f"{told(step.vps.hostname)} ({step.vps.id})"


def _shown(asked: PlanAsked, plan: Plan, held: HeldPlan | None, seconds: float) -> PlanShown:
    cannot = plan.of(Step.CANNOT)
    to_do_shown, cannot_shown = fitting(map(_planned_vps, plan.to_do)), fitting(map(_planned_vps, cannot), _SHORT_ROOM)
    return PlanShown(
        plan_id=None if held is None else held.id,
        action=asked.action,
        summary=told(plan.title, SENTENCE),
        how=how(asked.rollout, wait=asked.wait),
        to_do=to_do_shown,
        more_to_do=facts.more(len(plan.to_do) - len(to_do_shown)),
        cannot=cannot_shown or None,
        more_cannot=facts.more(len(cannot) - len(cannot_shown)),
        left_alone=len(plan.of(Step.LEAVE)),
        expires_in_seconds=None if held is None else int(seconds),
        next_step=_NOTHING if held is None else _NEXT,
        problems=facts.problems(plan.problems),
    )


def _planned_vps(step: PlannedStep) -> PlannedVps:
    return PlannedVps(
        panel=told(step.panel),
        id=step.vps.id,
        hostname=told(step.vps.hostname),
        node=step.vps.node,
        now=told(step.reason, SENTENCE),
    )


def _told(held: HeldPlan) -> RunTold:
    what = _STAGES[held.stage]
    report = held.report
    answer = RunTold(
        plan_id=held.id,
        stage=held.stage.value,
        what=f"{what}: {held.why}" if held.why else what,
        done=None if held.progress is None else held.progress.done,
        of=len(held.plan.to_do),
        run_id=held.run_id,
    )
    if report is None:
        return answer
    verb = held.plan.verb
    outcomes = sorted(report, key=lambda outcome: (outcome.ok, outcome.skipped))
    shown = fitting(_outcome(each, verb) for each in outcomes)
    return answer.model_copy(
        update={
            "summary": told(report.summary(), SENTENCE),
            "results": {result.value: len(of) for result, of in report.by_result().items()},
            "outcomes": shown,
            "more": facts.more(len(outcomes) - len(shown)),
        }
    )


def _outcome(outcome: Outcome[object], verb: Verb) -> VpsOutcome:
    return VpsOutcome(
        panel=told(outcome.panel),
        id=outcome.vps.id,
        hostname=told(outcome.vps.hostname),
        node=outcome.vps.node,
        result=result_of(outcome, verb.value).value,
        error=None if outcome.error is None else facts.error(outcome.error),
    )
