import asyncio
import contextlib
import logging
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from hypothesis import example, given, settings, strategies as st
from mocked import (
    DONE,
    LIST,
    LISTED,
    STATUS,
    TOKENS,
    VERBS,
    Panel,
    Scripted,
    account_of,
    answer,
    echoing,
    failure,
    logged,
    make,
    refusal,
    session_over,
)
from panels import session_on
from virtual_time import run_virtual, virtual, virtual_loop

from cvm_async._api import calls
from cvm_async._api.verbs import Verb
from cvm_async._deadline import Deadline
from cvm_async._exchange import retry
from cvm_async._exchange.sending import BeforeSend
from cvm_async._gates.gates import Gates
from cvm_async._gates.permit import Permit
from cvm_async._gates.verdict import Verdict
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PanelError,
    PermissionDeniedError,
    RateLimitedError,
    SessionClosedError,
    VpsNotFoundError,
)
from cvm_async.models import PowerState
from cvm_async.panel import PanelApp
from cvm_async.settings import Limits, Retry, Timeouts


async def forever(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(1e6)
    raise AssertionError


def after(seconds: float, then: httpx.Response | Exception) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    async def wait(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        if isinstance(then, Exception):
            raise then
        return then

    return wait


class Dripping(httpx.AsyncByteStream):
    """A byte each second, which no limit on the silence ever meets."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(1)
            yield b" "


# Retries.

AGAIN = "again"
ONCE = "once"
READS = (Verb.LIST, Verb.STATUS)
ACTIONS = (Verb.START, Verb.STOP, Verb.RESTART)

FAILURES: list[tuple[str, Callable[[], Scripted], str, str]] = [
    ("cannot connect", lambda: httpx.ConnectError("refused"), AGAIN, AGAIN),
    ("slow to connect", lambda: httpx.ConnectTimeout("slow"), AGAIN, AGAIN),
    ("no place in the pool", lambda: httpx.PoolTimeout("full"), AGAIN, AGAIN),
    ("a proxy refuses the tunnel", lambda: httpx.ProxyError("403"), AGAIN, AGAIN),
    ("reset", lambda: httpx.ReadError("reset"), AGAIN, ONCE),
    ("reset while writing", lambda: httpx.WriteError("reset"), AGAIN, ONCE),
    ("cut", lambda: answer(200, b'{"resp', error=httpx.RemoteProtocolError("cut")), AGAIN, ONCE),
    ("502", lambda: answer(502, b"<html>"), AGAIN, ONCE),
    ("503", lambda: refusal(503, "node down"), AGAIN, ONCE),
    ("504", lambda: answer(504, b"<html>"), AGAIN, ONCE),
    ("a long 502 in a foreign packing", lambda: answer(502, b"x", headers={"Content-Encoding": "br"}), AGAIN, ONCE),
    ("500", lambda: refusal(500, "it broke"), ONCE, ONCE),
    ("500 without a word", lambda: answer(500), ONCE, ONCE),
    ("401", lambda: refusal(401, "no"), ONCE, ONCE),
    ("403", lambda: refusal(403, "no"), ONCE, ONCE),
    ("404", lambda: refusal(404, "no"), ONCE, ONCE),
    ("413", lambda: answer(413), ONCE, ONCE),
    ("errors with 200", lambda: refusal(200, "no"), ONCE, ONCE),
    ("a redirect", lambda: answer(302, headers={"Location": "/login"}), ONCE, ONCE),
    ("garbage", lambda: answer(200, b"\xff\xfe"), AGAIN, ONCE),
    ("522", lambda: answer(522, b"<html>"), AGAIN, ONCE),
    ("403 of a firewall", lambda: answer(403, b"<html>"), ONCE, ONCE),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("turn", "read", "action"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
@virtual
async def test_a_call_is_sent_as_often_as_is_safe_and_of_use(
    turn: Callable[[], Scripted], read: str, action: str, verb: Verb
) -> None:
    panel = Panel(*[turn() for _ in range(5)])
    error = await failure(session_over(panel, retry=Retry(attempts=3)), verb)
    expected = 3 if (read if verb in READS else action) is AGAIN else 1
    assert len(panel.requests) == error.attempts == expected
    assert (f"{expected} attempts" in str(error)) is (expected > 1)
    assert error.method == ("GET" if verb in READS else "POST")
    assert error.vps_id == (None if verb is Verb.LIST else 1)


TOO_MANY: list[Callable[[], Scripted]] = [
    lambda: answer(429),
    lambda: refusal(429, "slow down"),
    lambda: answer(503, b"<html>"),
    lambda: answer(508),
]


@pytest.mark.parametrize("turn", TOO_MANY, ids=["429", "the panel's own 429", "503 of a proxy", "508"])
@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_one_call_too_many_has_its_turn_again_and_that_costs_a_reading_no_attempt(
    turn: Callable[[], Scripted], verb: Verb
) -> None:
    panel = Panel(*[turn() for _ in range(7)])
    async with session_over(panel, retry=Retry(attempts=2)) as session:
        with contextlib.nullcontext() if verb in READS else pytest.raises(CvmError):
            await make(session, verb)
    assert len(panel.requests) == (8 if verb in READS else 1)


@virtual
async def test_who_never_repeats_does_not_after_one_call_too_many_either() -> None:
    error = await failure(session_over(Panel(answer(429)), retry=Retry(attempts=1)), Verb.STATUS)
    assert error.attempts == 1


@virtual
async def test_patience_with_a_panel_that_never_has_room_ends_when_all_attempts_might_have_paused() -> None:
    panel = Panel(*[answer(429, headers={"Retry-After": "20"}) for _ in range(99)])
    error = await failure(session_over(panel, retry=Retry(attempts=3, max_wait=30.0)), Verb.STATUS)
    assert isinstance(error, RateLimitedError)
    assert 90 <= virtual_loop().time() <= 90 + 20 + 1


@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_after_a_silence_only_a_list_is_sent_again(verb: Verb) -> None:
    panel = Panel(*[httpx.ReadTimeout("silence") for _ in range(5)])
    error = await failure(session_over(panel, retry=Retry(attempts=3)), verb)
    assert len(panel.requests) == error.attempts == (3 if verb is Verb.LIST else 1)


@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_a_call_that_succeeds_the_third_time_has_succeeded(verb: Verb) -> None:
    panel = Panel(httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"))
    async with session_over(panel) as session:
        await make(session, verb)
    assert len(panel.requests) == 3


@virtual
async def test_a_post_is_not_sent_again_after_an_attempt_that_may_have_arrived() -> None:
    panel = Panel(httpx.ConnectError("refused"), httpx.ReadError("reset"))
    error = await failure(session_over(panel, retry=Retry(attempts=9)), Verb.RESTART)
    assert type(error) is NoAnswerError
    assert len(panel.requests) == error.attempts == 2


@virtual
async def test_the_pause_is_as_long_as_the_panel_asks_for_whether_by_seconds_or_by_date() -> None:
    loop = virtual_loop()
    panel = Panel(answer(429, headers={"Retry-After": "20"}))
    async with session_over(panel) as session:
        await session.status(1)
        assert 20 <= loop.time() <= 20 + retry.BACKOFF_BASE


@virtual
async def test_a_panel_that_asks_for_a_longer_pause_than_allowed_gets_no_second_request() -> None:
    panel = Panel(answer(429, headers={"Retry-After": "31"}))
    error = await failure(session_over(panel), Verb.STATUS)
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 31
    assert (len(panel.requests), error.attempts, virtual_loop().time()) == (1, 1, 0)


@virtual
async def test_a_retry_waits_outside_of_the_gates_so_that_others_may_go() -> None:
    panel = Panel(answer(502, headers={"Retry-After": "20"}))
    async with session_over(panel, limits=Limits(max_concurrency=1)) as session:
        first = asyncio.create_task(session.status(1))
        await asyncio.sleep(1)
        await session.status(2)
        assert virtual_loop().time() == 1
        await first


def test_a_first_attempt_that_succeeds_never_touches_the_retry_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("tenacity.AsyncRetrying", refuse)

    async def work() -> None:
        async with session_over(Panel()) as session:
            for verb in VERBS:
                await make(session, verb)

    run_virtual(work())


# Time.


@pytest.mark.parametrize("verb", [Verb.STATUS, *ACTIONS])
@virtual
async def test_an_answer_that_only_drips_is_not_waited_for_for_ever(verb: Verb) -> None:
    panel = Panel(httpx.Response(200, stream=Dripping()))
    timeouts = Timeouts(connect=5, read=15, action=60)
    error = await failure(session_over(panel, timeouts=timeouts, retry=Retry(attempts=1)), verb)
    seconds = 30 if verb is Verb.STATUS else 75
    assert isinstance(error, NoAnswerError)
    assert error.timed_out
    assert error.message == f"no whole answer from panel.example.net within {seconds} s"
    assert virtual_loop().time() == seconds


@virtual
async def test_a_list_that_drips_may_take_longer_but_not_for_ever() -> None:
    panel = Panel(httpx.Response(200, stream=Dripping()))
    error = await failure(session_over(panel, retry=Retry(attempts=1)), Verb.LIST)
    assert error.message == "no whole answer from panel.example.net within 165 s"


@pytest.mark.parametrize("given_by", ["the call", "the session"])
@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_one_deadline_holds_for_the_whole_call(verb: Verb, given_by: str) -> None:
    panel = Panel(forever)
    timeouts = Timeouts(total=7.5) if given_by == "the session" else None
    error = await failure(session_over(panel, timeouts=timeouts), verb, None if timeouts else 7.5)
    assert isinstance(error, NoAnswerError)
    assert error.message == "no whole answer within the 7.5 s that the call had"
    assert (error.attempts, len(panel.requests)) == (1, 1)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert virtual_loop().time() == 7.5


@virtual
async def test_the_calls_own_deadline_goes_before_that_of_the_session() -> None:
    async with session_over(Panel(after(8, answer(200, STATUS))), timeouts=Timeouts(total=1)) as session:
        assert (await session.status(1, timeout=9)).state is PowerState.RUNNING


@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_a_call_whose_turn_does_not_come_in_time_was_not_sent(verb: Verb) -> None:
    panel = Panel(after(50, answer(200, STATUS)))
    async with session_over(panel, limits=Limits(max_concurrency=1), timeouts=Timeouts(read=100)) as session:
        first = asyncio.create_task(session.status(9))
        await asyncio.sleep(1)
        with pytest.raises(NotSentError, match="neither its turn nor a connection came within the 2 s") as found:
            await make(session, verb, 2)
        assert (found.value.attempts, len(panel.requests)) == (0, 1)
        await first


def asked(panel: Panel, *refusals: CvmError) -> tuple[list[int], BeforeSend]:
    """Give what is to be asked before a call is sent, and what it saw of the requests before; it refuses in turn."""
    seen: list[int] = []
    turns = [*refusals]

    async def before_send() -> None:
        await asyncio.sleep(1.0)
        seen.append(len(panel.requests))
        if turns:
            raise turns.pop(0)

    return seen, before_send


@virtual
async def test_whoever_is_to_be_asked_is_asked_before_each_attempt() -> None:
    panel = Panel(httpx.ConnectError("refused"), httpx.ConnectError("refused"))
    seen, before_send = asked(panel)
    async with session_over(panel) as session:
        await account_of(session).power(Verb.STOP, 1, before_send=before_send)
    assert seen == [0, 1, 2]


@virtual
async def test_what_is_refused_before_it_is_sent_is_not_sent_nor_tried_again_and_no_node_is_blamed() -> None:
    panel = Panel()
    seen, before_send = asked(panel, NotSentError("the disk is full"))
    async with session_over(panel) as session:
        with pytest.raises(NotSentError) as caught:
            await account_of(session).power(Verb.STOP, 1, before_send=before_send)
        assert caught.value.message == "the disk is full"
        assert account_of(session).gates.in_flight == 0
        assert account_of(session).gates.refusal(None) is None
    assert (seen, panel.requests) == ([0], [])


@virtual
async def test_the_time_that_asking_takes_is_not_the_panels() -> None:
    async def slow() -> None:
        await asyncio.sleep(1_000.0)

    panel = Panel()
    async with session_over(panel, timeouts=Timeouts(action=1.0)) as session:
        await account_of(session).power(Verb.STOP, 1, before_send=slow)
    assert len(panel.requests) == 1


@virtual
async def test_what_is_held_back_while_somebody_is_asked_is_not_sent() -> None:
    panel = Panel()
    reasons = [None, None, "the run was stopped"]
    _, before_send = asked(panel)
    async with session_over(panel) as session:
        with pytest.raises(NotSentError, match="not begun: the run was stopped"):
            await account_of(session).power(Verb.STOP, 1, before_send=before_send, hold=lambda: reasons.pop(0))
        assert account_of(session).gates.in_flight == 0
    assert panel.requests == []


@virtual
async def test_a_call_that_is_cut_off_while_somebody_is_asked_was_not_sent_and_leaves_the_gates() -> None:
    async def for_ever() -> None:
        await forever(httpx.Request("POST", "https://panel.example.net"))

    panel = Panel()
    async with session_over(panel) as session:
        with pytest.raises(NotSentError):
            await account_of(session).power(Verb.STOP, 1, timeout=5.0, before_send=for_ever)
        assert account_of(session).gates.in_flight == 0
    assert panel.requests == []


@virtual
async def test_a_post_that_is_cut_off_between_two_attempts_that_never_arrived_was_not_sent() -> None:
    panel = Panel(*[after(0.9, httpx.ConnectError("refused")) for _ in range(9)])
    session = session_over(panel, retry=Retry(attempts=9))
    error = await failure(session, Verb.START, 1)
    assert error.attempts in {1, 2}
    assert isinstance(error, NotSentError if error.attempts == 1 else NoAnswerError)
    assert "within the 1 s that the call had; the last attempt failed: the request did not reach" in error.message


@virtual
async def test_a_get_that_is_cut_off_in_a_pause_tells_of_the_last_failure() -> None:
    session = session_over(Panel(refusal(503, "node down", headers={"Retry-After": "9"})))
    error = await failure(session, Verb.STATUS, 1)
    assert type(error) is NoAnswerError
    assert 'the last attempt failed: the host node of the VPS is unreachable: "node down"' in error.message


# What answers mean.


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        pytest.param(lambda: refusal(401, "no"), AuthenticationError, id="401"),
        pytest.param(lambda: refusal(403, "no"), PermissionDeniedError, id="403"),
        pytest.param(lambda: refusal(404, "no"), VpsNotFoundError, id="404"),
        pytest.param(lambda: refusal(500, "no"), ActionFailedError, id="500"),
        pytest.param(lambda: refusal(503, "no"), NodeUnreachableError, id="503"),
        pytest.param(lambda: answer(502), NoAnswerError, id="502"),
        pytest.param(lambda: answer(503, b"a" * 2000), NoAnswerError, id="503, too long to read"),
        pytest.param(lambda: answer(500, b"a", headers={"Content-Encoding": "br"}), NoAnswerError, id="500, brotli"),
        pytest.param(lambda: answer(200, b"a" * 2000), DecodeError, id="200, too long to read"),
    ],
)
@virtual
async def test_an_answer_to_an_action_is_judged_by_its_status(
    response: Callable[[], httpx.Response], kind: type[CvmError]
) -> None:
    session = session_over(Panel(response()), limits=Limits(max_body=1000))
    assert type(await failure(session, Verb.START)) is kind


UNKNOWN = {"response": {"status": "unknown", "ram_used": "0", "disk_used": "0"}}


class Judging(Permit):
    """A turn that is always on, and tells what a call left with."""

    def __init__(self, gates: Gates) -> None:
        super().__init__(gates, None)
        self.left: list[tuple[Verdict, bool, float | None]] = []

    async def enter(self, vps: int | None = None, *, acts: bool = False) -> None:
        pass

    def leave(self, verdict: Verdict, *, telling: bool = False, wait: float | None = None) -> None:
        self.left.append((verdict, telling, wait))


@pytest.mark.parametrize(
    ("turn", "of_a_read", "of_an_action"),
    [
        pytest.param(lambda: answer(200, {**DONE, **STATUS}), Verdict.ANSWERED, Verdict.ANSWERED, id="an answer"),
        pytest.param(lambda: answer(200, UNKNOWN), Verdict.PANEL_ANSWERED, Verdict.ANSWERED, id="who can't say"),
        pytest.param(lambda: refusal(503, "no"), Verdict.NODE_FAILED, Verdict.NODE_FAILED, id="503"),
        pytest.param(lambda: httpx.ReadTimeout("x"), Verdict.TIMED_OUT, Verdict.TIMED_OUT, id="silence"),
        pytest.param(lambda: httpx.ReadError("x"), Verdict.ABANDONED, Verdict.ABANDONED, id="reset"),
        pytest.param(lambda: httpx.ConnectError("x"), Verdict.NOT_CONNECTED, Verdict.NOT_CONNECTED, id="refused"),
        pytest.param(lambda: answer(429), Verdict.RATE_LIMITED, Verdict.RATE_LIMITED, id="429"),
        pytest.param(lambda: answer(502), Verdict.OVERLOADED, Verdict.OVERLOADED, id="502"),
        pytest.param(lambda: answer(504), Verdict.OVERLOADED, Verdict.OVERLOADED, id="504"),
        pytest.param(lambda: answer(503), Verdict.RATE_LIMITED, Verdict.OVERLOADED, id="503 of anybody's"),
        pytest.param(lambda: answer(500), Verdict.BROKE, Verdict.NEUTRAL, id="500 without a word"),
        pytest.param(lambda: answer(522), Verdict.OVERLOADED, Verdict.OVERLOADED, id="522"),
        pytest.param(lambda: answer(403), Verdict.NEUTRAL, Verdict.NEUTRAL, id="403 of a firewall"),
        pytest.param(lambda: refusal(500, "no"), Verdict.PANEL_ANSWERED, Verdict.PANEL_ANSWERED, id="500"),
        pytest.param(lambda: refusal(404, "no"), Verdict.PANEL_ANSWERED, Verdict.PANEL_ANSWERED, id="404"),
        pytest.param(lambda: refusal(200, "no"), Verdict.PANEL_ANSWERED, Verdict.PANEL_ANSWERED, id="errors with 200"),
        pytest.param(lambda: answer(200, b"<html>"), Verdict.BROKE, Verdict.NEUTRAL, id="garbage"),
    ],
)
@virtual
async def test_a_call_leaves_the_gates_with_what_its_answer_says_of_the_node(
    turn: Callable[[], Scripted], of_a_read: Verdict, of_an_action: Verdict
) -> None:
    for call, verdict in ((calls.status(1), of_a_read), (calls.power(Verb.STOP, 1), of_an_action)):
        async with session_over(Panel(turn())) as session:
            line = account_of(session)
            judging = Judging(line.gates)
            with contextlib.suppress(CvmError):
                await line.exchange.send(call, judging, Deadline(None), retry=False)
        # How long an action takes says nothing of the panel's load.
        assert judging.left == [(verdict, call.repeatable, None)]


# The log.


@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_each_exchange_is_a_line_in_the_log(verb: Verb, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "cvm_async")
    async with session_over(Panel(httpx.ConnectError("refused"))) as session:
        await make(session, verb)
    method, path = ("GET" if verb in READS else "POST"), ("list" if verb is Verb.LIST else f"1/{verb}")
    first, second = logged(caplog, logging.DEBUG)
    start = f"panel.example.net: {method} /api/client/vps/{path}: "
    assert first.startswith(f"{start}NotSentError in ")
    assert first.endswith(" ms, attempt 1")
    assert second.startswith(f"{start}200 in ")
    assert second.endswith(" ms, attempt 2")


@virtual
async def test_without_debugging_a_good_call_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with session_over(Panel(refusal(503, "node down"))) as session:
        await session.status(1)
    assert logged(caplog, logging.INFO) == logged(caplog, logging.WARNING) == []


@virtual
async def test_no_log_holds_a_token_or_a_body(caplog: pytest.LogCaptureFixture) -> None:
    async def echo(request: httpx.Request) -> httpx.Response:
        return answer(200, f"<br />\n<b>Warning</b>: {echoing(request)}<br />\n".encode() + b'{"response":"body"}')

    caplog.set_level(1)
    async with session_over(Panel(echo, refusal(401, "body"), refusal(200, "body"))) as session:
        await session.start(1)
        with pytest.raises(AuthenticationError):
            await session.status(1)
        with pytest.raises(PanelError):
            await session.status(1)
    assert caplog.records
    assert not any(text in repr(vars(record)) for record in caplog.records for text in (*TOKENS, "body"))


# Cancellation.


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("by", ["the caller", "a deadline"])
@virtual
async def test_an_action_that_is_cut_off_under_way_is_warned_of(
    verb: Verb, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with session_over(Panel(forever)) as session:
        if by == "the caller":
            task = asyncio.create_task(make(session, verb))
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(NoAnswerError):
                await make(session, verb, 1)
        assert account_of(session).gates.in_flight == 0
        await make(session, verb)
    unknown = f"panel.example.net: POST /api/client/vps/1/{verb} was cancelled while under way: its outcome is unknown"
    assert logged(caplog, logging.WARNING) == ([] if verb in READS else [unknown])


@virtual
async def test_a_list_that_is_cancelled_while_it_is_read_was_answered_and_holds_no_place() -> None:
    many = {"response": {"vpses": [{**LISTED, "id": str(number)} for number in range(1, 3_000)]}}
    came = asyncio.Event()

    async def long(_: httpx.Request) -> httpx.Response:
        came.set()
        return answer(200, many)

    async with session_over(Panel(long)) as session:
        task = asyncio.create_task(session.list_vpses())
        await came.wait()
        # The body has come by then, and the reading of it takes more turns than these.
        for _ in range(10):
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gates = account_of(session).gates
        assert (gates.in_flight, gates.is_disturbed) == (0, False)


@pytest.mark.parametrize("verb", ACTIONS)
@virtual
async def test_an_action_that_is_cancelled_before_its_turn_is_not_warned_of(
    verb: Verb, caplog: pytest.LogCaptureFixture
) -> None:
    async with session_over(Panel(after(10, answer(200, STATUS))), limits=Limits(max_concurrency=1)) as session:
        first = asyncio.create_task(session.status(9))
        await asyncio.sleep(1)
        task = asyncio.create_task(make(session, verb))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await first
    assert logged(caplog, logging.WARNING) == []


async def several_turns(request: httpx.Request) -> httpx.Response:
    """Give a healthy answer that takes a few turns of the event loop, as on a network."""
    for _ in range(3):
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    return answer(200, STATUS if request.method == "GET" else DONE)


@pytest.mark.parametrize("verb", [Verb.STATUS, Verb.START])
def test_a_cancellation_at_any_turn_leaves_the_session_as_good_as_new(verb: Verb) -> None:
    async def cancelled_after(turns: int) -> bool:
        panel = Panel(*[several_turns] * 3)
        async with session_over(panel, limits=Limits(max_concurrency=1, per_node=1)) as session:
            task = asyncio.create_task(make(session, verb))
            for _ in range(turns):
                await asyncio.sleep(0 if turns < 12 else 0.11 / turns)
            task.cancel()
            await asyncio.wait([task])
            assert account_of(session).gates.in_flight == 0
            assert len(account_of(session).actions) == 0
            assert (await session.status(1)).state is PowerState.RUNNING
            return task.cancelled()

    outcomes = [run_virtual(cancelled_after(turns)) for turns in range(40)]
    assert outcomes[0]
    assert not outcomes[-1]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_leaves_the_gates_whole(kind: type[BaseException]) -> None:
    async def interrupt(_: httpx.Request) -> httpx.Response:
        raise kind

    session = session_over(Panel(interrupt))

    async def work() -> None:
        await session.status(1)

    with pytest.raises(kind):
        asyncio.run(work())
    assert account_of(session).gates.in_flight == 0
    asyncio.run(session.aclose())


# Closing.


@virtual
async def test_a_call_that_rests_between_two_attempts_when_the_session_is_closed_is_not_sent_again() -> None:
    panel = Panel(httpx.ConnectError("refused"))
    session = session_over(panel)
    task = asyncio.create_task(session.start(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(panel.requests) == 1
    await session.aclose()
    with pytest.raises(SessionClosedError) as found:
        await task
    assert (len(panel.requests), found.value.attempts) == (1, 1)
    assert account_of(session).gates.in_flight == 0


@virtual
async def test_whoever_waits_for_a_turn_when_the_session_is_closed_is_told_so_of_the_own_vps() -> None:
    app = PanelApp(vpses=4, latency=1.0)
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        tasks = [asyncio.create_task(session.status(vps_id)) for vps_id in (1, 2, 3, 4)]
        await asyncio.sleep(0.5)
        await session.aclose()
        first, *others = await asyncio.gather(*tasks, return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert [(type(error), getattr(error, "vps_id", None)) for error in others] == [
            (SessionClosedError, vps_id) for vps_id in (2, 3, 4)
        ]


# A loop that was blocked.


@pytest.mark.parametrize("verb", ["status", "stop"])
@virtual
async def test_a_call_whose_turn_comes_when_its_time_was_over_on_a_blocked_loop_is_not_sent(verb: str) -> None:
    app = PanelApp(vpses=2, latency=1.0, shutdown_time=1.0)
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        calls_made = [asyncio.create_task(getattr(session, verb)(vps_id, timeout=2.0)) for vps_id in (1, 2)]
        await asyncio.sleep(0.5)
        virtual_loop().hold(60.0)
        first, second = await asyncio.gather(*calls_made, return_exceptions=True)
        assert not isinstance(first, BaseException)
        assert isinstance(second, NotSentError)
        assert second.vps_id == 2
        assert "the 2 s that" in str(second)
    assert [record.vps for record in app.requests] == [1]


# Whatever happens.

HEADERS = st.dictionaries(
    st.sampled_from(
        ["Location", "Retry-After", "Content-Encoding", "Content-Type", "Content-Length", "Set-Cookie", "X"]
    ),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")) | st.sampled_from(["gzip", "deflate", "5"]),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([b'{"response":[]}', b'{"errors":["x"]}', b'{"response":{"status":"running"}}', b"<html>"]),
    st.recursive(st.none() | st.text(max_size=9), lambda inner: st.dictionaries(st.text(max_size=9), inner)).map(
        lambda value: repr(value).encode("utf-8", "surrogatepass")
    ),
)


class Raw(httpx.AsyncBaseTransport):
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self._answer = (status, headers, body)

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:  # pyright: ignore[reportIncompatibleMethodOverride]
        status, headers, body = self._answer
        raw = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
        response = answer(status, body)
        response.headers = httpx.Headers(raw)
        return response


@settings(max_examples=100)
@example(status=200, headers={}, body="\u070e".encode(), verb=Verb.LIST)
@given(status=st.integers(100, 999), headers=HEADERS, body=BODIES, verb=st.sampled_from(VERBS))
def test_whatever_bytes_arrive_nothing_else_than_a_cvm_error_leaves_a_verb(
    status: int, headers: dict[str, str], body: bytes, verb: Verb
) -> None:
    async def work() -> None:
        async with session_over(Raw(status, headers, body), retry=Retry(attempts=2, max_wait=0.01)) as session:
            error: CvmError | None = None
            try:
                await make(session, verb)
            except CvmError as found:
                error = found
            if error is not None:
                assert error.attempts >= 1
                assert str(pickle.loads(pickle.dumps(error))) == str(error)
                assert str(error).isprintable()
            assert account_of(session).gates.in_flight == 0

    run_virtual(work())


ALL_OF_HTTPX = [
    kind
    for name in httpx.__all__
    if isinstance(kind := getattr(httpx, name), type)
    and issubclass(kind, Exception)
    and kind is not httpx.HTTPStatusError
]
FOREIGN = [
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    TimeoutError,
    AssertionError,
    RecursionError,
    MemoryError,
    EOFError,
]


def an(kind: type[Exception]) -> Exception:
    try:
        return kind("x")
    except TypeError:
        return kind()


@pytest.mark.parametrize("kind", [*ALL_OF_HTTPX, *FOREIGN], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_whatever_a_transport_raises_nothing_else_than_a_cvm_error_leaves_a_verb(
    kind: type[Exception], verb: Verb
) -> None:
    error = await failure(session_over(Panel(*[an(kind) for _ in range(3)])), verb)
    assert isinstance(error, NotSentError | NoAnswerError)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), vars(copy)) == (type(error), vars(error))


# The event loop is held: by a call that blocks, or because the process was stopped.

BRIEF = Timeouts(connect=1.0, read=2.0, action=2.0)


def held(seconds: float, *, at: float = 0.5) -> None:
    loop = virtual_loop()
    loop.call_at(loop.time() + at, loop.hold, seconds)


def silent_for(seconds: float) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    """Give a panel that nothing comes from, behind a client that bears it for so long."""
    return after(seconds, httpx.ReadTimeout("nothing came"))


@pytest.mark.parametrize("verb", VERBS)
@virtual
async def test_what_was_answered_while_the_loop_was_held_is_answered(verb: Verb) -> None:
    panel = Panel(after(1.5, answer(200, LIST if verb is Verb.LIST else DONE if verb in ACTIONS else STATUS)))
    async with session_over(panel, timeouts=BRIEF) as session:
        held(2.5)
        await make(session, verb, timeout=2.0)


@pytest.mark.parametrize("verb", ACTIONS)
@pytest.mark.parametrize(("silence", "at"), [(silent_for(2.0), 0.5), (forever, 3.5)], ids=["the client's", "ours"])
@pytest.mark.parametrize(("seconds", "state"), [(2.5, "closed"), (0.0, "open")], ids=["held", "not held"])
@virtual
async def test_no_silence_is_charged_to_a_node_while_the_loop_was_held(
    seconds: float, state: str, silence: Callable[[httpx.Request], Awaitable[httpx.Response]], at: float, verb: Verb
) -> None:
    script: list[Scripted] = [answer(200, LIST)]
    for _ in range(5):
        script += [silence, answer(200, LIST)]
    async with session_over(Panel(*script), timeouts=BRIEF) as session:
        await session.list_vpses()
        for _ in range(5):
            held(seconds, at=at)
            under_way = asyncio.create_task(make(session, verb))
            await asyncio.sleep(0.1)
            # Somebody else is answered meanwhile: else the panel would be silent, and no node to blame.
            await session.list_vpses()
            with pytest.raises(NoAnswerError) as found:
                await under_way
            assert found.value.timed_out is (seconds == 0.0)
        assert [report.state.value for report in session.node_states()] == [state]


@virtual
async def test_a_reading_that_a_hold_has_cut_off_is_tried_again() -> None:
    panel = Panel(silent_for(2.0))
    async with session_over(panel, timeouts=BRIEF) as session:
        held(2.5)
        await session.status(1)
    assert len(panel.requests) == 2
