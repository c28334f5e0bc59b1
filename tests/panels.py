"""Sessions on simulated panels without sockets, for tests on virtual time; each is found whole when it is closed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager

import httpx
import pytest

from cvm_async import CvmError, CvmSession, Limits, Retry, Timeouts
from cvm_async._account.account import Account
from cvm_async._gates.gates import Gates
from cvm_async.panel import PanelApp, RequestRecord, SimulatedVps
from cvm_async.settings import Api

NO_RETRY = Retry(attempts=1)


# Tests may look inside where the fact is inside; they do it here.
# pyright: reportPrivateUsage=false


def account_of(session: CvmSession) -> Account:
    return session._account


def fleet_of(*nodes: int, power: str = "running") -> list[SimulatedVps]:
    """Give one VPS for each node number given, with ids from 1."""
    return [
        SimulatedVps(id=number, node=node, hostname=f"vps{number}.example.net", power=power)
        for number, node in enumerate(nodes, 1)
    ]


def calls(app: PanelApp, verb: str) -> list[RequestRecord]:
    return [record for record in app.requests if record.verb == verb]


def paths(app: PanelApp) -> list[str]:
    """Give what was asked, in order: method and path, without what all paths begin with."""
    return [f"{record.method} {record.path.removeprefix('/api/client/')}" for record in app.requests]


async def failure(call: Awaitable[object]) -> CvmError:
    """Give the error that a call ends with."""
    with pytest.raises(CvmError) as found:
        await call
    return found.value


async def settled() -> None:
    """Return when all that can happen at this instant has happened; no time passes."""
    for _ in range(20):
        await asyncio.sleep(0)


def assert_free(gates: Gates) -> None:
    """Nobody is inside, and nobody waits."""
    assert gates.in_flight == 0
    assert {report.in_flight for report in gates.nodes()} <= {0}
    assert all(caller.entry.done() for caller in gates._callers.clear())
    assert not gates._waiting_work


def assert_whole(session: CvmSession) -> None:
    """Nothing is in flight, nobody waits, and no action is noted as under way."""
    line = account_of(session)
    assert_free(line.gates)
    assert len(line.actions) == len(line.jobs) == 0
    assert len(line.waits) == 0
    assert len(line.statuses) == len(line.lists) == 0


@asynccontextmanager
async def session_on(
    app: PanelApp,
    *,
    url: str = "https://panel.example.net",
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    retry: Retry | None = None,
    name: str | None = None,
    api: Api | None = None,
) -> AsyncGenerator[CvmSession]:
    """Give a session whose requests go straight into a simulated panel."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        session = CvmSession(
            url,
            public_token=app.public_token,
            private_token=app.private_token,
            client=client,
            limits=limits,
            timeouts=timeouts,
            retry=retry,
            name=name,
            api=api,
        )
        async with session:
            yield session
            await settled()
            assert_whole(session)
        await app.aclose()
