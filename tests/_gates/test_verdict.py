import pytest

from cvm_async._gates.verdict import LIST, Flight, Verdict


@pytest.mark.parametrize(
    ("vps", "acts"),
    [
        pytest.param(7, False, id="a status"),
        pytest.param(LIST, False, id="the list"),
        pytest.param(None, True, id="an action"),
    ],
)
def test_a_flight_tells_whether_it_was_to_do_something(vps: int | None, *, acts: bool) -> None:
    flight = Flight(1, vps, 2.0, 5.5, Verdict.TIMED_OUT)
    assert (flight.acts, flight.seconds) == (acts, 3.5)


def test_two_flights_are_two_however_alike() -> None:
    one, other = (Flight(1, 7, 2.0, 5.5, Verdict.ANSWERED) for _ in range(2))
    assert one != other
