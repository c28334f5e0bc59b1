"""A scrape's text: of the VPSes it is written once a look, in a thread, and handed to whoever scrapes until the next.

So a scrape of ten thousand VPSes holds the event loop no longer than one of ten, and the polls go on meanwhile.
"""

import asyncio
import gzip
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from attrs import frozen
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from cvm_async.exporter.collector import FleetCollector
from cvm_async.exporter.views import PanelView

Encoder: TypeAlias = Callable[[Collector], bytes]

_END: Final = b"# EOF\n"
"""The end of a text in OpenMetrics."""

_FORMATS: Final = 4
"""Formats that are kept of one look: a Prometheus asks for one."""

_LIGHT: Final = 1
"""How hard to compress: five times as fast as usual; the labels, which are most of it, shrink to a tenth as well."""

_WEIGHT: Final = re.compile(r"\s*;\s*q\s*=\s*([0-9.]+)\s*$", re.IGNORECASE)


@frozen
class Scrape:
    """What a scrape is answered with."""

    content_type: str
    body: bytes
    is_zipped: bool


@frozen
class _Families(Collector):
    every: tuple[Metric, ...]

    def collect(self) -> Iterable[Metric]:
        return self.every


class Scrapes:
    """Answers scrapes of a collector, and of this process's own figures beside it.

    Args:
        collector: What was found of the fleet.
    """

    def __init__(self, collector: FleetCollector) -> None:
        self._collector = collector
        self._process = ProcessCollector(registry=None)
        self._views: tuple[PanelView, ...] = ()
        self._written: dict[str, bytes] = {}
        self._writing = asyncio.Lock()

    async def scrape(self, headers: Mapping[str, str]) -> Scrape:
        """Give the text in the format that is asked for, compressed where that is wished."""
        encode, content_type = _encoder(headers.get("accept", ""))
        zips = accepts_gzip(headers.get("accept-encoding", ""))
        async with self._writing:
            of_fleet = await self._of_fleet(encode, content_type)
        live = (*self._collector.live_families(), *self._process.collect())
        body = of_fleet + encode(_Families(live))
        if zips:
            body = await asyncio.to_thread(gzip.compress, body, _LIGHT)
        return Scrape(content_type, body, zips)

    async def _of_fleet(self, encode: Encoder, content_type: str) -> bytes:
        views = await asyncio.to_thread(lambda: self._collector.views)
        if views is not self._views or len(self._written) >= _FORMATS:
            self._views = views
            self._written.clear()
        if content_type not in self._written:
            self._written[content_type] = await asyncio.to_thread(self._write, encode)
        return self._written[content_type]

    def _write(self, encode: Encoder) -> bytes:
        return encode(_Families(tuple(self._collector.fleet_families()))).removesuffix(_END)


def _encoder(accept: str) -> tuple[Encoder, str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # It takes whatever stands there for a version.
        return choose_encoder("")


def accepts_gzip(header: str) -> bool:
    """Tell whether an `Accept-Encoding` takes gzip."""
    for each in header.split(","):
        weight = _WEIGHT.search(each)
        coding = each[: weight.start()] if weight else each
        if coding.strip().lower() in ("gzip", "*"):
            return weight is None or weight[1].strip("0.") != ""
    return False
