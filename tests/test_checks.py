import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

import cvm_async
from cvm_async import ConfigurationError, CvmSession
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
        (object(), "an object"),
        (ConfigurationError("s3cret"), "a cvm_async.errors.ConfigurationError"),
    ],
    ids=["long text", "an escape", "a long number", "a mapping", "an object", "an error"],
)
def test_a_refusal_shows_plain_values_alone_and_those_safely(value: object, shown: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_seconds("timeout", value)
    assert refused.value.message == f"timeout must be a finite number of seconds above 0, not {shown}"


PANEL: dict[str, Any] = {"url": "https://panel.example.net", "public_token": "public", "private_token": "private"}
ENVIRON = {"CVM_URL": PANEL["url"], "CVM_PUBLIC_TOKEN": "public", "CVM_PRIVATE_TOKEN": "private"}


# Whatever is given: each value of the table is wrong somewhere.
a_session: Callable[..., object] = partial(CvmSession, **PANEL)
a_session_of_the_environment: Callable[..., object] = partial(CvmSession.from_env, environ=ENVIRON)
a_session_of_the_environments_profile: Callable[..., object] = partial(CvmSession.from_profile, environ=ENVIRON)

CONSTRUCTORS: dict[str, tuple[Callable[..., object], Callable[..., object]]] = {
    "CvmSession": (a_session, CvmSession),
    "CvmSession.from_env": (a_session_of_the_environment, CvmSession.from_env),
    "CvmSession.from_profile": (a_session_of_the_environments_profile, CvmSession.from_profile),
    **{
        name: (getattr(cvm_async, name),) * 2
        for name in ("lane_client", "fast_client", "LaneTransport", "FastTransport")
    },
    **{name: (getattr(cvm_async, name),) * 2 for name in ("Limits", "Timeouts", "Retry", "Breaker", "Rollout")},
}

VALUES: tuple[object, ...] = (
    *(None, True, 0, -1, 3, 1.5, math.nan, math.inf, -math.inf, 10**400),
    *("", "x", "/nope/none.pem", "a\0b", "\ud800", "http://[", b"x", bytearray(b"x")),
    *([], [1], ["x"], [("a", 1)], (), (1, 2), ("a", "b"), set[object](), {}, {"a": 1}, {1: 2}, {"a": object()}),
    *(object(), object, print, iter([1]), httpx.Limits(max_connections=0), httpx.Client),
)


def arguments() -> Iterator[object]:
    for name, (make, described) in CONSTRUCTORS.items():
        for argument in inspect.signature(described).parameters:
            yield pytest.param(make, argument, id=f"{name}-{argument}")


@pytest.mark.parametrize(("make", "argument"), [*arguments()])
@pytest.mark.usefixtures("no_proxies_from_outside")
# httpx deprecates paths; a session that was made is of no further interest here.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_what_cannot_be_used_is_a_configuration_error_that_says_what_was_meant(
    make: Callable[..., object], argument: str
) -> None:
    refusals = [refusal for value in VALUES if (refusal := refusal_of(partial(make, **{argument: value}))) is not None]
    assert len(refusals) > len(VALUES) // 4
    assert all(str(refusal) and refusal.__cause__ is None for refusal in refusals)


def refusal_of(make: Callable[[], object]) -> ConfigurationError | None:
    try:
        make()
    except ConfigurationError as error:
        return error
    return None
