import pytest

from cvm_async import Breaker, NodeReport, NodeState
from cvm_async._gates.breaker import Circuit
from cvm_async._gates.node import START, Node

MOST = 6


def node(most: int = MOST, *, is_known: bool = True) -> Node:
    return Node(most, Circuit(Breaker(failures=1)), is_known=is_known)


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (NodeReport(7, NodeState.CLOSED, 0, 0), "<node 7: in use>"),
        (NodeReport(7, NodeState.CLOSED, 2, 1, abandoned=3), "<node 7: in use, in_flight=2, failures=1, abandoned=3>"),
        (NodeReport(7, NodeState.OPEN, 0, 4, retry_in=12.34), "<node 7: left alone, failures=4, retry_in=12.3>"),
        (NodeReport(7, NodeState.HALF_OPEN, 0, 3), "<node 7: about to be probed, failures=3>"),
    ],
)
def test_a_report_says_how_a_node_is_in_plain_words(report: NodeReport, shown: str) -> None:
    assert repr(report) == shown


def test_as_json_a_report_is_plain() -> None:
    assert NodeReport(7, NodeState.OPEN, 0, 4, retry_in=12.5).to_dict() == {
        "node": 7,
        "state": "open",
        "in_flight": 0,
        "failures": 4,
        "abandoned": 0,
        "retry_in": 12.5,
    }


def test_each_answer_lets_one_more_in_up_to_the_most() -> None:
    state = node()
    widths = [state.width]
    for began in range(6):
        state.answered(float(began), float(began))
        widths.append(state.width)
    assert widths == [START, 3, 4, 5, 6, 6, 6]
    assert state.latest == 5.0


@pytest.mark.parametrize("most", [1, 2])
def test_it_never_has_more_than_the_most(most: int) -> None:
    state = node(most)
    state.answered(1.0, 1.0)
    assert state.width == most


def test_an_answer_to_an_earlier_call_that_comes_late_is_not_the_latest() -> None:
    state = node()
    state.answered(2.0, 2.0)
    state.answered(1.0, 1.0)
    assert state.latest == 2.0


def test_where_it_begins_anew_few_go_until_it_has_answered() -> None:
    state = node()
    for began in range(9):
        state.answered(float(began), float(began))
    state.start_anew()
    assert state.width == START
    state.answered(10.0, 10.0)
    assert state.width == START + 1


@pytest.mark.parametrize(
    ("after", "quiet"),
    [
        pytest.param(0.0, False, id="it has just answered"),
        pytest.param(2.0, False, id="its answers take as long"),
        pytest.param(2.1, True, id="its answers do not take as long"),
    ],
)
def test_it_is_quiet_when_it_has_not_answered_for_longer_than_its_answers_take(after: float, *, quiet: bool) -> None:
    state = node()
    state.answered(0.0, 1.0)
    assert state.is_quiet(1.0 + after) is quiet


def test_the_memory_of_a_slow_answer_fades() -> None:
    state = node()
    for seconds in (8.0, 1.0, 1.0):
        state.answered(0.0, seconds)
    assert state.usual == 2.0


def test_one_with_few_calls_and_calls_whose_node_is_not_known_are_never_quiet() -> None:
    assert not node().is_quiet(99.0)
    assert not node(is_known=False).is_quiet(99.0)


def test_of_what_it_may_have_those_that_only_read_have_their_share() -> None:
    state = node()
    state.share = 2
    for began in range(9):
        state.answered(float(began), float(began))
    assert (state.width, state.reads, state.limit(acts=True), state.limit()) == (MOST, 2, MOST, 2)


def test_calls_whose_node_is_not_known_may_all_go_at_once_and_again() -> None:
    state = node(50, is_known=False)
    state.start_anew()
    assert state.width == 50


@pytest.mark.parametrize(
    ("unanswered", "held", "firmly", "is_known", "limit"),
    [
        pytest.param(0, 0, 0, True, MOST, id="all well"),
        pytest.param(0, 4, 4, True, MOST - 4, id="what was given up holds its places"),
        pytest.param(0, 99, 99, True, 1, id="one may always go where the node answers"),
        pytest.param(1, 1, 1, True, 1, id="no answer since: one beside it"),
        pytest.param(2, 2, 2, True, 0, id="no answer since, and the places are held"),
        pytest.param(2, 2, 0, True, 1, id="they may be over by now"),
        pytest.param(2, 2, 2, False, 1, id="another VPS is on another node"),
    ],
)
def test_so_many_may_be_under_way(unanswered: int, held: int, firmly: int, limit: int, *, is_known: bool) -> None:
    state = node(is_known=is_known)
    for began in range(9):
        state.answered(float(began), float(began))
    state.unanswered, state.held, state.held_firmly = unanswered, held, firmly
    assert state.limit(acts=True) == limit


def test_where_its_breaker_is_open_a_closer_look_is_needed() -> None:
    state = node()
    state.circuit.fail(0.0)
    state.retune()
    assert (state.width, state.is_sound) == (0, False)
    state.answered(1.0, 1.0)
    assert (state.width, state.is_sound) == (START + 1, True)


@pytest.mark.parametrize("trouble", ["held", "unanswered", "broke"])
def test_it_is_sound_where_nothing_is_open_between_us(trouble: str) -> None:
    state = node()
    setattr(state, trouble, 1)
    state.retune()
    assert not state.is_sound
    setattr(state, trouble, 0)
    state.retune()
    assert state.is_sound
