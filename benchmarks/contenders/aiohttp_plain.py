"""aiohttp, with as many connections as calls in flight."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp.abc import AbstractCookieJar
from attrs import frozen

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


@frozen
class Status:
    """What somebody would make of a status, who needs numbers and has the panel's word for it that they are some."""

    state: str
    ram_used: int | None
    disk_used: int | None
    traffic_in_used: int | None
    traffic_out_used: int | None


def _number(said: Any) -> int | None:  # noqa: ANN401 - JSON
    return None if said in {None, ""} else int(float(said))


def _model(said: dict[str, Any]) -> Status:
    return Status(
        said["status"],
        _number(said.get("ram_used")),
        _number(said.get("disk_used")),
        _number(said.get("traffic_in_used")),
        _number(said.get("traffic_out_used")),
    )


def _as_it_is(said: dict[str, Any]) -> dict[str, Any]:
    return said


@asynccontextmanager
async def _polling(
    setting: Scenario,
    tally: Tally,
    *,
    jar: AbstractCookieJar | None = None,
    read: Callable[[dict[str, Any]], object] = _as_it_is,
) -> AsyncGenerator[Poll]:
    verify = ssl.create_default_context(cafile=setting.ca) if setting.ca else True
    connector = aiohttp.TCPConnector(limit=setting.places, ssl=verify)
    timeout = aiohttp.ClientTimeout(total=setting.timeout)
    async with aiohttp.ClientSession(connector=connector, headers=TOKENS, timeout=timeout, cookie_jar=jar) as session:

        async def one(vps_id: int) -> object:
            async with session.get(status_url(setting.base, vps_id), raise_for_status=True) as response:
                # The panel says text/html.
                answer = await response.json(content_type=None)
            return read(answer["response"])

        yield limited(one, setting.places, tally)


@asynccontextmanager
async def with_semaphore(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give a session behind a semaphore."""
    async with _polling(setting, tally) as poll:
        yield poll


@asynccontextmanager
async def into_models(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give the same, whose answers become attrs objects: what a session gives, and somebody who polls needs."""
    async with _polling(setting, tally, read=_model) as poll:
        yield poll


@asynccontextmanager
async def without_jar(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give the same, by somebody who knows that the panel's cookie must not be sent back."""
    async with _polling(setting, tally, jar=aiohttp.DummyCookieJar()) as poll:
        yield poll
