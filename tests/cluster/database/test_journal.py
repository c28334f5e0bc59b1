"""The guards of the journal: an intent is kept once, for whoever holds the panel, as long as the run may go on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import pytest
from panels import fleet_of, session_on

from cluster.database.test_postgres import ended_by_another
from cluster.makes import begun
from cvm_async import (
    DatabaseLostError,
    Fleet,
    NoAnswerError,
    NotSentError,
    Outcome,
    PanelTakenError,
    RunControl,
    TargetState,
)
from cvm_async._api.verbs import Verb
from cvm_async._secret import Secret
from cvm_async.cluster.database import journal as module
from cvm_async.cluster.database.guards import Hold, held
from cvm_async.cluster.database.journal import PanelJournal
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import Order, shards_of
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.operations import PowerAction
from cvm_async.models import Problem
from cvm_async.panel import PanelApp

PANEL = "https://a.example.net/"
ACTION = PowerAction(Verb.STOP, False, 120.0, 2.0, False)


@pytest.fixture
async def fleet() -> AsyncIterator[Fleet]:
    async with session_on(PanelApp(vpses=fleet_of(1, 2, 3))) as session:
        yield await session.fleet()


@pytest.fixture
async def hold(database: Database) -> AsyncIterator[Hold]:
    await begun(database, PANEL, order=Order(verb=Verb.STOP, most_failures=0))
    async with held(database, PANEL, "one") as mine:
        yield mine


async def journal_of(hold: Hold, **more: Any) -> PanelJournal:  # noqa: ANN401 - what it has besides
    [shard] = await shards_of(hold.database, "a-run")
    return PanelJournal(shard, hold, RunControl(), "one", **more)


@pytest.fixture
async def journal(hold: Hold, fleet: Fleet) -> PanelJournal:
    kept = await journal_of(hold)
    await kept.begin(ACTION.intent(fleet.members, Rollout()))
    return kept


async def states(database: Database) -> list[str]:
    [rows] = await database.write(("SELECT state FROM cvm_async.targets ORDER BY place", {}))
    return [state for (state,) in rows]


async def test_once_its_worker_ends_what_was_not_begun_has_no_outcome(journal: PanelJournal, fleet: Fleet) -> None:
    one, two, three = fleet
    await journal.sending(0)
    await journal.sending(1)
    journal.leaving.set()
    journal.ended(0, Outcome(one, "acme", None))
    journal.ended(1, Outcome(two, "acme", None, NotSentError("the worker ends")))
    journal.seen(2, Outcome(three, "acme", None, NotSentError("not begun"), skipped=True))
    [rows] = await journal.hold.database.write((KEPT, {}))
    assert rows == [("done", True), ("todo", False), ("todo", False)]


KEPT = "SELECT state, outcome IS NOT NULL FROM cvm_async.targets ORDER BY place"


async def test_what_is_about_to_be_done_is_kept_and_read_again(journal: PanelJournal, fleet: Fleet) -> None:
    await journal.close("finished")
    record = await (await journal_of(journal.hold)).take_up()
    assert [target.vps_id for target in record.targets] == [1, 2, 3]
    assert {target.address for target in record.targets} == {PANEL}
    assert {target.state for target in record.targets} == {TargetState.TODO}
    assert record.turns[0].ending == "finished"
    assert record.verb is Verb.STOP


async def test_an_intent_is_there_before_its_action_leaves(journal: PanelJournal, database: Database) -> None:
    await journal.sending(1)
    assert await states(database) == ["todo", "sent", "todo"]


async def test_tried_again_after_it_provably_never_left_it_may_leave(journal: PanelJournal) -> None:
    await journal.sending(1)
    await journal.sending(1)


async def test_of_two_who_hold_a_panel_one_sends(journal: PanelJournal, url: str) -> None:
    """Both believe that it is theirs: the first one's epoch is over, and it does not know."""
    database = await Database.opened(Secret(url))
    await database.write(("UPDATE cvm_async.panels SET epoch = epoch + 1", {}))
    late = await journal_of(Hold(PANEL, journal.hold.epoch + 1, database))
    await late.sending(0)
    for place in (0, 1):
        with pytest.raises(NotSentError, match="another worker has"):
            await journal.sending(place)
    assert journal.control.stopped
    await late.sending(1)
    assert await states(database) == ["sent", "sent", "todo"]
    await database.close()


async def test_what_was_sent_before_is_never_sent_by_another(journal: PanelJournal, database: Database) -> None:
    await journal.sending(0)
    await database.write(("UPDATE cvm_async.panels SET epoch = epoch + 1", {}))
    late = await journal_of(Hold(PANEL, journal.hold.epoch + 1, database))
    with pytest.raises(NotSentError, match="as sent already"):
        await late.sending(0)
    assert await states(database) == ["sent", "todo", "todo"]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE cvm_async.runs SET stopped = 'it was told to'", "it was told to"),
        ("UPDATE cvm_async.runs SET failures = 1", "in the whole run 1 had failed, and max_failures_overall is 0"),
    ],
)
async def test_in_a_run_that_was_stopped_nothing_leaves(
    journal: PanelJournal, database: Database, sql: LiteralString, reason: str
) -> None:
    await database.write((sql, {}))
    with pytest.raises(NotSentError, match=reason):
        await journal.sending(0)
    assert journal.control.stopped
    assert await states(database) == ["todo", "todo", "todo"]


async def test_without_the_connection_nothing_leaves(journal: PanelJournal, url: str) -> None:
    await ended_by_another(journal.hold.database, url)
    with pytest.raises(NotSentError, match="the connection with the database is lost"):
        await journal.sending(0)
    assert journal.control.stopped
    # It is gone, and closing says nothing more.
    await journal.close("cut off")


async def test_who_slept_while_the_intent_was_kept_does_not_send(
    journal: PanelJournal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST", -1.0)
    with pytest.raises(NotSentError, match="in which the panel may have gone to another"):
        await journal.sending(0)
    assert await states(database) == ["todo", "todo", "todo"]


async def test_cancelled_before_it_leaves_it_is_not_sent(journal: PanelJournal, database: Database) -> None:
    sending = asyncio.create_task(journal.sending(0))
    await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await states(database) == ["todo", "todo", "todo"]


async def test_outcomes_are_kept_and_failures_counted(journal: PanelJournal, fleet: Fleet, database: Database) -> None:
    one, two, three = fleet
    await journal.sending(0)
    journal.answered(0)
    journal.ended(0, Outcome(one, "acme", None))
    await journal.sending(1)
    journal.ended(1, Outcome(two, "acme", None, NoAnswerError("silent")))
    skipped = Outcome[Any](three, "acme", None, NotSentError("its node was left alone"), skipped=True)
    journal.rest({0: skipped, 1: skipped, 2: skipped})
    assert await states(database) == ["done", "unknown", "todo"]
    rows = await database.write(
        ("SELECT failures FROM cvm_async.runs", {}),
        ("SELECT count(*) FROM cvm_async.targets WHERE outcome LIKE '%%left alone%%'", {}),
    )
    assert rows == [[(1,)], [(1,)]]


async def test_what_could_not_be_kept_is_kept_when_the_panel_is_taken_again(
    journal: PanelJournal, fleet: Fleet, url: str
) -> None:
    await journal.sending(0)
    await ended_by_another(journal.hold.database, url)
    journal.ended(0, Outcome(next(iter(fleet)), "acme", None))
    assert await journal.hold.database.wait_lost()
    await asyncio.sleep(0)
    assert journal.control.stopped
    database = await Database.opened(Secret(url))
    async with held(database, PANEL, "one") as again:
        record = await (await journal_of(again, unkept=journal.unkept)).take_up()
    assert record.targets[0].state is TargetState.DONE
    assert journal.unkept == []
    await database.close()


async def test_who_has_sent_it_tells_what_came_of_it_also_after_the_panel_went_to_another(
    journal: PanelJournal, fleet: Fleet, database: Database
) -> None:
    one, two, _ = fleet
    await journal.sending(0)
    await database.write(("UPDATE cvm_async.panels SET epoch = epoch + 1", {}))
    journal.ended(0, Outcome(one, "acme", None))
    # This it has not sent: it is no longer its own to tell of.
    journal.ended(1, Outcome(two, "acme", None, NoAnswerError("silent")))
    assert await states(database) == ["done", "todo", "todo"]


async def test_only_who_holds_the_panel_begins_or_ends_it(
    journal: PanelJournal, fleet: Fleet, database: Database
) -> None:
    await database.write(("UPDATE cvm_async.panels SET epoch = epoch + 1", {}))
    with pytest.raises(PanelTakenError):
        await journal.begin(ACTION.intent(fleet.members, Rollout()))
    with pytest.raises(PanelTakenError):
        await journal.over(())
    assert await states(database) == ["todo", "todo", "todo"]


async def test_at_the_end_it_is_done_and_what_was_unread_is_kept(journal: PanelJournal, database: Database) -> None:
    problem = Problem("acme", "unreadable", "a list")
    await journal.over((problem,))
    [shard] = await shards_of(database, "a-run")
    assert (shard.state, shard.total, shard.problems) == ("done", 3, (problem,))


async def test_without_the_connection_it_has_no_end(journal: PanelJournal, url: str) -> None:
    await ended_by_another(journal.hold.database, url)
    with pytest.raises(DatabaseLostError):
        await journal.over(())


async def test_what_was_read_is_kept_as_read_or_not(journal: PanelJournal, fleet: Fleet, database: Database) -> None:
    one, two, _ = fleet
    journal.seen(0, Outcome(one, "acme", None))
    journal.seen(1, Outcome(two, "acme", None, NoAnswerError("silent")))
    assert await states(database) == ["done", "failed", "todo"]
