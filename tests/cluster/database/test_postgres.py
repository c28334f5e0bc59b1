import asyncio

import psycopg
import pytest

from cvm_async import ConfigurationError, CvmError, DatabaseLostError
from cvm_async._secret import Secret
from cvm_async.cluster.database import postgres as module
from cvm_async.cluster.database.postgres import Database, ends_connection

END = "SELECT pg_terminate_backend(%(pid)s)"


async def ended_by_another(database: Database, url: str) -> None:
    other = await Database.opened(Secret(url))
    await other.write((END, {"pid": database.backend}))
    await other.close()


async def test_statements_give_their_rows_in_order(database: Database) -> None:
    rows = await database.write(
        ("SELECT %(a)s::int + 1", {"a": 1}), ("SET work_mem = '4MB'", {}), ("SELECT 'x', 2", {})
    )
    assert rows == [[(2,)], [], [("x", 2)]]


async def test_what_comes_together_is_committed_together(database: Database) -> None:
    await asyncio.gather(*(database.write(("SELECT 1", {})) for _ in range(20)))
    assert database.commits <= 2


async def test_one_that_is_refused_costs_the_others_nothing(database: Database) -> None:
    found = await asyncio.gather(
        *(database.write(("SELECT 6 / %(by)s::int", {"by": by})) for by in (1, 0, 2)), return_exceptions=True
    )
    assert found[0] == [[(6,)]]
    assert type(found[1]) is CvmError
    assert "division by zero" in str(found[1])
    assert found[2] == [[(3,)]]
    assert not database.lost


async def test_what_is_to_be_alone_shares_no_transaction(database: Database) -> None:
    first = database.hand_over(("SELECT txid_current()", {}))
    alone = database.hand_over(("SELECT txid_current()", {}), alone=True)
    last = database.hand_over(("SELECT txid_current()", {}))
    assert len({(await each)[0][0] for each in (first, alone, last)}) == 3


async def test_a_connection_that_is_cut_is_lost_for_all_who_wait(url: str, database: Database) -> None:
    waiting = asyncio.create_task(database.wait_lost())
    await ended_by_another(database, url)
    found = await asyncio.gather(*(database.write(("SELECT 1", {})) for _ in range(3)), return_exceptions=True)
    assert {type(each) for each in found} == {DatabaseLostError}
    assert database.lost
    assert "lost" in await waiting
    with pytest.raises(DatabaseLostError):
        await database.write(("SELECT 1", {}))


async def test_closed_it_does_what_was_handed_over_and_takes_nothing_more(url: str) -> None:
    database = await Database.opened(Secret(url))
    done = database.hand_over(("SELECT 7", {}))
    await database.close()
    assert await done == [[(7,)]]
    with pytest.raises(DatabaseLostError, match="was closed"):
        await database.write(("SELECT 1", {}))
    await database.close()


async def test_one_that_is_silent_is_taken_for_lost(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    asking = asyncio.create_task(database.write(("SELECT pg_sleep(60)", {})))
    await asyncio.sleep(0.01)
    behind = database.hand_over(("SELECT 1", {}), alone=True)
    with pytest.raises(DatabaseLostError, match="silent"):
        await asking
    with pytest.raises(DatabaseLostError, match="silent"):
        await behind
    assert database.lost


async def test_who_has_left_is_told_nothing(database: Database) -> None:
    for sql in ("SELECT 1", "SELECT 1 / 0"):
        left = database.hand_over((sql, {}), alone=True)
        left.cancel()
        assert await database.write(("SELECT 2", {})) == [[(2,)]]
        assert left.cancelled()


async def test_cancelled_what_was_asked_for_is_done_all_the_same(database: Database) -> None:
    await database.write(("CREATE TABLE seen (number int)", {}))
    asking = asyncio.create_task(database.write(("INSERT INTO seen VALUES (1)", {})))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await database.write(("SELECT number FROM seen", {})) == [[(1,)]]


async def test_a_server_that_confirms_too_early_is_told_not_to(url: str) -> None:
    database = await Database.opened(Secret(f"{url}&options=-csynchronous_commit%3Doff"))
    assert await database.write(("SHOW synchronous_commit", {})) == [[("on",)]]
    await database.close()


async def test_a_database_that_cannot_be_reached_is_said_without_the_password() -> None:
    with pytest.raises(DatabaseLostError, match="cannot be reached") as lost:
        await Database.opened(Secret("postgresql://cvm:hunter2@127.0.0.1:1/cvm"))
    assert "hunter2" not in str(lost.value)


async def test_an_address_that_is_none_is_said_without_it() -> None:
    with pytest.raises(ConfigurationError, match="address is none") as refused:
        await Database.opened(Secret("postgresql://cvm:hunter2@db:port/cvm?what=x"))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("error", [psycopg.OperationalError("cut"), asyncio.CancelledError()])
async def test_a_connection_that_cannot_be_used_is_not_left_open(
    url: str, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    closed: list[object] = []

    async def cut(*_: object) -> None:
        raise error

    async def close(connection: "psycopg.AsyncConnection[object]") -> None:
        closed.append(connection)
        connection.pgconn.finish()

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", cut)
    monkeypatch.setattr(psycopg.AsyncConnection, "close", close)
    expected = asyncio.CancelledError if isinstance(error, asyncio.CancelledError) else DatabaseLostError
    with pytest.raises(expected):
        await Database.opened(Secret(url))
    assert len(closed) == 1


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (psycopg.OperationalError("cannot exit pipeline mode while busy"), True),
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.ConnectionFailure(), True),
        (psycopg.errors.DiskFull(), False),
        (psycopg.errors.LockNotAvailable(), False),
        (psycopg.errors.PipelineAborted(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.DataError("a text cannot contain NUL"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, psycopg.Error) else "",
)
def test_a_refusal_is_told_from_a_connection_that_ends(error: psycopg.Error, ends: bool) -> None:  # noqa: FBT001
    assert ends_connection(error) is ends
