import asyncio
import json
import logging
import zlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import httpx
import pytest
import respx
from attrs import frozen
from hypothesis import given, strategies as st
from loopback import LoopbackServer
from mocked import PRIVATE, PUBLIC, STATUS as STATUS_BODY, VERBS, session_over
from scripted import End, Script, ScriptedServer

from cvm_async import CvmError, CvmSession, Retry, fast_client, lane_client
from cvm_async._api.verbs import Verb
from cvm_async._exchange.short import Passage
from cvm_async.transport import LaneClient, LaneTransport

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")

STATUS = json.dumps(STATUS_BODY).encode()
PATHS = {verb: verb.row.path.format(id=1) for verb in VERBS}
COOKIE = "Set-Cookie: PHPSESSID=x; path=/\r\n"


def answer(body: bytes = STATUS, *headers: str, status: str = "200 OK") -> Script:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return Script(("\r\n".join(lines).encode() + body,))


@frozen
class Course:
    """What became of some calls: all that can be seen of them, from either side."""

    heads: tuple[bytes, ...]
    results: tuple[object, ...]
    jar: dict[str, str]
    connections: int


Change = Callable[[LaneClient], object]


def nothing(_client: LaneClient) -> None:
    """Change nothing."""


class Ways:
    """Runs calls by the way that they take by themselves, and by the long one, and counts the short ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.short = 0
        self._monkeypatch = monkeypatch
        connection = Passage.connection

        async def counted(passage: Passage) -> object:
            self.short += 1
            return await connection(passage)

        monkeypatch.setattr(Passage, "connection", counted)

    async def alike(
        self,
        change: Change = nothing,
        *,
        script: Script | None = None,
        verb: Verb = Verb.STATUS,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
        **options: Any,  # noqa: ANN401 -- `lane_client` has them typed
    ) -> Course:
        """Make a call, change the client, and make two more, by both ways: all that can be seen is the same."""
        with around():
            free = await _course(change, script, verb, options)
        short = self.short
        with self._monkeypatch.context() as only_here:
            only_here.setattr("cvm_async._exchange.short.plain_pool", _no_pool)
            with around():
                long = await _course(change, script, verb, options)
        assert self.short == short
        assert free == long
        return free


def _no_pool(*_: object) -> None:
    return None


async def _course(change: Change, script: Script | None, verb: Verb, options: dict[str, Any]) -> Course:
    async with ScriptedServer() as server:
        server.scripts |= {f"/cvm{path}": script or answer() for path in PATHS.values()}
        all_options: dict[str, Any] = {"trust_env": False, **options}
        client = cast("LaneClient", lane_client(**all_options))
        async with session_over(client=client, url=f"{server.origin}/cvm", retry=Retry(attempts=1)) as session:
            results = [await _told(session, verb, server.port)]
            done = change(client)
            if asyncio.iscoroutine(done):
                await done
            results += [await _told(session, verb, server.port) for _ in range(2)]
        jar = {cookie.name: str(cookie.value) for cookie in client.cookies.jar}
        if not client.is_closed:
            await client.aclose()
        heads = tuple(head.replace(b":%d" % server.port, b":port") for head in server.heads)
        return Course(heads, tuple(results), jar, server.connections)


async def _told(session: CvmSession, verb: Verb, port: int) -> object:
    try:
        return await getattr(session, verb)(1)
    except CvmError as error:
        return type(error), str(error).replace(f":{port}", ":port"), type(error.__cause__)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    return Ways(monkeypatch)


# What is sent.


@pytest.mark.parametrize("verb", [Verb.STATUS, Verb.START, Verb.STOP, Verb.RESTART])
@pytest.mark.parametrize(
    "make", [lane_client, partial(lane_client, http="h11"), fast_client], ids=["auto", "h11", "fast"]
)
async def test_a_call_of_ours_goes_the_short_way(
    ways: Ways, verb: Verb, make: Callable[..., httpx.AsyncClient]
) -> None:
    async with (
        ScriptedServer({PATHS[verb]: answer()}) as server,
        make(trust_env=False) as client,
        session_over(client=client, url=server.origin) as session,
    ):
        await getattr(session, verb)(1)
    assert ways.short == 1
    assert f"API-Private-Token: {PRIVATE}".encode() in server.heads[0]


@pytest.mark.parametrize("verb", [Verb.STATUS, Verb.START])
async def test_its_bytes_are_the_same(ways: Ways, verb: Verb) -> None:
    course = await ways.alike(verb=verb)
    assert (len(course.heads), ways.short) == (3, 3)
    assert course.heads[0].startswith(f"{verb.row.method} /cvm{PATHS[verb]} HTTP/1.1\r\n".encode())
    # Each power action on a connection of its own.
    assert course.connections == (1 if verb is Verb.STATUS else 3)


def _set(name: str, text: str) -> Change:
    return lambda client: client.headers.update({name: text})


def _put(name: str, value: object) -> Change:
    return lambda client: setattr(client, name, value)


async def test_headers_that_change_between_two_calls_are_those_of_the_next(ways: Ways) -> None:
    def change(client: LaneClient) -> None:
        client.headers["X-Later"] = "1"
        del client.headers["X-Early"]

    course = await ways.alike(change, headers={"X-Early": "1"})
    assert [b"X-Early: 1" in head for head in course.heads] == [True, False, False]
    assert [b"X-Later: 1" in head for head in course.heads] == [False, True, True]
    assert ways.short == 3


@pytest.mark.parametrize(
    ("change", "short"),
    [
        (_set("Connection", "close"), 1),
        (_set("Upgrade", "h2c"), 1),
        (_set("Transfer-Encoding", "chunked"), 1),
        (_set("Content-Length", "0"), 3),
        (_set("Host", "another.example.net"), 3),
        (_set("User-Agent", "bot/2"), 3),
        (_set("Accept", "text/json"), 3),
        (_set("Accept-Encoding", "br"), 3),
        (_set("Cookie", "PHPSESSID=mine"), 3),
        (_set("API-Private-Token", "another account's"), 3),
        (_set("X-Odd", "a\r\nb"), 1),
        (_put("params", {"a": "b c"}), 1),
        (_put("params", {"a": "b" * 70_000}), 1),
        (_put("cookies", {"a": "b"}), 3),
        (_put("timeout", httpx.Timeout(1e-9)), 3),
        (_put("base_url", "https://elsewhere.example.net"), 3),
        (_put("follow_redirects", True), 3),
        (_put("auth", ("a", "b")), 1),
        (LaneClient.aclose, 1),
    ],
    ids=[
        "a last request", "an upgrade", "chunks", "a length", "another host", "an agent", "a kind of answer",
        "a packing", "a cookie in a header", "another's token", "a header that cannot be", "query parameters",
        "query parameters that cannot be", "a cookie", "a timeout", "a base", "redirects", "an authentication",
        "it is closed",
    ],
)  # fmt: skip
async def test_what_changes_on_the_client_shows_alike_by_both_ways(ways: Ways, change: Change, short: int) -> None:
    await ways.alike(change)
    assert ways.short == short


@pytest.mark.parametrize("verb", [Verb.STATUS, Verb.START])
async def test_hooks_that_come_later_see_requests_and_answers(ways: Ways, verb: Verb) -> None:
    seen: list[bool] = []

    async def look(message: httpx.Request | httpx.Response) -> None:
        seen.append(isinstance(message, httpx.Response))

    def change(client: LaneClient) -> None:
        client.event_hooks["request"].append(look)
        client.event_hooks["response"].append(look)

    await ways.alike(change, verb=verb)
    assert ways.short == 1
    assert seen == 4 * [False, True]


async def test_what_httpx_logs_is_logged_where_somebody_reads_it(ways: Ways, caplog: pytest.LogCaptureFixture) -> None:
    await ways.alike(lambda _: caplog.set_level(logging.INFO, "httpx"))
    assert ways.short == 1
    told = [record.getMessage().partition("/cvm")[2] for record in caplog.records if record.name == "httpx"]
    assert told[:2] == 2 * [f'{PATHS[Verb.STATUS]} "HTTP/1.1 200 OK"']


# Where it goes.


async def test_a_mount_that_matches_takes_the_calls_and_another_does_not(ways: Ways) -> None:
    def take(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=STATUS_BODY, headers={"X-Seen": request.url.path})

    mounted = httpx.MockTransport(take)
    assert (await ways.alike(mounts={"http://127.0.0.1": mounted})).heads == ()
    assert ways.short == 0
    assert len((await ways.alike(mounts={"https://": mounted})).heads) == 3
    assert ways.short == 3


async def test_a_mount_may_be_a_transport_of_ours(ways: Ways) -> None:
    async with (
        ScriptedServer({PATHS[Verb.STATUS]: answer()}) as server,
        lane_client(mounts={"http://127.0.0.1": LaneTransport()}) as client,
        session_over(client=client, url=server.origin) as session,
    ):
        await session.status(1)
    assert ways.short == 1


async def test_proxies_of_the_environment_are_for_others_than_this_machine(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    await ways.alike(trust_env=True)
    assert ways.short == 3


async def test_a_proxy_gets_the_calls_as_requests(ways: Ways) -> None:
    async with LoopbackServer() as proxy, lane_client(proxy=proxy.url) as client:
        session = CvmSession(
            "http://panel.invalid", public_token=PUBLIC, private_token=PRIVATE, client=client, allow_insecure=True
        )
        async with session:
            with pytest.raises(CvmError):
                await session.status(1, timeout=60.0)
    assert ways.short == 0
    assert proxy.requests[0].target.startswith("http://panel.invalid/")


# Who else is at work.


async def test_what_respx_mocks_does_not_reach_the_panel(ways: Ways) -> None:
    with respx.mock as router:
        route = router.get(path=f"/cvm{PATHS[Verb.STATUS]}").respond(json=STATUS_BODY)
        assert (await ways.alike()).heads == ()
    assert (ways.short, route.call_count) == (0, 6)
    assert len((await ways.alike()).heads) == 3
    assert ways.short == 3


async def test_what_is_mocked_in_httpxs_transport_does_not_either(ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    async def mocked(*_: object) -> httpx.Response:
        return httpx.Response(200, json=STATUS_BODY)

    # As pytest-httpx does.
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", mocked)
    assert (await ways.alike()).heads == ()
    assert ways.short == 0


def _around(seen: list[str], function: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def around(*args: object, **options: object) -> object:
        seen.append(function.__name__)
        return await function(*args, **options)

    return around


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (httpx.AsyncClient, "send"),
        (LaneClient, "send"),
        (LaneTransport, "handle_async_request"),
        (httpx.AsyncHTTPTransport, "handle_async_request"),
    ],
    ids=["httpx's clients", "ours", "our transports", "httpx's transports"],
)
async def test_a_class_that_is_instrumented_sees_the_calls(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(owner, name, _around(seen, getattr(owner, name)))
    assert len((await ways.alike()).heads) == 3
    assert (ways.short, seen) == (0, 6 * [name])


@pytest.mark.parametrize("where", ["client", "transport", "router"])
async def test_a_client_that_is_instrumented_later_sees_the_calls(
    ways: Ways, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    seen: list[str] = []
    if where == "router":
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    def instrument(client: LaneClient) -> None:
        owner, name = (client, "send") if where == "client" else (client._transport, "handle_async_request")  # pyright: ignore[reportPrivateUsage]
        setattr(owner, name, _around(seen, getattr(owner, name)))

    assert len((await ways.alike(instrument, trust_env=where == "router")).heads) == 3
    assert (ways.short, len(seen)) == (1, 4)


async def test_opentelemetry_sees_the_calls(ways: Ways) -> None:
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.httpx", reason="a part of no extra of ours")
    seen: list[str] = []
    instrumentor = instrumentation.HTTPXClientInstrumentor()

    async def look(_span: object, request: object) -> None:
        seen.append(str(request))

    def instrument(client: LaneClient) -> None:
        instrumentation.HTTPXClientInstrumentor.instrument_client(client, request_hook=look)

    await ways.alike(instrument)
    assert (ways.short, len(seen)) == (1, 4)
    instrumentor.instrument(async_request_hook=look)
    try:
        await ways.alike()
    finally:
        instrumentor.uninstrument()
    assert (ways.short, len(seen)) == (1, 10)


async def test_a_kind_of_client_or_transport_of_the_users_own_is_asked(ways: Ways) -> None:
    seen: list[str] = []

    class Counting(LaneTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            seen.append(request.method)
            return await super().handle_async_request(request)

    class Client(LaneClient):
        pass

    await ways.alike(over=Counting)
    async with (
        ScriptedServer({PATHS[Verb.STATUS]: answer()}) as server,
        Client(transport=LaneTransport()) as client,
        session_over(client=client, url=server.origin) as session,
    ):
        await session.status(1)
    assert (ways.short, len(seen)) == (0, 6)


# What comes back.


def _slowly(*pieces: bytes, end: End = End.KEEP) -> Script:
    return Script(pieces, end)


HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(STATUS)
ANSWERS = {
    "whole": answer(),
    "in pieces": _slowly(HEAD, LENGTH, STATUS[:5], STATUS[5:]),
    "in chunks": _slowly(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(STATUS), STATUS + b"\r\n0\r\n\r\n"),
    "until its end": Script((HEAD + b"\r\n" + STATUS,), End.CLOSE),
    "a last one": answer(STATUS, "Connection: close"),
    "an interim one before it": Script((b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer().pieces[0],)),
    "packed": answer(zlib.compress(STATUS), "Content-Encoding: deflate"),
    "packed twice, said twice": answer(
        zlib.compress(zlib.compress(STATUS)), "Content-Encoding: deflate", "content-encoding: deflate"
    ),
    "badly packed": answer(STATUS, "Content-Encoding: gzip"),
    "packed as nobody asked for": answer(b"\xff\xfe", "Content-Encoding: br"),
    "packed so often": answer(STATUS, f"Content-Encoding: {', '.join(6 * ['gzip'])}"),
    "packed, slowly": _slowly(
        HEAD + b"Content-Encoding: deflate\r\n\r\n", zlib.compress(STATUS)[:9], zlib.compress(STATUS)[9:], end=End.CLOSE
    ),
    "too long": answer(b"a" * 3_000_000),
    "too long, and packed": answer(zlib.compress(b"a" * 3_000_000), "Content-Encoding: deflate"),
    "packed so often, slowly": Script((HEAD + b"Content-Encoding: " + b", ".join(6 * [b"gzip"]) + b"\r\n\r\n", b"a")),
    "a redirect": answer(b"", "Location: /elsewhere", status="302 Found"),
    "a redirect nowhere": answer(b"", status="307 Temporary Redirect"),
    "too many": answer(b"", "Retry-After: 0", status="429 Too Many Requests"),
    "no room until a date": answer(
        b"",
        "Retry-After: Wed, 25 Nov 2026 20:00:00 GMT",
        "Date: Wed, 25 Nov 2026 20:00:00 GMT",
        status="503 Service Unavailable",
    ),
    "refused": answer(b'{"errors":["no"]}', status="403 Forbidden"),
    "nobody's": answer(b"<html>", status="502 Bad Gateway"),
    "with a cookie": answer(STATUS, "Set-Cookie: PHPSESSID=x; path=/", "SET-COOKIE: b=y"),
    "cut": Script((HEAD + LENGTH + STATUS[:5],), End.CLOSE),
    "nothing": Script((), End.CLOSE),
    "reset": Script((b"",), End.RESET),
    "no HTTP": Script((b"SSH-2.0-OpenSSH_9.6\r\n",), End.CLOSE),
    "two": Script((2 * answer().pieces[0],)),
}


@pytest.mark.parametrize("script", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("keep_cookies", [False, True], ids=["none kept", "cookies kept"])
async def test_an_answer_is_read_alike(ways: Ways, script: Script, keep_cookies: bool) -> None:  # noqa: FBT001
    course = await ways.alike(script=script, keep_cookies=keep_cookies)
    assert ways.short == 3
    assert course.jar == ({"PHPSESSID": "x", "b": "y"} if keep_cookies and script == ANSWERS["with a cookie"] else {})
    assert not any(b"Cookie" in head for head in course.heads)


@pytest.mark.parametrize("script", ANSWERS.values(), ids=ANSWERS.keys())
async def test_an_action_is_read_alike_and_sent_once(ways: Ways, script: Script) -> None:
    course = await ways.alike(script=script, verb=Verb.STOP)
    assert (ways.short, len(course.heads)) == (3, 3)


async def test_where_nothing_listens_nothing_was_sent_by_either_way(
    ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    for plain in (True, False):
        if not plain:
            monkeypatch.setattr("cvm_async._exchange.short.plain_pool", _no_pool)
        async with lane_client(trust_env=False) as client, session_over(client=client, url="http://127.0.0.1:9") as to:
            told.append(await _told(to, Verb.START, 9))
    assert told[0] == told[1]
    assert ways.short == 3


# All of it together.

NAMES = st.sampled_from(
    ["Host", "X-Own", "Accept", "Connection", "Content-Length", "TE", "Cookie", "User-Agent", "X Y"]
)
VALUES = st.one_of(
    st.sampled_from(["keep-alive", "close", "0", "trailers", "a\tb", " ", "a\nb"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=9),
)
PAIRS = st.tuples(NAMES.map(str.encode), VALUES.map(lambda text: text.encode("latin-1")))
HEADERS = st.lists(PAIRS, max_size=3).map(httpx.Headers)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "headers": HEADERS,
        "params": st.dictionaries(st.sampled_from(["a", "b c"]), st.text(max_size=5), max_size=2),
        "cookies": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"]), max_size=2),
        "auth": st.none() | st.just(("a", "b")),
        "follow_redirects": st.booleans(),
        "timeout": st.none() | st.just(1e-9),
        "keep_cookies": st.booleans(),
        "base_url": st.sampled_from(["", "https://elsewhere.example.net/x"]),
        "mounts": st.sampled_from(
            [None, {"all://elsewhere.example.net": httpx.MockTransport(lambda _: httpx.Response(500))}]
        ),
    },
)


async def _sent(settings: dict[str, Any], later: httpx.Headers, prefix: str, verb: Verb) -> Course:
    scripts = {f"{prefix}{PATHS[verb]}": answer(STATUS, COOKIE.strip())}

    class Server(ScriptedServer):
        """Answers whatever the query is."""

        async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer(STATUS, COOKIE.strip()).pieces[0])
            return True

    async with Server(scripts) as server:
        client = cast("LaneClient", lane_client(trust_env=False, **settings))
        async with (
            client,
            session_over(client=client, url=server.origin + prefix, retry=Retry(attempts=1)) as session,
        ):
            results = [await _told(session, verb, server.port)]
            client.headers = later
            results += [await _told(session, verb, server.port) for _ in range(2)]
        heads = tuple(head.replace(b":%d" % server.port, b":port") for head in server.heads)
        jar = {cookie.name: str(cookie.value) for cookie in client.cookies.jar}
        return Course(heads, tuple(results), jar, server.connections)


@given(
    SETTINGS,
    HEADERS,
    st.sampled_from(["", "/cvm", "/a%20b", PATHS[Verb.STATUS]]),
    st.sampled_from([Verb.STATUS, Verb.START]),
)
def test_whatever_the_client_is_set_to_the_bytes_on_the_wire_are_those_of_the_long_way(
    settings: dict[str, Any], later: httpx.Headers, prefix: str, verb: Verb
) -> None:
    free = asyncio.run(_sent(settings, later, prefix, verb))
    with pytest.MonkeyPatch.context() as only_here:
        only_here.setattr("cvm_async._exchange.short.plain_pool", _no_pool)
        assert asyncio.run(_sent(settings, later, prefix, verb)) == free
