import inspect
from collections.abc import AsyncIterator

import httpx
import pytest
from loopback import LoopbackServer
from scripted import Script, ScriptedServer

from cvm_async._lanes.replies.h11_reply import H11Reply
from cvm_async._lanes.replies.httptools_reply import HttptoolsReply
from cvm_async.errors import ConfigurationError
from cvm_async.fast import FastTransport, fast_client
from cvm_async.transport import LaneTransport, lane_client

BARE_LINE_FEEDS = b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer({"/lenient": Script((BARE_LINE_FEEDS,))}) as server:
        yield server


async def test_all_options_arrive(server: ScriptedServer) -> None:
    server.scripts["/?c=d"] = Script()
    async with fast_client(base_url=server.origin, headers={"A": "b"}, params={"c": "d"}, cookies={"e": "f"}) as client:
        assert isinstance(client, httpx.AsyncClient)
        assert (await client.get("/")).text == "ok"
    assert b"\r\nA: b\r\n" in server.heads[0]
    assert b"\r\nCookie: e=f\r\n" in server.heads[0]


async def test_what_httptools_finds_ambiguous_is_an_error_and_h11_reads_it(server: ScriptedServer) -> None:
    async with lane_client(trust_env=False, http="h11") as client:
        assert (await client.get(f"{server.origin}/lenient")).text == "ok"
    async with fast_client(trust_env=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"{server.origin}/lenient")


async def test_it_goes_through_proxies_too() -> None:
    async with LoopbackServer() as proxy, fast_client(proxy=proxy.url) as client:
        assert (await client.get("http://panel.invalid/")).text == "ok"
    assert proxy.requests[0].target == "http://panel.invalid/"


def test_it_shows_the_options_of_lane_client() -> None:
    assert inspect.signature(fast_client) == inspect.signature(lane_client)
    assert (fast_client.__name__, fast_client.__module__) == ("fast_client", "cvm_async.fast")
    with pytest.raises(TypeError, match="timeuot"):
        fast_client(timeuot=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] -- the fact is there


def test_its_transport_is_a_lane_transport_with_a_reader_of_its_own() -> None:
    transport = FastTransport(max_lanes=3)
    assert isinstance(transport, LaneTransport)
    assert transport._pool.reader is HttptoolsReply  # pyright: ignore[reportPrivateUsage] -- there is no other way to see it
    assert repr(transport) == "<FastTransport: 0 busy, 0 idle of at most 3>"


def test_a_client_of_ours_has_the_same_parser_by_itself_and_each_can_be_asked_for() -> None:
    for make in (LaneTransport, FastTransport):
        assert make()._pool.reader is HttptoolsReply  # pyright: ignore[reportPrivateUsage] -- as above
    assert LaneTransport(http="h11")._pool.reader is H11Reply  # pyright: ignore[reportPrivateUsage] -- as above
    with pytest.raises(ConfigurationError, match=r'^http must be "auto" or "httptools" where httptools is all'):
        fast_client(http="h11")
    with pytest.raises(ConfigurationError, match=r'^http must be "auto", "h11" or "httptools", not \'nginx\'$'):
        lane_client(http="nginx")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- callers may be untyped
