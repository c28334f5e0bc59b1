import asyncio
from collections.abc import AsyncIterator

import pytest
from attrs import evolve
from panels import fleet_of, session_on

from cluster.makes import begun
from cvm_async import Fleet, NoAnswerError, NotSentError, Outcome, RunControl
from cvm_async._api.verbs import Verb
from cvm_async._secret import Secret
from cvm_async.cluster.database.following import Following
from cvm_async.cluster.database.guards import held
from cvm_async.cluster.database.journal import PanelJournal
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import Shard
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
async def journal(database: Database, fleet: Fleet) -> AsyncIterator[PanelJournal]:
    [shard] = await begun(database, PANEL)
    async with held(database, PANEL, "one") as hold:
        kept = PanelJournal(shard, hold, RunControl(), "one")
        await kept.begin(ACTION.intent(fleet.members, Rollout()))
        yield kept


async def test_each_outcome_is_told_once_as_it_comes(journal: PanelJournal, fleet: Fleet, database: Database) -> None:
    one, two, _ = fleet
    following = Following("a-run")
    assert await following.look(database) == []
    assert following.total == 3
    journal.ended(0, Outcome(one, "acme", None))
    assert [outcome.vps for outcome in await following.look(database)] == [one]
    journal.ended(1, Outcome(two, "acme", None))
    assert [outcome.vps for outcome in await following.look(database)] == [two]
    assert await following.look(database) == []
    assert not following.over


async def test_no_more_are_done_than_there_are_where_a_panel_was_listed_just_now(
    journal: PanelJournal, fleet: Fleet, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def before_it_was_listed(*_: object) -> list[Shard]:
        return [evolve(journal.shard, state="queued", total=0)]

    monkeypatch.setattr("cvm_async.cluster.database.following.shards_of", before_it_was_listed)
    following = Following("a-run")
    journal.ended(0, Outcome(fleet[1], "acme", None))
    await database.write(("SELECT", {}), alone=True)
    assert len(await following.look(database)) == following.total == 1


async def test_what_commits_late_is_not_missed(
    journal: PanelJournal, fleet: Fleet, database: Database, url: str
) -> None:
    """A transaction that began before another, and commits after it, has the earlier number."""
    _, two, _ = fleet
    following = Following("a-run")
    slow = await Database.opened(Secret(url))
    open_long = slow.hand_over(("SELECT pg_current_xact_id()", {}), ("SELECT pg_sleep(0.2)", {}), (LATE, {}))
    await asyncio.sleep(0.05)
    journal.ended(1, Outcome(two, "acme", None))
    seen = await following.look(database)
    await open_long
    seen += await following.look(database)
    assert {outcome.vps.id for outcome in seen} == {1, 2}
    await slow.close()


LATE = """
UPDATE cvm_async.targets SET state = 'done', changed = pg_current_xact_id(),
    outcome = '{"status":null,"error":null,"skipped":false,"elapsed":0.1}' WHERE place = 0
"""


async def test_over_is_a_run_whose_shards_all_are(journal: PanelJournal, database: Database) -> None:
    following = Following("a-run")
    problem = Problem("acme", "unreadable", "a list")
    await journal.over((problem,))
    await following.look(database)
    assert following.over
    assert following.problems == (problem,)


async def test_there_is_an_outcome_for_each_vps_also_where_nothing_is_known(
    journal: PanelJournal, fleet: Fleet, database: Database
) -> None:
    journal.ended(0, Outcome(next(iter(fleet)), "acme", None))
    await journal.sending(1)
    done, sent, todo = await Following("a-run").outcomes(database)
    assert done.ok
    assert isinstance(sent.error, NoAnswerError)
    assert isinstance(todo.error, NotSentError)
    assert (sent.skipped, todo.skipped) == (False, True)
