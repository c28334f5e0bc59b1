import asyncio

import pytest

from cluster.servers import Server
from cvm_async import ConfigurationError
from cvm_async._secret import Secret
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.schema import prepare


async def test_tables_are_made_once_whoever_comes_at_the_same_time(postgres: Server) -> None:
    postgres.make("bare")
    databases = [await Database.opened(Secret(postgres.url("bare"))) for _ in range(3)]
    await asyncio.gather(*map(prepare, databases))
    assert await databases[0].write(("SELECT number FROM cvm_async.format", {})) == [[(1,)]]
    for database in databases:
        await database.close()


async def test_tables_of_another_version_are_refused(database: Database) -> None:
    await database.write(("UPDATE cvm_async.format SET number = 7", {}))
    with pytest.raises(ConfigurationError, match="of format 7, and this version reads 1"):
        await prepare(database)
