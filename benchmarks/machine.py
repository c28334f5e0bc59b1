"""What the figures were taken on: they mean little without."""

import datetime as dt
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "cvm_async",
    "httpx",
    "httpcore",
    "h11",
    "anyio",
    "sniffio",
    "httpx2",
    "httpx-aiohttp",
    "aiohttp",
    "aiometer",
    "pyreqwest",
    "niquests",
    "httptools",
    "uvloop",
    "uvicorn",
    "attrs",
    "cattrs",
    "msgspec",
    "pydantic",
)


def describe() -> Mapping[str, str]:
    """Give the machine, its software, and the time."""
    return {
        "Date": dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Machine": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory()}",
        "System": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Load before": f"{os.getloadavg()[0]:.2f} over the last minute",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "Servers": ", ".join((_first_line("nginx", "-v"), _first_line("php", "-v"))),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "an unknown processor"


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _first_line(*command: str) -> str:
    try:
        ended = subprocess.run(  # noqa: S603 - two fixed commands
            command, capture_output=True, text=True, timeout=10, check=False
        )
    except FileNotFoundError:
        return f"no {command[0]}"
    # nginx tells its version on stderr.
    return (ended.stdout or ended.stderr).splitlines()[0].removeprefix("nginx version: ")
