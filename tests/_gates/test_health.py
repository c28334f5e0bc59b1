"""Whose fault it was, by what others were answered meanwhile; through the gates it is in `test_gates`."""

import pytest

from cvm_async import Breaker, Limits, NodeState, NodeUnreachableError, NotSentError
from cvm_async._gates.health import ALLOWANCE, Health
from cvm_async._gates.verdict import Flight, Verdict

LIMITS = Limits(per_node=4, breaker=Breaker(failures=2, cool_down=30.0), abandoned_for=180.0)


def health(*flights: Flight) -> Health:
    learned = Health(LIMITS)
    for flight in flights:
        learned.learn(flight)
    return learned


def flight(node: int | None, began: float, verdict: Verdict, *, vps: int | None = 1, seconds: float = 1.0) -> Flight:
    return Flight(node, vps, began, began + seconds, verdict)


def hung(node: int | None, began: float, *, vps: int | None = 1) -> Flight:
    return flight(node, began, Verdict.TIMED_OUT, vps=vps, seconds=15.0)


ELSEWHERE = flight(2, 5.0, Verdict.ANSWERED)
ON_THE_NODE = flight(1, 5.0, Verdict.ANSWERED, vps=9)


def state_of(learned: Health, node: int, now: float = 20.0) -> NodeState:
    return next(report.state for report in learned.reports(now) if report.node == node)


@pytest.mark.parametrize(
    ("flights", "state", "is_over"),
    [
        pytest.param([ELSEWHERE, hung(1, 1.0), hung(1, 1.1)], NodeState.OPEN, True, id="another node answers"),
        pytest.param([ON_THE_NODE, hung(1, 1.0), hung(1, 1.1)], NodeState.CLOSED, True, id="the node answers"),
        pytest.param([hung(1, 1.0), hung(1, 1.1)], NodeState.CLOSED, False, id="nobody answers"),
        pytest.param([ELSEWHERE, hung(1, 6.0), hung(1, 6.1)], NodeState.CLOSED, False, id="they answered before"),
        pytest.param([hung(1, 1.0, vps=None)] * 3, NodeState.CLOSED, True, id="actions may take long"),
        pytest.param([flight(1, 1.0, Verdict.NODE_FAILED)] * 2, NodeState.OPEN, True, id="the panel says so"),
        pytest.param([flight(1, 1.0, Verdict.PANEL_ANSWERED)] * 9, NodeState.CLOSED, True, id="a VPS's own failure"),
        pytest.param([flight(1, 1.0, Verdict.NEUTRAL)] * 9, NodeState.CLOSED, True, id="nothing is known"),
        pytest.param(
            [flight(1, 2.0 * number, Verdict.NOT_CONNECTED) for number in range(2)],
            NodeState.CLOSED,
            False,
            id="no connection",
        ),
        pytest.param([flight(1, 1.0, Verdict.NOT_CONNECTED)] * 9, NodeState.CLOSED, True, id="no connection, once"),
        pytest.param([flight(1, 1.0, Verdict.BROKE)] * 9, NodeState.CLOSED, True, id="PHP breaks everywhere"),
        pytest.param(
            [flight(1, 1.0, Verdict.BROKE), ELSEWHERE, flight(1, 6.0, Verdict.BROKE)],
            NodeState.OPEN,
            True,
            id="PHP breaks over this one",
        ),
    ],
)
def test_who_is_left_alone(flights: list[Flight], state: NodeState, *, is_over: bool) -> None:
    learned = health(*flights)
    assert (state_of(learned, 1), learned.outage.is_over) == (state, is_over)


def test_what_was_given_up_holds_a_place_until_its_time_is_over() -> None:
    learned = health(ELSEWHERE, hung(1, 0.0))
    assert [report.abandoned for report in learned.reports(100.0)] == [1, 0]
    assert learned.is_disturbed
    assert [report.abandoned for report in learned.reports(200.0)] == [0, 0]
    assert not learned.is_disturbed


def test_what_was_given_up_after_a_moment_is_over_soon() -> None:
    learned = health(flight(1, 0.0, Verdict.ABANDONED, seconds=0.1))
    assert len(learned.abandoned) == 1
    learned.refresh(1.2)
    assert len(learned.abandoned) == 0


def test_some_abandoned_calls_take_no_place_of_the_sessions() -> None:
    learned = Health(LIMITS)
    free: list[int] = []
    for number in range(ALLOWANCE + 2):
        learned.learn(hung(number, float(number)))
        free.append(learned.free(10))
    assert free == [10] * ALLOWANCE + [9, 8]
    assert learned.free(1) == 1


def test_an_open_node_is_refused_to_fleets_and_not_to_a_person() -> None:
    learned = health(*[flight(1, 1.0, Verdict.NODE_FAILED)] * 2)
    refusal = learned.refusal(1, 70, 3.0, fleet=True)
    assert isinstance(refusal, NodeUnreachableError)
    assert refusal.vps_id == 70
    assert learned.refusal(1, 70, 3.0, fleet=False) is None
    assert learned.refusal(2, 70, 3.0, fleet=True) is None


def test_a_silent_panel_is_refused_to_fleets_whatever_the_node() -> None:
    learned = health(hung(1, 0.0), hung(2, 0.1))
    assert learned.refuses_all(16.0)
    assert isinstance(learned.refusal(3, None, 16.0, fleet=True), NotSentError)
    assert learned.refusal(3, None, 16.0, fleet=False) is None
