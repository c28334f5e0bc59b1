"""(k): what a journal costs a run, for each VPS, beside the same run without one."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from attrs import asdict, frozen

from benchmarks.findings import Finding, Table
from benchmarks.job import TOKENS
from benchmarks.listing import listing
from benchmarks.measure import Scale, Spread, measure as measured
from cvm_async import CvmSession, Fleet, Limits, RunStore

BASE = "https://panel.example.net"
WIDTH = 16
ANSWERS_AFTER = 0.01
"""Seconds that an action takes: a tenth of a percent of what one takes on a real panel, so that a run takes seconds and
its commits still come as closely together as they ever will."""


class Panel(httpx.AsyncBaseTransport):
    """Lists so many VPSes, and does whatever it is asked, each time after the same while."""

    def __init__(self, count: int) -> None:
        self._list = listing(count)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        if request.method == "GET":
            return httpx.Response(200, content=self._list)
        await asyncio.sleep(ANSWERS_AFTER)
        return httpx.Response(200, content=b'{"response":[]}')


@frozen
class Cost:
    """What one run took.

    Attributes:
        cpu: Microseconds of CPU for each VPS, all threads together.
        seconds: From the first to the last.
        bytes: That the journal holds in the end, for each VPS; 0 without one.
    """

    cpu: float
    seconds: float
    bytes: float = 0.0


async def _run(fleet: Fleet, folder: Path | None) -> Cost:
    journal = None if folder is None else RunStore(folder).new()
    cpu, began = time.process_time(), time.perf_counter()
    report = await fleet.restart(journal=journal)
    cpu, seconds = time.process_time() - cpu, time.perf_counter() - began
    report.raise_for_failures()
    size = 0 if journal is None else journal.path.stat().st_size
    return Cost(cpu / len(fleet) * 1e6, seconds, size / len(fleet))


async def _both(count: int, rounds: int, folder: Path) -> dict[str, list[Cost]]:
    public, private = TOKENS.values()
    found: dict[str, list[Cost]] = {"without": [], "with": []}
    async with (
        httpx.AsyncClient(transport=Panel(count)) as client,
        CvmSession(
            BASE,
            public_token=public,
            private_token=private,
            client=client,
            limits=Limits(max_concurrency=WIDTH, per_node=WIDTH),
        ) as session,
    ):
        fleet = await session.fleet()
        for _ in range(rounds):
            found["without"].append(await _run(fleet, None))
            found["with"].append(await _run(fleet, folder))
    return found


def all_of_it(parameters: dict[str, Any], report: Callable[[object], None]) -> None:
    """Run both in turn, in one process."""
    # In the working folder: a folder for temporary files may be in memory, where nothing waits for a disk.
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        found = asyncio.run(_both(parameters["vpses"], parameters["rounds"], Path(folder)))
    report({name: [asdict(cost) for cost in costs] for name, costs in found.items()})


def measure(scale: Scale) -> Finding:
    """Measure both."""
    parameters = {"vpses": scale.pick(2_000, 500), "rounds": scale.pick(7, 3)}
    found = measured("benchmarks.workloads.journal:all_of_it", parameters, seconds=120)
    rows: list[tuple[str, ...]] = []
    for name, costs in found.items():
        cpu, seconds, size = (Spread.of(cost[key] for cost in costs) for key in ("cpu", "seconds", "bytes"))
        rows.append((f"{name} a journal", cpu.show(), seconds.show(2), size.show()))
    columns = ("run", "CPU µs a VPS", "seconds", "bytes a VPS, on disk")
    about = (
        f"{parameters['vpses']:,} restarts, {WIDTH} under way, on a panel in the process that answers each after "
        f"{ANSWERS_AFTER * 1000:g} ms; with and without a journal in turn. Each is on the disk, as about to be sent, "
        "before it leaves, and its outcome afterwards, several of them to one commit."
    )
    return Finding("k", "", about, (Table("", columns, tuple(rows)),), (), (), found)
