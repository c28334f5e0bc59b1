"""What came back of a call, before anything is made of it; and what of its headers counts."""

import time
from collections.abc import Sequence
from typing import Final

import httpx
from attrs import define

from cvm_async._api.answers import is_redirect
from cvm_async._api.calls import Call
from cvm_async._exchange.retry import retry_after
from cvm_async.models import MEBIBYTE

SHORT_BODY: Final = MEBIBYTE
"""Bytes that the answer about one VPS may have at most: it takes a few hundred, and PHP's diagnostics before it some
thousands. To read thirty million would hold up all other calls for seconds."""

_TELLING: Final = frozenset({b"content-encoding", b"retry-after"})


@define
class Received:
    """What came back. It can be changed, so that nobody keeps a token that it echoed.

    Attributes:
        status_code: The HTTP status.
        body: The whole body; empty where it could not be had.
        flaw: Why it could not.
        retry_after: Seconds that the answer asks to wait.
        location: Where a redirect leads.
    """

    status_code: int
    body: bytes = b""
    flaw: str | None = None
    retry_after: float | None = None
    location: str | None = None

    @classmethod
    def with_head(cls, status_code: int, headers: Sequence[tuple[bytes, bytes]]) -> "tuple[Received, str]":
        """Give an answer whose body is still to come, and how that is packed; an empty text where it is not."""
        # Most answers have none of these headers, and to look so costs a tenth of what httpx's own headers do.
        if not is_redirect(status_code) and _TELLING.isdisjoint([name.lower() for name, _ in headers]):
            return cls(status_code), ""
        told = httpx.Headers([*headers])
        wait = told.get("Retry-After")
        answer = cls(
            status_code,
            retry_after=None if wait is None else retry_after(wait, time.time(), told.get("Date")),
            location=told.get("Location") if is_redirect(status_code) else None,
        )
        return answer, told.get("Content-Encoding", "")


def longest_body(call: Call[object], max_body: int) -> int:
    """Give the bytes that the answer to a call may have, where the list may have `max_body`."""
    return max_body if call.vps_id is None else min(max_body, SHORT_BODY)
