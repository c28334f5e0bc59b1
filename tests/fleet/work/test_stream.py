import asyncio

import pytest
from hypothesis import given, strategies as st
from panels import assert_whole, calls, session_on
from virtual_time import virtual

from cvm_async import CvmSession, Limits, Outcome, OutcomeStream, PowerState, Rollout, VpsStatus
from cvm_async.fleet.work.stream import BUFFER
from cvm_async.panel import PanelApp


async def read(stream: OutcomeStream[VpsStatus], most: int = 10**9) -> list[Outcome[VpsStatus]]:
    outcomes: list[Outcome[VpsStatus]] = []
    async for outcome in stream:
        outcomes.append(outcome)
        if len(outcomes) == most:
            break
    return outcomes


@virtual
async def test_outcomes_come_as_they_are_ready_and_each_once() -> None:
    app = PanelApp(vpses=40, nodes=4, latency=1.0)
    app.unreachable_node(2, after=5.0, answer="503")
    async with session_on(app) as session:
        fleet = await session.fleet()
        async with fleet.stream_status() as stream:
            first = await anext(stream)
            assert (first.vps.node, asyncio.get_running_loop().time()) == (1, 1.0)
            rest = await read(stream)
        assert sorted(outcome.vps.id for outcome in (first, *rest)) == list(range(1, 41))
        assert {outcome.vps.node for outcome in rest if not outcome.ok} == {2}


@virtual
async def test_an_empty_fleet_streams_nothing() -> None:
    async with session_on(PanelApp(vpses=0)) as session, (await session.fleet()).stream_status() as stream:
        assert await read(stream) == []


@virtual
async def test_the_power_verbs_stream_as_well() -> None:
    app = PanelApp(vpses=3, nodes=1)
    async with session_on(app) as session:
        fleet = await session.fleet()
        for stream, state in (
            (fleet.stream_stop(wait=True), PowerState.STOPPED),
            (fleet.stream_start(wait=True), PowerState.RUNNING),
            (fleet.stream_restart(wait=True), PowerState.RUNNING),
        ):
            async with stream as outcomes:
                assert {outcome.value.state async for outcome in outcomes if outcome.value} == {state}
    assert sorted(app.actions) == [(vps, verb) for vps in (1, 2, 3) for verb in ("restart", "start", "stop")]


@virtual
async def test_what_a_rollout_leaves_out_is_told_in_the_stream_too() -> None:
    app = PanelApp(vpses=10, nodes=1)
    for vps in range(1, 11):
        app.set_power(vps, "suspended")
    async with session_on(app) as session:
        rollout = Rollout(max_concurrency=1, max_failures=0)
        async with (await session.fleet()).stream_stop(rollout=rollout) as outcomes:
            assert [outcome.skipped async for outcome in outcomes] == [False] + [True] * 9


@virtual
async def test_a_slow_consumer_slows_the_run_down() -> None:
    app = PanelApp(vpses=500, nodes=10)
    async with (
        session_on(app, limits=Limits(max_concurrency=4)) as session,
        (await session.fleet()).stream_status() as stream,
    ):
        for number in range(1, 11):
            await anext(stream)
            await asyncio.sleep(60)
            # Read, lying ready, and held by workers that wait for room.
            assert len(calls(app, "status")) <= number + BUFFER + 2 * 4
            assert app.peak_in_flight() <= 4
        single = asyncio.create_task(session.status(1))
        await asyncio.sleep(0.1)
        # Who waits for the consumer waits outside of the gates.
        assert single.done()


async def leave(session: CvmSession, app: PanelApp, after: int) -> int:
    """Leave a stream after some outcomes, and tell how many requests were made in all."""
    async with (await session.fleet()).stream_status() as stream:
        assert len(await read(stream, after)) == after
    assert_whole(session)
    # What the panel still works on outlives its caller, but not for long; nobody asks it anything more.
    await asyncio.sleep(1000)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return len(calls(app, "status"))


@pytest.mark.parametrize("latency", [0.0, 0.1])
@pytest.mark.parametrize("after", [1, 5, 40, 100])
@virtual
async def test_a_stream_that_is_left_early_leaves_nothing_at_work(after: int, latency: float) -> None:
    app = PanelApp(vpses=300, nodes=10, latency=latency)
    async with session_on(app) as session:
        assert await leave(session, app, after) <= after + BUFFER + 2 * 16


@virtual
async def test_a_stream_that_is_left_while_workers_wait_for_its_consumer_ends_without_a_word() -> None:
    app = PanelApp(vpses=300, nodes=10)
    async with session_on(app) as session:
        async with (await session.fleet()).stream_status() as stream:
            await anext(stream)
            await asyncio.sleep(10)
        assert_whole(session)


@virtual
async def test_a_stream_that_is_left_at_once_has_sent_nothing() -> None:
    app = PanelApp(vpses=3)
    async with session_on(app) as session, (await session.fleet()).stream_status():
        pass
    assert calls(app, "status") == []


@virtual
async def test_an_error_in_the_block_is_the_one_that_comes_out() -> None:
    app = PanelApp(vpses=300, nodes=10, latency=0.1)
    async with session_on(app) as session:
        fleet = await session.fleet()

        async def consume() -> None:
            async with fleet.stream_status() as stream:
                async for _ in stream:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await consume()
        assert_whole(session)


@virtual
async def test_a_defect_in_the_run_comes_out_at_the_end_of_the_block() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def consume(error: Exception | None) -> None:
        async with OutcomeStream[VpsStatus](lambda _: broken) as stream:
            assert await read(stream) == []
            if error is not None:
                raise error

    with pytest.raises(ZeroDivisionError):
        await consume(None)
    with pytest.raises(KeyError):
        await consume(KeyError())


@virtual
async def test_a_stream_is_used_once_and_inside_its_block() -> None:
    async with session_on(PanelApp(vpses=3)) as session:
        stream = (await session.fleet()).stream_status()
        with pytest.raises(RuntimeError, match="inside `async with`"):
            await anext(stream)
        async with stream:
            pass
        assert await read(stream) == []
        with pytest.raises(RuntimeError, match="used once"):
            await stream.__aenter__()


@given(st.integers(0, 400), st.sampled_from([0.0, 0.3]), st.integers(0, 3))
@virtual
async def test_a_consumer_that_is_cancelled_anywhere_leaves_the_gates_whole(
    steps: int, latency: float, hung: int
) -> None:
    app = PanelApp(vpses=60, nodes=3, latency=latency)
    if hung:
        app.hang_node(hung)
    async with session_on(app, limits=Limits(max_concurrency=4, per_node=2)) as session:
        fleet = await session.fleet()

        async def consume() -> None:
            async with fleet.stream_status() as stream:
                async for _ in stream:
                    await asyncio.sleep(0.05)

        task = asyncio.create_task(consume())
        for _ in range(steps):
            await asyncio.sleep(0.01 if steps % 2 else 0)
        task.cancel()
        await asyncio.wait([task])
        assert_whole(session)


@virtual
async def test_its_repr_says_how_far_it_is() -> None:
    async with session_on(PanelApp(vpses=3, nodes=1)) as session:
        stream = (await session.fleet()).stream_status()
        assert repr(stream) == "<OutcomeStream: not begun>"
        async with stream:
            await anext(stream)
            assert repr(stream) == "<OutcomeStream: at work, outcomes given: 1>"
            await read(stream)
        assert repr(stream) == "<OutcomeStream: ended, outcomes given: 3>"
