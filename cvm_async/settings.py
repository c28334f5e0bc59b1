"""How a session behaves, as frozen values: they are checked once, when made, and shared freely afterwards."""

from typing import Any, Literal, TypeAlias

from attrs import Attribute, field, frozen

from cvm_async._checks import count, is_count, one_of, refuse, seconds
from cvm_async.models import MEBIBYTE

Api: TypeAlias = Literal["auto", "2012", "2013"]
"""What may be said of the revision of a panel's API: the specification's is of 2012, the later one of 2013."""
AUTO = "auto"
APIS = (AUTO, "2012", "2013")

ADAPTIVE = "adaptive"
ADAPTIVE_CEILING = 256
"""Calls in flight beyond which nothing grows: a panel with more workers than that is not known to us."""


def _count_or_adaptive(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if value != ADAPTIVE and not is_count(value, 1):
        refuse(attribute.name, 'a whole number of at least 1, or "adaptive"', value)


@frozen(kw_only=True)
class Breaker:
    """When a host node counts as dead, and for how long fleets leave it alone."""

    failures: int = field(default=3, validator=count())
    """Consecutive failures that open the node: the panel says that it cannot reach it, breaks over it, or gives no
    answer in time, each while others are answered. As many calls in a row that find no panel, or no answer from any
    node, open the panel as a whole."""
    cool_down: float = field(default=30.0, validator=seconds())
    """Seconds until one probe may try again. Twice as long after each probe that fails; a fifth of it is left to
    chance, so that sessions that opened together do not probe together."""
    max_cool_down: float = field(default=90.0, validator=seconds())
    """Seconds that this grows to at most; where it is below `cool_down`, that does not grow."""


@frozen(kw_only=True)
class Limits:
    """How much a session may have under way at once, over all its callers."""

    max_concurrency: int | Literal["adaptive"] = field(default=16, validator=_count_or_adaptive)
    """Calls in flight on the panel. "adaptive": as many as fill its workers and queue none behind them, found out while
    working from how long status calls take, at most 256."""
    per_node: int = field(default=4, validator=count())
    """Calls in flight about VPSes on one host node. A node that has been silent for longer than its answers take gets
    two at most, and one more with each answer. Where there are other nodes, readings have an eighth of
    `max_concurrency` on each, or two, and up to `per_node` only where answers take as long with more in flight: a node
    that hangs keeps a worker of the panel for each."""
    breaker: Breaker | None = field(factory=Breaker, validator=one_of(Breaker, "a Breaker, or None"))
    """When fleets leave a dead node, or a panel that is not there, alone; None: never."""
    abandoned_for: float = field(default=180.0, validator=seconds())
    """Seconds for which a call that was sent and given up (a timeout, a cancellation, a connection that broke) counts
    as still in flight, from then on. PHP works on for a caller who has left, for three commands on the node of up to 60
    seconds each. Such calls hold their places on the node; a node on which they hold two without an answer since gets
    no more, from a fleet or a person, until one of them is over. Only a start, stop or restart that a person asks for
    goes all the same. A call that is cancelled sooner than answers usually come is taken to be over soon."""
    max_body: int = field(default=32 * MEBIBYTE, validator=count())
    """Bytes of one answer, after decompression; a longer one is refused while it is read."""

    @property
    def ceiling(self) -> int:
        """Calls that may ever be in flight."""
        return self.max_concurrency if isinstance(self.max_concurrency, int) else ADAPTIVE_CEILING


@frozen(kw_only=True)
class Timeouts:
    """How long a call may take, in seconds."""

    connect: float = field(default=5.0, validator=seconds())
    """Seconds to open a connection; TLS may take as long once more."""
    read: float = field(default=15.0, validator=seconds())
    """Seconds for the answer to a status; for a list, between two pieces of it, and ten times as long for all of it."""
    action: float = field(default=120.0, validator=seconds())
    """Seconds for the answer to a start, stop or restart: the panel answers when the node is done, which takes 5 to 60
    on a healthy one."""
    total: float | None = field(default=None, validator=seconds(optional=True))
    """Seconds for one call from beginning to end: its turn, its attempts and the pauses between them. None: no limit
    but the others."""


@frozen(kw_only=True)
class Retry:
    """How often a call is tried where trying again is safe and of use.

    A power action is tried again only where it provably was not sent. A status is not where the panel was silent for
    too long: PHP works on for a caller who has left, so that each try to a hung host node would take one more of the
    panel's workers, for minutes. A list is, and both are after a lost connection, an answer that cannot be read, too
    many calls (429), a lost node or a panel with no room (503), and a proxy's word that the panel did not answer it
    (502, 504, 520 to 530).
    """

    attempts: int = field(default=3, validator=count())
    """Tries in all, the first one included; 1 never repeats."""
    max_wait: float = field(default=30.0, validator=seconds())
    """Seconds that one pause may last at most. A panel that asks for more (`Retry-After`) is not asked again: the error
    comes out at once."""
