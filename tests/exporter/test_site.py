from http import HTTPStatus

import pytest
from watches import reading, snapshot

from cvm_async.exporter import FleetCollector
from cvm_async.exporter.http_server import Answer, Request
from cvm_async.exporter.site import Site


def looked_at() -> FleetCollector:
    collector = FleetCollector()
    collector.take(snapshot(reading(1)))
    return collector


async def ask(path: str, method: str = "GET", *, panels: int = 1, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Site(looked_at(), panels=panels)(Request(method, path, named))


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/-/healthy", "text/plain; charset=utf-8"),
        ("/-/ready", "text/plain; charset=utf-8"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_there_is_can_be_read(path: str, content_type: str, method: str) -> None:
    answer = await ask(path, method)
    assert (answer.status, answer.content_type) == (HTTPStatus.OK, content_type)
    assert answer.body


@pytest.mark.parametrize("path", ["/favicon.ico", "//", "/metrics/", "", "*", "/../metrics"])
async def test_what_there_is_not_is_not_found(path: str) -> None:
    assert (await ask(path)).status is HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
async def test_nothing_can_be_done_but_to_read(method: str) -> None:
    answer = await ask("/metrics", method)
    assert (answer.status, answer.headers) == (HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})


async def test_a_scrape_says_how_it_is_written() -> None:
    assert "Content-Encoding" not in (await ask("/metrics")).headers
    zipped = await ask("/metrics", accept_encoding="gzip")
    assert zipped.headers == {"Vary": "Accept, Accept-Encoding", "Content-Encoding": "gzip"}


async def test_the_page_lets_no_browser_load_or_run_anything() -> None:
    policy = (await ask("/")).headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "script-src" not in policy


async def test_it_is_ready_once_all_panels_were_looked_at() -> None:
    assert (await ask("/-/ready", panels=2)).status is HTTPStatus.SERVICE_UNAVAILABLE
    assert (await ask("/-/healthy", panels=2)).status is HTTPStatus.OK
