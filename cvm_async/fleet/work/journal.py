"""What a run tells a journal, so that another process could take the run up: each step before it matters.

A journal is written ahead: an action's intent is durable before its POST leaves. So a journal may refuse, and then
nothing is sent.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
from attrs import field, frozen

from cvm_async._api.verbs import Verb
from cvm_async._checks import refuse
from cvm_async.fleet.members import Members
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.rollout import Rollout
from cvm_async.models import PowerState


@frozen(kw_only=True)
class Intent:
    """What a run is about to do.

    Attributes:
        verb: Start, stop or restart.
        members: To which VPSes, in order.
        rollout: How it goes over them.
        wait: Whether a VPS is done only when its status shows the new state.
        timeout: Seconds to wait for that, for each VPS; None: no limit.
        interval: Seconds between two readings of a status.
        confirm: Readings in a row that have to show the state.
        seen: The states that a plan saw, by the panel's address and the VPS's id; empty without a plan.
    """

    verb: Verb
    members: Members = field(repr=False)
    rollout: Rollout
    wait: bool
    timeout: float | None
    interval: float
    confirm: int = 1
    seen: Mapping[tuple[str, int], PowerState] = field(factory=dict[tuple[str, int], PowerState], repr=False)


class Notes(Protocol):
    """Keeps what becomes of a run's VPSes, each by its place in the run's order."""

    async def sending(self, place: int) -> None:
        """Keep that an action is about to leave; when this returns, that is durable.

        Raises:
            CvmError: It could not be kept; the action must not leave.
        """
        ...

    def answered(self, place: int) -> None:
        """Keep that the panel says it is done; nobody waits until that is durable."""
        ...

    def ended(self, place: int, outcome: Outcome[object]) -> None:
        """Keep what came of it; nobody waits until that is durable.

        Raises:
            CvmError: Something before it could not be kept; nothing new should begin.
        """
        ...


class Journal(Notes, Protocol):
    """Keeps a run whole."""

    async def begin(self, intent: Intent) -> None:
        """Keep what is about to be done.

        Raises:
            CvmError: It could not be kept; nothing may begin.
        """
        ...

    async def close(self, ending: str) -> None:
        """Keep how the run was left. Nothing comes after it."""
        ...


def check_journal(journal: Journal | None) -> None:
    """Refuse what is no journal.

    Raises:
        ConfigurationError: It is none.
    """
    # Callers may be untyped.
    if journal is not None and not callable(getattr(journal, "begin", None)):
        refuse("journal", "a run of a RunStore", journal)


@asynccontextmanager
async def kept(journal: Journal | None, intent: Intent) -> AsyncGenerator[None]:
    """Keep a run in a journal, from its begin to however it is left; without one, do nothing.

    Raises:
        CvmError: The journal cannot be begun.
    """
    if journal is None:
        yield
        return
    check_journal(journal)
    await journal.begin(intent)
    ending = "cut off"
    try:
        yield
        ending = "finished"
    finally:
        # What is known must be there also where the run was cancelled.
        with anyio.CancelScope(shield=True):
            await journal.close(ending)
