import asyncio
import inspect
import sys
import warnings
from collections.abc import Callable, Coroutine
from contextlib import closing
from datetime import UTC, timedelta

import anyio
import httpx
import pytest
from attrs import evolve
from panels import account_of, fleet_of, session_on, settled
from values import vps
from virtual_time import virtual, virtual_loop

from cvm_async import (
    AmbiguousNameError,
    ConfigurationError,
    CvmSession,
    Job,
    JobState,
    Limits,
    NoAnswerError,
    NodeUnreachableError,
    SessionClosedError,
)
from cvm_async.panel import PanelApp

SLOW = 10.0
"""Seconds that an action takes on these panels."""
LIMIT = 2.5
"""Seconds that a chat leaves for an answer."""


def slow_panel(vpses: int = 2) -> PanelApp:
    return PanelApp(vpses=fleet_of(*[1] * vpses), boot_time=SLOW, shutdown_time=SLOW)


def now() -> float:
    return virtual_loop().time()


async def by_wait(job: Job) -> bool:
    return await job.wait(timeout=LIMIT)


async def by_shield(job: Job) -> bool:
    try:
        await asyncio.wait_for(asyncio.shield(job), LIMIT)
    except TimeoutError:
        return False
    return True


async def by_timeout(job: Job) -> bool:
    try:
        async with asyncio.timeout(LIMIT):
            await job
    except TimeoutError:
        return False
    return True


async def by_wait_for(job: Job) -> bool:
    try:
        await asyncio.wait_for(job, LIMIT)
    except TimeoutError:
        return False
    return True


async def by_move_on(job: Job) -> bool:
    with anyio.move_on_after(LIMIT):
        await job
    return job.done()


# Before 3.12 it makes a task of what it waits for, and cancels that.
IS_OWNED = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="wait_for awaits what it was given from Python 3.12 on"
)
WAYS = pytest.mark.parametrize(
    "way", [by_wait, by_shield, by_timeout, by_move_on, pytest.param(by_wait_for, marks=IS_OWNED)]
)
Way = Callable[[Job], Coroutine[object, object, bool]]


@WAYS
@virtual
async def test_a_job_is_awaited_for_a_while_and_again_later_and_sent_once(way: Way) -> None:
    app = slow_panel()
    async with session_on(app) as session:
        job = session.stop(1)
        assert not await way(job)
        assert (now(), job.state, job.done()) == (LIMIT, JobState.SENT, False)
        assert not await way(job)
        await job
        assert now() == pytest.approx(SLOW)
        assert (job.state, job.done(), job.error) == (JobState.DONE, True, None)
        await job
        assert await way(job)
    assert app.actions == [(1, "stop")]


@WAYS
@virtual
async def test_what_it_failed_of_comes_to_each_who_awaits_it(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    app = slow_panel()
    app.unreachable_node(1, after=SLOW, answer="503")
    async with session_on(app) as session:
        job = session.stop(1)
        assert not await way(job)
        errors: list[NodeUnreachableError] = []
        for _ in range(3):
            with pytest.raises(NodeUnreachableError) as raised:
                await job
            errors.append(raised.value)
        assert len({id(error) for error in errors}) == 3
        assert job.state is JobState.FAILED
        assert str(job.error) == str(errors[0])
    assert len(app.requests) == 1
    assert not caplog.records


@virtual
async def test_a_job_that_nobody_awaits_sends_nothing_and_says_so() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        job = session.restart(vps(1))
        assert (job.state, job.since, job.done(), job.error) == (JobState.NEW, None, False, None)
        assert session.jobs() == ()
        with pytest.warns(RuntimeWarning, match=r"<Job: restart of vps1\S* \(1\): new> was never awaited: nothing"):
            del job
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session.restart(1).close()
    assert app.requests == []


@virtual
async def test_it_tells_what_it_is() -> None:
    app = slow_panel()
    async with session_on(app, name="work") as session:
        job = session.restart(vps(1))
        await job.wait(timeout=1)
        assert (job.verb, job.vps, job.vps_id, job.panel) == ("restart", vps(1), 1, "work")
        assert job.since is not None
        assert job.since.utcoffset() == timedelta(0)
        assert job.since.tzinfo is UTC
        assert str(job) == f"restart of {vps(1).hostname} (1): sent"
        task = asyncio.create_task(session.stop(2))
        assert "stop of VPS 2" in repr(task)
        assert [repr(each) for each in session.jobs()] == [f"<Job: {job}>"]
        await asyncio.gather(job, task)


@virtual
async def test_jobs_under_way_are_listed_and_found_by_their_vps() -> None:
    app = slow_panel(vpses=3)
    async with session_on(app) as session:
        first, second, third = await session.list_vpses()
        job, by_id = session.stop(first), session.restart(2)
        for each in (job, by_id):
            assert not await each.wait(timeout=1)
        assert session.jobs() == (job, by_id)
        assert all(session.job(name) is job for name in (first, 1, "1", first.hostname, "VPS1"))
        assert session.job(second) is session.job(2) is by_id
        assert session.job(third) is session.job(second.hostname) is session.job("vps9") is None
        with pytest.raises(ConfigurationError):
            session.job("")
        await asyncio.gather(job, by_id)
        assert session.jobs() == ()
        assert session.job(1) is None


@virtual
async def test_a_hostname_of_jobs_of_several_vpses_is_refused() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        jobs = [session.stop(evolve(vps(number), hostname="web")) for number in (1, 2)]
        for each in jobs:
            await each.wait(timeout=1)
        with pytest.raises(AmbiguousNameError, match=r"web \(1\), web \(2\)"):
            session.job("web")
        await asyncio.gather(*jobs)


@virtual
async def test_a_job_that_nobody_keeps_is_found_again_and_is_the_same_action() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        assert not await session.stop(1).wait(timeout=LIMIT)
        found = session.job(1)
        assert found is not None
        assert found.state is JobState.SENT
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(found, LIMIT)
        await found
        assert now() == pytest.approx(SLOW)
    assert app.actions == [(1, "stop")]


@pytest.mark.parametrize("others", [0, 1])
@virtual
async def test_awaited_and_kept_by_nobody_it_ends_with_the_last_who_awaits_it(
    others: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = slow_panel()
    async with session_on(app) as session:

        async def stop() -> None:
            await session.stop(1)

        caller = asyncio.create_task(stop())
        await asyncio.sleep(1)
        found = [asyncio.ensure_future(job) for job in session.jobs()[:others]]
        await asyncio.sleep(1)
        caller.cancel()
        await asyncio.wait([caller])
        assert len(session.jobs()) == others
        await asyncio.gather(*found)
    assert app.actions == [(1, "stop")]
    assert any("its outcome is unknown" in record.message for record in caplog.records) is not bool(others)


@virtual
async def test_a_task_that_was_made_of_it_owns_it() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        job = session.stop(1)
        task = asyncio.create_task(job)
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        for _ in range(2):
            with pytest.raises(NoAnswerError, match="cut off while under way: whether it was carried out is unknown"):
                await job
        assert job.state is JobState.FAILED
        assert isinstance(job.error, NoAnswerError)
        assert job.error.vps_id == 1
    assert app.actions == [(1, "stop")]


@pytest.mark.parametrize("way", [by_timeout, pytest.param(by_wait_for, marks=IS_OWNED)])
@virtual
async def test_withdrawn_before_it_has_left_it_has_its_turn_anew(way: Way) -> None:
    app = slow_panel()
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        other = asyncio.create_task(session.stop(2))
        await asyncio.sleep(1)
        job = session.stop(1)
        assert not await way(job)
        assert session.job(1) is None
        assert job.state is JobState.FAILED
        assert "before it was sent" in str(job.error)
        await other
        assert app.actions == [(2, "stop")]
        await job
    assert app.actions == [(2, "stop"), (1, "stop")]


@virtual
async def test_waited_for_it_keeps_its_turn_and_waits_for_another_action_to_end() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        job, opposite = session.stop(1), session.start(1)
        assert not await job.wait(timeout=LIMIT)
        assert not await opposite.wait(timeout=LIMIT)
        assert (job.state, opposite.state) == (JobState.SENT, JobState.WAITING)
        assert session.job(1) is job
        await opposite
        assert job.state is JobState.DONE
    assert app.actions == [(1, "stop"), (1, "start")]


@virtual
async def test_neither_the_end_of_a_wait_nor_its_cancellation_ends_the_job() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        job = session.stop(1)
        waiting = asyncio.create_task(job.wait())
        await asyncio.sleep(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        awaiting = asyncio.create_task(job)
        await asyncio.sleep(1)
        awaiting.cancel()
        await asyncio.wait([awaiting])
        assert await job.wait()
        assert now() == pytest.approx(SLOW)
    assert app.actions == [(1, "stop")]


@virtual
async def test_the_time_of_a_wait_is_a_number_of_seconds() -> None:
    async with session_on(slow_panel()) as session:
        job = session.stop(1)
        with pytest.raises(ConfigurationError, match="timeout"):
            await job.wait(timeout=-1)
        job.close()


@virtual
async def test_a_job_whose_own_time_is_over_tells_it() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        job = session.stop(1, timeout=4)
        assert not await job.wait(timeout=LIMIT)
        with pytest.raises(NoAnswerError, match="within the 4 s"):
            await job
        assert now() == pytest.approx(4)


@virtual
async def test_a_failure_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = slow_panel()
    app.unreachable_node(1, after=SLOW, answer="503")
    async with session_on(app, name="work") as session:
        job = session.stop(1)
        await job.wait(timeout=LIMIT)
        await asyncio.sleep(SLOW)
        assert isinstance(job.error, NodeUnreachableError)
    (record,) = caplog.records
    assert record.message.startswith("work: the stop of VPS 1 failed, and nobody waits for it: ")


@virtual
async def test_closing_the_session_ends_what_nobody_waits_for_and_says_that_its_outcome_is_unknown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = slow_panel()
    async with session_on(app) as session:
        job, awaited = session.stop(1), asyncio.create_task(session.stop(2))
        await job.wait(timeout=LIMIT)
        await session.aclose()
        assert now() == pytest.approx(LIMIT)
        with pytest.raises(NoAnswerError):
            await job
        with pytest.raises(SessionClosedError):
            await session.stop(1)
        await awaited
    assert app.actions == [(1, "stop"), (2, "stop")]
    assert [record.message for record in caplog.records] == [
        "panel.example.net: POST /api/client/vps/1/stop was cancelled while under way: its outcome is unknown"
    ]


@pytest.mark.parametrize("keep", [True, False])
def test_a_job_outlives_a_loop_that_was_closed_and_is_no_complaint(keep: bool) -> None:  # noqa: FBT001 - a test's parameter
    with closing(asyncio.new_event_loop()) as loop:
        loop.set_exception_handler(ignore)
        session, job = loop.run_until_complete(begun(keep=keep))
    asyncio.run(session.aclose())
    assert job.state is JobState.SENT
    assert session.jobs() == (job,)


def ignore(*_: object) -> None:
    """Ignore what asyncio says of tasks whose loop was closed below them."""


async def begun(*, keep: bool) -> tuple[CvmSession, Job]:
    """Give a session with a job that was sent, and for which nobody waits any more."""
    sent = asyncio.Event()

    async def never(_: httpx.Request) -> httpx.Response:
        sent.set()
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    client = httpx.AsyncClient(transport=httpx.MockTransport(never))
    session = CvmSession("https://panel.example.net", public_token="public", private_token="private", client=client)
    job = session.stop(1)

    async def wait() -> None:
        await (job.wait() if keep else job)

    waiting = asyncio.create_task(wait())
    await sent.wait()
    waiting.cancel()
    await asyncio.wait([waiting])
    return session, job


@virtual
async def test_it_is_a_coroutine_wherever_one_is_asked_for() -> None:
    app = slow_panel(vpses=5)
    async with session_on(app) as session:
        # On Python 3.11, what asyncio looks for.
        assert inspect.iscoroutinefunction(session.stop) or "_is_coroutine" in vars(CvmSession.stop)
        async with asyncio.TaskGroup() as group:
            group.create_task(session.stop(1))
        async with anyio.create_task_group() as others:
            others.start_soon(session.stop, 2)
        await asyncio.gather(session.stop(3), asyncio.ensure_future(session.stop(4)))
        loop = asyncio.get_running_loop()
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(session.stop(5), loop))
    assert sorted(app.actions) == [(number, "stop") for number in range(1, 6)]


@virtual
async def test_a_cancelled_group_of_anyios_ends_it() -> None:
    app = slow_panel()
    async with session_on(app) as session, anyio.create_task_group() as group:
        group.start_soon(session.stop, 1)
        await asyncio.sleep(1)
        group.cancel_scope.cancel()
    assert app.actions == [(1, "stop")]


@virtual
async def test_a_task_that_is_cancelled_before_its_first_step_sends_nothing() -> None:
    app = slow_panel()
    async with session_on(app) as session:
        task = asyncio.create_task(session.stop(1))
        task.cancel()
        await asyncio.wait([task])
        await settled()
    assert app.requests == []


@virtual
async def test_closed_while_a_task_waits_for_it_the_task_ends() -> None:
    """Check what a task does with a coroutine that it gives up: it closes it."""
    app = slow_panel()
    async with session_on(app) as session:
        job = session.stop(1)
        assert job.send(None) is not None
        assert len(account_of(session).jobs) == 1
        job.close()
        await job
    assert app.actions == [(1, "stop")]
