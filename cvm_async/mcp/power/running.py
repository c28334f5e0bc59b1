"""Runs outlive the calls that began them: a client that goes away cuts no action off, it only begins nothing new."""

import asyncio
from collections.abc import Callable
from typing import Final

from cvm_async._words import some_vpses
from cvm_async.errors import CvmError
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Progress
from cvm_async.fleet.report import partial_report
from cvm_async.mcp.power.plans import HeldPlan, Stage
from cvm_async.mcp.progress import News, Tell
from cvm_async.mcp.texts import SENTENCE, told
from cvm_async.runs.journal import RunJournal
from cvm_async.runs.store import RunStore

__all__ = ["GRACE", "Runs"]

GRACE: Final = 8.0
"""Seconds that what is under way has to end when the server ends: less than the ten that Docker gives."""


class Runs:
    """The runs of one server.

    Args:
        store: Gives where they are kept; None: nowhere.
        grace: Seconds for what is under way when the server ends.
    """

    def __init__(self, store: Callable[[], RunStore] | None, *, grace: float = GRACE) -> None:
        self._store = store
        self._grace = grace
        self._under_way: dict[asyncio.Task[None], HeldPlan] = {}

    async def carry_out(self, held: HeldPlan, fleet: Fleet, tell: Tell) -> None:
        """Apply a plan, and tell how far that is. Cancelled, the run begins nothing new, and what is under way ends.

        Raises:
            CvmError: Its journal cannot be made; nothing was done.
        """
        held.stage = Stage.APPLYING
        try:
            journal = self._journal(held)
        except CvmError as error:
            _end(held, f"nothing was done: {told(str(error), SENTENCE)}")
            raise
        news = News(tell)

        def note(progress: Progress) -> None:
            held.progress = progress
            news(progress)

        task = asyncio.create_task(_run(held, fleet, journal, note))
        self._under_way[task] = held
        task.add_done_callback(self._over)
        try:
            await news.follow(task)
        except asyncio.CancelledError:
            held.control.stop("its client cancelled the request, or went away")
            raise

    async def wind_down(self) -> None:
        """Begin nothing new, and wait for what is under way; what takes too long is cut off, and its report says so."""
        for held in self._under_way.values():
            held.control.stop("the server ended")
        try:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=self._grace)
        finally:
            left = tuple(self._under_way)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _over(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if not task.cancelled():
            # Where nobody waits any more, asyncio would complain that nobody asked; the plan knows what it was.
            task.exception()

    def _journal(self, held: HeldPlan) -> RunJournal | None:
        """Give what keeps the run, where it is about several VPSes, as on the command line.

        Raises:
            ConfigurationError: There is no place to keep it in.
        """
        count = len(held.plan.to_do)
        if self._store is None or count <= 1:
            return None
        journal = self._store().new(f"{held.plan.verb} of {some_vpses(count)}, for an assistant")
        held.run_id = journal.id
        return journal


async def _run(
    held: HeldPlan, fleet: Fleet, journal: RunJournal | None, progress: Callable[[Progress], object]
) -> None:
    why = ""
    try:
        held.report = await held.plan.apply(
            fleet=fleet,
            rollout=held.rollout,
            wait=held.wait,
            whole=True,
            progress=progress,
            control=held.control,
            journal=journal,
        )
    except CvmError as error:
        why = f"nothing was done: {told(str(error), SENTENCE)}"
        raise
    except asyncio.CancelledError as error:
        held.report = partial_report(error)
        why = "it was cut off as the server ended"
        raise
    finally:
        _end(held, why)


def _end(held: HeldPlan, why: str) -> None:
    held.stage, held.why = Stage.OVER, why
