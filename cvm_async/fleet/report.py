"""`FleetReport`: what came of one verb over a fleet. A value: it pickles, without the sessions."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from attrs import field, frozen

from cvm_async._api.verbs import past_of
from cvm_async._safe_text import safe_text
from cvm_async._tables import Table
from cvm_async._words import counted, some_vpses
from cvm_async.errors import CvmError
from cvm_async.fleet.outcome import AnyOutcome, Failed, Outcome, Succeeded
from cvm_async.fleet.result import Result, result_of, results_of
from cvm_async.fleet.summary import as_line, counts
from cvm_async.models import JSON_VERSION, Problem, VpsStatus

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cvm_async.fleet.fleet import Fleet

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

WAIT: Final = "wait"
"""What the report of a wait has as its verb; the others are the API's."""

# How many ways to fail, and VPSes of each, the text of a `FleetError` shows: what fits a chat message.
_SHOWN_KINDS: Final = 5
_SHOWN_VPSES: Final = 5


class _Mark:
    """Holds nothing, and leads nowhere. Unlike a tuple, it can be referred to weakly."""


class _Outcomes(tuple[Outcome[T], ...]):  # noqa: SLOT001 - a tuple can have none
    """The outcomes of a report, with a mark by which their fleet is found, also from an evolved copy of the report."""

    mark: _Mark


def _marked(outcomes: Iterable[Outcome[T]]) -> _Outcomes[T]:
    if isinstance(outcomes, _Outcomes):
        return cast("_Outcomes[T]", outcomes)
    marked = _Outcomes(outcomes)
    marked.mark = _Mark()
    return marked


@frozen(eq=False, repr=False)
class FleetReport(Generic[T_co]):
    """One outcome a VPS, in the fleet's order, whatever happened to it. `str` of it is its summary."""

    verb: str
    """What was done: "status", "start", "stop", "restart" or "wait"."""
    _outcomes: _Outcomes[T_co] = field(repr=False, converter=_marked)
    elapsed: float
    """Seconds the run took."""
    problems: tuple[Problem, ...] = ()
    """What could not be read when the fleet was listed; VPSes that the run knows nothing of."""

    @property
    def outcomes(self) -> "tuple[AnyOutcome[T_co], ...]":
        """All of them."""
        # Made, an outcome is one or the other.
        return cast("tuple[AnyOutcome[T_co], ...]", self._outcomes)

    def __iter__(self) -> "Iterator[AnyOutcome[T_co]]":
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)

    @overload
    def __getitem__(self, index: int) -> "AnyOutcome[T_co]": ...
    @overload
    def __getitem__(self, index: slice) -> "Sequence[AnyOutcome[T_co]]": ...
    def __getitem__(self, index: int | slice) -> "AnyOutcome[T_co] | Sequence[AnyOutcome[T_co]]":
        return self.outcomes[index]

    def __str__(self) -> str:
        return safe_text(self.summary())

    def __repr__(self) -> str:
        return f"<FleetReport of {self.verb}: {self}>"

    def __rich__(self) -> "RenderableType":
        return self._table().as_rich()

    def _repr_html_(self) -> str:
        return self._table().as_html()

    def _table(self) -> Table:
        """Give what failed first."""
        outcomes = sorted(self.outcomes, key=lambda outcome: outcome.ok)
        return Table.of(f"{self.verb}: {self}", (as_line(outcome, self.verb) for outcome in outcomes), len(self))

    def __reduce__(self) -> tuple[object, ...]:
        return (FleetReport, (self.verb, tuple(self._outcomes), self.elapsed, self.problems))

    # It cannot be changed, and a second one would not know its fleet.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def mark(self) -> object:
        """What its fleet is found by; for the parts of this library."""
        return self._outcomes.mark

    @property
    def ok(self) -> tuple[Succeeded[T_co], ...]:
        """The outcomes that went well."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is None)

    @property
    def failed(self) -> tuple[Failed, ...]:
        """The others, skipped ones included."""
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @property
    def skipped(self) -> "tuple[AnyOutcome[T_co], ...]":
        """Those for which nothing was sent."""
        return tuple(outcome for outcome in self.outcomes if outcome.skipped)

    def by_node(self) -> "dict[tuple[str, int | None], list[AnyOutcome[T_co]]]":
        """Give the outcomes by panel and node, in order of first appearance."""
        return self._grouped(lambda outcome: (outcome.panel, outcome.vps.node))

    def by_error(self) -> dict[type[CvmError], list[Failed]]:
        """Give the failed ones by the kind of error."""
        groups: dict[type[CvmError], list[Failed]] = {}
        for outcome in self.failed:
            groups.setdefault(type(outcome.error), []).append(outcome)
        return groups

    def by_state(self) -> dict[str, list[Succeeded[T_co]]]:
        """Give those with a status, by its state."""
        groups: dict[str, list[Succeeded[T_co]]] = {}
        for outcome in self.ok:
            if isinstance(outcome.value, VpsStatus):
                groups.setdefault(outcome.value.state.value, []).append(outcome)
        return groups

    def by_result(self) -> "dict[Result, list[AnyOutcome[T_co]]]":
        """Give them by what came of the verb: each is in one group, and only groups that have one are there."""
        groups: dict[Result, list[AnyOutcome[T_co]]] = {}
        for outcome in self.outcomes:
            groups.setdefault(result_of(outcome, self.verb), []).append(outcome)
        return {result: groups[result] for result in Result if result in groups}

    def summary(self) -> str:
        """Give the run in one line, as for a chat.

        ``950 running, 41 stopped, 9 unreachable on node 7 in 3.2 s`` for a status, ``2 changed (started), 22 unchanged
        (running), 1 unknown (without an answer on node 7) in 9.1 s`` for a start.
        """
        some = len(self.problems)
        unread = f"; {some:,} problem{'s' if some > 1 else ''} in the list" if some else ""
        return f"{counts(self.outcomes, self.verb)} in {self.elapsed:.1f} s{unread}"

    def raise_for_failures(self) -> None:
        """Raise if any VPS failed or was skipped. What could not be read of the list is none: see `problems`.

        Raises:
            FleetError: With the errors of all that failed, and this report.
        """
        errors = [outcome.error for outcome in self.failed]
        if errors:
            wanted = "seen in the wanted state" if self.verb == WAIT else past_of(self.verb)
            message = f"{len(errors):,} of {some_vpses(len(self))} {'was' if len(errors) == 1 else 'were'} not {wanted}"
            raise FleetError(message, errors, report=self)

    def failed_fleet(self) -> "Fleet":
        """Give the fleet of what failed or was skipped, to try again.

        Raises:
            LookupError: The report was unpickled, or made by hand, and knows no session.
        """
        fleet = origin_of(self)
        if fleet is None:
            msg = (
                "a report that was pickled or made by hand knows no session: select the ids of its `failed` from a "
                "fleet instead"
            )
            raise LookupError(msg)
        return fleet.at(index for index, outcome in enumerate(self.outcomes) if outcome.error is not None)

    def to_dict(self) -> dict[str, object]:
        """Give the report as JSON takes it."""
        by_result = self.by_result()
        return {
            "version": JSON_VERSION,
            "verb": self.verb,
            "ok": len(self.ok),
            "failed": len(self.failed),
            "skipped": len(self.skipped),
            "results": {result.value: len(by_result.get(result, ())) for result in results_of(self.verb)},
            "elapsed": round(self.elapsed, 6),
            "summary": self.summary(),
            "problems": [problem.to_dict() for problem in self.problems],
            "outcomes": [
                {**outcome.to_dict(), "result": result_of(outcome, self.verb).value} for outcome in self.outcomes
            ],
        }

    def _grouped(
        self, key: Callable[[Outcome[object]], tuple[str, int | None]]
    ) -> "dict[tuple[str, int | None], list[AnyOutcome[T_co]]]":
        groups: dict[tuple[str, int | None], list[AnyOutcome[T_co]]] = {}
        for outcome in self.outcomes:
            groups.setdefault(key(outcome), []).append(outcome)
        return groups


class FleetError(CvmError, ExceptionGroup[CvmError]):
    """Some of a fleet failed. `except*` can take it apart; `report` still tells of every VPS.

    `str` of it groups the failures that say the same and names a few VPSes of each, so it stays readable with
    thousands.
    """

    kind = "fleet"

    def __new__(cls, message: str, exceptions: Sequence[CvmError], *, report: "FleetReport[Any] | None" = None) -> Self:
        """Make the group; `report` is for `__init__` alone."""
        del report
        return super().__new__(cls, message, exceptions)

    def __init__(
        self, message: str, exceptions: Sequence[CvmError], *, report: "FleetReport[Any] | None" = None
    ) -> None:
        super().__init__(message)
        # The initialisers above keep the message alone.
        self.args: tuple[Any, ...] = (message, tuple(exceptions))
        self.report = report
        """The whole `FleetReport`, also in the parts that `split` and `subgroup` give."""

    @property
    def user_message(self) -> str:
        """How many failed, for a chat's users; see `CvmError.user_message`."""
        of = "" if self.report is None else f" of {len(self.report):,}"
        return f"{len(self.exceptions):,}{of} {'VPS' if len(self.exceptions) == 1 and not of else 'VPSes'} failed."

    # Narrower than the base's, which allows a group to turn into one of other errors: there are none in here.
    def derive(self, excs: Sequence[CvmError], /) -> "FleetError":  # type: ignore[override]
        """Give the same error over some of its failures, for `split` and `subgroup`."""
        return FleetError(self.message, excs, report=self.report)

    def __str__(self) -> str:
        alike: dict[str, list[int]] = {}
        counts: Counter[str] = Counter()
        for error in self.exceptions:
            kind = f"{type(error).__name__}: {error.message}"
            counts[kind] += 1
            if isinstance(error, CvmError) and error.vps_id is not None:
                alike.setdefault(kind, []).append(error.vps_id)
        parts = [
            f"{count:,} x {kind}{_some_of(alike.get(kind, []))}" for kind, count in counts.most_common(_SHOWN_KINDS)
        ]
        rest = counts.total() - sum(count for _, count in counts.most_common(_SHOWN_KINDS))
        return "; ".join([f"{self.message}: {parts[0]}", *parts[1:], *([counted(rest, "other")] if rest else [])])


_ORIGINS: "WeakKeyDictionary[object, Fleet]" = WeakKeyDictionary()
"""The fleets that reports and plans came from, beside them: whoever prints or walks through one finds no session."""


def remember_origin(value: T, fleet: "Fleet") -> T:
    """Give a report or plan that knows its fleet, for as long as it lives."""
    _ORIGINS[_mark_of(value)] = fleet
    return value


def origin_of(value: object) -> "Fleet | None":
    """Give the fleet that a report or plan came from."""
    return _ORIGINS.get(_mark_of(value))


def _mark_of(value: object) -> object:
    # The outcomes', as their places are the fleet's: a copy that was evolved to have others knows no fleet.
    return value.mark if isinstance(value, FleetReport) else value


def partial_report(error: BaseException | None) -> FleetReport[VpsStatus | None] | None:
    """Give the report of a run that was cut off, from the error that came out of it.

    That is a cancellation, or one that was made of it, such as the `TimeoutError` of `asyncio.timeout`. VPSes whose
    turn had not come have a `NotSentError` and are skipped. Those that were under way have a `NoAnswerError`: of a
    start, stop or restart it is unknown whether it was carried out. None where no report can be found.
    """
    seen: set[int] = set()
    chain = [error]
    while chain:
        link = chain.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        report = vars(link).get("report")
        if isinstance(report, FleetReport):
            return cast("FleetReport[VpsStatus | None]", report)
        if isinstance(link, BaseExceptionGroup):
            chain.extend(cast("BaseExceptionGroup[BaseException]", link).exceptions)
        chain.extend((link.__context__, link.__cause__))
    return None


def _some_of(vps_ids: Sequence[int]) -> str:
    if not vps_ids:
        return ""
    more = len(vps_ids) - _SHOWN_VPSES
    shown = ", ".join(map(str, vps_ids[:_SHOWN_VPSES]))
    return f" (VPS {shown} and {more:,} more)" if more > 0 else f" (VPS {shown})"
