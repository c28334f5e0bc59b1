"""What is known of a run, as values: `RunSummary` in one line, `RunRecord` whole, which is the audit log as well."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from attrs import field, frozen

from cvm_async._api.verbs import Verb
from cvm_async.fleet.rollout import Rollout
from cvm_async.models import JSON_VERSION, PowerState


class TargetState(StrEnum):
    """How far a run is with one VPS."""

    TODO = "todo"
    """Nothing was sent for it, or provably nothing arrived."""
    SENT = "sent"
    """The action may have left, and nothing more is known: it may have been carried out."""
    ANSWERED = "answered"
    """The panel says that it is done; the VPS was not yet seen in its new state."""
    DONE = "done"
    """It was carried out, and seen where that was asked for."""
    UNCHANGED = "unchanged"
    """It was there already: nothing was sent."""
    UNSEEN = "unseen"
    """It was carried out, and the new state was not seen."""
    FAILED = "failed"
    """The panel said no."""
    UNKNOWN = "unknown"
    """No answer came: it may have been carried out."""


UNSETTLED: frozenset[TargetState] = frozenset({TargetState.SENT, TargetState.UNKNOWN})
"""Of which nobody knows whether the action was carried out."""

ENDED: frozenset[TargetState] = frozenset(
    {TargetState.DONE, TargetState.UNCHANGED, TargetState.UNSEEN, TargetState.FAILED}
)
"""With which a run is done, for good or ill."""


def is_over(state: TargetState, verb: Verb) -> bool:
    """Tell whether taking a run up again would do nothing more for a VPS."""
    # A restart leaves the state that it found: looking again would tell no more.
    return state in ENDED or (state is TargetState.UNKNOWN and not verb.row.settled_by_status)


@frozen(kw_only=True)
class TargetRecord:
    """One VPS of a run."""

    place: int
    """Its place in the run's order, a number from 0."""
    address: str
    """The panel's URL, which with the id names the VPS."""
    panel: str
    """The name of the session that it was reached through."""
    vps_id: int
    """The panel's number of it."""
    hostname: str
    """As it was listed; raw text."""
    node: int | None = None
    """Its host node; None where the panel did not say."""
    seen: PowerState | None = None
    """The state that a plan saw it in: where it is in another one now, it is not touched. None without a plan."""
    state: TargetState = TargetState.TODO
    """How far the run is with it."""
    sent_at: datetime | None = None
    """When its action was last about to be sent, in UTC; None where it never was."""
    ended_at: datetime | None = None
    """When that was known to be over; None where it was not."""
    error: str | None = None
    """Why it failed, or what is not known of it."""
    error_type: str | None = None
    """The name of that error's class."""

    @property
    def key(self) -> tuple[str, int]:
        """What names the VPS: ids are unique on a panel."""
        return self.address, self.vps_id

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return {
            "panel": self.panel,
            "address": self.address,
            "id": self.vps_id,
            "hostname": self.hostname,
            "node": self.node,
            "seen": None if self.seen is None else self.seen.value,
            "state": self.state.value,
            "sent_at": _written(self.sent_at),
            "ended_at": _written(self.ended_at),
            "error": self.error,
            "error_type": self.error_type,
        }


@frozen(kw_only=True)
class Turn:
    """One time that a process worked on a run: the first, and each time that it was resumed."""

    began_at: datetime
    """When, in UTC."""
    ended_at: datetime | None = None
    """When it was left; None where it is at work, or its process died."""
    user: str
    """Who it was, by the name of the operating system's account."""
    host: str
    """On which machine."""
    pid: int
    """In which process, by its number."""
    panels: tuple[str, ...] = ()
    """The names of the sessions that it went through, which are those of their profiles where they have one."""
    ending: str | None = None
    """How it was left: "finished", or why not; None likewise."""

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return {
            "began_at": _written(self.began_at),
            "ended_at": _written(self.ended_at),
            "user": self.user,
            "host": self.host,
            "pid": self.pid,
            "panels": list(self.panels),
            "ending": self.ending,
        }


@frozen(kw_only=True)
class RunSummary:
    """A run in one line."""

    id: str
    """What names it; ids sort by when runs were made."""
    name: str
    """What whoever made it called it."""
    verb: Verb
    """"start", "stop" or "restart"."""
    began_at: datetime
    """When it was begun, in UTC."""
    panels: tuple[str, ...]
    """The names of the sessions that it went over."""
    counts: dict[TargetState, int] = field(hash=False)
    """VPSes by how far it is with them; those that are 0 are left out."""

    @property
    def total(self) -> int:
        """VPSes of the run."""
        return sum(self.counts.values())

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to resume: each VPS is done, or has failed, or nobody can ever know."""
        return all(is_over(state, self.verb) for state in self.counts)

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return {
            "id": self.id,
            "name": self.name,
            "verb": self.verb.value,
            "began_at": _written(self.began_at),
            "panels": list(self.panels),
            "is_over": self.is_over,
            "total": self.total,
            "counts": {state.value: number for state, number in self.counts.items()},
        }


class RunList(list[RunSummary]):
    """Runs, the newest first, and beside them what could not be read; it compares as the list that it is."""

    __slots__ = ("problems",)

    def __init__(self, runs: Iterable[RunSummary] = (), problems: Iterable[str] = ()) -> None:
        super().__init__(runs)
        self.problems: tuple[str, ...] = tuple(problems)
        """A sentence for each file that cannot be read as a run: it is damaged, or another version's."""


@frozen(kw_only=True)
class RunRecord:
    """All that is known of a run."""

    id: str
    """What names it."""
    name: str
    """What whoever made it called it."""
    verb: Verb
    """"start", "stop" or "restart"."""
    rollout: Rollout
    """How it goes over the VPSes."""
    wait: bool
    """Whether a VPS is done only when its status shows the new state."""
    timeout: float | None
    """Seconds to wait for that, for each VPS; None: no limit."""
    interval: float
    """Seconds between two readings of a status."""
    confirm: int = 1
    """Number of readings in a row that have to show the new state."""
    targets: tuple[TargetRecord, ...] = field(repr=False)
    """Its VPSes, in order."""
    turns: tuple[Turn, ...]
    """When it was at work, and for whom."""

    @property
    def summary(self) -> RunSummary:
        """The run in one line."""
        return RunSummary(
            id=self.id,
            name=self.name,
            verb=self.verb,
            began_at=self.turns[0].began_at,
            panels=tuple(dict.fromkeys(target.panel for target in self.targets)),
            counts=dict(Counter(target.state for target in self.targets)),
        )

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        return {
            "version": JSON_VERSION,
            **self.summary.to_dict(),
            "wait": self.wait,
            "turns": [turn.to_dict() for turn in self.turns],
            "targets": [target.to_dict() for target in self.targets],
        }


def _written(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
