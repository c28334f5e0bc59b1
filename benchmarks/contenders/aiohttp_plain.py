"""aiohttp, with as many connections as calls in flight."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.abc import AbstractCookieJar

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


@asynccontextmanager
async def _polling(setting: Scenario, tally: Tally, jar: AbstractCookieJar | None) -> AsyncGenerator[Poll]:
    verify = ssl.create_default_context(cafile=setting.ca) if setting.ca else True
    connector = aiohttp.TCPConnector(limit=setting.places, ssl=verify)
    timeout = aiohttp.ClientTimeout(total=setting.timeout)
    async with aiohttp.ClientSession(connector=connector, headers=TOKENS, timeout=timeout, cookie_jar=jar) as session:

        async def one(vps_id: int) -> object:
            async with session.get(status_url(setting.base, vps_id), raise_for_status=True) as response:
                # The panel says text/html.
                answer = await response.json(content_type=None)
            return answer["response"]

        yield limited(one, setting.places, tally)


@asynccontextmanager
async def with_semaphore(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give a session behind a semaphore."""
    async with _polling(setting, tally, None) as poll:
        yield poll


@asynccontextmanager
async def without_jar(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give the same, by somebody who knows that the panel's cookie must not be sent back."""
    async with _polling(setting, tally, aiohttp.DummyCookieJar()) as poll:
        yield poll
