"""A look that failed is completed from memory: a VPS that could not be read keeps its last status, with its age."""

from collections.abc import Mapping
from datetime import datetime

from attrs import evolve, field, frozen

from cvm_async.errors import CvmError
from cvm_async.models import Problem
from cvm_async.watch.events import Key
from cvm_async.watch.snapshot import Reading, Snapshot


@frozen(kw_only=True)
class Look:
    """What one look at a fleet gave.

    Attributes:
        readings: One for each VPS, in the fleet's order: with a status and when it was read, or with an error.
        problems: What could not be read of the panels' lists.
    """

    readings: tuple[Reading, ...] = field(repr=False)
    problems: tuple[Problem, ...] = ()


def remembering(before: Snapshot | None, look: Look, *, at: datetime, elapsed: float) -> Snapshot:
    """Give the snapshot of a look, where needed with what an earlier one knew."""
    known: Mapping[Key, Reading] = {} if before is None else {reading.key: reading for reading in before}
    readings = tuple(_completed(reading, known.get(reading.key), at) for reading in look.readings)
    return Snapshot(at=at, elapsed=elapsed, readings=readings, problems=look.problems)


def failing(before: Snapshot, error: CvmError) -> Look:
    """Give the look that failed as a whole, at the VPSes that were there before."""
    return Look(readings=tuple(evolve(reading, error=error) for reading in before), problems=before.problems)


def _completed(reading: Reading, known: Reading | None, at: datetime) -> Reading:
    if reading.error is not None and reading.status is None and known is not None:
        reading = evolve(reading, status=known.status, read_at=known.read_at)
    age = None if reading.read_at is None else max(0.0, (at - reading.read_at).total_seconds())
    return evolve(reading, age=age)
