"""How fast calls may begin on a panel that has refused some for their rate: found out from what it takes and refuses.

A limit on the rate stands in a proxy in front of the panel, is told to nobody, and is shared by all that a session
does: so it is the session that slows down, and not each call for itself. The rate doubles with each round of accepted
calls until one is refused, goes back to the last good one, and comes close to the refused one by halves: nginx's
`limit_req` takes nothing of a refused call off the allowance, so that what is asked in vain costs a turn and no more.
Where all is refused for a while, a window of the limit's is used up: it is asked ever more rarely until the next one,
and what was let through from window to window is the rate. All of it exists only after a refusal, and is forgotten some
minutes after the last one.
"""

import math

from attrs import define, field

FIRST_RATE = 16.0
"""Calls a second after the first refusal; whether that is too slow or too fast is known after three calls."""
ROUND = 2
"""Accepted calls, begun since the rate was set, that make it a good one."""
RISE = 2.0
"""Its growth with each round, until the first refusal at a pace."""
FALL = 0.8
"""What a refusal leaves of a rate that had been good."""
EASE = 0.92
"""The same where a refusal costs a turn only: one that came a little early may have been refused for that."""
PLUNGE = 0.5
"""The same where none has been good yet: the rate is far off."""
NEAR = 0.95
"""How near to the refused rate it goes again where a refusal costs a turn only; where it costs a pause, `FALL`."""
CLOSE = 1.01
"""It is not worth a step where there is less between two rates."""
AT_ONCE = 1.0
"""Seconds, and the least that `Retry-After` can say: such a wish is heeded by the call that was refused, and what the
others do is a matter of the rate."""
USED_UP = 4.0
"""Turns in which all is refused, from which on a window is used up: at a rate that is too high it is every second."""
BEYOND = 1.1
"""How far beyond what windows let through it tries to go: they may have let through more."""
PATIENCE = 0.125
"""Of the time for which it has been used up: until it is asked again."""
LONGEST_TURN = 4.0
"""Seconds that this grows to."""
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
    _bound: float = field(init=False, default=math.inf)
    """What it comes close to: a little below the rate that was refused last."""
    _set: float = field(init=False, default=-math.inf)
    _cut: float = field(init=False, default=-math.inf)
    _refused: float = field(init=False, default=-math.inf)
    _closed: float = field(init=False, default=math.inf)
    """Since when all is refused, as far as is known; infinity where the last call was accepted."""
    _accepted: int = field(init=False, default=0)
    _window: float = field(init=False, default=math.nan)
    """When a window began, as far as is known."""
    _let_through: int = field(init=False, default=0)
    """Calls since then."""
    _unused: float = field(init=False, default=0.0)
    """Seconds since then in which no call was tried though one might have been, or in which none should be."""
    _costly: bool = field(init=False, default=False)
    """Whether the last refusal asked for a pause."""
    _is_news: bool = field(init=False, default=False)
    """Whether nothing was learned from it yet."""
    _calm: float = field(init=False, default=CALM)
    _trying: bool = field(init=False, default=False)

    def started(self, now: float) -> None:
        """Space the next call from one that begins now."""
        self._unused += max(0.0, now - self.next_start)
        self.next_start = max(self.next_start, now + 1 / self.rate)

    def accepted(self, began: float, now: float) -> None:
        """Learn that a call that began then was not refused."""
        if began > self._closed + 0.5 / self.rate:
            self._reopen(began, now)
        self._let_through += began >= self._window
        if began < self._set:
            return
        self._accepted += 1
        if self._accepted >= ROUND:
            self._accepted = 0
            self._good = self.rate
            self._rise(now)

    def refused(self, began: float, now: float, wait: float | None) -> None:
        """Learn that a call that began then was refused, and is asked to `wait` so many seconds.

        All that were under way when the rate was last cut count as one with that which cut it.
        """
        pause = 0.0 if wait is None or wait <= AT_ONCE else min(wait, LONGEST_PAUSE)
        self._unused += max(0.0, now + pause - max(now, self.next_start)) if pause else 0.0
        self.next_start = max(self.next_start, now + pause)
        if began < self._cut:
            return
        was_open, is_first = math.isinf(self._closed), math.isinf(self._refused)
        self._closed = min(self._closed, now)
        self._refused, self._costly = now, pause > 0
        # The first one was at no rate of this one's.
        self._is_news = began >= self._set and not is_first
        self._accepted = 0
        if is_first:
            self._set = now + 0.5 / self.rate
        elif was_open:
            self._fall(now)
        turn = max(1 / self.rate, min(PATIENCE * (now - self._closed), LONGEST_TURN))
        self.next_start = max(self.next_start, now + turn)
        # Whoever begins after this does so no earlier than that, but for what a timer may be early.
        self._cut = now + 0.5 / self.rate

    def is_forgotten(self, now: float) -> bool:
        return self.rate >= FASTEST or now - self._refused > FORGET

    def _reopen(self, began: float, now: float) -> None:
        """Learn what a window lets through, where one was used up until this call."""
        closed, self._closed = began - self._closed, self._refused if self._refused > began else math.inf
        if closed <= USED_UP / self.rate:
            # What answers late may have been accepted between two that were refused at this rate.
            self._fall(now)
            return
        seconds = began - self._window - self._unused
        if math.isnan(seconds):
            self._bound = math.inf
        elif self._let_through < ROUND or seconds <= 0:
            return
        else:
            self._good = min(self._let_through / seconds, max(self._good, self.rate))
            self._bound = self._good * BEYOND
            self._set_rate(self._good, now)
        self._window = began
        self._let_through = 0
        self._unused = 0.0

    def _rise(self, now: float) -> None:
        if math.isinf(self._bound):
            self._set_rate(self.rate * RISE, now)
        elif self.rate * CLOSE < self._bound:
            self._set_rate(math.sqrt(self.rate * self._bound), now)
        elif self._trying or now - self._set > self._calm:
            self._trying = True
            self._set_rate(self.rate * TRY, now)

    def _fall(self, now: float) -> None:
        """Go slower, once for each refusal at this rate."""
        if not self._is_news:
            return
        self._bound = self.rate * (FALL if self._costly else NEAR)
        if self._trying:
            self._calm = min(self._calm * 2, LONGEST_CALM)
            self._trying = False
        if self.rate > self._good:
            rate = self._good or self.rate * PLUNGE
        else:
            rate = self._good = self.rate * (FALL if self._costly else EASE)
        self._set_rate(min(rate, self._bound), now)

    def _set_rate(self, rate: float, now: float) -> None:
        if rate < self.rate:
            self.next_start = max(self.next_start, now + 1 / rate)
        self.rate = max(rate, SLOWEST)
        self._set = now
        self._accepted = 0
        self._is_news = False
