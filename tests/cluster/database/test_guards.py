import asyncio

import pytest

from cluster.database.test_postgres import ended_by_another
from cluster.makes import begun
from cvm_async import DatabaseLostError
from cvm_async._secret import Secret
from cvm_async.cluster.database import guards
from cvm_async.cluster.database.guards import held
from cvm_async.cluster.database.postgres import Database

PANEL = "https://a.example.net/"
SENT = """
INSERT INTO cvm_async.targets (run, shard, place, panel, vps, state, epoch, sent_at)
VALUES ('a-run', 0, 0, 'acme', '{}', 'sent', 7, now() - make_interval(secs => %(ago)s))
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "POLL", 0.01)


async def test_one_worker_at_a_time_has_a_panel(url: str, database: Database) -> None:
    other = await Database.opened(Secret(url))
    async with held(database, PANEL, "one") as first:
        waiting = asyncio.create_task(anext_hold(other))
        async with held(other, "https://b.example.net/", "two"):
            assert not waiting.done()
    assert await waiting == first.epoch + 1
    await other.close()


async def anext_hold(database: Database) -> int:
    async with held(database, PANEL, "two") as hold:
        return hold.epoch


async def test_with_the_connection_the_panel_is_gone(url: str, database: Database) -> None:
    other = await Database.opened(Secret(url))
    async with held(other, PANEL, "one") as first:
        await ended_by_another(other, url)
        async with held(database, PANEL, "two") as second:
            assert second.epoch > first.epoch
        with pytest.raises(DatabaseLostError):
            await other.write(("SELECT 1", {}))


async def test_nothing_begins_while_a_predecessors_action_may_be_under_way(url: str, database: Database) -> None:
    await begun(database, PANEL)
    await database.write((SENT, {"ago": 60.0}))
    async with held(database, PANEL, "two") as hold:
        await hold.predecessors_over(10.0)
        waiting = asyncio.create_task(hold.predecessors_over(120.0))
        done, _ = await asyncio.wait([waiting], timeout=0.05)
        assert not done
        # Its end is the end of the connection, too.
        await ended_by_another(database, url)
        with pytest.raises(DatabaseLostError):
            await database.write(("SELECT 1", {}))
        await waiting


async def test_what_it_has_sent_itself_keeps_it_waiting_for_nothing(database: Database) -> None:
    await begun(database, PANEL)
    async with held(database, PANEL, "two") as hold:
        await database.write((SENT, {"ago": 1.0}), ("UPDATE cvm_async.targets SET epoch = %(e)s", {"e": hold.epoch}))
        await hold.predecessors_over(120.0)


async def test_it_waits_until_that_is_over(database: Database) -> None:
    await begun(database, PANEL)
    await database.write((SENT, {"ago": 60.0}))
    async with held(database, PANEL, "two") as hold:
        await hold.predecessors_over(60.1)
