"""What an engine has to do: carry tickets to workers, one of a panel at a time, and bring back those of the dead.

An engine may lose a ticket's outcome, or deliver it twice: what is sent, and what came of it, is kept below, in the
journal. So an engine is thin, and another one could take its place; see `docs/how-to/cluster.md`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from cvm_async.cluster.database.shards import Ticket

Work: TypeAlias = Callable[[Ticket], Awaitable[None]]
"""Does a shard; it returns when nothing is left to do for it, and may be asked again. `HandedBackError` leaves it where
the worker ends."""


class HandedBackError(BaseException):
    """A ticket is another worker's from now on: it is not done, and has not failed.

    No `Exception`: engines keep those as how a ticket has ended.
    """


class Queue(Protocol):
    """Where runs put their tickets."""

    async def put(self, tickets: Sequence[Ticket]) -> None:
        """Have each done by some worker of its region."""
        ...

    async def close(self) -> None:
        """Let go of it; what was put stays."""
        ...


class Engine(Protocol):
    """Where a worker gets its tickets."""

    async def serve(self, work: Work, region: str | None) -> None:
        """Begin to take tickets: those of a region, or all. Returns at once."""
        ...

    async def bring_back(self, worker: str) -> None:
        """Put back the tickets of a worker that is dead, for others to take."""
        ...

    async def close(self) -> None:
        """Take no more tickets, and put back those that are not done, for others to take at once.

        Raises:
            CvmError: They could not be put back; `bring_back` has to, by another worker.
        """
        ...
