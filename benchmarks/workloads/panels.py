"""(l): 100,000 VPSes on 200 panels in one process: what it takes, and whether one panel waits for another."""

import asyncio
import os
import resource
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from benchmarks.findings import Finding, Table
from benchmarks.job import TOKENS
from benchmarks.measure import Scale, measure as measured
from benchmarks.poll import peak_bytes
from benchmarks.servers import answering_server
from cvm_async import CvmSession, Limits, Progress, Rollout, lane_client

EACH = 500
WIDTH = 4
"""Calls in flight on one panel."""
DELAY = 0.03
"""Seconds that the slow panel takes for each answer; the others take none."""
MEBIBYTE = 1024 * 1024
LOOKED_AT_EVERY = 500
"""Outcomes between two looks at what is open."""


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0  # noqa: PTH208 - the count alone


async def _poll(parameters: Mapping[str, Any]) -> dict[str, float]:
    """Poll so many panels once, the first of them slow where there is one."""
    public, private = TOKENS.values()
    panels, slow = parameters["panels"], parameters["slow"]
    began_with = peak_bytes()
    ended: dict[str, float] = {}
    halfway: dict[str, int] = {}
    done: dict[str, int] = {}
    most_open = 0
    async with AsyncExitStack() as stack:
        # One client for all, with a connection for each call in flight.
        pool = httpx.Limits(max_connections=panels * WIDTH)
        client = await stack.enter_async_context(lane_client(limits=pool, trust_env=False))
        sessions = [
            await stack.enter_async_context(
                CvmSession(
                    # One server, and panels that are told apart by their paths.
                    f"{slow if slow and number == 0 else parameters['fast']}/p{number}/of-{EACH}",
                    public_token=public,
                    private_token=private,
                    client=client,
                    limits=Limits(max_concurrency=WIDTH, per_node=WIDTH),
                    name=f"panel {number}",
                )
            )
            for number in range(panels)
        ]
        listing = time.perf_counter()
        fleet = await sessions[0].fleet()
        for session in sessions[1:]:
            fleet |= await session.fleet()
        cpu, began = time.process_time(), time.perf_counter()

        def take(progress: Progress) -> None:
            nonlocal most_open
            panel = progress.latest.panel
            done[panel] = done.get(panel, 0) + 1
            if done[panel] == EACH:
                ended[panel] = time.perf_counter() - began
            if progress.done % LOOKED_AT_EVERY == 0:
                most_open = max(most_open, _open_files())
            if progress.done == len(fleet) // 2:
                halfway.update(done)

        report = await fleet.status(rollout=Rollout(max_concurrency=panels * WIDTH), progress=take)
        cpu = time.process_time() - cpu
        assert len(report.ok) == len(fleet) == panels * EACH
    others = [seconds for panel, seconds in ended.items() if not (slow and panel == "panel 0")]
    shares = [count for panel, count in halfway.items() if not (slow and panel == "panel 0")]
    return {
        "listing": began - listing,
        "cpu": cpu / len(fleet) * 1e6,
        "others": max(others),
        "slow": ended["panel 0"],
        "least": min(shares),
        "most": max(shares),
        "grown": (peak_bytes() - began_with) / MEBIBYTE,
        "open": most_open,
    }


def one(parameters: dict[str, Any], report: Callable[[object], None]) -> None:
    """Give one run, in a process of its own."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report(asyncio.run(_poll(parameters)))


def measure(scale: Scale) -> Finding:
    """Poll all panels, and once more where one of them is slow."""
    panels = scale.pick(200, 20)
    rows: list[tuple[str, ...]] = []
    raw: dict[str, object] = {}
    with answering_server(0.0) as fast, answering_server(DELAY) as slow:
        for label, slow_one in (("all alike", None), ("one of them slow", slow.plain)):
            parameters = {"panels": panels, "fast": fast.plain, "slow": slow_one}
            found: dict[str, float] = measured("benchmarks.workloads.panels:one", parameters, seconds=120)
            raw[label] = found
            rows.append(
                (
                    label,
                    f"{found['others']:.1f}",
                    f"{found['slow']:.1f}" if slow_one else "-",
                    f"{found['cpu']:.0f}",
                    f"{found['least']:,.0f} to {found['most']:,.0f}",
                    f"{found['grown']:,.0f}",
                    f"{found['open']:,.0f}",
                )
            )
    columns = (
        "panels",
        "seconds until the last of the others is done",
        "seconds until the slow one is",
        "CPU µs a VPS",
        "VPSes done of each at half time",
        "memory grown, MiB",
        "open files at most",
    )
    about = (
        f"{panels * EACH:,} VPSes on {panels} panels, a session each, in one process and over one client: "
        f"{WIDTH} calls in flight on each panel, {panels * WIDTH} in all, and as many connections at most. The slow "
        f"panel takes {DELAY * 1000:g} ms for each answer, so that its {EACH} take {EACH * DELAY / WIDTH:.1f} s at the "
        "least. Memory is by how much the process's peak grows from before the sessions are made."
    )
    return Finding("l", "", about, (Table("", columns, tuple(rows)),), (), (), raw)
