"""A transport that answers by itself, without a network: what is left is the client's own work."""

import asyncio
from collections.abc import Collection

import httpx

from benchmarks.listing import STATUS, listing

_HEADERS = [(b"Content-Type", b"text/html; charset=UTF-8"), (b"Content-Length", b"%d" % len(STATUS))]


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
        """Answers."""
        for _ in self._turns:
            await asyncio.sleep(0)
        if request.url.path.endswith("/list"):
            return httpx.Response(200, content=self._list)
        return httpx.Response(200, headers=_HEADERS, stream=httpx.ByteStream(STATUS))
