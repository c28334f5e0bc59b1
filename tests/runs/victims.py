"""Processes that go over a fleet, made to be killed: each is forked from one that has everything imported already.

Run as a script, it reads one order a line from standard input, as JSON, and answers with the process number of who
carries it out, then with how that ended: an exit status, or the number of the signal below zero. Who stands still in
between says so before.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Self

from attrs import asdict, frozen

from cvm_async import CvmSession, Rollout, Timeouts
from cvm_async.runs import journal
from cvm_async.runs.store import RunStore
from cvm_async.runs.writer import Statement, Writer

STILL = "still"


@frozen(kw_only=True)
class Order:
    """What to do: a run from its begin, or, with an id, what is left of one."""

    verb: str
    url: str
    public_token: str
    private_token: str
    runs: str
    run_id: str = ""
    wait: bool = False
    batch: tuple[int, ...] = ()
    max_concurrency: int = 8
    settle: float = 0.2
    patience: float = 60.0
    """Seconds: all its timeouts, and how long an intent lasts."""
    still_at: int = 0
    """The intent after whose commit it stops itself, as by SIGSTOP; 0: none."""


def stand_still(at: int) -> None:
    """Have this process stop itself between the commit of an intent and what follows."""
    write, written = Writer.write, 0

    async def stops(writer: Writer, *statements: Statement) -> None:
        nonlocal written
        await write(writer, *statements)
        written += 1
        if written == at:
            place = statements[0][1][-1]
            print(STILL, place, flush=True)  # noqa: T201 - it is an answer
            os.kill(os.getpid(), signal.SIGSTOP)

    Writer.write = stops  # type: ignore[assignment, method-assign]


async def carry_out(order: Order) -> None:
    runs = RunStore(Path(order.runs))
    if order.still_at:
        stand_still(order.still_at)
    patience = order.patience
    journal.INTENT_LASTS = patience
    async with CvmSession(
        order.url,
        public_token=order.public_token,
        private_token=order.private_token,
        name="panel",
        timeouts=Timeouts(connect=patience, read=patience, action=patience),
    ) as session:
        fleet = await session.fleet()
        if order.run_id:
            async with runs.open(order.run_id) as run:
                await run.resume(fleet, settle=order.settle)
            return
        rollout = Rollout(max_concurrency=order.max_concurrency, batch=order.batch)
        verb = {"start": fleet.start, "stop": fleet.stop, "restart": fleet.restart}[order.verb]
        await verb(rollout=rollout, wait=order.wait, timeout=2 * patience, interval=0.02, journal=runs.new("crash"))


def serve() -> None:
    for line in sys.stdin:
        order = Order(**json.loads(line))
        pid = os.fork()
        if not pid:
            asyncio.run(carry_out(order))
            sys.stdout.flush()
            os._exit(0)
        print(pid, flush=True)  # noqa: T201 - it is the answer
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201 - likewise


class Victims:
    """Has orders carried out by processes, one after the other."""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.create_subprocess_exec(
            sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._orders, self._answers = self._server.stdin, self._server.stdout
        return self

    async def __aexit__(self, *_: object) -> None:
        self._orders.close()
        await self._server.wait()

    async def begin(self, order: Order) -> int:
        """Give the number of the process that carries it out now."""
        self._orders.write(json.dumps(asdict(order)).encode() + b"\n")
        await self._orders.drain()
        return int(await self._answers.readline())

    async def stands_still(self) -> int:
        """Give the place of the intent after which it has stopped itself, or is about to."""
        word, place = (await self._answers.readline()).split()
        assert word == STILL.encode()
        return int(place)

    async def ended(self) -> int:
        """Give how it ended, once it has."""
        return int(await self._answers.readline())


if __name__ == "__main__":
    serve()
