import pytest

from cvm_async._gates.node import START
from cvm_async._gates.share import TRY_AGAIN, Share


def answers(share: Share, number: int, *, at: float, seconds: float, in_flight: int) -> list[int]:
    """Have so many answers come at one time, and give the sizes that follow."""
    sizes: list[int] = []
    for _ in range(number):
        share.answered(at - seconds, at, in_flight)
        sizes.append(share.size)
    return sizes


@pytest.mark.parametrize(("limit", "size"), [(1, START), (4, START), (16, START), (17, 3), (64, 8), (256, 32)])
def test_a_node_has_an_eighth_of_what_the_session_may_have_in_flight_and_two_at_least(limit: int, size: int) -> None:
    assert Share(limit).size == size


def test_where_answers_take_as_long_with_more_in_flight_it_doubles_up_to_a_quarter_of_them() -> None:
    share = Share(16)
    assert answers(share, 8, at=1.0, seconds=1.0, in_flight=8) == [2] * 7 + [4]
    assert answers(share, 40, at=2.0, seconds=1.0, in_flight=15) == [4] * 40
    assert answers(share, 1, at=3.0, seconds=1.0, in_flight=16) == [8]


def test_few_calls_in_flight_show_nothing() -> None:
    assert answers(Share(16), 99, at=1.0, seconds=1.0, in_flight=7) == [2] * 99


def test_answers_to_calls_from_before_it_grew_show_nothing() -> None:
    share = Share(16)
    answers(share, 8, at=1.0, seconds=1.0, in_flight=8)
    assert answers(share, 40, at=1.5, seconds=1.0, in_flight=16) == [4] * 40


def test_one_answer_that_may_have_waited_for_a_worker_takes_all_of_it_back_for_a_while() -> None:
    share = Share(16)
    answers(share, 8, at=1.0, seconds=1.0, in_flight=8)
    assert share.answered(1.5, 3.0, 16)
    assert share.size == START
    assert answers(share, 40, at=2.0 + TRY_AGAIN, seconds=1.0, in_flight=8) == [START] * 40
    assert answers(share, 1, at=3.0 + TRY_AGAIN, seconds=1.0, in_flight=8) == [2 * START]


def test_where_it_has_not_grown_the_next_round_may_show_more() -> None:
    share = Share(16)
    share.answered(0.0, 1.0, 8)
    assert not share.answered(0.0, 1.5, 8)
    assert answers(share, 8, at=3.0, seconds=1.0, in_flight=8) == [2] * 7 + [4]
