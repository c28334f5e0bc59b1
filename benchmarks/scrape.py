"""What a scrape of many VPSes weighs and takes, and how long the loop stands: `python -m benchmarks.scrape 10000`."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cvm_async import PowerState, Reading, Snapshot, SplitTraffic, Vps, VpsStatus
from cvm_async.exporter import FleetCollector
from cvm_async.exporter.http_server import HttpServer
from cvm_async.exporter.site import Site

NODES: Final = 40
_TICK: Final = 0.001
"""Seconds from one look at the event loop to the next."""

_SCRAPER: Final = """
import sys, time, urllib.request
url, encoding = sys.argv[1:]
began = time.perf_counter()
body = urllib.request.urlopen(urllib.request.Request(url, headers={"Accept-Encoding": encoding})).read()
print(f"{len(body):>12,} bytes in {time.perf_counter() - began:.3f} s")
"""
"""Scrapes from a process of its own, as Prometheus does."""


def snapshot(vpses: int) -> Snapshot:
    """Give what is known of so many VPSes, all figures there."""
    now = datetime.now(UTC)
    return Snapshot(at=now, elapsed=1.0, readings=tuple(reading(number, now) for number in range(1, vpses + 1)))


def reading(number: int, now: datetime) -> Reading:
    """Give what is known of one."""
    vps = Vps(
        id=number,
        hostname=f"web-{number:05}.example.net",
        node=number % NODES,
        virtualization_type=1,
        guaranteed_ram=512,
        burstable_ram=768,
        disk_space=10_240,
        cpu_count=2,
        traffic=SplitTraffic(0, 0, 10**12, 10**12),
    )
    used = SplitTraffic(10**9 + number, 10**8 + number)
    status = VpsStatus(state=PowerState.RUNNING, state_text="running", ram_used=10**8, disk_used=10**9, traffic=used)
    return Reading(panel="panel.example.net", vps=vps, status=status, read_at=now, age=0.0)


async def scrape(url: str, encoding: str) -> str:
    """Scrape once, and say what came and how long it took."""
    command = [sys.executable, "-c", _SCRAPER, url, encoding]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode().strip()


async def watch_the_loop(stood: list[float]) -> None:
    """Note how much later than it should each turn comes."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_TICK)
        stood.append(time.perf_counter() - began - _TICK)


def told(stood: Sequence[float]) -> str:
    """Say for how long others had no turn."""
    ordered = sorted(stood)
    return f"{ordered[-1] * 1000:.0f} ms at most, {ordered[len(ordered) * 99 // 100] * 1000:.0f} ms in 99 of 100"


async def main() -> None:
    """Scrape plain and compressed, each twice: what a look found is written at its first scrape alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("vpses", type=int, nargs="?", default=10_000)
    vpses: int = parser.parse_args().vpses
    collector = FleetCollector()
    collector.take(snapshot(vpses))
    stood: list[float] = []
    async with HttpServer(Site(collector, panels=1), host="127.0.0.1", port=0) as server:
        watching = asyncio.create_task(watch_the_loop(stood))
        for encoding in ("identity", "gzip"):
            for which in ("first", "again"):
                print(f"{encoding:<9}{which}: {await scrape(f'http://127.0.0.1:{server.port}/metrics', encoding)}")
        print(f"the event loop stood for {told(stood)}")
        watching.cancel()


if __name__ == "__main__":
    asyncio.run(main())
