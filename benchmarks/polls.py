"""Polls in a row in this process: one begins every so many seconds, or once the one before is done."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from attrs import asdict, define, field, frozen

from benchmarks.contenders import EVERY
from benchmarks.job import Job, Poll, Tally
from benchmarks.poll import LATE, loop_factory


@frozen(kw_only=True)
class PollsRun:
    """What came of polls in a row.

    Attributes:
        due: Polls that there was time for.
        begun: Polls that were begun.
        whole: Those in which all VPSes were read but the ones to ignore.
        read: Statuses that were read of these, in all polls.
        seconds: Until all of them were in, for each whole poll.
    """

    due: int
    begun: int
    whole: int
    read: int
    seconds: list[float]


@define
class _Polls:
    """Polls by one contender, and what came of them until now."""

    job: Job
    every: float
    tally: Tally = field(factory=Tally)
    begun: int = 0
    read: int = 0
    seconds: list[float] = field(factory=list[float])

    async def go_on(self, poll: Poll) -> None:
        ids = range(1, self.job.count + 1)
        living = set(ids) - set(self.job.ignore)
        while True:
            began = time.perf_counter()
            self.tally.begin(living)
            self.begun += 1
            try:
                await poll(ids)
            finally:
                self.read += len(living) - self.tally.missing
                if self.tally.others_in_at is not None:
                    self.seconds.append(self.tally.others_in_at - began)
            await asyncio.sleep(began + self.every - time.perf_counter())

    def result(self) -> PollsRun:
        due = round(self.job.seconds / self.every)
        return PollsRun(due=due, begun=self.begun, whole=len(self.seconds), read=self.read, seconds=self.seconds)


async def perform(job: Job, every: float, report: Callable[[object], None]) -> None:
    """Poll until the time is up, and report."""
    polls = _Polls(job, every)
    async with EVERY[job.contender].load()(job.setting, polls.tally) as poll:
        watchdog = threading.Timer(job.seconds + LATE, os._exit, (1,))
        watchdog.daemon = True
        watchdog.start()
        polling = asyncio.ensure_future(polls.go_on(poll))
        await asyncio.wait({polling}, timeout=job.seconds)
        polling.cancel()
        await asyncio.wait({polling})
        report(asdict(polls.result()))
        watchdog.cancel()


def run(parameters: dict[str, Any], report: Callable[[object], None]) -> None:
    """Run a job that came as JSON, with the seconds from one poll to the next."""
    job = Job.of_json(parameters["job"])
    with asyncio.Runner(loop_factory=loop_factory(job.loop)) as runner:
        runner.run(perform(job, parameters["every"], report))
