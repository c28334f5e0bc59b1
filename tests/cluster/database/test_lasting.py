import pytest

from cluster.database.test_postgres import ended_by_another
from cvm_async import CvmError, DatabaseLostError
from cvm_async._secret import Secret
from cvm_async.cluster.database import lasting as module
from cvm_async.cluster.database.lasting import LastingDatabase
from cvm_async.cluster.database.postgres import Database


async def test_there_is_one_connection_until_it_is_lost_and_then_another(url: str) -> None:
    new: list[Database] = []

    async def note(database: Database) -> None:
        new.append(database)

    lasting = LastingDatabase(Secret(url), note)
    first = await lasting.now()
    assert await lasting.now() is first
    await ended_by_another(first, url)
    with pytest.raises(CvmError):
        await first.write(("SELECT 1", {}))
    second = await lasting.now()
    assert second is not first
    assert new == [first, second]
    await lasting.close()


async def test_it_is_tried_until_the_database_is_there(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY", 0.0)
    opened, tries = Database.opened, [DatabaseLostError("away"), DatabaseLostError("still away")]

    async def at_last(address: Secret) -> Database:
        if tries:
            raise tries.pop()
        return await opened(address)

    monkeypatch.setattr(Database, "opened", at_last)
    lasting = LastingDatabase(Secret(url))
    assert not (await lasting.now()).lost
    await lasting.close()


async def test_at_first_it_is_said_that_it_is_away() -> None:
    lasting = LastingDatabase(Secret("postgresql://cvm@127.0.0.1:1/cvm"))
    with pytest.raises(DatabaseLostError):
        await lasting.first()
    await lasting.close()
