"""A Postgres of one's own, in a folder that goes with it: started in a second, talked to by a socket in that folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from attrs import frozen
from psycopg.sql import SQL, Identifier

_DEBIANS = Path("/usr/lib/postgresql")
_SETTINGS = "-c listen_addresses='' -c fsync=off -c max_connections=60 -c shared_buffers=16MB"
"""Of the server itself nothing is killed, so it need not wait for the disk."""


def programs() -> Path | None:
    """Give the folder with Postgres's programs; None where there is none. Debian keeps it off the path."""
    on_path = shutil.which("initdb")
    found = [Path(on_path)] if on_path else sorted(_DEBIANS.glob("*/bin/initdb"))
    return found[-1].resolve().parent if found else None


def missing() -> str:
    """Say why there is no Postgres to try on; nothing where there is one."""
    if programs() is None:
        return "there is no Postgres on this machine: apt-get install postgresql"
    if os.name != "posix":
        return "Postgres is started here as on Unix"
    return ""


@frozen
class Server:
    """A Postgres that runs.

    Attributes:
        folder: Where it keeps everything.
    """

    folder: Path

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://cvm@/{database}?host={self.folder}"

    def make(self, database: str) -> None:
        """Make an empty database."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))

    def program(self, name: str, *arguments: str, capture: bool = False) -> str:
        """Run one of its programs, as the user whose server it is; give what it printed where asked for."""
        found = programs()
        assert found is not None
        done = subprocess.run(  # noqa: S603 - its programs are those that were found
            [found / name, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=True,
            cwd="/",
            # It refuses to be root.
            user=unprivileged(),
        )
        return done.stdout.decode("utf-8", "replace") if capture else ""


def unprivileged() -> int | None:
    """Give the number of a user that Postgres may be; None where we are one."""
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return None


@contextmanager
def serving(settings: str = _SETTINGS) -> Generator[Server]:
    """Run a Postgres."""
    # Not in pytest's folder: another user cannot get there, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="cvm-pg-"))
    user = unprivileged()
    if user is not None:
        os.chown(folder, user, -1)
    server = Server(folder)
    data = str(folder / "data")
    try:
        server.program("initdb", "-D", data, "-A", "trust", "-U", "cvm", "-E", "UTF8", "--no-locale", "--no-sync")
        server.program("pg_ctl", "-D", data, "-w", "-l", f"{folder}/log", "-o", f"-k {folder} {settings}", "start")
        try:
            yield server
        finally:
            server.program("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
