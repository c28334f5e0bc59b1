"""`FastTransport` is a `LaneTransport` that has the parser in C, or is not made: h11 takes a third of a call."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec

import httpx

from cvm_async._checks import refuse
from cvm_async._lanes.options import Http
from cvm_async._lanes.replies.choice import reader_of
from cvm_async._lanes.replies.reply import Reply
from cvm_async.transport import LaneTransport, lane_client

__all__ = ["FastTransport", "fast_client"]

P = ParamSpec("P")


class FastTransport(LaneTransport):
    """A `LaneTransport` on httptools; it takes the same options.

    Raises:
        MissingExtraError: The extra `fast` is not installed.
        ConfigurationError: As from `LaneTransport`; and `http` asks for h11.
    """

    keeps_cookies: ClassVar[bool] = False

    @staticmethod
    def _reader_type(http: Http) -> type[Reply]:
        if http == "h11":
            refuse("http", '"auto" or "httptools" where httptools is all that there may be', http)
        return reader_of("httptools", wanted_by="fast_client and FastTransport need")


def _with_the_options_of(
    function: Callable[P, httpx.AsyncClient],
) -> Callable[[Callable[..., httpx.AsyncClient]], Callable[P, httpx.AsyncClient]]:
    """Give a function the signature of another: for type checkers, editors and `inspect.signature`."""
    return functools.wraps(function, assigned=(), updated=())


# Explicit there, and taken over here: typed as `**options: Unpack[…]`, an editor would show neither names nor defaults.
@_with_the_options_of(lane_client)
def fast_client(**options: Any) -> httpx.AsyncClient:  # noqa: ANN401 -- typed by the decorator
    """Make what `lane_client` makes, over `FastTransport`; and cookies that come with an answer are not kept.

    It takes the same options; `keep_cookies=True` keeps them. `lane_client` has the same parser where it is installed.

    Raises:
        MissingExtraError: The extra `fast` is not installed.
        ConfigurationError: As from `lane_client`; and `http` asks for h11.
    """
    all_options: dict[str, Any] = {"over": FastTransport, **options}
    return lane_client(**all_options)
