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
    _refused_at: float = field(init=False, default=math.inf)
    _set: float = field(init=False, default=-math.inf)
    _cut: float = field(init=False, default=-math.inf)
    _accepted: int = field(init=False, default=0)
    _since_cut: int = field(init=False, default=0)
    _near: float = field(init=False, default=NEAR)
    _calm: float = field(init=False, default=CALM)

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
            self._set_rate(self._next_rate(now), now)

    def refused(self, began: float, now: float, wait: float | None) -> None:
        """Learn that a call that began then was refused, and is asked to `wait` so many seconds.

        All that were under way when the rate was last cut count as one with that which cut it.
        """
        pause = 0.0 if wait is None else min(wait, LONGEST_PAUSE)
        self.next_start = max(self.next_start, now + pause)
        if began < self._cut:
            return
        first = math.isinf(self._cut)
        self._cut = now
        if not first:
            tried_more = self.rate > self._refused_at
            self._calm = min(self._calm * 2, LONGEST_CALM) if tried_more else self._calm
            self._refused_at = self.rate
            self._near = FALL if pause >= COSTLY else NEAR
            self._set_rate(self.rate * (FALL if self._since_cut else PLUNGE), now)
        else:
            self._set_rate(self.rate, now)
        self._since_cut = 0
        self.next_start = max(self.next_start, now + 1 / self.rate)

    def is_forgotten(self, now: float) -> bool:
        return self.rate >= FASTEST or now - self._cut > FORGET

    def _next_rate(self, now: float) -> float:
        if math.isinf(self._refused_at):
            return self.rate * RISE
        near = self._refused_at * self._near
        if self.rate < near:
            return min(self.rate * CREEP, near)
        return self.rate * TRY if now - self._cut > self._calm else self.rate

    def _set_rate(self, rate: float, now: float) -> None:
        self.rate = max(rate, SLOWEST)
        self._set = now
        self._accepted = 0
