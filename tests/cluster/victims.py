"""Workers that are made to be killed or stopped: each is forked from a process that has everything imported already.

Run as a script, it reads one order a line from standard input, as JSON, and answers with the process number of who
carries it out, and with a line when that one is ready.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import anyio
from attrs import asdict, define, field, frozen

from cvm_async._profiles.environment import Environment
from cvm_async._secret import Secret
from cvm_async.cluster.database import guards
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import Ticket, shards_of
from cvm_async.cluster.engines.dbos_engine import DbosEngine
from cvm_async.cluster.engines.engine import Engine, Work
from cvm_async.cluster.worker import Worker


@frozen(kw_only=True)
class Order:
    """What a worker is to be."""

    id: str
    url: str
    config_home: str
    log: str
    lease: float = 0.8
    settle: float = 0.3
    greedy: bool = False
    """Whether it takes whatever is not done, as every other one, and no panel's lock keeps it out."""


@define(eq=False)
class GreedyEngine:
    """Takes every panel of every run, whoever has it: the worst that an engine could do."""

    url: Secret
    _task: "asyncio.Task[None] | None" = None

    async def serve(self, work: Work, region: str | None) -> None:
        del region
        self._task = asyncio.create_task(self._serve(work))

    async def _serve(self, work: Work) -> None:
        database = await Database.opened(self.url)
        async with anyio.create_task_group() as group:
            while True:
                [runs] = await database.write(("SELECT id FROM cvm_async.runs", {}))
                for (run,) in runs:
                    for shard in await shards_of(database, run):
                        if shard.state != "done":
                            group.start_soon(_done, work, shard.ticket)
                await asyncio.sleep(0.05)

    async def bring_back(self, worker: str) -> None:
        del worker

    async def close(self) -> None:
        return


async def _done(work: Work, ticket: Ticket) -> None:
    await work(ticket)


TAKE_WHATEVER_IS_LOCKED = """
INSERT INTO cvm_async.panels AS panels (address, epoch, worker) VALUES (%(address)s, 1, %(worker)s)
ON CONFLICT (address) DO UPDATE SET epoch = panels.epoch + 1, worker = excluded.worker RETURNING epoch
"""


async def carry_out(order: Order) -> None:
    url = Secret(order.url)
    engine: Engine = DbosEngine(url, order.id)
    if order.greedy:
        engine = GreedyEngine(url)
        guards.TAKE = TAKE_WHATEVER_IS_LOCKED
    worker = Worker(
        url=url,
        engine=engine,
        environment=Environment(config_home=order.config_home),
        lease=order.lease,
        settle=order.settle,
        id=order.id,
        on_ready=lambda: print(f"ready {order.id}", flush=True),  # noqa: T201 - it is the answer
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop, "terminated")
    await worker.run()


def serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
            asyncio.run(carry_out(order))
            os._exit(0)
        print(pid, flush=True)  # noqa: T201 - likewise


@define
class Victims:
    """Has workers run by processes of their own, and ends those that are left."""

    _server: "subprocess.Popen[bytes]"
    pids: list[int] = field(init=False, factory=list[int])

    @classmethod
    @contextmanager
    def ready(cls) -> "Generator[Victims]":
        command = [sys.executable, __file__]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:  # noqa: S603 - this file
            victims = cls(server)
            try:
                yield victims
            finally:
                victims.end()
                assert server.stdin is not None
                server.stdin.close()

    def begin(self, order: Order) -> int:
        """Give the number of the process of a worker that takes tickets now."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        self._server.stdin.flush()
        answers = [self._server.stdout.readline().split() for _ in range(2)]
        pid = int(next(answer[0] for answer in answers if answer[0] != b"ready"))
        self.pids.append(pid)
        return pid

    def end(self) -> None:
        """Kill all that are left."""
        while self.pids:
            self.signal(self.pids.pop(), signal.SIGKILL)

    @staticmethod
    def signal(pid: int, number: signal.Signals) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


if __name__ == "__main__":
    serve()
