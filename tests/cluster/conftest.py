import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from cluster.local import LocalEngine
from cluster.servers import Server, missing, serving
from cvm_async._secret import Secret
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.schema import prepare
from cvm_async.cluster.engines.dbos_engine import DbosQueue

_DBOS_TABLES = """
SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'cvm_async_dbos' AND tablename <> 'dbos_migrations'
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A Postgres for this process's tests; they are skipped where there is none."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def _prepared(postgres: Server) -> str:
    """The address of a database with all tables: DBOS takes a second to make its own."""
    address = Secret(postgres.url("cluster"))

    async def make() -> None:
        database = await Database.opened(address)
        await prepare(database)
        await database.close()
        queue = await DbosQueue.opened(address)
        await queue.close()

    postgres.make("cluster")
    asyncio.run(make())
    return address.reveal()


@pytest.fixture
def url(_prepared: str) -> str:
    """The address of a database with all tables and nothing in them."""
    with psycopg.connect(_prepared, autocommit=True) as connection:
        connection.execute("TRUNCATE cvm_async.runs, cvm_async.panels, cvm_async.workers CASCADE")
        tables = connection.execute(_DBOS_TABLES).fetchall()
        connection.execute(SQL("TRUNCATE {}").format(SQL(", ").join(Identifier(*table) for table in tables)))
        connection.execute("UPDATE cvm_async.format SET number = 1")
    return _prepared


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalEngine:
    """An engine within this process, and a folder for profiles."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    local = LocalEngine()
    local.install(monkeypatch)
    return local


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A connection of our own with the database."""
    opened = await Database.opened(Secret(url))
    yield opened
    await opened.close()
