"""A plan only goes on, and is remembered for some time."""

import pytest
from attrs import define

from cvm_async.fleet.plan import Plan
from cvm_async.fleet.rollout import Rollout
from cvm_async.mcp.power.plans import HeldPlan, PlanStore, Stage, refusal
from cvm_async.mcp.problems import NothingDone, ToolProblem
from cvm_async.models import PowerState

PLAN = Plan(PowerState.STOPPED, ())


@define
class Watch:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def held(store: PlanStore) -> HeldPlan:
    return store.hold(PLAN, Rollout(), wait=False)


def test_ids_and_questions_are_not_guessed() -> None:
    store = PlanStore(clock=Watch())
    plans = [held(store) for _ in range(10)]
    assert len({plan.id for plan in plans} | {plan.question for plan in plans}) == 20
    assert all(len(plan.id) >= 16 for plan in plans)


def test_old_plans_are_forgotten_and_those_under_way_are_not() -> None:
    store = PlanStore(clock=Watch())
    first, second = held(store), held(store)
    second.stage = Stage.APPLYING
    for _ in range(20):
        held(store)
    with pytest.raises(ToolProblem):
        store.get(first.id)
    assert store.get(second.id) is second


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.OPEN])
def test_only_a_plan_that_nobody_was_asked_about_is_begun_with(stage: Stage) -> None:
    store = PlanStore(clock=Watch())
    plan = held(store)
    plan.stage = stage
    with pytest.raises(ToolProblem) as refused:
        store.begin(plan.id)
    assert refused.value.kind == f"plan_{stage}"
    assert plan.stage is stage


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.ASKED])
def test_only_a_plan_that_is_being_asked_about_is_agreed_to(stage: Stage) -> None:
    store = PlanStore(clock=Watch())
    plan = held(store)
    plan.stage = stage
    with pytest.raises(ToolProblem):
        plan.agree()
    with pytest.raises(ToolProblem):
        store.asked(plan.id, plan.question)
    assert str(refusal(plan)).endswith("nothing was done by this call")


@pytest.mark.parametrize(
    ("stage", "older"),
    [
        (Stage.OPEN, Stage.WITHDRAWN),
        (Stage.ASKED, Stage.WITHDRAWN),
        (Stage.AGREED, Stage.AGREED),
        (Stage.APPLYING, Stage.APPLYING),
        (Stage.OVER, Stage.OVER),
    ],
)
def test_what_was_agreed_to_in_time_grows_no_older(stage: Stage, older: Stage) -> None:
    watch = Watch()
    store = PlanStore(patience=10.0, clock=watch)
    plan = held(store)
    plan.stage = stage
    watch.now = 10.0
    assert store.get(plan.id).stage is older


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (NothingDone("a", "the reason", "b"), "the reason"),
        (ToolProblem("a", "the panel is lost", "b"), "the panel is lost"),
        (KeyboardInterrupt(), "its request was cancelled, or failed"),
    ],
    ids=["nothing was done", "a problem", "anything else"],
)
def test_whatever_ends_the_settling_of_a_plan_withdraws_it(error: BaseException, why: str) -> None:
    plan = held(PlanStore(clock=Watch()))
    with pytest.raises(type(error)), plan.settling():
        raise error
    assert (plan.stage, plan.why) == (Stage.WITHDRAWN, why)


def test_what_has_begun_is_not_withdrawn() -> None:
    plan = held(PlanStore(clock=Watch()))
    plan.stage = Stage.APPLYING
    plan.withdraw("too late")
    assert plan.stage is Stage.APPLYING
