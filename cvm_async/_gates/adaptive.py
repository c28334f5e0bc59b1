"""Finds a panel's knee while working: how many calls in flight fill its workers, and queue none behind them.

Below the knee more calls in flight give more throughput at the same latency; above it they only wait. So latency
tells: the limit grows while answers take as long as on an idle panel, and shrinks in proportion as they take longer.
That is the gradient of Netflix's concurrency-limits (`GradientLimit`), which comes from TCP Vegas; the doubling at the
start, and again after an outage up to what was good before it, is TCP's slow start; the cut on a refusal is AIMD's; and
the now and then deliberately low limit, which shows again how fast an idle panel is, is BBR's ProbeRTT. Without it the
estimate of the idle latency would creep up with the queue that it allows.
"""

import math
from statistics import fmean

from attrs import define, field

TOLERANCE = 1.05
"""Latency beyond the idle one that counts as none: means scatter by some percent on an idle panel too."""
START_TOLERANCE = 1.2
START_DOUBT = 0.5
"""The same while the limit doubles, and this over the root of the window's answers: a mean of three may be far off."""
BACK_OFF = 0.7
"""What a refusal (429, 502, 504) leaves of the limit. AIMD's half is for a congestion that is shared with strangers."""
STEEPEST = 0.5
"""What one window of slow answers leaves of it at the least."""
HEADROOM = 1.0
"""Calls by which the limit grows a window at the least; TCP Vegas likewise goes by the limit's logarithm."""
ROUNDS = 2
SAMPLES = 20
START_SAMPLES = 3
"""A window's answers: so many rounds of the limit, and so many at the least. At the start one round does, and few
answers: each window is one more round trip on a way that is long already."""
PROBE_EVERY = 30
FIRST_PROBE = 1
"""Windows between two looks at the idle latency, and before the first: where the least limit is above the knee, the
panel has not been seen idle yet."""
PROBE_LEAST = 2.0
"""The limit during a look may be below the least one, for its one window."""
PROBE_AT = 0.5
"""The part of the limit that is in use during a look: safely below the knee, as the queue that is allowed is small."""
BLEND = 0.5
"""How far a look moves the idle latency towards what it saw, which may be chance."""
PLAINLY_LOWER = 0.75
"""Below this part of the idle latency, what a look saw is none: there was a queue all the time until then."""


@define
class AdaptiveLimit:
    """A limit on calls in flight that follows what their answers tell.

    It goes by windows of answers, all to calls sent since the window began, and by the mean of their latencies: by
    Little's law that is calls in flight over throughput, so it rises with the queue however the queue is spread.

    Attributes:
        least: Never below.
        most: Never above.
    """

    least: int = 1
    most: int = 256
    _size: float = field(init=False)
    _starting: bool = field(init=False, default=True)
    _good: float = field(init=False, default=0.0)
    """The limit of the last window that was in use and answered whole, or of the best since it began to double."""
    _cut_to: float = field(init=False, default=math.inf)
    _aim: float = field(init=False, default=math.inf)
    """Up to where it doubles: after an outage, to what was good before it."""
    _idle_seconds: list[float] = field(init=False, factory=list[float])
    _idle: float = field(init=False, default=math.inf)
    _began: float = field(init=False, default=-math.inf)
    _seconds: list[float] = field(init=False, factory=list[float])
    _used: bool = field(init=False, default=False)
    _windows: int = field(init=False, default=PROBE_EVERY - FIRST_PROBE)
    _before_probe: float | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._size = float(self.least)

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return int(self._size)

    def answered(self, now: float, seconds: float, in_flight: int) -> None:
        """Learn from an answer: when it came, how long it took, and how many calls were in flight with it."""
        if now - seconds < self._began:
            return
        self._seconds.append(seconds)
        self._used = self._used or in_flight >= self.limit
        if len(self._seconds) >= self._enough():
            self._close_window(now)

    def _enough(self) -> int:
        if self._starting:
            return max(self.limit, START_SAMPLES)
        return max(ROUNDS * self.limit, SAMPLES)

    def refused(self, now: float, seconds: float) -> None:
        """Learn that the panel had no room for a call; several refused at one time count once."""
        if now - seconds < self._began:
            return
        self._before_probe = None
        if self._starting and self._size > self._cut_to:
            # It was doubled too far; in an outage it is cut again and again, and what was good before stays known.
            self._good = min(self._good, self._size)
        size = self._size * BACK_OFF
        self._aim = self._good * BACK_OFF
        self._starting = size < self._aim
        self._resize(size, now)
        self._cut_to = self._size

    def _close_window(self, now: float) -> None:
        latency = fmean(self._seconds)
        if self._before_probe is not None:
            size, self._before_probe = self._looked(latency) * self._before_probe, None
        elif not self._used:
            # A limit that nobody reaches has shown nothing: it must not grow on that.
            size = self._size
        else:
            self._good = max(self._good, self._size) if self._starting else self._size
            size = self._start(latency) if self._starting else self._follow(latency)
        self._resize(size, now)

    def _looked(self, latency: float) -> float:
        """Learn the idle latency, and give the part of the limit that is left where it is lower than was thought."""
        if latency < PLAINLY_LOWER * self._idle:
            before, self._idle = self._idle, latency
            return latency / before
        self._idle += (latency - self._idle) * BLEND
        return 1.0

    def _start(self, latency: float) -> float:
        """Double, as long as the latency stays that of all windows so far."""
        if latency <= self._idle * (START_TOLERANCE + START_DOUBT / math.sqrt(len(self._seconds))):
            self._idle_seconds += self._seconds
            self._idle = fmean(self._idle_seconds)
            self._starting = self._size * 2 < self._aim
            return min(self._size * 2, max(self._aim, self._size))
        self._starting = False
        self._idle_seconds.clear()
        return self._follow(latency)

    def _follow(self, latency: float) -> float:
        """Shrink as answers take longer than on an idle panel, and otherwise try a little more."""
        self._windows += 1
        gradient = min(max(TOLERANCE * self._idle / max(latency, 1e-9), STEEPEST), 1.0)
        size = self._size * gradient + max(HEADROOM, math.log10(self._size))
        if self._windows >= PROBE_EVERY:
            self._windows = 0
            self._before_probe = size
            return size * PROBE_AT
        return size

    def _resize(self, size: float, now: float) -> None:
        least = self.least if self._before_probe is None else min(PROBE_LEAST, self.least)
        self._size = min(max(size, float(least)), float(self.most))
        self._began = now
        self._seconds.clear()
        self._used = False
