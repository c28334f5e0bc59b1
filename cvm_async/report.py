"""`FleetReport`: what came of one verb over a fleet. A value: it pickles, without the sessions."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from attrs import field, frozen

from cvm_async._summary import PAST, counts
from cvm_async.errors import CvmError, FleetError
from cvm_async.models import Problem, VpsStatus
from cvm_async.outcome import Outcome

if TYPE_CHECKING:
    from cvm_async.fleet import Fleet

T_co = TypeVar("T_co", covariant=True)


@frozen(eq=False)
class FleetReport(Generic[T_co]):
    """One outcome a VPS, in the fleet's order, whatever happened to it.

    Attributes:
        verb: "status", "start", "stop" or "restart".
        outcomes: All of them.
        elapsed: Seconds the run took.
        problems: What could not be read when the fleet was listed; VPSes that the run knows nothing of.
    """

    verb: str
    outcomes: tuple[Outcome[T_co], ...] = field(repr=False)
    elapsed: float
    problems: tuple[Problem, ...] = ()
    _fleet: "Fleet | None" = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Outcome[T_co]]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    @overload
    def __getitem__(self, index: int) -> Outcome[T_co]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Outcome[T_co]]: ...
    def __getitem__(self, index: int | slice) -> Outcome[T_co] | Sequence[Outcome[T_co]]:
        return self.outcomes[index]

    def __reduce__(self) -> tuple[object, ...]:
        return (FleetReport, (self.verb, self.outcomes, self.elapsed, self.problems))

    @property
    def ok(self) -> tuple[Outcome[T_co], ...]:
        """The outcomes that went well."""
        return tuple(outcome for outcome in self.outcomes if outcome.ok)

    @property
    def failed(self) -> tuple[Outcome[T_co], ...]:
        """The others, skipped ones included."""
        return tuple(outcome for outcome in self.outcomes if not outcome.ok)

    @property
    def skipped(self) -> tuple[Outcome[T_co], ...]:
        """Those for which nothing was sent."""
        return tuple(outcome for outcome in self.outcomes if outcome.skipped)

    def by_node(self) -> dict[tuple[str, int | None], list[Outcome[T_co]]]:
        """The outcomes by panel and node, in order of first appearance."""
        return self._grouped(lambda outcome: (outcome.panel, outcome.vps.node))

    def by_error(self) -> dict[type[CvmError], list[Outcome[T_co]]]:
        """The failed ones by the kind of error."""
        groups: dict[type[CvmError], list[Outcome[T_co]]] = {}
        for outcome in self.outcomes:
            if outcome.error is not None:
                groups.setdefault(type(outcome.error), []).append(outcome)
        return groups

    def by_state(self) -> dict[str, list[Outcome[T_co]]]:
        """Those with a status, by its state."""
        groups: dict[str, list[Outcome[T_co]]] = {}
        for outcome in self.outcomes:
            if isinstance(outcome.value, VpsStatus):
                groups.setdefault(outcome.value.state.value, []).append(outcome)
        return groups

    def summary(self) -> str:
        """The run in one line, as for a chat: ``950 running, 41 stopped, 9 failed on node 7 (…) in 3.2 s``."""
        some = len(self.problems)
        unread = f"; {some:,} problem{'s' if some > 1 else ''} in the list" if some else ""
        return f"{counts(self.outcomes, self.verb)} in {self.elapsed:.1f} s{unread}"

    def raise_for_failures(self) -> None:
        """Raises if any VPS failed or was skipped.

        Raises:
            FleetError: With the errors of all that failed, and this report.
        """
        errors = [outcome.error for outcome in self.outcomes if outcome.error is not None]
        if errors:
            message = f"{len(errors):,} of {len(self):,} VPSes were not {PAST[self.verb]}"
            raise FleetError(message, errors, report=self)

    def failed_fleet(self) -> "Fleet":
        """The fleet of what failed or was skipped, to try again.

        Raises:
            LookupError: The report was unpickled, and knows no session any more.
        """
        if self._fleet is None:
            msg = "a report that was pickled knows no session: select the ids of its `failed` from a fleet instead"
            raise LookupError(msg)
        return self._fleet.at([index for index, outcome in enumerate(self.outcomes) if not outcome.ok])

    def to_dict(self) -> dict[str, object]:
        """The report as JSON takes it."""
        return {
            "verb": self.verb,
            "ok": len(self.ok),
            "failed": len(self.failed),
            "skipped": len(self.skipped),
            "elapsed": round(self.elapsed, 6),
            "summary": self.summary(),
            "problems": [str(problem) for problem in self.problems],
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }

    def _grouped(
        self, key: Callable[[Outcome[object]], tuple[str, int | None]]
    ) -> dict[tuple[str, int | None], list[Outcome[T_co]]]:
        groups: dict[tuple[str, int | None], list[Outcome[T_co]]] = {}
        for outcome in self.outcomes:
            groups.setdefault(key(outcome), []).append(outcome)
        return groups
