"""A raw HTTP/1.1 server and proxy on a loopback port, which misbehaves exactly as a test asks.

The path of a request says what happens to it:

    /          answered at once                    /cut      the body ends midway, and the connection
    /chunked   answered in chunks                  /reset    the connection is reset before an answer
    /last      answered with `Connection: close`   /held     answered once `release` is set
    /bye       answered, then closed unannounced   /endless  the body goes on once `release` is set

It is a proxy as well: `GET http://…` is answered as above, and CONNECT leads to `tunnel_to`, whatever the
name.
"""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET, socket
from typing import NamedTuple, Self

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


HANGS = 60
"""Seconds after which a test that waits in vain is ended: only that, also where the machine is busy."""


class Seen(NamedTuple):
    """A request, and the number of the connection that it came on."""

    connection: int
    method: str
    target: str
    headers: dict[str, str]


class LoopbackServer:
    """It tells what it saw: `requests`, `connections` in all, those `open` now, and their `peak`."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        tunnel_to: "LoopbackServer | None" = None,
        listener: socket | None = None,
    ) -> None:
        self.requests: list[Seen] = []
        self.connections = 0
        self.open = 0
        self.peak = 0
        self.release = asyncio.Event()
        self.arrived = asyncio.Condition()
        self._tls = tls
        self._tunnel_to = tunnel_to
        self._listener = listener
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        if self._listener is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        else:
            self._server = await asyncio.start_server(self._accept, sock=self._listener, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.release.set()
        for writer in self._writers:
            writer.transport.abort()
        # A client that has left a connection open would keep a TLS server waiting.
        async with asyncio.timeout(HANGS):
            await asyncio.gather(*self._tasks)
            await self._server.wait_closed()

    async def saw(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)

    async def has_open(self, count: int) -> None:
        """Wait until so many connections are open."""
        async with asyncio.timeout(HANGS):
            while self.open != count:  # noqa: ASYNC110 -- closing is seen by many tasks, polling is simplest
                await asyncio.sleep(0.001)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.peak = max(self.peak, self.open)
        self._writers.add(writer)
        number = self.connections
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(number, reader, writer):
                    pass
        finally:
            self.open -= 1
            self._writers.discard(writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")[:-2]
        method, target, _ = head.split(" ")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        await reader.readexactly(int(headers.get("content-length", "0")))
        async with self.arrived:
            self.requests.append(Seen(number, method, target, headers))
            self.arrived.notify_all()
        if method == "CONNECT":
            return await self._tunnel(reader, writer)
        path = "/" + target.partition("://")[2].partition("/")[2] if "://" in target else target
        return await _ANSWERS[path.partition("?")[0]](self, writer)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self._tunnel_to is None:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return True
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._tunnel_to.port)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        back = asyncio.ensure_future(_pump(far_reader, writer))
        try:
            await _pump(reader, far_writer)
        finally:
            await back
        return False


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(65536):
            writer.write(part)
    writer.close()


async def _ok(_: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    writer.write(_OK)
    return True


async def _chunked(_: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n")
    return True


async def _last(_: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
    return False


async def _bye(_: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    writer.write(_OK)
    # Closed under TLS as nginx does: asyncio's own close would first wait for the other side's farewell.
    writer.transport.abort()
    return False


async def _cut(_: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok")
    return False


async def _reset(_: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
    return False


async def _held(server: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    await server.release.wait()
    return await _ok(server, writer)


async def _endless(server: LoopbackServer, writer: asyncio.StreamWriter) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok")
    await server.release.wait()
    writer.write(b"ok")
    return True


_ANSWERS: dict[str, Callable[[LoopbackServer, asyncio.StreamWriter], Awaitable[bool]]] = {
    "/": _ok,
    "/chunked": _chunked,
    "/last": _last,
    "/bye": _bye,
    "/cut": _cut,
    "/reset": _reset,
    "/held": _held,
    "/endless": _endless,
}
