from cvm_async import Breaker
from cvm_async._gates.outage import Outage

POLICY = Breaker(failures=2, cool_down=10.0)
LATER = 20.0


def gone() -> Outage:
    outage = Outage(POLICY)
    outage.fail(0.0, "refused")
    outage.fail(1.0, "silent")
    return outage


def test_a_panel_is_there_until_so_many_calls_in_a_row_found_none() -> None:
    outage = Outage(POLICY)
    assert (outage.is_over, outage.is_clear, outage.refuses(0.0)) == (True, True, False)
    assert [outage.fail(float(second), "refused") for second in range(2)] == [False, True]
    assert (outage.is_over, outage.is_clear, outage.refuses(1.0)) == (False, False, True)


def test_it_tells_the_last_failure() -> None:
    outage = gone()
    assert (outage.reason, outage.failed_at) == ("silent", 1.0)


def test_one_failure_is_no_outage_and_not_clear() -> None:
    outage = Outage(POLICY)
    outage.fail(0.0, "refused")
    assert (outage.is_over, outage.is_clear) == (True, False)


def test_one_call_at_a_time_asks_whether_it_is_back() -> None:
    outage = gone()
    assert not outage.refuses(LATER)
    outage.began(LATER)
    assert not outage.may_probe
    outage.began(LATER + 1)
    outage.ended(LATER + 1)
    assert not outage.may_probe
    outage.ended(LATER)
    assert outage.may_probe


def test_where_it_is_there_no_call_is_a_probe() -> None:
    outage = Outage(POLICY)
    outage.began(0.0)
    assert outage.may_probe


def test_any_answer_says_that_it_is_there() -> None:
    outage = gone()
    outage.began(LATER)
    outage.answered(LATER)
    assert (outage.is_over, outage.is_clear, outage.may_probe, outage.latest) == (True, True, True, LATER)
    outage.answered(1.0)
    assert outage.latest == LATER


def test_without_a_policy_nothing_is_refused() -> None:
    outage = Outage(None)
    assert [outage.fail(float(second), "refused") for second in range(50)] == [False] * 50
    assert not outage.refuses(50.0)
