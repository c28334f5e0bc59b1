import math

import pytest

from cvm_async import ConfigurationError
from cvm_async._checks import check_seconds, is_count, is_seconds


@pytest.mark.parametrize(
    ("value", "least", "fits"),
    [
        (0, 0, True),
        (0, 1, False),
        (1, 1, True),
        (-1, 0, False),
        (True, 0, False),
        (1.0, 1, False),
        ("1", 1, False),
        pytest.param(10**400, 1, False, id="more than a machine counts to"),
    ],
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


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 100, "'" + "x" * 38 + "…"),
        ("a\x1b[31m", r"'a\x1b[31m'"),
        (10**400, "a number of more than 20 digits"),
        ({"token": "s3cret"}, "a dict"),
        (object(), "a object"),
        (ConfigurationError("s3cret"), "a cvm_async.errors.ConfigurationError"),
    ],
    ids=["long text", "an escape", "a long number", "a mapping", "an object", "an error"],
)
def test_a_refusal_shows_plain_values_alone_and_those_safely(value: object, shown: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_seconds("timeout", value)
    assert refused.value.message == f"timeout must be a finite number of seconds above 0, not {shown}"
