"""A lane is one connection, in an `httpx.AsyncHTTPTransport` of its own, and its end leaves no socket behind.

httpcore keeps a pool in each such transport, and a cancelled request can leave that pool in a bad state. A
pool of one connection that is thrown away after the first unclean end never gets to use its bad state.

What makes the end safe, at whatever point it comes: httpcore's `aclose` aborts the socket before it first
suspends, so that even a cancelled clean-up has closed it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import anyio
import httpx
from attrs import define, field

Origin: TypeAlias = tuple[str, str, int | None]
# `Any`: httpcore hands each event's own arguments to the trace.
Trace: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[None]]

# Seconds. Aborting takes one turn of the event loop; the limit is for a transport that never returns.
_CLOSE_WITHIN = 2.0

_CONNECTED = (".connect_tcp.complete", ".connect_unix_socket.complete")


class Stream(Protocol):
    """What we need of the stream that httpcore's trace shows us."""

    async def aclose(self) -> None: ...

    # `Any`: so typed by httpcore, for it depends on `info`.
    def get_extra_info(self, info: str) -> Any: ...  # noqa: ANN401


@define(eq=False)
class HttpcoreLane:
    """One connection to one origin, on the event loop that it was opened on."""

    http: httpx.AsyncHTTPTransport
    origin: Origin
    loop: asyncio.AbstractEventLoop
    idle_since: float = 0.0
    began: float = 0.0
    was_used: bool = False
    _connection: Stream | None = field(default=None, init=False)

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer, whose body is still to be read."""
        self.began = self.loop.time()
        if self._connection is not None:
            return await self.http.handle_async_request(request)
        extensions = request.extensions
        request.extensions = {**extensions, "trace": self._watch(extensions.get("trace"))}
        try:
            return await self.http.handle_async_request(request)
        finally:
            request.extensions = extensions

    def become_idle(self) -> None:
        """Be idle from now on."""
        self.was_used = True
        self.idle_since = self.loop.time()

    def has_ended(self) -> bool:
        """Tell whether the other side, or httpcore, has closed the connection.

        An idle connection of HTTP/1.1 has nothing to read but its end.
        """
        return self._connection is not None and bool(self._connection.get_extra_info("is_readable"))

    async def close(self) -> None:
        """Close the socket, also where the caller is being cancelled, and in any case return soon."""
        with anyio.move_on_after(_CLOSE_WITHIN, shield=True):
            try:
                await self.http.aclose()
            finally:
                if self._connection is not None:
                    await self._connection.aclose()

    def _watch(self, users_trace: Trace | None) -> Trace:
        # When a TLS handshake is cancelled, httpcore 1.0.9 drops the TCP connection without closing it:
        # `AnyIOStream.start_tls` sees to an `Exception` only. The trace is the public way to get hold of it.
        async def trace(event: str, details: dict[str, Any]) -> None:
            if event.endswith(_CONNECTED):
                self._connection = details["return_value"]
            if users_trace is not None:
                await users_trace(event, details)

        return trace


class LaneStream(httpx.AsyncByteStream):
    """A response's body that tells, once closed, whether its exchange ended cleanly."""

    def __init__(
        self, body: httpx.AsyncByteStream, *, lane: HttpcoreLane, end: Callable[[HttpcoreLane, bool], Awaitable[None]]
    ) -> None:
        self._body = body
        self._lane = lane
        self._end = end
        self._was_read = False
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part
        self._was_read = True

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        is_sound = False
        try:
            await self._body.aclose()
            is_sound = self._was_read
        finally:
            await self._end(self._lane, is_sound)
