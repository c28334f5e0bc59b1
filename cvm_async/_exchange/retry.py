"""Whether a failed call is tried again, and when: pure rules, driven by tenacity once a first attempt has failed."""

import asyncio
import datetime as dt
import email.utils
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from cvm_async._api.answers import passes_soon, row_of
from cvm_async._api.calls import Call
from cvm_async.errors import CvmError, NoAnswerError, NodeUnreachableError, NotSentError, PanelError
from cvm_async.settings import Retry

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")

BACKOFF_BASE = 0.5
"""Seconds: the first pause is a random part of this, the second of twice as much. Full jitter: many clients that failed
at one moment must not come back at one moment (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015)."""

LONGEST_PAUSE = 365 * 86_400.0
"""Seconds that an answer may ask to wait. One asked for a number of 400 digits, which is infinite as a float."""


def may_repeat(call: Call[object], error: BaseException) -> bool:
    """Tell whether sending the call again is safe, and of use.

    A power action is repeated only where the panel provably never saw it. Nor is a status where the panel was silent
    for too long: PHP works on for a caller who has left, so another call to a hung host node would take another of the
    panel's workers, for minutes.
    """
    if not call.repeatable and not isinstance(error, NotSentError):
        return False
    if call.vps_id is not None and isinstance(error, NoAnswerError) and error.timed_out:
        return False
    return passes_soon(error)


def retry_after(text: str, now: float, date: str | None = None) -> float | None:
    """Give seconds that a `Retry-After` header asks to wait, at most `LONGEST_PAUSE`; None where it cannot be read.

    Args:
        text: The header: seconds, or a date (RFC 9110 §10.2.3).
        now: Our time, in seconds since the epoch.
        date: The answer's own `Date`, by which a date is measured: its clock and ours may differ by more than that.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_PAUSE)
    until = _epoch(text)
    if until is None:
        return None
    sent = None if date is None else _epoch(date)
    return min(max(0.0, until - (now if sent is None else sent)), LONGEST_PAUSE)


def _epoch(text: str) -> float | None:
    """Give an HTTP date in seconds since the epoch; None where it is none."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        # A date without a zone is none of HTTP's, which are all in GMT.
        return (date if date.tzinfo is not None else date.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def wished_pause(error: BaseException | None) -> float:
    """Give seconds that the panel asked for with `Retry-After`; 0 where it did not."""
    return (error.retry_after or 0.0) if isinstance(error, PanelError) else 0.0


def is_too_many(error: BaseException | None) -> bool:
    """Tell whether a call was refused for there being too many: by a limit on the rate, the panel's or a proxy's."""
    if not isinstance(error, PanelError) or isinstance(error, NodeUnreachableError):
        return False
    row = row_of(error.status_code)
    return row.overloaded and not row.gateway


async def repeat(
    attempt: Callable[[], Awaitable[T]],
    *,
    first: CvmError,
    retry: Retry,
    again: Callable[[BaseException], bool],
    sleep: Callable[[float], Awaitable[None]],
) -> T:
    """Go on where a first attempt failed, until one succeeds, may not be repeated, or was the last.

    One that was refused for there being too many does not count: it is no fault of the call's. Nor does it pause here:
    the next has its turn at the gates, and gets none before the panel may take it. That goes on for as long as all
    attempts together might pause.

    Raises:
        CvmError: The last attempt's.
    """
    # A tenth of what importing a session costs, which a script that fails nowhere need not pay.
    from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential  # noqa: PLC0415

    jitter = wait_random_exponential(multiplier=BACKOFF_BASE, max=retry.max_wait)
    clock = asyncio.get_running_loop().time
    patience_ends = clock() + retry.attempts * retry.max_wait
    failed = 0

    def is_last(state: "RetryCallState") -> bool:
        nonlocal failed
        if retry.attempts > 1 and is_too_many(_error(state)):
            return clock() >= patience_ends
        failed += 1
        return failed >= retry.attempts

    def pause(state: "RetryCallState") -> float:
        error = _error(state)
        if is_too_many(error):
            return wished_pause(error)
        # Jitter on top of what the panel asks for: it asks all of us the same.
        return min(wished_pause(error) + jitter(state), retry.max_wait)

    def worthwhile(error: BaseException) -> bool:
        return again(error) and wished_pause(error) <= retry.max_wait

    attempts = AsyncRetrying(
        stop=is_last,
        wait=pause,
        retry=retry_if_exception(worthwhile),
        sleep=sleep,
        reraise=True,
    )
    # tenacity counts from the attempt that was already made: its first turn raises what that one raised.
    failures = [first]

    async def step() -> T:
        if failures:
            raise failures.pop()
        return await attempt()

    return await attempts(step)


def _error(state: "RetryCallState") -> BaseException | None:
    return state.outcome.exception() if state.outcome else None
