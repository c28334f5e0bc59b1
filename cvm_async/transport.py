"""`LaneTransport` gives each request a lane of its own, because httpx's pool dies under cancellation.

Cancel requests while they connect, and httpx's pool (httpcore 1.0.9) loses room for connections for good; put many in
flight, and it gets slower with each. A *lane* is one connection: a request takes an idle lane or a new one, and a lane
whose exchange did not end cleanly is closed.
"""

import ssl
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import ClassVar

import httpx

from cvm_async._checks import refuse
from cvm_async._lanes import options
from cvm_async._lanes.client import LaneClient
from cvm_async._lanes.connection import Body, Connection, Origin, origin_of
from cvm_async._lanes.httpcore.transport import HttpcoreTransport
from cvm_async._lanes.mocked import is_mocked
from cvm_async._lanes.plain import is_own, plain_transport
from cvm_async._lanes.pool import Pool
from cvm_async._lanes.proxies import Proxies, environment_proxies, is_loopback
from cvm_async._lanes.reason import safe_reason
from cvm_async._lanes.replies.choice import reader_of
from cvm_async._lanes.replies.reply import Reply
from cvm_async._lanes.routes import RoutingTransport, goes_through_proxy
from cvm_async._lanes.serialize import request_bytes
from cvm_async._lanes.slots import UnusableTransportError
from cvm_async._lanes.tls import context_maker

__all__ = [
    "Body",
    "Connection",
    "LaneClient",
    "LaneTransport",
    "Origin",
    "Pool",
    "Reply",
    "UnusableTransportError",
    "goes_through_proxy",
    "is_loopback",
    "lane_client",
    "origin_of",
    "plain_pool",
    "request_bytes",
]

# httpx's own defaults, but for its 20 idle connections: it counts busy ones into them and so drops good ones.
DEFAULT_LIMITS = httpx.Limits(max_connections=100, keepalive_expiry=5.0)
DEFAULT_TIMEOUT = httpx.Timeout(5.0)
DEFAULT_MAX_REDIRECTS = 20


class LaneTransport(httpx.AsyncBaseTransport):
    """A transport for any `httpx.AsyncClient`, sound under cancellation and as fast with many in flight.

    It speaks HTTP/1.1 by itself. What it does not do goes over httpcore, each request on a connection of its own, with
    limits of the same size beside the others: all requests where there is a proxy, `http2`, `uds`, `local_address`,
    `retries` or `socket_options`; else those with a body that is streamed to the server, `Expect`, `Upgrade`, or the
    extensions `trace`, `target` and `sni_hostname`. Only their responses have a `network_stream` in their extensions. A
    connection of HTTP/2 carries one request at a time, like any other.

    It belongs to one event loop at a time: once that loop is closed, the next one that uses the transport starts
    afresh.

    A request that must not be carried out twice (POST, PATCH) goes out on a new connection. A server closes idle ones,
    some milliseconds after they were used or minutes, and when that crosses a request on the wire, nobody can tell
    whether the request was carried out. A new connection costs a round trip, and two more for TLS.

    Args:
        verify: As in httpx, or a function that returns the `ssl.SSLContext`, called for each connection that
            needs it. All connections share one context, which is built at the first https request: loading
            the authorities takes some 20 ms of the event loop's time.
        cert: A client certificate, as in httpx.
        trust_env: Whether SSL_CERT_FILE and SSL_CERT_DIR are honoured.
        http1: Whether HTTP/1.1 may be spoken.
        http2: Whether HTTP/2 may be spoken; needs httpx's extra of that name.
        max_lanes: How many connections there may be, busy and idle, to all origins; None for no limit. More
            requests wait, first come, first served, for as long as the `pool` timeout allows.
        max_idle_lanes: How many idle connections are kept; None for all.
        keepalive_expiry: Seconds after which an idle connection is closed; None for no limit.
        fresh_within: Seconds that a connection may have been idle to be used for a POST or PATCH; for servers that are
            known to keep them open longer.
        http: What reads the answers: "httptools", in C; "h11", in Python; "auto": httptools where it is installed (the
            extra `fast`), h11 where not. Where h11 is lenient about an answer (a length beside a chunked body, two
            lengths, bare line feeds, folded headers, control characters, a version that is neither 1.0 nor 1.1), it is
            an error with httptools.
        proxy: A proxy that all requests go through.
        uds: A Unix domain socket to connect to.
        local_address: The local address to connect from.
        retries: How many times connecting is tried again.
        socket_options: Options set on each socket.

    Raises:
        ConfigurationError: An option is not what it should be; the proxy can't be used, or a certificate file that was
            named, here or by the environment. As `MissingExtraError`: `http2` without httpx's extra of that name, or
            httptools where it is asked for by name.
    """

    keeps_cookies: ClassVar[bool] = True
    """Whether a client over it keeps the cookies of answers, where it is not told."""

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
        fresh_within: float = 0.0,
        http: options.Http = "auto",
        proxy: options.Proxy | None = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Iterable[options.SocketOption] | None = None,
    ) -> None:
        options.check(
            http1=http1,
            http2=http2,
            max_lanes=max_lanes,
            max_idle_lanes=max_idle_lanes,
            keepalive_expiry=keepalive_expiry,
            fresh_within=fresh_within,
            http=http,
            proxy=proxy,
            uds=uds,
            local_address=local_address,
            retries=retries,
            socket_options=socket_options,
        )
        context = context_maker(verify, cert, trust_env=trust_env)
        self._pool = Pool(
            reader=self._reader_type(http),
            context=context,
            max_lanes=max_lanes,
            max_idle=max_idle_lanes,
            keepalive_expiry=keepalive_expiry,
            fresh_within=fresh_within,
        )
        self._others = HttpcoreTransport(
            context=context,
            http1=http1,
            http2=http2,
            max_lanes=max_lanes,
            max_idle_lanes=max_idle_lanes,
            keepalive_expiry=keepalive_expiry,
            fresh_within=fresh_within,
            proxy=proxy,
            uds=uds,
            local_address=local_address,
            retries=retries,
            socket_options=socket_options,
        )
        self._is_plain = http1 and not (http2 or proxy or uds or local_address or retries or socket_options)

    @property
    def plain_pool(self) -> Pool | None:
        """The connections of our own, where they take all that is plain HTTP/1.1; for the parts of this library."""
        return self._pool if self._is_plain and is_own(self, _HANDLE) else None

    @staticmethod
    def _reader_type(http: options.Http) -> type[Reply]:
        return reader_of(http)

    def __repr__(self) -> str:
        slots = (self._pool.slots, self._others.slots)
        busy, waiting = sum(each.busy for each in slots), sum(each.waiting for each in slots)
        idle = len(self._pool.idle) + len(self._others.idle)
        limit = slots[0].limit
        capped = "without limit" if limit == sys.maxsize else f"of at most {limit}"
        queue = f", {waiting} waiting" if waiting else ""
        closed = ", closed" if slots[0].is_closed else ""
        return f"<{type(self).__name__}: {busy} busy, {idle} idle {capped}{queue}{closed}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request on a lane of its own, which is free again once the whole answer has arrived, read or not.

        Raises:
            httpx.PoolTimeout: All lanes stayed busy for the `pool` timeout.
            httpx.TransportError: As httpx's own transport raises it.
            RuntimeError: The transport is closed, or in use on another event loop that is still alive.
        """
        wire = request_bytes(request) if self._is_plain and not is_mocked() else None
        if wire is None:
            return await self._others.handle_async_request(request)
        timeouts: Mapping[str, float | None] = request.extensions.get("timeout", {})
        connection = await self._pool.take(
            origin_of(request.url), request.method, within=timeouts.get("pool"), connect=timeouts.get("connect")
        )
        reply = self._pool.reader(to_head=request.method == "HEAD")
        await connection.exchange(wire, reply, read=timeouts.get("read"), write=timeouts.get("write"))
        return httpx.Response(
            reply.status,
            headers=reply.headers,
            stream=httpx.ByteStream(reply.take()) if reply.is_complete else Body(connection, reply),
            extensions={"http_version": reply.version, "reason_phrase": safe_reason(reply.reason)},
        )

    async def aclose(self) -> None:
        """Close the idle lanes now, the busy ones as their exchanges end; requests that wait get an error.

        One whose response is neither read to its end nor closed stays open.
        """
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._others.aclose)
            await self._pool.aclose()


_HANDLE = LaneTransport.handle_async_request


def plain_pool(client: httpx.AsyncClient, url: httpx.URL) -> Pool | None:
    """Give the connections that a client's requests to a URL go over, where it does nothing else with them.

    None where anything on it asks for more; for the parts of this library.
    """
    transport = plain_transport(client, url)
    return transport.plain_pool if isinstance(transport, LaneTransport) else None


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
    timeout: options.Timeout = DEFAULT_TIMEOUT,
    follow_redirects: bool = False,
    limits: httpx.Limits = DEFAULT_LIMITS,
    max_redirects: int = DEFAULT_MAX_REDIRECTS,
    event_hooks: options.EventHooks | None = None,
    base_url: httpx.URL | str = "",
    trust_env: bool = True,
    default_encoding: str | Callable[[bytes], str] = "utf-8",
    http: options.Http = "auto",
    keep_cookies: bool | None = None,
    over: type[LaneTransport] = LaneTransport,
) -> httpx.AsyncClient:
    """Make an `httpx.AsyncClient` over `LaneTransport`.

    The options are httpx's and mean the same, but for the last three: `http` says what reads the answers, as for
    `LaneTransport`; `over` names the kind of transport; and `keep_cookies` says whether cookies that come with answers
    are kept and sent back, as httpx does. None: over a `LaneTransport` they are, over a `FastTransport` not. Those
    given here are sent in any case. (A session never sends any, and makes its own client without.)

    The environment's proxies are honoured as httpx does, but for what is on this machine: that is always reached
    directly; and `mounts` go before them. `limits` hold for each transport: one for direct connections and one for each
    proxy. All of them share one `ssl.SSLContext`.

    Raises:
        ConfigurationError: An option is not what it should be; a proxy can't be used, or a certificate file, that was
            named here or by the environment. As `MissingExtraError`: `http2` without httpx's extra of that name, or
            httptools where it is asked for by name.
    """
    options.check(
        auth=auth,
        params=params,
        headers=headers,
        cookies=cookies,
        trust_env=trust_env,
        mounts=mounts,
        timeout=timeout,
        follow_redirects=follow_redirects,
        limits=limits,
        max_redirects=max_redirects,
        event_hooks=event_hooks,
        base_url=base_url,
        default_encoding=default_encoding,
        http=http,
        keep_cookies=keep_cookies,
    )
    # Callers may be untyped.
    if not (isinstance(over, type) and issubclass(over, LaneTransport)):  # type: ignore[redundant-expr]  # pyright: ignore[reportUnnecessaryIsInstance]
        refuse("over", "LaneTransport, or a class derived from it", over)
    make = partial(
        over,
        verify=context_maker(verify, cert, trust_env=trust_env),
        http1=http1,
        http2=http2,
        max_lanes=limits.max_connections,
        max_idle_lanes=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        http=http,
    )
    direct = make()
    proxies = environment_proxies() if trust_env and proxy is None else Proxies()
    transport: httpx.AsyncBaseTransport = direct if proxy is None else make(proxy=proxy)
    if proxies.by_scheme:
        transport = RoutingTransport(proxies, direct, lambda each: make(proxy=each))
    # No transport is there twice: whoever wraps every one of a client's, to trace it, would do so twice. To httpx, None
    # means the client's own.
    mounted = {
        pattern: RoutingTransport(Proxies(), direct, lambda each: make(proxy=each))
        if mount is None and transport is not direct
        else mount
        for pattern, mount in (mounts or {}).items()
    }
    return LaneClient(
        auth=auth,
        params=params,
        headers=headers,
        cookies=cookies,
        http1=http1,
        http2=http2,
        transport=transport,
        mounts=mounted,
        timeout=timeout,
        follow_redirects=follow_redirects,
        max_redirects=max_redirects,
        event_hooks=event_hooks,
        base_url=base_url,
        trust_env=trust_env,
        default_encoding=default_encoding,
        keep_cookies=over.keeps_cookies if keep_cookies is None else keep_cookies,
    )
