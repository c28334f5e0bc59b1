import pytest
from hypothesis import given, strategies as st

from cvm_async import Breaker, NodeState
from cvm_async._gates.breaker import SPREAD, Circuit

POLICY = Breaker(failures=3, cool_down=10.0, max_cool_down=40.0)
CLOSED, OPEN, HALF_OPEN = NodeState


def opened(policy: Breaker = POLICY, now: float = 0.0) -> Circuit:
    circuit = Circuit(policy)
    for _ in range(policy.failures):
        circuit.fail(now)
    return circuit


def cool_down(circuit: Circuit, now: float = 0.0) -> float:
    seconds = circuit.opens_in(now)
    assert seconds is not None
    return seconds


def test_so_many_failures_in_a_row_open_it_and_the_last_one_says_so() -> None:
    circuit = Circuit(POLICY)
    assert [circuit.fail(0.0) for _ in range(3)] == [False, False, True]
    assert (circuit.failures, circuit.is_closed, circuit.state(0.0)) == (3, False, OPEN)


def test_an_answer_between_them_begins_the_count_anew() -> None:
    circuit = Circuit(POLICY)
    for _ in range(9):
        circuit.fail(0.0)
        circuit.fail(0.0)
        circuit.close()
    assert (circuit.failures, circuit.state(0.0), circuit.opens_in(0.0)) == (0, CLOSED, None)


def test_open_it_becomes_half_open_when_its_time_has_passed() -> None:
    circuit = opened()
    seconds = cool_down(circuit)
    assert circuit.state(seconds * 0.99) is OPEN
    assert circuit.state(seconds) is HALF_OPEN
    assert cool_down(circuit, seconds + 1) == 0.0


@given(st.floats(1e-3, 1e4), st.floats(1e-3, 1e5), st.integers(0, 50))
def test_the_time_doubles_with_each_probe_that_fails_up_to_the_longest_and_a_fifth_is_chance(
    first: float, longest: float, probes: int
) -> None:
    circuit, now = opened(Breaker(failures=1, cool_down=first, max_cool_down=longest)), 0.0
    for _ in range(probes):
        now += cool_down(circuit, now)
        circuit.fail(now)
    most = min(first * 2.0**probes, max(first, longest))
    assert most * (1 - SPREAD) * 0.99 <= cool_down(circuit, now) <= most * 1.01


def test_an_answer_closes_it_and_the_next_time_is_short_again() -> None:
    circuit = opened()
    circuit.fail(10.0)
    circuit.close()
    for _ in range(3):
        circuit.fail(0.0)
    assert cool_down(circuit) <= POLICY.cool_down


def test_a_failure_from_before_the_opening_that_comes_late_prolongs_nothing() -> None:
    circuit = opened()
    before = cool_down(circuit)
    assert not circuit.fail(1.0)
    assert cool_down(circuit) == before


@pytest.mark.parametrize("failures", [1, 3, 50])
def test_without_a_policy_failures_are_counted_and_it_never_opens(failures: int) -> None:
    circuit = Circuit(None)
    assert [circuit.fail(0.0) for _ in range(failures)] == [False] * failures
    assert (circuit.failures, circuit.is_closed, circuit.opens_in(0.0)) == (failures, True, None)
