"""(g): what reading an answer costs, and how long it keeps the event loop from anything else."""

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Any

import httpx

from benchmarks import listing
from benchmarks.findings import Finding, Table
from benchmarks.job import TOKENS
from benchmarks.measure import Scale, Spread, measure as measured
from benchmarks.null_transport import NullTransport
from cvm_async import CvmSession


async def _longest_hold(count: int, *, frozen: bool) -> float:
    """Give the longest time, in ms, for which a task that wants every turn of the loop does not get one.

    With `frozen`, what the process has before is kept from the garbage collector, as a program may do once it is up.
    """
    public, private = TOKENS.values()
    async with (
        httpx.AsyncClient(transport=NullTransport(count, turns=1)) as client,
        CvmSession("https://panel.example.net", public_token=public, private_token=private, client=client) as session,
    ):
        longest = 0.0
        if frozen:
            gc.collect()
            gc.freeze()

        async def tick() -> None:
            nonlocal longest
            last = time.perf_counter()
            while True:
                await asyncio.sleep(0)
                now = time.perf_counter()
                longest = max(longest, now - last)
                last = now

        ticking = asyncio.create_task(tick())
        vpses = await session.list_vpses()
        ticking.cancel()
        assert len(vpses) == count
        gc.unfreeze()
    return longest * 1000


def all_of_it(parameters: dict[str, Any], report: Callable[[object], None]) -> None:
    """All contenders in turn, many times, in one process: what they read is small, and they share nothing."""
    from benchmarks.workloads import decoders  # noqa: PLC0415 - peers, in the measuring process only

    count, rounds = parameters["count"], parameters["rounds"]
    body = listing.listing(count)
    status: dict[str, list[float]] = {name: [] for name in decoders.STATUS}
    whole: dict[str, list[float]] = {name: [] for name in decoders.LISTING}
    for _ in range(rounds):
        for name, read in decoders.STATUS.items():
            began = time.perf_counter()
            for _ in range(2_000):
                read(listing.STATUS)
            status[name].append((time.perf_counter() - began) / 2_000 * 1e6)
        for name, read in decoders.LISTING.items():
            began = time.perf_counter()
            read(body)
            whole[name].append((time.perf_counter() - began) * 1000)
    holds = [asyncio.run(_longest_hold(count, frozen=False)) for _ in range(rounds)]
    frozen = [asyncio.run(_longest_hold(count, frozen=True)) for _ in range(rounds)]
    report({"status": status, "list": whole, "hold": holds, "frozen": frozen})


def measure(scale: Scale) -> Finding:
    """Read a status and a list, with everybody."""
    count, rounds = 10_000, scale.pick(15, 3)
    found = measured("benchmarks.workloads.decoding:all_of_it", {"count": count, "rounds": rounds}, seconds=120)
    hold = Spread.of(found["hold"])
    rows: list[tuple[str, ...]] = []
    for name, times in found["status"].items():
        whole = Spread.of(found["list"][name])
        longest = hold.show(1) if name == "cvm_async" else whole.show(1)
        rows.append((name, Spread.of(times).show(1), f"{whole.median * 1000 / count:.2f}", whole.show(1), longest))
    columns = (
        "by",
        "a status, µs",
        "a listed VPS, µs",
        f"a list of {count:,}, ms",
        "longest hold of the event loop, ms",
    )
    about = (
        f"A status of {len(listing.STATUS)} bytes and a list of {count:,} VPSes, as the panel writes them: "
        "numbers in strings. The others decode what is written as it should be; `cvm_async` also tells what is "
        "wrong where, keeps unknown keys, and reads past PHP's diagnostics. It reads a long list in slices: "
        "the longest hold is taken on an event loop, by a task that wants every turn, during "
        "`session.list_vpses()`. Its highest figures are full garbage collections of Python's, some 15 ms each: with "
        "the collector switched off no hold is longer than 2 ms."
    )
    frozen = Spread.of(found["frozen"]).show(1)
    note = (
        f"Where the program has called `gc.collect()` and `gc.freeze()` before: {frozen} ms. A library "
        "must not do that to the process that it is in."
    )
    return Finding("g", "", about, (Table("", columns, tuple(rows)),), (), (note,), found)
