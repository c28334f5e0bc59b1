"""`FastTransport` is a `LaneTransport` with a parser in C: h11 takes a third of a session's call."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec

import httpx

from cvm_async._lanes.replies.reply import Reply
from cvm_async.errors import MissingExtraError
from cvm_async.transport import LaneTransport, lane_client

# This module can be imported without the extra, so that `from cvm_async import *` can; what is made needs it.
_reader: type[Reply] | None = None
try:
    from cvm_async._lanes.replies.httptools_reply import HttptoolsReply
except ModuleNotFoundError as _missing:
    if _missing.name != "httptools":
        raise
else:
    _reader = HttptoolsReply

__all__ = ["FastTransport", "fast_client"]

P = ParamSpec("P")


class FastTransport(LaneTransport):
    """A `LaneTransport` on httptools; it takes the same options.

    Where h11 is lenient about an answer (a length beside a chunked body, two lengths, bare line feeds, folded headers,
    control characters, a version that is neither 1.0 nor 1.1), it is an error here.

    Raises:
        MissingExtraError: The extra `fast` is not installed.
        ConfigurationError: As from `LaneTransport`.
    """

    keeps_cookies: ClassVar[bool] = False

    @staticmethod
    def _reader_type() -> type[Reply]:
        if _reader is None:
            message = "fast_client and FastTransport need httptools: pip install 'cvm_async[fast]'"
            raise MissingExtraError(message, name="httptools")
        return _reader


def _with_the_options_of(
    function: Callable[P, httpx.AsyncClient],
) -> Callable[[Callable[..., httpx.AsyncClient]], Callable[P, httpx.AsyncClient]]:
    """Give a function the signature of another: for type checkers, editors and `inspect.signature`."""
    return functools.wraps(function, assigned=(), updated=())


# Explicit there, and taken over here: typed as `**options: Unpack[…]`, an editor would show neither names nor defaults.
@_with_the_options_of(lane_client)
def fast_client(**options: Any) -> httpx.AsyncClient:  # noqa: ANN401 -- typed by the decorator
    """Make what `lane_client` makes, over `FastTransport`; and cookies that come with an answer are not kept.

    It takes the same options; `keep_cookies=True` keeps them.

    Raises:
        MissingExtraError: The extra `fast` is not installed.
        ConfigurationError: As from `lane_client`.
    """
    all_options: dict[str, Any] = {"over": FastTransport, **options}
    return lane_client(**all_options)
