"""One hung host node costs only itself: polls every 20 s for ten minutes, of a panel that works on for who has left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given, settings, strategies as st
from trouble import (
    EVERY,
    POLLS,
    SICK,
    Poll,
    by_hand,
    by_session,
    healthy,
    hung,
    in_a_row,
    now,
    occupy,
    panel,
    poll,
    sick,
    unreachable,
)
from virtual_time import run_virtual, virtual

from cvm_async import CvmError, CvmSession, Limits, NodeState, PowerState
from cvm_async.panel import PanelApp

pytestmark = pytest.mark.long

MOST_STUCK = 2
"""Workers that the calls to one node which does not answer may keep."""
TIMES = 1.5
"""How much longer the others may take."""

FEW = pytest.param(5, id="5 workers, as Debian has it")
MORE = pytest.param(8, id="8 workers")


async def seconds_without_trouble(workers: int) -> float:
    app = panel(workers)
    async with by_session(app) as (_, polling):
        first, then = await in_a_row(polling, 2)
    everyone = healthy(app) | sick(app)
    return min(first.seconds_for(everyone), then.seconds_for(everyone))


def assert_others_in_time(app: PanelApp, polls: list[Poll], without_trouble: float) -> None:
    late = {
        number: (seconds, poll.lost)
        for number, poll in enumerate(polls)
        if (seconds := poll.seconds_for(healthy(app))) > TIMES * without_trouble
    }
    assert late == {}


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_a_hung_node_keeps_two_workers_at_most_and_all_others_are_read_in_time_in_every_poll(
    workers: int,
) -> None:
    app = panel(workers)
    hung(app)
    async with by_session(app) as (_, polling):
        polls = await in_a_row(polling)
    assert app.peak_busy_workers(node=SICK) <= MOST_STUCK
    assert_others_in_time(app, polls, await seconds_without_trouble(workers))


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_so_it_is_where_the_node_was_well_before(workers: int) -> None:
    app = panel(workers)
    async with by_session(app) as (_, polling):
        await in_a_row(polling, 3)
        # Until the next one would be due.
        await asyncio.sleep(3 * EVERY - now())
        hung(app)
        polls = await in_a_row(polling)
    assert app.peak_busy_workers(node=SICK, since=3 * EVERY) <= MOST_STUCK
    assert_others_in_time(app, polls, await seconds_without_trouble(workers))


@pytest.mark.parametrize("every", [1.0, 2.0, 5.0, 10.0, 20.0, 30.0])
@pytest.mark.parametrize("workers", [FEW, MORE])
@settings(max_examples=4)
@given(nodes=st.integers(2, 8), moment=st.floats(0.0, 1.0))
def test_so_it_is_however_often_it_is_polled_and_whenever_the_node_hangs(
    workers: int, every: float, nodes: int, moment: float
) -> None:
    async def hang_in_the_midst() -> None:
        app, node = panel(workers, vpses=48, nodes=nodes), min(SICK, nodes)
        async with by_session(app) as (_, polling):
            without = (await in_a_row(polling, 2, every))[-1].elapsed
            began = now()
            asyncio.get_running_loop().call_later((1 + moment) * every, hung, app, node)
            polls = await in_a_row(polling, 6, every)
        assert app.peak_busy_workers(node=node, since=began) <= MOST_STUCK
        assert max(poll.seconds_for(healthy(app, node)) for poll in polls) <= TIMES * without

    run_virtual(hang_in_the_midst())


@virtual
async def test_two_hung_nodes_keep_two_workers_each() -> None:
    app = panel(8)
    async with by_session(app) as (_, polling):
        await in_a_row(polling, 2, 5.0)
        for node in (2, SICK):
            hung(app, node)
        polls = await in_a_row(polling, 20, 5.0)
    assert [app.peak_busy_workers(node=node) for node in (2, SICK)] == [MOST_STUCK] * 2
    assert all(healthy(app) & healthy(app, 2) == poll.read.keys() for poll in polls)


class SlowNode(httpx.AsyncBaseTransport):
    """One node of a panel answers, but takes its time."""

    def __init__(self, app: PanelApp, seconds: float) -> None:
        self._panel = httpx.ASGITransport(app)
        self._paths = {f"/api/client/vps/{vps_id}/status" for vps_id in sick(app)}
        self._seconds = seconds

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path in self._paths:
            await asyncio.sleep(self._seconds)
        return await self._panel.handle_async_request(request)


@pytest.mark.parametrize("seconds", [2.0, 6.0, 12.0])
@pytest.mark.parametrize("nodes", [3, 8])
@virtual
async def test_a_node_that_is_only_slow_is_read_whole_and_never_left_alone(nodes: int, seconds: float) -> None:
    app = panel(8, vpses=48, nodes=nodes)
    async with httpx.AsyncClient(transport=SlowNode(app, seconds)) as client:
        session = CvmSession(
            "https://panel.example.net", public_token=app.public_token, private_token=app.private_token, client=client
        )
        async with session:
            fleet = await session.fleet()
            for _ in range(3):
                result = await poll(fleet)
                assert result.lost == {}
                assert {report.state for report in session.node_states()} == {NodeState.CLOSED}
                # Two at a time, from beginning to end.
                assert result.elapsed <= len(sick(app)) / 2 * (seconds + 1.0)
    await app.aclose()


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_limits_that_are_wide_let_no_more_of_them_be_stuck(workers: int) -> None:
    app = panel(workers)
    hung(app)
    async with by_session(app, Limits(max_concurrency=64, per_node=32)) as (_, polling):
        polls = await in_a_row(polling, 10)
    assert app.peak_busy_workers(node=SICK) <= MOST_STUCK
    assert all(healthy(app) <= poll.read.keys() for poll in polls)


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_with_a_plain_semaphore_the_same_loses_the_panel(workers: int) -> None:
    app = panel(workers)
    hung(app)
    async with by_hand(app) as polling:
        polls = await in_a_row(polling)
    assert app.peak_busy_workers(node=SICK) == workers
    assert all(poll.read.keys() & healthy(app) < healthy(app) for poll in polls)
    # Nothing at all from the second one on.
    assert [len(poll.read) for poll in polls[1:]] == [0] * (POLLS - 1)


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_an_unreachable_node_costs_the_others_no_more(workers: int) -> None:
    app = panel(workers)
    unreachable(app)
    async with by_session(app) as (_, polling):
        polls = await in_a_row(polling)
    assert_others_in_time(app, polls, await seconds_without_trouble(workers))
    assert app.peak_busy_workers(node=SICK) <= MOST_STUCK
    # It is found out by three answers, two at a time; and most polls do not even wait for one.
    assert max(poll.elapsed for poll in polls) < 3 * 8.0
    assert sum(poll.elapsed < 8.0 for poll in polls) > POLLS / 2


@asynccontextmanager
async def busy(session: CvmSession, app: PanelApp) -> AsyncGenerator[None]:
    """Have waits and single calls made beside, of sick and of healthy VPSes, as a bot's users do."""
    some_sick, some_healthy = sorted(sick(app)), sorted(healthy(app))

    async def ask() -> None:
        for number in range(10_000):
            await asyncio.sleep(7.0)
            await session.status(some_healthy[number % len(some_healthy)])
            try:
                await session.status(some_sick[number % len(some_sick)])
            except CvmError:
                continue

    async def wait() -> None:
        for number in range(10_000):
            await session.wait_until(some_healthy[0], PowerState.RUNNING, timeout=30.0)
            try:
                await session.wait_until(some_sick[number % len(some_sick)], PowerState.STOPPED, timeout=60.0)
            except CvmError:
                continue

    tasks = [asyncio.ensure_future(work()) for work in (ask, wait)]
    yield
    assert not any(task.done() for task in tasks)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_so_it_is_with_several_fleets_waits_and_single_calls_beside(workers: int) -> None:
    app = panel(workers)
    hung(app)
    async with by_session(app) as (session, polling):
        fleet = await session.fleet()
        half = fleet.select(where=lambda vps: vps.id % 2 == 0)

        async def both() -> Poll:
            result, _ = await asyncio.gather(polling(), poll(half))
            return result

        async with busy(session, app):
            polls = await in_a_row(both)
    assert app.peak_busy_workers(node=SICK) <= MOST_STUCK
    assert all(healthy(app) <= poll.read.keys() for poll in polls)


@virtual
async def test_so_it_is_with_a_watch_beside_where_the_node_hangs_in_the_midst() -> None:
    app = panel(8)
    async with by_session(app) as (session, polling):
        fleet = await session.fleet()

        async def look() -> None:
            async with fleet.watch(every=3.0) as ticks:
                async for _ in ticks:
                    pass

        watching = asyncio.ensure_future(look())
        await in_a_row(polling, 2, 5.0)
        asyncio.get_running_loop().call_later(1.7, hung, app)
        began = now()
        async with busy(session, app):
            polls = await in_a_row(polling, 20, 5.0)
        watching.cancel()
        await asyncio.wait([watching])
    assert app.peak_busy_workers(node=SICK, since=began) <= MOST_STUCK
    assert all(healthy(app) <= poll.read.keys() for poll in polls)


@pytest.mark.parametrize("release", [True, False], ids=["its calls go on", "its calls are lost"])
@pytest.mark.parametrize("after", [6, POLLS])
@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_a_hung_node_is_found_well_again_in_the_first_poll_after_its_cool_down(
    workers: int,
    after: int,
    release: bool,  # noqa: FBT001 - a table
) -> None:
    app = panel(workers)
    hung(app)
    async with by_session(app) as (session, polling):
        await in_a_row(polling, after)
        app.heal_node(SICK, release=release)
        healed, cool_down = now(), next(report.retry_in for report in session.node_states() if report.node == SICK)
        polls = await in_a_row(polling, 10)
        assert {report.state for report in session.node_states()} == {NodeState.CLOSED}
    found = next(poll.began - healed for poll in polls if sick(app) <= poll.read.keys())
    assert found <= cool_down + EVERY


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_where_somebody_else_keeps_all_workers_no_healthy_node_is_taken_for_dead(workers: int) -> None:
    app = panel(workers)
    async with by_session(app) as (session, polling):
        await polling()
        hung(app)
        await occupy(app, workers)
        polls = list[Poll]()
        for _ in range(POLLS):
            polls += await in_a_row(polling, 1)
            assert {report.state for report in session.node_states() if report.node != SICK} == {NodeState.CLOSED}
            await asyncio.sleep(EVERY)
    # At first nothing at all; ours had waited for workers, too, so that the hung node keeps some for longer.
    assert polls[0].read == {}
    assert all(healthy(app) <= poll.read.keys() for poll in polls[-5:])


class Deaf(httpx.AsyncBaseTransport):
    """A panel that lists its VPSes, and then accepts no connection any more."""

    def __init__(self, app: PanelApp) -> None:
        self._panel = httpx.ASGITransport(app)
        self.tried = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/list"):
            return await self._panel.handle_async_request(request)
        self.tried += 1
        await asyncio.sleep(5.0)
        raise httpx.ConnectTimeout("no answer to SYN", request=request)


@virtual
async def test_a_panel_that_accepts_no_connection_is_given_up_at_once_and_no_node_is_blamed() -> None:
    app = PanelApp(vpses=1000, nodes=20)
    deaf = Deaf(app)
    async with httpx.AsyncClient(transport=deaf) as client:
        session = CvmSession(
            "https://panel.example.net",
            public_token=app.public_token,
            private_token=app.private_token,
            client=client,
        )
        async with session:
            result = await poll(await session.fleet())
            assert {report.state for report in session.node_states()} <= {NodeState.CLOSED}
    assert len(result.lost) == 1000
    # One round of connects for the places that there are, with their retries, and then no more than a few.
    assert deaf.tried < 100
    assert result.elapsed < 120.0
