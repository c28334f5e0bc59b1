# pyright: reportPrivateUsage=false
import asyncio
from itertools import pairwise
from typing import Any, cast

import pytest
from attrs import frozen
from hypothesis import given, settings, strategies as st
from panels import account_of, calls, fleet_of, session_on, settled
from virtual_time import LONG, virtual, virtual_loop

from cvm_async import (
    AuthenticationError,
    Breaker,
    ConfigurationError,
    CvmError,
    CvmSession,
    Limits,
    NodeState,
    NotSupportedError,
    PanelError,
    PowerState,
    SessionClosedError,
    Timeouts,
    VpsNotFoundError,
    VpsStatus,
    WaitTimeoutError,
)
from cvm_async._account.waits import DEAD_ENDS, MOST_STALE
from cvm_async._deadline import GRACE
from cvm_async.panel import Answer, Hang, PanelApp, Reset, bad_gateway, garbage, too_many_requests

RUNNING, STOPPED = PowerState.RUNNING, PowerState.STOPPED


def now() -> float:
    return asyncio.get_running_loop().time()


def readings(app: PanelApp) -> list[float]:
    return [record.started for record in calls(app, "status")]


def waiting(
    session: CvmSession, vps: int = 1, state: PowerState = STOPPED, *, timeout: float = 100.0, interval: float = 2.0
) -> "asyncio.Task[VpsStatus]":
    return asyncio.create_task(session.wait_until(vps, state, timeout=timeout, interval=interval))


async def end(*tasks: "asyncio.Task[VpsStatus]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@virtual
async def test_the_status_is_read_at_once_and_then_at_each_interval() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        wait = waiting(session)
        await asyncio.sleep(5)
        app.set_power(1, "stopped")
        status = await wait
        assert (status.state, now()) == (STOPPED, 6)
    assert readings(app) == [0, 2, 4, 6]


@virtual
async def test_one_reading_an_interval_serves_all_who_wait_for_a_vps() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        waits: list[asyncio.Task[VpsStatus]] = []
        for _ in range(10):
            waits.append(waiting(session))
            await asyncio.sleep(0.7)
        app.set_power(1, "stopped")
        assert {status.state for status in await asyncio.gather(*waits)} == {STOPPED}
    assert readings(app) == [0, 2, 4, 6, 8]


@virtual
async def test_the_shortest_interval_is_that_of_the_vps() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        slow = waiting(session, interval=60.0)
        await asyncio.sleep(10)
        quick = waiting(session, interval=4.0)
        await asyncio.sleep(10)
        assert readings(app) == [0, 10, 14, 18]
        # The slow one is still read for when the quick one has gone.
        await end(quick)
        await asyncio.sleep(100 - now() - 1)
        assert readings(app) == [0, 10, 14, 18, 78]
        with pytest.raises(WaitTimeoutError):
            await slow


@virtual
async def test_a_slow_answer_does_not_make_readings_pile_up() -> None:
    app = PanelApp(vpses=1, latency=5.0)
    async with session_on(app) as session:
        wait = waiting(session, interval=2.0)
        await asyncio.sleep(12)
        await end(wait)
    assert readings(app) == [0, 5, 10]
    assert app.peak_in_flight() == 1


@virtual
async def test_a_reading_that_began_before_a_wait_does_not_satisfy_it() -> None:
    app = PanelApp(vpses=1, latency=1.0)
    async with session_on(app) as session:
        first = waiting(session, state=STOPPED)
        # In the very instant in which the first reading begins, and in the middle of it.
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(app.requests) == 1
        second = waiting(session, state=RUNNING)
        await asyncio.sleep(0.5)
        third = waiting(session, state=RUNNING)
        await asyncio.sleep(1)
        assert not second.done()
        assert not third.done()
        await asyncio.gather(second, third)
        assert now() == pytest.approx(3.0)
        await end(first)


@virtual
async def test_a_wait_that_ends_during_a_reading_does_not_keep_it_from_the_others() -> None:
    app = PanelApp(vpses=1, latency=5.0)
    async with session_on(app) as session:
        short, long = waiting(session, state=RUNNING, timeout=3.0), waiting(session, state=RUNNING)
        with pytest.raises(WaitTimeoutError):
            await short
        assert (await long).state is RUNNING
    assert readings(app) == [0]


@virtual
async def test_a_restart_is_not_satisfied_by_a_reading_from_before_it() -> None:
    app = PanelApp(vpses=1, latency=3.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        watcher = waiting(session, state=STOPPED)
        await asyncio.sleep(1)
        report = await fleet.restart(wait=True)
        assert [outcome.ok for outcome in report] == [True]
        restarted = calls(app, "restart")[0]
        assert restarted.started == 1
        # The watcher's first reading ended at 3, and showed running; the one that counts began after the restart.
        assert now() == pytest.approx(6.0)
        await end(watcher)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(wanted, found) for wanted, dead in DEAD_ENDS.items() for found in sorted(dead)],
)
@virtual
async def test_a_state_that_can_no_longer_come_ends_the_wait_at_once(wanted: PowerState, found: PowerState) -> None:
    app = PanelApp(vpses=1)
    app.set_power(1, found.value)
    async with session_on(app) as session:
        with pytest.raises(WaitTimeoutError, match=f"it is {found}, and will not be {wanted}") as caught:
            await session.wait_until(1, wanted)
        assert caught.value.last is not None
        assert caught.value.last.state is found
        assert now() == 0


@virtual
async def test_a_wait_that_is_over_tells_what_it_saw_last() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        with pytest.raises(WaitTimeoutError) as caught:
            await session.wait_until(1, STOPPED, timeout=5.0)
        assert now() == pytest.approx(5)
        assert str(caught.value) == "it did not become stopped within 5 s: it is running (VPS 1)"
        assert caught.value.last is not None
        assert caught.value.last.state is RUNNING


@virtual
async def test_a_wait_is_over_in_time_also_while_a_reading_hangs() -> None:
    app = PanelApp(vpses=1)
    app.inject(Hang(), times=None)
    async with session_on(app) as session:
        with pytest.raises(WaitTimeoutError, match="its state could not be read") as caught:
            await session.wait_until(1, STOPPED, timeout=5.0)
        assert now() == pytest.approx(5)
        assert caught.value.last is None


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(bad_gateway(), id="502"),
        pytest.param(too_many_requests(), id="429"),
        pytest.param(Answer(status=500), id="an empty 500"),
        pytest.param(Answer(status=522, body=b"<html>"), id="522"),
        pytest.param(Answer(status=503, body=b"<html>"), id="503 of a proxy"),
        pytest.param(Answer(body=b'{"errors":["The status could not be read."]}'), id="errors with 200"),
        pytest.param(Answer(body=b"Could not connect to the database."), id="a sentence of text"),
        pytest.param(garbage(), id="garbage"),
        pytest.param(Reset(), id="a reset"),
    ],
)
@virtual
async def test_a_reading_that_fails_in_passing_is_followed_by_the_next(fault: Answer | Reset) -> None:
    app = PanelApp(vpses=1)
    app.inject(fault, skip=1, times=2)
    async with session_on(app) as session:
        wait = waiting(session)
        await asyncio.sleep(5)
        app.set_power(1, "stopped")
        await wait
    assert readings(app) == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("timeout", "interval", "stops_at", "read"),
    [
        pytest.param(3.5, 2.0, 2.2, [0, 2, 3.5], id="between two readings the deadline is one"),
        pytest.param(3.0, 10.0, 1.0, [0, 3], id="before the second reading, too"),
        pytest.param(4.0, 2.0, 3.0, [0, 2, 4], id="at the same time"),
    ],
)
@virtual
async def test_a_last_look_is_taken_at_the_deadline(
    timeout: float, interval: float, stops_at: float, read: list[float]
) -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        wait = waiting(session, timeout=timeout, interval=interval)
        await asyncio.sleep(stops_at)
        app.set_power(1, "stopped")
        assert (await wait).state is STOPPED
        assert now() == timeout
    assert readings(app) == read


@virtual
async def test_a_last_look_may_take_a_little_time_and_no_more() -> None:
    app = PanelApp(vpses=1, latency=1.0)
    async with session_on(app) as session:
        app.set_power(1, "stopped")
        assert (await session.wait_until(1, STOPPED, timeout=0.5)).state is STOPPED
        app.inject(Hang(), times=None)
        with pytest.raises(WaitTimeoutError):
            await session.wait_until(1, RUNNING, timeout=10.0, interval=30.0)
        assert now() == pytest.approx(1 + 10)


@virtual
async def test_a_slow_reading_from_before_the_deadline_is_followed_by_one_from_it() -> None:
    app = PanelApp(vpses=1, latency=1.5)
    async with session_on(app) as session:
        wait = waiting(session, timeout=3.0, interval=2.0)
        await asyncio.sleep(3.6)
        app.set_power(1, "stopped")
        assert (await wait).state is STOPPED
        assert now() == pytest.approx(3.5 + 1.5)
    assert readings(app) == [0, 2, 3.5]


@virtual
async def test_a_loop_that_was_held_past_the_deadline_looks_once_more() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        wait = waiting(session, timeout=10.0, interval=2.0)
        await asyncio.sleep(1)
        app.set_power(1, "stopped")
        virtual_loop().hold(60.0)
        assert (await wait).state is STOPPED
    assert readings(app) == [0, 61]


@virtual
async def test_a_reading_whose_turn_had_not_come_when_the_loop_was_held_past_the_deadline_has_its_time() -> None:
    app = PanelApp(vpses=2, nodes=1, latency=0.5)
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        waits = [asyncio.create_task(session.wait_until(vps_id, STOPPED, timeout=1.0)) for vps_id in (1, 2)]
        await asyncio.sleep(0.2)
        for vps_id in (1, 2):
            app.set_power(vps_id, "stopped")
        virtual_loop().hold(60.0)
        assert [status.state for status in await asyncio.gather(*waits)] == [STOPPED, STOPPED]


@virtual
async def test_a_last_reading_that_arrived_while_the_loop_was_blocked_counts() -> None:
    app = PanelApp(vpses=1, latency=1.0)
    async with session_on(app) as session:
        wait = waiting(session, timeout=3.0, interval=10.0)
        await asyncio.sleep(2)
        app.set_power(1, "stopped")
        await asyncio.sleep(1.2)
        virtual_loop().hold(60.0)
        assert (await wait).state is STOPPED
    assert readings(app) == [0, 3]


@virtual
async def test_a_last_reading_that_did_not_arrive_while_the_loop_was_blocked_is_given_up() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        wait = waiting(session, timeout=3.0, interval=10.0)
        await asyncio.sleep(2)
        app.latency = 1e3
        await asyncio.sleep(1.2)
        virtual_loop().hold(60.0)
        with pytest.raises(WaitTimeoutError):
            await wait
        assert now() == pytest.approx(63.2 + GRACE)


@virtual
async def test_a_panel_that_asks_to_wait_past_the_deadline_is_not_asked_again() -> None:
    app = PanelApp(vpses=1)
    app.inject(too_many_requests(retry_after="20"))
    async with session_on(app) as session:
        with pytest.raises(WaitTimeoutError):
            await session.wait_until(1, STOPPED, timeout=5.0)
        assert now() == 5
    assert readings(app) == [0]


@virtual
async def test_without_a_limit_it_waits_for_as_long_as_it_takes() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        wait = asyncio.create_task(session.wait_until(1, STOPPED, timeout=None, interval=600.0))
        await asyncio.sleep(7 * 24 * 3600)
        assert not wait.done()
        app.set_power(1, "stopped")
        assert (await wait).state is STOPPED


@virtual
async def test_what_is_kept_of_waits_that_are_over_is_bounded() -> None:
    app = PanelApp(vpses=2)
    async with session_on(app) as session:
        long = waiting(session, 2, timeout=1e6, interval=1e5)
        for _ in range(1000):
            await session.wait_until(1, RUNNING, timeout=1e6)
        assert len(account_of(session).waits._agenda) <= MOST_STALE + 4 * 2 + 1
        await end(long)


@virtual
async def test_what_went_wrong_last_is_told_when_the_time_is_over() -> None:
    app = PanelApp(vpses=1)
    app.inject(bad_gateway(), skip=1, times=None)
    async with session_on(app) as session:
        with pytest.raises(WaitTimeoutError, match="it is running; the last reading failed: a proxy answered 502"):
            await session.wait_until(1, STOPPED, timeout=5.0)


@virtual
async def test_a_panel_that_asks_for_a_pause_gets_it() -> None:
    app = PanelApp(vpses=1)
    app.inject(too_many_requests(retry_after="20"))
    async with session_on(app) as session:
        wait = waiting(session, state=RUNNING)
        await wait
    assert readings(app) == [0, 20]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param(Answer(status=401, body=b'{"errors":["no"]}'), AuthenticationError, id="401"),
        pytest.param(Answer(status=404, body=b'{"errors":["no"]}'), VpsNotFoundError, id="404"),
        pytest.param(Answer(status=403, body=b"<html>"), PanelError, id="403 of a firewall"),
    ],
)
@virtual
async def test_a_reading_that_can_never_succeed_ends_the_wait(fault: Answer, error: type[CvmError]) -> None:
    app = PanelApp(vpses=1)
    app.inject(fault)
    async with session_on(app) as session:
        with pytest.raises(error):
            await session.wait_until(1, STOPPED)
        assert now() == 0


@virtual
async def test_a_bad_id_ends_the_wait_and_takes_no_room_for_good() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        for _ in range(3):
            with pytest.raises(ConfigurationError):
                await session.wait_until(0, STOPPED)
        await session.status(1)


@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), float("inf"), True, "2"])
@pytest.mark.parametrize("knob", ["timeout", "interval"])
@virtual
async def test_what_is_no_number_of_seconds_is_refused(knob: str, bad: float) -> None:
    async with session_on(PanelApp(vpses=1)) as session:
        with pytest.raises(ConfigurationError, match=knob):
            await session.wait_until(1, STOPPED, **cast("dict[str, Any]", {knob: bad}))


@virtual
async def test_a_node_that_is_open_is_not_polled_until_it_has_cooled_down() -> None:
    app = PanelApp(vpses=1, nodes=1)
    app.unreachable_node(1, after=0.0, answer="503")
    async with session_on(app, limits=Limits(breaker=Breaker(failures=2, cool_down=30.0))) as session:
        await session.fleet()
        wait = waiting(session)
        await asyncio.sleep(10)
        assert session.node_states()[0].state is NodeState.OPEN
        app.heal_node(1)
        app.set_power(1, "stopped")
        await wait
    *before, probe = readings(app)
    assert before == [0, 2]
    # At most the cool-down later, of which a fifth is left to chance.
    assert 2 + 24 <= probe <= 2 + 30


@virtual
async def test_five_hundred_waits_are_one_timer_and_a_few_tasks() -> None:
    app = PanelApp(vpses=500, nodes=10, latency=0.1)
    async with session_on(app, limits=Limits(max_concurrency=16)) as session:
        await session.fleet()
        before = len(asyncio.all_tasks())
        waits = [waiting(session, vps.id, PowerState.TERMINATED, interval=10.0) for vps in app.world]
        await asyncio.sleep(35)
        # Of the poller: its own task and its workers; of the panel: what it works on.
        assert len(asyncio.all_tasks()) - before <= len(waits) + 1 + 2 * 16 + 16
        # The poller's one, two that each request has for its time, and that of the panel's work on it.
        assert len(virtual_loop().timers) <= 1 + 3 * 16
        assert len(readings(app)) == pytest.approx(4 * 500, abs=32)
        assert len(account_of(session).waits) == 500
        await end(*waits)


@virtual
async def test_no_task_and_no_timer_is_left_after_the_last_wait() -> None:
    app = PanelApp(vpses=2, latency=1.0)
    async with session_on(app) as session:
        waits = [waiting(session, 1), waiting(session, 2)]
        await asyncio.sleep(0.5)
        await end(*waits)
        await settled()
        # Of the panel, which works on two requests whose caller has gone.
        assert len(asyncio.all_tasks()) == 1 + 2
        assert len(virtual_loop().timers) == 2
        # And it begins anew.
        await session.wait_until(1, RUNNING)


@virtual
async def test_a_vps_that_nobody_waits_for_any_more_is_not_read_though_its_turn_comes() -> None:
    app = PanelApp(vpses=3, latency=10.0)
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        first, second, third = (waiting(session, vps, interval=60.0) for vps in (1, 2, 3))
        await asyncio.sleep(5)
        await end(second)
        await asyncio.sleep(20)
        assert [record.vps for record in calls(app, "status")] == [1, 3]
        # Who comes back for it is served.
        again = waiting(session, 2, RUNNING)
        await again
        await end(first, third)


@virtual
async def test_who_comes_while_another_wait_for_the_vps_has_ended_but_not_gone_is_served() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:

        async def twice() -> None:
            await session.wait_until(1, RUNNING)
            await session.wait_until(1, RUNNING)

        await asyncio.gather(*(twice() for _ in range(3)))


@virtual
async def test_each_who_waits_for_a_vps_has_an_error_of_its_own() -> None:
    app = PanelApp(vpses=1, latency=1.0)
    async with session_on(app) as session:
        waits = [waiting(session, 1) for _ in range(3)]
        await asyncio.sleep(0.5)
        app.remove_vps(1)
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert len({id(end) for end in ends}) == 3
        assert {type(end) for end in ends} == {VpsNotFoundError}


@virtual
async def test_waits_end_when_the_session_is_closed() -> None:
    app = PanelApp(vpses=2, latency=1.0)
    async with session_on(app) as session:
        waits = [waiting(session, vps) for vps in (1, 2)]
        await asyncio.sleep(5.5)
        await session.aclose()
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(end) for end in ends] == [SessionClosedError] * 2
        with pytest.raises(SessionClosedError):
            await session.wait_until(1, RUNNING)


@virtual
async def test_a_wait_that_is_cancelled_as_it_ends_leaves_no_complaint() -> None:
    app = PanelApp(vpses=1)
    async with session_on(app) as session:
        for turns in range(60):
            wait = waiting(session, 1, RUNNING)
            for _ in range(turns):
                await asyncio.sleep(0)
            await end(wait)
            gone = waiting(session, 0, RUNNING)
            for _ in range(turns):
                await asyncio.sleep(0)
            await end(gone)


@frozen
class Waiter:
    vps: int
    wanted: PowerState
    after: int
    interval: int
    timeout: int
    cancelled_at: int | None

    async def wait(self, session: CvmSession, history: list[tuple[float, str]]) -> None:
        await asyncio.sleep(self.after)
        began, learned = now(), LONG
        try:
            await session.wait_until(self.vps, self.wanted, interval=self.interval, timeout=self.timeout)
            learned = now()
        except WaitTimeoutError:
            assert now() == pytest.approx(began + self.timeout)
        assert learned <= self.knows_at_the_latest(began, history)

    def knows_at_the_latest(self, began: float, history: list[tuple[float, str]]) -> float:
        """If the state held for a whole interval within the wait, it must have been seen by the interval's end."""
        for (since, power), (until, _) in pairwise([*history, (LONG, "")]):
            holds_from = max(since, began)
            if power == self.wanted and holds_from + self.interval < min(until, began + self.timeout):
                return holds_from + self.interval
        return LONG


WAITERS = st.lists(
    st.builds(
        Waiter,
        vps=st.integers(1, 3),
        wanted=st.sampled_from([RUNNING, STOPPED]),
        after=st.integers(0, 40),
        interval=st.integers(1, 20),
        timeout=st.integers(1, 60),
        cancelled_at=st.one_of(st.none(), st.integers(0, 60)),
    ),
    min_size=1,
    max_size=8,
)
CHANGES = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(["running", "stopped"]), st.integers(0, 60)), max_size=8
)


@settings(max_examples=75)
@given(WAITERS, CHANGES)
@virtual
async def test_every_waiter_learns_at_most_one_interval_late(
    waiters: list[Waiter], changes: list[tuple[int, str, int]]
) -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1))
    # By VPS: since when it is what.
    history: dict[int, list[tuple[float, str]]] = {vps: [(-1.0, "running")] for vps in (1, 2, 3)}

    async def change(vps: int, power: str, at: float) -> None:
        # A quarter past: never in the very instant of a reading.
        await asyncio.sleep(at + 0.25)
        app.set_power(vps, power)
        history[vps].append((at + 0.25, power))

    async with session_on(app, timeouts=Timeouts(read=1.0)) as session, asyncio.TaskGroup() as group:
        for vps, power, at in changes:
            group.create_task(change(vps, power, at))
        for waiter in waiters:
            task = group.create_task(waiter.wait(session, history[waiter.vps]))
            if waiter.cancelled_at is not None:
                asyncio.get_running_loop().call_later(waiter.cancelled_at + 0.5, task.cancel)


@given(WAITERS)
@virtual
async def test_no_vps_is_read_more_often_than_the_most_impatient_asks_however_many_wait(
    waiters: list[Waiter],
) -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1))
    for vps in (1, 2, 3):
        app.set_power(vps, "suspended")

    async def wait(session: CvmSession, waiter: Waiter) -> None:
        await asyncio.sleep(waiter.after)
        with pytest.raises(WaitTimeoutError):
            await session.wait_until(
                waiter.vps, PowerState.TERMINATED, interval=waiter.interval, timeout=waiter.timeout
            )

    async with session_on(app) as session, asyncio.TaskGroup() as group:
        # Somebody waits all the time: for a VPS that nobody knows any more a newcomer reads at once.
        for vps in (1, 2, 3):
            group.create_task(wait(session, Waiter(vps, STOPPED, 0, 1000, 200, None)))
        for waiter in waiters:
            group.create_task(wait(session, waiter))
    for vps in (1, 2, 3):
        read = [record.started for record in calls(app, "status") if record.vps == vps]
        least = min([waiter.interval for waiter in waiters if waiter.vps == vps], default=1000)
        # Each takes a last look at its deadline besides.
        last_looks = {200, *(waiter.after + waiter.timeout for waiter in waiters if waiter.vps == vps)}
        assert all(
            after - before >= least - 1e-6 or not last_looks.isdisjoint((before, after))
            for before, after in pairwise(read)
        )


@pytest.mark.parametrize(
    ("states", "confirm", "read"),
    [
        ("r s s", 2, [0, 2, 4]),
        ("s r s s", 2, [0, 2, 4, 6]),
        ("s s s", 3, [0, 2, 4]),
        ("s", 1, [0]),
    ],
)
@virtual
async def test_so_many_readings_in_a_row_have_to_show_it(states: str, confirm: int, read: list[float]) -> None:
    app = PanelApp(vpses=1)
    words = {"r": "running", "s": "stopped"}
    app.set_power(1, words[states[0]])
    async with session_on(app) as session:
        wait = asyncio.create_task(session.wait_until(1, STOPPED, confirm=confirm))
        await asyncio.sleep(1)
        for state in states.split()[1:]:
            app.set_power(1, words[state])
            await asyncio.sleep(2)
        assert (await wait).state is STOPPED
    assert readings(app) == read


@virtual
async def test_a_state_that_was_not_seen_often_enough_is_told_so() -> None:
    app = PanelApp(vpses=1)
    app.set_power(1, "stopped")
    async with session_on(app) as session:
        with pytest.raises(WaitTimeoutError, match="it is stopped, seen 2 of 9 times in a row"):
            await session.wait_until(1, STOPPED, timeout=2.0, confirm=9)


@pytest.mark.parametrize("confirm", [0, -1, 1.5, True, "2", None])
async def test_what_is_no_number_of_readings_is_refused(confirm: int) -> None:
    async with session_on(PanelApp(vpses=1)) as session:
        with pytest.raises(ConfigurationError, match="confirm must be a whole number of readings"):
            await session.wait_until(1, RUNNING, confirm=confirm)


@pytest.mark.parametrize("power", ["running", "terminated"])
@virtual
async def test_on_a_panel_that_never_says_terminated_it_is_not_waited_for(power: str) -> None:
    app = PanelApp(vpses=1, api="2013")
    app.set_power(1, power)
    async with session_on(app) as session:
        with pytest.raises(NotSupportedError, match="says unknown of a terminated VPS") as caught:
            await session.wait_until(1, PowerState.TERMINATED, timeout=None)
        assert (caught.value.revision, caught.value.vps_id, now()) == ("2013", 1, 0)
        assert (await session.wait_until(1, session_state(power))).state is session_state(power)


def session_state(power: str) -> PowerState:
    return PowerState.UNKNOWN if power == "terminated" else RUNNING


@pytest.mark.parametrize("knobs", [{"api": "2012"}, {"api": "2013", "terminated_as_unknown": False}])
@virtual
async def test_one_that_says_it_is_believed(knobs: dict[str, Any]) -> None:
    app = PanelApp(vpses=1, **knobs)
    app.set_power(1, "terminated")
    async with session_on(app) as session:
        assert (await session.wait_until(1, PowerState.TERMINATED)).state is PowerState.TERMINATED


@virtual
async def test_a_stop_can_ask_for_two_readings_and_a_whole_fleet_can() -> None:
    app = PanelApp(vpses=2, nodes=2)
    async with session_on(app) as session:
        fleet = await session.fleet()
        report = await fleet.stop(wait=True, confirm=2)
        assert len(report.ok) == 2
        assert len(readings(app)) == 4
        assert len((await fleet.wait_until(STOPPED, confirm=2)).ok) == 2
        assert len(readings(app)) == 8
