"""Ours: both clients as plain httpx clients, and the session over each."""

import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeAlias

import httpx

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Contend, Poll, Scenario, Tally, status_url
from cvm_async import Breaker, CvmSession, Limits, Progress, Timeouts
from cvm_async.fast import fast_client
from cvm_async.transport import lane_client

Make: TypeAlias = Callable[[Scenario], httpx.AsyncClient]


def _verify(setting: Scenario) -> ssl.SSLContext | bool:
    return ssl.create_default_context(cafile=setting.ca) if setting.ca else True


def _lanes(setting: Scenario) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=setting.places)
    return lane_client(http="h11", verify=_verify(setting), limits=limits, timeout=setting.timeout)


def _fast(setting: Scenario) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=setting.places)
    return fast_client(verify=_verify(setting), limits=limits, timeout=setting.timeout)


@asynccontextmanager
async def _bare(make: Make, setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    client = make(setting)
    client.headers.update(TOKENS)

    async def one(vps_id: int) -> object:
        response = await client.get(status_url(setting.base, vps_id))
        response.raise_for_status()
        return response.json()["response"]

    async with client:
        yield limited(one, setting.places, tally)


@asynccontextmanager
async def _session(make: Make, setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    # As wide per node as on the whole, unless the workload is about nodes: no gate may be what is measured.
    limits = Limits(
        max_concurrency=setting.width,
        per_node=setting.per_node or setting.places,
        breaker=Breaker(
            cool_down=Breaker().cool_down / setting.haste, max_cool_down=Breaker().max_cool_down / setting.haste
        ),
        abandoned_for=Limits().abandoned_for / setting.haste,
    )
    timeouts = Timeouts(read=setting.timeout)
    public, private = TOKENS.values()

    def take(progress: Progress) -> None:
        outcome = progress.latest
        if outcome.error is None:
            tally.answered(outcome.vps.id, outcome.value)
        else:
            tally.failed(outcome.error)

    async with (
        make(setting) as client,
        CvmSession(
            setting.base, public_token=public, private_token=private, client=client, limits=limits, timeouts=timeouts
        ) as session,
    ):
        everything = await session.fleet()

        async def poll(ids: Sequence[int]) -> None:
            fleet = everything if len(ids) == len(everything) else everything.select(ids=ids)
            await fleet.status(progress=take)

        yield poll


lanes_bare: Contend = partial(_bare, _lanes)
fast_bare: Contend = partial(_bare, _fast)
session_over_lanes: Contend = partial(_session, _lanes)
session_over_fast: Contend = partial(_session, _fast)
