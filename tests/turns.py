"""Whether long work lets others have their turn: how often it does, counted step by step or on the event loop."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import TypeVar

from attrs import define

T = TypeVar("T")


def run(steps: Generator[None, None, T]) -> tuple[T, int]:
    """Take all steps; give what comes of them, and how often others could have had their turn."""
    turns = 0
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value, turns
        turns += 1


@define
class Turns:
    """How many turns another task has had."""

    count: int = 0


@asynccontextmanager
async def others() -> AsyncGenerator[Turns]:
    """Count the turns that another task has while the block lasts."""
    turns = Turns()

    async def take() -> None:
        while True:
            await asyncio.sleep(0)
            turns.count += 1

    taking = asyncio.create_task(take())
    try:
        yield turns
    finally:
        taking.cancel()
