"""`FastTransport` speaks HTTP/1.1 through a parser in C, since two thirds of a call's time in httpx are spent below it.

With it, and without the steps that do nothing for a plain request (`_fast_client`), an `httpx.AsyncClient` answers more
calls a second than aiohttp. What is not plain goes the way it always went: over a `LaneTransport`.
"""

import asyncio
import math
import re
import ssl
import sys
from collections.abc import Callable, Mapping
from functools import partial

import httpx

from cvm_async import _httpx_options as options
from cvm_async._dial import dial
from cvm_async._fast_client import FastClient
from cvm_async._http1 import Body, Connection
from cvm_async._reply import Reply
from cvm_async._tls import context_maker
from cvm_async.transport import LaneTransport, proxy_mounts

__all__ = ["FastTransport", "fast_client"]

# The methods that may be carried out twice without harm. Source: RFC 9110, section 9.2.2.
_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_PORTS = {"http": 80, "https": 443}
# Headers by which a request asks for more than we do, unless all they say is "keep-alive".
_UNCOMMON = frozenset({b"connection", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"})
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# What RFC 9112 allows in a head, sections 3 and 5.
_SOUND_HEAD = re.compile(
    rb"%b [!-~]+ HTTP/1\.1\r\n(?:%b: (?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)*\r\n"
    % (_TOKEN, _TOKEN)
)
_DEFAULT_LIMITS = httpx.Limits(max_connections=100, keepalive_expiry=5.0)
_DEFAULT_TIMEOUT = httpx.Timeout(5.0)
_DEFAULT_MAX_REDIRECTS = 20


class FastTransport(httpx.AsyncBaseTransport):
    """A transport for any `httpx.AsyncClient` that speaks HTTP/1.1 to http and https origins, and does so fast.

    A connection is used again only after an exchange that ended cleanly; however else one ends, cancellation
    included, exactly its connection is closed. A request that must not be carried out twice (POST, PATCH) goes out only
    on a connection that is new or was used just now. Where httpx would be lenient about an answer's framing (a length
    beside a chunked body, two lengths, bare line feeds, folded headers), it is an error here.

    What it does not do goes to a `LaneTransport` inside it, which has as many connections of its own: a body that is
    streamed to the server, `Expect`, `Upgrade`, the extensions `trace`, `target` and `sni_hostname`, and whatever httpx
    refuses. A response has no `network_stream` in its extensions.

    It belongs to one event loop at a time: once that loop is closed, the next one that uses the transport starts
    afresh.

    Args:
        verify: As in httpx, or a function that returns the `ssl.SSLContext`, called at the first https request.
        cert: A client certificate, as in httpx.
        trust_env: Whether SSL_CERT_FILE and SSL_CERT_DIR are honoured.
        max_connections: How many connections there may be, busy and idle, to all origins; None for no limit. Further
            requests wait their turn, first come, first served, for as long as the `pool` timeout allows.
        max_idle_connections: How many idle connections are kept; None for as many as there may be.
        keepalive_expiry: Seconds after which an idle connection is closed; None for no limit.
        fresh_within: Seconds that a connection may have been idle to be used for a POST or PATCH.
    """

    def __init__(
        self,
        *,
        verify: options.Verify | Callable[[], ssl.SSLContext] = True,
        cert: options.Cert | None = None,
        trust_env: bool = True,
        max_connections: int | None = 100,
        max_idle_connections: int | None = None,
        keepalive_expiry: float | None = 5.0,
        fresh_within: float = 1.0,
    ) -> None:
        if max_connections is not None and max_connections < 1:
            raise ValueError(f"max_connections must be at least 1, not {max_connections}.")
        self._context = context_maker(verify, cert, trust_env=trust_env)
        self._max_connections = sys.maxsize if max_connections is None else max_connections
        self._max_idle = math.inf if max_idle_connections is None else max_idle_connections
        self._keepalive_expiry = keepalive_expiry
        self._usable_within = math.inf if keepalive_expiry is None else keepalive_expiry
        self._fresh_within = min(fresh_within, self._usable_within)
        self._lanes = LaneTransport(
            verify=self._context,
            max_lanes=max_connections,
            max_idle_lanes=max_idle_connections,
            keepalive_expiry=keepalive_expiry,
            fresh_within=fresh_within,
        )
        self._places = asyncio.Semaphore(self._max_connections)
        self._busy = 0
        # In the order of their last use; a dict for want of an ordered set.
        self._idle: dict[Connection, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        limit = "without limit" if self._max_connections == sys.maxsize else f"of at most {self._max_connections}"
        closed = ", closed" if self._is_closed else ""
        return f"<FastTransport: {self._busy} busy, {len(self._idle)} idle {limit}{closed}>"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its connection is free again once the whole answer has arrived, read or not.

        Raises:
            httpx.PoolTimeout: All connections stayed busy for the `pool` timeout.
            httpx.TransportError: As httpx's own transport raises it.
            RuntimeError: The transport is closed, or in use on another event loop that is still alive.
        """
        wire = _on_the_wire(request)
        if wire is None:
            return await self._lanes.handle_async_request(request)
        self._enter_loop()
        timeouts: Mapping[str, float | None] = request.extensions.get("timeout", {})
        await self._take_place(timeouts.get("pool"))
        try:
            connection = self._idle_connection(request) or await self._connect(request.url, timeouts.get("connect"))
        except BaseException:
            self._free_place()
            raise
        # From here on the place is the connection's: `keep` or `forget` frees it.
        reply = Reply(to_head=request.method == "HEAD")
        await connection.exchange(wire, reply, read=timeouts.get("read"), write=timeouts.get("write"))
        return httpx.Response(
            reply.status,
            headers=reply.headers,
            stream=httpx.ByteStream(reply.take()) if reply.is_complete else Body(connection, reply),
            extensions={"http_version": reply.version, "reason_phrase": reply.reason},
        )

    async def aclose(self) -> None:
        """Close the idle connections now and the busy ones as they end; who waits for a turn gets an error."""
        self._enter_loop()
        self._is_closed = True
        closing = [connection.closed for connection in self._idle]
        for connection in self._idle:
            connection.abort()
        self._idle.clear()
        if closing:
            await asyncio.wait(closing)
        await self._lanes.aclose()

    def keep(self, connection: Connection) -> None:
        """Take back a connection whose exchange ended cleanly; not for users."""
        self._free_place()
        connection.rest(self._keepalive_expiry)
        self._idle[connection] = None
        if self._is_closed or len(self._idle) > self._max_idle:
            self._drop_oldest()

    def forget(self, connection: Connection) -> None:
        """Learn that a connection is gone; not for users."""
        self._idle.pop(connection, None)
        if connection.is_busy:
            self._free_place()

    def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return
        if self._loop is not None and not self._loop.is_closed():
            raise RuntimeError("This FastTransport is in use on another event loop; make one for each loop.")
        # Nothing can be closed on a closed loop: its connections are dropped, and asyncio warns of their sockets.
        self._idle.clear()
        self._places = asyncio.Semaphore(self._max_connections)
        self._busy = 0
        self._loop = loop

    async def _take_place(self, within: float | None) -> None:
        if self._places.locked():
            try:
                async with asyncio.timeout(within):
                    await self._places.acquire()
            except TimeoutError as error:
                raise httpx.PoolTimeout(f"All {self._max_connections} connections stayed busy.") from error
        else:
            await self._places.acquire()
        self._busy += 1
        if self._is_closed:
            self._free_place()
            raise RuntimeError("Cannot send a request, as the transport has been closed.")

    def _free_place(self) -> None:
        self._busy -= 1
        self._places.release()

    def _idle_connection(self, request: httpx.Request) -> Connection | None:
        if not self._idle:
            return None
        origin = (request.url.scheme, request.url.host, request.url.port)
        within = self._usable_within if request.method in _IDEMPOTENT else self._fresh_within
        for connection in reversed(self._idle):
            if connection.loop.time() - connection.idle_since >= within:
                return None
            # One that is closing learned so only now, and is forgotten in a moment.
            if connection.origin == origin and not connection.is_closing:
                del self._idle[connection]
                return connection
        return None

    async def _connect(self, url: httpx.URL, within: float | None) -> Connection:
        if self._busy + len(self._idle) > self._max_connections:
            self._drop_oldest()
        loop = asyncio.get_running_loop()
        context = None
        if url.scheme == "https":
            context = self._context()
            context.set_alpn_protocols(["http/1.1"])
        host = url.raw_host.decode("ascii")
        make = partial(Connection, self, (url.scheme, url.host, url.port))
        try:
            async with asyncio.timeout(within):
                sock = await dial(host, url.port or _PORTS[url.scheme])
                _, connection = await loop.create_connection(
                    make, sock=sock, ssl=context, server_hostname=None if context is None else host
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"not connected within {within} s") from error
        except (OSError, ValueError) as error:
            # ValueError: a name that can't be one.
            raise httpx.ConnectError(str(error)) from error
        return connection

    def _drop_oldest(self) -> None:
        oldest = next(iter(self._idle))
        del self._idle[oldest]
        oldest.abort()


def _on_the_wire(request: httpx.Request) -> bytes | None:
    """The request as its bytes, or None if it takes more than sending them."""
    if (
        request.url.scheme not in _PORTS
        or not isinstance(request.stream, httpx.ByteStream)
        or request.method == "CONNECT"
        or len(request.extensions) > ("timeout" in request.extensions)
    ):
        return None
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)]
    hosts = 0
    lengths: list[bytes] = []
    for name, value in request.headers.raw:
        lowered = name.lower()
        if lowered == b"host":
            hosts += 1
        elif lowered == b"content-length":
            lengths.append(value)
        elif lowered in _UNCOMMON and value.lower() != b"keep-alive":
            return None
        lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(b"\r\n")
    head = b"".join(lines)
    body = request.read()
    is_framed = lengths == [b"%d" % len(body)] if lengths or body else True
    # A line feed more than we wrote began a header that nobody named.
    is_sound = head.count(b"\n") == len(lines) and _SOUND_HEAD.fullmatch(head) is not None
    if hosts != 1 or not is_framed or not is_sound:
        return None
    return head + body


def fast_client(
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
    """Make an `httpx.AsyncClient` over `FastTransport`; the options are httpx's and mean the same.

    It keeps no cookies: those given here are sent, those that come with an answer are not kept. Proxies (also those of
    the environment) and HTTP/2 are served by `LaneTransport`, at its speed. `limits` hold for each transport.

    Raises:
        ImportError: `http2` was asked for without httpx's extra of that name.
        ValueError: A proxy's URL has a scheme that httpx does not know.
    """
    context = context_maker(verify, cert, trust_env=trust_env)
    make_lanes = partial(
        LaneTransport,
        verify=context,
        http1=http1,
        http2=http2,
        max_lanes=limits.max_connections,
        max_idle_lanes=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
    )
    mounted = {**proxy_mounts(make_lanes, proxy, trust_env=trust_env), **(mounts or {})}
    transport: httpx.AsyncBaseTransport
    if http2 or not http1:
        transport = make_lanes()
    else:
        transport = FastTransport(
            verify=context,
            max_connections=limits.max_connections,
            max_idle_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
        )
    client = FastClient(
        auth=auth,
        params=params,
        headers=headers,
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
    )
    client.cookies = cookies
    client.direct = None if mounted else transport
    client.encoding = default_encoding
    return client
