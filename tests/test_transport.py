import asyncio
import contextlib
import gc
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import httpx
import pytest
import trustme
from loopback import LoopbackServer
from panels import settled

from cvm_async.errors import ConfigurationError, MissingExtraError
from cvm_async.transport import LaneTransport, lane_client, plain_pool

Lanes: TypeAlias = Callable[..., LaneTransport]
Before: TypeAlias = Callable[[httpx.AsyncClient], Awaitable[object]]
Cancel: TypeAlias = Callable[[Coroutine[Any, Any, httpx.Response], int], Awaitable[bool]]

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")
TIMEOUT = httpx.Timeout(60.0)
MOST_TURNS = 1000
EMPTY = "<LaneTransport: 0 busy, 0 idle of at most 100>"
ONE_IDLE = "<LaneTransport: 0 busy, 1 idle of at most 100>"


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer() as server:
        yield server


@pytest.fixture
async def tls_server(server_tls: ssl.SSLContext) -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer(tls=server_tls) as server:
        yield server


def client_over(transport: LaneTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, timeout=TIMEOUT)


@pytest.fixture(
    params=[LaneTransport, partial(LaneTransport, http="h11"), partial(LaneTransport, retries=1)],
    ids=["httptools", "h11", "over httpcore"],
)
def lanes(request: pytest.FixtureRequest) -> Lanes:
    made: Lanes = request.param
    return made


async def idle_lanes(client: httpx.AsyncClient, server: LoopbackServer, count: int) -> None:
    """Return when so many connections are idle."""
    seen = len(server.requests)
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(get(client, f"{server.url}/held"))
        await server.saw(seen + count)
        server.release.set()
    server.release.clear()


async def get(client: httpx.AsyncClient, url: str) -> str:
    return (await client.get(url)).text


class TestLanes:
    async def test_requests_one_after_the_other_share_one_connection(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        async with client_over(lanes()) as client:
            assert [await get(client, server.url) for _ in range(5)] == ["ok"] * 5
        assert server.connections == 1

    async def test_so_many_requests_in_flight_so_many_connections(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes()
        async with client_over(transport) as client, asyncio.TaskGroup() as group:
            for _ in range(7):
                group.create_task(get(client, f"{server.url}/held"))
            await server.saw(7)
            assert repr(transport) == "<LaneTransport: 7 busy, 0 idle of at most 100>"
            server.release.set()
        assert server.connections == 7

    async def test_workers_never_open_more_connections_than_there_are_workers(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        async def work(client: httpx.AsyncClient) -> None:
            for _ in range(20):
                await get(client, server.url)

        async with client_over(lanes()) as client, asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(work(client))
        assert server.connections <= 5

    async def test_the_lane_used_last_is_used_first(self, lanes: Lanes, server: LoopbackServer) -> None:
        async with client_over(lanes()) as client:
            async with asyncio.TaskGroup() as group:
                group.create_task(get(client, f"{server.url}/held"))
                await server.saw(1)
                await get(client, server.url)
                server.release.set()
            await get(client, server.url)
        assert [seen.connection for seen in server.requests] == [1, 2, 1]

    async def test_a_lane_is_never_shared_between_origins(self, lanes: Lanes, server: LoopbackServer) -> None:
        async with LoopbackServer() as other, client_over(lanes()) as client:
            for url in (server.url, other.url, server.url, other.url):
                await get(client, url)
            assert (server.connections, other.connections) == (1, 1)

    async def test_chunked_bodies_keep_the_lane(self, lanes: Lanes, server: LoopbackServer) -> None:
        async with client_over(lanes()) as client:
            assert [await get(client, f"{server.url}/chunked") for _ in range(2)] == ["ok", "ok"]
        assert server.connections == 1

    @pytest.mark.parametrize("path", ["/last", "/bye"])
    async def test_a_connection_that_the_server_has_closed_is_replaced(
        self, lanes: Lanes, server: LoopbackServer, path: str
    ) -> None:
        async with client_over(lanes()) as client:
            assert await get(client, server.url + path) == "ok"
            await server.has_open(0)
            assert await get(client, server.url) == "ok"
        assert server.connections == 2

    async def test_a_unix_domain_socket_is_reached_as_well(self, tmp_path: Path) -> None:
        path = str(tmp_path / "panel")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        async with LoopbackServer(listener=listener), client_over(LaneTransport(uds=path)) as client:
            assert await get(client, "http://panel.invalid/") == "ok"

    async def test_socket_options_are_set_on_every_socket(self, server: LoopbackServer) -> None:
        options = iter([(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)])
        async with client_over(LaneTransport(socket_options=options)) as client:
            for _ in range(2):
                async with client.stream("GET", server.url) as response:
                    stream = response.extensions["network_stream"]
                    raw_socket = stream.get_extra_info("socket")
                    assert raw_socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    async def test_another_scheme_than_http_is_refused_and_takes_no_place(self, lanes: Lanes) -> None:
        transport = lanes()
        async with client_over(transport) as client:
            with pytest.raises(httpx.UnsupportedProtocol):
                await client.get("gopher://panel.invalid/")
            assert repr(transport) == EMPTY


class TestUncleanEnds:
    @pytest.mark.parametrize("path", ["/cut", "/reset"])
    async def test_a_broken_exchange_throws_the_lane_away(
        self, lanes: Lanes, server: LoopbackServer, path: str
    ) -> None:
        transport = lanes()
        async with client_over(transport) as client:
            with pytest.raises(httpx.TransportError):
                await client.get(server.url + path)
            assert repr(transport) == EMPTY
            assert await get(client, server.url) == "ok"

    async def test_a_refused_connection_leaves_no_lane(self, lanes: Lanes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed_soon:
            port = closed_soon.getsockname()[1]
        transport = lanes()
        async with client_over(transport) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{port}/")
            assert repr(transport) == EMPTY

    async def test_a_response_closed_before_its_body_ended_throws_the_lane_away(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        transport = lanes()
        async with client_over(transport) as client:
            async with client.stream("GET", f"{server.url}/endless") as response:
                assert repr(transport) == "<LaneTransport: 1 busy, 0 idle of at most 100>"
                assert [part async for part in take(response.aiter_raw(), 1)] == [b"ok"]
            server.release.set()
            await server.has_open(0)
            assert repr(transport) == EMPTY

    async def test_closing_a_response_twice_gives_its_lane_back_once(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        async with lanes() as transport:
            response = await transport.handle_async_request(httpx.Request("GET", server.url))
            await response.aread()
            assert isinstance(response.stream, httpx.AsyncByteStream)
            await response.stream.aclose()
            assert repr(transport) == ONE_IDLE

    async def test_a_read_timeout_throws_the_lane_away(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes()
        async with client_over(transport) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"{server.url}/held", timeout=httpx.Timeout(60, read=0.005))
            server.release.set()
            await server.has_open(0)
            assert repr(transport) == EMPTY


async def take(parts: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield await anext(parts)


async def cancel_once(call: Coroutine[Any, Any, httpx.Response], turns: int) -> bool:
    """Cancel the call after so many turns of the loop; tell whether it was still under way."""
    task = asyncio.ensure_future(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def cancel_twice(call: Coroutine[Any, Any, httpx.Response], turns: int) -> bool:
    """Cancel it, and once more while it cleans up."""
    task = asyncio.ensure_future(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


async def cancel_scope(call: Coroutine[Any, Any, httpx.Response], turns: int) -> bool:
    """Cancel it as anyio does: at every await until its scope is left."""

    async def run() -> None:
        with scope:
            await call

    scope = anyio.CancelScope()
    task = asyncio.ensure_future(run())
    for _ in range(turns):
        await asyncio.sleep(0)
    scope.cancel()
    await task
    return scope.cancelled_caught


async def sweep(
    transport: LaneTransport, cancel: Cancel, method: str, url: str, *, before: Before | None = None
) -> None:
    """Cancel one call at each of its awaits in turn, until one is done before it is cancelled."""
    async with client_over(transport) as client:
        turns = 0
        while turns < MOST_TURNS:
            if before is not None:
                await before(client)
            if not await cancel(client.request(method, url), turns):
                break
            assert repr(transport).startswith("<LaneTransport: 0 busy")
            turns += 1
        assert 1 < turns < MOST_TURNS
        assert await get(client, url) == "ok"
    # A socket that was forgotten warns when it is collected, and a warning fails the test.
    gc.collect()


@pytest.mark.parametrize("cancel", [cancel_once, cancel_twice, cancel_scope])
class TestCancellationAtAnyAwait:
    """Leaks no place and no socket, wherever the call was."""

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_while_connecting_and_talking(
        self, lanes: Lanes, server: LoopbackServer, cancel: Cancel, method: str
    ) -> None:
        await sweep(lanes(max_lanes=2, keepalive_expiry=0.0), cancel, method, server.url)
        await server.has_open(0)

    @pytest.mark.long
    async def test_while_an_idle_lane_is_used(self, lanes: Lanes, server: LoopbackServer, cancel: Cancel) -> None:
        await sweep(lanes(), cancel, "GET", server.url, before=lambda client: client.get(server.url))
        await server.has_open(0)

    @pytest.mark.long
    async def test_while_another_lane_makes_room(self, lanes: Lanes, server: LoopbackServer, cancel: Cancel) -> None:
        async with LoopbackServer() as other:
            await sweep(
                lanes(max_lanes=1),
                cancel,
                "GET",
                server.url,
                before=lambda client: client.get(other.url),
            )
            await other.has_open(0)
        await server.has_open(0)

    @pytest.mark.long
    async def test_while_shaking_hands(
        self, lanes: Lanes, tls_server: LoopbackServer, client_tls: ssl.SSLContext, cancel: Cancel
    ) -> None:
        transport = lanes(verify=client_tls, keepalive_expiry=0.0)
        await sweep(transport, cancel, "GET", tls_server.url)
        await tls_server.has_open(0)

    async def test_while_shaking_hands_in_place_of_a_closed_connection(
        self, lanes: Lanes, tls_server: LoopbackServer, client_tls: ssl.SSLContext, cancel: Cancel
    ) -> None:
        async def leave_closed_connection(client: httpx.AsyncClient) -> None:
            await client.get(f"{tls_server.url}/bye")
            await tls_server.has_open(0)

        transport = lanes(verify=client_tls)
        await sweep(transport, cancel, "GET", tls_server.url, before=leave_closed_connection)
        await tls_server.has_open(0)

    @pytest.mark.long
    async def test_while_tunnelling_through_a_proxy(
        self, lanes: Lanes, tls_server: LoopbackServer, client_tls: ssl.SSLContext, cancel: Cancel
    ) -> None:
        async with LoopbackServer(tunnel_to=tls_server) as proxy:
            transport = lanes(verify=client_tls, proxy=proxy.url, keepalive_expiry=0.0)
            await sweep(transport, cancel, "GET", "https://panel.invalid/")
            await proxy.has_open(0)


class TestChurn:
    async def cancelled_call(self, client: httpx.AsyncClient, url: str, seconds: float) -> None:
        with contextlib.suppress(TimeoutError, httpx.ConnectError):
            async with asyncio.timeout(seconds):
                await client.get(url)

    async def test_every_call_is_answered_after_calls_were_cancelled_before_a_full_backlog(self, lanes: Lanes) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        transport = lanes(max_lanes=5)
        async with client_over(transport) as client:
            for number in range(20):
                async with asyncio.TaskGroup() as group:
                    for late in range(8):
                        group.create_task(self.cancelled_call(client, url, (number + late) % 5 / 1000))
            assert repr(transport) == "<LaneTransport: 0 busy, 0 idle of at most 5>"
            async with LoopbackServer(listener=listener) as server:
                await server.has_open(0)
                answers = await asyncio.gather(*(get(client, url) for _ in range(20)))
                assert answers == ["ok"] * 20

    async def test_every_call_is_answered_after_calls_were_cancelled_while_they_were_served(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        transport = lanes(max_lanes=5)
        async with client_over(transport) as client:
            for number in range(30):
                async with asyncio.TaskGroup() as group:
                    for late in range(8):
                        group.create_task(self.cancelled_call(client, server.url, (number + late) % 5 / 1000))
            answers = await asyncio.gather(*(get(client, server.url) for _ in range(20)))
            assert answers == ["ok"] * 20
            assert repr(transport).startswith("<LaneTransport: 0 busy")


class TestTheCap:
    async def test_requests_wait_for_a_lane_first_come_first_served(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes(max_lanes=1)
        async with client_over(transport) as client, asyncio.TaskGroup() as group:
            group.create_task(client.get(f"{server.url}/held"))
            await server.saw(1)
            for name in "abc":
                group.create_task(client.get(server.url, headers={"x-name": name}))
            await settled()
            assert repr(transport) == "<LaneTransport: 1 busy, 0 idle of at most 1, 3 waiting>"
            server.release.set()
        assert [seen.headers.get("x-name") for seen in server.requests] == [None, "a", "b", "c"]
        assert server.connections == 1

    async def test_waiting_ends_with_a_pool_timeout_and_takes_no_place(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        transport = lanes(max_lanes=1)
        async with client_over(transport) as client, asyncio.TaskGroup() as group:
            group.create_task(client.get(f"{server.url}/held"))
            await server.saw(1)
            with pytest.raises(httpx.PoolTimeout, match="1 lanes"):
                await client.get(server.url, timeout=httpx.Timeout(60, pool=0.001))
            assert repr(transport) == "<LaneTransport: 1 busy, 0 idle of at most 1>"
            server.release.set()

    async def test_waiting_lasts_as_long_as_it_must_without_a_timeout(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        async with lanes(max_lanes=1) as transport:
            held = asyncio.ensure_future(transport.handle_async_request(httpx.Request("GET", f"{server.url}/held")))
            await server.saw(1)
            waits = asyncio.ensure_future(transport.handle_async_request(httpx.Request("GET", server.url)))
            await settled()
            server.release.set()
            await (await held).aread()
            assert await (await waits).aread() == b"ok"

    async def test_a_cancelled_wait_takes_no_place(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes(max_lanes=1)
        async with client_over(transport) as client, asyncio.TaskGroup() as group:
            group.create_task(client.get(f"{server.url}/held"))
            await server.saw(1)
            assert await cancel_once(client.get(server.url), 5)
            assert repr(transport) == "<LaneTransport: 1 busy, 0 idle of at most 1>"
            server.release.set()

    async def test_the_longest_idle_lane_of_another_origin_makes_room(self, lanes: Lanes) -> None:
        async with (
            LoopbackServer() as oldest,
            LoopbackServer() as older,
            LoopbackServer() as newest,
            client_over(lanes(max_lanes=2)) as client,
        ):
            for server in (oldest, older, newest):
                await get(client, server.url)
            await oldest.has_open(0)
            await older.has_open(1)
            await newest.has_open(1)

    async def test_no_more_idle_lanes_are_kept_than_wanted(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes(max_idle_lanes=2)
        async with client_over(transport) as client, asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(get(client, f"{server.url}/held"))
            await server.saw(5)
            server.release.set()
            await server.has_open(2)
            assert repr(transport) == "<LaneTransport: 0 busy, 2 idle of at most 100>"

    def test_there_may_be_no_limit(self, lanes: Lanes) -> None:
        assert repr(lanes(max_lanes=None)) == "<LaneTransport: 0 busy, 0 idle without limit>"

    def test_a_transport_without_lanes_is_refused(self, lanes: Lanes) -> None:
        with pytest.raises(ConfigurationError, match=r"max_lanes must be a number .* of at least 1, or None, not 0"):
            lanes(max_lanes=0)


class TestIdleLanes:
    async def test_beyond_the_expiry_a_lane_is_closed_and_not_used(self, lanes: Lanes, server: LoopbackServer) -> None:
        async with client_over(lanes(keepalive_expiry=0.0)) as client:
            for _ in range(3):
                await get(client, server.url)
        assert server.connections == 3

    async def test_without_an_expiry_a_lane_is_kept(self, lanes: Lanes, server: LoopbackServer) -> None:
        async with client_over(lanes(keepalive_expiry=None)) as client:
            for _ in range(3):
                await get(client, server.url)
        assert server.connections == 1

    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    async def test_what_must_not_be_repeated_goes_out_on_a_fresh_connection(
        self, lanes: Lanes, server: LoopbackServer, method: str
    ) -> None:
        async with client_over(lanes()) as client:
            await get(client, server.url)
            await client.request(method, server.url)
            await get(client, server.url)
        assert [seen.connection for seen in server.requests] == [1, 2, 2]

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
    async def test_what_may_be_repeated_goes_out_on_any_connection(
        self, lanes: Lanes, server: LoopbackServer, method: str
    ) -> None:
        async with client_over(lanes()) as client:
            await get(client, server.url)
            async with client.stream(method, server.url):
                pass
        assert server.connections == 1

    async def test_a_lane_used_just_now_is_fresh(self, lanes: Lanes, server: LoopbackServer) -> None:
        async with client_over(lanes(fresh_within=60.0)) as client:
            await get(client, server.url)
            await client.post(server.url, content=b"body")
        assert server.connections == 1

    async def test_at_the_cap_a_stale_lane_makes_room_for_a_fresh_one(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        async with client_over(lanes(max_lanes=1)) as client:
            await get(client, server.url)
            await client.post(server.url)
            await server.has_open(1)
        assert server.connections == 2

    @pytest.mark.parametrize(("path", "error"), [("/held", httpx.ReadTimeout), ("/reset", httpx.ReadError)])
    async def test_after_one_that_was_dropped_silently_the_other_idle_ones_are_not_trusted(
        self, lanes: Lanes, server: LoopbackServer, path: str, error: type[Exception]
    ) -> None:
        transport = lanes()
        async with client_over(transport) as client, LoopbackServer() as other:
            await idle_lanes(client, server, 3)
            await get(client, other.url)
            with pytest.raises(error):
                await client.get(server.url + path, timeout=httpx.Timeout(60, read=0.02))
            # That of the other origin stays.
            assert repr(transport) == ONE_IDLE
            await get(client, server.url)
        assert (server.connections, other.connections) == (4, 1)

    async def test_one_that_has_answered_meanwhile_is_trusted(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes()
        async with client_over(transport) as client:
            await idle_lanes(client, server, 2)
            dropped = asyncio.create_task(client.get(f"{server.url}/held", timeout=httpx.Timeout(60, read=0.05)))
            await server.saw(3)
            await get(client, server.url)
            with pytest.raises(httpx.ReadTimeout):
                await dropped
            assert repr(transport) == ONE_IDLE

    async def test_the_silence_of_a_new_connection_says_nothing_of_the_others(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        transport = lanes()
        async with client_over(transport) as client:
            await get(client, server.url)
            with pytest.raises(httpx.ReadTimeout):
                await client.post(f"{server.url}/held", timeout=httpx.Timeout(60, read=0.02))
            assert repr(transport) == ONE_IDLE

    async def test_an_answer_that_is_cut_says_nothing_of_the_others(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes()
        async with client_over(transport) as client:
            await idle_lanes(client, server, 2)
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"{server.url}/cut")
            assert repr(transport) == ONE_IDLE

    @pytest.mark.parametrize(("telling", "left"), [(0.0, EMPTY), (60.0, ONE_IDLE)], ids=["late", "soon"])
    async def test_an_exchange_that_is_cut_off_counts_where_a_round_trip_would_have_been_over(
        self, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, telling: float, left: str
    ) -> None:
        monkeypatch.setattr("cvm_async._lanes.connection.TELLING_SILENCE", telling)
        transport = LaneTransport()
        async with client_over(transport) as client:
            await idle_lanes(client, server, 2)
            cut_off = asyncio.create_task(get(client, f"{server.url}/held"))
            await server.saw(3)
            cut_off.cancel()
            await asyncio.wait([cut_off])
            # The connection is lost in the next turn of the loop.
            await asyncio.sleep(0)
            assert repr(transport) == left


class TestClosing:
    async def test_idle_lanes_are_closed_at_once_and_busy_ones_when_they_end(
        self, lanes: Lanes, server: LoopbackServer
    ) -> None:
        transport = lanes()
        client = client_over(transport)
        async with client.stream("GET", f"{server.url}/endless") as response:
            await get(client, server.url)
            await transport.aclose()
            await server.has_open(1)
            assert repr(transport) == "<LaneTransport: 1 busy, 0 idle of at most 100, closed>"
            server.release.set()
            assert await response.aread() == b"okok"
        await server.has_open(0)

    async def test_a_closed_transport_sends_nothing(self, lanes: Lanes, server: LoopbackServer) -> None:
        async with lanes() as transport:
            pass
        await transport.aclose()
        with pytest.raises(RuntimeError, match="has been closed"):
            await transport.handle_async_request(httpx.Request("GET", server.url))
        assert server.connections == 0

    async def test_requests_that_wait_for_a_lane_get_an_error(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes(max_lanes=1)
        client = client_over(transport)
        held = asyncio.ensure_future(client.get(f"{server.url}/held"))
        await server.saw(1)
        waiting = [asyncio.ensure_future(client.get(server.url)) for _ in range(3)]
        await settled()
        await transport.aclose()
        for request in waiting:
            with pytest.raises(RuntimeError, match="closed while the request waited"):
                await request
        server.release.set()
        assert (await held).text == "ok"
        assert repr(transport) == "<LaneTransport: 0 busy, 0 idle of at most 1, closed>"

    async def test_cancelled_closing_closes_all_the_same(self, lanes: Lanes, server: LoopbackServer) -> None:
        transport = lanes()
        client = client_over(transport)
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(get(client, f"{server.url}/held"))
            await server.saw(3)
            server.release.set()
        closing = asyncio.ensure_future(transport.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait([closing])
        assert closing.cancelled()
        await server.has_open(0)

    async def test_forgetting_to_close_leaves_no_idle_connection_for_long(self, server: LoopbackServer) -> None:
        await get(client_over(LaneTransport(keepalive_expiry=0.01)), server.url)
        await server.has_open(0)


class TestEventLoops:
    @staticmethod
    async def call_once(client: httpx.AsyncClient) -> None:
        async with LoopbackServer() as server:
            await get(client, server.url)

    # asyncio warns of what was open when its loop was closed, once it is collected.
    @pytest.mark.filterwarnings("ignore::ResourceWarning")
    def test_after_its_loop_was_closed_the_next_one_starts_afresh(self, lanes: Lanes) -> None:
        self.leave_open_on_two_loops(lanes(max_lanes=2))
        gc.collect()

    @staticmethod
    def leave_open_on_two_loops(transport: LaneTransport) -> None:
        client = client_over(transport)

        async def leave_open(of_another_loop: httpx.Response | None) -> httpx.Response:
            async with LoopbackServer() as server:
                left_open = await client.send(client.build_request("GET", f"{server.url}/endless"), stream=True)
                assert await get(client, server.url) == "ok"
                if of_another_loop is not None:
                    # Of no use on either loop, and no harm to the new one.
                    with contextlib.suppress(RuntimeError):
                        await of_another_loop.aclose()
                assert repr(transport) == "<LaneTransport: 1 busy, 1 idle of at most 2>"
                return left_open

        asyncio.run(leave_open(asyncio.run(leave_open(None))))

    @pytest.mark.filterwarnings("ignore::ResourceWarning")
    def test_it_can_be_closed_on_another_loop_once_its_own_is_closed(self, lanes: Lanes) -> None:
        transport = lanes()
        asyncio.run(self.call_once(client_over(transport)))
        asyncio.run(transport.aclose())
        gc.collect()
        assert repr(transport) == "<LaneTransport: 0 busy, 0 idle of at most 100, closed>"

    def test_two_living_loops_cannot_share_it(self, lanes: Lanes) -> None:
        client = client_over(lanes())
        with asyncio.Runner() as first:
            first.run(self.call_once(client))
            with asyncio.Runner() as second, pytest.raises(RuntimeError, match="another event loop"):
                second.run(self.call_once(client))
            first.run(client.aclose())


class TestTls:
    async def test_all_lanes_of_a_client_share_one_context_that_is_built_when_needed(
        self,
        server: LoopbackServer,
        tls_server: LoopbackServer,
        authority: trustme.CA,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        build = ssl.create_default_context
        built: list[ssl.SSLContext] = []

        def count(*, cafile: str) -> ssl.SSLContext:
            built.append(build(cafile=cafile))
            return built[-1]

        monkeypatch.setattr(ssl, "create_default_context", count)
        async with LoopbackServer(tunnel_to=tls_server) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            async with lane_client() as client:
                await get(client, server.url)
                # At once, as the environment may name what is no file.
                assert len(built) == 1
                urls = [tls_server.url, tls_server.url, "https://panel.invalid/"]
                assert await asyncio.gather(*(get(client, url) for url in urls)) == ["ok"] * 3
        assert len(built) == 1
        assert (tls_server.connections, len(proxy.requests)) == (3, 1)

    async def test_a_function_may_make_the_context(
        self, lanes: Lanes, tls_server: LoopbackServer, client_tls: ssl.SSLContext
    ) -> None:
        async with client_over(lanes(verify=lambda: client_tls)) as client:
            assert await get(client, tls_server.url) == "ok"

    async def test_a_function_that_makes_no_context_is_a_connect_error(
        self, lanes: Lanes, tls_server: LoopbackServer
    ) -> None:
        def fail() -> ssl.SSLContext:
            raise LookupError("no authority is known")

        transport = lanes(verify=fail)
        async with client_over(transport) as client:
            with pytest.raises(httpx.ConnectError, match="no authority is known"):
                await client.get(tls_server.url)
            assert repr(transport) == EMPTY

    async def test_a_certificate_that_nobody_vouches_for_is_a_connect_error(
        self, lanes: Lanes, tls_server: LoopbackServer
    ) -> None:
        transport = lanes(trust_env=False)
        async with client_over(transport) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(tls_server.url)
            assert repr(transport) == EMPTY

    async def test_verification_can_be_turned_off(self, tls_server: LoopbackServer) -> None:
        async with lane_client(verify=False) as client:
            assert await get(client, tls_server.url) == "ok"

    async def test_a_client_certificate_is_shown(self, authority: trustme.CA, client_tls: ssl.SSLContext) -> None:
        demanding = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(demanding)  # pyright: ignore[reportUnknownMemberType] -- as above
        authority.configure_trust(demanding)  # pyright: ignore[reportUnknownMemberType] -- as above
        demanding.verify_mode = ssl.CERT_REQUIRED
        async with LoopbackServer(tls=demanding) as server:
            async with lane_client(verify=client_tls) as client:
                with pytest.raises(httpx.TransportError):
                    await client.get(server.url)
            authority.issue_cert("bot@example.net").configure_cert(client_tls)  # pyright: ignore[reportUnknownMemberType] -- as above
            async with lane_client(verify=client_tls) as client:
                assert await get(client, server.url) == "ok"

    async def test_a_lane_that_may_speak_http2_speaks_http1_as_well(
        self, tls_server: LoopbackServer, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The package itself is not needed for that.
        monkeypatch.setattr("cvm_async._lanes.httpcore.transport.find_spec", str)
        async with client_over(LaneTransport(verify=client_tls, http2=True)) as client:
            assert [await get(client, tls_server.url) for _ in range(2)] == ["ok", "ok"]
        assert tls_server.connections == 1

    @pytest.mark.parametrize("make", [LaneTransport, lane_client])
    def test_http2_without_its_package_is_told_of_at_once(
        self, make: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "h2", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'httpx\[http2\]'"):
            make(http2=True)


class TestProxies:
    @pytest.fixture
    async def proxy(self, tls_server: LoopbackServer) -> AsyncIterator[LoopbackServer]:
        async with LoopbackServer(tunnel_to=tls_server) as proxy:
            yield proxy

    async def test_http_goes_through_the_proxy_that_was_given(self, proxy: LoopbackServer) -> None:
        async with lane_client(proxy=proxy.url.replace("//", "//user:pass@")) as client:
            assert await get(client, "http://panel.invalid/") == "ok"
        (seen,) = proxy.requests
        assert (seen.method, seen.target) == ("GET", "http://panel.invalid/")
        assert seen.headers["proxy-authorization"].startswith("basic ")

    async def test_https_tunnels_through_the_proxy_that_was_given(
        self, proxy: LoopbackServer, tls_server: LoopbackServer, client_tls: ssl.SSLContext
    ) -> None:
        async with lane_client(proxy=proxy.url, verify=client_tls) as client:
            assert [await get(client, "https://panel.invalid/") for _ in range(2)] == ["ok", "ok"]
        assert [(seen.method, seen.target) for seen in proxy.requests] == [("CONNECT", "panel.invalid:443")]
        assert [seen.target for seen in tls_server.requests] == ["/", "/"]

    async def test_a_tunnel_that_the_proxy_refuses_is_a_proxy_error(self, server: LoopbackServer) -> None:
        async with lane_client(proxy=server.url) as client:
            with pytest.raises(httpx.ProxyError, match="403"):
                await client.get("https://panel.invalid/")

    async def test_an_https_proxy_is_trusted_by_its_own_context(
        self, tls_server: LoopbackServer, client_tls: ssl.SSLContext
    ) -> None:
        proxy = httpx.Proxy(tls_server.url, ssl_context=client_tls)
        async with lane_client(proxy=proxy) as client:
            assert await get(client, "http://panel.invalid/") == "ok"

    async def test_the_proxy_of_the_environment_is_used(
        self, proxy: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with lane_client() as client:
            assert await get(client, "http://panel.invalid/") == "ok"
        assert len(proxy.requests) == 1

    async def test_what_no_proxy_names_is_reached_directly(
        self, proxy: LoopbackServer, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with lane_client() as client:
            assert await get(client, server.url) == "ok"
        assert (len(proxy.requests), len(server.requests)) == (0, 1)

    @pytest.mark.parametrize("no_proxy", ["", "localhost", "127.0.0.0/8"])
    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
    async def test_this_machine_is_never_reached_through_the_environments_proxy(
        self,
        proxy: LoopbackServer,
        server: LoopbackServer,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
        no_proxy: str,
    ) -> None:
        monkeypatch.setenv(variable, proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        async with lane_client() as client:
            assert await get(client, server.url) == "ok"
            assert await get(client, "http://panel.invalid/") == "ok"
        assert (len(proxy.requests), len(server.requests)) == (1, 1)

    async def test_a_mount_without_a_transport_is_direct_where_the_environment_has_a_proxy(
        self, proxy: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with lane_client(mounts={"all://nowhere.invalid": None}) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("http://nowhere.invalid/")
            assert await get(client, "http://panel.invalid/") == "ok"
        assert len(proxy.requests) == 1

    async def test_the_environment_is_left_alone_where_it_is_not_trusted(
        self, proxy: LoopbackServer, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with lane_client(trust_env=False) as client:
            assert await get(client, server.url) == "ok"
        assert (len(proxy.requests), len(server.requests)) == (0, 1)

    async def test_mounts_of_the_user_go_before_a_proxy(self, proxy: LoopbackServer, server: LoopbackServer) -> None:
        async with lane_client(proxy=proxy.url, mounts={"all://127.0.0.1": None}) as client:
            assert await get(client, server.url) == "ok"
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


class TestLaneClient:
    async def test_the_options_of_httpx_reach_the_request(self, server: LoopbackServer) -> None:
        hooked: list[str] = []

        async def hook(request: httpx.Request) -> None:
            hooked.append(request.method)

        async with lane_client(
            auth=("user", "pass"),
            params={"a": 1},
            headers={"x-name": "value"},
            cookies={"c": "1"},
            event_hooks={"request": [hook]},
            base_url=f"{server.url}",
            timeout=httpx.Timeout(1.5),
            follow_redirects=True,
            max_redirects=3,
            default_encoding="latin-1",
        ) as client:
            request = client.build_request("GET", "/")
            assert request.extensions["timeout"]["pool"] == 1.5
            assert (client.follow_redirects, client.max_redirects) == (True, 3)
            assert str(request.url) == f"{server.url}/?a=1"
            response = await client.get("/")
            assert response.encoding == "latin-1"
        (seen,) = server.requests
        assert seen.target == "/?a=1"
        assert (seen.headers["x-name"], seen.headers["cookie"]) == ("value", "c=1")
        assert seen.headers["authorization"].startswith("basic ")
        assert hooked == ["GET"]

    async def test_the_limits_of_httpx_hold_for_lanes(self, server: LoopbackServer) -> None:
        limits = httpx.Limits(max_connections=2, max_keepalive_connections=1, keepalive_expiry=None)
        async with lane_client(limits=limits) as client:
            await asyncio.gather(*(get(client, server.url) for _ in range(6)))
            await server.has_open(1)
        assert server.peak == 2

    async def test_its_defaults_are_those_of_httpx(self) -> None:
        async with lane_client() as ours, httpx.AsyncClient() as theirs:
            assert (
                ours.timeout,
                ours.headers,
                ours.max_redirects,
                ours.follow_redirects,
                ours.trust_env,
            ) == (
                theirs.timeout,
                theirs.headers,
                theirs.max_redirects,
                theirs.follow_redirects,
                theirs.trust_env,
            )

    async def test_a_trace_of_the_user_sees_every_event(self, server: LoopbackServer) -> None:
        events: list[str] = []

        async def trace(event: str, _: object) -> None:
            events.append(event)

        async with lane_client() as client:
            request = client.build_request("GET", server.url, extensions={"trace": trace})
            await client.send(request)
        assert request.extensions["trace"] is trace
        assert events[:2] == ["connection.connect_tcp.started", "connection.connect_tcp.complete"]
        assert events[-1] == "http11.response_closed.complete"


@pytest.mark.parametrize(
    "options",
    [
        {"http2": True},
        {"http1": False, "http2": True},
        {"proxy": "http://127.0.0.1:9"},
        {"uds": "/nowhere"},
        {"local_address": "127.0.0.1"},
        {"retries": 1},
        {"socket_options": [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]},
    ],
    ids="-".join,
)
def test_what_takes_more_than_plain_http_has_no_plain_pool(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    def found(_name: str) -> bool:
        return True

    # httpx's extra for HTTP/2 need not be installed.
    monkeypatch.setattr("cvm_async._lanes.httpcore.transport.find_spec", found)
    url = httpx.URL("http://127.0.0.1/")
    assert LaneTransport().plain_pool is not None
    assert LaneTransport(**options).plain_pool is None
    assert plain_pool(lane_client(trust_env=False, mounts={"all://": LaneTransport(**options)}), url) is None
    assert plain_pool(lane_client(trust_env=False, mounts={"all://": httpx.AsyncHTTPTransport()}), url) is None
