"""A worker tells that it lives, brings back what the dead have left, and ends what its runs are told to end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.database.test_postgres import ended_by_another
from cluster.local import LocalEngine, worker_of, working
from cluster.makes import begun, keep_profiles
from cvm_async import ConfigurationError, CvmError, DatabaseLostError, RunControl
from cvm_async._api.verbs import Verb
from cvm_async._secret import Secret
from cvm_async.cluster import worker as module
from cvm_async.cluster.address import address_of
from cvm_async.cluster.database.guards import held
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import Order, shards_of
from cvm_async.cluster.engines.engine import HandedBackError
from cvm_async.cluster.panel_work import PanelWork
from cvm_async.cluster.worker import new_id
from cvm_async.panel import Hang, Power, SimulatedPanel

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
        keep_profiles(tmp_path, {"acme-1": served}, action_timeout=1.5)
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


async def test_so_it_is_where_the_connection_is_lost_as_well(  # noqa: PLR0917 - fixtures
    url: str,
    engine: LocalEngine,
    database: Database,
    tmp_path: Path,
    panel: SimulatedPanel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(_: object, own: Database) -> None:
        await ended_by_another(own, url)
        raise ZeroDivisionError

    monkeypatch.setattr("cvm_async.cluster.panel_work.PanelWork.done_on", broken)
    [shard] = await begun(database, address_of(panel.url))
    async with working(worker_of(url, engine, tmp_path)) as worker:
        await worker.work(shard.ticket)
    [shard] = await shards_of(database, "a-run")
    assert (shard.state, [problem.found for problem in shard.problems]) == ("done", ["given up (ZeroDivisionError)"])


async def test_but_one_that_leaves_lets_the_next_one_try(  # noqa: PLR0917 - fixtures
    url: str,
    engine: LocalEngine,
    database: Database,
    tmp_path: Path,
    panel: SimulatedPanel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    worker = worker_of(url, engine, tmp_path)

    async def broken(*_: object) -> None:
        worker.stop("enough")
        raise ZeroDivisionError

    monkeypatch.setattr("cvm_async.cluster.panel_work.PanelWork.done_on", broken)
    [shard] = await begun(database, address_of(panel.url))
    async with working(worker):
        with pytest.raises(HandedBackError):
            await worker.work(shard.ticket)
    [shard] = await shards_of(database, "a-run")
    assert shard.state != "done"


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


STANDING = "SELECT state, count(*) FROM cvm_async.targets GROUP BY state ORDER BY state"


def asked(panel: SimulatedPanel, verb: str) -> int:
    return len([record for record in panel.requests if record.verb == verb])


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.RESTART])
async def test_stopped_it_begins_nothing_new_and_another_goes_on_at_once(  # noqa: PLR0917 - fixtures
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel, verb: Verb
) -> None:
    keep_profiles(tmp_path, {"acme-1": panel}, max_concurrency=1)
    panel.inject(Hang(), verb=verb.value)
    [shard] = await begun(database, address_of(panel.url), order=Order(verb=verb))
    one = worker_of(url, engine, tmp_path, id="one")
    ready = asyncio.Event()
    one.on_ready = ready.set
    running = asyncio.create_task(one.run())
    await ready.wait()
    await engine.put([shard.ticket])
    await panel.wait_for(lambda: asked(panel, verb.value) == 1)
    assert [each.doing for each in one.under_way()] == [verb.value]
    assert one.stage.batches == 1
    one.stop("terminated")
    panel.clear_faults()
    await running
    assert asked(panel, verb.value) == 1
    assert await database.write((STANDING, {})) == [[("done", 1), ("todo", 2)]]
    assert await database.write((WORKERS, {})) == [[]]
    # A lease much longer than the test may take: nobody waits for its end.
    async with working(worker_of(url, engine, tmp_path, id="two", lease=600.0)):
        await until_done(database)
    assert sorted(panel.actions) == [(vps, verb.value) for vps in (1, 2, 3)]
    assert await database.write((STANDING, {})) == [[("done", 3)]]


async def test_stopped_it_keeps_what_it_has_read_and_another_reads_the_rest(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel
) -> None:
    keep_profiles(tmp_path, {"acme-1": panel}, max_concurrency=1)
    panel.inject(Hang(), verb="status")
    [shard] = await begun(database, address_of(panel.url), order=Order(verb=Verb.STATUS))
    async with working(worker_of(url, engine, tmp_path, id="one")) as one:
        await engine.put([shard.ticket])
        await panel.wait_for(lambda: asked(panel, "status") == 1)
        one.stop("terminated")
        panel.clear_faults()
        async with working(worker_of(url, engine, tmp_path, id="two")):
            await until_done(database)
    assert await database.write((STANDING, {})) == [[("done", 3)]]


async def test_stopped_before_it_has_sent_anything_it_ends_at_once(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel
) -> None:
    [shard] = await begun(database, address_of(panel.url))
    async with held(database, shard.ticket.address, "another"):
        async with working(worker_of(url, engine, tmp_path)) as one:
            await engine.put([shard.ticket])
            await asyncio.sleep(0.05)
            one.stop("terminated")
            await asyncio.gather(*engine.tasks)
        assert [ticket.id for ticket in engine.waiting] == [shard.ticket.id]
    with pytest.raises(HandedBackError):
        await one.work(shard.ticket)


async def test_stopped_without_its_connection_it_leaves_the_panel_to_others(
    url: str, engine: LocalEngine, database: Database, tmp_path: Path, panel: SimulatedPanel
) -> None:
    keep_profiles(tmp_path, {"acme-1": panel}, max_concurrency=1, action_timeout=0.5)
    panel.inject(Hang(), verb="stop")
    [shard] = await begun(database, address_of(panel.url))
    async with working(worker_of(url, engine, tmp_path, id="one")) as one:
        session = await one.database.now()
        await engine.put([shard.ticket])
        await panel.wait_for(lambda: asked(panel, "stop") == 1)
        one.stop("terminated")
        await ended_by_another(session, url)
        panel.clear_faults()
    async with working(worker_of(url, engine, tmp_path, id="two")):
        await until_done(database)
    assert sorted(panel.actions) == [(vps, "stop") for vps in (1, 2, 3)]


async def test_stopped_it_takes_nothing_up_again_that_it_has_lost(  # noqa: PLR0917 - fixtures
    url: str,
    engine: LocalEngine,
    database: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def lost(work: PanelWork, _: Database) -> None:
        work.controls[work.ticket] = RunControl()
        await work.leaving.wait()
        raise DatabaseLostError("the connection is lost")

    monkeypatch.setattr(PanelWork, "done_on", lost)
    [shard] = await begun(database, "https://a.example.net/")
    async with working(worker_of(url, engine, tmp_path)) as one:
        await engine.put([shard.ticket])
        while shard.ticket not in one._controls:  # pyright: ignore[reportPrivateUsage]
            await asyncio.sleep(0.01)
        one.stop("terminated")
        await asyncio.gather(*engine.tasks)
    assert "taking it up again" not in caplog.text


async def test_what_it_cannot_hand_back_is_brought_back_when_its_lease_is_over(  # noqa: PLR0917 - fixtures
    url: str,
    engine: LocalEngine,
    database: Database,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(_: LocalEngine) -> None:
        raise CvmError("the engine could not")

    monkeypatch.setattr(LocalEngine, "close", broken)
    async with working(worker_of(url, engine, tmp_path, id="one", lease=30.0)) as one:
        one.stop("terminated")
    assert "the engine could not; others do, once the lease of 30 s is over" in caplog.text
    assert await database.write((WORKERS, {})) == [[("one",)]]


async def test_a_database_that_is_not_there_ends_it(engine: LocalEngine, tmp_path: Path) -> None:
    with pytest.raises(DatabaseLostError):
        await worker_of("postgresql://cvm@127.0.0.1:1/cvm", engine, tmp_path).run()


@pytest.mark.parametrize("lease", [0.0, -1.0, "soon"])
def test_a_lease_is_some_seconds(engine: LocalEngine, tmp_path: Path, lease: object) -> None:
    with pytest.raises(ConfigurationError, match="lease must be"):
        worker_of("postgresql://cvm@db/cvm", engine, tmp_path, lease=lease)
