"""(i): how many calls in flight a panel can take, and whether the adaptive limit finds out by itself."""

import sys
from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from benchmarks.findings import Finding, Lines, Table
from benchmarks.job import Job, Scenario
from benchmarks.measure import Scale, run_job
from benchmarks.servers import Panel, panel

CONTENDER = "session-lanes"
VPSES = 5_000
NEAR = 0.99
"""Settings whose throughput is at least this part of the highest count as equally fast."""
REFUSED = 0.01
"""The part of its calls that a setting may have refused to be called good at all."""


@frozen
class Schema:
    """A kind of panel."""

    name: str
    options: Mapping[str, object]


SHAPES = (
    Schema("2 workers, 40 ms of CPU a call", {"workers": 2, "cores": 2, "cost": 0.040}),
    Schema("20 workers, 200 ms of waiting a call", {"workers": 20, "latency": 0.200}),
    Schema("5 workers, 100 ms a call, backlog of 10, 502 beyond", {"workers": 5, "latency": 0.100, "backlog": 10}),
)


@frozen
class Witness:
    """What the panel's own log of requests says of a run."""

    rate: float
    p95_ms: float
    refused: float
    calls: int

    @classmethod
    def of(cls, log: list[tuple[float, float, int]], *, after: float = 0.0) -> "Witness":
        """Read the log, from so many seconds after its beginning."""
        begins = min((began for began, _, _ in log), default=0.0) + after
        late = [entry for entry in log if entry[0] >= begins]
        served = [(began, ended) for began, ended, status in late if status == 200]
        if not served:
            return cls(0.0, 0.0, 1.0 if late else 0.0, len(late))
        spans = sorted(ended - began for began, ended in served)
        seconds = max(ended for _, ended in served) - min(began for began, _ in served)
        p95 = spans[min(int(0.95 * len(spans)), len(spans) - 1)]
        return cls(len(served) / seconds, p95 * 1000, 1 - len(served) / len(late), len(late))

    def row(self, label: str, best: "Witness") -> tuple[str, ...]:
        """Give its row in a table, beside the best."""
        return (
            label,
            f"{self.rate:.1f}",
            f"{self.rate / best.rate:.2f}" if best.rate else "-",
            f"{self.p95_ms:.0f}",
            f"{self.p95_ms / best.p95_ms:.2f}" if best.p95_ms else "-",
            f"{self.refused:.1%}",
            f"{self.calls:,}",
        )


def best_of(fixed: Mapping[int, Witness]) -> int:
    """Give the setting with the lowest p95 among those that are as fast as the fastest, and turn nobody away."""
    serving = {width: w for width, w in fixed.items() if w.refused <= REFUSED} or fixed
    highest = max(w.rate for w in serving.values())
    near = (width for width, w in serving.items() if w.rate >= NEAR * highest)
    return min(near, key=lambda width: serving[width].p95_ms)


def _log_of(served: Panel, width: int | Literal["adaptive"], seconds: float) -> list[tuple[float, float, int]]:
    served.forget()
    # An adaptive limit meets no other gate on its way.
    setting = Scenario(base=served.url, width=width, per_node=VPSES)
    job = Job(contender=CONTENDER, setting=setting, count=VPSES, seconds=seconds)
    run = run_job(job)
    return [] if "broke down" in run.failed else served.log()


def measure(scale: Scale) -> Finding:
    """Try the fixed settings and the adaptive one on each panel."""
    widths = scale.pick((1, 2, 3, 5, 8, 12, 15, 20, 24, 32, 48, 64), (2, 5, 20))
    box, long_box = scale.pick((2.0, 10.0), (0.5, 1.2))
    tables: list[Table] = []
    plots: list[Lines] = []
    notes: list[str] = []
    raw: dict[str, object] = {}
    columns = ("calls in flight", "calls/s", "of the best", "p95 ms", "of the best", "refused", "calls seen")
    for number, shape in enumerate(SHAPES, 1):
        with panel(vpses=VPSES, nodes=20, **shape.options) as served:
            fixed = {width: Witness.of(_log_of(served, width, box)) for width in widths}
            log = _log_of(served, "adaptive", long_box)
        best_width = best_of(fixed)
        best = fixed[best_width]
        rows = [w.row(f"{width}{' (best)' if width == best_width else ''}", best) for width, w in fixed.items()]
        if log:
            rows.append(Witness.of(log).row(f"adaptive, all {long_box:g} s", best))
            rows.append(Witness.of(log, after=long_box / 2).row("adaptive, second half", best))
        else:
            notes.append(f"{shape.name}: the adaptive limit broke down here.")
        tables.append(Table(shape.name, columns, tuple(rows)))
        series: dict[str, list[tuple[float, float]]] = {
            "fixed, 1 to 64 in flight": [(w.rate, w.p95_ms) for w in fixed.values()]
        }
        if log:
            adaptive = Witness.of(log)
            series["adaptive"] = [(adaptive.rate, adaptive.p95_ms)]
        plots.append(
            Lines(
                f"panel-{number}",
                f"{shape.name} (right and low is better)",
                "calls/s",
                "p95 of the answers, ms",
                series,
            )
        )
        raw[shape.name] = {str(width): [w.rate, w.p95_ms, w.refused, w.calls] for width, w in fixed.items()}
        print(f"    {shape.name}: best fixed setting {best_width}", file=sys.stderr)
    about = (
        f"Three simulated panels. Each fixed setting runs for {box:g} s, the adaptive limit for {long_box:g} s from "
        "its beginning, where it knows nothing. The figures are those of the panel's own log: answers from the first "
        "request to the last answer, the time that calls spent in the panel, and how many it refused. The best fixed "
        f"setting is the one with the lowest p95 among those within {1 - NEAR:.0%} of the highest throughput; those "
        f"that have more than {REFUSED:.0%} of their calls refused do not count."
    )
    return Finding("i", "", about, tuple(tables), tuple(plots), tuple(notes), raw)
