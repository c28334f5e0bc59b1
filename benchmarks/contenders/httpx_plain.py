"""httpx as it comes, with its default pool, and with a larger one."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


def _verify(setting: Scenario) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=setting.ca) if setting.ca else True


@asynccontextmanager
async def _polling(client: httpx.AsyncClient, setting: Scenario, places: int, tally: Tally) -> AsyncGenerator[Poll]:
    async def one(vps_id: int) -> object:
        response = await client.get(status_url(setting.base, vps_id))
        response.raise_for_status()
        return response.json()["response"]

    async with client:
        yield limited(one, places, tally)


@asynccontextmanager
async def gathered(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """`asyncio.gather` over all VPSes; the pool is trusted to queue them."""
    client = httpx.AsyncClient(headers=TOKENS, verify=_verify(setting), timeout=setting.timeout)
    # So many places that none is ever waited for.
    async with _polling(client, setting, 1_000_000, tally) as poll:
        yield poll


@asynccontextmanager
async def with_semaphore(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give the default client behind a semaphore."""
    client = httpx.AsyncClient(headers=TOKENS, verify=_verify(setting), timeout=setting.timeout)
    async with _polling(client, setting, setting.places, tally) as poll:
        yield poll


@asynccontextmanager
async def with_limits_raised(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give a semaphore, and a pool that keeps as many connections as there are calls in flight."""
    limits = httpx.Limits(max_connections=setting.places, max_keepalive_connections=setting.places)
    client = httpx.AsyncClient(headers=TOKENS, verify=_verify(setting), timeout=setting.timeout, limits=limits)
    async with _polling(client, setting, setting.places, tally) as poll:
        yield poll
