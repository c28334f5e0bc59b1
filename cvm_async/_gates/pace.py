"""How fast calls may begin on a panel that has refused some for their rate: found out from what it takes and refuses.

A limit on the rate stands in a proxy in front of the panel, is told to nobody, and is shared by all that a session
does: so it is the session that slows down, and not each call for itself. The rate rises by half with each round of
accepted calls until one is refused, falls then, and comes close to the refused rate again; nginx's `limit_req` takes
nothing of a refused call off the allowance, so that what is asked in vain costs a turn and no more. It exists only
after a refusal, and is forgotten some minutes after the last one.
"""

import math

from attrs import define, field

FIRST_RATE = 10.0
"""Calls a second after the first refusal; whether that is too slow or too fast is known after three calls."""
ROUND = 3
"""Accepted calls, begun since the rate was set, that make it a good one."""
RISE = 1.5
"""Its growth with each round, until the first refusal at a pace."""
CREEP = 1.1
"""Its growth after that, up to nearly the rate that was refused."""
FALL = 0.8
"""What a refusal leaves of it."""
PLUNGE = 0.5
"""The same where nothing was accepted since the last one: the rate is far off."""
NEAR = 0.95
"""How near to the refused rate it goes again where a refusal costs a turn only; where it costs a pause, `FALL`."""
COSTLY = 0.5
"""Seconds that a refusal asks to wait, from which it is one that costs."""
CALM = 5.0
"""Seconds without a refusal until it tries whether more is allowed now; twice as long after each vain try."""
LONGEST_CALM = 60.0
TRY = 1.05
"""How much more it tries then."""
SLOWEST = 0.1
FASTEST = 1000.0
"""Calls a second; beyond, there is nothing left to slow down."""
FORGET = 300.0
"""Seconds after the last refusal after which all of this is old."""
LONGEST_PAUSE = 3600.0
"""Seconds; who asks for more is asked again after these."""


@define(eq=False)
class Pace:
    """The rate at which a session's calls begin.

    Attributes:
        next_start: When the next one may.
        rate: Calls a second.
    """

    next_start: float = -math.inf
    rate: float = FIRST_RATE
    _good: float = field(init=False, default=0.0)
    _refused_at: float = field(init=False, default=math.inf)
    _near: float = field(init=False, default=math.inf)
    _set: float = field(init=False, default=-math.inf)
    _cut: float = field(init=False, default=-math.inf)
    _refused: float = field(init=False, default=-math.inf)
    _accepted: int = field(init=False, default=0)
    _since_cut: int = field(init=False, default=0)
    _calm: float = field(init=False, default=CALM)
    _trying: bool = field(init=False, default=False)

    def started(self, now: float) -> None:
        """Space the next call from one that begins now."""
        self.next_start = max(self.next_start, now + 1 / self.rate)

    def accepted(self, began: float, now: float) -> None:
        """Learn that a call that began then was not refused."""
        if began < self._set:
            return
        self._accepted += 1
        self._since_cut += 1
        if self._accepted >= ROUND:
            self._accepted = 0
            self._good = self.rate
            self._rise(now)

    def refused(self, began: float, now: float, wait: float | None) -> None:
        """Learn that a call that began then was refused, and is asked to `wait` so many seconds.

        All that were under way when the rate was last cut count as one with that which cut it.
        """
        pause = 0.0 if wait is None else min(wait, LONGEST_PAUSE)
        self.next_start = max(self.next_start, now + pause)
        if began < self._cut:
            return
        if math.isinf(self._refused):
            self._set = now
        else:
            self._fall(now, costly=pause >= COSTLY)
        self._refused = now
        self._accepted = self._since_cut = 0
        self.next_start = max(self.next_start, now + 1 / self.rate)
        # Whoever begins after this does so no earlier than that, but for what a timer may be early.
        self._cut = now + 0.5 / self.rate

    def is_forgotten(self, now: float) -> bool:
        return self.rate >= FASTEST or now - self._refused > FORGET

    def _rise(self, now: float) -> None:
        if math.isinf(self._refused_at):
            self._set_rate(self.rate * RISE, now)
        elif self.rate < self._near:
            self._set_rate(min(self.rate * CREEP, self._near), now)
        elif now - self._set > self._calm:
            self._trying = True
            self._set_rate(self.rate * TRY, now)

    def _fall(self, now: float, *, costly: bool) -> None:
        self._refused_at = self.rate
        self._near = self.rate * (FALL if costly else NEAR)
        if self._trying:
            self._calm = min(self._calm * 2, LONGEST_CALM)
            self._trying = False
        if self._since_cut >= ROUND:
            # It has held a rate since it last fell: back to that, if it is not far.
            rate = max(self.rate * FALL, min(self._good, self.rate * NEAR))
        else:
            rate = self.rate * (FALL if self._since_cut else PLUNGE)
        self._set_rate(rate, now)

    def _set_rate(self, rate: float, now: float) -> None:
        self.rate = max(rate, SLOWEST)
        self._set = now
        self._accepted = 0
