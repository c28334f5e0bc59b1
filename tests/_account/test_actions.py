import asyncio
from collections.abc import Coroutine
from itertools import pairwise

import pytest
from attrs import frozen
from hypothesis import given, strategies as st
from panels import NO_RETRY, account_of, session_on, settled
from virtual_time import virtual, virtual_loop

from cvm_async import ActionFailedError, CvmError, CvmSession, Limits, NoAnswerError, NotSentError, Timeouts
from cvm_async._account.actions import Actions
from cvm_async._api.verbs import Verb
from cvm_async._deadline import Deadline
from cvm_async._exchange.sending import BeforeSend, Departure, Hold, free
from cvm_async._gates.gates import Gates
from cvm_async._gates.permit import Permit
from cvm_async.panel import PanelApp

SLOW = 10.0
"""Seconds that a start or stop takes on these panels."""


def slow_panel(vpses: int = 2) -> PanelApp:
    return PanelApp(vpses=vpses, nodes=1, boot_time=SLOW, shutdown_time=SLOW)


async def ends(*tasks: asyncio.Task[None]) -> list[type[BaseException] | None]:
    """Tell how each task ended: with which kind of error, or well."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [None if result is None else type(result) for result in results]


def now() -> float:
    return asyncio.get_running_loop().time()


@virtual
async def test_who_asks_for_the_same_joins_what_is_under_way() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        first, second = asyncio.create_task(session.stop(1)), asyncio.create_task(session.stop(1))
        await asyncio.sleep(5)
        third = asyncio.create_task(session.stop(1))
        assert await ends(first, second, third) == [None, None, None]
        assert now() == pytest.approx(SLOW)
    assert app.actions == [(1, "stop")]


@virtual
async def test_who_joins_hears_of_its_failure_too() -> None:
    app = slow_panel()
    app.set_power(1, "suspended")
    app.latency = 1.0
    async with session_on(app) as session:
        tasks = [asyncio.create_task(session.stop(1)) for _ in range(3)]
        assert await ends(*tasks) == [ActionFailedError] * 3
        # To each an error of its own, as callers may write into what they get.
        assert len({id(task.exception()) for task in tasks}) == 3
        assert len({str(task.exception()) for task in tasks}) == 1
    assert len(app.requests) == 1


@virtual
async def test_who_asks_for_the_opposite_waits_until_it_has_ended() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        stop = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        start, again = asyncio.create_task(session.start(1)), asyncio.create_task(session.start(1))
        assert await ends(stop, start, again) == [None, None, None]
    assert app.actions == [(1, "stop"), (1, "start")]
    assert [record.started for record in app.requests] == [0, SLOW]


@virtual
async def test_actions_on_other_vpses_do_not_wait() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        await asyncio.gather(session.stop(1), session.restart(2))
        assert [record.started for record in app.requests] == [0, 0]


@virtual
async def test_what_is_asked_for_once_the_last_has_ended_is_another_action() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        await session.restart(1)
        await session.restart(1)
    assert app.actions == [(1, "restart")] * 2


@pytest.mark.parametrize("who", [0, 1])
@virtual
async def test_the_cancellation_of_one_does_not_cut_off_the_other(who: int) -> None:
    app = slow_panel()
    async with session_on(app) as session:
        callers = [asyncio.create_task(session.stop(1)) for _ in range(2)]
        await asyncio.sleep(5)
        callers[who].cancel()
        assert await ends(*callers) == [asyncio.CancelledError if place == who else None for place in (0, 1)]
        assert now() == pytest.approx(SLOW)
    assert app.actions == [(1, "stop")]


@pytest.mark.parametrize("together", [True, False])
@virtual
async def test_the_cancellation_of_the_last_cuts_it_off_and_leaves_the_gates_whole(
    together: bool,  # noqa: FBT001 - a test's parameter
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = slow_panel()
    async with session_on(app) as session:
        callers = [asyncio.create_task(session.stop(1)) for _ in range(2)]
        await asyncio.sleep(5)
        for caller in callers:
            caller.cancel()
            if not together:
                await asyncio.wait([caller])
        assert await ends(*callers) == [asyncio.CancelledError] * 2
        assert account_of(session).gates.in_flight == 0
        assert now() == pytest.approx(5)
    assert [record.message for record in caplog.records] == [
        "panel.example.net: POST /api/client/vps/1/stop was cancelled while under way: its outcome is unknown"
    ]


@virtual
async def test_who_joins_an_action_while_it_is_cut_off_hears_that_its_outcome_is_unknown() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        first = asyncio.create_task(session.stop(1))
        await asyncio.sleep(5)
        first.cancel()
        second = asyncio.create_task(session.stop(1))
        assert await ends(first, second) == [asyncio.CancelledError, NoAnswerError]
    assert app.actions == [(1, "stop")]


@virtual
async def test_an_action_that_ends_as_its_last_caller_is_cancelled_leaves_no_complaint() -> None:
    app = slow_panel()
    app.set_power(1, "suspended")
    async with session_on(app) as session:
        for turns in range(60):
            caller = asyncio.create_task(session.stop(1))
            for _ in range(turns):
                await asyncio.sleep(0)
            caller.cancel()
            await asyncio.wait([caller])


@virtual
async def test_an_action_goes_on_in_its_place_when_the_run_that_began_it_is_cancelled() -> None:
    """Check that the place in the gates is the action's: it is not free before the action has ended."""
    app = slow_panel()
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        fleet = (await session.fleet()).select(ids=[1])
        run = asyncio.create_task(fleet.stop())
        await asyncio.sleep(1)
        joined = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        run.cancel()
        await asyncio.wait([run])
        assert account_of(session).gates.in_flight == 1
        await asyncio.gather(joined, session.status(2))
    assert app.peak_in_flight() == 1
    assert app.actions == [(1, "stop")]


@virtual
async def test_who_waits_for_another_action_holds_no_place_meanwhile() -> None:
    app = slow_panel()
    async with session_on(app, limits=Limits(max_concurrency=2)) as session:
        fleet = (await session.fleet()).select(ids=[1])
        stop = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        start = asyncio.create_task(fleet.start())
        await asyncio.sleep(1)
        assert account_of(session).gates.in_flight == 1
        await asyncio.gather(stop, start)
    assert app.actions == [(1, "stop"), (1, "start")]


@pytest.mark.parametrize(
    ("verb", "error", "words"),
    [
        pytest.param(
            "stop",
            NoAnswerError,
            "did not end within the 3 s that this call had; it goes on for another caller",
            id="the same",
        ),
        pytest.param("start", NotSentError, "another action was under way for all of the 3 s", id="the opposite"),
    ],
)
@virtual
async def test_a_timeout_bounds_the_wait_for_another_callers_action(
    verb: str, error: type[CvmError], words: str
) -> None:
    app = slow_panel()
    async with session_on(app) as session:
        stop = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        with pytest.raises(error, match=words):
            await getattr(session, verb)(1, timeout=3)
        assert now() == pytest.approx(4)
        await stop
    assert app.actions == [(1, "stop")]


@frozen
class End:
    """How a call ended, and when."""

    error: type[BaseException] | None
    words: str
    at: float


async def ended(call: Coroutine[object, object, None], after: float = 0.0) -> End:
    await asyncio.sleep(after)
    try:
        await call
    except CvmError as error:
        return End(type(error), error.message, now())
    return End(None, "", now())


GOES_ON = "goes on for another caller"
NO_TURN = "neither its turn nor a connection came"
NO_ANSWER = "no whole answer within the"


@pytest.mark.parametrize(
    ("timeouts", "expected"),
    [
        pytest.param((3, None), [(NoAnswerError, GOES_ON, 3), (None, "", SLOW)], id="the first, who began it"),
        pytest.param((None, 3), [(None, "", SLOW), (NoAnswerError, GOES_ON, 4)], id="the second, who joined it"),
        pytest.param((3, 4), [(NoAnswerError, GOES_ON, 3), (NoAnswerError, NO_ANSWER + " 4 s", 5)], id="one by one"),
        pytest.param((3, 2), [(NoAnswerError, NO_ANSWER, 3), (NoAnswerError, NO_ANSWER, 3)], id="in one instant"),
        pytest.param((3, 11), [(NoAnswerError, GOES_ON, 3), (None, "", SLOW)], id="the first, before it ends in time"),
        pytest.param((3,), [(NoAnswerError, NO_ANSWER + " 3 s that the call had", 3)], id="alone"),
    ],
)
@virtual
async def test_a_timeout_bounds_its_own_callers_wait_and_the_last_ones_the_action(
    timeouts: tuple[float | None, ...], expected: list[tuple[type[BaseException] | None, str, float]]
) -> None:
    app = slow_panel()
    async with session_on(app) as session:
        calls = [ended(session.stop(1, timeout=timeout), after) for after, timeout in enumerate(timeouts)]
        ends = await asyncio.gather(*calls)
    for end, (error, words, at) in zip(ends, expected, strict=True):
        assert end.error is error
        assert words in end.words
        assert end.at == pytest.approx(at)
    assert app.actions == [(1, "stop")]


@virtual
async def test_the_last_of_those_whose_action_had_no_turn_hears_that_it_was_not_sent() -> None:
    app = slow_panel()
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        other = asyncio.create_task(session.stop(2))
        ends = await asyncio.gather(*(ended(session.stop(1, timeout=timeout)) for timeout in (3, 4)))
        await other
    first, second = ends
    assert (first.error, first.at) == (NoAnswerError, 3)
    assert GOES_ON in first.words
    assert (second.error, second.at) == (NotSentError, 4)
    assert NO_TURN in second.words
    assert app.actions == [(2, "stop")]


@virtual
async def test_who_is_cancelled_and_who_is_out_of_time_leave_an_action_to_the_third() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        cancelled = asyncio.create_task(session.stop(1))
        others = [asyncio.create_task(ended(session.stop(1, timeout=timeout))) for timeout in (3, None)]
        await asyncio.sleep(2)
        cancelled.cancel()
        first, second = await asyncio.gather(*others)
    assert cancelled.cancelled()
    assert (first.error, first.at) == (NoAnswerError, 3)
    assert (second.error, second.at) == (None, SLOW)
    assert app.actions == [(1, "stop")]


@virtual
async def test_who_is_cancelled_while_the_action_that_it_was_the_last_for_is_being_ended_is_cancelled() -> None:
    clings: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(_: Permit, limit: Deadline, _departure: Departure) -> None:
        with limit:
            try:
                await asyncio.sleep(SLOW)
            finally:
                await clings

    caller = asyncio.create_task(Actions().perform(Verb.STOP, 1, Permit(Gates(Limits(), now), 1), send, timeout=1.0))
    await asyncio.sleep(2)
    caller.cancel()
    await asyncio.wait([caller])
    assert caller.cancelled()


@pytest.mark.parametrize("timeouts", [(0.2, None), (None, 0.2)], ids=["the fleet's begins", "the fleet's joins"])
@virtual
async def test_a_fleets_run_and_a_sessions_call_leave_an_action_to_each_other(
    timeouts: tuple[float | None, float | None],
) -> None:
    """Check it with a run whose session allows each of its calls so many seconds, and the other way round."""
    app = slow_panel()
    of_fleet, of_call = timeouts
    async with session_on(app, timeouts=Timeouts(total=of_fleet), retry=NO_RETRY) as session:
        fleet = (await session.fleet()).select(ids=[1])
        run = asyncio.create_task(fleet.stop())
        call = asyncio.create_task(ended(session.stop(1, timeout=of_call or 100.0), 0.1))
        (outcome,), end = await asyncio.gather(run, call)
    assert outcome.ok is (of_fleet is None)
    assert (end.error is None) is (of_call is None)
    impatient = end.words if of_fleet is None else str(outcome.error)
    assert GOES_ON in impatient
    assert app.actions == [(1, "stop")]


@virtual
async def test_what_waiting_took_of_the_timeout_is_not_there_for_sending() -> None:
    app = slow_panel()
    async with session_on(app, timeouts=Timeouts(total=15.0)) as session:
        stop = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        with pytest.raises(NoAnswerError, match="no whole answer within the 6 s"):
            await session.start(1)
        assert now() == pytest.approx(16)
        await stop


@virtual
async def test_a_timeout_ends_an_action_that_waits_for_room_unsent() -> None:
    app = slow_panel()
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        stop = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        with pytest.raises(NotSentError):
            await session.stop(2, timeout=3)
        await stop
    assert app.actions == [(1, "stop")]


def held() -> str:
    return "enough"


@pytest.mark.parametrize(
    ("holds", "sent"),
    [([held], False), ([held, held], False), ([held, free], True), ([free, held], True), ([free, free], True)],
)
@virtual
async def test_an_action_leaves_where_one_of_its_callers_wants_it_to(holds: list[Hold], sent: bool) -> None:  # noqa: FBT001 - a row of a table
    app = slow_panel()
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        other = asyncio.create_task(session.stop(2))
        await asyncio.sleep(1)
        # All of them want it as long as it waits for its turn.
        want = True
        callers = [
            asyncio.create_task(
                account_of(session).power(Verb.STOP, 1, hold=lambda hold=hold: None if want else hold())  # type: ignore[misc]
            )
            for hold in holds
        ]
        await asyncio.sleep(1)
        want = False
        assert await ends(other, *callers) == [None, *([None if sent else NotSentError] * len(holds))]
    assert app.actions == [(2, "stop"), *([(1, "stop")] if sent else [])]


@virtual
async def test_an_action_that_is_held_back_while_another_is_under_way_is_not_begun() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        other = asyncio.create_task(session.restart(1))
        await asyncio.sleep(1)
        with pytest.raises(NotSentError, match=r"^not begun: enough"):
            await account_of(session).power(Verb.STOP, 1, hold=held)
        await other
    assert app.actions == [(1, "restart")]


@virtual
async def test_who_joins_an_action_that_is_cut_off_before_its_turn_hears_that_it_was_not_sent() -> None:
    app = slow_panel()
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        other = asyncio.create_task(session.stop(2))
        await asyncio.sleep(1)
        first = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        first.cancel()
        second = asyncio.create_task(session.stop(1))
        assert await ends(other, first, second) == [None, asyncio.CancelledError, NotSentError]
    assert app.actions == [(2, "stop")]


def told(app: PanelApp, name: str, log: list[tuple[str, int]]) -> BeforeSend:
    """Give what notes, after a second, who was told and how many requests the panel had seen by then."""

    async def before_send() -> None:
        await asyncio.sleep(1.0)
        log.append((name, len(app.requests)))

    return before_send


@virtual
async def test_all_who_ask_for_an_action_are_told_before_it_leaves_and_later_ones_as_they_come() -> None:
    app = slow_panel()
    log: list[tuple[str, int]] = []
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:

        def stop(name: str) -> asyncio.Task[None]:
            return asyncio.create_task(account_of(session).power(Verb.STOP, 1, before_send=told(app, name, log)))

        other = asyncio.create_task(session.stop(2))
        await asyncio.sleep(1)
        early = [stop("first"), stop("second"), asyncio.create_task(session.stop(1))]
        # The first is being told.
        await asyncio.sleep(SLOW - 0.5)
        early.append(stop("third"))
        assert await ends(other, *early) == [None] * 5
    assert app.actions == [(2, "stop"), (1, "stop")]
    assert log == [("first", 1), ("third", 1), ("second", 1)]


@virtual
async def test_who_has_left_an_action_before_it_leaves_is_not_told() -> None:
    app = slow_panel()
    log: list[tuple[str, int]] = []
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        other = asyncio.create_task(session.stop(2))
        await asyncio.sleep(1)
        first, second, third, fourth = [
            asyncio.create_task(account_of(session).power(Verb.STOP, 1, before_send=told(app, name, log)))
            for name in ("first", "second", "third", "fourth")
        ]
        await asyncio.sleep(1)
        first.cancel()
        await other
        # While the second is being told.
        await asyncio.sleep(0.5)
        third.cancel()
        left = asyncio.CancelledError
        assert await ends(first, second, third, fourth) == [left, None, left, None]
    assert app.actions == [(2, "stop"), (1, "stop")]
    assert log == [("second", 1), ("fourth", 1)]


@virtual
async def test_a_bad_id_is_refused_and_nothing_stays_noted() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        with pytest.raises(CvmError):
            await session.start(0)


@virtual
async def test_it_is_right_with_tasks_that_start_eagerly() -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("new in Python 3.12")
    asyncio.get_running_loop().set_task_factory(factory)
    app = slow_panel()
    log: list[tuple[str, int]] = []
    async with session_on(app) as session:
        await account_of(session).power(Verb.STOP, 2, before_send=told(app, "first", log))
        assert log == [("first", 0)]
        await asyncio.gather(session.stop(1), session.stop(1), session.start(1))
        await session.list_vpses()
    asyncio.get_running_loop().set_task_factory(None)
    assert app.actions == [(2, "stop"), (1, "stop"), (1, "start")]


@virtual
async def test_who_asks_in_the_very_step_in_which_the_action_ends_begins_another() -> None:
    room = Gates(Limits(), now)
    actions = Actions()
    sent: list[Permit] = []
    goes_on: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(permit: Permit, _: Deadline, _departure: Departure) -> None:
        sent.append(permit)
        await goes_on

    first = asyncio.create_task(actions.perform(Verb.STOP, 1, Permit(room, 1), send))
    await settled()
    goes_on.set_result(None)
    # Begins right after the action's last step, and before anybody was told of its end.
    second = asyncio.create_task(actions.perform(Verb.STOP, 1, Permit(room, 1), send))
    await asyncio.gather(first, second)
    assert len(sent) == 2
    assert len(actions) == 0


@virtual
async def test_a_timeout_of_the_sending_itself_comes_out_as_it_is() -> None:
    async def send(_permit: Permit, _limit: Deadline, _departure: Departure) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await Actions().perform(Verb.STOP, 1, Permit(Gates(Limits(), now), 1), send, timeout=5.0)


@frozen
class Asker:
    """A caller: what it asks for, when, for how long, and when it is cancelled."""

    verb: str
    vps_id: int
    after: float
    timeout: float | None
    cancelled_after: float | None

    async def ask(self, session: CvmSession) -> None:
        """Ask, and be answered in time."""
        await asyncio.sleep(self.after)
        try:
            await getattr(session, self.verb)(self.vps_id, timeout=self.timeout)
        finally:
            assert self.timeout is None or now() <= self.after + self.timeout


SECONDS = st.integers(0, 40)
ASKERS = st.lists(
    st.builds(
        Asker,
        verb=st.sampled_from(["start", "stop", "restart"]),
        vps_id=st.integers(1, 2),
        after=SECONDS,
        timeout=st.one_of(st.none(), SECONDS.map(lambda seconds: seconds + 0.25)),
        cancelled_after=st.one_of(st.none(), SECONDS.map(lambda seconds: seconds + 0.5)),
    ),
    max_size=8,
)


async def cancelled_later(task: asyncio.Task[None], after: float) -> None:
    await asyncio.sleep(after)
    task.cancel()


@given(ASKERS)
@virtual
async def test_whoever_asks_and_leaves_no_two_actions_on_one_vps_are_in_flight_and_all_are_answered_in_time(
    askers: list[Asker],
) -> None:
    app = slow_panel()
    async with session_on(app, retry=NO_RETRY) as session:
        tasks: list[asyncio.Task[None]] = []
        for asker in askers:
            task = asyncio.create_task(asker.ask(session))
            tasks.append(task)
            if asker.cancelled_after is not None:
                tasks.append(asyncio.create_task(cancelled_later(task, asker.cancelled_after)))
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(100)
    assert all(end is None or isinstance(end, (CvmError, asyncio.CancelledError)) for end in ends)
    assert len(app.requests) <= len(askers)
    for vps_id in (1, 2):
        of_vps = [record for record in app.requests if record.vps == vps_id]
        for earlier, later in pairwise(of_vps):
            # A simulated script outlives a caller that was cancelled, so a request may begin while it goes on; but
            # then its client had gone, and the panel, whose VPS is locked, says no.
            assert earlier.ended is not None
            assert later.started >= earlier.ended or later.status == 500


@virtual
async def test_an_action_that_waits_for_another_one_is_not_sent_when_its_time_was_over_on_a_blocked_loop() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        stop = asyncio.create_task(session.stop(1))
        await asyncio.sleep(1)
        start = asyncio.create_task(session.start(1, timeout=SLOW))
        await asyncio.sleep(SLOW - 2)
        virtual_loop().hold(60.0)
        assert await ends(stop, start) == [None, NotSentError]
    assert app.actions == [(1, "stop")]
