"""What a session knows of one host node: how many calls it has in flight there, and whether fleets leave it alone.

A breaker learns from verdicts alone. Its three states are those of Nygard's "Release It!".
"""

from enum import Enum, auto

from attrs import define, frozen

from cvm_async.settings import Breaker


class Verdict(Enum):
    """What a finished call says about the node it was for, or about the panel in front of it."""

    ANSWERED = auto()
    """The node did its part: it is alive."""
    NEUTRAL = auto()
    """Says nothing of the node: a 4xx, a failure of the VPS itself, a call that was cancelled or never sent."""
    NODE_FAILED = auto()
    """The node could not be reached, or nothing came in time."""
    OVERLOADED = auto()
    """The panel, or the proxy in front of it, had no room: 429, 502, 504."""


class NodeState(Enum):
    """Whether fleets call a node: closed as in a circuit, the current flows."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@frozen
class NodeReport:
    """What a session knows of one host node.

    Attributes:
        node: The panel's name for it, as in `Vps.node`.
        state: Closed: in use. Open: left alone by fleets. Half-open: the next call is a probe.
        in_flight: Calls about its VPSes under way.
        failures: Consecutive failures up to now.
    """

    node: int
    state: NodeState
    in_flight: int
    failures: int


@define
class Node:
    """One host node's count and breaker."""

    in_flight: int = 0
    failures: int = 0
    opened_at: float | None = None

    def state(self, breaker: Breaker | None, now: float) -> NodeState:
        if self.opened_at is None or breaker is None:
            return NodeState.CLOSED
        return NodeState.OPEN if now < self.opened_at + breaker.cool_down else NodeState.HALF_OPEN

    def learn(self, verdict: Verdict, breaker: Breaker | None, now: float) -> None:
        if verdict is Verdict.ANSWERED:
            self.failures = 0
            self.opened_at = None
        elif verdict is Verdict.NODE_FAILED:
            self.failures += 1
            # A call from before the opening that fails late is old news: it must not prolong the cool-down.
            if (
                breaker is not None
                and self.failures >= breaker.failures
                and self.state(breaker, now) is not NodeState.OPEN
            ):
                self.opened_at = now
