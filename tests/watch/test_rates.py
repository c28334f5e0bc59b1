from datetime import timedelta

import pytest
from watches import BEGIN, LOST, reading, snapshot, split, used

from cvm_async.models import Traffic
from cvm_async.watch.rates import Forecast, Rate, forecast, rates

KEY = ("acme", 1)


def rate_between(before: Traffic | None, after: Traffic | None, seconds: float = 10.0) -> Rate:
    first, second = reading(1, traffic=before), reading(1, traffic=after, after=seconds)
    return rates(snapshot(first), snapshot(second))[KEY]


@pytest.mark.parametrize(
    ("before", "after", "rate"),
    [
        pytest.param(used(1000), used(1500), Rate(total=50.0), id="combined"),
        pytest.param(used(1000), used(1000), Rate(total=0.0), id="no traffic is a rate of nothing"),
        pytest.param(split(0, 100), split(10, 300), Rate(incoming=1.0, outgoing=20.0, total=21.0), id="split"),
        pytest.param(used(1000), used(999), Rate(), id="a counter that went back"),
        pytest.param(split(5, 100), split(4, 300), Rate(outgoing=20.0), id="one of the two went back"),
        pytest.param(None, used(1000), Rate(), id="not counted before"),
        pytest.param(used(1000), None, Rate(), id="not counted any more"),
        pytest.param(used(1000), split(600, 600), Rate(), id="counted in another way"),
    ],
)
def test_a_rate_is_bytes_a_second_or_unknown(before: Traffic | None, after: Traffic | None, rate: Rate) -> None:
    assert rate_between(before, after) == rate


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_without_time_between_them_no_rate_is_known(seconds: float) -> None:
    assert rate_between(used(1000), used(1500), seconds) == Rate()


def test_a_stale_reading_and_a_new_vps_have_no_rate() -> None:
    before = snapshot(reading(1, traffic=used(10)))
    stale = snapshot(reading(1, traffic=used(10), error=LOST), reading(2, traffic=used(10)))
    assert rates(before, stale) == {("acme", 1): Rate(), ("acme", 2): Rate()}


def history(*counters: int, limit: int | None = 1000) -> list[Forecast | None]:
    snapshots = [
        snapshot(reading(1, traffic=used(counter), limit=used(0, limit), after=100.0 * index))
        for index, counter in enumerate(counters)
    ]
    return [*forecast(snapshots).values()]


def test_a_limit_is_reached_when_the_present_rate_leads_to_it() -> None:
    # 600 of 1,000 after 200 s, 2 a second: another 200 s.
    assert history(200, 400, 600) == [Forecast(direction="total", at=BEGIN + timedelta(seconds=400), rate=2.0)]


@pytest.mark.parametrize(
    "counters",
    [
        pytest.param((500,), id="one reading"),
        pytest.param((500, 500), id="no traffic"),
        pytest.param((500, 900, 100), id="a new month has just begun"),
    ],
)
def test_what_cannot_be_known_is_unknown(counters: tuple[int, ...]) -> None:
    assert history(*counters) == [None]


def test_without_a_limit_or_a_history_there_is_nothing_to_foretell() -> None:
    assert history(1, 2, limit=None) == [None]
    assert forecast([]) == {}
    assert forecast([snapshot(reading(1, None, error=LOST))]) == {KEY: None}


def test_readings_from_before_a_reset_do_not_count() -> None:
    (told,) = history(900, 0, 100)
    assert told == Forecast(direction="total", at=BEGIN + timedelta(seconds=200 + 900), rate=1.0)


def test_a_limit_that_is_reached_is_reached_whatever_the_rate() -> None:
    assert history(1000) == [Forecast(direction="total", at=BEGIN, rate=None)]


def test_a_rate_that_leads_beyond_all_calendars_never_reaches_it() -> None:
    assert history(0, 1, limit=2**62) == [None]


def test_as_json_they_are_plain() -> None:
    assert rate_between(used(1000), used(1500)).to_dict() == {"incoming": None, "outgoing": None, "total": 50.0}
    (told,) = history(200, 400, 600)
    assert told is not None
    assert told.to_dict() == {
        "direction": "total",
        "at": (BEGIN + timedelta(seconds=400)).isoformat(),
        "rate": 2.0,
    }


def test_the_limit_that_is_reached_first_is_told() -> None:
    limits = split(0, 0, {"in_limit": 1000, "out_limit": 1000})
    first = snapshot(reading(1, traffic=split(0, 0), limit=limits))
    second = snapshot(reading(1, traffic=split(10, 100), limit=limits, after=10.0))
    told = forecast([first, second])[KEY]
    assert told is not None
    assert (told.direction, told.rate) == ("out", 10.0)
