"""What a contender is asked to do, as a value that crosses to its process as JSON, and where its answers go."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Any, Literal, TypeAlias

from attrs import define, field, frozen

TOKENS = {"API-Public-Token": "simulated-public-token", "API-Private-Token": "simulated-private-token"}
"""What the simulated panel lets in by default; the other servers let everybody in."""


@frozen(kw_only=True)
class Scenario:
    """How to poll.

    Attributes:
        base: The panel's address.
        width: Calls in flight; "adaptive" only for sessions.
        per_node: Calls in flight on one node, for sessions; None: as many as `width`.
        timeout: Seconds to wait for an answer; httpx's default, unless a workload says otherwise.
        haste: How many times faster than on a real panel all happens: a session takes its own times so much shorter.
        ca: The file with the authority that signed the server's certificate.
    """

    base: str
    width: int | Literal["adaptive"]
    per_node: int | None = None
    timeout: float = 5.0
    haste: float = 1.0
    ca: str | None = None

    @property
    def places(self) -> int:
        """Calls that can be in flight at most."""
        return self.width if isinstance(self.width, int) else 256


@frozen(kw_only=True)
class Job:
    """One run of one contender.

    Attributes:
        contender: Its key.
        setting: How.
        count: VPSes, numbered from 1.
        seconds: When to stop at the latest.
        warm_up: Calls before the clock starts, on the same connections.
        ignore: VPSes that need not answer: the run is over when all others have.
        loop: The event loop.
    """

    contender: str
    setting: Scenario
    count: int
    seconds: float
    warm_up: int = 0
    ignore: tuple[int, ...] = ()
    loop: Literal["asyncio", "uvloop"] = "asyncio"

    @classmethod
    def of_json(cls, said: dict[str, Any]) -> "Job":
        """Give the job again. By hand, as cattrs would be in the memory of contenders that have no use for it."""
        parts: dict[str, Any] = {**said, "setting": Scenario(**said["setting"]), "ignore": tuple(said["ignore"])}
        return cls(**parts)


@frozen(kw_only=True)
class Run:
    """What came of it.

    Attributes:
        answered: VPSes whose status was read.
        failed: Failures by the error's name.
        seconds: Until the end.
        cpu_seconds: Of the client's process.
        peak_bytes: The most memory that the process had.
        finished: Whether it ended before its time was up.
        others_in: Seconds until all but those to ignore were in; None: they never were.
    """

    answered: int
    failed: dict[str, int]
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    finished: bool
    others_in: float | None

    @property
    def rate(self) -> float:
        """Calls answered a second."""
        return self.answered / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds for each call that was answered; infinite if none was."""
        return self.cpu_seconds * 1000 / self.answered if self.answered else float("inf")


@define
class Tally:
    """Keeps what is answered, as a caller would."""

    answers: list[object] = field(init=False, factory=list[object])
    failures: Counter[str] = field(init=False, factory=Counter[str])
    others_in_at: float | None = field(init=False, default=None)
    done: asyncio.Event = field(init=False, factory=asyncio.Event)
    _missing: set[int] = field(init=False, factory=set[int])

    def begin(self, wanted: Collection[int]) -> None:
        """Forget what came before: a warm-up, or another poll."""
        self.answers.clear()
        self.failures.clear()
        self.others_in_at = None
        self._missing = set(wanted)

    @property
    def missing(self) -> int:
        """How many of those that were wanted have not been read."""
        return len(self._missing)

    def answered(self, vps_id: int, status: object) -> None:
        """Take a status that was read."""
        self.answers.append(status)
        if self._missing:
            self._missing.discard(vps_id)
            if not self._missing:
                self.others_in_at = perf_counter()
                self.done.set()

    def failed(self, error: BaseException) -> None:
        """Count a failure."""
        self.failures[type(error).__name__] += 1


Poll: TypeAlias = Callable[[Sequence[int]], Awaitable[None]]
"""Reads the status of these VPSes."""
Contend: TypeAlias = Callable[[Scenario, Tally], AbstractAsyncContextManager[Poll]]
"""Opens what a contender needs: afterwards it can poll, also several times."""


def status_url(base: str, vps_id: int) -> str:
    """Tell where a VPS's status is."""
    return f"{base}/api/client/vps/{vps_id}/status"
