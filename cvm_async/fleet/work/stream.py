"""Outcomes as they come: a run in a task of its own, that ends with the block that reads it."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import frozen

from cvm_async.fleet.outcome import AnyOutcome, Outcome
from cvm_async.models import Problem

T = TypeVar("T")

BUFFER = 32
"""Outcomes that may lie ready: enough that workers do not wait for a consumer that keeps up, and no more."""

Start = Callable[[Callable[[int, Outcome[T]], Awaitable[None]]], Callable[[], Awaitable[None]]]


@frozen
class _Flow(Generic[T]):
    """What there is while the stream is open."""

    task: asyncio.Task[None]
    into: MemoryObjectSendStream[Outcome[T]]
    out: MemoryObjectReceiveStream[Outcome[T]]


class OutcomeStream(Generic[T]):
    """An async context manager around the outcomes of a run; the outcomes are an async iterator.

    A consumer that falls behind makes the workers wait. Leaving the block, early or not, ends the run: nothing is left
    at work behind it. It is used once.
    """

    def __init__(self, start: Start[T], problems: tuple[Problem, ...] = ()) -> None:
        self.problems = problems
        """What could not be read when the fleet was listed; VPSes that the run knows nothing of."""
        self._start = start
        self._flow: _Flow[T] | None = None
        self._given = 0

    def __repr__(self) -> str:
        if self._flow is None:
            return "<OutcomeStream: not begun>"
        return f"<OutcomeStream: {'ended' if self._flow.task.done() else 'at work'}, outcomes given: {self._given:,}>"

    async def __aenter__(self) -> Self:
        if self._flow is not None:
            msg = "a stream of outcomes is used once"
            raise RuntimeError(msg)
        into, out = anyio.create_memory_object_stream[Outcome[T]](BUFFER)
        self._flow = _Flow(asyncio.create_task(self._produce(into)), into, out)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        flow = self._entered()
        flow.task.cancel()
        try:
            await asyncio.wait([flow.task])
        finally:
            # Not before: a worker that found nobody at the other end would fail of it. And both ends, since a task that
            # was cancelled before it began has closed nothing.
            flow.into.close()
            flow.out.close()
        failure = None if flow.task.cancelled() else flow.task.exception()
        if failure is not None and error is None:
            raise failure

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "AnyOutcome[T]":
        try:
            outcome = await self._entered().out.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            raise StopAsyncIteration from None
        self._given += 1
        # Made, an outcome is one or the other.
        return cast("AnyOutcome[T]", outcome)

    def _entered(self) -> _Flow[T]:
        if self._flow is None:
            msg = "a stream of outcomes is read inside `async with`"
            raise RuntimeError(msg)
        return self._flow

    async def _produce(self, into: MemoryObjectSendStream[Outcome[T]]) -> None:
        async def emit(_index: int, outcome: Outcome[T]) -> None:
            await into.send(outcome)

        with into:
            await self._start(emit)()
