"""`Rollout`: how a verb goes over a fleet, as a value; and the arithmetic of its batches."""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Literal, TypeAlias, cast

from attrs import Attribute, evolve, field, frozen

from cvm_async._checks import count, is_count, refuse, seconds

Share: TypeAlias = int | float
"""A count (an `int`, at least 1) or a fraction of the whole run (a `float`, above 0 and up to 1.0)."""

OnUnknown: TypeAlias = Literal["report", "verify"]


def _failures(_: object, attribute: "Attribute[Any]", value: object) -> None:
    fraction = isinstance(value, float) and 0 <= value <= 1
    if not (value is None or is_count(value, 0) or fraction):
        refuse(attribute.name, "a count of at least 0 or a fraction from 0.0 to 1.0", value)


def _batch(_: object, attribute: "Attribute[Any]", value: tuple[object, ...]) -> None:
    for share in value:
        fraction = isinstance(share, float) and 0 < share <= 1
        if not (is_count(share, 1) or fraction):
            refuse(attribute.name, "counts of at least 1 or fractions above 0.0 up to 1.0", share)


def _as_steps(value: Share | Sequence[Share] | None) -> tuple[Share, ...]:
    if value is None:
        return ()
    # A text is a sequence of texts, and a mistake.
    several = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    return tuple(cast("Sequence[Share]", value)) if several else (cast("Share", value),)


def _on_unknown(_: object, attribute: "Attribute[Any]", value: object) -> None:
    if value not in ("report", "verify"):  # No set: whatever a caller wrote need not be hashable.
        refuse(attribute.name, "'report' or 'verify'", value)


@frozen(kw_only=True)
class Rollout:
    """How to go over a fleet. The defaults: all at once, as the sessions' own limits allow, whatever fails."""

    max_concurrency: int | None = field(default=None, validator=count(optional=True))
    """VPSes under way at once in the whole run, those whose state is waited for included. The sessions' `Limits` hold
    besides."""
    per_node: int | None = field(default=None, validator=count(optional=True))
    """VPSes under way at once on one host node."""
    max_failures: Share | None = field(default=None, validator=_failures)
    """How many VPSes may fail: a count, or a fraction of the whole run (not of a batch), rounded down; 1.0, all of
    them, never stops it. When one more has failed, nothing new starts; what is under way ends, and the rest is skipped
    with the reason. VPSes skipped on a dead node were not tried, and do not count. With a limit, no more are under way
    at once than the sessions let calls through, those whose state is waited for included. None: no limit."""
    batch: tuple[Share, ...] = field(default=None, converter=_as_steps, validator=_batch)
    """How many VPSes go together before the next begin: a count, a fraction of the whole run, or steps such as `(1,
    0.1, 1.0)`: a canary, a tenth, the rest. The last step repeats; fractions round up. A batch is over when all its
    VPSes are done."""
    pause: float = field(default=0.0, validator=seconds(zero=True))
    """Seconds between two batches."""
    deadline: float | None = field(default=None, validator=seconds(optional=True))
    """Seconds for the whole run. When they are over, nothing new starts and waits end; requests in flight end by
    themselves, as a power action cut off is one with an unknown outcome."""
    on_unknown: OnUnknown = field(default="report", validator=_on_unknown)
    """What to do with a start or stop that was sent and got no answer of the panel's. "report": its outcome is a
    `NoAnswerError` or a `DecodeError`. "verify": read the status until it shows that the action was carried out, or the
    time for waiting is over; with `wait` that is done in any case. A restart cannot be settled so: it leaves the state
    it found."""

    @classmethod
    def given(cls, rollout: object, *, deadline: float | None = None) -> "Rollout":
        """Give the rollout that a caller gave, or the usual one for None; with that deadline where there is one.

        Raises:
            ConfigurationError: It is no rollout.
        """
        how = cls() if rollout is None else rollout
        if not isinstance(how, Rollout):
            refuse("rollout", "a Rollout", how)
        return how if deadline is None else evolve(how, deadline=deadline)

    def failures_allowed(self, total: int) -> float:
        """Tell how many of `total` VPSes may fail; infinity where there is no limit."""
        if self.max_failures is None:
            return math.inf
        return self.max_failures if isinstance(self.max_failures, int) else math.floor(_of(total, self.max_failures))

    def batch_sizes(self, total: int) -> Iterator[int]:
        """Give the batches' sizes, in order; they add up to `total`."""
        steps = self.batch or (1.0,)
        done = 0
        turn = 0
        while done < total:
            step = steps[min(turn, len(steps) - 1)]
            size = step if isinstance(step, int) else math.ceil(_of(total, step))
            size = min(size, total - done)
            yield size
            done += size
            turn += 1


def _of(total: int, share: float) -> Fraction:
    """Give a share as it was written: 0.07 of 100 is 7; the float nearest to 0.07 is a little more, and gave 8."""
    return Fraction(repr(share)) * total
