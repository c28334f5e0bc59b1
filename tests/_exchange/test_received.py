import pytest

from cvm_async._api import calls
from cvm_async._api.calls import Call
from cvm_async._api.verbs import Verb
from cvm_async._exchange.received import SHORT_BODY, Received, longest_body


def test_most_answers_tell_nothing_in_their_headers() -> None:
    assert Received.with_head(200, [(b"Server", b"nginx"), (b"Location", b"/elsewhere")]) == (Received(200), "")


def test_two_headers_of_one_name_are_one_list_whatever_their_case() -> None:
    answer, encoding = Received.with_head(200, [(b"Content-Encoding", b"deflate"), (b"CONTENT-ENCODING", b"gzip")])
    assert (answer, encoding) == (Received(200), "deflate, gzip")


@pytest.mark.parametrize("status", [300, 302, 307])
def test_a_redirect_tells_where_it_leads(status: int) -> None:
    answer, _ = Received.with_head(status, [(b"location", b"/elsewhere")])
    assert (answer.status_code, answer.location) == (status, "/elsewhere")
    assert Received.with_head(status, [])[0].location is None


def test_a_date_to_wait_for_is_measured_by_the_answers_own() -> None:
    wait, date = b"Wed, 25 Nov 2026 20:00:30 GMT", b"Wed, 25 Nov 2026 20:00:00 GMT"
    answer, _ = Received.with_head(503, [(b"Retry-After", wait), (b"Date", date)])
    assert answer.retry_after == 30.0


@pytest.mark.parametrize(
    ("call", "limit"),
    [(calls.status(1), SHORT_BODY), (calls.power(Verb.STOP, 1), SHORT_BODY), (calls.list_vpses(), 2 * SHORT_BODY)],
    ids=["a status", "an action", "the list"],
)
def test_only_the_list_may_be_long(call: Call[object], limit: int) -> None:
    assert longest_body(call, 2 * SHORT_BODY) == limit
    assert longest_body(call, 10) == 10
