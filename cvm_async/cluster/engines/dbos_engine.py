"""DBOS as the engine: a workflow for each shard, in a queue for each region, partitioned by panel.

With `partition_concurrency=1` DBOS starts no second workflow of a panel while one is under way. This is the one module
that knows DBOS. What a workflow is given and gives back is plain JSON: DBOS would pickle it.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from attrs import define, frozen
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions

from cvm_async._secret import Secret
from cvm_async.cluster.database.shards import Ticket
from cvm_async.cluster.engines.engine import Work
from cvm_async.errors import CvmError

_APPLICATION: Final = "cvm-async"
_SCHEMA: Final = "cvm_async_dbos"
_VERSION: Final = "1"
"""Of what the workflow is given; DBOS hands one of another version to nobody here."""
_WORKFLOW: Final = "cvm_async.shard"
_POLL: Final = 0.5
"""Seconds between two looks for tickets."""
PANELS_AT_ONCE: Final = 64
"""Panels of one region that a worker has under way; others wait for it or another one."""
_CONNECTIONS: Final = 3
"""DBOS's own, beside our one: one listens, one looks for tickets, one writes down how they ended."""


def _queue_of(region: str) -> str:
    return f"{_APPLICATION}.{region}" if region else _APPLICATION


def _client(url: Secret, *, lasting: bool) -> DBOSClient:
    return DBOSClient(
        system_database_url=url.reveal(),
        dbos_system_schema=_SCHEMA,
        serializer=DBOSPortableJSONSerializer(),
        system_database_pool_size=1,
        application_name=_APPLICATION,
        retry_connection_errors=lasting,
    )


@frozen
class DbosQueue:
    """Puts tickets into DBOS's queues."""

    _client: DBOSClient

    @classmethod
    async def opened(cls, url: Secret) -> "DbosQueue":
        """Connect, and make DBOS's tables where they are missing."""
        return await asyncio.to_thread(cls._opened, url)

    @classmethod
    def _opened(cls, url: Secret) -> "DbosQueue":
        DBOS.migrate(url.reveal(), schema=_SCHEMA)
        return cls(_client(url, lasting=True))

    async def put(self, tickets: Sequence[Ticket]) -> None:
        """Have each done by some worker of its region."""
        await asyncio.to_thread(self._put, tickets)

    def _put(self, tickets: Sequence[Ticket]) -> None:
        for region in {ticket.region for ticket in tickets}:
            self._client.register_queue(
                _queue_of(region),
                partition_concurrency=1,
                worker_concurrency=PANELS_AT_ONCE,
                polling_interval_sec=_POLL,
            )
        for ticket in tickets:
            options: EnqueueOptions = {
                "workflow_name": _WORKFLOW,
                "queue_name": _queue_of(ticket.region),
                "workflow_id": ticket.id,
                "queue_partition_key": ticket.address,
                "app_version": _VERSION,
            }
            self._client.enqueue(options, ticket.run, ticket.number, ticket.address, ticket.region)

    async def close(self) -> None:
        """Let go of it; what was put stays."""
        await asyncio.to_thread(self._client.destroy)


@define(eq=False)
class DbosEngine:
    """Gets tickets from DBOS's queues; one in a process, as DBOS is.

    Attributes:
        url: Where the database is.
        worker: What DBOS is to call this process.
    """

    url: Secret
    worker: str

    async def serve(self, work: Work, region: str | None) -> None:
        """Begin to take tickets: those of a region, or all."""
        config: DBOSConfig = {
            "name": _APPLICATION,
            "system_database_url": self.url.reveal(),
            "dbos_system_schema": _SCHEMA,
            "executor_id": self.worker,
            "application_version": _VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "sys_db_pool_size": _CONNECTIONS,
            "log_level": "WARNING",
        }
        DBOS(config=config)

        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)
        async def shard(run: str, number: int, address: str, region: str) -> None:
            await work(Ticket(run=run, number=number, address=address, region=region))

        if region is not None:
            DBOS.listen_queues([_queue_of(region)])
        # In this thread: DBOS runs workflows on the event loop that it was launched from.
        DBOS.launch()

    async def bring_back(self, worker: str) -> None:
        """Put back the tickets of a worker that is dead.

        Raises:
            CvmError: DBOS could not.
        """
        try:
            await asyncio.to_thread(self._bring_back, worker)
        except Exception as error:  # noqa: BLE001 - see below
            # SQLAlchemy's, or DBOS's own; what they say may quote the address.
            raise CvmError(f"DBOS could not bring back what {worker} had: {type(error).__name__}") from None

    def _bring_back(self, worker: str) -> None:
        client = _client(self.url, lasting=False)
        try:
            pending: list[Any] = client.list_workflows(
                executor_id=worker, status="PENDING", name=_WORKFLOW, load_input=False, load_output=False
            )
            for workflow in pending:
                client.resume_workflow(workflow.workflow_id, queue_name=workflow.queue_name)
        finally:
            client.destroy()

    async def close(self) -> None:
        """Take no more tickets, and put back those that are not done.

        Raises:
            CvmError: DBOS could not.
        """
        await asyncio.to_thread(DBOS.destroy)
        await self.bring_back(self.worker)
