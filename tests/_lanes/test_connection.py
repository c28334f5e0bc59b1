import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Self

import httpx
import pytest
from scripted import OK
from virtual_time import virtual, virtual_loop

from cvm_async.fast import FastTransport
from cvm_async.transport import LaneTransport

READ_TIMEOUT = 2.0
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + b"k" * 40_000


class Peer:
    """A server that answers one request at once, while nobody else runs: it needs no event loop."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self._stack = ExitStack()

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
