"""`OpenRun`: a run that was taken up again; until it is left, nobody else can take it up."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from types import TracebackType
from typing import Protocol, Self

from attrs import define, field, frozen

from cvm_async._checks import check_seconds, refuse
from cvm_async._safe_text import safe_text
from cvm_async.errors import ConfigurationError
from cvm_async.fleet.control import RunControl
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport, remember_origin
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import Gathering, OnProgress
from cvm_async.fleet.work.journal import Notes
from cvm_async.fleet.work.operations import DEFAULT_WAIT, PlannedAction, PowerAction, Standing
from cvm_async.fleet.work.run import Earlier, Run
from cvm_async.models import VpsStatus
from cvm_async.runs import file
from cvm_async.runs.record import RunRecord, TargetState, is_over
from cvm_async.runs.resume import Resumed, Unsettled, carried, missing, standing_of

AnOutcome = Outcome[VpsStatus | None]


class KeptRun(Notes, Protocol):
    """The journal of a run that has begun before, wherever it is kept."""

    async def take_up(self) -> RunRecord:
        """Open it for another turn, which no other process has at the same time, and give what is known of it."""
        ...

    def goes_through(self, panels: Iterable[str]) -> None:
        """Keep which sessions this turn reaches its VPSes through."""
        ...

    async def close(self, ending: str) -> None:
        """Keep how it was left, and let others have it."""
        ...


@define(eq=False)
class OpenRun:
    """A run to be resumed: ``async with runs.open(run_id) as run: report = await run.resume(fleet)``."""

    _journal: KeptRun
    _record: RunRecord | None = field(init=False, default=None)
    _ending: str = field(init=False, default="left as it was")

    async def __aenter__(self) -> Self:
        """Take it up.

        Raises:
            RunBusyError: Another process, or another part of this one, is at work on it.
            ConfigurationError: Its file cannot be read.
        """
        self._record = await self._journal.take_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._journal.close(self._ending)

    @property
    def record(self) -> RunRecord:
        """What was known of the run when it was taken up."""
        if self._record is None:
            msg = "a run is read inside `async with`"
            raise RuntimeError(msg)
        return self._record

    async def resume(
        self,
        fleet: Fleet,
        *,
        settle: float = DEFAULT_WAIT,
        unsettled: Unsettled = "report",
        rollout: Rollout | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Do what is left to do of it, and report on all of it.

        What is done stays done, and what failed stays failed. What was not begun goes on in the batches that it was in,
        and the failures so far count. Of what may have been carried out, a start or stop is settled by looking; a
        restart, which leaves the state that it found, is reported as unknown.

        Args:
            fleet: Where to find its VPSes now. One that it does not have is reported; others in it are not touched.
            settle: Seconds for looking whether a start or stop of unknown outcome was carried out, for each.
            unsettled: What to do where looking does not show it. "report": its outcome is a `NoAnswerError`. "resend":
                where the VPS is seen in the other state, send the action again. That may be once too often: on a host
                node that hangs, the first one may still be waiting for its turn.
            rollout: How to go on; None: as the run did. A deadline counts from now.
            progress: As for `Fleet.start`.
            control: Likewise.

        Raises:
            ConfigurationError: The fleet reaches none of its panels or has none of its VPSes, or an argument is not
                what it should be.
        """
        check_seconds("settle", settle)
        if unsettled not in ("report", "resend"):
            refuse("unsettled", "'report' or 'resend'", unsettled)
        record = self.record
        how = record.rollout if rollout is None else Rollout.given(rollout)
        rest = left_of(record, fleet)
        self._journal.goes_through(rest.fleet.members.panels.values())
        self._ending = "cut off"
        report = await self._go_on(rest, _operation(record, how, settle, unsettled), how, progress, control)
        self._ending = "finished"
        return report

    async def _go_on(
        self,
        rest: "Rest",
        operation: Resumed,
        how: Rollout,
        progress: OnProgress | None,
        control: RunControl | None,
    ) -> FleetReport[VpsStatus | None]:
        def report(outcomes: tuple[AnOutcome, ...], elapsed: float) -> FleetReport[VpsStatus | None]:
            whole = FleetReport(self.record.verb.value, rest.whole(outcomes), elapsed, rest.fleet.problems)
            return whole if rest.gone else remember_origin(whole, rest.fleet)

        journal = _ByPlace(self._journal, rest.places)
        members = rest.fleet.members
        earlier = Earlier(rest.carried, rest.standings, pause_left(self.record, how))
        gathering = Gathering(members, progress, report)
        return await gathering.of(lambda emit: Run(members, operation, how, emit, control, journal, earlier))


@frozen
class Rest:
    """What a fleet has of a run.

    Attributes:
        fleet: The run's VPSes that it has, in the run's order.
        places: The place of each in the run.
        carried: The outcomes of those with which the run is done, by their place in the fleet.
        standings: What is true of those for which something was sent, and with which it is not done, likewise.
        gone: The outcomes of those that it does not have, by their place in the run.
    """

    fleet: Fleet
    places: tuple[int, ...]
    carried: Mapping[int, AnOutcome]
    standings: Mapping[int, Standing]
    gone: Mapping[int, AnOutcome]

    def whole(self, outcomes: Sequence[AnOutcome]) -> tuple[AnOutcome, ...]:
        """Give an outcome for each VPS of the run, from those of the fleet's."""
        by_place = {**dict(zip(self.places, outcomes, strict=True)), **self.gone}
        return tuple(by_place[place] for place in sorted(by_place))


def left_of(record: RunRecord, fleet: Fleet) -> Rest:
    """Give what a fleet has of a run.

    Raises:
        ConfigurationError: It reaches none of the run's panels, or has none of its VPSes.
    """
    members = {member.key: (index, member) for index, member in enumerate(fleet.members)}
    reached = {address for address, _ in members}
    panels = dict.fromkeys(target.address for target in record.targets)
    if panels and reached.isdisjoint(panels):
        msg = (
            f"the run {record.id} went over {_named(panels)}, and the fleet is of {_named(reached)}: give the fleet of "
            "that panel; where the panel itself has moved, look at its VPSes and begin a new run"
        )
        raise ConfigurationError(msg)
    indexes: list[int] = []
    places: list[int] = []
    done: dict[int, AnOutcome] = {}
    standings: dict[int, Standing] = {}
    gone: dict[int, AnOutcome] = {}
    for target in record.targets:
        index, member = members.get(target.key, (None, None))
        outcome = carried(target, record.verb, member)
        if index is None:
            gone[target.place] = outcome or missing(target, is_reached=target.address in reached)
            continue
        if outcome is not None:
            done[len(indexes)] = outcome
        elif target.state is not TargetState.TODO:
            standings[len(indexes)] = standing_of(target.state)
        indexes.append(index)
        places.append(target.place)
    if record.targets and not indexes:
        msg = f"the fleet has none of the VPSes of the run {record.id}: it is perhaps another account's"
        raise ConfigurationError(msg)
    return Rest(fleet.at(indexes), tuple(places), done, standings, gone)


def _named(addresses: Iterable[str]) -> str:
    return ", ".join(safe_text(address) for address in addresses) or "no panel"


def _operation(record: RunRecord, how: Rollout, settle: float, unsettled: Unsettled) -> Resumed:
    verify = how.on_unknown == "verify"
    power = PowerAction(record.verb, record.wait, record.timeout, record.interval, verify, record.confirm)
    seen = {target.key: target.seen for target in record.targets if target.seen is not None}
    action = PlannedAction(power, seen) if seen else power
    return Resumed(action, power, {target.key: target.state for target in record.targets}, settle, unsettled)


def pause_left(record: RunRecord, how: Rollout) -> float:
    """Give what is left of the pause in which the run was cut off: where all before a batch is done, and none of it."""
    begins = set(accumulate(how.batch_sizes(len(record.targets))))
    place = next((target.place for target in record.targets if not is_over(target.state, record.verb)), 0)
    ended = [target.ended_at for target in record.targets[:place] if target.ended_at is not None]
    if place not in begins or not ended or record.targets[place].state is not TargetState.TODO:
        return 0.0
    since = (file.utc_now() - max(ended)).total_seconds()
    # Clocks may have been set meanwhile.
    return how.pause - min(max(since, 0.0), how.pause)


@frozen
class _ByPlace:
    """A run's journal for a part of the run: what the part calls its third is perhaps the run's seventh."""

    journal: Notes
    places: Sequence[int]

    async def sending(self, place: int) -> None:
        await self.journal.sending(self.places[place])

    def answered(self, place: int) -> None:
        self.journal.answered(self.places[place])

    def ended(self, place: int, outcome: Outcome[object]) -> None:
        self.journal.ended(self.places[place], outcome)
