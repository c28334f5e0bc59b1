"""pyreqwest: Rust's reqwest, whose own threads do the talking."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from pyreqwest.client import ClientBuilder

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


@asynccontextmanager
async def with_semaphore(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give its client behind a semaphore; it keeps no cookies unless told to."""
    builder = ClientBuilder().default_headers(TOKENS).timeout(timedelta(seconds=setting.timeout)).error_for_status()
    if setting.ca:
        builder = builder.add_root_certificate_pem(Path(setting.ca).read_bytes())  # noqa: ASYNC240 - before the clock
    async with builder.build() as client:

        async def one(vps_id: int) -> object:
            response = await client.get(status_url(setting.base, vps_id)).build().send()
            return (await response.json())["response"]

        yield limited(one, setting.places, tally)
