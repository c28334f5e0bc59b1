"""Who may act on a panel: one worker, as long as it holds the panel's lock; and each of its sends says so again.

The lock is Postgres's own, held by the worker's one connection: it ends with it, however that ends. A worker that was
only believed dead may wake up and go on, so the lock alone is not enough. Each taking of a panel has a number, its
epoch; an intent is kept only where the panel still has the epoch that its sender took it with.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from attrs import frozen

from cvm_async.cluster.database.postgres import Database
from cvm_async.errors import CvmError

TAKE = """
WITH lock AS MATERIALIZED (SELECT pg_try_advisory_lock(hashtextextended(%(address)s, 0)) AS held)
INSERT INTO cvm_async.panels AS panels (address, epoch, worker)
SELECT %(address)s, 1, %(worker)s FROM lock WHERE held
ON CONFLICT (address) DO UPDATE SET epoch = panels.epoch + 1, worker = excluded.worker RETURNING epoch
"""
_LEAVE = "SELECT pg_advisory_unlock(hashtextextended(%(address)s, 0))"
_STILL_OUT = """
SELECT extract(epoch FROM now() - max(sent_at))::float8 FROM cvm_async.targets JOIN cvm_async.shards ON number = shard
    AND shards.run = targets.run
WHERE address = %(address)s AND targets.state = 'sent' AND targets.epoch IS DISTINCT FROM %(epoch)s
"""

POLL = 0.5
"""Seconds between two tries to take a panel that another worker has."""


@frozen(eq=False)
class Hold:
    """A panel that is ours, as long as the connection with the database lives.

    Attributes:
        address: The panel's URL.
        epoch: The number of this taking.
        database: The connection that holds the lock.
    """

    address: str
    epoch: int
    database: Database

    @property
    def values(self) -> dict[str, object]:
        """What statements are filled with that ask whether it is still ours."""
        return {"address": self.address, "epoch": self.epoch}

    async def predecessors_over(self, longest: float) -> None:
        """Wait until nothing that another worker has sent can be under way on the panel any more.

        The panel works on for a caller who is dead: whoever begins at once has more under way on it than it bears.

        Args:
            longest: Seconds that an action may take.
        """
        [[[ago]]] = await self.database.write((_STILL_OUT, self.values))
        if ago is not None and ago < longest:
            with suppress(TimeoutError):
                async with asyncio.timeout(longest - ago):
                    await self.database.wait_lost()


@asynccontextmanager
async def held(database: Database, address: str, worker: str) -> AsyncGenerator[Hold]:
    """Take a panel, as soon as no other worker has it, until the block is left.

    Raises:
        DatabaseLostError: The connection is gone.
    """
    taking = TAKE, {"address": address, "worker": worker}
    # What other machines do is no event here.
    while not (rows := (await database.write(taking, alone=True))[0]):  # noqa: ASYNC110
        await asyncio.sleep(POLL)
    try:
        yield Hold(address, rows[0][0], database)
    finally:
        if not database.lost:
            with suppress(CvmError):
                await asyncio.shield(database.hand_over((_LEAVE, {"address": address}), alone=True))
