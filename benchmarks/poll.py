"""Runs one job in this process and measures it from within: time, CPU, peak memory."""

import asyncio
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from benchmarks.contenders import EVERY
from benchmarks.job import Job, Run, Tally


def peak_bytes() -> int:
    """Give the most memory that this process has had.

    Linux hands `ru_maxrss` down to a child through exec, so that a large parent would show here; VmHWM is our own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else largest * 1024


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Give what makes event loops of that name."""
    if name == "uvloop":
        import uvloop  # noqa: PLC0415 - only where it was asked for

        return uvloop.new_event_loop
    return asyncio.new_event_loop


LATE = 3.0
"""Seconds beyond its time after which a run is taken not to come back by itself."""


async def perform(job: Job, report: Callable[[object], None]) -> None:
    """Poll, and report."""
    tally = Tally()
    ids = range(1, job.count + 1)
    async with EVERY[job.contender].load()(job.setting, tally) as poll:
        if job.warm_up:
            await poll(ids[: job.warm_up])
        tally.begin(set(ids) - set(job.ignore))
        cpu, began = time.process_time(), time.perf_counter()

        def take_stock(*, finished: bool) -> None:
            run = Run(
                answered=len(tally.answers),
                failed=dict(tally.failures),
                seconds=time.perf_counter() - began,
                cpu_seconds=time.process_time() - cpu,
                peak_bytes=peak_bytes(),
                finished=finished,
                others_in=None if tally.others_in_at is None else tally.others_in_at - began,
            )
            report(attrs.asdict(run))

        def give_up() -> None:
            take_stock(finished=False)
            os._exit(0)

        # A thread's, as an event loop that thousands of requests keep busy in a pool does not come to its own timers.
        watchdog = threading.Timer(job.seconds + LATE, give_up)
        watchdog.daemon = True
        watchdog.start()
        polling = asyncio.ensure_future(poll(ids))
        waiting = asyncio.ensure_future(tally.done.wait())
        ends = {polling, waiting} if job.ignore else {polling}
        await asyncio.wait(ends, timeout=job.seconds, return_when=asyncio.FIRST_COMPLETED)
        take_stock(finished=polling.done())
        watchdog.cancel()
        if not polling.done():
            # Cancelling thousands of calls inside httpx's pool takes minutes, and nobody waits for that.
            os._exit(0)
        waiting.cancel()
        polling.result()


def run(parameters: dict[str, Any], report: Callable[[object], None]) -> None:
    """Run a job that came as JSON."""
    job = Job.of_json(parameters)
    with asyncio.Runner(loop_factory=loop_factory(job.loop)) as runner:
        runner.run(perform(job, report))
