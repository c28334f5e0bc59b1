"""A worker tells that it lives, brings back what the dead have left, and ends what its runs are told to end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.database.test_postgres import ended_by_another
from cluster.local import LocalEngine, worker_of, working
from cluster.makes import begun, keep_profiles
from cvm_async import ConfigurationError, DatabaseLostError
from cvm_async._secret import Secret
from cvm_async.cluster import worker as module
from cvm_async.cluster.address import address_of
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import shards_of
from cvm_async.cluster.worker import new_id
from cvm_async.panel import Power, SimulatedPanel

WORKERS = "SELECT id FROM cvm_async.workers ORDER BY id"
DEAD = """
INSERT INTO cvm_async.workers (id, backend, began, lease, seen_at)
VALUES ('dead', %(backend)s, %(began)s, 1.0, now() - interval '2 seconds')
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.0)


@pytest.fixture
async def panel(tmp_path: Path) -> AsyncIterator[SimulatedPanel]:
    async with SimulatedPanel(vpses=3, nodes=1, shutdown_time=0.1) as served:
        for vps in (1, 2, 3):
            served.set_power(vps, Power.RUNNING)
        keep_profiles(tmp_path, {"acme-1": served}, action_timeout=0.5)
        yield served


async def until_done(database: Database) -> None:
    while (await shards_of(database, "a-run"))[0].state != "done":
        await asyncio.sleep(0.01)


def test_no_two_workers_have_the_same_name() -> None:
    assert len({new_id() for _ in range(100)}) == 100


async def test_it_is_known_as_long_as_it_lives(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path
) -> None:
    async with working(worker_of(url, engine, tmp_path, id="one")):
        assert await database.write((WORKERS, {})) == [[("one",)]]


async def test_what_the_dead_have_left_goes_back_and_their_sessions_end(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path
) -> None:
    asleep = await Database.opened(Secret(url))
    await database.write((DEAD, {"backend": asleep.backend, "began": asleep.began}))
    async with working(worker_of(url, engine, tmp_path, id="one", lease=0.2)):
        while not engine.brought_back:
            await asyncio.sleep(0.01)
        with pytest.raises(DatabaseLostError):
            await asleep.write(("SELECT 1", {}))
        while await database.write((WORKERS, {})) != [[("one",)]]:
            await asyncio.sleep(0.01)
    assert engine.brought_back == ["dead"]


async def test_a_ticket_that_comes_twice_is_done_once(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel
) -> None:
    [shard] = await begun(database, address_of(panel.url))
    async with working(worker_of(url, engine, tmp_path)) as worker:
        await asyncio.gather(worker.work(shard.ticket), worker.work(shard.ticket))
    assert sorted(panel.actions) == [(vps, "stop") for vps in (1, 2, 3)]


async def test_a_panel_that_was_lost_with_the_connection_is_taken_up_again(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel
) -> None:
    await begun(database, address_of(panel.url))
    async with working(worker_of(url, engine, tmp_path)) as worker:
        session = await worker.database.now()
        await engine.put([shard.ticket for shard in await shards_of(database, "a-run")])
        await panel.wait_for(lambda: bool(panel.requests))
        await ended_by_another(session, url)
        await until_done(database)
    assert sorted(panel.actions) == [(vps, "stop") for vps in (1, 2, 3)]


async def test_what_nobody_foresaw_ends_the_shard_and_shows_no_more_than_its_kind(  # noqa: PLR0917 - fixtures
    url: str,
    engine: LocalEngine,
    database: Database,
    tmp_path: Path,
    panel: SimulatedPanel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("cvm_async.cluster.panel_work.PanelWork.done_on", broken)
    [shard] = await begun(database, address_of(panel.url))
    async with working(worker_of(url, engine, tmp_path)) as worker:
        await worker.work(shard.ticket)
    [shard] = await shards_of(database, "a-run")
    assert (shard.state, [problem.found for problem in shard.problems]) == ("done", ["given up (ZeroDivisionError)"])


async def test_a_run_that_is_stopped_ends_here(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel
) -> None:
    await begun(database, address_of(panel.url))
    keep_profiles(tmp_path, {"acme-1": panel}, max_concurrency=1)
    async with working(worker_of(url, engine, tmp_path, lease=0.2)):
        await engine.put([shard.ticket for shard in await shards_of(database, "a-run")])
        await panel.wait_for(lambda: any(record.verb == "stop" for record in panel.requests))
        await database.write(("UPDATE cvm_async.runs SET stopped = 'enough'", {}))
        await until_done(database)
    assert len([record for record in panel.requests if record.verb == "stop"]) == 1


async def test_it_leaves_what_is_under_way_to_others(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel
) -> None:
    await begun(database, address_of(panel.url))
    async with working(worker_of(url, engine, tmp_path)):
        await engine.put([shard.ticket for shard in await shards_of(database, "a-run")])
        await panel.wait_for(lambda: any(record.verb == "stop" for record in panel.requests))
    [shard] = await shards_of(database, "a-run")
    assert shard.state == "listed"


async def test_a_database_that_is_not_there_ends_it(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(DatabaseLostError):
        await worker_of("postgresql://cvm@127.0.0.1:1/cvm", engine, tmp_path).run()


@pytest.mark.parametrize("lease", [0.0, -1.0, "soon"])
def test_a_lease_is_some_seconds(engine: LocalEngine, tmp_path: Path, lease: object) -> None:
    with pytest.raises(ConfigurationError, match="lease must be"):
        worker_of("postgresql://cvm@db/cvm", engine, tmp_path, lease=lease)
