"""How many calls one host node may have now: few until it has answered, more as it does, and none that would be lost.

A node that hangs is found out by the calls that hang on it, so there must be few of them: two, until it has answered.
Each answer lets one more in, which doubles them with each round trip, as TCP's slow start does; a node that has been
silent for longer than its answers take begins anew. But a node may hang just after it has answered, and then all that
is in flight on it hangs. So calls that only read have, of what a node may have, the share that the panel can spare.
Calls that were given up hold their places.
"""

import math
from collections.abc import Iterator

from attrs import asdict, define, field, frozen

from cvm_async._gates.breaker import Circuit, NodeState

START = 2
"""Calls at a time on a node that has not answered yet, those that were given up included."""

QUIET = 2.0
"""So many times as long as its answers take may pass without one until it must answer anew: it may be lost."""

FADING = 0.5
"""What is left of the memory of a slow answer with each that was faster."""


@frozen(repr=False)
class NodeReport:
    """What a session knows of one host node."""

    node: int
    """The panel's name for it, as in `Vps.node`."""
    state: NodeState
    """Whether fleets call it: in use, left alone, or about to be probed."""
    in_flight: int
    """Calls about its VPSes under way."""
    failures: int
    """Consecutive failures up to now."""
    abandoned: int = 0
    """Calls that were given up and that the panel may still be working on; they hold their places."""
    retry_in: float = 0.0
    """Seconds until a fleet may call it again; 0 where it may now, but for the limits."""

    def to_dict(self) -> dict[str, object]:
        """Give the report as JSON takes it."""
        return {**asdict(self), "state": self.state.value}

    def __repr__(self) -> str:
        return f"<node {self.node}: {', '.join((str(self.state), *self._more()))}>"

    def _more(self) -> Iterator[str]:
        for name in ("in_flight", "failures", "abandoned"):
            if getattr(self, name):
                yield f"{name}={getattr(self, name)}"
        if self.retry_in:
            yield f"retry_in={self.retry_in:.1f}"


@define(eq=False)
class Node:
    """One host node's count, breaker and width; or those of all calls whose node is not known.

    Attributes:
        most: Calls that it may ever have in flight.
        share: Of these, calls that only read.
        circuit: Its breaker.
        is_known: Whether it is one node. Of those that are not, one may always go: another VPS is on another node.
        in_flight: Calls under way.
        width: Calls that fleets may have under way now; 0 where a closer look is needed. `reads`: calls that only
            read, likewise.
        latest: When the latest call began that it answered.
        heard: When it answered last.
        usual: Seconds that the slower ones of its latest answers took.
        unanswered: Calls given up in a row without an answer since.
        held: Calls given up that hold a place; `held_firmly`: those that only time ends.
        broke_since: When the first of the answers in a row began over which PHP broke; `broke`: how many those are.
    """

    most: int
    circuit: Circuit
    is_known: bool = True
    in_flight: int = 0
    share: int = field(init=False)
    width: int = field(init=False)
    reads: int = field(init=False)
    latest: float = -math.inf
    heard: float = -math.inf
    usual: float = 0.0
    unanswered: int = 0
    held: int = 0
    held_firmly: int = 0
    broke: int = 0
    broke_since: float = -math.inf
    is_sound: bool = True
    _grown: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._grown = min(START, self.most) if self.is_known else self.most
        self.share = self.most
        self.width = self.reads = self._grown

    def start_anew(self) -> None:
        """Let few in until it has answered again."""
        if self.is_known:
            self._grown = min(START, self.most)
            self.retune()

    def is_quiet(self, now: float) -> bool:
        """Tell whether it has not answered for so long that no more than a few should go."""
        return now - self.heard > QUIET * self.usual and self._grown > START and self.is_known

    def answered(self, began: float, now: float) -> None:
        """Learn that it did its part in a call that began then."""
        self.latest = max(self.latest, began)
        self.heard = now
        self.usual = max(now - began, FADING * self.usual)
        if self._grown < self.most or not self.is_sound:
            self._grown = min(self._grown + 1, self.most)
            self.unanswered = self.broke = 0
            self.circuit.close()
            self.retune()

    def limit(self, *, acts: bool = False) -> int:
        """Give how many calls may be under way now, whoever makes them; with `acts`, where it is no mere reading."""
        if not self.unanswered:
            most = self.most if acts else self.share
            return max(1, min(self._grown, most - self.held))
        # Where all that is held may be over by now, or may be on other nodes, one may see.
        least = 0 if self.is_known and self.held_firmly else 1
        return max(least, min(self.most, START - self.held))

    def retune(self) -> None:
        self.width = self.limit(acts=True) if self.circuit.is_closed else 0
        self.reads = min(self.limit(), self.width)
        self.is_sound = self.circuit.is_closed and not (
            self.held or self.unanswered or self.broke or self.circuit.failures
        )
