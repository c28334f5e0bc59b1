"""(h): what importing costs, and how soon the command line answers."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType
from typing import cast

from benchmarks.findings import Finding, Table
from benchmarks.measure import PROJECT, Scale, Spread, in_rounds, measure as measured, packages_without
from benchmarks.servers import fast_server

FAILURES = 5_000
COMMANDS = {
    "python, nothing imported": ("-c", "pass"),
    "import httpx": ("-c", "import httpx"),
    "import aiohttp": ("-c", "import aiohttp"),
    "import httpx2": ("-c", "import httpx2"),
    "import cvm_async": ("-c", "import cvm_async"),
    "from cvm_async import CvmSession": ("-c", "from cvm_async import CvmSession"),
    "cvm-async --help": ("-c", "import sys; from cvm_async.cli import main; sys.argv[1:] = ['--help']; main()"),
}

FIRST_CALLS = {
    "httpx: its client's first call": "import httpx; call = lambda c: c.get(url); make = httpx.AsyncClient",
    "cvm_async: `lane_client`'s first call": ("from cvm_async import lane_client as make; call = lambda c: c.get(url)"),
    "cvm_async: a session's first status": (
        "from cvm_async import CvmSession; call = lambda c: c.status(1)\n"
        "def make(): return CvmSession(base, public_token='a', private_token='b')"
    ),
}
_CALLING = """
import asyncio, sys, time
base, url = sys.argv[1], sys.argv[1] + "/api/client/vps/1/status"
began = time.perf_counter()
{make}
async def main():
    async with make() as client:
        await call(client)
asyncio.run(main())
print((time.perf_counter() - began) * 1000)
"""
_FOOTPRINT = """
import sys
before = len(sys.modules)
{command}
after = len(sys.modules)
from benchmarks.poll import peak_bytes
print(after - before, peak_bytes())
"""


def _first_call(label: str, base: str) -> float:
    """Give ms from an interpreter that has started to the end of a first call, imports included."""
    script = _CALLING.format(make=FIRST_CALLS[label])
    return float(_printed(script, base))


def _footprint(label: str) -> tuple[int, float]:
    """Give how many modules an import loads, and how many MiB the process has had afterwards at most."""
    modules, peak = _printed(_FOOTPRINT.format(command=COMMANDS[label][1])).split()
    return int(modules), int(peak) / 2**20


def _printed(script: str, *arguments: str) -> str:
    ended = subprocess.run(  # noqa: S603 - this interpreter on the lines above
        [sys.executable, "-c", script, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stdout


def _milliseconds(label: str) -> float | None:
    began = time.perf_counter()
    ended = subprocess.run(  # noqa: S603 - this interpreter on the lines above
        [sys.executable, *COMMANDS[label]], cwd=PROJECT, capture_output=True, timeout=60, check=False
    )
    return None if ended.returncode else (time.perf_counter() - began) * 1000


def measure(scale: Scale) -> Finding:
    """Start Python, again and again."""
    results = in_rounds(tuple(COMMANDS), _milliseconds, seconds=scale.seconds, most=scale.pick(15, 3))
    bare = Spread.of(time for time in results["python, nothing imported"] if time is not None).median
    rows: list[tuple[str, ...]] = []
    notes: list[str] = []
    for label, times in results.items():
        good = [time for time in times if time is not None]
        if not good:
            notes.append(f"{label}: left out, as it failed here.")
            continue
        spread = Spread.of(good)
        rows.append((label, spread.show(), f"{spread.median - bare:,.0f}"))
    with packages_without("sniffio") as packages:
        failing = measured("benchmarks.workloads.startup:failing_imports", {}, seconds=30, packages=packages)
    with fast_server() as server:
        first = in_rounds(
            tuple(FIRST_CALLS), lambda label: _first_call(label, server.plain), seconds=10, most=scale.pick(7, 2)
        )
    footprints = {label: _footprint(label) for label in COMMANDS if label.startswith(("python", "import", "from"))}
    about = "Processes from their start to their end, bytecode cached."
    tables = (
        Table("", ("what", "ms", "ms beyond bare Python"), tuple(rows)),
        Table(
            "What an import loads",
            ("what", "modules", "peak MiB, interpreter included"),
            tuple((label, f"{modules:,}", f"{peak:.0f}") for label, (modules, peak) in footprints.items()),
        ),
        Table(
            "A first call, from before the import to after the answer",
            ("what", "ms"),
            tuple((label, Spread.of(times).show()) for label, times in first.items()),
        ),
        Table(
            "What `import sniffio` costs a request of httpcore's, time after time",
            ("sniffio", "µs"),
            tuple((label, f"{cost:.2f}") for label, cost in failing.items()),
        ),
    )
    return Finding(
        "h",
        "",
        about,
        tables,
        (),
        tuple(notes),
        {"commands": results, "imports": failing, "first": first, "footprints": footprints},
    )


def _import_us() -> float:
    began = time.perf_counter()
    for _ in range(FAILURES):
        # The caller would see nothing else: httpcore catches it.
        with suppress(ImportError):
            import sniffio  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport]
    return (time.perf_counter() - began) / FAILURES * 1e6


def failing_imports(_parameters: object, report: Callable[[object], None]) -> None:
    """Give the price of an import that fails, in both ways, and of one that does not."""
    costs = {"missing, as after `pip install httpx`": _import_us()}
    sys.modules["sniffio"] = cast("ModuleType", None)
    costs["forbidden by a None in `sys.modules`: not what these benchmarks do"] = _import_us()
    sys.modules["sniffio"] = sys
    costs["installed and imported before"] = _import_us()
    report(costs)
