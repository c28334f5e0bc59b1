import asyncio
import contextlib
import gc
import pickle
import ssl
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from types import FrameType, FunctionType, ModuleType
from typing import Any

import httpx
import pytest
from mocked import DONE, PRIVATE, PUBLIC, STATUS, URL, Panel, Pieces, answer, refusal
from virtual_time import virtual

from cvm_async._api import calls
from cvm_async._api.calls import Call
from cvm_async._api.verbs import Verb
from cvm_async._exchange.received import SHORT_BODY, Received
from cvm_async._exchange.sender import Sender
from cvm_async._exchange.tokens import BLANK, Tokens
from cvm_async._version import __version__
from cvm_async.errors import ConfigurationError, CvmError, NoAnswerError, NotSentError, SessionClosedError
from cvm_async.settings import Timeouts
from cvm_async.transport import lane_client

GET = calls.status(1)
POST = calls.power(Verb.START, 1)

Hook = Callable[[Any], Awaitable[None]]


def wire_over(client: httpx.AsyncClient, *, base: str = URL, max_body: int = 10_000) -> Sender:
    return Sender(client, httpx.URL(base), Tokens.checked(PUBLIC, PRIVATE), Timeouts(connect=3.0), max_body, "panel")


async def outcome(panel: httpx.AsyncBaseTransport, call: Call[object] = GET) -> Received | CvmError:
    try:
        return await wire_over(httpx.AsyncClient(transport=panel)).exchange(call, 15.0)
    except CvmError as error:
        return error


# What is sent.


@pytest.mark.parametrize("call", [GET, POST, calls.list_vpses()], ids=lambda call: call.verb)
async def test_a_request_has_the_calls_method_and_path_and_both_tokens(call: Call[object]) -> None:
    panel = Panel()
    await wire_over(httpx.AsyncClient(transport=panel), base="https://panel.example.net:8443/cvm").exchange(call, 15.0)
    (request,) = panel.requests
    assert (request.method, str(request.url)) == (call.method, f"https://panel.example.net:8443/cvm{call.path}")
    assert request.headers["API-Public-Token"] == PUBLIC
    assert request.headers["API-Private-Token"] == PRIVATE
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Accept-Encoding"] == "gzip, deflate"
    assert request.headers["User-Agent"] == f"cvm_async/{__version__}"
    assert request.headers.get("Content-Length") == (None if call.method == "GET" else "0")


async def test_each_kind_of_waiting_has_its_own_limit() -> None:
    panel = Panel()
    await wire_over(httpx.AsyncClient(transport=panel, timeout=99)).exchange(GET, 15.0)
    assert panel.requests[0].extensions["timeout"] == {"connect": 3.0, "read": 15.0, "write": 15.0, "pool": 3.0}


async def test_the_clients_headers_and_query_parameters_are_sent_and_its_base_url_is_not_used() -> None:
    panel = Panel()
    client = httpx.AsyncClient(
        transport=panel,
        base_url="https://elsewhere.example.net",
        params={"a": "b c"},
        headers={"X-Own": "1", "Accept": "text/json", "User-Agent": "bot/2", "Cookie": "gate=open"},
    )
    await wire_over(client).exchange(GET, 15.0)
    (request,) = panel.requests
    assert str(request.url) == f"{URL}{GET.path}?a=b+c"
    wanted = {"X-Own": "1", "Accept": "text/json", "User-Agent": "bot/2", "Cookie": "gate=open"}
    assert {name: request.headers[name] for name in wanted} == wanted


async def test_headers_that_the_client_gets_later_are_sent_from_then_on() -> None:
    panel = Panel()
    client = httpx.AsyncClient(transport=panel)
    wire = wire_over(client)
    await wire.exchange(GET, 15.0)
    client.headers["X-Later"] = "1"
    await wire.exchange(GET, 15.0)
    assert [request.headers.get("X-Later") for request in panel.requests] == [None, "1"]
    assert PRIVATE not in str(client.headers.raw)


async def test_tokens_that_the_client_has_among_its_headers_are_not_ours() -> None:
    panel = Panel()
    client = httpx.AsyncClient(transport=panel, headers={"api-private-token": "another account's"})
    await wire_over(client).exchange(GET, 15.0)
    assert panel.requests[0].headers.get_list("API-Private-Token") == [PRIVATE]


async def test_query_parameters_that_make_no_url_are_a_configuration_error_and_nothing_is_sent() -> None:
    panel = Panel()
    client = httpx.AsyncClient(transport=panel, params={"a": "b" * 70_000})
    with pytest.raises(ConfigurationError, match=r"query parameters make no URL for panel: .* too long"):
        await wire_over(client).exchange(GET, 15.0)
    assert panel.requests == []


# The panel's cookie.


async def test_the_panels_cookie_is_never_sent_back_though_it_fills_the_clients_jar() -> None:
    cookie = {"Set-Cookie": "PHPSESSID=theirs; path=/"}
    panel = Panel(*[answer(200, STATUS, headers=cookie) for _ in range(3)])
    client = httpx.AsyncClient(transport=panel, cookies={"PHPSESSID": "old", "another": "1"})
    wire = wire_over(client)
    for _ in range(4):
        await wire.exchange(GET, 15.0)
    assert "theirs" in [stored.value for stored in client.cookies.jar]
    assert [request.headers.get("Cookie") for request in panel.requests] == [None] * 4


async def test_digest_authentication_works_and_sends_no_cookie() -> None:
    challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"', "Set-Cookie": "PHPSESSID=theirs"}
    panel = Panel(answer(401, headers=challenge), answer(200, STATUS))
    client = httpx.AsyncClient(transport=panel, auth=httpx.DigestAuth("bob", "builder"))
    received = await wire_over(client).exchange(GET, 15.0)
    assert received.status_code == 200
    assert panel.requests[1].headers["Authorization"].startswith("Digest ")
    assert [request.headers.get("Cookie") for request in panel.requests] == [None, None]
    assert panel.requests[1].headers["API-Private-Token"] == PRIVATE


# What comes back.


async def test_an_answer_comes_with_its_status_and_body() -> None:
    received = await outcome(Panel(answer(200, b'{"response":[]}')))
    assert received == Received(200, b'{"response":[]}', flaw=None, retry_after=None, location=None)


@pytest.mark.parametrize("follows", [False, True])
async def test_a_redirect_is_not_followed_and_told_of(*, follows: bool) -> None:
    panel = Panel(answer(307, headers={"Location": "https://evil.example.net/x"}))
    client = httpx.AsyncClient(transport=panel, follow_redirects=follows)
    received = await wire_over(client).exchange(POST, 15.0)
    assert (received.status_code, received.location) == (307, "https://evil.example.net/x")
    assert len(panel.requests) == 1


async def test_a_location_without_a_redirect_is_none() -> None:
    received = await outcome(Panel(answer(201, headers={"Location": "/x", "Retry-After": "7"})))
    assert isinstance(received, Received)
    assert (received.location, received.retry_after) == (None, 7.0)


async def test_a_date_to_come_back_at_is_measured_by_the_answers_own_clock() -> None:
    headers = {"Date": "Mon, 01 Jan 2024 00:00:00 GMT", "Retry-After": "Mon, 01 Jan 2024 00:00:12 GMT"}
    received = await outcome(Panel(answer(503, headers=headers)))
    assert isinstance(received, Received)
    assert received.retry_after == 12.0


@pytest.mark.parametrize(
    ("headers", "body", "flaw"),
    [
        pytest.param({}, b"a" * 10_001, "longer than 10,000 bytes", id="too long"),
        pytest.param({"Content-Encoding": "br"}, b"\xff", 'compressed as "br", which was not asked for', id="brotli"),
        pytest.param(
            {"Content-Encoding": "deflate"}, zlib.compress(bytes(50_000)), "longer than 10,000 bytes", id="a bomb"
        ),
    ],
)
async def test_a_body_that_cannot_be_had_is_empty_and_the_reason_is_told(
    headers: dict[str, str], body: bytes, flaw: str
) -> None:
    received = await outcome(Panel(answer(200, body, headers=headers)))
    assert isinstance(received, Received)
    assert (received.body, received.flaw) == (b"", flaw)


@pytest.mark.parametrize(
    ("call", "limit"),
    [(GET, SHORT_BODY), (POST, SHORT_BODY), (calls.list_vpses(), 2 * SHORT_BODY)],
    ids=["a status", "a start", "the list"],
)
async def test_the_answer_about_one_vps_is_bounded_more_tightly_than_the_list(call: Call[object], limit: int) -> None:
    for length, flaw in [(limit, None), (limit + 1, f"longer than {limit:,} bytes")]:
        wire = wire_over(httpx.AsyncClient(transport=Panel(answer(200, b"a" * length))), max_body=2 * SHORT_BODY)
        assert (await wire.exchange(call, 15.0)).flaw == flaw


class Replaying(httpx.AsyncClient):
    """A client that hands on what its transport gave as it is, as one may that has all of an answer at once."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self._response = response

    async def send(self, request: httpx.Request, **_: object) -> httpx.Response:
        self._response.request = request
        return self._response


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        pytest.param({}, b"[]", (b"[]", None), id="plain"),
        pytest.param({"Content-Encoding": "deflate"}, zlib.compress(b"[]"), (b"[]", None), id="deflate"),
        pytest.param({}, b"a" * 10_001, (b"", "longer than 10,000 bytes"), id="too long"),
        pytest.param(
            {"content-encoding": "br"}, b"\xff", (b"", 'compressed as "br", which was not asked for'), id="br"
        ),
    ],
)
async def test_a_body_that_came_with_its_answer_is_read_and_bounded_as_one_that_is_still_to_come(
    headers: dict[str, str], body: bytes, expected: tuple[bytes, str | None]
) -> None:
    response = httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))
    received = await wire_over(Replaying(response)).exchange(GET, 15.0)
    assert (received.body, received.flaw) == expected


async def test_the_connection_is_closed_when_a_body_is_too_long() -> None:
    pieces = Pieces(*[b"a" * 1000] * 1000)
    received = await outcome(Panel(httpx.Response(200, stream=pieces)))
    assert isinstance(received, Received)
    assert pieces.taken == 11


# Hooks of the user's.


def hooked(panel: Panel, *, request: Hook | None = None, response: Hook | None = None) -> httpx.AsyncClient:
    hooks = {"request": [request] if request else [], "response": [response] if response else []}
    return httpx.AsyncClient(transport=panel, event_hooks=hooks)


async def test_a_request_hook_may_change_the_request() -> None:
    async def sign(request: httpx.Request) -> None:
        request.headers["X-Signature"] = "signed"

    panel = Panel()
    await wire_over(hooked(panel, request=sign)).exchange(GET, 15.0)
    assert panel.requests[0].headers["X-Signature"] == "signed"


async def test_a_response_hook_may_read_the_body() -> None:
    async def read(response: httpx.Response) -> None:
        await response.aread()

    panel = Panel(
        answer(200, zlib.compress(b"[]"), headers={"Content-Encoding": "deflate"}), answer(200, b"a" * 20_000)
    )
    wire = wire_over(hooked(panel, response=read))
    assert (await wire.exchange(GET, 15.0)).body == b"[]"
    assert (await wire.exchange(GET, 15.0)).flaw == "longer than 10,000 bytes"


async def test_a_response_hook_may_close_the_response_and_then_nobody_has_the_body() -> None:
    async def close(response: httpx.Response) -> None:
        await response.aclose()

    received = await wire_over(hooked(Panel(), response=close)).exchange(GET, 15.0)
    assert (received.body, received.flaw) == (b"", "closed by a hook of the client's before it was read")


@pytest.mark.parametrize("reads", [True, False])
async def test_a_response_hook_that_raises_for_the_status_leaves_an_answer_an_answer(*, reads: bool) -> None:
    async def check(response: httpx.Response) -> None:
        if reads:
            await response.aread()
        response.raise_for_status()

    wire = wire_over(hooked(Panel(refusal(503, "node down")), response=check))
    received = await wire.exchange(POST, 15.0)
    assert received.status_code == 503
    assert received.body == (b'{"errors": ["node down"]}' if reads else b"")


async def test_a_status_error_about_something_else_is_no_answer() -> None:
    async def report(_: httpx.Response) -> None:
        request = httpx.Request("POST", "https://metrics.example.net")
        httpx.Response(500, request=request).raise_for_status()

    with pytest.raises(NoAnswerError, match="HTTPStatusError: Server error '500"):
        await wire_over(hooked(Panel(), response=report)).exchange(POST, 15.0)


@pytest.mark.parametrize(("kind", "error"), [("request", NotSentError), ("response", NoAnswerError)])
async def test_a_hook_that_fails_is_the_cause_of_an_error_that_claims_no_more_than_is_known(
    kind: str, error: type[CvmError]
) -> None:
    async def fail(_: object) -> None:
        raise LookupError("a hook's own trouble")

    client = hooked(Panel(), request=fail) if kind == "request" else hooked(Panel(), response=fail)
    with pytest.raises(error, match=r"\(LookupError: a hook's own trouble\)") as found:
        await wire_over(client).exchange(POST, 15.0)
    assert isinstance(found.value.__cause__, LookupError)
    assert "in fail" in "".join(traceback.format_exception(found.value))


async def test_a_response_hook_that_cannot_connect_elsewhere_does_not_make_the_request_unsent() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async def report(_: httpx.Response) -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(refuse)) as metrics:
            await metrics.post("https://metrics.example.net")

    with pytest.raises(NoAnswerError):
        await wire_over(hooked(Panel(), response=report)).exchange(POST, 15.0)


# Errors.

NEVER_SENT: list[Exception] = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("full"),
    httpx.ProxyError("403"),
    httpx.UnsupportedProtocol("ftp"),
]
PERHAPS_SENT: list[Exception] = [
    httpx.ReadError("reset"),
    httpx.ReadTimeout("silence"),
    httpx.WriteError("reset"),
    httpx.WriteTimeout("clogged"),
    httpx.CloseError("reset"),
    httpx.NetworkError("?"),
    httpx.TimeoutException("?"),
    httpx.TransportError("?"),
    httpx.RequestError("?"),
    httpx.HTTPError("?"),
    httpx.RemoteProtocolError("cut"),
    httpx.LocalProtocolError("bad header"),
    httpx.DecodingError("bad gzip"),
    httpx.TooManyRedirects("?"),
    httpx.InvalidURL("?"),
    httpx.CookieConflict("?"),
    httpx.StreamError("?"),
    httpx.StreamConsumed(),
    httpx.StreamClosed(),
    httpx.ResponseNotRead(),
    OSError("gone"),
    ssl.SSLError(1, "decryption failed"),
    TimeoutError(),
    RuntimeError("event loop is closed"),
    ValueError("?"),
    KeyError("a"),
    AssertionError(),
    RecursionError("deep"),
    MemoryError(),
    ExceptionGroup("several", [ValueError("?")]),
    StopAsyncIteration(),
    EOFError(),
]


def by_kind(error: object) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", NEVER_SENT, ids=by_kind)
@pytest.mark.parametrize("call", [GET, POST], ids=lambda call: call.verb)
async def test_what_fails_before_the_request_goes_out_says_that_it_was_not_sent(
    error: Exception, call: Call[object]
) -> None:
    found = await outcome(Panel(error), call)
    assert type(found) is NotSentError
    message = str(found)
    assert message.startswith(f"the request did not reach panel ({by_kind(error)}: {error}")
    assert message.endswith(f") (VPS 1, {call.method} {call.path})")
    assert found.__cause__ is None
    assert found.__context__ is None


@pytest.mark.parametrize("error", PERHAPS_SENT, ids=by_kind)
@pytest.mark.parametrize("where", ["head", "body"])
async def test_whatever_else_fails_says_that_there_was_no_answer(error: Exception, where: str) -> None:
    panel = Panel(error if where == "head" else answer(200, b"x", error=error))
    found = await outcome(panel, POST)
    assert type(found) is NoAnswerError
    assert found.timed_out is isinstance(error, httpx.ReadTimeout)
    assert (found.method, found.path, found.vps_id) == ("POST", POST.path, 1)
    assert isinstance(found.__cause__, httpx.HTTPError | httpx.StreamError | httpx.InvalidURL) is False
    assert found.__context__ is None


@pytest.mark.parametrize("error", NEVER_SENT, ids=by_kind)
async def test_nothing_is_unsent_any_more_once_the_head_of_an_answer_is_there(error: Exception) -> None:
    challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
    client = httpx.AsyncClient(transport=Panel(answer(401, headers=challenge), error), auth=httpx.DigestAuth("b", "p"))
    with pytest.raises(NoAnswerError):
        await wire_over(client).exchange(POST, 15.0)


def as_in_aiohttp(name: str, *bases: type[Exception]) -> type[Exception]:
    """Give an exception class that is called and placed as the one of aiohttp's, which need not be installed."""
    return type(name, bases, {"__module__": "aiohttp.client_exceptions"})


ClientConnectionError = as_in_aiohttp("ClientConnectionError", Exception)
ServerDisconnectedError = as_in_aiohttp("ServerDisconnectedError", ClientConnectionError)
ConnectionTimeoutError = as_in_aiohttp("ConnectionTimeoutError", ClientConnectionError, TimeoutError)
ClientOSError = as_in_aiohttp("ClientOSError", ClientConnectionError, OSError)
ClientConnectorError = as_in_aiohttp("ClientConnectorError", ClientOSError)
ClientHttpProxyError = as_in_aiohttp("ClientHttpProxyError", Exception)
ServerFingerprintMismatch = as_in_aiohttp("ServerFingerprintMismatch", ClientConnectionError)
ClientConnectorDNSError = as_in_aiohttp("ClientConnectorDNSError", ClientConnectorError)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        pytest.param(ClientConnectorError("refused"), NotSentError, id="refused"),
        pytest.param(ClientConnectorDNSError("no such name"), NotSentError, id="no such name"),
        pytest.param(ConnectionTimeoutError(), NotSentError, id="slow to connect"),
        pytest.param(ClientHttpProxyError("407"), NotSentError, id="refused by a proxy"),
        pytest.param(ServerFingerprintMismatch(), NotSentError, id="another certificate"),
        pytest.param(ServerDisconnectedError(), NoAnswerError, id="lost"),
        pytest.param(ClientOSError(104, "reset"), NoAnswerError, id="reset"),
        pytest.param(OSError(111, "refused"), NotSentError, id="refused, told by another transport"),
    ],
)
async def test_what_httpx_aiohttp_takes_for_a_failure_to_connect_is_believed_only_where_it_is_one(
    cause: Exception, kind: type[CvmError]
) -> None:
    async def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("as httpx-aiohttp says") from cause

    assert type(await outcome(Panel(fail), POST)) is kind


class TellingNoRequest(httpx.AsyncClient):
    """A client whose errors do not say which request they are about."""

    async def send(self, *_: object, **__: object) -> httpx.Response:
        raise httpx.ConnectError("refused")


async def test_a_failure_to_connect_that_is_about_no_request_in_particular_is_about_ours() -> None:
    with pytest.raises(NotSentError):
        await wire_over(TellingNoRequest()).exchange(POST, 15.0)


async def test_a_client_that_was_closed_is_a_closed_session() -> None:
    client = httpx.AsyncClient(transport=Panel())
    await client.aclose()
    with pytest.raises(SessionClosedError, match="the httpx client of this session was closed"):
        await wire_over(client).exchange(GET, 15.0)


@pytest.mark.parametrize("location", ["https://[", "http://a:x", "//", "http://\x00", "a" * 70_000])
async def test_a_redirect_that_leads_nowhere_is_a_cvm_error(location: str) -> None:
    found = await outcome(Panel(answer(302, headers={"Location": location})))
    assert isinstance(found, (Received, NoAnswerError))


# Where tokens stay.

BARRIERS = (Sender, Tokens, ModuleType, type, FunctionType, FrameType, asyncio.Task, httpx.AsyncClient)


def secrets_behind(error: BaseException) -> list[str]:
    """Tell where an error, what led to it and their frames, one gets at a token, other than by way of the session."""
    todo: list[tuple[str, object]] = []
    links, seen = [error], set[int]()
    while links:
        link = links.pop()
        todo += [(f"{type(link).__name__}.{name}", value) for name, value in vars(link).items()]
        todo.append((f"{type(link).__name__}.args", link.args))
        links += [earlier for earlier in (link.__cause__, link.__context__) if earlier is not None]
        for frame, _ in traceback.walk_tb(link.__traceback__):
            if frame.f_code.co_filename != __file__:
                where = f"{frame.f_code.co_filename}:{frame.f_code.co_name}"
                todo += [(f"{where}:{name}", value) for name, value in frame.f_locals.items()]
    found: list[str] = []
    while todo:
        path, value = todo.pop()
        if id(value) in seen or isinstance(value, BARRIERS):
            continue
        seen.add(id(value))
        if isinstance(value, str | bytes):
            if any(token in str(value) for token in (PUBLIC, PRIVATE)):
                found.append(path)
        else:
            todo += [(f"{path}>{type(value).__name__}", referent) for referent in gc.get_referents(value)]
    return found


class Keeping(httpx.AsyncBaseTransport):
    """A transport that keeps copies of headers lying about in its frames, as real ones do."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        copies = request.headers.raw
        response = await self._inner.handle_async_request(request)
        response.extensions["copies"] = copies
        return response


async def hang(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(100)
    raise AssertionError


class Hanging(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(100)
        yield b""


ENDS: dict[str, Callable[[], Panel]] = {
    "an answer": Panel,
    "a refusal": lambda: Panel(refusal(500, "no")),
    "a redirect": lambda: Panel(answer(302, headers={"Location": "https://evil.example.net"})),
    "never sent": lambda: Panel(httpx.ConnectError("refused")),
    "no answer": lambda: Panel(httpx.ReadError("reset")),
    "a defect": lambda: Panel(ValueError("?")),
    "a cut body": lambda: Panel(answer(200, b"x", error=httpx.ReadError("cut"))),
    "a defect in the body": lambda: Panel(answer(200, b"x", error=KeyError("x"))),
    "a body too long": lambda: Panel(answer(200, b"x" * 20_000)),
    "cancelled": lambda: Panel(hang),
    "cancelled in the body": lambda: Panel(httpx.Response(200, stream=Hanging())),
}


@pytest.mark.parametrize("make", ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("auth", [None, ("bob", "builder")], ids=["plain", "with authentication"])
@virtual
async def test_however_an_exchange_ends_no_token_can_be_got_at_afterwards(
    make: Callable[[], Panel], auth: tuple[str, str] | None
) -> None:
    kept: list[httpx.Request | httpx.Response] = []

    async def keep(message: httpx.Request | httpx.Response) -> None:
        kept.append(message)

    client = httpx.AsyncClient(
        transport=Keeping(make()), auth=auth, event_hooks={"request": [keep], "response": [keep]}
    )
    wire = wire_over(client)
    error: BaseException | None = None
    try:
        async with asyncio.timeout(5):
            await wire.exchange(GET, 15.0)
    except (CvmError, TimeoutError) as found:
        error = found
    requests = [message.request if isinstance(message, httpx.Response) else message for message in kept]
    assert requests
    for request in requests:
        assert [request.headers[name] for name in ("API-Public-Token", "API-Private-Token")] == [BLANK, BLANK]
        assert "user-agent" in request.headers
    assert all(message.next_request is None for message in kept if isinstance(message, httpx.Response))
    if error is not None:
        assert secrets_behind(error) == []
        for text in (str(error), repr(error), "".join(traceback.format_exception(error))):
            assert PRIVATE not in text
            assert PUBLIC not in text
    if isinstance(error, CvmError):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
        assert PRIVATE.encode() not in pickle.dumps(error)


class CopyingAuth(httpx.Auth):
    """Sends a request of its own in place of the one that it was given."""

    def __init__(self) -> None:
        self.sent: httpx.Request | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self.sent = httpx.Request(request.method, request.url, headers=request.headers)
        yield self.sent


async def test_tokens_are_blanked_out_too_in_a_request_that_the_authentication_sent_instead() -> None:
    auth = CopyingAuth()
    panel = Panel()
    await wire_over(httpx.AsyncClient(transport=panel, auth=auth)).exchange(GET, 15.0)
    assert panel.requests[0].headers["API-Private-Token"] == PRIVATE
    assert auth.sent is not None
    assert auth.sent.headers["API-Private-Token"] == BLANK


async def test_the_search_for_tokens_finds_them_where_httpx_leaves_them() -> None:
    client = httpx.AsyncClient(transport=Keeping(Panel(httpx.ReadError("reset"))))
    with pytest.raises(httpx.ReadError) as found:
        await client.get(URL, headers={"API-Private-Token": PRIVATE})
    assert secrets_behind(found.value)


async def test_on_real_connections_too_no_token_can_be_got_at_after_a_cancellation() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        writer.close()
        closed.set()

    arrived, closed = asyncio.Event(), asyncio.Event()
    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server, lane_client() as client:
        wire = wire_over(client, base=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        task = asyncio.create_task(wire.exchange(POST, 15.0))
        await asyncio.wait_for(arrived.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as found:
            await task
        # Python 3.11's server does not wait for its connections.
        await asyncio.wait_for(closed.wait(), 60)
    assert secrets_behind(found.value) == []


async def test_a_hooks_error_that_quotes_a_token_is_not_quoted_itself() -> None:
    async def quote(request: httpx.Request) -> None:
        raise ValueError(dict(request.headers))

    with pytest.raises(NotSentError, match=r"ValueError: .*'api-public-token': '\[token\]'") as found:
        await wire_over(hooked(Panel(), request=quote)).exchange(GET, 15.0)
    assert found.value.__cause__ is None
    assert secrets_behind(found.value) == []


async def test_what_the_caller_was_handling_before_keeps_its_frames() -> None:
    def fail() -> None:
        precious = [42]
        raise LookupError(precious[0])

    wire = wire_over(httpx.AsyncClient(transport=Panel(ValueError("?"))))
    try:
        fail()
    except LookupError as earlier:
        with pytest.raises(NoAnswerError):
            await wire.exchange(GET, 15.0)
        *_, (frame, _) = traceback.walk_tb(earlier.__traceback__)
        assert frame.f_locals == {"precious": [42]}


async def test_a_wire_shows_no_token() -> None:
    wire = wire_over(httpx.AsyncClient(transport=Panel(answer(200, DONE))))
    await wire.exchange(POST, 15.0)
    with contextlib.suppress(TypeError):
        assert PRIVATE.encode() not in pickle.dumps(wire)
    assert PRIVATE not in repr(wire)
