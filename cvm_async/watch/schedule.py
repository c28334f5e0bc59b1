"""When to look next: tick k is due at start + k x every, however long a look takes; missed ticks are skipped."""

import math
import random
from collections.abc import Callable

from attrs import frozen


@frozen(kw_only=True)
class Schedule:
    """An absolute schedule on a monotonic clock.

    Attributes:
        start: When tick 0 is due, on that clock, in seconds.
        every: Seconds from one tick to the next.
        jitter: Seconds by which a tick may come later, at random: many watchers then do not call a panel at one moment.
        chance: Gives a number from 0 to below 1.
    """

    start: float
    every: float
    jitter: float = 0.0
    chance: Callable[[], float] = random.random

    def after(self, now: float) -> float:
        """Give when the next tick is due: the first one later than `now`, so that late ones never pile up."""
        tick = max(0, math.floor((now - self.start) / self.every) + 1)
        return self.start + tick * self.every + self.jitter * self.chance()
