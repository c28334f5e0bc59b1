"""`LaneTransport` gives each request a lane of its own, because httpx's pool dies under cancellation.

Cancel requests while they connect, and httpx's pool (httpcore 1.0.9) loses places for good; put many in
flight, and it gets slower with each. A *lane* is one `httpx.AsyncHTTPTransport` with one connection: a
request takes an idle lane or a new one, and a lane whose exchange did not end cleanly is thrown away whole.
So no state outlives a mishap, and finding a connection costs the same with 10 in flight as with 1,000.
"""

import asyncio
import math
import ssl
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial

import httpx

from cvm_async import _httpx_options as options
from cvm_async._env_proxies import environment_proxies
from cvm_async._lane import Lane, LaneStream, Origin
from cvm_async._tls import context_maker, unused_context, with_one_context

__all__ = ["LaneTransport", "lane_client"]

# The methods that may be carried out twice without harm. Source: RFC 9110, section 9.2.2.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_WITH_TLS = frozenset({"https", "wss"})
# One request at a time, and we alone decide when an idle connection is too old.
_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
# httpx's own defaults, but for its 20 idle connections: it counts busy ones into them and so drops good ones.
_DEFAULT_LIMITS = httpx.Limits(max_connections=100, keepalive_expiry=5.0)
_DEFAULT_TIMEOUT = httpx.Timeout(5.0)
_DEFAULT_MAX_REDIRECTS = 20


class LaneTransport(httpx.AsyncBaseTransport):
    """A transport for any `httpx.AsyncClient`, sound under cancellation and as fast with many in flight.

    It belongs to one event loop at a time: once that loop is closed, the next one that uses the transport
    starts afresh. A connection of HTTP/2 carries one request at a time, like any other.

    A request that must not be carried out twice (POST, PATCH) goes out only on a connection that is new or
    was used just now. A server closes idle connections, and when that crosses a request on the wire, nobody
    can tell whether the request was carried out.

    Args:
        verify: As in httpx, or a function that returns the `ssl.SSLContext`, called for each connection that
            needs it. All connections share one context, which is built at the first https request: loading
            the authorities takes some 20 ms of the event loop's time.
        cert: A client certificate, as in httpx.
        trust_env: Whether SSL_CERT_FILE and SSL_CERT_DIR are honoured.
        http1: Whether HTTP/1.1 may be spoken.
        http2: Whether HTTP/2 may be spoken; needs httpx's extra of that name.
        max_lanes: How many connections there may be, busy and idle, to all origins; None for no limit. More
            requests wait their turn, first come, first served, for as long as the `pool` timeout allows.
        max_idle_lanes: How many idle connections are kept; None for all.
        keepalive_expiry: Seconds after which an idle connection is not used again; None for no limit. It is
            closed when a request is sent next.
        fresh_within: Seconds that a connection may have been idle to be used for a POST or PATCH.
        proxy: A proxy that all requests go through.
        uds: A Unix domain socket to connect to.
        local_address: The local address to connect from.
        retries: How many times connecting is tried again.
        socket_options: Options set on each socket.

    Raises:
        ValueError: `max_lanes` is below 1, or the proxy's URL has a scheme that httpx does not know.
        OSError: A certificate file that was named can't be read.
    """

    def __init__(
        self,
        *,
        verify: options.Verify | Callable[[], ssl.SSLContext] = True,
        cert: options.Cert | None = None,
        trust_env: bool = True,
        http1: bool = True,
        http2: bool = False,
        max_lanes: int | None = 100,
        max_idle_lanes: int | None = None,
        keepalive_expiry: float | None = 5.0,
        fresh_within: float = 1.0,
        proxy: options.Proxy | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[options.SocketOption] | None = None,
    ) -> None:
        if max_lanes is not None and max_lanes < 1:
            raise ValueError(f"max_lanes must be at least 1, not {max_lanes}.")
        self._max_lanes = sys.maxsize if max_lanes is None else max_lanes
        self._max_idle_lanes = sys.maxsize if max_idle_lanes is None else max_idle_lanes
        self._keepalive_expiry = math.inf if keepalive_expiry is None else keepalive_expiry
        self._fresh_within = fresh_within
        self._tls_context = context_maker(verify, cert, trust_env=trust_env)
        # What there is to read tells the end of an HTTP/1.1 connection only.
        self._can_see_ends = not http2
        self._make = partial(
            httpx.AsyncHTTPTransport,
            http1=http1,
            http2=http2,
            limits=_ONE_CONNECTION,
            proxy=None if proxy is None else with_one_context(proxy),
            uds=uds,
            local_address=local_address,
            retries=retries,
            socket_options=None if socket_options is None else tuple(socket_options),
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False
        self._start_afresh()

    def _start_afresh(self) -> None:
        # In the order of their last use, the longest idle first.
        self._idle: list[Lane] = []
        # A place is the right to have a lane busy; asyncio's semaphore is fair, and sound under cancellation.
        self._places = asyncio.Semaphore(self._max_lanes)
        self._busy = 0
        self._waiting = 0

    def __repr__(self) -> str:
        limit = "without limit" if self._max_lanes == sys.maxsize else f"of at most {self._max_lanes}"
        waiting = f", {self._waiting} waiting" if self._waiting else ""
        closed = ", closed" if self._is_closed else ""
        return f"<LaneTransport: {self._busy} busy, {len(self._idle)} idle {limit}{waiting}{closed}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a lane of its own; the lane is free again once the response is closed.

        Raises:
            httpx.PoolTimeout: All lanes stayed busy for the `pool` timeout.
            httpx.TransportError: As httpx's own transport raises it.
            RuntimeError: The transport is closed, or in use on another event loop that is still alive.
        """
        loop = self._enter_loop()
        await self._take_place(request)
        try:
            lane = await self._lane_for(request, loop)
        except BaseException:
            self._give_place_back()
            raise
        try:
            response = await lane.exchange(request)
        except BaseException:
            await self._end(lane, False)
            raise
        # The client, too, asserts this of what a transport returns; it only tells the type.
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101
        response.stream = LaneStream(response.stream, lane=lane, end=self._end)
        return response

    async def aclose(self) -> None:
        """Close the idle lanes now, the busy ones as their responses end; requests that wait get an error."""
        self._enter_loop()
        self._is_closed = True
        for _ in range(self._waiting):
            self._places.release()
        # The stack closes every lane, also where this call is cancelled meanwhile.
        async with AsyncExitStack() as closing:
            while self._idle:
                closing.push_async_callback(self._idle.pop().close)

    def _enter_loop(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            if self._loop is not None and not self._loop.is_closed():
                raise RuntimeError("This LaneTransport is in use on another event loop; make one for each.")
            # On a closed loop nothing can be closed: its lanes are dropped, and asyncio warns of them.
            self._start_afresh()
            self._loop = loop
        return loop

    async def _take_place(self, request: httpx.Request) -> None:
        if self._is_closed:
            raise RuntimeError("Cannot send a request, as the transport has been closed.")
        if self._places.locked():
            await self._wait_for_place(request)
        else:
            # This does not suspend.
            await self._places.acquire()
        self._busy += 1

    async def _wait_for_place(self, request: httpx.Request) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("pool")):
                await self._places.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout(f"All {self._max_lanes} lanes stayed busy.", request=request) from error
        finally:
            self._waiting -= 1
        if self._is_closed:
            raise RuntimeError("The transport was closed while the request waited for a lane.")

    def _give_place_back(self) -> None:
        self._busy -= 1
        self._places.release()

    async def _lane_for(self, request: httpx.Request, loop: asyncio.AbstractEventLoop) -> Lane:
        now = loop.time()
        while self._idle and now - self._idle[0].idle_since >= self._keepalive_expiry:
            await self._idle.pop(0).close()
        origin = (request.url.scheme, request.url.host, request.url.port)
        uses_tls = origin[0] in _WITH_TLS
        max_idle = math.inf if request.method in _IDEMPOTENT else self._fresh_within
        while (lane := self._take_idle(origin, now - max_idle)) is not None:
            # httpcore would connect anew in the old lane, which watches only its first connection being made.
            if not (uses_tls and self._can_see_ends and lane.has_ended()):
                return lane
            await lane.close()
        if self._busy + len(self._idle) > self._max_lanes:
            await self._idle.pop(0).close()
        context = self._tls_context() if uses_tls else unused_context()
        return Lane(self._make(verify=context), origin, loop)

    def _take_idle(self, origin: Origin, used_after: float) -> Lane | None:
        for index in range(len(self._idle) - 1, -1, -1):
            lane = self._idle[index]
            if lane.idle_since <= used_after:
                return None
            if lane.origin == origin:
                return self._idle.pop(index)
        return None

    async def _end(self, lane: Lane, is_sound: bool) -> None:  # noqa: FBT001 -- the signature of a Callable
        if lane.loop is not self._loop:
            # It was dropped together with its loop.
            return
        try:
            if not is_sound or self._is_closed:
                await lane.close()
                return
            lane.idle_since = lane.loop.time()
            self._idle.append(lane)
            if len(self._idle) > self._max_idle_lanes:
                await self._idle.pop(0).close()
        finally:
            self._give_place_back()


def proxy_mounts(
    make: "Callable[..., LaneTransport]", proxy: options.Proxy | None, *, trust_env: bool
) -> dict[str, httpx.AsyncBaseTransport | None]:
    """Make a client's `mounts` for the proxy that was named, or else for those of the environment; not for users."""
    proxies: Mapping[str, options.Proxy | None] = {}
    if proxy is not None:
        proxies = {"all://": proxy}
    elif trust_env:
        proxies = environment_proxies()
    return {pattern: None if url is None else make(proxy=url) for pattern, url in proxies.items()}


def lane_client(
    *,
    auth: options.Auth | None = None,
    params: options.Params | None = None,
    headers: options.Headers | None = None,
    cookies: options.Cookies | None = None,
    verify: options.Verify = True,
    cert: options.Cert | None = None,
    http1: bool = True,
    http2: bool = False,
    proxy: options.Proxy | None = None,
    mounts: Mapping[str, httpx.AsyncBaseTransport | None] | None = None,
    timeout: options.Timeout = _DEFAULT_TIMEOUT,
    follow_redirects: bool = False,
    limits: httpx.Limits = _DEFAULT_LIMITS,
    max_redirects: int = _DEFAULT_MAX_REDIRECTS,
    event_hooks: options.EventHooks | None = None,
    base_url: httpx.URL | str = "",
    trust_env: bool = True,
    default_encoding: str | Callable[[bytes], str] = "utf-8",
) -> httpx.AsyncClient:
    """Make a plain `httpx.AsyncClient` over `LaneTransport`; the options are httpx's and mean the same.

    The environment's proxies are honoured as httpx does. `limits` hold for each transport: one for direct
    connections and one for each proxy. All of them share one `ssl.SSLContext`.

    Raises:
        ImportError: `http2` was asked for without httpx's extra of that name.
        OSError: A certificate file that was named can't be read.
        ValueError: A proxy's URL has a scheme that httpx does not know.
    """
    make = partial(
        LaneTransport,
        verify=context_maker(verify, cert, trust_env=trust_env),
        http1=http1,
        http2=http2,
        max_lanes=limits.max_connections,
        max_idle_lanes=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
    )
    return httpx.AsyncClient(
        auth=auth,
        params=params,
        headers=headers,
        cookies=cookies,
        http1=http1,
        http2=http2,
        transport=make(),
        mounts={**proxy_mounts(make, proxy, trust_env=trust_env), **(mounts or {})},
        timeout=timeout,
        follow_redirects=follow_redirects,
        max_redirects=max_redirects,
        event_hooks=event_hooks,
        base_url=base_url,
        trust_env=trust_env,
        default_encoding=default_encoding,
    )
