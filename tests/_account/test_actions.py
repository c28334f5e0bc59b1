import asyncio
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st
from panels import NO_RETRY, account_of, session_on, settled
from virtual_time import virtual

from cvm_async import ActionFailedError, CvmError, CvmSession, Limits, NoAnswerError, NotSentError, Timeouts
from cvm_async._account.actions import Actions
from cvm_async._api.verbs import Verb
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
        pytest.param("stop", NoAnswerError, "that was under way already did not end within 3 s", id="the same"),
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
    async with session_on(app) as session:
        await asyncio.gather(session.stop(1), session.stop(1), session.start(1))
        await session.list_vpses()
    asyncio.get_running_loop().set_task_factory(None)
    assert app.actions == [(1, "stop"), (1, "start")]


@virtual
async def test_who_asks_in_the_very_step_in_which_the_action_ends_begins_another() -> None:
    room = Gates(Limits(), now)
    actions = Actions()
    sent: list[Permit] = []
    goes_on: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(turn: Permit, _: float | None) -> None:
        sent.append(turn)
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
    async def send(_: Permit, left: float | None) -> None:
        assert left == 5
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await Actions().perform(Verb.STOP, 1, Permit(Gates(Limits(), now), 1), send, timeout=5.0)


ASKERS = st.lists(
    st.tuples(
        st.sampled_from(["start", "stop", "restart"]),
        st.integers(1, 2),
        st.integers(0, 30),
        st.one_of(st.none(), st.integers(0, 40)),
    ),
    max_size=8,
)


async def ask(session: CvmSession, verb: str, vps_id: int, after: float) -> None:
    await asyncio.sleep(after)
    await getattr(session, verb)(vps_id)


async def cancelled_later(task: asyncio.Task[None], after: float) -> None:
    await asyncio.sleep(after)
    task.cancel()


@settings(max_examples=100)
@given(ASKERS)
@virtual
async def test_never_are_two_actions_on_one_vps_in_flight(askers: list[tuple[str, int, int, int | None]]) -> None:
    app = slow_panel()
    async with session_on(app, retry=NO_RETRY) as session:
        tasks: list[asyncio.Task[None]] = []
        for verb, vps_id, after, cancelled_after in askers:
            task = asyncio.create_task(ask(session, verb, vps_id, after))
            tasks.append(task)
            if cancelled_after is not None:
                tasks.append(asyncio.create_task(cancelled_later(task, cancelled_after + 0.5)))
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(100)
    for vps_id in (1, 2):
        of_vps = [record for record in app.requests if record.vps == vps_id]
        for earlier, later in pairwise(of_vps):
            # A simulated script outlives a caller that was cancelled, so a request may begin while it goes on; but
            # then its client had gone, and the panel, whose VPS is locked, says no.
            assert earlier.ended is not None
            assert later.started >= earlier.ended or later.status == 500
