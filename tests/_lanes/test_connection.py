"""The connection on a transport that the test plays: what it does with each thing that asyncio may tell it."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Generator
from typing import Self

import httpx
import pytest
from panels import settled
from scripted import OK
from virtual_time import virtual, virtual_loop

from cvm_async._lanes.connection import TELLING_SILENCE, Body, Connection
from cvm_async._lanes.replies.h11_reply import H11Reply
from cvm_async._lanes.replies.reply import READ_AT_ONCE
from cvm_async.fast import FastTransport
from cvm_async.transport import LaneTransport

ASKED = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
LAST = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok"
LARGE = 100 * 1024
ORIGIN = ("http", "panel.example.net", None)


class Network(asyncio.Transport):
    """Takes what is written, and is gone a turn of the loop after it was aborted."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self.written: list[bytes] = []
        self.reads = True
        self.is_aborted = False
        self.protocol: Connection

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (1, None)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        if not self.is_aborted:
            self.is_aborted = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class Owner:
    """Notes what becomes of connections."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.gone: list[Connection] = []

    def put_back(self, connection: Connection) -> None:
        self.idle.append(connection)

    def remove(self, connection: Connection) -> None:
        self.gone.append(connection)


class Bench:
    """A connection with all that is around it."""

    def __init__(self, sock: socket.socket) -> None:
        self.owner = Owner()
        self.network = Network(sock)
        self.connection = self.network.protocol = Connection(self.owner, ORIGIN)
        self.connection.connection_made(self.network)

    def ask(self, read: float | None = None, write: float | None = None) -> tuple[H11Reply, "asyncio.Task[None]"]:
        reply = H11Reply(to_head=False)
        return reply, asyncio.create_task(self.connection.exchange(ASKED, reply, read=read, write=write))

    async def is_gone(self) -> bool:
        await settled()
        return self.network.is_aborted and self.owner.gone == [self.connection]


@contextlib.contextmanager
def bench() -> Generator[Bench]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Bench(ours)


async def rest_of(connection: Connection, reply: H11Reply) -> bytes:
    body = b""
    while piece := await connection.read(reply):
        body += piece
    return body


@virtual
async def test_an_answer_that_comes_whole_is_there_with_its_head_and_the_connection_is_kept() -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        assert (at.network.written, at.connection.is_busy) == ([ASKED], True)
        at.connection.data_received(OK)
        await asked
        assert (reply.status, reply.take(), reply.is_complete) == (200, b"ok", True)
        assert (at.owner.idle, at.connection.is_busy) == ([at.connection], False)


@virtual
async def test_with_the_head_the_exchange_is_over_and_the_body_is_read_as_it_comes() -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        at.connection.data_received(OK[:-2])
        await asked
        assert (reply.status, at.owner.idle) == (200, [])
        reading = asyncio.create_task(at.connection.read(reply))
        await settled()
        for letter in (b"o", b"k"):
            at.connection.data_received(letter)
        assert await reading == b"ok"
        assert await at.connection.read(reply) == await at.connection.read(reply) == b""
        assert at.owner.idle == [at.connection]


@pytest.mark.parametrize("answer", [LAST, OK + b"more"], ids=["it is the last one", "more came than was asked for"])
@virtual
async def test_after_an_answer_that_does_not_end_cleanly_it_is_closed(answer: bytes) -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        at.connection.data_received(answer)
        await asked
        assert reply.take() == b"ok"
        assert (await at.is_gone(), at.owner.idle) == (True, [])


@virtual
async def test_what_comes_before_anything_was_asked_closes_it() -> None:
    with bench() as at:
        at.connection.data_received(OK)
        assert await at.is_gone()


@virtual
async def test_an_answer_before_the_request_was_taken_is_good_but_the_last_one() -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        at.connection.pause_writing()
        at.connection.data_received(OK)
        await asked
        assert reply.take() == b"ok"
        assert (await at.is_gone(), at.owner.idle) == (True, [])


@pytest.mark.parametrize("came", [b"", HEAD], ids=["nothing", "half a head"])
@virtual
async def test_nothing_for_so_long_is_a_read_timeout(came: bytes) -> None:
    with bench() as at:
        _, asked = at.ask(read=2.0, write=1.0)
        await asyncio.sleep(1.5)
        if came:
            at.connection.data_received(came)
        with pytest.raises(httpx.ReadTimeout, match=r"nothing came within 2\.0 s"):
            await asked
        assert virtual_loop().time() == (3.5 if came else 2.0)
        assert await at.is_gone()


@virtual
async def test_a_request_that_is_not_taken_for_so_long_is_a_write_timeout() -> None:
    with bench() as at:
        at.connection.pause_writing()
        _, asked = at.ask(read=1.0, write=2.0)
        with pytest.raises(httpx.WriteTimeout, match=r"not taken within 2\.0 s"):
            await asked
        assert virtual_loop().time() == 2.0
        assert await at.is_gone()


@virtual
async def test_from_when_the_request_was_taken_the_read_timeout_runs() -> None:
    with bench() as at:
        at.connection.pause_writing()
        _, asked = at.ask(read=1.0, write=5.0)
        await asyncio.sleep(4)
        at.connection.resume_writing()
        with pytest.raises(httpx.ReadTimeout):
            await asked
        assert virtual_loop().time() == 5.0


@virtual
async def test_that_writing_may_go_on_is_no_news_where_nobody_waits() -> None:
    with bench() as at:
        at.connection.pause_writing()
        at.connection.resume_writing()
        assert virtual_loop().timers == []


@virtual
async def test_who_is_cancelled_closes_it() -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        assert await at.is_gone()
        assert isinstance(reply.fault, httpx.ReadError)


@pytest.mark.parametrize(
    ("came", "error", "kind"),
    [
        pytest.param(b"", None, httpx.RemoteProtocolError, id="closed before the answer"),
        pytest.param(OK[:-1], None, httpx.RemoteProtocolError, id="closed in the middle"),
        pytest.param(OK[:-1], ConnectionResetError("reset"), httpx.ReadError, id="reset in the middle"),
    ],
)
@virtual
async def test_its_end_is_an_error_that_says_how(
    came: bytes, error: Exception | None, kind: type[httpx.TransportError]
) -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        if came:
            at.connection.data_received(came)
        at.connection.connection_lost(error)
        with pytest.raises(kind):
            await asyncio.gather(asked, rest_of(at.connection, reply))
        assert at.connection.closed.done()


@virtual
async def test_the_other_sides_farewell_closes_it_at_once() -> None:
    with bench() as at:
        at.connection.eof_received()
        assert await at.is_gone()


@virtual
async def test_a_slow_reader_makes_the_network_wait_and_goes_on_where_it_was() -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        at.connection.data_received(HEAD + b"Content-Length: %d\r\n\r\n" % (LARGE + 1) + bytes(LARGE))
        await asked
        await settled()
        before = at.network.reads
        assert len(await at.connection.read(reply)) == LARGE
        assert (before, at.network.reads) == (False, True)
        at.connection.data_received(b"x")
        assert await at.connection.read(reply) == b"x"


@virtual
async def test_crumbs_are_read_over_several_turns_and_what_comes_meanwhile_behind_them() -> None:
    crumbs = b"1\r\nx\r\n" * READ_AT_ONCE
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        at.connection.data_received(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + crumbs)
        assert (at.network.reads, reply.pending < READ_AT_ONCE) == (False, True)
        # As asyncio's TLS may do, although reading is paused.
        at.connection.data_received(b"1\r\ny\r\n0\r\n\r\n")
        await asked
        assert await rest_of(at.connection, reply) == b"x" * READ_AT_ONCE + b"y"
        assert (at.network.reads, at.owner.idle) == (True, [at.connection])


@virtual
async def test_crumbs_that_were_not_read_when_it_ended_are_dropped() -> None:
    with bench() as at:
        _, asked = at.ask()
        await settled()
        at.connection.data_received(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * READ_AT_ONCE)
        at.connection.connection_lost(None)
        await asyncio.wait([asked])
        await settled()
        assert at.owner.gone == [at.connection]


@pytest.mark.parametrize(
    ("seconds", "closes_at"), [(5.0, 5.0), (0.0, 0.0), (math.inf, None)], ids=["some", "none", "without end"]
)
@virtual
async def test_an_idle_one_is_closed_when_its_time_is_over(seconds: float, closes_at: float | None) -> None:
    with bench() as at:
        at.connection.become_idle(seconds)
        assert virtual_loop().timers == ([] if closes_at in {None, 0.0} else [closes_at])
        await asyncio.sleep(1000)
        assert at.network.is_aborted == (closes_at is not None)


@virtual
async def test_the_time_of_an_idle_one_is_no_limit_for_the_exchange_that_follows() -> None:
    with bench() as at:
        at.connection.become_idle(5.0)
        _, asked = at.ask(read=100.0)
        await asyncio.sleep(50)
        at.connection.data_received(OK)
        await asked


@pytest.mark.parametrize("what", [b"", b"junk"], ids=["its end", "what nobody asked for"])
@virtual
async def test_an_idle_one_at_which_anything_came_has_ended(what: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        connection = Bench(ours).connection
        assert not connection.has_ended
        theirs.sendall(what)
        theirs.close()
        assert connection.has_ended


@virtual
async def test_one_that_is_closing_has_ended() -> None:
    with bench() as at:
        at.connection.abort()
        assert at.connection.has_ended
        assert await at.is_gone()


@pytest.mark.parametrize(
    ("was_used", "came", "after", "silent"),
    [
        pytest.param(True, b"", TELLING_SILENCE, True, id="cut off after a round trip's time"),
        pytest.param(True, b"", TELLING_SILENCE / 2, False, id="cut off before"),
        pytest.param(True, HEAD, TELLING_SILENCE, False, id="something came"),
        pytest.param(False, b"", TELLING_SILENCE, False, id="it is new"),
    ],
)
@virtual
async def test_it_tells_whether_it_fell_silent(was_used: bool, came: bytes, after: float, silent: bool) -> None:  # noqa: FBT001 - a table
    with bench() as at:
        if was_used:
            at.connection.become_idle(math.inf)
        _, asked = at.ask()
        await settled()
        if came:
            at.connection.data_received(came)
        await asyncio.sleep(after)
        asked.cancel()
        await asyncio.wait([asked])
        assert at.connection.was_silent == silent


@virtual
async def test_a_body_that_is_read_to_its_end_leaves_the_connection_to_whoever_has_it_by_then() -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        at.connection.data_received(OK)
        await asked
        next_reply, next_asked = at.ask()
        await settled()
        assert [piece async for piece in Body(at.connection, reply)] == [b"ok"]
        at.connection.data_received(OK)
        await next_asked
        assert (next_reply.take(), at.network.is_aborted) == (b"ok", False)


@virtual
async def test_a_body_that_is_closed_before_its_end_closes_the_connection_and_is_not_taken_for_whole() -> None:
    with bench() as at:
        reply, asked = at.ask()
        await settled()
        at.connection.data_received(HEAD + b"\r\nok")
        await asked
        body = Body(at.connection, reply)
        await body.aclose()
        assert await at.is_gone()
        assert reply.take() == b"ok"
        with pytest.raises(httpx.ReadError, match="closed before all of it was read"):
            await at.connection.read(reply)


@virtual
async def test_an_interrupt_while_it_reads_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    with bench() as at:
        _, asked = at.ask()
        await settled()
        monkeypatch.setattr(H11Reply, "feed", interrupt)
        with pytest.raises(KeyboardInterrupt):
            at.connection.data_received(OK)
        assert await at.is_gone()
        with pytest.raises(httpx.TransportError):
            await asked


# While somebody holds the event loop

READ_TIMEOUT = 2.0
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"k" * 40_000


class Peer:
    """A server that answers one request at once, while nobody else runs: it needs no event loop."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def answer(self) -> None:
        peer, _ = self._listener.accept()
        self._stack.enter_context(peer)
        assert peer.recv(4096).startswith(b"GET / HTTP/1.1")
        for piece in self._pieces:
            peer.sendall(piece)


async def get_while_held(transport: httpx.AsyncBaseTransport, peer: Peer) -> httpx.Response:
    """Send a request; hold the loop, and let the answer arrive just before the timer of the read timeout is run.

    On uvloop it is always so: timers are run before what has arrived is looked at.
    """
    loop = virtual_loop()
    loop.call_at(1.0, loop.hold, 5.0)
    loop.call_at(1.5, peer.answer)
    async with httpx.AsyncClient(transport=transport, timeout=READ_TIMEOUT) as client:
        return await client.get(peer.origin)


@pytest.mark.parametrize("make", [LaneTransport, FastTransport])
@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        pytest.param((OK,), b"ok", id="at once"),
        pytest.param((OK[:20], OK[20:-1], OK[-1:]), b"ok", id="in pieces"),
        pytest.param((LONG,), b"k" * 40_000, id="long"),
    ],
)
@virtual
async def test_what_has_arrived_is_read_before_a_read_timeout_that_rings_late(
    make: Callable[[], httpx.AsyncBaseTransport], pieces: tuple[bytes, ...], body: bytes
) -> None:
    with Peer(*pieces) as peer:
        response = await get_while_held(make(), peer)
    assert response.content == body


@virtual
async def test_an_answer_that_goes_no_further_meets_its_read_timeout_still() -> None:
    with Peer(OK[:-1]) as peer, pytest.raises(httpx.ReadTimeout):
        await get_while_held(LaneTransport(), peer)
    assert virtual_loop().time() == pytest.approx(6.0 + READ_TIMEOUT)
