"""httpx-aiohttp: httpx's client over aiohttp's connections."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


@asynccontextmanager
async def with_semaphore(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give its client behind a semaphore, with as many connections as calls in flight."""
    verify = ssl.create_default_context(cafile=setting.ca) if setting.ca else True
    limits = httpx.Limits(max_connections=setting.places, max_keepalive_connections=setting.places)
    async with HttpxAiohttpClient(headers=TOKENS, verify=verify, timeout=setting.timeout, limits=limits) as client:

        async def one(vps_id: int) -> object:
            response = await client.get(status_url(setting.base, vps_id))
            response.raise_for_status()
            return response.json()["response"]

        yield limited(one, setting.places, tally)
