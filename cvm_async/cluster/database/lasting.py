"""`LastingDatabase`: a connection with Postgres that is made anew where it was lost, for as long as that takes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from attrs import define, field

from cvm_async._secret import Secret
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.errors import DatabaseLostError

logger: logging.Logger = logging.getLogger("cvm_async")

RETRY = 1.0
"""Seconds between two tries."""


async def _nothing(_: Database) -> None:
    """Do nothing with a new connection."""


@define(eq=False)
class LastingDatabase:
    """The one connection of a process, or the next one.

    Attributes:
        url: Where the database is.
        on_new: Awaited with each new connection, before anybody else has it.
    """

    url: Secret
    on_new: Callable[[Database], Awaitable[None]] = field(default=_nothing)
    _database: Database | None = field(init=False, default=None)
    _connecting: asyncio.Lock = field(init=False, factory=asyncio.Lock)

    async def first(self) -> Database:
        """Connect.

        Raises:
            ConfigurationError: The address cannot be used.
            DatabaseLostError: It cannot be reached, or does not let us in.
        """
        database = self._database = await Database.opened(self.url)
        return database

    async def now(self) -> Database:
        """Give the connection, or a new one where it was lost, as soon as there is one."""
        async with self._connecting:
            while self._database is None or self._database.lost:
                try:
                    await self.on_new(await self.first())
                except DatabaseLostError as error:
                    logger.warning("%s; trying again", error)
                    await asyncio.sleep(RETRY)
            return self._database

    async def close(self) -> None:
        """End it."""
        if self._database is not None:
            await self._database.close()
