"""What each option of a client or transport must be: as a type for checkers, and as a rule for callers without one.

What a client of ours takes is what `httpx.AsyncClient` takes: each alias accepts all that httpx's does, spelled with
its public names, since httpx keeps its own private. httpx itself finds what is wrong late, and in its own words.
"""

import math
import ssl
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from http.cookiejar import CookieJar
from typing import Any, Final, Literal, TypeAlias, cast, get_args

import httpx
from attrs import frozen

from cvm_async._checks import is_count, is_seconds, refuse

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
Http: TypeAlias = Literal["auto", "h11", "httptools"]
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

_WRONG: Final = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, httpx.InvalidURL)
"""What httpx raises of an option that it cannot use."""


@frozen
class _Rule:
    """What an option must be.

    Attributes:
        meant: In words.
        holds: Whether a value is; it may raise instead, as httpx does that is asked to use it.
        secret: Whether a wrong value may hold a password, and is not quoted.
    """

    meant: str
    holds: Callable[[Any], object]
    secret: bool = False


def check(**given: object) -> None:
    """Refuse the first option that is not what it should be.

    Raises:
        ConfigurationError: It says what was meant.
    """
    for name, value in given.items():
        rule = _RULES[name]
        try:
            holds = rule.holds(value)
        except _WRONG:
            holds = False
        if not holds:
            refuse(name, rule.meant, value, secret=rule.secret)


def _used(kinds: Any, use: Callable[[Any], object]) -> Callable[[object], bool]:  # noqa: ANN401 - as `isinstance` has it
    """Give the rule that it is None, or of some kinds and httpx can use it."""
    return lambda value: value is None or (isinstance(value, kinds) and use(value) is not None)


def _or_none(holds: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or holds(value)


def _count(least: int) -> Callable[[object], bool]:
    return lambda value: is_count(value, least)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_url(value: Any) -> bool:  # noqa: ANN401 - httpx finds out
    httpx.URL(value)
    return True


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type)


def _is_pause(value: object) -> bool:
    return is_seconds(value, zero=True) or value == math.inf


def _is_timeout(value: object) -> bool:
    if isinstance(value, tuple):
        parts = cast("tuple[object, ...]", value)
        return len(parts) in {2, 3, 4} and all(map(_or_none(_is_pause), parts))
    return value is None or isinstance(value, httpx.Timeout) or _is_pause(value)


def _is_auth(value: object) -> bool:
    if isinstance(value, tuple):
        user, password = cast("tuple[object, object]", value)
        return isinstance(user, (str, bytes)) and isinstance(password, (str, bytes))
    return isinstance(value, httpx.Auth) or _is_function(value)


def _is_cert(value: object) -> bool:
    parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    return len(parts) in {1, 2, 3} and all(map(_is_text, parts))


def _is_verify(value: object) -> bool:
    return isinstance(value, (bool, ssl.SSLContext)) or _is_text(value) or _is_function(value)


def _are_pairs(value: object) -> bool:
    """Tell whether cookies are names with texts: httpx takes anything else as well, and fails of it later."""
    if isinstance(value, (httpx.Cookies, CookieJar)):
        return True
    pairs = dict(cast("Iterable[tuple[object, object]]", value)) if isinstance(value, (dict, list)) else {None: None}
    return all(isinstance(part, str) for pair in pairs.items() for part in pair)


def _are_mounts(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(pattern, str)
        and (not pattern or (":" in pattern and _is_url(pattern)))
        and (mount is None or isinstance(mount, httpx.AsyncBaseTransport))
        for pattern, mount in cast("Mapping[object, object]", value).items()
    )


def _are_hooks(value: object) -> bool:
    hooks_of = cast("Mapping[object, Iterable[object]]", value)
    return isinstance(value, Mapping) and all(
        event in {"request", "response"} and all(map(callable, hooks)) for event, hooks in hooks_of.items()
    )


def _are_socket_options(value: object) -> bool:
    # An iterator is not looked into, as it would be used up.
    several = cast("Iterable[object]", value if isinstance(value, Collection) else ())
    return isinstance(value, Iterable) and all(isinstance(option, tuple) for option in several)


_SWITCH: Final = _Rule("True or False", _is_bool)
_KEPT: Final = "a number of connections from 0 on, or None"
_SECONDS: Final = "a number of seconds from 0 on"

_RULES: Final = {
    "auth": _Rule(
        "an httpx.Auth, a user name and a password, or a function of the request", _or_none(_is_auth), secret=True
    ),
    "params": _Rule(
        "query parameters such as {'key': 'value'}",
        _used((httpx.QueryParams, Mapping, list, tuple, str, bytes), httpx.QueryParams),
        secret=True,
    ),
    "headers": _Rule(
        "headers such as {'Name': 'value'}", _used((httpx.Headers, Mapping, Sequence), httpx.Headers), secret=True
    ),
    "cookies": _Rule("cookies such as {'name': 'value'}", _or_none(_are_pairs), secret=True),
    "verify": _Rule(
        "True, False, an ssl.SSLContext or a function that makes one, or the path of a PEM file", _is_verify
    ),
    "cert": _Rule("the path of a PEM file, or of one and its key, and a password", _or_none(_is_cert), secret=True),
    "trust_env": _SWITCH,
    "http1": _SWITCH,
    "http2": _SWITCH,
    "proxy": _Rule(
        "a URL such as 'http://proxy.example.net:3128', or an httpx.Proxy",
        _or_none(lambda value: isinstance(value, (str, httpx.URL, httpx.Proxy))),
        secret=True,
    ),
    "mounts": _Rule("transports by URL patterns such as {'https://': transport}", _or_none(_are_mounts)),
    "timeout": _Rule("seconds, an httpx.Timeout, or None", _is_timeout),
    "follow_redirects": _SWITCH,
    "limits": _Rule("an httpx.Limits", lambda value: isinstance(value, httpx.Limits)),
    "max_redirects": _Rule("a whole number from 0 on", _count(0)),
    "event_hooks": _Rule("lists of functions, such as {'request': [hook]}", _or_none(_are_hooks)),
    "base_url": _Rule("a URL", _is_url, secret=True),
    "default_encoding": _Rule(
        "an encoding such as 'utf-8', or a function of a body", lambda value: _is_text(value) or _is_function(value)
    ),
    "http": _Rule('"auto", "h11" or "httptools"', lambda value: value in get_args(Http)),
    "keep_cookies": _Rule("True, False or None", _or_none(_is_bool)),
    "max_lanes": _Rule("a number of connections of at least 1, or None", _or_none(_count(1))),
    "max_idle_lanes": _Rule(_KEPT, _or_none(_count(0))),
    "keepalive_expiry": _Rule(f"{_SECONDS}, or None", _or_none(_is_pause)),
    "fresh_within": _Rule(_SECONDS, _is_pause),
    "uds": _Rule("the path of a Unix domain socket", _or_none(_is_text)),
    "local_address": _Rule("an address of this machine such as '192.0.2.1'", _or_none(_is_text)),
    "retries": _Rule("a whole number from 0 on", _count(0)),
    "socket_options": _Rule(
        "options such as [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]", _or_none(_are_socket_options)
    ),
}
