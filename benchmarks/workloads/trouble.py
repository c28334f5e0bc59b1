"""(e): what a dead node costs the others."""

from attrs import asdict, frozen

from benchmarks.contenders import EVERY
from benchmarks.findings import Bars, Finding, Table
from benchmarks.job import Job, Run, Scenario
from benchmarks.measure import Scale, in_rounds, packages_without, run_job
from benchmarks.servers import panel
from benchmarks.workloads import polls_in_a_row

NODES, DEAD = 20, 7
WIDTH, PER_NODE = 16, 4
LATENCY = 0.02
CONTENDING = ("session-lanes", "session-fast", "httpx-semaphore")


@frozen
class Trouble:
    """What is wrong with a node, and how long clients wait for an answer meanwhile."""

    name: str
    options: tuple[tuple[str, object], ...]
    timeout: float


def _troubles(scale: Scale) -> tuple[Trouble, ...]:
    wait, after = scale.pick(5.0, 1.0), scale.pick(10.0, 1.0)
    return (
        Trouble("no dead node", (), wait),
        Trouble(f"a hung node (timeout {wait:g} s)", (("hung", DEAD),), wait),
        Trouble(
            f"an unreachable node that takes {after:g} s to say so (timeout {after + 2:g} s)",
            (("unreachable", DEAD), ("after", after)),
            after + 2,
        ),
    )


def _run(trouble: Trouble, count: int, box: float) -> dict[str, Run]:
    """Everybody once, each on a panel of its own: what one leaves hanging there is not the next one's."""
    dead = tuple(vps_id for vps_id in range(1, count + 1) if (vps_id - 1) % NODES + 1 == DEAD)
    found: dict[str, Run] = {}
    with packages_without("sniffio") as without_sniffio:
        for key in CONTENDING:
            with panel(vpses=count, nodes=NODES, latency=LATENCY, cookie_lock=False, **dict(trouble.options)) as served:
                setting = Scenario(base=served.url, width=WIDTH, per_node=PER_NODE, timeout=trouble.timeout)
                job = Job(contender=key, setting=setting, count=count, seconds=box, ignore=dead)
                found[key] = run_job(job, without_sniffio)
    return found


def measure(scale: Scale) -> Finding:
    """Poll a fleet with a dead node, and one without, and compare when the living were in."""
    count = scale.pick(1_000, 400)
    box = scale.pick(45.0, 6.0)
    rounds = in_rounds(
        _troubles(scale), lambda trouble: _run(trouble, count, box), seconds=scale.seconds, most=scale.pick(3, 1)
    )
    healthy, *dead = rounds

    def seconds(trouble: Trouble, key: str) -> float:
        times = [run[key].others_in for run in rounds[trouble]]
        return sorted(box if time is None else time for time in times)[len(times) // 2]

    rows: list[tuple[str, ...]] = []
    for key in CONTENDING:
        base = seconds(healthy, key)
        row = [EVERY[key].label, f"{base:.2f}"]
        for trouble in dead:
            spent = seconds(trouble, key)
            row += [f"{'over ' if spent >= box else ''}{spent:.2f}", f"{spent / base:.2f}"]
        rows.append(tuple(row))
    columns = ["contender", f"{healthy.name}: seconds"]
    for trouble in dead:
        columns += [f"{trouble.name}: seconds", "times"]
    living = count - count // NODES
    table = Table(f"Until the statuses of the other {living} VPSes are in", tuple(columns), tuple(rows))
    plots = tuple(
        Bars(
            name,
            f"Seconds until the other {living} VPSes are in: {trouble.name}",
            "seconds (less is better)",
            {EVERY[key].label: seconds(trouble, key) for key in CONTENDING},
        )
        for name, trouble in zip(("hung", "unreachable"), dead, strict=True)
    )
    about = (
        f"{count:,} VPSes on {NODES} nodes, one of which is dead; the panel takes {LATENCY * 1000:g} ms a "
        f"status. All have {WIDTH} calls in flight; the sessions have {PER_NODE} of them on one node at most, "
        "and the breaker as it comes. The cookie lock is off, so that only the node is what is measured. "
        "Timeouts are short, and the same for all, so that a plain semaphore is done at all; the factor of a "
        "plain semaphore grows with the timeout, that of a session does not."
    )
    raw = {
        trouble.name: [{key: asdict(run) for key, run in found.items()} for found in runs]
        for trouble, runs in rounds.items()
    }
    in_a_row = polls_in_a_row.measure(scale)
    return Finding(
        "e",
        "",
        f"{about} {in_a_row.about}",
        (table, *in_a_row.tables),
        (*plots, *in_a_row.plots),
        (),
        {"one poll": raw, "in a row": in_a_row.raw},
    )
