"""A run's outcomes gathered to a report: whole, or as far as it came where it is cut off. Nothing done is forgotten."""

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from attrs import define, field

from cvm_async._account.account import loop_time
from cvm_async._checks import check_plain
from cvm_async.fleet.members import Members
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.fleet.work.run import Emit

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)

logger: logging.Logger = logging.getLogger("cvm_async")

OnProgress = Callable[[Progress], object]


class Work(Protocol[T_co]):
    """Gives an outcome for each VPS, while it is awaited."""

    async def __call__(self) -> None:
        """Do it."""
        ...

    def stop(self, reason: str) -> None:
        """Begin nothing any more."""
        ...

    def unfinished(self) -> Iterator[tuple[int, Outcome[T_co]]]:
        """Give what is to be said of those without an outcome, once it was cut off."""
        ...


@define(eq=False)
class Telling:
    """Tells a caller of each outcome; what the caller's function raises does not end the run.

    Attributes:
        progress: The caller's function; None: nobody is told.
        ending: What it raised to end the program, such as a `KeyboardInterrupt`.
    """

    progress: OnProgress | None
    ending: BaseException | None = field(init=False, default=None)
    _done: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        if self.progress is not None:
            check_plain("progress", self.progress)

    def tell(self, outcome: Outcome[object], total: int) -> None:
        """Tell of one more outcome of so many."""
        self._done += 1
        if self.progress is None:
            return
        try:
            answer = self.progress(Progress(self._done, total, outcome))
        except BaseException as error:
            self.progress = None
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                self.ending = error
            else:
                logger.exception("the progress callback failed and is not called again; the run goes on")
        else:
            if inspect.iscoroutine(answer):
                answer.close()
                self.progress = None
                logger.error("the progress callback must be a plain function: it is not called again; the run goes on")


@define(eq=False)
class Gathering(Generic[T, R]):
    """Gathers the outcomes of one run over these members.

    Attributes:
        members: In the report's order.
        progress: Told of each outcome.
        report: Makes the report of the outcomes and the seconds that they took, also where the run was cut off.
    """

    members: Members
    progress: OnProgress | None
    report: Callable[[tuple[Outcome[T], ...], float], R]
    _outcomes: list[Outcome[T] | None] = field(init=False)
    _began: float = field(init=False, factory=loop_time)
    _telling: Telling = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._outcomes = [None] * len(self.members)
        self._telling = Telling(self.progress)

    async def of(self, start: Callable[[Emit[T]], Work[T]]) -> R:
        """Do the work and give its report.

        Cancelled, the cancellation has what is there as its `report`. So has a `KeyboardInterrupt` or `SystemExit`
        of the progress callback's: nothing begins any more, what is under way ends, and then it is raised.
        """

        async def keep(index: int, outcome: Outcome[T]) -> None:
            self._outcomes[index] = outcome
            self._telling.tell(outcome, len(self.members))
            ending = self._telling.ending
            if ending is not None:
                work.stop(f"the progress callback raised {type(ending).__name__}")

        work = start(keep)
        try:
            await work()
        except asyncio.CancelledError as error:
            for index, outcome in work.unfinished():
                self._outcomes[index] = outcome
            attach_report(error, self._finished())
            raise
        report = self._finished()
        if self._telling.ending is not None:
            attach_report(self._telling.ending, report)
            raise self._telling.ending
        return report

    def _finished(self) -> R:
        whole = tuple(outcome for outcome in self._outcomes if outcome is not None)
        return self.report(whole, loop_time() - self._began)


def attach_report(error: BaseException, report: object) -> None:
    """Give an error that ends a run what was there of its report; see `partial_report`."""
    vars(error)["report"] = report
