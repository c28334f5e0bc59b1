"""What a finished call says of the host node it was for and of the panel: all that the gates learn from."""

from enum import Enum, auto

from attrs import frozen


class Verdict(Enum):
    """One word for how a call ended. The exchange gives it, the gates draw the conclusion."""

    ANSWERED = auto()
    """The node did its part: it is alive."""
    PANEL_ANSWERED = auto()
    """The panel answered, and its answer says nothing of the node: a list, a 4xx, a failure of the VPS itself."""
    NEUTRAL = auto()
    """Nothing is known: it was never sent, or what came was not the panel's."""
    NODE_FAILED = auto()
    """The panel says that it cannot reach the node."""
    BROKE = auto()
    """PHP broke over it: an empty 500, a page with a fatal error. So a status ends whose node cannot be reached."""
    TIMED_OUT = auto()
    """It was sent, and nothing came in time. The panel may still be working on it."""
    ABANDONED = auto()
    """It was sent and given up: cancelled, cut off, or late through our own fault. The panel may still be at it."""
    NOT_CONNECTED = auto()
    """No connection to the panel could be opened."""
    RATE_LIMITED = auto()
    """There were too many calls: 429, or a 503 that is not the panel's own."""
    OVERLOADED = auto()
    """The panel, or the proxy in front of it, had no room: 502, 504 and their like."""


LIST = 0
"""Stands for all VPSes, where a call is about no single one: none has this id."""


@frozen(eq=False)
class Flight:
    """A call that is over for us, as the gates saw it.

    Attributes:
        node: The host node it was for.
        vps: The VPS whose status it asked for, or `LIST`; None for anything else.
        began: When it was let in: no two calls of a session began at one time, and the panel takes them in this order.
        ended: When it was given up.
        verdict: How it ended.
    """

    node: int | None
    vps: int | None
    began: float
    ended: float
    verdict: Verdict

    @property
    def acts(self) -> bool:
        """Whether it was to do something, rather than to read."""
        return self.vps is None

    @property
    def seconds(self) -> float:
        return self.ended - self.began
