"""httpx2, the successor of httpx's code, with its defaults."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


@asynccontextmanager
async def with_semaphore(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give the default client behind a semaphore."""
    verify = ssl.create_default_context(cafile=setting.ca) if setting.ca else True
    async with httpx2.AsyncClient(headers=TOKENS, verify=verify, timeout=setting.timeout) as client:

        async def one(vps_id: int) -> object:
            response = await client.get(status_url(setting.base, vps_id))
            response.raise_for_status()
            return response.json()["response"]

        yield limited(one, setting.places, tally)
