import pytest

from cvm_async.panel.faults import (
    Answer,
    Cut,
    Hang,
    Injection,
    Reset,
    bad_gateway,
    database_down,
    garbage,
    gateway_timeout,
    redirect,
    too_many_requests,
)
from cvm_async.panel.hosts.world import Verb


def injection(
    *, verb: Verb | None = None, vps: int | None = None, node: int | None = None, skip: int = 0, times: int | None = 1
) -> Injection:
    return Injection(Reset(), verb, vps, node, skip, times)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        pytest.param(bad_gateway(), 502, id="bad gateway"),
        pytest.param(gateway_timeout(), 504, id="gateway timeout"),
        pytest.param(too_many_requests(), 429, id="too many requests"),
        pytest.param(redirect("https://elsewhere.example.net/"), 302, id="redirect"),
    ],
)
def test_what_a_proxy_says_is_html_with_its_status(fault: Answer, status: int) -> None:
    assert fault.status == status
    assert fault.body.startswith(b"<html>")


def test_too_many_requests_says_when_to_come_again_only_if_told() -> None:
    assert too_many_requests(retry_after="2").headers == {"retry-after": "2"}
    assert too_many_requests().headers == {}


def test_a_redirect_says_where_to() -> None:
    assert redirect("/login", status=307).headers == {"location": "/login"}


def test_a_panel_without_its_database_says_so_in_plain_text_and_with_200() -> None:
    assert (database_down().status, database_down().body) == (200, b"Could not connect to the database.")


def test_garbage_is_not_even_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        garbage().body.decode()


@pytest.mark.parametrize("fault", [bad_gateway, gateway_timeout, garbage, Answer, Hang, Reset])
def test_a_fault_strikes_before_the_action_unless_told(fault: type[Answer]) -> None:
    assert not fault().after_action
    assert fault(after_action=True).after_action


def test_a_cut_always_comes_after_the_action() -> None:
    assert Cut().after_action
    with pytest.raises(ValueError, match="keep"):
        Cut(keep=-1)


@pytest.mark.parametrize(
    ("aim", "strikes"),
    [
        pytest.param(injection(), True, id="any call"),
        pytest.param(injection(verb=Verb.STOP), True, id="its verb"),
        pytest.param(injection(verb=Verb.START), False, id="another verb"),
        pytest.param(injection(vps=7), True, id="its vps"),
        pytest.param(injection(vps=8), False, id="another vps"),
        pytest.param(injection(node=2), True, id="its node"),
        pytest.param(injection(node=3), False, id="another node"),
        pytest.param(injection(verb=Verb.STOP, vps=7, node=3), False, id="all but one"),
    ],
)
def test_an_injection_strikes_the_calls_that_it_is_meant_for(aim: Injection, *, strikes: bool) -> None:
    assert aim.strikes(Verb.STOP, vps=7, node=2) is strikes
    assert aim.struck == strikes


def test_an_injection_skips_so_many_and_strikes_so_many() -> None:
    aim = injection(skip=2, times=2)
    assert [aim.strikes(Verb.LIST, None, None) for _ in range(6)] == [False, False, True, True, False, False]
    assert aim.struck == 2


def test_calls_that_are_not_meant_are_not_counted_as_skipped() -> None:
    aim = injection(vps=7, skip=1)
    assert not aim.strikes(Verb.STATUS, 8, 1)
    assert not aim.strikes(Verb.STATUS, 7, 1)
    assert aim.strikes(Verb.STATUS, 7, 1)


def test_an_injection_without_a_count_strikes_for_ever() -> None:
    aim = injection(times=None)
    assert all(aim.strikes(Verb.LIST, None, None) for _ in range(100))
    assert not aim.is_spent
