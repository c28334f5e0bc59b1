"""(f): whether a fleet of 100,000 costs a hundred times one of 1,000, and no more."""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import httpx

from benchmarks.findings import Finding, Lines, Table
from benchmarks.job import TOKENS
from benchmarks.measure import Scale, Spread, in_rounds, measure as measured
from benchmarks.null_transport import NullTransport
from benchmarks.poll import peak_bytes
from cvm_async import CvmSession, Limits, Progress

BASE = "https://panel.example.net"
WIDTH = 50
MEBIBYTE = 1024 * 1024
SAMPLED_EVERY = 97
"""Outcomes between two looks at the tasks alive: counting them takes time in itself."""


def _session(client: httpx.AsyncClient) -> CvmSession:
    public, private = TOKENS.values()
    limits = Limits(max_concurrency=WIDTH, per_node=WIDTH)
    return CvmSession(BASE, public_token=public, private_token=private, client=client, limits=limits)


async def _ours(count: int) -> dict[str, float]:
    tasks, first = 0, 0.0
    async with httpx.AsyncClient(transport=NullTransport(count, turns=1)) as client, _session(client) as session:
        fleet = await session.fleet()
        gc.collect()
        before, began = peak_bytes(), time.perf_counter()

        def look(progress: Progress) -> None:
            nonlocal tasks, first
            if progress.done == 1:
                first = time.perf_counter() - began
            if progress.done % SAMPLED_EVERY == 1:
                tasks = max(tasks, len(asyncio.all_tasks()))

        report = await fleet.status(progress=look)
        seconds = time.perf_counter() - began
        assert len(report.ok) == count
    return {"seconds": seconds, "grown": peak_bytes() - before, "first": first, "tasks": tasks}


async def _task_for_each(count: int) -> dict[str, float]:
    semaphore = asyncio.Semaphore(WIDTH)
    tasks, first, done = 0, 0.0, 0
    transport = NullTransport(1, turns=1)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=TOKENS) as client:
        gc.collect()
        before, began = peak_bytes(), time.perf_counter()

        async def one(vps_id: int) -> object:
            nonlocal tasks, first, done
            async with semaphore:
                response = await client.get(f"/api/client/vps/{vps_id}/status")
                status: object = response.json()["response"]
            done += 1
            if done == 1:
                first = time.perf_counter() - began
                tasks = len(asyncio.all_tasks())
            return status

        await asyncio.gather(*(one(vps_id) for vps_id in range(1, count + 1)))
    return {"seconds": time.perf_counter() - began, "grown": peak_bytes() - before, "first": first, "tasks": tasks}


async def _kept(count: int) -> dict[str, float]:
    """Give bytes that a report takes for an outcome, beyond the models in it."""
    async with httpx.AsyncClient(transport=NullTransport(count, turns=1)) as client, _session(client) as session:
        fleet = await session.fleet()
        await fleet.select(ids=range(1, 100)).status()
        gc.collect()
        tracemalloc.start()
        report = await fleet.status()
        gc.collect()
        with_outcomes, _ = tracemalloc.get_traced_memory()
        models = [outcome.value for outcome in report]
        del report
        gc.collect()
        with_models, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # The list of them is of our making.
        with_models -= 8 * len(models)
    return {"outcome": (with_outcomes - with_models) / count, "model": with_models / count}


def one(parameters: dict[str, Any], report: Callable[[object], None]) -> None:
    """Give one run, in a process of its own."""
    runs = {"ours": _ours, "tasks": _task_for_each, "kept": _kept}
    report(asyncio.run(runs[parameters["what"]](parameters["count"])))


def measure(scale: Scale) -> Finding:
    """Poll growing fleets."""
    counts = scale.pick((1_000, 3_000, 10_000, 30_000, 100_000), (1_000, 5_000))
    cells = [(what, count) for count in counts for what in ("ours", "tasks")]

    def run(cell: tuple[str, int]) -> dict[str, float]:
        what, count = cell
        found: dict[str, float] = measured(
            "benchmarks.workloads.growth:one", {"what": what, "count": count}, seconds=60 + count / 500
        )
        return found

    results = in_rounds(cells, run, seconds=scale.seconds, most=3)
    labels = {"ours": "a fleet of a CvmSession", "tasks": "a task for each VPS, httpx and a semaphore"}
    rows: list[tuple[str, ...]] = []
    for (what, count), found in results.items():
        seconds = Spread.of(each["seconds"] for each in found)
        grown = Spread.of(each["grown"] / MEBIBYTE for each in found)
        rows.append(
            (
                labels[what],
                f"{count:,}",
                seconds.show(2),
                f"{seconds.median / count * 1e6:.0f}",
                f"{grown.median:,.1f}",
                f"{grown.median * MEBIBYTE / count:,.0f}",
                f"{Spread.of(each['first'] * 1000 for each in found).median:,.1f}",
                f"{Spread.of(each['tasks'] for each in found).median:,.0f}",
            )
        )
    columns = (
        "what", "VPSes", "seconds", "µs a VPS", "memory grown, MiB", "bytes a VPS", "first result, ms", "tasks alive",
    )  # fmt: skip
    kept = measured("benchmarks.workloads.growth:one", {"what": "kept", "count": scale.pick(10_000, 1_000)}, seconds=60)
    note = (
        f"A kept outcome takes {kept['outcome']:.0f} bytes beyond the status in it, which takes {kept['model']:.0f} "
        "(tracemalloc)."
    )
    plots = tuple(
        Lines(
            name,
            title,
            "VPSes",
            unit,
            {
                label: [
                    (float(count), Spread.of(each[key] / divisor for each in found).median)
                    for (of, count), found in results.items()
                    if of == what
                ]
                for what, label in labels.items()
            },
            logarithmic=True,
        )
        for name, title, unit, key, divisor in (
            ("time", "Time by size of the fleet", "seconds", "seconds", 1),
            ("memory", "Memory by size of the fleet", "MiB", "grown", MEBIBYTE),
        )
    )
    about = (
        f"A transport that answers by itself, in the next turn of the event loop, {WIDTH} in flight: no "
        "server's memory or time in it. Memory is by how much the process's peak grows from before the poll, "
        "results kept; the fleet itself is listed before."
    )
    raw = [{"what": what, "count": count, "runs": found} for (what, count), found in results.items()]
    return Finding("f", "", about, (Table("", columns, tuple(rows)),), plots, (note,), {"growth": raw, "kept": kept})
