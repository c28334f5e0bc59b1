import asyncio
import random
from collections.abc import Callable

import pytest
from hypothesis import example, given, strategies as st

from cvm_async._api import calls
from cvm_async._api.verbs import Verb
from cvm_async._exchange.retry import BACKOFF_BASE, LONGEST_PAUSE, may_repeat, repeat, retry_after, wished_pause
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    ConfigurationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PanelError,
    RateLimitedError,
    SessionClosedError,
)
from cvm_async.settings import Retry

LOST = NoAnswerError("lost")
EPOCH_2024 = 1_704_067_200.0

GET = calls.status(1)
POST = calls.power(Verb.START, 1)


@pytest.mark.parametrize(
    ("error", "of_a_get", "of_a_post"),
    [
        pytest.param(NotSentError("refused"), True, True, id="never sent"),
        pytest.param(NotSentError("untrusted", may_pass=False), False, False, id="a certificate that is not trusted"),
        pytest.param(LOST, True, False, id="no whole answer"),
        pytest.param(RateLimitedError("x", status_code=429), True, False, id="429"),
        pytest.param(PanelError("x", status_code=502), True, False, id="502"),
        pytest.param(NodeUnreachableError("x"), True, False, id="503"),
        pytest.param(PanelError("x", status_code=504), True, False, id="504"),
        pytest.param(PanelError("x", status_code=500), False, False, id="500"),
        pytest.param(ActionFailedError("x", status_code=500), False, False, id="500 after an action"),
        pytest.param(AuthenticationError("x", status_code=401), False, False, id="401"),
        pytest.param(PanelError("x", status_code=413), False, False, id="413"),
        pytest.param(PanelError("x", status_code=200), False, False, id="errors with 200"),
        pytest.param(PanelError("x", status_code=302), False, False, id="a redirect"),
        pytest.param(DecodeError("x"), True, False, id="not what the API documents"),
        pytest.param(PanelError("x", status_code=522), True, False, id="522"),
        pytest.param(NoAnswerError("x", timed_out=True), False, False, id="silence"),
        pytest.param(ConfigurationError("x"), False, False, id="a bad setting"),
        pytest.param(SessionClosedError("x"), False, False, id="closed"),
        pytest.param(asyncio.CancelledError(), False, False, id="cancelled"),
    ],
)
def test_what_may_pass_is_tried_again_where_that_is_safe(
    error: BaseException, *, of_a_get: bool, of_a_post: bool
) -> None:
    assert (may_repeat(GET, error), may_repeat(POST, error)) == (of_a_get, of_a_post)


def test_a_list_is_asked_for_again_also_after_a_silence() -> None:
    assert may_repeat(calls.list_vpses(), NoAnswerError("x", timed_out=True))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("0", 0.0, id="at once"),
        pytest.param(" 120 ", 120.0, id="seconds"),
        pytest.param("9" * 400, LONGEST_PAUSE, id="more seconds than a number holds"),
        pytest.param("9" * 5000, LONGEST_PAUSE, id="more digits than Python reads"),
        pytest.param("31536001", LONGEST_PAUSE, id="more than a year"),
        pytest.param("Mon, 01 Jan 9999 00:00:00 GMT", LONGEST_PAUSE, id="a date in eight thousand years"),
        pytest.param("Mon, 01 Jan 2024 00:01:30 GMT", 90.0, id="a date"),
        pytest.param("Monday, 01-Jan-24 00:01:30 GMT", 90.0, id="a date as of RFC 850"),
        pytest.param("Mon Jan  1 00:01:30 2024", 90.0, id="a date as of asctime"),
        pytest.param("Mon, 01 Jan 2024 00:01:30", 90.0, id="a date without a zone, which is GMT"),
        pytest.param("Sun, 31 Dec 2023 23:00:00 GMT", 0.0, id="a date that is past"),
        pytest.param("", None, id="empty"),
        pytest.param("soon", None, id="a word"),
        pytest.param("-5", None, id="negative"),
        pytest.param("-0", None, id="negative nothing"),
        pytest.param("+5", None, id="a sign"),
        pytest.param("nan", None, id="no number"),
        pytest.param("inf", None, id="infinity"),
        pytest.param("1e3", None, id="an exponent"),
        pytest.param("0x10", None, id="hexadecimal"),
        pytest.param("5, 5", None, id="two of them"),
        pytest.param("1_000", None, id="Python's own digits"),
        pytest.param("1.5", None, id="a fraction"),
        pytest.param("²", None, id="a digit of another kind"),
        pytest.param("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", None, id="a zone beyond reason"),
        pytest.param("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None, id="a year beyond reason"),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date_or_not_at_all(text: str, seconds: float | None) -> None:
    assert retry_after(text, EPOCH_2024) == seconds


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        pytest.param("Mon, 01 Jan 2024 05:00:00 GMT", 90.0, id="a clock five hours ahead of ours"),
        pytest.param("Mon, 01 Jan 2024 05:02:00 GMT", 0.0, id="past by its own clock"),
        pytest.param("yesterday", 18_090.0, id="no date"),
        pytest.param("", 18_090.0, id="empty"),
        pytest.param(None, 18_090.0, id="absent"),
    ],
)
def test_a_date_is_measured_by_the_answers_own_clock_and_else_by_ours(date: str | None, seconds: float) -> None:
    assert retry_after("Mon, 01 Jan 2024 05:01:30 GMT", EPOCH_2024, date) == seconds


def test_seconds_need_no_clock() -> None:
    assert retry_after("5", EPOCH_2024, "Mon, 01 Jan 2001 00:00:00 GMT") == 5.0


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{1,9} \d\d:\d\d:\d\d ([+-]\d{1,9}|GMT|)"))
@example("Mon, 01 Jan 0001 00:00:00 +2359")
def test_no_retry_after_does_harm(text: str) -> None:
    for date in (None, text):
        seconds = retry_after(text, EPOCH_2024, date)
        assert seconds is None or 0 <= seconds <= LONGEST_PAUSE


def test_only_an_answer_can_wish_for_a_pause() -> None:
    assert wished_pause(RateLimitedError("x", status_code=429, retry_after=7.0)) == 7.0
    assert wished_pause(RateLimitedError("x", status_code=429)) == 0.0
    assert wished_pause(LOST) == 0.0


class Attempts:
    """Attempts that fail with these errors, and then give 42; and the pauses between them."""

    def __init__(self, *failures: BaseException) -> None:
        self._failures = [*failures]
        self.made = 0
        self.pauses: list[float] = []

    async def attempt(self) -> int:
        self.made += 1
        if self._failures:
            raise self._failures.pop(0)
        return 42

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def go_on(
        self, first: CvmError = LOST, retry: Retry | None = None, again: Callable[[BaseException], bool] | None = None
    ) -> int:
        return await repeat(
            self.attempt,
            first=first,
            retry=retry or Retry(),
            again=again or (lambda error: may_repeat(GET, error)),
            sleep=self.sleep,
        )


async def test_the_attempt_that_succeeds_gives_the_value() -> None:
    attempts = Attempts(LOST)
    assert await attempts.go_on() == 42
    assert (attempts.made, len(attempts.pauses)) == (2, 2)


async def test_the_first_attempt_counts_among_the_attempts_and_the_last_error_comes_out() -> None:
    last = NoAnswerError("the last")
    attempts = Attempts(LOST, LOST, last, LOST)
    with pytest.raises(NoAnswerError) as found:
        await attempts.go_on(retry=Retry(attempts=4))
    assert found.value is last
    assert found.value.__cause__ is None
    assert found.value.__context__ is None
    assert attempts.made == 3


async def test_one_attempt_is_never_repeated() -> None:
    attempts = Attempts()
    with pytest.raises(NoAnswerError) as found:
        await attempts.go_on(retry=Retry(attempts=1))
    assert found.value is LOST
    assert (attempts.made, attempts.pauses) == (0, [])


async def test_an_error_that_will_not_pass_ends_it() -> None:
    attempts = Attempts(AuthenticationError("x", status_code=401))
    with pytest.raises(AuthenticationError):
        await attempts.go_on(retry=Retry(attempts=5))
    assert attempts.made == 1


async def test_a_cancellation_ends_it() -> None:
    attempts = Attempts(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await attempts.go_on(retry=Retry(attempts=5))
    assert attempts.made == 1


async def test_a_panel_that_asks_for_more_time_than_we_wait_is_not_asked_again() -> None:
    attempts = Attempts()
    with pytest.raises(RateLimitedError):
        await attempts.go_on(RateLimitedError("x", status_code=429, retry_after=30.1))
    assert (attempts.made, attempts.pauses) == (0, [])


@pytest.mark.parametrize("retry_after", [30.0, 29.9, 1.0])
async def test_the_pause_is_never_shorter_than_the_panel_asks_for_and_never_longer_than_max_wait(
    retry_after: float,
) -> None:
    attempts = Attempts()
    assert await attempts.go_on(PanelError("x", status_code=502, retry_after=retry_after)) == 42
    assert retry_after <= attempts.pauses[0] <= min(retry_after + BACKOFF_BASE, 30.0)


@given(seed=st.integers(), max_wait=st.floats(0.001, 100))
def test_pauses_have_full_jitter_below_a_bound_that_doubles_up_to_max_wait(seed: int, max_wait: float) -> None:
    random.seed(seed)
    attempts = Attempts(*[LOST] * 6)
    assert asyncio.run(attempts.go_on(retry=Retry(attempts=8, max_wait=max_wait))) == 42
    bounds = [min(BACKOFF_BASE * 2**turn, max_wait) for turn in range(7)]
    assert all(0 <= pause <= bound for pause, bound in zip(attempts.pauses, bounds, strict=True))


async def test_two_that_fail_at_one_moment_do_not_come_back_at_one_moment() -> None:
    one, other = Attempts(), Attempts()
    wish = PanelError("x", status_code=502, retry_after=5.0)
    await one.go_on(wish)
    await other.go_on(wish)
    assert one.pauses != other.pauses
