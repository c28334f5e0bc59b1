from typing import cast

import pytest
from hypothesis import given, strategies as st
from values import vps

from cvm_async import (
    ActionFailedError,
    AuthenticationError,
    CvmError,
    DecodeError,
    FleetReport,
    NoAnswerError,
    NodeUnreachableError,
    NotPossibleError,
    NotSentError,
    Outcome,
    PowerState,
    Result,
    VpsStatus,
    WaitTimeoutError,
)
from cvm_async.fleet.result import ACTING, LOOKING, result_of, results_of

RUNNING = VpsStatus(state=PowerState.RUNNING, state_text="running")


def outcome(error: CvmError | None = None, *, skipped: bool = False, value: object = None) -> Outcome[object]:
    return Outcome(vps(1), "one", value, error, skipped)


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
@pytest.mark.parametrize(
    ("of", "result"),
    [
        pytest.param(outcome(), Result.CHANGED, id="done"),
        pytest.param(outcome(value=RUNNING), Result.CHANGED, id="done and seen"),
        pytest.param(outcome(value=RUNNING, skipped=True), Result.UNCHANGED, id="there already"),
        pytest.param(outcome(NotPossibleError("suspended"), skipped=True), Result.NOT_POSSIBLE, id="suspended"),
        pytest.param(outcome(NotPossibleError("suspended")), Result.NOT_POSSIBLE, id="suspended, whoever says so"),
        pytest.param(outcome(ActionFailedError("no", status_code=500)), Result.FAILED, id="the panel says no"),
        pytest.param(outcome(AuthenticationError("no", status_code=401)), Result.FAILED, id="wrong tokens"),
        pytest.param(outcome(NodeUnreachableError("no", attempts=3)), Result.FAILED, id="its node is lost"),
        pytest.param(outcome(NotSentError("refused", attempts=3)), Result.FAILED, id="no connection"),
        pytest.param(outcome(WaitTimeoutError("late", last=RUNNING)), Result.FAILED, id="not there in time"),
        pytest.param(
            outcome(NoAnswerError("silence", attempts=1), skipped=True), Result.FAILED, id="a plan could not read it"
        ),
        pytest.param(outcome(NoAnswerError("silence", method="GET")), Result.FAILED, id="the look before it failed"),
        pytest.param(outcome(NodeUnreachableError("left alone"), skipped=True), Result.SKIPPED, id="node left alone"),
        pytest.param(outcome(NotSentError("not begun"), skipped=True), Result.SKIPPED, id="not begun"),
        pytest.param(outcome(NoAnswerError("silence", method="POST")), Result.UNKNOWN, id="no answer"),
        pytest.param(outcome(NoAnswerError("cut off")), Result.UNKNOWN, id="cut off"),
        pytest.param(outcome(DecodeError("what?", method="POST")), Result.UNKNOWN, id="an answer that says nothing"),
        pytest.param(outcome(WaitTimeoutError("done, not seen")), Result.UNKNOWN, id="done, and not seen"),
    ],
)
def test_what_came_of_an_action_is_one_of_six(of: Outcome[object], result: Result, verb: str) -> None:
    assert result_of(of, verb) is result


@pytest.mark.parametrize("verb", ["status", "wait"])
@pytest.mark.parametrize(
    ("of", "result"),
    [
        (outcome(value=RUNNING), Result.SEEN),
        (outcome(NoAnswerError("silence", attempts=1)), Result.FAILED),
        (outcome(NodeUnreachableError("left alone"), skipped=True), Result.SKIPPED),
    ],
    ids=["seen", "failed", "skipped"],
)
def test_what_came_of_a_look_is_one_of_three(of: Outcome[object], result: Result, verb: str) -> None:
    assert result_of(of, verb) is result


KINDS: list[type[CvmError] | None] = [
    None,
    NoAnswerError,
    NotPossibleError,
    NotSentError,
    DecodeError,
    WaitTimeoutError,
    CvmError,
]


def any_outcome(kind: type[CvmError] | None, skipped: bool, attempts: int) -> Outcome[object]:  # noqa: FBT001 - drawn
    return outcome(None if kind is None else kind("no", attempts=attempts), skipped=skipped)


OUTCOMES = st.lists(st.builds(any_outcome, st.sampled_from(KINDS), st.booleans(), st.integers(0, 2)), max_size=12)


@given(OUTCOMES, st.sampled_from(["start", "stop", "restart", "status", "wait"]))
def test_results_are_disjoint_add_up_and_are_the_same_everywhere(outcomes: list[Outcome[object]], verb: str) -> None:
    report = FleetReport(verb, tuple(outcomes), 1.0)
    groups = report.by_result()
    assert sum(len(group) for group in groups.values()) == len(report)
    assert set(groups) <= set(results_of(verb))
    told = report.to_dict()
    assert told["results"] == {result.value: len(groups.get(result, [])) for result in results_of(verb)}
    each_told = cast("list[dict[str, object]]", told["outcomes"])
    assert [each["result"] for each in each_told] == [result_of(each, verb).value for each in report]


def test_together_they_are_all_results() -> None:
    assert {*ACTING, *LOOKING} == set(Result)
