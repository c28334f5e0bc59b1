"""The types of httpx's own options, spelled with its public names, since httpx keeps its aliases private.

What a client of ours takes is what `httpx.AsyncClient` takes: each alias accepts all that httpx's does.
"""

import ssl
from collections.abc import Callable, Mapping, Sequence
from http.cookiejar import CookieJar
from typing import Any, TypeAlias

import httpx

Auth: TypeAlias = tuple[str | bytes, str | bytes] | Callable[[httpx.Request], httpx.Request] | httpx.Auth
Cert: TypeAlias = str | tuple[str, str] | tuple[str, str, str]
Cookies: TypeAlias = httpx.Cookies | CookieJar | dict[str, str] | list[tuple[str, str]]
# `Any`: httpx awaits a hook, and types it as a callable of whatever kind.
EventHooks: TypeAlias = Mapping[str, list[Callable[..., Any]]]
Headers: TypeAlias = (
    httpx.Headers
    | Mapping[str, str]
    | Mapping[bytes, bytes]
    | Sequence[tuple[str, str]]
    | Sequence[tuple[bytes, bytes]]
)
Param: TypeAlias = str | int | float | bool | None
Params: TypeAlias = (
    httpx.QueryParams
    | Mapping[str, Param | Sequence[Param]]
    | list[tuple[str, Param]]
    | tuple[tuple[str, Param], ...]
    | str
    | bytes
)
Proxy: TypeAlias = httpx.URL | str | httpx.Proxy
SocketOption: TypeAlias = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
Timeout: TypeAlias = float | tuple[float | None, float | None, float | None, float | None] | httpx.Timeout | None
Verify: TypeAlias = ssl.SSLContext | str | bool
