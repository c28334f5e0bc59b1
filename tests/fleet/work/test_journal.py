import asyncio

import pytest
from attrs import define, field
from panels import fleet_of, session_on
from virtual_time import virtual

from cvm_async import NoAnswerError, NotSentError, Outcome, PowerState, Rollout
from cvm_async.fleet.work.journal import Intent
from cvm_async.panel import PanelApp, gateway_timeout


@define
class Notes:
    """A journal that keeps its notes in a list; it refuses, or keeps a caller waiting, as it is told."""

    notes: list[tuple[object, ...]] = field(factory=list[tuple[object, ...]])
    refuses_from: int = 1_000
    fails: bool = False
    holds: str = ""

    async def begin(self, intent: Intent) -> None:
        self.notes.append(("begin", intent.verb.value, len(intent.members)))

    async def sending(self, place: int) -> None:
        await self._held("sending")
        if place >= self.refuses_from:
            raise NotSentError("the disk is full")
        self.notes.append(("sending", place))

    def answered(self, place: int) -> None:
        self.notes.append(("answered", place))

    def ended(self, place: int, outcome: Outcome[object]) -> None:
        if self.fails:
            raise NotSentError("the disk is full")
        self.notes.append(("ended", place, outcome.ok))

    async def close(self, ending: str) -> None:
        self.notes.append(("close", ending))

    async def _held(self, where: str) -> None:
        if where == self.holds:
            await asyncio.sleep(1_000)


@virtual
async def test_each_step_is_kept_in_its_order() -> None:
    notes = Notes()
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        await (await session.fleet()).stop(wait=True, journal=notes)
    assert notes.notes == [
        ("begin", "stop", 1),
        ("sending", 0),
        ("answered", 0),
        ("ended", 0, True),
        ("close", "finished"),
    ]


@pytest.mark.parametrize("verb", ["start", "restart"])
@virtual
async def test_every_power_verb_takes_a_journal(verb: str) -> None:
    notes = Notes()
    app = PanelApp(vpses=fleet_of(1, power="stopped" if verb == "start" else "running"))
    async with session_on(app) as session:
        fleet = await session.fleet()
        report = await {"start": fleet.start, "restart": fleet.restart}[verb](journal=notes)
    assert report.ok
    assert ("begin", verb, 1) in notes.notes


@virtual
async def test_what_cannot_be_kept_is_not_sent_and_the_node_is_not_blamed() -> None:
    notes = Notes(refuses_from=2)
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1, 1))
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(journal=notes)
        assert [node.failures for node in session.node_states()] == [0]
    assert sorted(app.actions) == [(1, "stop"), (2, "stop")]
    assert [type(outcome.error) for outcome in report] == [type(None), type(None), *[NotSentError] * 3]


@virtual
async def test_nothing_new_begins_where_outcomes_cannot_be_kept_and_what_was_done_is_told() -> None:
    app = PanelApp(vpses=fleet_of(*[1] * 6))
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(rollout=Rollout(max_concurrency=1), journal=Notes(fails=True))
    assert app.actions == [(1, "stop")]
    assert [outcome.ok for outcome in report] == [True, *[False] * 5]
    assert "the disk is full" in str(report[1].error)


@virtual
async def test_a_run_cut_off_before_its_actions_left_has_sent_nothing() -> None:
    notes = Notes(holds="sending")
    app = PanelApp(vpses=fleet_of(1, 2))
    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await fleet.stop(journal=notes)
    assert app.actions == []
    # It may have kept that they leave.
    assert set(notes.notes[1:-1]) == {("ended", 0, False), ("ended", 1, False)}


@virtual
async def test_a_run_that_is_cut_off_is_closed_as_such() -> None:
    app = PanelApp(vpses=fleet_of(1, 2), shutdown_time=60.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        notes = Notes()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await fleet.stop(journal=notes)
    assert notes.notes[-1] == ("close", "cut off")


@virtual
async def test_a_plan_is_kept_with_the_states_that_it_saw() -> None:
    seen: dict[tuple[str, int], PowerState] = {}

    class Looking(Notes):
        async def begin(self, intent: Intent) -> None:
            seen.update(intent.seen)

    app = PanelApp(vpses=fleet_of(1, 2))
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(PowerState.STOPPED)
        await plan.apply(journal=Looking())
        address = session.url
    assert seen == {(address, 1): PowerState.RUNNING, (address, 2): PowerState.RUNNING}


@virtual
async def test_an_action_that_two_runs_want_is_kept_by_both_so_that_neither_sends_it_again_when_resumed() -> None:
    app = PanelApp(vpses=fleet_of(1), shutdown_time=5.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        first, second = Notes(), Notes()
        await asyncio.gather(fleet.stop(journal=first), fleet.stop(journal=second))
    assert app.actions == [(1, "stop")]
    assert [note for note in first.notes + second.notes if note[0] == "sending"] == [("sending", 0)] * 2
    assert ("ended", 0, True) in second.notes


@virtual
async def test_an_action_of_unknown_outcome_is_not_kept_as_answered() -> None:
    notes = Notes()
    app = PanelApp(vpses=fleet_of(1))
    app.inject(gateway_timeout(), verb="stop")
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(journal=notes)
    assert isinstance(report[0].error, NoAnswerError)
    assert [note[0] for note in notes.notes] == ["begin", "sending", "ended", "close"]
