"""An engine within this process, and workers on it: for all that is not about engines, or about processes that die."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from attrs import define, field

from cvm_async._profiles.environment import Environment
from cvm_async._secret import Secret
from cvm_async.cluster.database.shards import Ticket
from cvm_async.cluster.engines.choice import ENGINES, Known
from cvm_async.cluster.engines.engine import HandedBackError, Work
from cvm_async.cluster.worker import Worker


@define(eq=False)
class LocalEngine:
    """Gives each ticket to the worker that serves its region; keeps those that nobody serves yet."""

    workers: list[tuple[Work, str | None]] = field(init=False, factory=list[tuple[Work, "str | None"]])
    waiting: list[Ticket] = field(init=False, factory=list[Ticket])
    taken: list[Ticket] = field(init=False, factory=list[Ticket])
    brought_back: list[str] = field(init=False, factory=list[str])
    tasks: "set[asyncio.Task[None]]" = field(init=False, factory=set["asyncio.Task[None]"])

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def queue(_: Secret) -> "LocalEngine":
            return self

        monkeypatch.setitem(ENGINES, "local", Known((), queue, lambda _url, _worker: self))

    async def put(self, tickets: Sequence[Ticket]) -> None:
        self.waiting.extend(tickets)
        self._hand_out()

    async def serve(self, work: Work, region: str | None) -> None:
        self.workers.append((work, region))
        self._hand_out()

    async def bring_back(self, worker: str) -> None:
        self.brought_back.append(worker)

    async def close(self) -> None:
        return

    async def _done(self, work: Work, ticket: Ticket) -> None:
        try:
            await work(ticket)
        except HandedBackError:
            self.workers = [(other, region) for other, region in self.workers if other != work]
            await self.put([ticket])

    def _hand_out(self) -> None:
        for ticket in tuple(self.waiting):
            for work, region in self.workers:
                if region in (None, ticket.region):
                    self.waiting.remove(ticket)
                    self.taken.append(ticket)
                    task = asyncio.ensure_future(self._done(work, ticket))
                    self.tasks.add(task)
                    break


@asynccontextmanager
async def working(worker: Worker) -> AsyncGenerator[Worker]:
    """Have a worker work for as long as the block lasts."""
    ready = asyncio.Event()
    worker.on_ready = ready.set
    task = asyncio.create_task(worker.run())
    begun = asyncio.create_task(ready.wait())
    try:
        await asyncio.wait([task, begun], return_when=asyncio.FIRST_COMPLETED)
        yield worker
    finally:
        begun.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def worker_of(url: str, engine: LocalEngine, config_home: Path, **more: object) -> Worker:
    """Give a worker that finds its profiles in that folder."""
    environment = Environment(config_home=str(config_home))
    return Worker(url=Secret(url), engine=engine, environment=environment, **more)  # type: ignore[arg-type]
