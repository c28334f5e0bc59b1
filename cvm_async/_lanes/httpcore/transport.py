"""`HttpcoreTransport` sends what takes more than plain HTTP/1.1: proxies, HTTP/2, Unix sockets, streamed bodies.

Each lane is an `httpx.AsyncHTTPTransport` with one connection. One whose exchange did not end cleanly is thrown away
whole, since httpx's pool (httpcore 1.0.9) loses room for connections for good where requests are cancelled while they
connect.
"""

import asyncio
import math
import ssl
import sys
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from importlib.util import find_spec

import httpx

from cvm_async._lanes import options
from cvm_async._lanes.httpcore.lane import HttpcoreLane, LaneStream, Origin
from cvm_async._lanes.proxies import checked_proxy
from cvm_async._lanes.reason import make_reason_safe
from cvm_async._lanes.serialize import IDEMPOTENT
from cvm_async._lanes.slots import Slots
from cvm_async._lanes.tls import unused_context, with_one_context
from cvm_async.errors import MissingExtraError

_WITH_TLS = frozenset({"https", "wss"})
# One request at a time, and we alone decide when an idle connection is too old.
_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)


class HttpcoreTransport(httpx.AsyncBaseTransport):
    """Lanes over httpcore; the options are those of `LaneTransport`."""

    def __init__(
        self,
        *,
        context: Callable[[], ssl.SSLContext],
        http1: bool,
        http2: bool,
        max_lanes: int | None,
        max_idle_lanes: int | None,
        keepalive_expiry: float | None,
        fresh_within: float,
        proxy: options.Proxy | None,
        uds: str | None,
        local_address: str | None,
        retries: int,
        socket_options: Iterable[options.SocketOption] | None,
    ) -> None:
        if http2 and not find_spec("h2"):
            raise MissingExtraError("http2 needs the package h2: pip install 'httpx[http2]'", name="h2")
        self.slots: Slots = Slots(max_lanes)
        # In the order of their last use, the longest idle first.
        self.idle: list[HttpcoreLane] = []
        self._max_idle_lanes = sys.maxsize if max_idle_lanes is None else max_idle_lanes
        self._keepalive_expiry = math.inf if keepalive_expiry is None else keepalive_expiry
        self._fresh_within = fresh_within
        self._context = context
        self.proxy = None if proxy is None else with_one_context(checked_proxy(proxy, named_by="proxy"))
        # Only of HTTP/1.1 is "there is something to read" the end of an idle connection.
        self._can_see_ends = not http2
        self._make = partial(
            httpx.AsyncHTTPTransport,
            http1=http1,
            http2=http2,
            limits=_ONE_CONNECTION,
            proxy=self.proxy,
            uds=uds,
            local_address=local_address,
            retries=retries,
            socket_options=None if socket_options is None else tuple(socket_options),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a lane of its own; the lane is free again once the response is closed.

        Raises:
            httpx.PoolTimeout: All lanes stayed busy for the `pool` timeout.
            httpx.TransportError: As httpx's own transport raises it.
            RuntimeError: The transport is closed, or in use on another event loop that is still alive.
        """
        self._enter_loop()
        await self.slots.take(request.extensions.get("timeout", {}).get("pool"))
        try:
            lane = await self._lane_for(request, asyncio.get_running_loop())
        except BaseException as error:
            self.slots.free()
            if isinstance(error, Exception):
                # The user's own context may fail in any way; nothing was sent.
                raise httpx.ConnectError(str(error)) from error
            raise
        try:
            response = await lane.exchange(request)
        except BaseException as error:
            await self._end(lane, False)
            if lane.was_used and isinstance(error, httpx.TransportError):
                await self._drop_idle_like(lane)
            raise
        # The client, too, asserts this of what a transport returns; it only tells the type.
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101
        make_reason_safe(response.extensions)
        response.stream = LaneStream(response.stream, lane=lane, end=self._end)
        return response

    async def aclose(self) -> None:
        """Close the idle lanes now, the busy ones as their responses end; requests that wait get an error."""
        self._enter_loop()
        self.slots.close()
        # The stack closes every lane, also where this call is cancelled meanwhile.
        async with AsyncExitStack() as closing:
            while self.idle:
                closing.push_async_callback(self.idle.pop().close)

    def _enter_loop(self) -> None:
        if self.slots.enter_loop():
            # On a closed loop nothing can be closed: its lanes are dropped, and asyncio warns of them.
            self.idle.clear()

    async def _lane_for(self, request: httpx.Request, loop: asyncio.AbstractEventLoop) -> HttpcoreLane:
        now = loop.time()
        while self.idle and now - self.idle[0].idle_since >= self._keepalive_expiry:
            await self.idle.pop(0).close()
        origin = (request.url.scheme, request.url.host, request.url.port)
        uses_tls = origin[0] in _WITH_TLS
        max_idle = math.inf if request.method in IDEMPOTENT else self._fresh_within
        while (lane := self._take_idle(origin, now - max_idle)) is not None:
            # httpcore would connect anew in the old lane, whose trace sees its first connection only.
            if not (uses_tls and self._can_see_ends and lane.has_ended()):
                return lane
            await lane.close()
        if self.slots.busy + len(self.idle) > self.slots.limit:
            await self.idle.pop(0).close()
        context = self._context() if uses_tls else unused_context()
        return HttpcoreLane(self._make(verify=context), origin, loop)

    def _take_idle(self, origin: Origin, used_after: float) -> HttpcoreLane | None:
        for index in range(len(self.idle) - 1, -1, -1):
            lane = self.idle[index]
            if lane.idle_since <= used_after:
                return None
            if lane.origin == origin:
                return self.idle.pop(index)
        return None

    async def _drop_idle_like(self, silent: HttpcoreLane) -> None:
        """Close the idle lanes to the same origin that have served nothing since, as `Pool` does."""
        doubtful = [lane for lane in self.idle if lane.origin == silent.origin and lane.idle_since <= silent.began]
        self.idle = [lane for lane in self.idle if lane not in doubtful]
        for lane in doubtful:
            await lane.close()

    async def _end(self, lane: HttpcoreLane, is_sound: bool) -> None:  # noqa: FBT001 -- the signature of a Callable
        if lane.loop is not self.slots.loop:
            # It was dropped together with its loop.
            return
        try:
            if not is_sound or self.slots.is_closed:
                await lane.close()
                return
            lane.become_idle()
            self.idle.append(lane)
            if len(self.idle) > self._max_idle_lanes:
                await self.idle.pop(0).close()
        finally:
            self.slots.free()
