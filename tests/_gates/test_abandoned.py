import math

import pytest

from cvm_async._gates.abandoned import AbandonedCall, AbandonedCalls
from cvm_async._gates.verdict import Flight, Verdict


def given_up(
    node: int | None = 1,
    *,
    vps: int | None = 10,
    began: float = 0.0,
    until: float = 180.0,
    firm: bool = True,
    unexplained: bool = False,
) -> AbandonedCall:
    return AbandonedCall(Flight(node, vps, began, began + 15.0, Verdict.TIMED_OUT), until, firm, unexplained)


def holding(*calls: AbandonedCall) -> AbandonedCalls:
    all_of_them = AbandonedCalls()
    for call in calls:
        all_of_them.add(call)
    return all_of_them


def test_what_is_over_by_then_is_taken_out_once() -> None:
    early, late = given_up(until=5.0), given_up(until=6.0)
    calls = holding(early, late)
    assert calls.expire(4.9) == []
    assert calls.expire(5.0) == [early]
    assert calls.expire(5.0) == []
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("call", "is_over"),
    [
        pytest.param(given_up(firm=False, began=1.0), True, id="an earlier one of the node"),
        pytest.param(given_up(firm=True, began=1.0), False, id="only time ends it"),
        pytest.param(given_up(firm=False, began=2.0), False, id="it began no earlier"),
        pytest.param(given_up(2, firm=False, began=1.0), False, id="another node's"),
        pytest.param(given_up(None, firm=False, began=1.0), False, id="nobody knows whose"),
    ],
)
def test_an_answer_shows_that_what_the_node_had_before_is_over(call: AbandonedCall, *, is_over: bool) -> None:
    calls = holding(call)
    assert calls.release(1, 2.0) == [call] * is_over
    assert len(calls) == (not is_over)


def test_a_silent_panel_excuses_what_nobody_else_explains_once() -> None:
    silent, hung = given_up(unexplained=True), given_up(unexplained=False)
    calls = holding(silent, hung)
    assert calls.excuse() == [silent]
    assert (silent.firm, hung.firm) == (False, True)
    assert calls.excuse() == []


def test_it_tells_when_the_first_one_is_over_of_a_node_and_of_all() -> None:
    calls = holding(given_up(1, until=9.0), given_up(1, until=7.0), given_up(2, until=5.0))
    assert [calls.next_end(node) for node in (1, 2, 3)] == [7.0, 5.0, math.inf]
    assert calls.next_end_of_all() == 5.0
    assert holding().next_end_of_all() == math.inf


@pytest.mark.parametrize(
    ("vps", "number", "end"),
    [
        pytest.param(10, 1, 9.0, id="all of them"),
        pytest.param(10, 2, 7.0, id="all but one"),
        pytest.param(10, 3, -math.inf, id="there are fewer now"),
        pytest.param(11, 1, -math.inf, id="another VPS"),
        pytest.param(None, 1, -math.inf, id="no VPS's status"),
    ],
)
def test_it_tells_when_there_will_be_fewer_firm_ones_of_a_vps(vps: int | None, number: int, end: float) -> None:
    calls = holding(given_up(until=7.0), given_up(until=9.0), given_up(until=99.0, firm=False), given_up(vps=None))
    assert calls.last_end(vps, number) == end


def test_a_node_that_is_back_explains_its_own() -> None:
    own, of_another = given_up(1), given_up(2)
    holding(own, of_another).explain(1)
    assert (own.is_explained, of_another.is_explained) == (True, False)
