import gzip

import pytest
from watches import reading, snapshot

from cvm_async import Vps
from cvm_async.exporter import FleetCollector, families
from cvm_async.exporter.labels import hostname_label
from cvm_async.exporter.scrape import Scrapes, accepts_gzip

from .scraped import parsed_openmetrics, series

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"


def looked_at() -> FleetCollector:
    collector = FleetCollector()
    collector.take(snapshot(reading(1)))
    return collector


def ups(text: bytes) -> int:
    return sum("cvm_vps_up" in key for key in series(text))


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain;version=0.0.4", "application/openmetrics-text;version=x"])
async def test_the_text_is_plain_unless_asked_otherwise(accept: str) -> None:
    scrape = await Scrapes(looked_at()).scrape({"accept": accept})
    assert scrape.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert ups(scrape.body) == 1
    assert b"process_cpu_seconds_total" in scrape.body


async def test_it_is_whole_in_openmetrics_with_one_end() -> None:
    scrape = await Scrapes(looked_at()).scrape({"accept": OPENMETRICS})
    assert scrape.content_type.startswith("application/openmetrics-text; version=1.0.0")
    names = [each.name for each in parsed_openmetrics(scrape.body)]
    assert {"cvm_vps_up", "cvm_calls_in_flight", "process_cpu_seconds"} <= {*names}
    assert scrape.body.count(b"# EOF") == 1


async def test_it_is_compressed_where_that_is_wished() -> None:
    scrapes = Scrapes(looked_at())
    zipped = await scrapes.scrape({"accept-encoding": "gzip"})
    assert zipped.is_zipped
    assert ups(gzip.decompress(zipped.body)) == 1


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, GZIP ;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("br", False),
        ("x-gzip-not", False),
    ],
)
def test_gzip_is_what_the_header_says(header: str, *, takes: bool) -> None:
    assert accepts_gzip(header) is takes


async def test_what_a_look_found_is_written_once_for_each_format(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Vps] = []

    def count(vps: Vps) -> str:
        written.append(vps)
        return hostname_label(vps)

    monkeypatch.setattr(families, "hostname_label", count)
    collector = looked_at()
    scrapes = Scrapes(collector)
    for accept in ("", OPENMETRICS, "", OPENMETRICS):
        await scrapes.scrape({"accept": accept})
    assert len(written) == 2
    collector.take(snapshot(reading(1), reading(2)))
    scrape = await scrapes.scrape({})
    assert (ups(scrape.body), len(written)) == (2, 4)


async def test_whatever_formats_are_asked_for_few_are_kept() -> None:
    scrapes = Scrapes(looked_at())
    for minor in range(20):
        await scrapes.scrape({"accept": f"application/openmetrics-text;version=1.{minor}.0"})
    assert len(scrapes._written) <= 4  # pyright: ignore[reportPrivateUsage]
