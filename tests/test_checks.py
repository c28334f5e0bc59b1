import math

import pytest

from cvm_async import ConfigurationError
from cvm_async._checks import check_seconds, is_count, is_seconds


@pytest.mark.parametrize(
    ("value", "least", "fits"),
    [(0, 0, True), (0, 1, False), (1, 1, True), (-1, 0, False), (True, 0, False), (1.0, 1, False), ("1", 1, False)],
)
def test_a_count_is_a_whole_number_and_no_boolean(value: object, least: int, *, fits: bool) -> None:
    assert is_count(value, least) is fits


@pytest.mark.parametrize(
    ("value", "above_zero", "from_zero"),
    [
        (1, True, True),
        (0.1, True, True),
        (0, False, True),
        (-1, False, False),
        (math.inf, False, False),
        (math.nan, False, False),
        (True, False, False),
        ("1", False, False),
        pytest.param(10**400, False, False, id="more than a float holds"),
    ],
)
def test_seconds_are_finite_and_above_zero_or_from_zero_on(value: object, *, above_zero: bool, from_zero: bool) -> None:
    assert is_seconds(value) is above_zero
    assert is_seconds(value, zero=True) is from_zero


def test_a_refusal_names_the_knob_its_rule_and_what_was_given() -> None:
    with pytest.raises(ConfigurationError, match=r"^pause must be a finite number of seconds from 0 on, not -3$"):
        check_seconds("pause", -3, zero=True)
    with pytest.raises(ConfigurationError, match=r"^timeout must be a finite number of seconds above 0, not 0$"):
        check_seconds("timeout", 0)
