"""(a), (b), (c): every contender against a server that is faster than they are."""

from collections.abc import Callable, Sequence
from importlib import import_module

from attrs import asdict, evolve, frozen

from benchmarks.contenders import CONTENDERS, DEFAULT, EVERY
from benchmarks.findings import Bars, Finding, Lines, Plot, Table
from benchmarks.job import Job, Run, Scenario
from benchmarks.listing import STATUS
from benchmarks.measure import Scale, Spread, in_rounds, packages_without, run_job
from benchmarks.poll import LATE
from benchmarks.servers import answering_server, fast_server

MEBIBYTE = 1024 * 1024
COMPARED_AT = 50
"""Calls in flight at which contenders are compared."""
MANY = 2_000
"""Calls beyond which one round is enough."""
UVLOOP = ("aiohttp", "floor", "session-lanes", "session-fast")
"""Contenders that are also tried on uvloop."""
AGAIN = ("aiohttp", "lanes-bare", "fast-bare", "session-lanes", "session-fast")
"""Contenders that also poll once before they are measured: who keeps something from poll to poll is faster then."""


@frozen
class Course:
    """What to put the contenders through.

    Attributes:
        calls: So many calls, so many in flight.
        origin: The server's.
        ca: The authority behind its certificate.
        box: Seconds after which a run is ended.
        patience: The same for those that fail late.
    """

    calls: tuple[tuple[int, int], ...]
    origin: str
    ca: str | None
    box: float
    patience: float

    def jobs(self) -> list[Job]:
        """Give every contender with every number of calls."""
        return [
            Job(
                contender=contender.key,
                setting=Scenario(base=f"{self.origin}/of-{count}", width=width, ca=self.ca),
                count=count,
                # Of the many, only the memory that they take is told.
                seconds=self.patience if contender.endures and count <= MANY else self.box,
                # Connections are there before the clock starts; all of them by this many calls.
                warm_up=2 * width,
            )
            for count, width in self.calls
            for contender in CONTENDERS.values()
        ]


def _is_once(job: Job) -> bool:
    return EVERY[job.contender].endures or job.count > MANY


def _is_plain(job: Job) -> bool:
    """Tell whether it is one of the course itself, none of those that are tried beside it."""
    return job.loop == "asyncio" and job.warm_up < job.count


def _spread(runs: Sequence[Run]) -> Spread:
    return Spread.of(run.rate for run in runs)


def _cells(runs: Sequence[Run]) -> tuple[str, str, str]:
    """Give calls a second, CPU a call, and memory."""
    rate = _spread(runs)
    if not rate.median:
        return "0", "-", f"{max(run.peak_bytes for run in runs) / MEBIBYTE:,.0f}"
    cpu = Spread.of(run.cpu_ms for run in runs).median
    memory = Spread.of(run.peak_bytes / MEBIBYTE for run in runs).median
    return rate.show(), f"{cpu:.3f}", f"{memory:,.0f}"


def _table(count: int, widths: Sequence[int], results: dict[Job, list[Run]]) -> Table:
    def of(key: str, width: int) -> list[Run]:
        jobs = (job for job in results if job.count == count and job.setting.width == width and _is_plain(job))
        return next(results[job] for job in jobs if job.contender == key)

    compared = COMPARED_AT if COMPARED_AT in widths else widths[0]
    default = _spread(of(DEFAULT, compared)).median
    columns = ["contender"]
    for width in widths:
        columns += [f"calls/s, {width} in flight", "CPU ms a call", "peak MiB"]
    columns.append(f"times the default, {compared} in flight")
    rows: list[tuple[str, ...]] = []
    for contender in CONTENDERS.values():
        row = [contender.label]
        for width in widths:
            row += _cells(of(contender.key, width))
        rate = _spread(of(contender.key, compared)).median
        row.append(f"{rate / default:.1f}" if default else "-")
        rows.append(tuple(row))
    return Table(f"{count:,} calls", tuple(columns), tuple(rows))


def _glance(count: int, widths: Sequence[int], results: dict[Job, list[Run]]) -> Table:
    """Give medians alone: what the README shows."""
    runs_of = {
        (job.contender, job.setting.width): runs
        for job, runs in results.items()
        if job.count == count and _is_plain(job)
    }
    default = _spread(runs_of[DEFAULT, COMPARED_AT]).median
    rows: list[tuple[str, ...]] = []
    for contender in CONTENDERS.values():
        rates = {width: _spread(runs_of[contender.key, width]).median for width in widths}
        cpu = Spread.of(run.cpu_ms for run in runs_of[contender.key, COMPARED_AT]).median
        rows.append(
            (
                contender.label,
                *(f"{rate:,.0f}" for rate in rates.values()),
                f"{cpu:.3f}" if rates[COMPARED_AT] else "-",
                f"{rates[COMPARED_AT] / default:.1f}" if default else "-",
            )
        )
    columns = (
        "calls/s with so many in flight:",
        *(f"{width}" for width in widths),
        f"CPU ms a call, {COMPARED_AT}",
        f"times the default, {COMPARED_AT}",
    )
    return Table(f"At a glance: {count:,} calls, medians", columns, tuple(rows))


def _beside(
    title: str, plain: str, other: str, results: dict[Job, list[Run]], pairs: Sequence[tuple[Job, Job]]
) -> Table:
    """Give a job of the course, and how it goes with one thing changed."""
    rows: list[tuple[str, ...]] = []
    for job, changed in pairs:
        before, after = _spread(results[job]), _spread(results[changed])
        gain = f"{after.median / before.median:.2f}" if before.median else "-"
        rows.append((EVERY[job.contender].label, before.show(), after.show(), gain))
    return Table(title, ("contender", plain, other, "times"), tuple(rows))


def _stuck(job: Job, run: Run) -> str:
    """Give what there is to say of a run that had to be ended from without its event loop."""
    return "; the event loop did not turn meanwhile" if run.seconds > job.seconds + LATE else ""


def _shortfalls(results: dict[Job, list[Run]]) -> list[str]:
    """Give what did not end in time, and what failed, in words."""
    notes: list[str] = []
    for job, runs in results.items():
        worst = min(runs, key=lambda run: run.answered)
        what = f"{EVERY[job.contender].label}, {job.count:,} calls, {job.setting.width} in flight"
        failures = ", ".join(f"{count:,} times {name}" for name, count in worst.failed.items())
        if failures:
            notes.append(f"{what}: {worst.answered:,} answered in {worst.seconds:.1f} s, and {failures}")
        elif worst.answered == 0:
            notes.append(f"{what}: none answered in {worst.seconds:.1f} s{_stuck(job, worst)}")
    return notes


def _plots(count: int, widths: Sequence[int], results: dict[Job, list[Run]]) -> tuple[Plot, ...]:
    compared = COMPARED_AT if COMPARED_AT in widths else widths[0]
    rates = {
        (job.contender, job.setting.width): _spread(runs).median
        for job, runs in results.items()
        if job.count == count and _is_plain(job)
    }
    bars = Bars(
        "rate",
        f"Calls a second, {compared} in flight (more is better)",
        "calls/s",
        {contender.label: rates[contender.key, compared] for contender in CONTENDERS.values()},
    )
    if len(widths) == 1:
        return (bars,)
    lines = Lines(
        "width",
        "Calls a second by calls in flight",
        "calls in flight",
        "calls/s",
        {c.label: [(float(width), rates[c.key, width]) for width in widths] for c in CONTENDERS.values()},
    )
    return (bars, lines)


def _has_uvloop() -> bool:
    try:
        import_module("uvloop")
    except ModuleNotFoundError:
        return False
    return True


def _pairs(course: Course, keys: Sequence[str], change: Callable[[Job], Job]) -> list[tuple[Job, Job]]:
    count = course.calls[0][0]
    return [
        (job, change(job))
        for job in course.jobs()
        if job.contender in keys and (job.count, job.setting.width) == (count, COMPARED_AT)
    ]


def _run(scale: Scale, key: str, about: str, course: Course, *, varied: bool = False) -> Finding:
    again = _pairs(course, AGAIN, lambda job: evolve(job, warm_up=job.count)) if varied else []
    on_uvloop = _pairs(course, UVLOOP, lambda job: evolve(job, loop="uvloop")) if varied and _has_uvloop() else []
    jobs = [*course.jobs(), *(changed for _, changed in (*again, *on_uvloop))]
    with packages_without("sniffio") as without_sniffio:
        results = in_rounds(jobs, lambda job: run_job(job, without_sniffio), seconds=scale.seconds, once=_is_once)
    counts = list(dict.fromkeys(count for count, _ in course.calls))
    widths = {count: [width for calls, width in course.calls if calls == count] for count in counts}
    first, compares = counts[0], COMPARED_AT in widths[counts[0]]
    tables = [_glance(first, widths[first], results)] if compares and len(widths[first]) > 1 else []
    tables += [_table(count, widths[count], results) for count in counts]
    if again:
        title = f"A first poll of all VPSes, and the one that follows it; {COMPARED_AT} in flight"
        tables.append(_beside(title, "calls/s, first", "calls/s, second", results, again))
    if on_uvloop:
        title = f"uvloop in place of asyncio's own loop, {COMPARED_AT} in flight"
        tables.append(_beside(title, "calls/s on asyncio", "calls/s on uvloop", results, on_uvloop))
    rounds = max(len(runs) for runs in results.values())
    box = f"A run ends after {course.box:g} s ({course.patience:g} s for gather); rounds: {rounds}."
    return Finding(
        key,
        "",
        f"{about} {box}",
        tuple(tables),
        _plots(first, widths[first], results),
        tuple(_shortfalls(results)),
        [{"job": asdict(job), "runs": [asdict(run) for run in runs]} for job, runs in results.items()],
    )


def plain(scale: Scale) -> Finding:
    """Run (a): nginx on loopback."""
    calls = scale.pick(
        tuple((count, width) for count in (2_000, 20_000) for width in (10, 50, 200)),
        ((2_000, COMPARED_AT),),
    )
    with fast_server() as server:
        course = Course(calls, server.plain, None, scale.pick(2.0, 0.6), scale.pick(6.5, 0.6))
        about = (
            f"{server.name} on loopback, a fixed status of {len(STATUS)} bytes without a cookie, connections "
            "made before the clock starts. The 20,000 are run in one round."
        )
        return _run(scale, "a", about, course, varied=True)


def delayed(scale: Scale) -> Finding:
    """(b): a server that takes 30 ms for each answer."""
    calls = scale.pick(((2_000, COMPARED_AT), (2_000, 200)), ((500, COMPARED_AT),))
    with answering_server(0.030) as server:
        course = Course(calls, server.plain, None, scale.pick(1.5, 0.5), scale.pick(6.5, 0.5))
        about = (
            f"{server.name}, which answers after 30 ms, as nginx can't sleep: 50 in flight can be answered "
            "1,667 times a second and 200 in flight 6,667 times; what the floor reaches shows the server's own "
            "end."
        )
        return _run(scale, "b", about, course)


def secure(scale: Scale) -> Finding:
    """(c): https, with keep-alive."""
    with fast_server() as server:
        if server.secure is None:
            return Finding("c", "", "Left out: no nginx on this machine.", ())
        calls = ((2_000, COMPARED_AT),)
        course = Course(calls, server.secure, server.ca, scale.pick(2.5, 0.5), scale.pick(6.5, 0.5))
        about = (
            f"{server.name} as in (a), over TLS with a certificate made for it; "
            "handshakes are over before the clock starts."
        )
        return _run(scale, "c", about, course)
