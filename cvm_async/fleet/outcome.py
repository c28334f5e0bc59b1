"""`Outcome`: what came of a verb for one VPS, as a value; a run keeps one for each, so it is small."""

from typing import Generic, TypeVar

from attrs import frozen

from cvm_async.errors import CvmError
from cvm_async.models import Vps, named, shown

T_co = TypeVar("T_co", covariant=True)


@frozen(weakref_slot=False)
class Outcome(Generic[T_co]):
    """What came of the verb for one VPS.

    Attributes:
        vps: Which.
        panel: The name of the session it was reached through.
        value: What the verb gave: a `VpsStatus` for a status and for a wait, else None. None where it failed.
        error: Why it failed, or was skipped.
        skipped: No power action was sent for it: its node was left alone, or the run had been stopped.
        elapsed: Seconds from when its turn came to when it was done.
    """

    vps: Vps
    panel: str
    value: T_co | None = None
    error: CvmError | None = None
    skipped: bool = False
    elapsed: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it went well."""
        return self.error is None

    def to_dict(self) -> dict[str, object]:
        """Give the outcome as JSON takes it."""
        return {
            **named(self.panel, self.vps),
            "ok": self.ok,
            "skipped": self.skipped,
            **shown(self.value),
            "error": None if self.error is None else str(self.error),
            "error_type": None if self.error is None else type(self.error).__name__,
            "elapsed": round(self.elapsed, 6),
        }


@frozen(weakref_slot=False)
class Progress:
    """How far a run is.

    Attributes:
        done: VPSes with an outcome.
        total: VPSes of the run.
        latest: The outcome that came last.
    """

    done: int
    total: int
    latest: Outcome[object]
