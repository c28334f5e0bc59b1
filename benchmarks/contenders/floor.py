"""The least that Python can do: one protocol for this one purpose, on a parser in C, with nothing above it.

No timeouts, no cookies, no redirects, no retries, and it believes what it is sent. Nobody should use it; it shows what
the event loop, the sockets and the decoding cost by themselves.
"""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import httptools

from benchmarks.job import TOKENS, Poll, Scenario, Tally


class _Connection(asyncio.Protocol):
    """One connection that goes from VPS to VPS until there are none left."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._head = b""
        self._tail = b""
        self._ids: deque[int] = deque()
        self._vps_id = 0
        self._body = bytearray()
        self._whole: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def prepare(self, prefix: str, host: str) -> None:
        """Take what is the same in all requests."""
        headers = "".join(f"{name}: {value}\r\n" for name, value in TOKENS.items())
        self._head = f"GET {prefix}/api/client/vps/".encode()
        self._tail = f"/status HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n".encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)

    def drain(self, ids: deque[int]) -> "asyncio.Future[None]":
        """Read these VPSes, which other connections take from as well, until none is left."""
        self._ids = ids
        self._whole = asyncio.get_running_loop().create_future()
        self._next()
        return self._whole

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def is_closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._tally.answered(self._vps_id, json.loads(self._body)["response"])
        self._body.clear()
        if self._transport is not None and self._parser.should_keep_alive():
            self._next()
        else:
            self.close()
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if exc is not None:
            self._tally.failed(exc)
        elif self._body:
            # It had no length: its end is that of the connection. PHP's own server answers so.
            self.on_message_complete()
        self._end()

    def _next(self) -> None:
        if not self._ids or self._transport is None:
            self._end()
            return
        self._vps_id = self._ids.popleft()
        self._transport.write(b"%b%d%b" % (self._head, self._vps_id, self._tail))

    def _end(self) -> None:
        if self._whole is not None and not self._whole.done():
            self._whole.set_result(None)


@asynccontextmanager
async def by_hand(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """As many connections as calls in flight, each going from VPS to VPS."""
    url = urlsplit(setting.base)
    host, port = url.hostname or "", url.port or 443
    context = ssl.create_default_context(cafile=setting.ca) if url.scheme == "https" else None
    idle: list[_Connection] = []

    async def connect() -> _Connection:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: _Connection(tally), host, port, ssl=context)
        made.prepare(url.path, url.netloc)
        return made

    async def work(ids: deque[int]) -> None:
        # A server that closes after each answer, as PHP's own does, wants a connection for each call.
        while ids:
            connection = idle.pop() if idle else await connect()
            await connection.drain(ids)
            if not connection.is_closed:
                idle.append(connection)

    async def poll(ids: Sequence[int]) -> None:
        left = deque(ids)
        await asyncio.gather(*(work(left) for _ in range(setting.places)))

    try:
        yield poll
    finally:
        for connection in idle:
            connection.close()
