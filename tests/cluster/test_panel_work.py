"""What a worker does with a panel: from the beginning, and where another one has left it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, LiteralString

import pytest

from cluster.database.test_postgres import ended_by_another
from cluster.makes import begun, keep_profiles
from cvm_async import DatabaseLostError, NoAnswerError, NotSentError, RunControl
from cvm_async._api.verbs import Verb
from cvm_async._profiles.environment import Environment
from cvm_async._secret import Secret
from cvm_async.cluster.address import address_of
from cvm_async.cluster.database.following import AnOutcome, Following
from cvm_async.cluster.database.postgres import Database, Statement
from cvm_async.cluster.database.shards import Order, Ticket, shards_of
from cvm_async.cluster.panel_work import PanelWork
from cvm_async.panel import Power, SimulatedPanel


@pytest.fixture
async def panel(tmp_path: Path) -> AsyncIterator[SimulatedPanel]:
    async with SimulatedPanel(vpses=3, nodes=1) as served:
        for vps in (1, 2, 3):
            served.set_power(vps, Power.RUNNING)
        keep_profiles(tmp_path, {"acme-1": served}, action_timeout=1.0)
        yield served


async def work_on(database: Database, panel: SimulatedPanel, tmp_path: Path, verb: Verb = Verb.STOP) -> PanelWork:
    [shard] = await begun(database, address_of(panel.url), order=Order(verb=verb))
    controls: dict[Ticket, RunControl] = {}
    environment = Environment(config_home=str(tmp_path))
    return PanelWork(shard.ticket, "one", None, environment, controls, asyncio.Event(), settle=0.05)


async def outcomes(database: Database) -> list[AnOutcome]:
    return await Following("a-run").outcomes(database)


HAS_LEFT: LiteralString = """
UPDATE cvm_async.targets SET state = %(state)s, epoch = 0, sent_at = now() WHERE place = %(place)s
"""


def words(found: list[AnOutcome]) -> list[str]:
    return ["ok" if outcome.ok else type(outcome.error).__name__ for outcome in found]


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.RESTART, Verb.STATUS])
async def test_a_panel_is_done_once(database: Database, panel: SimulatedPanel, tmp_path: Path, verb: Verb) -> None:
    work = await work_on(database, panel, tmp_path, verb)
    await work.done_on(database)
    await work.done_on(database)
    assert words(await outcomes(database)) == ["ok"] * 3
    expected = [] if verb is Verb.STATUS else [(vps, verb.value) for vps in (1, 2, 3)]
    assert sorted(panel.actions) == expected
    [shard] = await shards_of(database, "a-run")
    assert shard.state == "done"
    assert work.controls == {}


async def left_by_another(database: Database, work: PanelWork, *states: str) -> None:
    """Have the panel's VPSes in these states, as a worker has left them that is dead."""
    await work.done_on(database)
    left: list[Statement] = [(HAS_LEFT, {"state": state, "place": place}) for place, state in enumerate(states)]
    await database.write(
        ("UPDATE cvm_async.shards SET state = 'listed'", {}),
        ("UPDATE cvm_async.targets SET state = 'todo', epoch = NULL, sent_at = NULL", {}),
        *left,
        ("UPDATE cvm_async.targets SET outcome = NULL WHERE state <> 'done'", {}),
    )


async def test_what_another_has_left_is_looked_at_and_never_sent_again(
    database: Database, panel: SimulatedPanel, tmp_path: Path
) -> None:
    work = await work_on(database, panel, tmp_path)
    await left_by_another(database, work, "sent", "sent", "todo")
    panel.set_power(2, Power.RUNNING)
    panel.set_power(3, Power.RUNNING)
    before = len(panel.actions)
    await work.done_on(database)
    assert words(await outcomes(database)) == ["ok", "NoAnswerError", "ok"]
    assert panel.actions[before:] == [(3, "stop")]


async def test_a_restart_that_another_has_sent_is_reported(
    database: Database, panel: SimulatedPanel, tmp_path: Path
) -> None:
    work = await work_on(database, panel, tmp_path, Verb.RESTART)
    await left_by_another(database, work, "sent", "done", "todo")
    before = len(panel.actions)
    await work.done_on(database)
    unknown, *others = await outcomes(database)
    assert isinstance(unknown.error, NoAnswerError)
    assert words(others) == ["ok", "ok"]
    assert panel.actions[before:] == [(3, "restart")]


async def test_what_another_has_read_is_read_anew(database: Database, panel: SimulatedPanel, tmp_path: Path) -> None:
    work = await work_on(database, panel, tmp_path, Verb.STATUS)
    await left_by_another(database, work)
    await work.done_on(database)
    assert words(await outcomes(database)) == ["ok"] * 3


async def test_where_no_list_can_be_had_what_is_known_stays(
    database: Database, panel: SimulatedPanel, tmp_path: Path
) -> None:
    work = await work_on(database, panel, tmp_path)
    await left_by_another(database, work, "sent", "done", "todo")
    keep_profiles(tmp_path, {})
    await work.done_on(database)
    found = await outcomes(database)
    assert [type(outcome.error) for outcome in found] == [NoAnswerError, type(None), NotSentError]
    [shard] = await shards_of(database, "a-run")
    assert "acme-1 is unreadable" in str(shard.problems[0])


async def test_in_a_run_that_was_stopped_nothing_begins(
    database: Database, panel: SimulatedPanel, tmp_path: Path
) -> None:
    work = await work_on(database, panel, tmp_path)
    await database.write(("UPDATE cvm_async.runs SET stopped = 'it was told to'", {}))
    await work.done_on(database)
    found: list[Any] = await outcomes(database)
    assert {str(outcome.error.message) for outcome in found} == {"not begun: it was told to"}
    assert panel.actions == []


async def test_once_the_worker_ends_nothing_begins_and_the_panel_is_not_over(
    database: Database, panel: SimulatedPanel, tmp_path: Path
) -> None:
    work = await work_on(database, panel, tmp_path)
    work.leaving.set()
    await work.done_on(database)
    assert panel.actions == []
    [shard] = await shards_of(database, "a-run")
    assert shard.state == "listed"


async def test_a_connection_that_is_cut_ends_it_and_the_next_one_goes_on(
    url: str, database: Database, panel: SimulatedPanel, tmp_path: Path
) -> None:
    first = await Database.opened(Secret(url))
    work = await work_on(database, panel, tmp_path)
    panel.hang_node(1)
    task = asyncio.create_task(work.done_on(first))
    await panel.wait_for(lambda: any(record.verb == "stop" for record in panel.requests))
    await ended_by_another(first, url)
    panel.heal_node(1)
    with pytest.raises(DatabaseLostError):
        await task
    await work.done_on(database)
    assert words(await outcomes(database)) == ["ok"] * 3
    assert sorted(panel.actions) == [(vps, "stop") for vps in (1, 2, 3)]
