"""(j): how much of a call's CPU is httpx's, and how much the session's, above a transport that costs little."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import httpx

from benchmarks.findings import Finding, Table
from benchmarks.job import TOKENS
from benchmarks.measure import Scale, Spread, measure as measured
from benchmarks.null_transport import NullTransport
from cvm_async import CvmSession, Limits

# There is no public way to put a transport below it, and no reason for one but this.
from cvm_async._lanes.client import LaneClient

BASE = "https://panel.example.net"
WIDTH = 50
Work: TypeAlias = Callable[[], Awaitable[object]]


def _plain(transport: NullTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport)


def _ours(transport: NullTransport) -> httpx.AsyncClient:
    return LaneClient(transport=transport, keep_cookies=False)


async def _cpu_us(work: Work, calls: int) -> float:
    began = time.process_time()
    await work()
    return (time.process_time() - began) / calls * 1e6


async def _shares(
    make: Callable[[NullTransport], httpx.AsyncClient], calls: int, rounds: int
) -> dict[str, list[float]]:
    public, private = TOKENS.values()
    limits = Limits(max_concurrency=WIDTH, per_node=WIDTH)
    found: dict[str, list[float]] = {"send": [], "status": [], "fleet": []}

    async with (
        make(NullTransport(calls)) as client,
        CvmSession(BASE, public_token=public, private_token=private, client=client, limits=limits) as session,
    ):
        fleet = await session.fleet()
        url = httpx.URL(f"{BASE}/api/client/vps/1/status")
        headers = httpx.Headers(TOKENS).raw
        extensions = {"timeout": httpx.Timeout(15.0).as_dict()}

        async def send() -> None:
            for _ in range(calls):
                request = httpx.Request("GET", url, headers=headers, extensions=extensions)
                response = await client.send(request, stream=True)
                await response.aread()
                await response.aclose()

        async def status() -> None:
            for vps in fleet:
                await session.status(vps)

        works: dict[str, Work] = {"send": send, "status": status, "fleet": fleet.status}
        for _ in range(rounds):
            for name, work in works.items():
                found[name].append(await _cpu_us(work, calls))
    return found


def all_of_it(parameters: dict[str, Any], report: Callable[[object], None]) -> None:
    """Both clients, in one process."""
    calls, rounds = parameters["calls"], parameters["rounds"]
    report(
        {
            name: asyncio.run(_shares(make, calls, rounds))
            for name, make in (("httpx.AsyncClient", _plain), ("our clients", _ours))
        }
    )


def measure(scale: Scale) -> Finding:
    """Split a call's CPU."""
    parameters = {"calls": scale.pick(2_000, 500), "rounds": scale.pick(11, 3)}
    found = measured("benchmarks.workloads.share:all_of_it", parameters, seconds=120)
    rows: list[tuple[str, ...]] = []
    for name, costs in found.items():
        send, status, fleet = (Spread.of(costs[key]) for key in ("send", "status", "fleet"))
        rows.append(
            (
                name,
                send.show(1),
                status.show(1),
                fleet.show(1),
            )
        )
    columns = (
        "client",
        "its own `send`, a ready request",
        "`session.status`",
        "`fleet.status`, a VPS",
    )
    about = (
        "CPU µs a call, all of it, above a transport that answers by itself, at once. The client's own `send` is for a "
        "request with a ready URL and headers, its answer read and closed; the rest is what the session adds: gates, "
        "call, request, decoding, outcome."
    )
    return Finding("j", "", about, (Table("", columns, tuple(rows)),), (), (), found)
