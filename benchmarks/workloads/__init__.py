"""The workloads as a table: a letter, what it is, where it is, and how much of the time it gets."""

from collections.abc import Callable
from importlib import import_module
from typing import cast

from attrs import frozen

from benchmarks.findings import Finding
from benchmarks.measure import Scale


@frozen
class Workload:
    """One workload.

    Attributes:
        key: Its letter, for the command line.
        title: What it measures.
        where: Its function, as `module:name` below this package.
        full: Seconds that it begins no further round after.
        quick: The same in the quick form.
    """

    key: str
    title: str
    where: str
    full: float
    quick: float

    def measure(self, *, quick: bool) -> Finding:
        """Run it."""
        module, name = self.where.split(":")
        run = cast("Callable[[Scale], Finding]", getattr(import_module(f"{__name__}.{module}"), name))
        return run(Scale(quick, self.quick if quick else self.full))


WORKLOADS = (
    Workload("a", "A fast server on loopback", "throughput:plain", 300, 13),
    Workload("b", "The same behind 30 ms", "throughput:delayed", 105, 10),
    Workload("c", "TLS", "throughput:secure", 60, 10),
    Workload("d", "A panel with PHP's session lock", "locked:measure", 100, 10),
    Workload("e", "A hung node, and an unreachable one", "trouble:measure", 75, 15),
    Workload("f", "Growth", "growth:measure", 50, 10),
    Workload("g", "Decoding", "decoding:measure", 15, 3),
    Workload("h", "Start-up", "startup:measure", 15, 3),
    Workload("i", "The panel's knee", "knee:measure", 130, 15),
    Workload("j", "The session's own share", "share:measure", 20, 4),
    Workload("k", "A journal", "journal:measure", 30, 6),
    Workload("l", "Many panels in one process", "panels:measure", 60, 10),
)
