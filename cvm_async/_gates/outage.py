"""Whether the panel as a whole is there: a breaker of its own, so that no host node is blamed for it.

A panel that takes no connection, or on which every call stays without an answer, is asked by one call at a time; all
others are told at once, and none of its nodes is opened.
"""

import math

from attrs import define, field

from cvm_async._gates.breaker import Circuit, NodeState
from cvm_async.settings import Breaker


@define(eq=False)
class Outage:
    """What a session knows of its panel as a whole.

    Attributes:
        policy: When the panel counts as gone.
        circuit: Its breaker: it counts calls in a row that found no panel, or no answer from anywhere.
        latest: When the latest call began that the panel answered, whatever it said.
        failed_at: When a call failed last.
        reason: What the last failure was.
    """

    policy: Breaker | None
    circuit: Circuit = field(init=False)
    latest: float = -math.inf
    failed_at: float = -math.inf
    reason: str = ""
    _probe: float | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.circuit = Circuit(self.policy)

    @property
    def is_over(self) -> bool:
        """Whether all is well, as far as is known."""
        return self.circuit.is_closed

    @property
    def is_clear(self) -> bool:
        """Whether nothing has failed since the last answer."""
        return not self.circuit.failures

    def refuses(self, now: float) -> bool:
        """Tell whether a fleet's call is of no use now."""
        return self.circuit.state(now) is NodeState.OPEN

    @property
    def may_probe(self) -> bool:
        """Whether no call is under way that will show whether the panel is back."""
        return self._probe is None

    def began(self, began: float) -> None:
        if not self.is_over and self._probe is None:
            self._probe = began

    def ended(self, began: float) -> None:
        if self._probe == began:
            self._probe = None

    def answered(self, began: float) -> None:
        self.latest = max(self.latest, began)
        self._probe = None
        self.circuit.close()

    def fail(self, now: float, reason: str) -> bool:
        """Count a call that found no panel; tell whether that was enough to give it up."""
        self.reason, self.failed_at = reason, now
        return self.circuit.fail(now)
