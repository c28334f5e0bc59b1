"""One call on its way, from attempt to attempt: what is to be known of it wherever it fails or is cut off."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeAlias, TypeVar

from attrs import define, field

from cvm_async._api.calls import Call
from cvm_async._deadline import Deadline
from cvm_async._exchange.retry import may_repeat
from cvm_async._gates.permit import Permit
from cvm_async.errors import About, CvmError, NoAnswerError, NotSentError

T_co = TypeVar("T_co", covariant=True)

BeforeSend: TypeAlias = Callable[[], Awaitable[None]]
"""Awaited before each attempt, when its turn has come and before its time begins.

Where it raises a `CvmError`, nothing is sent.
"""

Hold: TypeAlias = Callable[[], str | None]
"""Says why a call must not leave any more; None where it may."""


def free() -> None:
    """Hold nothing back."""


@define(eq=False)
class Departure:
    """Whether a call may leave, and whether it has: whoever is cut off has to know.

    Attributes:
        hold: Says why it must not leave any more, if so.
        before_send: Awaited before it leaves.
        sent: Whether an attempt is under way, or has been, that the panel may have seen.
    """

    hold: Hold = free
    before_send: BeforeSend | None = None
    sent: bool = False


@define(eq=False)
class Sending(Generic[T_co]):
    """One call on its way.

    Attributes:
        call: What is sent.
        permit: Its way through the gates.
        limit: Its time.
        attempts: How often it was begun.
        departure: Whether it may leave, and has.
        trouble: Why the last attempt failed.
        is_search: Whether it is sent where it is not known to be.
        turned_away: Whether the gates did not let it in: it, or all that is behind them, is left alone for now.
    """

    call: Call[T_co]
    permit: Permit
    limit: Deadline
    departure: Departure = field(factory=Departure)
    attempts: int = 0
    trouble: CvmError | None = None
    is_search: bool = False
    turned_away: bool = False

    @property
    def tells_load(self) -> bool:
        """Whether how long it takes says something of the panel's load: a look at one VPS is always the same work."""
        return self.call.repeatable and self.call.vps_id is not None

    def may_go_on(self, error: BaseException) -> bool:
        """Tell whether another attempt is safe, of use, and not refused."""
        return may_repeat(self.call, error) and not self.turned_away and not self.permit.refused

    def failed(self, error: CvmError) -> None:
        """Note why an attempt failed, and in the error how many there were."""
        error.attempts = self.attempts
        self.trouble = error

    def cut_off(self) -> CvmError:
        """Give the error of a call whose time is over."""
        # What is left of a caller's time is told as the caller would tell it.
        within = f"within the {round(self.limit.seconds, 3):g} s that the call had"
        last = f"; the last attempt failed: {self.trouble.message}" if self.trouble else ""
        about: About = {**self.call.about(), "attempts": self.attempts}
        if self.departure.sent:
            return NoAnswerError(f"no whole answer {within}{last}", timed_out=True, **about)
        return NotSentError(f"neither its turn nor a connection came {within}{last}", **about)
