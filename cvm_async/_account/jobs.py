"""A power action as something to hold: awaited like a coroutine, waited for a while, and found again by its VPS.

A chat wants an answer within three seconds, and a start takes up to sixty: so whoever asked must be able to come back.
Once it was sent, the panel goes on whether or not we listen, and who stops listening only loses what it says. So an
action whose job somebody keeps is not cut off with one of those who await it.
"""

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Callable, Coroutine, Generator, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from warnings import warn
from weakref import ref

from attrs import define, field

from cvm_async._api.verbs import Verb
from cvm_async._checks import check_seconds
from cvm_async._exchange.sending import Departure
from cvm_async._safe_text import safe_text
from cvm_async.errors import CvmError, NoAnswerError, NotSentError, own
from cvm_async.models import Vps

logger = logging.getLogger("cvm_async")

F = TypeVar("F", bound=Callable[..., object])

Perform = Callable[[Callable[[Departure], object]], Coroutine[object, object, None]]
"""Carries an action out, and hands on its departure once that is known."""


class JobState(StrEnum):
    """How far a job is."""

    NEW = "new"
    """Nobody has awaited it: nothing was sent."""
    WAITING = "waiting"
    """It waits for its turn, or for another action on the same VPS to end: nothing was sent."""
    SENT = "sent"
    """The panel has it, or may have it."""
    DONE = "done"
    """The panel says that it was carried out."""
    FAILED = "failed"
    """It ended otherwise; the job's `error` says how, and whether anything was done."""


@define(eq=False)
class _Work:
    """What all the jobs for one action share.

    Attributes:
        verb: Start, stop or restart.
        vps: Of which VPS, as the caller gave it.
        perform: Carries it out.
        jobs: Where it is listed while under way.
        job: The job that was given last, if somebody keeps it.
        task: Carries it out; None before anybody awaits it.
        departure: Whether it has left; None before that is known.
        since: When it was begun.
        waiting: How many await it.
        is_kept: Whether the session sees it through, whoever leaves.
        is_told: Whether its failure was raised somewhere: whoever comes next gets an error of its own.
    """

    verb: Verb
    vps: Vps | int
    perform: Perform
    jobs: "Jobs"
    job: "Callable[[], Job | None]" = field(default=lambda: None)
    task: asyncio.Task[None] | None = None
    departure: Departure | None = None
    since: datetime | None = None
    waiting: int = 0
    is_kept: bool = False
    is_told: bool = False

    @property
    def vps_id(self) -> int:
        return self.vps.id if isinstance(self.vps, Vps) else self.vps

    @property
    def name(self) -> str:
        """Give what is done to what, safe to print."""
        vps = self.vps
        return f"{self.verb} of {f'VPS {vps}' if isinstance(vps, int) else f'{safe_text(vps.hostname)} ({vps.id})'}"

    @property
    def was_sent(self) -> bool:
        return self.departure is not None and self.departure.sent

    def begin(self) -> asyncio.Task[None]:
        """Give the task that carries it out: one for all, but where it was withdrawn before it left."""
        if self.task is None or (self.task.cancelled() and not self.was_sent):
            self.departure, self.since = None, datetime.now(UTC)
            self.task = self.jobs.begin(self)
        return self.task

    def remember(self, job: "Callable[[], Job | None]") -> None:
        self.job = job

    def depart(self, departure: Departure) -> None:
        self.departure = departure

    async def outcome(self, is_held: Callable[[], bool]) -> None:
        """Wait for its end, and raise what it failed of.

        Cancelled, the last to leave ends it; unless it has left, and `is_held` says that somebody may ask again.
        """
        task = self.begin()
        self.waiting += 1
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            if self.waiting == 1 and not (self.is_kept or (self.was_sent and is_held())):
                task.cancel()
                await asyncio.wait([task])
            raise
        finally:
            self.waiting -= 1
        self._raise(task)

    async def ends(self, timeout: float | None) -> bool:
        task = self.begin()
        self.is_kept = True
        self.waiting += 1
        try:
            await asyncio.wait([task], timeout=timeout)
        finally:
            self.waiting -= 1
        return task.done()

    def drop(self) -> None:
        """End it where nobody can ask for its outcome any more. The garbage collector may call this in any thread."""
        task = self.task
        if task is not None and not (task.done() or self.waiting or self.is_kept):
            # A closed loop runs nothing any more.
            with contextlib.suppress(RuntimeError):
                task.get_loop().call_soon_threadsafe(task.cancel)

    def failure(self) -> BaseException | None:
        """Give what it failed of; None where it went well, or has not ended."""
        task = self.task
        if task is None or not task.done():
            return None
        if not task.cancelled():
            return task.exception()
        if not self.was_sent:
            return NotSentError(f"the {self.verb} was cut off before it was sent", vps_id=self.vps_id)
        msg = f"the {self.verb} was cut off while under way: whether it was carried out is unknown"
        return NoAnswerError(msg, vps_id=self.vps_id)

    def _raise(self, task: asyncio.Task[None]) -> None:
        failure, was_told = self.failure(), self.is_told
        self.is_told = True
        if was_told and isinstance(failure, CvmError):
            raise own(failure)
        if failure is not None:
            raise failure
        task.result()


class Job(Coroutine[Any, Any, None]):
    """A start, stop or restart of one VPS, as `CvmSession.start` and its like give it.

    ``await session.restart(1)`` carries it out, and gives None or raises. Kept in a variable, it can be awaited again
    and by several, and gives the same outcome each time; the request is sent once at most. Nothing is sent before
    somebody awaits it, or calls `wait`.

    Whoever awaits it may be cancelled, or time out. Where it has not left yet, it is then withdrawn; awaited again, it
    has its turn anew. Where it has left, it goes on as long as somebody keeps it (a variable is enough) or awaits it,
    too; then it is cut off, and the log says that its outcome is unknown. `wait` never ends it: the session keeps it.
    A task that was made of it, by `asyncio.create_task` or `gather`, owns it: its cancellation is the job's. On Python
    3.11 `asyncio.wait_for` makes such a task; `wait`, or `asyncio.shield` inside it, does not.
    """

    __slots__ = ("__weakref__", "_asked", "_driven", "_work")

    def __init__(self, work: _Work) -> None:
        self._work = work
        self._asked = False
        self._driven: dict[asyncio.Task[Any] | None, Coroutine[object, object, None]] = {}
        work.remember(ref(self))

    @property
    def verb(self) -> str:
        """What is done: "start", "stop" or "restart"."""
        return self._work.verb.value

    @property
    def vps(self) -> Vps | int:
        """Of which VPS, as it was given: the VPS or its id."""
        return self._work.vps

    @property
    def vps_id(self) -> int:
        """The VPS's id."""
        return self._work.vps_id

    @property
    def panel(self) -> str:
        """The name of the session that does it."""
        return self._work.jobs.panel

    @property
    def since(self) -> datetime | None:
        """When it was begun, in UTC; None before."""
        return self._work.since

    @property
    def state(self) -> JobState:
        """How far it is."""
        work = self._work
        if work.task is None:
            return JobState.NEW
        if work.task.done():
            return JobState.DONE if work.failure() is None else JobState.FAILED
        return JobState.SENT if work.was_sent else JobState.WAITING

    @property
    def error(self) -> CvmError | None:
        """What it failed of; None where it went well, or has not ended."""
        failure = self._work.failure()
        return failure if isinstance(failure, CvmError) else None

    def done(self) -> bool:
        """Tell whether it has ended, well or not."""
        return self.state in (JobState.DONE, JobState.FAILED)

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for its end, begin it if nobody has, and tell whether it has ended; what came of it `await` tells.

        Neither the end of the time nor a cancellation ends the job: the session sees it through, until it is closed.

        Args:
            timeout: Seconds to wait at most; None waits without a limit.

        Raises:
            ConfigurationError: The timeout is no such number.
        """
        if timeout is not None:
            check_seconds("timeout", timeout)
        self._asked = True
        return await self._work.ends(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        self._asked = True
        # In `await session.stop(1)` nobody keeps the job, and it is gone before the awaiting begins.
        kept = ref(self)
        return self._work.outcome(lambda: kept() is not None).__await__()

    def send(self, value: Any, /) -> Any:  # noqa: ANN401 - as a coroutine has it
        """Go on, for the task that was made of it."""
        return self._step(lambda driven: driven.send(value))

    def throw(self, *error: Any) -> Any:  # noqa: ANN401 - likewise
        """Raise an error in it, such as a cancellation of the task that was made of it."""
        return self._step(lambda driven: driven.throw(*error))

    def close(self) -> None:
        """Give it up where nothing was begun, without a warning."""
        self._asked = True
        for driven in self._driven.values():
            driven.close()
        self._driven.clear()

    def _step(self, step: Callable[[Coroutine[object, object, None]], object]) -> object:
        # Each task that was made of it, also by `gather` or `shield`, waits by itself.
        self._asked = True
        driver = asyncio.current_task()
        if driver not in self._driven:
            self._driven[driver] = self._work.outcome(lambda: False)
        try:
            return step(self._driven[driver])
        except BaseException:
            del self._driven[driver]
            raise

    # What the `repr` of a task calls it by.
    @property
    def __name__(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] - the instance's, not the class's
        return self._work.name

    def __str__(self) -> str:
        return f"{self._work.name}: {self.state}"

    def __repr__(self) -> str:
        return f"<Job: {self}>"

    def __del__(self) -> None:
        if self._asked or self._work.task is not None:
            self._work.drop()
        else:
            warn(f"{self!r} was never awaited: nothing was sent", RuntimeWarning, source=self, stacklevel=2)


class Jobs:
    """The jobs of one session that are under way."""

    def __init__(self, panel: str) -> None:
        self.panel = panel
        self._under_way: list[_Work] = []

    def __len__(self) -> int:
        return len(self._under_way)

    def __iter__(self) -> Iterator[Job]:
        """Give a job for each, those that were begun first before the others."""
        for work in tuple(self._under_way):
            yield work.job() or Job(work)

    def make(self, verb: Verb, vps: Vps | int, perform: Perform) -> Job:
        """Give a job that nobody has awaited."""
        return Job(_Work(verb, vps, perform, self))

    def begin(self, work: _Work) -> asyncio.Task[None]:
        task = asyncio.create_task(work.perform(work.depart))
        self._under_way.append(work)

        def ended(task: asyncio.Task[None]) -> None:
            self._under_way.remove(work)
            # Asked for in any case: asyncio would complain that nobody did.
            failure = None if task.cancelled() else task.exception()
            if failure is not None and not work.waiting:
                logger.warning("%s: the %s failed, and nobody waits for it: %s", self.panel, work.name, failure)

        task.add_done_callback(ended)
        return task

    async def aclose(self) -> None:
        """End those that nobody waits for."""
        loop = asyncio.get_running_loop()
        tasks = [work.task for work in self._under_way if work.task is not None and not work.waiting]
        ours = [task for task in tasks if task.get_loop() is loop]
        for task in ours:
            task.cancel()
        if ours:
            await asyncio.wait(ours)


def gives_job(method: F) -> F:
    """Mark a method as a coroutine function: schedulers, mocks and frameworks look before they call one."""
    # New in Python 3.12; before that there is but the mark that asyncio looks for.
    mark: Callable[[F], F] | None = getattr(inspect, "markcoroutinefunction", None)
    vars(method).update(_is_coroutine=getattr(asyncio.coroutines, "_is_coroutine", None))
    return method if mark is None else mark(method)
