import asyncio
import errno
import gc
import socket
import ssl
import warnings
from collections.abc import AsyncIterator

import httpx
import pytest
from scripted import OK, End, Script, ScriptedServer
from virtual_time import virtual, virtual_loop

from cvm_async._lanes.connection import Body, Connection
from cvm_async.transport import LaneTransport

HEAD = b"HTTP/1.1 200 OK\r\n"
TIMEOUT = httpx.Timeout(60.0)
EMPTY = "<LaneTransport: 0 busy, 0 idle of at most 100>"
MEBIBYTE = bytes(1 << 20)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer({"/held": Script((), End.HOLD)}) as server:
        yield server


def over(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, timeout=TIMEOUT)


class TestConnections:
    async def test_the_last_used_is_used_first(self, server: ScriptedServer) -> None:
        transport = LaneTransport()
        async with over(transport) as client:
            await asyncio.gather(*(client.get(server.origin) for _ in range(3)))
            for _ in range(5):
                await client.get(server.origin)
            assert repr(transport) == "<LaneTransport: 0 busy, 3 idle of at most 100>"
        assert server.connections == 3
        assert repr(transport) == "<LaneTransport: 0 busy, 0 idle of at most 100, closed>"

    async def test_each_origin_has_its_own(self, server: ScriptedServer) -> None:
        async with ScriptedServer() as other, over(LaneTransport()) as client:
            for _ in range(3):
                await client.get(server.origin)
                await client.get(other.origin)
            assert (server.connections, other.connections) == (1, 1)

    async def test_there_are_never_more_than_the_limit_idle_ones_included(self, server: ScriptedServer) -> None:
        transport = LaneTransport(max_lanes=2)
        async with ScriptedServer() as other, over(transport) as client:
            await asyncio.gather(*(client.get(server.origin) for _ in range(10)))
            await client.get(other.origin)
            await server.has_open(1)
            assert (server.peak, other.peak) == (2, 1)
            assert repr(transport) == "<LaneTransport: 0 busy, 2 idle of at most 2>"

    async def test_a_stale_one_is_closed_before_another_is_made_in_its_place(self, server: ScriptedServer) -> None:
        async with over(LaneTransport(max_lanes=1, fresh_within=0)) as client:
            for _ in range(20):
                await client.post(server.origin)
        assert (server.peak, server.connections) == (1, 20)

    async def test_no_limit_is_no_limit(self, server: ScriptedServer) -> None:
        transport = LaneTransport(max_lanes=None)
        async with over(transport) as client:
            await asyncio.gather(*(client.get(server.origin) for _ in range(60)))
        assert repr(transport) == "<LaneTransport: 0 busy, 0 idle without limit, closed>"

    async def test_requests_wait_their_turn_in_the_order_they_came(self, server: ScriptedServer) -> None:
        server.scripts |= {f"/{number}": Script() for number in range(20)}
        async with over(LaneTransport(max_lanes=1)) as client:
            await asyncio.gather(*(client.get(f"{server.origin}/{number}") for number in range(20)))
        assert [head.split()[1] for head in server.heads] == [b"/%d" % number for number in range(20)]

    async def test_an_idle_one_is_closed_when_its_time_is_over(self, server: ScriptedServer) -> None:
        transport = LaneTransport(keepalive_expiry=0.01)
        async with over(transport) as client:
            await client.get(server.origin)
            assert server.open == 1
            await server.has_open(0)
            assert repr(transport) == EMPTY

    async def test_one_that_is_to_be_closed_at_once_is_not_used_again(self, server: ScriptedServer) -> None:
        async with over(LaneTransport(keepalive_expiry=0)) as client:
            await client.get(server.origin)
            await client.get(server.origin)
        assert server.connections == 2

    async def test_one_without_time_limit_stays(self, server: ScriptedServer) -> None:
        async with over(LaneTransport(keepalive_expiry=None)) as client:
            await client.get(server.origin, timeout=None)
            await client.get(server.origin, timeout=None)
        assert server.connections == 1

    async def test_no_more_are_kept_than_asked_for(self, server: ScriptedServer) -> None:
        transport = LaneTransport(max_idle_lanes=1)
        async with over(transport) as client:
            await asyncio.gather(*(client.get(server.origin) for _ in range(3)))
            await server.has_open(1)
            assert repr(transport) == "<LaneTransport: 0 busy, 1 idle of at most 100>"

    async def test_one_that_is_closing_and_not_yet_closed_is_passed_over(self, server: ScriptedServer) -> None:
        transport = LaneTransport()
        async with over(transport) as client:
            await client.get(server.origin)
            for connection in transport._pool.idle:  # pyright: ignore[reportPrivateUsage] -- nothing else lets us end one unnoticed
                connection.abort()
            assert (await client.get(server.origin)).text == "ok"
        assert server.connections == 2

    async def test_its_place_is_free_once_the_answer_is_here_be_it_read_or_not(self, server: ScriptedServer) -> None:
        client = over(LaneTransport(max_lanes=1))
        async with client, client.stream("GET", server.origin) as unread:
            assert (await client.get(server.origin, timeout=httpx.Timeout(60, pool=0))).text == "ok"
            assert await unread.aread() == b"ok"

    async def test_a_slow_reader_makes_the_server_wait(self) -> None:
        sent = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % (len(MEBIBYTE) * 64))
                while sent < 64:
                    writer.write(MEBIBYTE)
                    await writer.drain()
                    sent += 1
            finally:
                writer.close()

        async with await asyncio.start_server(flood, "127.0.0.1", 0) as listening:
            url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            async with over(LaneTransport()) as client, client.stream("GET", url) as response:
                before = -1
                while sent != before:
                    before = sent
                    await asyncio.sleep(0.03)
                assert sent < 32
                size = 0
                async for part in response.aiter_raw():
                    size += len(part)
            assert size == len(MEBIBYTE) * 64

    @virtual
    async def test_the_read_timeout_is_for_each_read(self) -> None:
        pieces = (OK[:5], OK[5:10], *(OK[at : at + 1] for at in range(10, len(OK))))
        async with ScriptedServer({"/slow": Script(pieces, pause=1.0)}) as server, over(LaneTransport()) as client:
            assert (await client.get(f"{server.origin}/slow", timeout=httpx.Timeout(5, read=1.5))).text == "ok"
            assert virtual_loop().time() >= len(pieces) - 1

    @virtual
    async def test_a_timer_set_for_a_long_wait_does_not_delay_a_short_one(self) -> None:
        held = {"/held": Script((), End.HOLD)}
        async with ScriptedServer(held) as server, over(LaneTransport(keepalive_expiry=None)) as client:
            await client.get(server.origin, timeout=500)
            before = virtual_loop().time()
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"{server.origin}/held", timeout=2)
            assert virtual_loop().time() - before == pytest.approx(2)

    @virtual
    async def test_an_early_timer_does_not_end_a_long_wait(self) -> None:
        slow = {"/slow": Script((b"", OK), pause=3.0)}
        async with ScriptedServer(slow) as server, over(LaneTransport()) as client:
            await client.get(server.origin, timeout=1)
            assert (await client.get(f"{server.origin}/slow", timeout=5)).text == "ok"
            await client.get(server.origin, timeout=1)
            assert (await client.get(f"{server.origin}/slow", timeout=None)).text == "ok"

    async def test_the_read_timeout_begins_when_the_request_is_out(self, server: ScriptedServer) -> None:
        async with over(LaneTransport()) as client:
            response = await client.post(server.origin, content=MEBIBYTE * 16, timeout=httpx.Timeout(60, read=30))
            assert response.text == "ok"

    async def test_the_write_timeout_runs_whatever_comes_meanwhile(self, server: ScriptedServer) -> None:
        interim = (b"HTTP/1.1 100 Continue\r\n\r\n",) * 100
        server.scripts["/deaf"] = Script(interim, End.HOLD, reads_body=False)
        async with over(LaneTransport()) as client:
            timeout = httpx.Timeout(None, write=0.05)
            with pytest.raises(httpx.WriteTimeout):
                await client.post(f"{server.origin}/deaf", content=MEBIBYTE * 64, timeout=timeout)

    @pytest.mark.parametrize("port", [0, 65536 + 80])
    async def test_a_port_that_cannot_be_one_is_a_connect_error(self, port: int) -> None:
        async with over(LaneTransport()) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{port}/")

    async def test_an_address_that_the_system_gives_up_is_a_connect_timeout(
        self, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def give_up(*_: object) -> socket.socket:
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

        monkeypatch.setattr("cvm_async._lanes.pool.dial", give_up)
        async with over(LaneTransport()) as client:
            with pytest.raises(httpx.ConnectTimeout, match="Connection timed out"):
                await client.get(server.origin)

    async def test_what_arrives_while_more_is_unread_stays_in_order(self, server: ScriptedServer) -> None:
        crumbs = b"".join(b"1\r\n%c\r\n" % (97 + number % 26) for number in range(2000))
        server.scripts["/crumbs"] = Script((HEAD + b"Transfer-Encoding: chunked\r\n\r\n",), End.HOLD)
        transport = LaneTransport()
        response = await transport.handle_async_request(httpx.Request("GET", f"{server.origin}/crumbs"))
        assert isinstance(response.stream, Body)
        # Nobody else can hand over more while reading is paused.
        connection = response.stream._connection  # pyright: ignore[reportPrivateUsage]
        for piece in (crumbs[:6000], crumbs[6000:], b"0\r\n\r\n"):
            connection.data_received(piece)
        assert await response.aread() == bytes(97 + number % 26 for number in range(2000))
        await transport.aclose()

    async def test_a_name_that_cannot_be_one_is_a_connect_error(self) -> None:
        async with over(LaneTransport()) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://{'a' * 64}.invalid/")

    async def test_a_silent_address_is_a_connect_timeout_and_its_place_is_free_again(
        self, server: ScriptedServer
    ) -> None:
        transport = LaneTransport()
        with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
            async with over(transport) as client:
                with pytest.raises(httpx.ConnectTimeout):
                    await client.get(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.02)
                assert repr(transport) == EMPTY
                assert (await client.get(server.origin)).text == "ok"

    @pytest.mark.parametrize(
        "pieces",
        [(OK[:-1], OK[-1:]), (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\n", b"ok\r\n0\r\n\r\n")],
        ids=["a length", "chunks"],
    )
    @virtual
    async def test_the_read_timeout_does_not_run_while_nobody_reads(self, pieces: tuple[bytes, ...]) -> None:
        late = {"/late": Script(pieces, pause=2.0)}
        async with ScriptedServer(late) as server, over(LaneTransport()) as client:
            timeout = httpx.Timeout(5, read=1.0)
            async with client.stream("GET", f"{server.origin}/late", timeout=timeout) as response:
                await asyncio.sleep(2.0 * len(pieces))
                assert await response.aread() == b"ok"

    async def test_ipv6_is_spoken(self) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
            writer.close()

        if not socket.has_ipv6:
            pytest.skip("this machine has no IPv6")
        async with await asyncio.start_server(answer, "::1", 0) as listening, over(LaneTransport()) as client:
            port = listening.sockets[0].getsockname()[1]
            assert (await client.get(f"http://[::1]:{port}/")).text == "ok"


class Silent(asyncio.Protocol):
    """Shakes hands, and never reads again: it answers no farewell."""

    def __init__(self, made: list[asyncio.Transport]) -> None:
        self._made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        self._made.append(transport)


class TestClosing:
    async def test_cancelled_as_the_handshake_ends_it_is_closed_at_once(
        self, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[Connection] = []
        accepted: list[asyncio.Transport] = []
        make = Connection.connection_made

        def cancel(connection: Connection, transport: asyncio.BaseTransport) -> None:
            make(connection, transport)
            made.append(connection)
            task.cancel()

        monkeypatch.setattr(Connection, "connection_made", cancel)
        async with (
            await asyncio.get_running_loop().create_server(
                lambda: Silent(accepted), "127.0.0.1", 0, ssl=server_tls
            ) as listening,
            over(LaneTransport(verify=client_tls)) as client,
        ):
            task = asyncio.create_task(client.get(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}"))
            await asyncio.wait([task])
            assert task.cancelled()
            async with asyncio.timeout(60):
                await made[0].closed
            for transport in accepted:
                transport.abort()

    async def test_closed_while_somebody_reads_it_a_response_is_not_taken_for_whole(
        self, server: ScriptedServer
    ) -> None:
        server.scripts["/until-close"] = Script((HEAD + b"\r\n", b"ok"), End.HOLD)
        client = over(LaneTransport())
        async with client, client.stream("GET", f"{server.origin}/until-close") as response:
            parts = response.aiter_raw()
            assert await anext(parts) == b"ok"
            reading = asyncio.ensure_future(anext(parts))
            await asyncio.sleep(0)
            await response.aclose()
            with pytest.raises(httpx.ReadError, match="closed"):
                await reading

    async def test_a_closed_one_refuses(self, server: ScriptedServer) -> None:
        transport = LaneTransport()
        await transport.aclose()
        with pytest.raises(RuntimeError, match="closed"):
            await transport.handle_async_request(httpx.Request("GET", server.origin))

    async def test_a_busy_connection_is_closed_when_its_exchange_ends(self, server: ScriptedServer) -> None:
        transport = LaneTransport()
        server.scripts["/slow"] = Script((b"", b"", b"", OK))
        request = httpx.Request("GET", f"{server.origin}/slow")
        under_way = asyncio.create_task(transport.handle_async_request(request))
        await server.saw(1)
        await transport.aclose()
        assert await (await under_way).aread() == b"ok"
        await server.has_open(0)

    async def test_who_waits_for_a_turn_is_refused(self, server: ScriptedServer) -> None:
        transport = LaneTransport(max_lanes=1)
        busy = asyncio.create_task(transport.handle_async_request(httpx.Request("GET", f"{server.origin}/held")))
        await server.saw(1)
        waiting = asyncio.create_task(transport.handle_async_request(httpx.Request("GET", server.origin)))
        await asyncio.sleep(0)
        await transport.aclose()
        busy.cancel()
        with pytest.raises(RuntimeError, match="closed"):
            await waiting

    def test_it_starts_afresh_on_a_new_loop_once_the_old_one_is_closed(self) -> None:
        transport = LaneTransport()

        async def use() -> None:
            async with ScriptedServer() as server:
                response = await transport.handle_async_request(httpx.Request("GET", server.origin))
                assert await response.aread() == b"ok"

        with warnings.catch_warnings():
            # Of the first loop's sockets, should one still be open.
            warnings.simplefilter("ignore", ResourceWarning)
            asyncio.run(use())
            asyncio.run(use())
            gc.collect()

    def test_two_loops_at_a_time_are_refused(self) -> None:
        transport = LaneTransport()
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(transport.aclose())
            with pytest.raises(RuntimeError, match="another event loop"):
                asyncio.run(transport.aclose())
        finally:
            loop.close()


class Interrupting:
    """A transport whose writing a signal handler interrupts, before or after the bytes are out."""

    def __init__(self, transport: asyncio.Transport, *, late: bool) -> None:
        self._transport = transport
        self._late = late

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)

    def write(self, request: bytes) -> None:
        if self._late:
            self._transport.write(request)
        raise KeyboardInterrupt


class TestInterrupts:
    """A signal handler may raise wherever Python is: the loop ends, and may be run once more to clean up."""

    # The task that the interrupt went past is left behind, with an error that nobody fetches.
    @pytest.mark.parametrize("where", ["before writing", "after writing", "reading"])
    def test_a_connection_that_was_interrupted_is_closed_and_its_place_is_free(
        self, where: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transport = LaneTransport(max_lanes=1)

        async def get(url: str) -> str:
            return (await client.get(url)).text

        def interrupt(*_: object) -> bytes:
            raise KeyboardInterrupt

        with asyncio.Runner() as runner:
            server = runner.run(ScriptedServer().__aenter__())
            client = over(transport)
            assert runner.run(get(server.origin)) == "ok"
            (connection,) = transport._pool.idle  # pyright: ignore[reportPrivateUsage] -- nothing else is interrupted there
            interrupted = runner.get_loop().create_task(get(server.origin))
            with monkeypatch.context() as patch:
                if where == "reading":
                    patch.setattr(transport._pool.reader, "feed", interrupt)  # pyright: ignore[reportPrivateUsage] -- likewise
                else:
                    writing = Interrupting(connection._transport, late=where == "after writing")  # pyright: ignore[reportPrivateUsage] -- likewise
                    patch.setattr(connection, "_transport", writing)
                with pytest.raises(KeyboardInterrupt):
                    runner.run(asyncio.wait([interrupted]))
            with pytest.raises((KeyboardInterrupt, httpx.TransportError)):
                runner.run(asyncio.wait_for(interrupted, 60))
            assert repr(transport) == "<LaneTransport: 0 busy, 0 idle of at most 1>"
            assert runner.run(get(server.origin)) == "ok"
            runner.run(client.aclose())
            runner.run(server.__aexit__())
