"""When something counts as dead and is left alone, and when it is tried again: the policy of all breakers stands here.

The three states are those of Nygard's "Release It!". A probe that fails makes the next one come later, with jitter, so
that sessions that opened at one moment do not all probe at one moment; one good answer closes at once.
"""

import random
from enum import Enum

from attrs import define, field

from cvm_async.settings import Breaker

SPREAD = 0.2
"""The part of a cool-down that is left to chance: it is never longer than it is said to be."""


class NodeState(Enum):
    """Whether fleets call a node: closed as in a circuit, the current flows. `str` of it says it in plain words."""

    CLOSED = "closed"
    """In use."""
    OPEN = "open"
    """Left alone by fleets, as it failed too often."""
    HALF_OPEN = "half-open"
    """Left alone so far; the next call is a probe, which decides."""

    def __str__(self) -> str:
        return _PLAINLY[self]


_PLAINLY = {NodeState.CLOSED: "in use", NodeState.OPEN: "left alone", NodeState.HALF_OPEN: "about to be probed"}


@define
class Circuit:
    """A breaker's memory of one node, or of the panel as a whole.

    Attributes:
        policy: When it opens, and for how long; None: never.
        failures: Consecutive failures up to now.
    """

    policy: Breaker | None
    failures: int = 0
    _until: float | None = field(init=False, default=None)
    _openings: int = field(init=False, default=0)

    @property
    def is_closed(self) -> bool:
        return self._until is None

    def state(self, now: float) -> NodeState:
        if self._until is None:
            return NodeState.CLOSED
        return NodeState.OPEN if now < self._until else NodeState.HALF_OPEN

    def opens_in(self, now: float) -> float | None:
        """Give seconds until the next probe; 0 where it may go now, None where none is needed."""
        return None if self._until is None else max(0.0, self._until - now)

    def close(self) -> None:
        self.failures = self._openings = 0
        self._until = None

    def fail(self, now: float) -> bool:
        """Count a failure, and tell whether it opened the circuit.

        A call from before the opening that fails late is old news: it does not prolong the cool-down.
        """
        self.failures += 1
        if self.policy is None or self.failures < self.policy.failures or self.state(now) is NodeState.OPEN:
            return False
        self._until = now + self._cool_down(self.policy)
        self._openings += 1
        return True

    def _cool_down(self, policy: Breaker) -> float:
        longest = max(policy.cool_down, policy.max_cool_down)
        seconds = min(policy.cool_down * 2.0 ** min(self._openings, 32), longest)
        return seconds * (1 - SPREAD * random.random())  # noqa: S311 - it keeps clients apart, and no secret
