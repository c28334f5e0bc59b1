"""What a cluster takes at size: many accounts on many panels, a Postgres of its own, and workers that are processes.

`python -m benchmarks.cluster_scale --panels 500 --accounts 20`; on Linux, where processes tell their CPU and memory.
Everybody shares this machine: panels, workers, Postgres and whoever follows the run.
"""

import argparse
import asyncio
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from attrs import asdict, frozen

from benchmarks import machine
from benchmarks.cluster_panels import Which, tokens
from cvm_async import ClusterFleet, FleetReport
from cvm_async.cluster.engines.dbos_engine import PANELS_AT_ONCE

TESTS = Path(__file__).parents[1] / "tests"
SETTINGS = "-c listen_addresses='' -c max_connections=60"
"""Postgres's own otherwise: what it confirms is on the disk."""
MEBIBYTE = 1024
"""In kB, as Linux counts."""
TICKS = os.sysconf("SC_CLK_TCK")
ROWS = """
SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE schemaname = 'cvm_async' AND relname = 'targets'
"""
COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
STATISTICS = 10.0
"""Seconds after which Postgres's processes have told their counts, the idle ones too."""

Verb: TypeAlias = Callable[[], Coroutine[Any, Any, FleetReport[Any]]]


@frozen(kw_only=True)
class Scale:
    """How large, and how slow the panels are."""

    panels: int
    accounts: int
    workers: int
    servers: int
    takes: float
    width: int
    failing: int

    @property
    def total(self) -> int:
        """Accounts, each with one VPS."""
        return self.panels * self.accounts

    @property
    def ideal(self) -> float:
        """Seconds that actions take where nothing but the panels' limits costs time."""
        at_once = min(self.panels, self.workers * PANELS_AT_ONCE)
        return math.ceil(self.panels / at_once) * math.ceil(self.accounts / self.width) * self.takes


@frozen
class Process:
    """A process that is measured from outside."""

    pid: int

    @property
    def cpu(self) -> float:
        """Seconds that it has had, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def peak(self) -> float:
        """The most memory that it has had, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / MEBIBYTE


@frozen
class Panels:
    """A process with panels."""

    process: "subprocess.Popen[str]"
    url: str

    def seen(self) -> dict[str, int]:
        """Give what its panels have seen since the last time."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seen: dict[str, int] = json.loads(self.process.stdout.readline())
        return seen


@frozen(kw_only=True)
class Cluster:
    """All that runs."""

    scale: Scale
    database: str
    panels: Sequence[Panels]
    workers: Sequence[Process]

    @property
    def fleet(self) -> ClusterFleet:
        """The accounts."""
        return ClusterFleet(database=self.database, profiles=("p*",))

    def counted(self) -> tuple[int, int]:
        """Give the targets' rows that were written until now, and the commits of all."""
        time.sleep(STATISTICS)
        with psycopg.connect(self.database, autocommit=True) as connection:
            [[rows]] = connection.execute(ROWS).fetchall() or [(0,)]
            [[commits]] = connection.execute(COMMITS).fetchall()
        return rows, commits


@contextmanager
def postgres() -> Generator[str]:
    """Run a Postgres as the tests do; give its address."""
    # They are no package, and no part of what is installed.
    sys.path.append(str(TESTS))
    serving: Callable[[str], AbstractContextManager[Any]] = import_module("cluster.servers").serving
    with serving(SETTINGS) as server:
        yield str(server.url())


@contextmanager
def panels(which: Which) -> Generator[Panels]:
    """Run a process with panels."""
    command = [sys.executable, "-m", "benchmarks.cluster_panels", json.dumps(asdict(which))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Panels(process, process.stdout.readline().strip())
        finally:
            process.stdin.close()


@contextmanager
def worker(database: str) -> Generator[Process]:
    """Run a worker, from when it is ready."""
    command = [sys.executable, "-m", "cvm_async", "worker"]
    environment = {**os.environ, "CVM_DATABASE": database}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            if "is ready" not in said:
                raise RuntimeError(said + process.stderr.read())
            yield Process(process.pid)
        finally:
            process.terminate()


def keep_profiles(scale: Scale, folder: Path, servers: Sequence[tuple[Which, Panels]]) -> None:
    """Write a profile for each account."""
    file = folder / "cvm_async" / "profiles.toml"
    file.parent.mkdir()
    file.touch(mode=0o600)
    lines: list[str] = []
    for which, server in servers:
        for panel in range(*which.panels):
            for account in range(scale.accounts):
                public, private = tokens(panel, account)
                lines += [
                    f"[p{panel}-{account}]",
                    f'url = "{server.url}/p{panel}"',
                    f'public_token = "{public}"',
                    f'private_token = "{private}"',
                    f"max_concurrency = {scale.width}",
                ]
    file.write_text("\n".join(lines), encoding="utf-8")


@contextmanager
def cluster(scale: Scale) -> Generator[Cluster]:
    """Start everything, and end it."""
    each = math.ceil(scale.panels / scale.servers)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cvm-scale-")))
        os.environ["XDG_CONFIG_HOME"] = str(folder)
        servers: list[tuple[Which, Panels]] = []
        for first in range(0, scale.panels, each):
            numbers = (first, min(first + each, scale.panels))
            which = Which(panels=numbers, accounts=scale.accounts, takes=scale.takes, failing=scale.failing)
            servers.append((which, stack.enter_context(panels(which))))
        keep_profiles(scale, folder, servers)
        database = stack.enter_context(postgres())
        yield Cluster(
            scale=scale,
            database=database,
            panels=[server for _, server in servers],
            workers=[stack.enter_context(worker(database)) for _ in range(scale.workers)],
        )


COLUMNS = (
    "run",
    "seconds",
    "the ideal",
    "done",
    "failed",
    "sent",
    "twice",
    "at most on a panel",
    "workers' CPU, ms a VPS",
    "follower's CPU, ms a VPS",
    "memory a worker, MiB",
    "rows a VPS",
    "rows a second",
    "commits a second",
)


async def measured(
    at: Cluster, name: str, ideal: float, before: tuple[int, int], verb: Verb
) -> tuple[tuple[str, ...], tuple[int, int]]:
    """Do a run; give its row of the table, and what was counted after it."""
    total = at.scale.total
    for each in at.panels:
        each.seen()
    rows, commits = before
    cpu, own = sum(each.cpu for each in at.workers), time.process_time()
    began = time.perf_counter()
    report = await verb()
    seconds = time.perf_counter() - began
    cpu, own = sum(each.cpu for each in at.workers) - cpu, time.process_time() - own
    after = at.counted()
    seen = [each.seen() for each in at.panels]
    if report.problems:
        print(f"{name}: {len(report.problems)} problems, the first: {report.problems[0]}", file=sys.stderr)
    row = (
        name,
        f"{seconds:.1f}",
        f"{ideal:.1f}" if ideal else "-",
        f"{len(report.ok):,} of {len(report):,}",
        f"{len(report.failed):,}",
        f"{sum(each['actions'] for each in seen):,}",
        str(sum(each["twice"] for each in seen)),
        str(max(each["most"] for each in seen)),
        f"{cpu / total * 1000:.1f}",
        f"{own / total * 1000:.1f}",
        " and ".join(f"{each.peak:.0f}" for each in at.workers),
        f"{(after[0] - rows) / total:.1f}",
        f"{(after[0] - rows) / seconds:,.0f}",
        f"{(after[1] - commits) / seconds:,.0f}",
    )
    return row, after


async def runs(at: Cluster, pairs: int) -> None:
    """Do the runs one after the other, and print each row as it comes."""
    fleet, ideal, overall = at.fleet, at.scale.ideal, at.scale.total
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)

    counts = at.counted()

    async def row(name: str, ideal: float, verb: Verb) -> None:
        nonlocal counts
        found, counts = await measured(at, name, ideal, counts, verb)
        print("| " + " | ".join(found) + " |", flush=True)

    await row("`status`", 0.0, fleet.status)
    for _ in range(pairs):
        # With the counter first and last, so that what grows with the database is in both alike.
        await row("`stop`", ideal, fleet.stop)
        await row("`start`, overall", ideal, lambda: fleet.start(max_failures_overall=overall))
        await row("`stop`, overall", ideal, lambda: fleet.stop(max_failures_overall=overall))
        await row("`start`", ideal, fleet.start)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_scale", description=__doc__)
    parser.add_argument("--panels", type=int, default=100)
    parser.add_argument("--accounts", type=int, default=20, help="of each panel, with one VPS each")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--servers", type=int, default=2, help="processes that the panels are in")
    parser.add_argument("--takes", type=float, default=1.0, help="seconds that a node takes to start or stop a VPS")
    parser.add_argument("--width", type=int, default=4, help="calls in flight on a panel")
    parser.add_argument("--failing", type=int, default=0, help="one VPS in so many refuses; 0: none does")
    parser.add_argument("--pairs", type=int, default=1, help="times stop and start, each with and without the counter")
    return parser.parse_args()


def main() -> None:
    """Measure, and print a table."""
    arguments = vars(_arguments())
    pairs: int = arguments.pop("pairs")
    scale = Scale(**arguments)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # As Ctrl-C does it: what was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    about = machine.describe()
    for key in ("Date", "Machine", "Load before", "Python"):
        print(f"{key}: {about[key]}")
    print(f"{scale.total:,} accounts on {scale.panels} panels; {scale}")
    with cluster(scale) as at:
        asyncio.run(runs(at, pairs))


if __name__ == "__main__":
    main()
