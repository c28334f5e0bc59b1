"""A transport that answers by itself, without a network: what is left is the client's own work."""

import asyncio
from collections.abc import Collection

import httpx

from benchmarks.listing import STATUS, listing

# As many as a panel sends, see `panel.php`'s answers: their number is part of what an answer costs.
_HEADERS = [
    (b"Server", b"nginx/1.22.1"),
    (b"Date", b"Tue, 24 Nov 2026 08:00:00 GMT"),
    (b"Content-Type", b"text/html; charset=UTF-8"),
    (b"Content-Length", b"%d" % len(STATUS)),
    (b"Connection", b"keep-alive"),
    (b"Expires", b"Thu, 19 Nov 1981 08:52:00 GMT"),
    (b"Cache-Control", b"no-store, no-cache, must-revalidate"),
    (b"Pragma", b"no-cache"),
]


class NullTransport(httpx.AsyncBaseTransport):
    """Answers every status alike, and a list of so many VPSes.

    Args:
        count: VPSes on the list.
        turns: Turns of the event loop until it answers: with 0 calls never overlap.
    """

    def __init__(self, count: int, *, turns: int = 0) -> None:
        self._list = listing(count)
        self._turns: Collection[int] = range(turns)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        for _ in self._turns:
            await asyncio.sleep(0)
        if request.url.path.endswith("/list"):
            return httpx.Response(200, content=self._list)
        return httpx.Response(200, headers=_HEADERS, stream=httpx.ByteStream(STATUS))
