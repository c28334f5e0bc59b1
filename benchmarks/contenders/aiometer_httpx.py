"""httpx behind aiometer, the library that is made for just this loop."""

import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import aiometer
import httpx

from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


@asynccontextmanager
async def metered(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give the default client, run over all VPSes by `aiometer.run_on_each`."""
    verify = ssl.create_default_context(cafile=setting.ca) if setting.ca else True
    async with httpx.AsyncClient(headers=TOKENS, verify=verify, timeout=setting.timeout) as client:

        async def one(vps_id: int) -> None:
            try:
                response = await client.get(status_url(setting.base, vps_id))
                response.raise_for_status()
                tally.answered(vps_id, response.json()["response"])
            except httpx.HTTPError as error:
                tally.failed(error)

        async def poll(ids: Sequence[int]) -> None:
            # Its annotations name `Awaitable` without saying of what.
            await aiometer.run_on_each(one, ids, max_at_once=setting.places)  # pyright: ignore[reportUnknownMemberType]

        yield poll
