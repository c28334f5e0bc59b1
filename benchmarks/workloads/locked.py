"""(d): a panel as PHP makes it, where the cookie decides: simulated, and PHP itself."""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from attrs import asdict, frozen

from benchmarks.contenders import EVERY
from benchmarks.findings import Bars, Finding, Table
from benchmarks.job import Job, Run, Scenario
from benchmarks.measure import Scale, Spread, in_rounds, packages_without, run_job, run_jobs
from benchmarks.servers import have, panel, php_panel

WORKERS, COST = 8, 0.040
WIDTH = 16
KEEPING_COOKIES = ("httpx-semaphore", "aiometer", "httpx2", "httpx-aiohttp", "aiohttp")
WITHOUT_COOKIES = ("aiohttp-no-jar", "pyreqwest", "floor", "session-lanes", "session-fast")


@frozen
class Lock:
    """A kind of panel with the lock: its name, and how to start one."""

    name: str
    title: str
    start: Callable[[], AbstractContextManager[str]]


def _job(key: str, base: str, count: int) -> Job:
    # All of them wait long enough for the last call, and nobody is stopped before.
    setting = Scenario(base=base, width=WIDTH, timeout=30.0)
    return Job(contender=key, setting=setting, count=count, seconds=2 * count * COST)


def _slow(lock: Lock, count: int, without_sniffio: Path) -> dict[str, list[Run]]:
    """Give those that are answered one call at a time, all at once: their panels and they do nothing but wait."""
    with ExitStack() as panels:
        jobs = [_job(key, panels.enter_context(lock.start()), count) for key in KEEPING_COOKIES]
        runs = run_jobs(jobs, without_sniffio)
    return {key: [run] for key, run in zip(KEEPING_COOKIES, runs, strict=True)}


def _race(lock: Lock, count: int, seconds: float) -> dict[str, list[Run]]:
    with packages_without("sniffio") as without_sniffio, lock.start() as base:
        slow = _slow(lock, count, without_sniffio)
        fast = in_rounds(
            WITHOUT_COOKIES, lambda key: run_job(_job(key, base, count), without_sniffio), seconds=seconds, most=3
        )
    return {**slow, **fast}


def _row(key: str, runs: list[Run], count: int, ideal: float) -> tuple[str, ...]:
    rate = Spread.of(run.rate for run in runs)
    failed = sum(count - run.answered for run in runs)
    seconds = Spread.of(run.seconds for run in runs)
    return (EVERY[key].label, seconds.show(2), f"{seconds.median / ideal:.2f}", f"{rate.median:.1f}", f"{failed:,}")


def _locks(count: int) -> tuple[list[Lock], list[str]]:
    """Give the panels that can be had here, and what is said of the others."""

    @contextmanager
    def simulated() -> Generator[str]:
        with panel(vpses=count, nodes=20, cost=COST, workers=WORKERS) as served:
            yield served.url

    locks = [Lock("simulated", "the simulated panel", simulated)]
    command = have("php")
    if command is None:
        return locks, ["PHP's own session lock was left out: no php on this machine."]

    @contextmanager
    def real() -> Generator[str]:
        with php_panel(command, count, WORKERS) as served:
            yield served.plain

    locks.append(Lock("php", "PHP's own server, `panel.php`", real))
    return locks, ["PHP's own server closes the connection after each answer: each call there pays for a new one."]


def measure(scale: Scale) -> Finding:
    """Poll both panels with everybody."""
    count = scale.pick(500, 80)
    ideal = count * COST / WORKERS
    locks, notes = _locks(count)
    # The slow ones take so long on each.
    left = scale.seconds / len(locks) - count * COST
    notes.append(
        "The simulated panel names the session that it was sent in each answer, as panels do; PHP does so in the first "
        "one only. A client that was given several at its start may go on with more than one on the former."
    )
    races: Mapping[Lock, dict[str, list[Run]]] = {lock: _race(lock, count, left) for lock in locks}
    columns = ("contender", "seconds for all", "times the ideal", "calls/s", "not answered")
    tables = tuple(
        Table(lock.title, columns, tuple(_row(key, runs, count, ideal) for key, runs in race.items()))
        for lock, race in races.items()
    )
    plots = tuple(
        Bars(
            lock.name,
            f"Seconds for {count} VPSes on {lock.title} (ideal: {ideal:g})",
            "seconds (less is better)",
            {EVERY[key].label: Spread.of(run.seconds for run in runs).median for key, runs in race.items()},
        )
        for lock, race in races.items()
    )
    about = (
        f"{count} VPSes, a panel with {WORKERS} workers that takes {COST * 1000:g} ms a call and locks the "
        f"session that a call's cookie names; {WIDTH} in flight, from a cold start. Ideal: {ideal:g} s. Clients "
        "that keep cookies are soon answered one call at a time; these run at the same time, each on a panel "
        "of its own, as nobody there does anything but wait. The others run one after the other."
    )
    raw = {
        lock.title: {key: [asdict(run) for run in runs] for key, runs in race.items()} for lock, race in races.items()
    }
    return Finding("d", "", about, tables, plots, tuple(notes), raw)
