"""niquests: requests' interface on urllib3-future, with as many connections as calls in flight."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import niquests

from benchmarks.contenders.semaphore import limited
from benchmarks.job import TOKENS, Poll, Scenario, Tally, status_url


@asynccontextmanager
async def with_semaphore(setting: Scenario, tally: Tally) -> AsyncGenerator[Poll]:
    """Give its session behind a semaphore."""
    async with niquests.AsyncSession(
        headers=TOKENS,
        timeout=setting.timeout,
        pool_connections=setting.places,
        pool_maxsize=setting.places,
        # Nobody else here asks whether a certificate was revoked.
        revocation_configuration=None,
    ) as session:
        session.verify = setting.ca or True
        # Else the environment may name other authorities, and that counts more.
        session.trust_env = False

        async def one(vps_id: int) -> object:
            response = await session.get(status_url(setting.base, vps_id))
            response.raise_for_status()
            return response.json()["response"]

        yield limited(one, setting.places, tally)
