"""DBOS carries tickets to workers, one of a panel at a time, and brings back those of the dead."""

import asyncio
from collections import Counter

import psycopg
import pytest

from cvm_async import CvmError
from cvm_async._secret import Secret
from cvm_async.cluster.database.shards import Ticket
from cvm_async.cluster.engines import dbos_engine as module
from cvm_async.cluster.engines.choice import engine_of
from cvm_async.cluster.engines.dbos_engine import DbosEngine
from cvm_async.cluster.engines.engine import HandedBackError


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL", 0.05)


def ticket(run: str, number: int = 0, region: str = "eu") -> Ticket:
    return Ticket(run=run, number=number, address=f"https://{number}.example.net/", region=region)


async def test_tickets_of_a_region_come_once_and_of_a_panel_one_at_a_time(url: str) -> None:
    queue = await engine_of("dbos").queue(Secret(url))
    await queue.put([ticket("a"), ticket("b"), ticket("a", 1), ticket("elsewhere", 2, region="us")])
    await queue.put([ticket("a")])
    done: list[Ticket] = []
    under_way: Counter[str] = Counter()
    most: Counter[str] = Counter()
    all_done = asyncio.Event()

    async def work(taken: Ticket) -> None:
        under_way[taken.address] += 1
        most[taken.address] = max(most[taken.address], under_way[taken.address])
        await asyncio.sleep(0.05)
        under_way[taken.address] -= 1
        done.append(taken)
        if len(done) == 3:
            all_done.set()

    engine = engine_of("dbos").engine(Secret(url), "one")
    await engine.serve(work, "eu")
    await all_done.wait()
    await engine.close()
    await queue.close()
    assert sorted(done, key=lambda each: each.id) == [ticket("a"), ticket("a", 1), ticket("b")]
    assert max(most.values()) == 1


async def test_what_a_dead_worker_had_comes_to_another(url: str) -> None:
    queue = await engine_of("dbos").queue(Secret(url))
    await queue.put([ticket("a", region="")])
    await queue.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE cvm_async_dbos.workflow_status SET status = 'PENDING', executor_id = 'dead'")
    taken: asyncio.Queue[Ticket] = asyncio.Queue()
    engine = DbosEngine(Secret(url), "one")
    await engine.serve(taken.put, None)
    try:
        await engine.bring_back("somebody else")
        await engine.bring_back("dead")
        assert await taken.get() == ticket("a", region="")
    finally:
        await engine.close()


async def test_what_is_under_way_as_it_closes_comes_to_another_at_once(url: str) -> None:
    queue = await engine_of("dbos").queue(Secret(url))
    await queue.put([ticket("a")])
    await queue.close()
    taken: asyncio.Queue[Ticket] = asyncio.Queue()
    closed = asyncio.Event()

    async def leave(each: Ticket) -> None:
        await taken.put(each)
        await closed.wait()
        raise HandedBackError

    one = DbosEngine(Secret(url), "one")
    await one.serve(leave, "eu")
    assert await taken.get() == ticket("a")
    await one.close()
    closed.set()
    two = DbosEngine(Secret(url), "two")
    await two.serve(taken.put, "eu")
    try:
        assert await taken.get() == ticket("a")
    finally:
        await two.close()


async def test_what_dbos_cannot_do_is_one_of_our_errors_and_shows_no_password() -> None:
    with pytest.raises(CvmError, match=r"^DBOS could not bring back what dead had: OperationalError$"):
        await DbosEngine(Secret("postgresql://cvm:hunter2@127.0.0.1:1/cvm"), "one").bring_back("dead")
