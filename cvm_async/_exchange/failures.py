"""What a foreign error means: whether the request was sent, whether trying again may help, what a person can do.

To believe a power action unsent and to be wrong would be to carry it out twice. So all counts as sent that is not known
to come from before the first byte of the request.
"""

import contextlib
import socket
import ssl
import traceback
from collections.abc import Iterator
from typing import Final

import httpx

from cvm_async._exchange.request import Request
from cvm_async.transport import LaneClient, UnusableTransportError

NEVER_SENT: Final = (
    httpx.ConnectError,  # Refused, no route, no such name, and a failed TLS handshake: httpcore maps them all here.
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # Raised for CONNECT and SOCKS only, before the request itself.
    httpx.UnsupportedProtocol,
)
"""What httpx raises before the first byte of the request is written."""

_AIOHTTP_NEVER_SENT: Final = {
    "ClientConnectorError",
    "ClientHttpProxyError",
    "ConnectionTimeoutError",
    "InvalidURL",
    "NonHttpUrlClientError",
    "ServerFingerprintMismatch",
}
"""httpx-aiohttp (0.2.0) says `ConnectTimeout` for every connection error of aiohttp's, also where the connection was
lost after the request: only of these, and what is derived from them, is it true."""

_CONNECTING: Final = {"connect_tcp", "connect_unix_socket", "start_tls"}
"""Public names in httpcore's network backends for what comes before a request; it does not map all of their errors."""

_CONNECTING_MODULES: Final = {"cvm_async._lanes.pool", "cvm_async._lanes.slots"}
"""Where our own transports wait for a connection, or open one."""

_TRANSPORTING: Final = {"handle_async_request", "read_body", "unpack_body"}
"""Functions that an error of a transport's comes through, and none of a hook's."""

_PLAIN_CLIENTS: Final = {httpx.AsyncClient, LaneClient}
"""Clients that send by handing the request to a transport. What a class derived from them does is its own affair."""

_PASSING_TLS_REASONS: Final = {"UNEXPECTED_EOF_WHILE_READING", "TLSV1_ALERT_INTERNAL_ERROR"}
_PASSING_TLS_ERRORS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)

_OWN_AUTHORITY: Final = (
    "if its authority is your own, name it: ca_file in a profile, --ca-file, or lane_client(verify=…)"
)
_OTHER_NAME: Final = "use the name that it was issued for"
_RENEW: Final = "it has to be renewed, or this machine's clock to be set"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NO_WAY: Final[dict[type[BaseException], str]] = {
    ConnectionRefusedError: "nothing listens there; check the address and its port, and that the panel is up",
    socket.gaierror: "no such host is known; check how it is spelt, and that this machine reaches its name server",
    httpx.ConnectTimeout: "nothing answers there; check the address, and whether a firewall is between",
}
"""What a person can do where no connection comes about."""
# Source: the X509_V_ERR_… of OpenSSL's x509_vfy.h.
_BY_VERIFY_CODE: Final = {
    9: _RENEW,
    10: _RENEW,
    18: _OWN_AUTHORITY,
    19: _OWN_AUTHORITY,
    20: _OWN_AUTHORITY,
    21: _OWN_AUTHORITY,
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}


def was_never_sent(error: Exception, request: Request, client: httpx.AsyncClient) -> bool:
    """Tell whether nothing of the request can have been sent when that was raised."""
    is_plain = type(client) in _PLAIN_CLIENTS
    if is_plain and not request.is_handed_on:
        # A request hook, or the authentication.
        return True
    if isinstance(error, NEVER_SENT):
        return not _is_vague(error.__cause__) and _is_about(request, error, client)
    is_of_connecting = isinstance(error, UnusableTransportError) or not _CONNECTING.isdisjoint(_functions(error))
    return is_plain and is_of_connecting and _is_about(request, error, client)


def was_connecting(error: BaseException, client: httpx.AsyncClient) -> bool:
    """Tell whether a call was cancelled before there was a connection for it, so that nothing of it can have been sent.

    Whether its authentication or a hook had sent something before that, nobody knows.
    """
    is_alone = type(client) in _PLAIN_CLIENTS and client.auth is None and not any(client.event_hooks.values())
    return is_alone and any(
        frame.f_code.co_name in _CONNECTING or frame.f_globals["__name__"] in _CONNECTING_MODULES
        for frame, _ in traceback.walk_tb(error.__traceback__)
    )


def tls_refusal(error: BaseException) -> str | None:
    """Say what a person can do about a TLS handshake that will fail again; None where it was no such thing."""
    refusal = next((link for link in chain(error) if isinstance(link, ssl.SSLError)), None)
    if refusal is None or isinstance(refusal, _PASSING_TLS_ERRORS) or refusal.reason in _PASSING_TLS_REASONS:
        return None
    if isinstance(refusal, ssl.SSLCertVerificationError):
        advice = _BY_VERIFY_CODE.get(refusal.verify_code)
        return f"its certificate is not trusted, {refusal.verify_message}{f'; {advice}' if advice else ''}"
    return f"no TLS is to be had there, {refusal.reason or refusal}; does that address speak https?"


def unreachable(error: BaseException, url: httpx.URL) -> str:
    """Say where a connection was to go that did not come about, and what to do; nothing where that is not it."""
    there = f"{url.host}, port {url.port or _DEFAULT_PORTS.get(url.scheme, 0)}"
    for link in chain(error):
        for kind, advice in _NO_WAY.items():
            if isinstance(link, kind):
                return f"; {there}: {advice}"
    return ""


def is_a_hooks(error: BaseException) -> bool:
    """Tell whether it came out of a hook or the authentication of the user's: those hold no request but ours."""
    return all(
        _TRANSPORTING.isdisjoint(_functions(link))
        and not isinstance(link, (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL))
        and not type(link).__module__.startswith("aiohttp.")
        for link in chain(error)
    )


def clear_frames(error: BaseException, *, but: BaseException | None) -> None:
    """Empty the frames that an error, and what led to it, came through: copies of the headers lie about in them.

    Where it happened stays in the traceback.

    Args:
        error: Which.
        but: An error that the caller was handling before: it is none of our business, nor is what led to it.
    """
    for link in chain(error, but=but):
        traceback.clear_frames(link.__traceback__)


def chain(error: BaseException, *, but: BaseException | None = None) -> Iterator[BaseException]:
    """Give an error and all that led to it."""
    links, seen = [error], {id(but)}
    while links:
        link = links.pop()
        if id(link) not in seen:
            seen.add(id(link))
            yield link
            links.extend(earlier for earlier in (link.__cause__, link.__context__) if earlier is not None)


def _functions(error: BaseException) -> set[str]:
    return {frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)}


def _is_about(request: httpx.Request, error: Exception, client: httpx.AsyncClient) -> bool:
    """Tell whether it is about that request: what runs after the answer may have failed elsewhere."""
    if isinstance(error, httpx.RequestError):
        with contextlib.suppress(RuntimeError):  # It is about no request in particular.
            return error.request is request
    return client.auth is None and not client.event_hooks["response"]


def _is_vague(cause: BaseException | None) -> bool:
    kinds = type(cause).__mro__
    return any(kind.__module__.startswith("aiohttp.") for kind in kinds) and _AIOHTTP_NEVER_SENT.isdisjoint(
        kind.__name__ for kind in kinds
    )
