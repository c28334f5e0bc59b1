"""`Outcome`: what came of a verb for one VPS, as a value; a run keeps one for each, so it is small."""

from typing import TYPE_CHECKING, Generic, Literal, Never, TypeAlias, TypeVar, cast

from attrs import frozen

from cvm_async.errors import CvmError
from cvm_async.models import Vps, named, shown, usage

T_co = TypeVar("T_co", covariant=True)


@frozen(weakref_slot=False)
class Outcome(Generic[T_co]):
    """What came of the verb for one VPS; made, it is `Succeeded` or `Failed`."""

    vps: Vps
    """The VPS."""
    panel: str
    """The name of the session it was reached through."""
    value: T_co | None = None
    """What the verb gave: a `VpsStatus` for a status and for a wait, else None. None where it failed."""
    error: CvmError | None = None
    """Why it failed, or was skipped."""
    skipped: bool = False
    """No power action was sent for it: its node was left alone, or the run had been stopped."""
    elapsed: float = 0.0
    """Seconds from when its turn came to when it was done."""

    def __new__(  # noqa: PLR0917 - as attrs takes it
        cls,
        vps: Vps,
        panel: str,
        value: T_co | None = None,
        error: CvmError | None = None,
        skipped: bool = False,  # noqa: FBT001, FBT002 - likewise
        elapsed: float = 0.0,
    ) -> "Outcome[T_co]":
        """Choose the class by how it went, so that a type checker knows what an outcome that was looked at holds."""
        del vps, panel, value, skipped, elapsed
        if cls is not Outcome:
            return object.__new__(cls)
        return cast("Outcome[T_co]", object.__new__(Succeeded if error is None else Failed))

    def __reduce__(self) -> tuple[object, ...]:
        return Outcome, (self.vps, self.panel, self.value, self.error, self.skipped, self.elapsed)

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
            "usage": usage(self.vps, self.value),
            "error": None if self.error is None else str(self.error),
            "error_type": None if self.error is None else type(self.error).__name__,
            "error_kind": None if self.error is None else self.error.kind,
            "elapsed": round(self.elapsed, 6),
        }


class Succeeded(Outcome[T_co]):
    """An outcome that went well: it has a value and no error."""

    __slots__ = ()
    value: T_co
    """What the verb gave: a `VpsStatus` for a status and for a wait, else None."""
    error: None
    """None: it went well."""
    if TYPE_CHECKING:

        @property
        def ok(self) -> Literal[True]:
            """True."""
            ...


class Failed(Outcome[Never]):
    """The outcome of a VPS that failed or was skipped: it has an error and no value."""

    __slots__ = ()
    value: None
    """None: it failed."""
    error: CvmError
    """Why it failed, or was skipped."""
    if TYPE_CHECKING:

        @property
        def ok(self) -> Literal[False]:
            """False."""
            ...


AnyOutcome: TypeAlias = Succeeded[T_co] | Failed
"""What a report holds: `outcome.error is None`, or the class, tells which."""


@frozen(weakref_slot=False)
class Progress:
    """How far a run is."""

    done: int
    """VPSes with an outcome."""
    total: int
    """VPSes of the run."""
    latest: Outcome[object]
    """The outcome that came last."""
