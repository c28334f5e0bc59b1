"""(e), the second part: polls again and again of a panel of PHP workers, which go on for a caller who has left."""

import statistics
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from attrs import asdict, field, frozen

from benchmarks.contenders import EVERY
from benchmarks.findings import Bars, Finding, Table
from benchmarks.job import Job, Scenario
from benchmarks.measure import Scale, measuring, packages_without
from benchmarks.polls import PollsRun
from benchmarks.servers import panel

HASTE = 10.0
"""All waits are so many times shorter than on a real panel: a status is waited for 1.5 s, a poll begins every 2 s, and
PHP gives a command on the node up after 6 s."""
EVERY_SECONDS = 20.0 / HASTE
TIMEOUT = 15.0 / HASTE
SOCKET_TIMEOUT = 60.0 / HASTE
UNREACHABLE_AFTER = 8.0 / HASTE
COST = 0.04
"""Seconds that a call takes, which is as on a real panel: what is fast there is not faster here."""
VPSES, NODES, DEAD = 96, 8, 4
WIDTH, PER_NODE = 16, 4
WORKERS = (5, 8)
CONTENDING = ("session-lanes", "httpx-semaphore")


@frozen
class Cell:
    """One contender on one panel."""

    contender: str
    workers: int


@frozen
class Found:
    """What came of one, by itself and on the panel."""

    polls: PollsRun
    stuck: int

    @property
    def seconds(self) -> float:
        """The median of the seconds until the others were in; infinite where they never were."""
        return statistics.median(self.polls.seconds) if self.polls.seconds else float("inf")


@frozen
class Trouble:
    """What is wrong with a node, and for how many polls."""

    name: str
    polls: int
    options: dict[str, object] = field(factory=dict[str, object], hash=False)


def _run(trouble: Trouble) -> dict[Cell, Found]:
    """Run all at the same time, each on a panel of its own: they mostly wait."""
    cells = [Cell(key, workers) for workers in WORKERS for key in CONTENDING]
    with packages_without("sniffio") as without_sniffio, ExitStack() as running:
        reports = {cell: running.enter_context(_running(trouble, cell, without_sniffio)) for cell in cells}
        return {cell: report() for cell, report in reports.items()}


@contextmanager
def _running(trouble: Trouble, cell: Cell, without_sniffio: Path) -> Generator[Callable[[], Found]]:
    """Begin one; give what waits for its end."""
    seconds = trouble.polls * EVERY_SECONDS
    php = {"workers": cell.workers, "cost": COST, "cookie_lock": False, "socket_timeout": SOCKET_TIMEOUT}
    with panel(vpses=VPSES, nodes=NODES, **php, **trouble.options) as served:
        job = Job(
            contender=cell.contender,
            setting=Scenario(base=served.url, width=WIDTH, per_node=PER_NODE, timeout=TIMEOUT, haste=HASTE),
            count=VPSES,
            seconds=seconds,
            ignore=tuple(range(DEAD, VPSES + 1, NODES)),
        )
        with measuring(
            "benchmarks.polls:run",
            {"job": asdict(job), "every": EVERY_SECONDS},
            seconds=seconds,
            packages=None if EVERY[cell.contender].sniffio else without_sniffio,
        ) as reported:
            yield lambda: Found(PollsRun(**reported()), served.busy(DEAD))


def measure(scale: Scale) -> Finding:
    """Poll with a hung node, with an unreachable one, and with none, and compare."""
    well = Trouble("no node in trouble", scale.pick(4, 2))
    troubles = (
        Trouble("a hung node", scale.pick(20, 6), {"hung": DEAD}),
        Trouble("an unreachable node", scale.pick(8, 3), {"unreachable": DEAD, "after": UNREACHABLE_AFTER}),
    )
    found = {trouble: _run(trouble) for trouble in (well, *troubles)}
    living = VPSES - VPSES // NODES
    columns = (
        "contender",
        "all others read in",
        "of the others read",
        "seconds until they are",
        "times",
        "workers busy with the node, at most",
    )
    tables = tuple(
        Table(
            f"Polls in a row with {trouble.name}, {workers} workers: what is read of the other {living} VPSes",
            columns,
            tuple(_row(found, well, trouble, Cell(key, workers), living) for key in CONTENDING),
        )
        for trouble in troubles
        for workers in WORKERS
    )
    about = (
        f"The second part polls {VPSES} VPSes on {NODES} nodes every {EVERY_SECONDS:g} s, {WIDTH} calls in flight. "
        f"The panel has a few PHP workers, {COST * 1000:g} ms a call; a worker goes on for a caller who has left, on a "
        f"hung node for three times {SOCKET_TIMEOUT:g} s, and an unreachable node is an empty 500 after "
        f"{UNREACHABLE_AFTER:g} s. All waits, the session's own too, are {HASTE:g} times shorter than on a real panel; "
        "what a call costs is not."
    )
    plots = tuple(
        Bars(
            f"in-a-row-{workers}",
            f"Of the other VPSes, read in polls in a row with a hung node, {workers} workers",
            "percent (more is better)",
            {EVERY[key].label: 100 * _part_read(found[troubles[0]][Cell(key, workers)], living) for key in CONTENDING},
        )
        for workers in WORKERS
    )
    raw = {
        trouble.name: [{**asdict(cell), **asdict(result)} for cell, result in cells.items()]
        for trouble, cells in found.items()
    }
    return Finding("e", "", about, tables, plots, (), raw)


def _part_read(result: Found, living: int) -> float:
    return result.polls.read / (result.polls.due * living)


def _row(
    found: dict[Trouble, dict[Cell, Found]], well: Trouble, trouble: Trouble, cell: Cell, living: int
) -> tuple[str, ...]:
    result, base = found[trouble][cell], found[well][cell].seconds
    whole = result.polls.whole > 0
    return (
        EVERY[cell.contender].label,
        f"{result.polls.whole} of {result.polls.due} polls",
        f"{100 * _part_read(result, living):.0f} %",
        f"{result.seconds:.2f}" if whole else "never",
        f"{result.seconds / base:.2f}" if whole else "-",
        str(result.stuck),
    )
