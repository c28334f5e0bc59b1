import asyncio
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from cvm_async.runs.writer import WriteError, Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.run"
    with closing(sqlite3.connect(path)) as connection:
        # As a run's file is made: to change that takes the file for itself, and would not wait for others.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE said (word TEXT UNIQUE)")
    return path


def words(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM said ORDER BY rowid")]


def say(word: str) -> tuple[str, tuple[str]]:
    return "INSERT INTO said VALUES (?)", (word,)


async def test_what_is_written_is_there_when_it_returns(path: Path) -> None:
    writer = Writer(path)
    await writer.write(say("one"), say("two"))
    assert words(path) == ["one", "two"]
    writer.close()


async def test_what_comes_while_it_writes_is_committed_together(path: Path) -> None:
    writer = Writer(path)
    await asyncio.gather(*[writer.write(say(str(number))) for number in range(100)])
    writer.close()
    assert sorted(map(int, words(path))) == list(range(100))
    # How many come together is the machine's affair; each for itself they never are, as all were there at once.
    assert writer.commits < 100


async def test_all_of_a_write_is_there_or_nothing(path: Path) -> None:
    writer = Writer(path)
    await writer.write(say("one"))
    with pytest.raises(WriteError, match="UNIQUE"):
        await writer.write(say("two"), say("one"))
    await writer.write(say("three"))
    with pytest.raises(WriteError, match="UNIQUE"):
        await writer.write(("INSERT OR ROLLBACK INTO said VALUES (?)", ("one",)))
    await writer.write(say("four"))
    writer.close()
    assert words(path) == ["one", "three", "four"]


async def test_what_was_handed_over_is_written_before_it_closes(path: Path) -> None:
    writer = Writer(path)
    for number in range(50):
        writer.hand_over(say(str(number)))
    writer.close()
    assert len(words(path)) == 50


async def test_closed_it_refuses_and_closing_twice_is_closing_once(path: Path) -> None:
    writer = Writer(path)
    writer.close()
    writer.close()
    with pytest.raises(WriteError, match="closed"):
        await writer.write(say("one"))


def test_a_file_that_was_taken_away_is_not_made_anew(path: Path) -> None:
    path.unlink()
    writer = Writer(path)
    with pytest.raises(WriteError):
        asyncio.run(writer.write(say("one")))
    writer.close()
    assert not path.exists()


async def test_cancelled_it_is_written_all_the_same(path: Path) -> None:
    writer = Writer(path)
    task = asyncio.create_task(writer.write(say("one")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    writer.close()
    await asyncio.sleep(0)
    assert words(path) == ["one"]


def test_a_loop_that_is_gone_does_not_end_the_writer(path: Path) -> None:
    writer = Writer(path)
    held = sqlite3.connect(path, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")

    async def begin() -> None:
        task = asyncio.create_task(writer.write(say("one")))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(begin())
    # Only now can it write, and there is nobody to tell.
    held.execute("COMMIT")
    held.close()
    writer.hand_over(say("two"))
    writer.close()
    assert words(path) == ["one", "two"]
    assert not [thread for thread in threading.enumerate() if thread.name == "journal a"]


async def test_it_waits_for_the_disk_with_every_commit(path: Path) -> None:
    settings: list[object] = []
    writer = Writer(path)
    await writer.write(say("one"))
    with closing(sqlite3.connect(path)) as connection:
        settings.extend(connection.execute("PRAGMA journal_mode").fetchone())
    writer.close()
    assert settings == ["wal"]


async def test_in_a_fork_it_refuses_and_its_end_is_its_parents(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(path)
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        with pytest.raises(WriteError, match="from which this one was forked"):
            await writer.write(say("one"))
        writer.end()
    await writer.write(say("two"))
    writer.close()
    assert words(path) == ["two"]
