import math
import pickle

import pytest
from attrs import evolve

from cvm_async import Breaker, ConfigurationError, Limits, Retry, Timeouts

COUNTS = [
    (Limits, "max_concurrency"),
    (Limits, "per_node"),
    (Limits, "max_body"),
    (Breaker, "failures"),
    (Retry, "attempts"),
]
SECONDS = [
    (Breaker, "cool_down"),
    (Timeouts, "connect"),
    (Timeouts, "read"),
    (Timeouts, "action"),
    (Timeouts, "total"),
    (Retry, "max_wait"),
]


@pytest.mark.parametrize("bad", [0, -1, 2.0, True, "3", None])
@pytest.mark.parametrize(("kind", "knob"), COUNTS)
def test_a_count_is_a_whole_number_of_at_least_one(kind: type, knob: str, bad: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{knob} must be a whole number of at least 1"):
        kind(**{knob: bad})


@pytest.mark.parametrize("bad", [0, -0.5, math.inf, math.nan, True, "3"])
@pytest.mark.parametrize(("kind", "knob"), SECONDS)
def test_a_time_is_a_finite_number_of_seconds_above_zero(kind: type, knob: str, bad: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{knob} must be a finite number of seconds above 0, not"):
        kind(**{knob: bad})


def test_only_a_calls_whole_time_and_the_breaker_may_be_without_limit() -> None:
    assert Timeouts(total=None).total is None
    assert Limits(breaker=None).breaker is None
    with pytest.raises(ConfigurationError):
        Timeouts(read=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [Limits(), Limits(breaker=None), Breaker(), Timeouts(), Timeouts(total=9), Retry()])
def test_settings_are_values(value: Limits) -> None:
    assert pickle.loads(pickle.dumps(value)) == value == evolve(value)
    assert hash(value) == hash(evolve(value))


def test_every_time_is_finite_by_default() -> None:
    assert Timeouts() == Timeouts(connect=5.0, read=15.0, action=120.0, total=None)
    assert Limits().breaker == Breaker(failures=3, cool_down=30.0)
