"""`Pool` hands out connections: idle ones that are sound and young enough, or new ones.

To one origin, finding one costs the same with 10 requests in flight as with 1,000; and a connection whose exchange
failed is closed, never repaired.
"""

import asyncio
import math
import ssl
from collections.abc import Callable

import httpx

from cvm_async._deadline import Deadline
from cvm_async._lanes.connection import Connection, Origin
from cvm_async._lanes.dial import dial
from cvm_async._lanes.replies.reply import Reply
from cvm_async._lanes.serialize import IDEMPOTENT
from cvm_async._lanes.slots import Slots

_PORTS = {"http": 80, "https": 443}


class Pool:
    """Connections to any number of origins, on one event loop.

    Args:
        reader: Reads an answer.
        context: Makes the `ssl.SSLContext` that all share, once the first https request needs it.
        max_lanes: How many connections there may be, busy and idle.
        max_idle: How many idle ones are kept.
        keepalive_expiry: Seconds after which an idle one is closed; None for no limit.
        fresh_within: Seconds that one may have been idle for a request that must not be carried out twice.
    """

    def __init__(
        self,
        *,
        reader: type[Reply],
        context: Callable[[], ssl.SSLContext],
        max_lanes: int | None,
        max_idle: int | None,
        keepalive_expiry: float | None,
        fresh_within: float,
    ) -> None:
        self.reader: type[Reply] = reader
        self.slots: Slots = Slots(max_lanes)
        # In the order of their last use; a dict for want of an ordered set.
        self.idle: dict[Connection, None] = {}
        self._context = context
        self._max_idle = math.inf if max_idle is None else max_idle
        self._keepalive_expiry = math.inf if keepalive_expiry is None else keepalive_expiry
        self._fresh_within = min(fresh_within, self._keepalive_expiry)

    async def take(self, origin: Origin, method: str, *, within: float | None, connect: float | None) -> Connection:
        """Find a connection for a request, waiting for a slot if need be; it comes back by itself.

        Args:
            origin: Where the request goes.
            method: Its method.
            within: Seconds to wait for a slot.
            connect: Seconds that a new connection may take.

        Raises:
            httpx.PoolTimeout: All connections stayed busy for the `pool` timeout.
            httpx.ConnectTimeout, httpx.ConnectError: There is none to be had.
            RuntimeError: The pool is closed, or in use on another event loop that is still alive.
        """
        self._enter_loop()
        await self.slots.take(within)
        try:
            return self._idle_for(origin, method) or await self._connect(origin, connect)
        except BaseException:
            self.slots.free()
            raise

    async def aclose(self) -> None:
        """Close the idle connections now and the busy ones as they end; requests that wait for a slot get an error.

        A busy one is closed after its exchange, or with its response.
        """
        self._enter_loop()
        self.slots.close()
        closing = [connection.closed for connection in self.idle]
        for connection in self.idle:
            connection.abort()
        self.idle.clear()
        if closing:
            await asyncio.wait(closing)

    def put_back(self, connection: Connection) -> None:
        """Take back a connection whose exchange ended cleanly."""
        connection.become_idle(self._keepalive_expiry)
        self.idle[connection] = None
        self.slots.free()
        if self.slots.is_closed or len(self.idle) > self._max_idle:
            self._drop_oldest()

    def remove(self, connection: Connection) -> None:
        """Take note that a connection is lost."""
        self.idle.pop(connection, None)
        if connection.was_silent:
            self._drop_idle_like(connection)
        if connection.is_busy:
            self.slots.free()

    def _enter_loop(self) -> None:
        if self.slots.enter_loop():
            # On a closed loop nothing can be closed: its connections are dropped, and asyncio warns of their sockets.
            self.idle.clear()

    def _idle_for(self, origin: Origin, method: str) -> Connection | None:
        if not self.idle:
            return None
        within = self._keepalive_expiry if method in IDEMPOTENT else self._fresh_within
        for connection in reversed(self.idle):
            if connection.loop.time() - connection.idle_since >= within:
                return None
            # One that has ended is passed over: the event loop will notice, and then it is removed.
            if connection.origin == origin and not connection.has_ended:
                del self.idle[connection]
                return connection
        return None

    async def _connect(self, origin: Origin, within: float | None) -> Connection:
        if self.slots.busy + len(self.idle) > self.slots.limit:
            # Closed before another is opened, so that the server never sees more than the limit.
            await asyncio.wait([self._drop_oldest().closed])
        connection = Connection(self, origin)
        try:
            with Deadline(within):
                await self._open(connection, origin)
                return connection
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except Exception as error:
            # Besides the network's: a name or a port that can't be one, and whatever a context of the user's raises.
            raise httpx.ConnectError(str(error)) from error
        raise httpx.ConnectTimeout(f"not connected within {within} s")

    async def _open(self, connection: Connection, origin: Origin) -> None:
        scheme, host, port = origin
        context = self._context() if scheme == "https" else None
        sock = await dial(host, _PORTS[scheme] if port is None else port)
        if context is not None:
            # Each time, as httpcore shares the context, and asks for HTTP/2.
            context.set_alpn_protocols(["http/1.1"])
        try:
            await connection.loop.create_connection(
                lambda: connection, sock=sock, ssl=context, server_hostname=None if context is None else host
            )
        except BaseException as error:
            if connection.is_made:
                # asyncio would send TLS's `close_notify`, and wait half a minute for the answer.
                connection.abort()
            elif not isinstance(error, (OSError, asyncio.CancelledError)):
                # The context failed before there was a transport to own the socket.
                sock.close()
            raise

    def _drop_idle_like(self, silent: Connection) -> None:
        """Close idle ones to that origin that have served nothing since: the network may have dropped them, too.

        A retry would else take one after the other, and wait for each.
        """
        for connection in [*self.idle]:
            if connection.origin == silent.origin and connection.idle_since <= silent.began:
                del self.idle[connection]
                connection.abort()

    def _drop_oldest(self) -> Connection:
        oldest = next(iter(self.idle))
        del self.idle[oldest]
        oldest.abort()
        return oldest
