"""What the exporter serves where: the metrics, the fleet at a glance, and whether it is well."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

from cvm_async.exporter.collector import FleetCollector
from cvm_async.exporter.http_server import Answer, Request
from cvm_async.exporter.page import POLICY, page
from cvm_async.exporter.scrape import Scrapes
from cvm_async.watch.watch import utc_now

_TEXT: Final = "text/plain; charset=utf-8"
_READS: Final = ("GET", "HEAD")


class Site:
    """Answers requests.

    Args:
        collector: What was found of the fleet.
        panels: How many panels are watched: it is ready once something is known of all of them.
    """

    def __init__(self, collector: FleetCollector, *, panels: int) -> None:
        self._collector = collector
        self._scrapes = Scrapes(collector)
        self._panels = panels
        self._places: Mapping[str, Callable[[Request], Awaitable[Answer]]] = {
            "/": self._front,
            "/metrics": self._metrics,
            "/-/healthy": self._healthy,
            "/-/ready": self._ready,
        }

    async def __call__(self, request: Request) -> Answer:
        """Answer a request."""
        place = self._places.get(request.path)
        if place is None:
            return _said(HTTPStatus.NOT_FOUND, f"There is {', '.join(self._places)}.")
        if request.method not in _READS:
            return _said(HTTPStatus.METHOD_NOT_ALLOWED, "There is nothing to do here but to read.", Allow="GET, HEAD")
        return await place(request)

    async def _front(self, _: Request) -> Answer:
        body = await asyncio.to_thread(lambda: page(self._collector.views, utc_now()))
        return Answer(HTTPStatus.OK, "text/html; charset=utf-8", body.encode(), POLICY)

    async def _metrics(self, request: Request) -> Answer:
        scrape = await self._scrapes.scrape(request.headers)
        headers = {"Vary": "Accept, Accept-Encoding"} | ({"Content-Encoding": "gzip"} if scrape.is_zipped else {})
        return Answer(HTTPStatus.OK, scrape.content_type, scrape.body, headers)

    async def _healthy(self, _: Request) -> Answer:
        return _said(HTTPStatus.OK, "It is healthy.")

    async def _ready(self, _: Request) -> Answer:
        if len(self._collector.views) < self._panels:
            return _said(HTTPStatus.SERVICE_UNAVAILABLE, "Not all panels have been looked at yet.")
        return _said(HTTPStatus.OK, "It is ready.")


def _said(status: HTTPStatus, text: str, **headers: str) -> Answer:
    return Answer(status, _TEXT, f"{text}\n".encode(), headers)
