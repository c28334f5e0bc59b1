# pyright: reportPrivateUsage=false
import collections.abc
import types
from http.cookiejar import CookieJar
from typing import ForwardRef, Union, cast, get_args, get_origin

import httpx
import pytest
from httpx import _types as of_httpx

from cvm_async._lanes import options


def plain(kind: object) -> object:
    """Spell a type in one way: `typing.List[x]` is `list[x]`, a name in quotes what it names, a union a set."""
    if isinstance(kind, ForwardRef):
        named: object = getattr(httpx, kind.__forward_arg__)
        return named
    if isinstance(kind, list):
        # What a callable takes.
        return tuple(plain(part) for part in cast("list[object]", kind))
    parts = tuple(plain(part) for part in get_args(kind))
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return frozenset(parts)
    return kind if origin is None else (origin, parts)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(options.Auth, of_httpx.AuthTypes, id="auth"),
        pytest.param(options.Cert, of_httpx.CertTypes, id="cert"),
        pytest.param(options.Cookies, of_httpx.CookieTypes, id="cookies"),
        pytest.param(options.Headers, of_httpx.HeaderTypes, id="headers"),
        pytest.param(options.Params, of_httpx.QueryParamTypes, id="params"),
        pytest.param(options.Proxy, of_httpx.ProxyTypes, id="proxy"),
        pytest.param(options.Timeout, of_httpx.TimeoutTypes, id="timeout"),
    ],
)
def test_an_option_takes_all_that_httpx_takes(ours: object, theirs: object) -> None:
    takes, must_take = plain(ours), plain(theirs)
    assert isinstance(takes, frozenset)
    assert isinstance(must_take, frozenset)
    assert must_take <= takes


def test_types_are_compared_whole() -> None:
    request = httpx.Request
    assert plain(collections.abc.Callable[[request], request] | None) == frozenset(
        {(collections.abc.Callable, ((request,), request)), type(None)}
    )


@pytest.mark.parametrize(
    "cookies",
    [httpx.Cookies({"a": "b"}), CookieJar(), {"a": "b"}, [("a", "b")]],
    ids=lambda given: type(given).__name__,
)
def test_cookies_may_be_given_in_every_way_that_httpx_knows(cookies: options.Cookies) -> None:
    options.check(cookies=cookies)
