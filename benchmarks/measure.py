"""Runs things in processes of their own, round-robin, until the time is up; and what many runs come down to."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from attrs import asdict, frozen

from benchmarks.contenders import EVERY
from benchmarks.job import Job, Run
from benchmarks.worker import REPORT

T = TypeVar("T")
C = TypeVar("C")

PROJECT = Path(__file__).parent.parent
GRACE = 25.0
"""Seconds that a process may take beyond its measurement: imports, a list, a warm-up."""
MOST_ROUNDS = 5


class MeasuringError(Exception):
    """A measuring process did not report."""


@frozen
class Scale:
    """How much to do.

    Attributes:
        quick: Whether a rough look is enough.
        seconds: When to begin no further round.
    """

    quick: bool
    seconds: float

    def pick(self, full: T, quick: T) -> T:
        """Give the one or the other."""
        return quick if self.quick else full


@frozen
class Spread:
    """What several runs gave: the middle and the ends."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Give what these come down to."""
        all_values = sorted(values)
        return cls(statistics.median(all_values), all_values[0], all_values[-1], len(all_values))

    def show(self, digits: int = 0) -> str:
        """As in a table: the median, and the ends where they differ from it."""
        if self.runs == 1 or self.low == self.high:
            return f"{self.median:,.{digits}f}"
        return f"{self.median:,.{digits}f} [{self.low:,.{digits}f}-{self.high:,.{digits}f}]"


def in_rounds(
    cells: Sequence[C],
    run: Callable[[C], T],
    *,
    seconds: float,
    most: int = MOST_ROUNDS,
    once: Callable[[C], bool] = lambda _cell: False,
) -> dict[C, list[T]]:
    """Run each cell once, then each once more, from another starting point, and so on.

    Args:
        cells: What to run.
        run: Runs one.
        seconds: What it may take; no round is begun that would take it past that, but the first.
        most: Rounds at most.
        once: Which cells one round is enough for.
    """
    results: dict[C, list[T]] = {cell: [] for cell in cells}
    lasted: dict[C, float] = {}
    began = time.monotonic()
    for turn in range(most):
        left = [cell for cell in cells if turn == 0 or not once(cell)]
        if turn and time.monotonic() - began + sum(lasted[cell] for cell in left) > seconds:
            break
        start = turn * len(left) // most
        for cell in (*left[start:], *left[:start]):
            cell_began = time.monotonic()
            results[cell].append(run(cell))
            lasted[cell] = time.monotonic() - cell_began
    return results


@contextmanager
def packages_without(name: str) -> Generator[Path]:
    """Give a folder that has all installed packages but one, as links: for an import that fails as where it is missing.

    An entry of None in `sys.modules` would fail too, but at once; what is missing is looked for on the whole path.
    """
    with tempfile.TemporaryDirectory(prefix="cvm-bench-") as folder:
        for site in map(Path, sys.path):
            if site.name not in {"site-packages", "dist-packages"}:
                continue
            for entry in site.iterdir():
                link = Path(folder) / entry.name
                if entry.name.partition("-")[0] != name and entry.suffix != ".pth" and not link.is_symlink():
                    link.symlink_to(entry)
        yield Path(folder)


@contextmanager
def measuring(
    target: str, parameters: object, *, seconds: float, packages: Path | None = None
) -> Generator[Callable[[], Any]]:
    """Begin to call a function in a process of its own, which ends with the block.

    Args:
        target: As `benchmarks.worker` takes it.
        parameters: Likewise.
        seconds: What the measurement itself may take.
        packages: Where packages are, in place of where they are installed.

    Yields:
        What waits for the report and returns it, or raises a `MeasuringError`.
    """
    command = [sys.executable, "-m", "benchmarks.worker", target, json.dumps(parameters)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    if packages is not None:
        command.insert(1, "-S")
        environment["PYTHONPATH"] = str(packages)
    with subprocess.Popen(  # noqa: S603 - this interpreter on this package
        command,
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:

        def reported() -> Any:  # noqa: ANN401 - JSON
            try:
                said, complained = running.communicate(timeout=seconds + GRACE)
            except subprocess.TimeoutExpired as error:
                raise MeasuringError(f"{target} did not end within {seconds + GRACE:g} s: {parameters}") from error
            for line in reversed(said.splitlines()):
                if line.startswith(REPORT):
                    return json.loads(line.removeprefix(REPORT))
            raise MeasuringError(f"{target} {parameters} reported nothing:\n{complained[-2000:]}")

        try:
            yield reported
        finally:
            # No harm to one that has ended; and Popen waits for it.
            running.kill()


def measure(target: str, parameters: object, *, seconds: float, packages: Path | None = None) -> Any:  # noqa: ANN401
    """As `measuring`, from its beginning to its end.

    Raises:
        MeasuringError: It ended without a report, or not in time.
    """
    with measuring(target, parameters, seconds=seconds, packages=packages) as reported:
        return reported()


def run_jobs(jobs: Sequence[Job], without_sniffio: Path | None = None) -> list[Run]:
    """Run contenders at the same time, each in a process of its own.

    One that breaks down is a run in which nothing was answered.

    Args:
        jobs: What to run.
        without_sniffio: Where packages are for those that have no sniffio.
    """
    with ExitStack() as running:
        reports = [
            running.enter_context(
                measuring(
                    "benchmarks.poll:run",
                    asdict(job),
                    seconds=job.seconds,
                    packages=None if EVERY[job.contender].sniffio else without_sniffio,
                )
            )
            for job in jobs
        ]
        return [_run_of(job, reported) for job, reported in zip(jobs, reports, strict=True)]


def run_job(job: Job, without_sniffio: Path | None = None) -> Run:
    """As `run_jobs`, for one."""
    return run_jobs([job], without_sniffio)[0]


def _run_of(job: Job, reported: Callable[[], Any]) -> Run:
    try:
        return Run(**reported())
    except MeasuringError as error:
        print(f"  {job.contender}: {error}", file=sys.stderr)
        return Run(
            answered=0,
            failed={"broke down": job.count},
            seconds=job.seconds,
            cpu_seconds=0.0,
            peak_bytes=0,
            finished=False,
            others_in=None,
        )
