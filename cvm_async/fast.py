"""`FastTransport` is a `LaneTransport` with a parser in C: h11 takes a third of a session's call."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import httpx

from cvm_async._lanes import options
from cvm_async._lanes.replies.httptools_reply import HttptoolsReply
from cvm_async._lanes.replies.reply import Reply
from cvm_async.transport import (
    DEFAULT_LIMITS,
    DEFAULT_MAX_REDIRECTS,
    DEFAULT_TIMEOUT,
    LaneTransport,
    lane_client,
)

__all__ = ["FastTransport", "fast_client"]


class FastTransport(LaneTransport):
    """A `LaneTransport` on httptools; it takes the same options.

    Where h11 is lenient about an answer (a length beside a chunked body, two lengths, bare line feeds, folded headers,
    control characters, a version that is neither 1.0 nor 1.1), it is an error here.
    """

    _reader: ClassVar[type[Reply]] = HttptoolsReply


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
    timeout: options.Timeout = DEFAULT_TIMEOUT,
    follow_redirects: bool = False,
    limits: httpx.Limits = DEFAULT_LIMITS,
    max_redirects: int = DEFAULT_MAX_REDIRECTS,
    event_hooks: options.EventHooks | None = None,
    base_url: httpx.URL | str = "",
    trust_env: bool = True,
    default_encoding: str | Callable[[bytes], str] = "utf-8",
    keep_cookies: bool = False,
) -> httpx.AsyncClient:
    """Make what `lane_client` makes, over `FastTransport`; and cookies that come with an answer are not kept.

    Raises:
        ImportError: `http2` was asked for without httpx's extra of that name.
        ConfigurationError: A proxy, or a certificate file that the environment names, can't be used.
        OSError: A certificate file that was named can't be read.
        ValueError: `limits` allow no connection.
    """
    return lane_client(
        auth=auth,
        params=params,
        headers=headers,
        cookies=cookies,
        verify=verify,
        cert=cert,
        http1=http1,
        http2=http2,
        proxy=proxy,
        mounts=mounts,
        timeout=timeout,
        follow_redirects=follow_redirects,
        limits=limits,
        max_redirects=max_redirects,
        event_hooks=event_hooks,
        base_url=base_url,
        trust_env=trust_env,
        default_encoding=default_encoding,
        keep_cookies=keep_cookies,
        over=FastTransport,
    )
