import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from panels import calls, fleet_of, session_on
from virtual_time import virtual

from cvm_async import (
    ConfigurationError,
    Fleet,
    FleetReport,
    Limits,
    NoAnswerError,
    NotSentError,
    Outcome,
    PowerState,
    Progress,
    Rollout,
    RunControl,
    Timeouts,
    VpsStatus,
    WaitTimeoutError,
    partial_report,
)
from cvm_async.panel import PanelApp

Act = Callable[[Fleet], Awaitable[FleetReport[VpsStatus | None]]]


def words(report: FleetReport[object] | None) -> list[str]:
    """Give what became of each VPS, in a word or two."""
    assert report is not None

    def word(outcome: Outcome[object]) -> str:
        return "ok" if outcome.error is None else f"{outcome.error.message}{' (skipped)' if outcome.skipped else ''}"

    return [word(outcome) for outcome in report]


# Cut off

NOT_BEGUN = "not begun: the run was cut off before anything was sent for it (skipped)"
ONE_AT_A_TIME = Rollout(max_concurrency=1)


def slow(**traits: float) -> PanelApp:
    return PanelApp(vpses=fleet_of(1, 1, 1), **traits)  # type: ignore[arg-type]


async def timed(act: Awaitable[object]) -> None:
    async with asyncio.timeout(15):
        await act


async def waited_for(act: Awaitable[object]) -> None:
    await asyncio.wait_for(act, 15)


async def cancelled(act: Awaitable[object]) -> None:
    task = asyncio.ensure_future(act)
    asyncio.get_running_loop().call_later(15, task.cancel)
    await task


async def scoped(act: Awaitable[object]) -> None:
    with anyio.fail_after(15):
        await act


async def grouped(act: Awaitable[object]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(timed(act))


async def told_later(act: Awaitable[object]) -> None:
    try:
        await timed(act)
    finally:
        raise ZeroDivisionError


@pytest.mark.parametrize("cut", [timed, waited_for, cancelled, scoped, grouped, told_later])
@virtual
async def test_however_a_run_is_cut_off_its_report_is_found_in_what_comes_out(
    cut: Callable[[Awaitable[object]], Awaitable[None]],
) -> None:
    async with session_on(slow(latency=10.0)) as session:
        fleet = await session.fleet()
        with pytest.raises(BaseException) as caught:  # noqa: PT011 - which one is the caller's affair
            await cut(fleet.status(rollout=ONE_AT_A_TIME))
        report = partial_report(caught.value)
        assert words(report) == ["ok", "cut off before its status was read", NOT_BEGUN]
        assert report is not None
        assert (report.verb, report.elapsed) == ("status", 15)
        assert [vps.id for vps in report.failed_fleet()] == [2, 3]


UNKNOWN = "cut off while the stop was under way: whether it was carried out is unknown"


def at(seconds: float, traits: dict[str, float], act: Act, expected: list[str], name: str) -> object:
    return pytest.param(seconds, traits, act, expected, id=name)


async def plan_and_apply(fleet: Fleet) -> FleetReport[VpsStatus | None]:
    return await (await fleet.plan(PowerState.STOPPED)).apply(rollout=ONE_AT_A_TIME)


@pytest.mark.parametrize(
    ("seconds", "traits", "act", "expected"),
    [
        at(
            15,
            {"shutdown_time": 10.0},
            lambda fleet: fleet.stop(rollout=ONE_AT_A_TIME),
            ["ok", UNKNOWN, NOT_BEGUN],
            "an action under way is unknown",
        ),
        at(
            15,
            {"shutdown_time": 10.0, "settle": 60.0},
            lambda fleet: fleet.stop(wait=True, rollout=ONE_AT_A_TIME),
            ["the stop is done, but not seen: cut off while waiting for stopped", NOT_BEGUN, NOT_BEGUN],
            "one that was answered is done",
        ),
        at(
            25,
            {"latency": 10.0},
            plan_and_apply,
            [NOT_BEGUN] * 3,
            "one whose VPS is only looked at is not begun",
        ),
        at(
            5,
            {},
            lambda fleet: fleet.restart(rollout=Rollout(batch=1, pause=10.0)),
            ["ok", NOT_BEGUN, NOT_BEGUN],
            "in a pause",
        ),
        at(
            5,
            {},
            lambda fleet: fleet.wait_until(PowerState.STOPPED),
            ["cut off before it was seen to be stopped"] * 3,
            "a wait",
        ),
    ],
)
@virtual
async def test_what_is_told_of_a_vps_is_what_is_known_when_the_run_is_cut_off(
    seconds: float, traits: dict[str, float], act: Act, expected: list[str]
) -> None:
    app = slow(**traits)
    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(seconds):
                await act(fleet)
        report = partial_report(caught.value)
        assert words(report) == expected
        assert report is not None
        assert {type(outcome.error) for outcome in report.failed} <= {NoAnswerError, NotSentError, WaitTimeoutError}
        assert [outcome.error.vps_id for outcome in report.failed] == [outcome.vps.id for outcome in report.failed]


# What has left and what has not


ActWith = Callable[..., Awaitable[FleetReport[VpsStatus | None]]]
Ending = Callable[["asyncio.Task[FleetReport[VpsStatus | None]]", RunControl], Awaitable[FleetReport[VpsStatus | None]]]


async def by_plan(fleet: Fleet, verb: str, **how: Any) -> FleetReport[VpsStatus | None]:  # noqa: ANN401 - as they are
    plan = await fleet.plan("restart" if verb == "restart" else LEADS_TO[verb])
    return await plan.apply(**how)


async def at_once(fleet: Fleet, verb: str, **how: Any) -> FleetReport[VpsStatus | None]:  # noqa: ANN401 - likewise
    report: FleetReport[VpsStatus | None] = await getattr(fleet, verb)(**how)
    return report


LEADS_TO = {"start": PowerState.RUNNING, "stop": PowerState.STOPPED}
BEFORE = {"start": "stopped", "stop": "running", "restart": "running"}
ONE_CALL = Limits(max_concurrency=1)
HOURS = Timeouts(action=7200.0)


async def cut_off(run: "asyncio.Task[FleetReport[VpsStatus | None]]", _: RunControl) -> FleetReport[VpsStatus | None]:
    run.cancel()
    await asyncio.wait([run])
    with pytest.raises(asyncio.CancelledError) as caught:
        run.result()
    report = partial_report(caught.value)
    assert report is not None
    return report


async def stopped(
    run: "asyncio.Task[FleetReport[VpsStatus | None]]", control: RunControl
) -> FleetReport[VpsStatus | None]:
    control.stop()
    return await run


async def left_to_its_deadline(
    run: "asyncio.Task[FleetReport[VpsStatus | None]]", _: RunControl
) -> FleetReport[VpsStatus | None]:
    return await run


@pytest.mark.parametrize("end", [cut_off, stopped, left_to_its_deadline])
@pytest.mark.parametrize("wait", [True, False], ids=["wait", "no wait"])
@pytest.mark.parametrize("how", [by_plan, at_once], ids=["a plan", "at once"])
@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
@virtual
async def test_of_what_still_waits_for_its_turn_nothing_was_sent_and_nothing_is_any_more(
    verb: str,
    how: ActWith,
    end: Ending,
    *,
    wait: bool,
) -> None:
    control = RunControl()
    app = PanelApp(vpses=fleet_of(1, 2, 3, power=BEFORE[verb]), boot_time=100.0, shutdown_time=100.0)
    async with session_on(app, limits=ONE_CALL, timeouts=HOURS) as session:
        fleet = await session.fleet()
        rollout = Rollout(deadline=50.0 if end is left_to_its_deadline else None)
        run = asyncio.ensure_future(how(fleet, verb, wait=wait, rollout=rollout, control=control))
        await asyncio.sleep(50)
        report = await end(run, control)
        under_way, *waiting = report
    assert app.actions == [(1, verb)]
    assert under_way.skipped is False
    assert {(type(outcome.error), outcome.skipped) for outcome in waiting} == {(NotSentError, True)}
    assert all("not begun" in str(outcome.error) for outcome in waiting)


@virtual
async def test_a_run_that_is_cancelled_before_it_begins_has_no_report() -> None:
    async with session_on(slow()) as session:
        task = asyncio.create_task((await session.fleet()).status())
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert partial_report(caught.value) is None


def test_in_an_error_that_is_no_runs_and_in_none_there_is_no_report() -> None:
    first, second = ValueError(), KeyError()
    first.__context__, second.__context__ = second, first
    assert partial_report(first) is None
    assert partial_report(None) is None


@pytest.mark.parametrize("verb", ["status", "plan", "wait_until"])
@virtual
async def test_a_deadline_ends_what_only_looks_and_tells_of_each(verb: str) -> None:
    app = slow(latency=10.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        app.hang_node(1)
        if verb == "status":
            report = await fleet.status(rollout=Rollout(max_concurrency=1, deadline=99.0), deadline=15.0)
            errors = [str(outcome.error) for outcome in report.failed]
        elif verb == "plan":
            plan = await fleet.plan(PowerState.STOPPED, rollout=ONE_AT_A_TIME, deadline=15.0)
            errors = [step.reason for step in plan.steps]
        else:
            waited = await fleet.wait_until(PowerState.STOPPED, deadline=15.0)
            errors = [str(outcome.error) for outcome in waited.failed]
        assert asyncio.get_running_loop().time() == pytest.approx(15)
        assert len(errors) == 3
        assert all("15 s" in error for error in errors)


# Callbacks


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError, asyncio.CancelledError, GeneratorExit, StopIteration, StopAsyncIteration, BaseException],
    ids=lambda error: error.__name__,
)
@pytest.mark.parametrize("act", ["status", "restart", "wait_until"])
@virtual
async def test_whatever_a_callback_raises_the_run_goes_on(
    error: type[BaseException], act: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Progress] = []

    def fail(progress: Progress) -> None:
        told.append(progress)
        raise error

    async with session_on(slow()) as session:
        fleet = await session.fleet()
        knobs = {"state": PowerState.RUNNING} if act == "wait_until" else {}
        report = await getattr(fleet, act)(progress=fail, **knobs)
        assert len(report.ok) == 3
    assert len(told) == 1
    assert [(record.name, record.levelno) for record in caplog.records] == [("cvm_async", logging.ERROR)]
    assert "is not called again; the run goes on" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("batch", [1, 2])
@virtual
async def test_a_callback_that_ends_the_program_ends_the_run_first_and_its_report_is_there(
    error: type[BaseException], batch: int
) -> None:
    def leave(_: Progress) -> None:
        raise error

    app = slow(shutdown_time=10.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(error) as caught:
            await fleet.stop(rollout=Rollout(batch=batch), progress=leave)
        skipped = f"not begun: the progress callback raised {error.__name__} (skipped)"
        assert words(partial_report(caught.value)) == ["ok"] * batch + [skipped] * (3 - batch)
    assert len(calls(app, "stop")) == batch


@virtual
async def test_a_callback_that_ends_the_program_ends_a_wait() -> None:
    app = slow()
    app.set_power(1, "stopped")

    def leave(_: Progress) -> None:
        raise SystemExit

    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(SystemExit) as caught:
            await fleet.wait_until(PowerState.STOPPED, progress=leave)
        ended = "the progress callback raised SystemExit before it was seen to be stopped"
        assert words(partial_report(caught.value)) == ["ok", ended, ended]


async def later(_: Progress) -> None: ...


class Later:
    async def __call__(self, _: Progress) -> None: ...


@pytest.mark.parametrize("progress", [later, Later(), functools.partial(later), "print", 5])
@pytest.mark.parametrize("verb", ["status", "stop", "plan", "wait_until"])
@virtual
async def test_a_callback_that_is_no_plain_function_is_refused_before_anything_is_sent(
    progress: Callable[[Progress], object], verb: str
) -> None:
    app = slow()
    async with session_on(app) as session:
        fleet = await session.fleet()
        state = () if verb in ("status", "stop") else (PowerState.STOPPED,)
        with pytest.raises(ConfigurationError, match="progress must be a plain function"):
            await getattr(fleet, verb)(*state, progress=progress)
    assert len(app.requests) == 1


@virtual
async def test_a_callback_whose_answer_would_have_to_be_awaited_is_told_of_and_not_called_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Progress] = []

    def tell(progress: Progress) -> object:
        told.append(progress)
        return later(progress)

    async with session_on(slow()) as session:
        assert len((await (await session.fleet()).status(progress=tell)).ok) == 3
    assert len(told) == 1
    assert "the progress callback must be a plain function" in caplog.text


@virtual
async def test_a_callback_may_start_a_task_of_its_own() -> None:
    tasks: list[asyncio.Task[None]] = []

    def tell(progress: Progress) -> object:
        tasks.append(asyncio.create_task(later(progress)))
        return tasks[-1]

    async with session_on(slow()) as session:
        await (await session.fleet()).status(progress=tell)
        assert len(tasks) == 3


@pytest.mark.parametrize(
    "verb", ["status", "start", "stop", "restart", "plan", "apply", "stream_status", "stream_stop"]
)
@virtual
async def test_a_rollout_that_is_none_is_refused(verb: str) -> None:
    async with session_on(slow()) as session:
        fleet = await session.fleet()
        state = (PowerState.STOPPED,) if verb == "plan" else ()

        plan = await fleet.plan(PowerState.STOPPED)

        async def act() -> None:
            whose = plan if verb == "apply" else fleet
            await getattr(whose, verb)(*state, rollout={"batch": 1})

        with pytest.raises(ConfigurationError, match="rollout must be a Rollout"):
            await act()
