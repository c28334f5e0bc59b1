"""What a journal has confirmed survives a power cut: everything that was written and not yet synced is lost, or torn.

A layer between SQLite and the disk (a "VFS") knows what has been synced. At a random step it keeps what the disk would
hold if the power went now: all that was synced, and of what came since any part, in any order.
"""

import asyncio
import os
import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

import apsw
import pytest

from cvm_async.runs.writer import DURABLE, Connection, Statement, Writer

pytestmark = pytest.mark.long

# apsw names types that only newer Pythons have.
# pyright: reportUnknownMemberType=false

CUTS = int(os.environ.get("CVM_ASYNC_POWER_CUTS", "30"))
"""How often the power is cut."""

WRITES = 60


class Disk(apsw.VFS):
    """Knows of each file what is on the disk for good, and what is only on its way there."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.safe: dict[str, bytearray] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        self.chance = chance
        self.steps = 0
        self.cut_at = 0
        self.left: dict[str, bytes] | None = None
        self.confirmed: set[int] = set()
        self.promised: set[int] = set()
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "DiskFile":  # noqa: N802 - as SQLite calls it
        return DiskFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - likewise
        self.safe.pop(Path(filename).name, None)
        self.pending.pop(Path(filename).name, None)
        super().xDelete(filename, syncdir)

    def step(self) -> None:
        """Take a step, and cut the power at the one that was chosen."""
        self.steps += 1
        if self.steps == self.cut_at:
            self.promised = set(self.confirmed)
            self.left = {name: self.image(name) for name in self.safe}

    def image(self, name: str) -> bytes:
        image = bytearray(self.safe[name])
        some = [write for write in self.pending[name] if self.chance.random() < 0.5]
        self.chance.shuffle(some)
        for offset, data in some:
            put(image, offset, data)
        return bytes(image)


def put(image: bytearray, offset: int, data: bytes | None) -> None:
    """Write into a file's image; without data, cut it off there."""
    if data is None:
        del image[offset:]
        return
    image.extend(bytes(max(0, offset - len(image))))
    image[offset : offset + len(data)] = data


class DiskFile(apsw.VFSFile):
    """A file on that disk."""

    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name))
        self.disk, self.name = disk, path.name
        disk.safe.setdefault(self.name, bytearray(path.read_bytes()))
        disk.pending.setdefault(self.name, [])

    def xWrite(self, data: bytes, offset: int) -> None:  # type: ignore[override]  # noqa: N802 - as SQLite calls it
        super().xWrite(data, offset)
        self.disk.pending[self.name].append((offset, bytes(data)))
        self.disk.step()

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - likewise
        super().xTruncate(newsize)
        self.disk.pending[self.name].append((newsize, None))
        self.disk.step()

    def xSync(self, flags: int) -> None:  # noqa: N802 - likewise
        self.disk.step()
        super().xSync(flags)
        for offset, data in self.disk.pending[self.name]:
            put(self.disk.safe[self.name], offset, data)
        self.disk.pending[self.name].clear()


def made(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE said (number INTEGER)")
        connection.commit()


async def write_all(writer: Writer, disk: Disk) -> None:
    async def write(number: int) -> None:
        statement: Statement = ("INSERT INTO said VALUES (?)", (number,))
        await writer.write(statement)
        disk.confirmed.add(number)

    # In waves, as actions come.
    for begin in range(0, WRITES, 6):
        await asyncio.gather(*[write(number) for number in range(begin, begin + 6)])


def lost(folder: Path, settings: Sequence[str], cut: int) -> set[int]:
    """Write, cut the power once, and give what had been confirmed and is gone."""
    folder.mkdir()
    made(folder / "a.run")
    disk = Disk(f"disk {folder}", random.Random(cut))  # noqa: S311 - no secret

    def connect(path: Path) -> Connection:
        connection = apsw.Connection(str(path), vfs=disk.name)
        # A layer of Python has no shared memory for the WAL's index, and needs none when nobody else comes.
        for setting in ("PRAGMA locking_mode = EXCLUSIVE", *settings):
            connection.execute(setting).fetchall()
        # Counted from here, where the run begins.
        disk.cut_at = disk.steps + 1 + disk.chance.randrange(2 * WRITES)
        return cast("Connection", connection)

    writer = Writer(folder / "a.run", connect)
    asyncio.run(write_all(writer, disk))
    writer.close()
    disk.unregister()
    if disk.left is None:
        return set()
    after = folder / "after"
    after.mkdir()
    for name, image in disk.left.items():
        (after / name).write_bytes(image)
    with closing(sqlite3.connect(after / "a.run")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = {number for (number,) in connection.execute("SELECT number FROM said")}
    return disk.promised - found


def test_what_was_confirmed_is_there_after_a_power_cut(tmp_path: Path) -> None:
    for cut in range(CUTS):
        assert lost(tmp_path / str(cut), DURABLE, cut) == set()


def test_with_less_care_it_would_not_be(tmp_path: Path) -> None:
    careless = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
    assert any(lost(tmp_path / str(cut), careless, cut) for cut in range(CUTS))
