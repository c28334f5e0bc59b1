import httpx
import pytest
from hypothesis import given, strategies as st
from mocked import PRIVATE, PUBLIC, URL, VERBS, Panel, session_over

from cvm_async._api import calls
from cvm_async._api.calls import Call
from cvm_async._api.verbs import Verb
from cvm_async._exchange.request import Requests, blank_out, blank_out_copies
from cvm_async._exchange.tokens import BLANK, Tokens
from cvm_async.errors import ConfigurationError

GET = calls.status(1)
POST = calls.power(Verb.START, 1)


def requests_with(client: httpx.AsyncClient, *, base: str = URL) -> Requests:
    return Requests(client, httpx.URL(base), Tokens.checked(PUBLIC, PRIVATE), 3.0, "panel")


CLIENT = httpx.AsyncClient()
"""One for all examples: making one costs more than they do, and has nothing to do with what they are about."""


NAMES = st.sampled_from(["Host", "X-Own", "Accept", "User-Agent", "Content-Length", "Transfer-Encoding", "Cookie"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9).map(str.strip)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=4), st.sampled_from([GET, POST, calls.list_vpses()]))
def test_a_request_is_as_httpx_makes_it_with_the_same_headers(
    headers: list[tuple[str, str]], call: Call[object]
) -> None:
    CLIENT.headers = headers
    requests = requests_with(CLIENT, base="https://panel.example.net:8443/cvm")
    # The second one has what was made for the first.
    for request in (requests.make(call, 15.0), requests.make(call, 15.0)):
        own = [pair for pair in request.headers.multi_items() if pair[0] not in {"host", "content-length"}]
        given_ones = [pair for pair in headers if pair[0] in {"Host", "Content-Length"}]
        alike = httpx.Request(
            call.method, f"https://panel.example.net:8443/cvm{call.path}", headers=[*given_ones, *own]
        )
        assert (request.method, request.url, request.content) == (alike.method, alike.url, b"")
        assert sorted(request.headers.multi_items()) == sorted(alike.headers.multi_items())


@pytest.mark.parametrize("name", ["X-Odd", "x-odd", "User-Agent", "Cookie"])
@pytest.mark.parametrize("value", ["a\nb", "a\r\nAPI-Private-Token: b", "a\0", "\x1b[31m", " a", "a\t", " ", "\x7f"])
def test_a_header_of_the_clients_that_http_forbids_is_refused_before_anything_is_sent(name: str, value: str) -> None:
    requests = requests_with(httpx.AsyncClient(headers={name: value}))
    with pytest.raises(ConfigurationError, match=f"header '(?i:{name})' has a character that HTTP forbids"):
        requests.make(GET, 15.0)


@pytest.mark.parametrize("name", ["X Odd", "X:Odd", "X\tOdd", ""])
def test_a_header_whose_name_is_none_is_refused_too(name: str) -> None:
    with pytest.raises(ConfigurationError, match="has a character that HTTP forbids"):
        requests_with(httpx.AsyncClient(headers={name.encode(): b"1"})).make(GET, 15.0)


async def test_a_request_has_no_body_however_it_is_read() -> None:
    assert await requests_with(httpx.AsyncClient()).make(POST, 15.0).aread() == b""


def test_a_request_knows_whether_it_was_handed_to_a_transport() -> None:
    request = requests_with(httpx.AsyncClient()).make(POST, 15.0)
    assert (request.content, request.read(), request.is_handed_on) == (b"", b"", False)
    assert isinstance(request.stream, httpx.AsyncByteStream)
    assert request.is_handed_on


async def test_a_hook_may_look_at_the_content_of_a_request() -> None:
    seen: list[bytes] = []

    async def look(request: httpx.Request) -> None:
        seen.append(request.content)

    async with session_over(client=httpx.AsyncClient(transport=Panel(), event_hooks={"request": [look]})) as session:
        await session.start(1)
    assert seen == [b""]


@pytest.mark.parametrize("call", [GET, POST], ids=lambda call: call.verb)
def test_what_is_changed_in_a_request_is_not_in_the_next_one(call: Call[object]) -> None:
    requests = requests_with(httpx.AsyncClient())
    first = requests.make(call, 15.0)
    first.headers["X-Signature"] = "signed"
    first.extensions["timeout"]["read"] = 99
    blank_out(first)
    second = requests.make(call, 15.0)
    assert "X-Signature" not in second.headers
    assert second.headers["API-Private-Token"] == PRIVATE
    assert second.extensions["timeout"]["read"] == 15.0


def test_headers_that_the_client_gets_later_are_in_the_requests_of_every_method() -> None:
    client = httpx.AsyncClient()
    requests = requests_with(client)
    for text in ("1", "2"):
        client.headers["X-Later"] = text
        assert [requests.make(call, 15.0).headers["X-Later"] for call in (GET, POST)] == [text, text]


def test_query_parameters_that_the_client_gets_later_are_sent_from_then_on() -> None:
    client = httpx.AsyncClient()
    requests = requests_with(client)
    urls: list[str] = []
    for params in ({}, {"a": "1"}, {"a": "2"}, {}):
        client.params = httpx.QueryParams(params)
        urls.append(str(requests.make(GET, 15.0).url).removeprefix(f"{URL}{GET.path}"))
    assert urls == ["", "?a=1", "?a=2", ""]


@pytest.mark.parametrize("value", ["b" * 70_000, "\udcff"], ids=["too long", "half a character"])
def test_query_parameters_that_make_no_url_are_a_configuration_error(value: str) -> None:
    requests = requests_with(httpx.AsyncClient(params={"a": value}))
    with pytest.raises(ConfigurationError, match="no URL for panel: "):
        requests.make(GET, 15.0)


BASES = ["https://panel.example.net", "http://[::1]:8080", "http://10.0.0.1/", "https://bücher.example/cvm/a%20b/ü/"]


@pytest.mark.parametrize("base", BASES)
@given(st.integers(1, 2**53), st.sampled_from(VERBS))
def test_the_url_of_a_call_is_the_one_that_httpx_would_read(base: str, vps_id: int, verb: Verb) -> None:
    reads = {Verb.LIST: calls.list_vpses(), Verb.STATUS: calls.status(vps_id)}
    call: Call[object] = reads.get(verb) or calls.power(verb, vps_id)
    url = requests_with(CLIENT, base=base).make(call, 15.0).url
    read = httpx.URL(str(httpx.URL(base)).rstrip("/") + call.path)
    assert (url, hash(url), str(url), repr(url)) == (read, hash(read), str(read), repr(read))
    assert (url.raw_path, url.path, url.netloc, url.host) == (read.raw_path, read.path, read.netloc, read.host)
    assert url.join("x") == read.join("x")


def test_tokens_are_blanked_out_in_the_headers_that_somebody_may_have_kept() -> None:
    request = requests_with(httpx.AsyncClient(headers={"X-Own": "1"})).make(GET, 15.0)
    request.headers["api-private-token"] = PRIVATE
    kept = request.headers
    blank_out(request)
    assert [text for name, text in kept.multi_items() if name.startswith("api-")] == [BLANK, BLANK]
    assert kept["X-Own"] == "1"


@pytest.mark.parametrize("name", ["API-Public-Token", "api-private-token"])
def test_a_request_of_somebody_elses_is_blanked_out_where_it_has_a_token(name: str) -> None:
    request = httpx.Request("GET", URL, headers={name: PRIVATE})
    blank_out_copies(request)
    assert request.headers[name] == BLANK


def test_a_request_without_tokens_is_left_as_it_is() -> None:
    request = httpx.Request("GET", URL, headers={"X-Own": "1"})
    blank_out_copies(request)
    assert request.headers.multi_items() == [("host", "panel.example.net"), ("x-own", "1")]


async def test_a_form_is_sent_as_forms_are() -> None:
    async with httpx.AsyncClient() as client:
        request = requests_with(client).make(calls.reinstall(7, 3), 1.0)
        assert (request.content, await request.aread(), request.read()) == (b"template=3",) * 3
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert request.headers["Content-Length"] == "10"
        # Nothing of it is in the next one.
        assert requests_with(client).make(POST, 1.0).headers["Content-Length"] == "0"
