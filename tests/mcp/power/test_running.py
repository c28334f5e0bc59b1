"""A run outlives the call that began it, begins nothing new when its client has gone, and keeps an honest journal."""

import asyncio
from pathlib import Path
from typing import Any

import anyio
import pytest
from assistants import ERAS, Assistant, Era, assistant
from panels import calls, fleet_of
from virtual_time import virtual

from cvm_async.errors import ConfigurationError
from cvm_async.panel import Hang, PanelApp
from cvm_async.runs.store import RunStore

each_era = pytest.mark.parametrize("era", ERAS)

SLOW = 5.0
"""Seconds that a stop takes."""


def slow_app(count: int) -> PanelApp:
    return PanelApp(vpses=fleet_of(*([1] * count)), shutdown_time=SLOW)


def hanging_app(count: int) -> PanelApp:
    """Give a panel that answers no stop until its faults are cleared; a journal's threads know no virtual time."""
    app = PanelApp(vpses=fleet_of(*([1] * count)))
    app.inject(Hang(), verb="stop", times=None)
    return app


async def begun(here: Assistant, app: PanelApp, stops: int, **how: object) -> tuple[str, asyncio.Task[object]]:
    """Have a plan carried out, and give its id and the call once so many stops are under way."""
    plan_id = await here.plan(action="stop", all=True, **how)
    call: asyncio.Task[object] = asyncio.create_task(here.call("apply_plan", plan_id=plan_id))
    await app.wait_for(lambda: len(calls(app, "stop")) == stops)
    return plan_id, call


async def cancelled(call: "asyncio.Task[object]") -> None:
    call.cancel()
    await asyncio.wait([call])


async def over(here: Assistant, plan_id: str) -> dict[str, Any]:
    while (result := await here.value("plan_result", plan_id=plan_id))["stage"] != "over":
        pass
    return result


@each_era
async def test_a_cancelled_call_begins_nothing_new_and_lets_what_is_under_way_end(era: Era, tmp_path: Path) -> None:
    app = hanging_app(4)
    async with assistant(app, era=era, runs=lambda: RunStore(tmp_path)) as here:
        plan_id, call = await begun(here, app, 2, max_concurrency=2)
        await cancelled(call)
        running = await here.value("plan_result", plan_id=plan_id)
        assert running["stage"] == "applying"
        assert running["of"] == 4
        app.clear_faults()
        result = await over(here, plan_id)
        assert result["results"] == {"changed": 2, "skipped": 2}
        assert "its client cancelled the request, or went away" in result["outcomes"][0]["error"]["message"]
        (kept,) = RunStore(tmp_path).list()
        assert kept.id == result["run_id"]
        assert kept.name == "stop of 4 VPSes, for an assistant"
    assert sorted(app.actions) == [(1, "stop"), (2, "stop")]


@each_era
@virtual
async def test_a_call_that_is_cancelled_while_the_user_thinks_does_nothing_ever(era: Era) -> None:
    async def think(_: str) -> None:
        await asyncio.sleep(60)

    app = slow_app(1)
    async with assistant(app, era=era, user=think) as here:  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        plan_id = await here.plan(action="stop", all=True)
        with anyio.move_on_after(1):
            await here.call("apply_plan", plan_id=plan_id)
        await asyncio.sleep(400)
        assert (await here.value("plan_result", plan_id=plan_id))["stage"] == "withdrawn"
    assert not app.actions


@virtual
async def test_when_the_server_ends_nothing_new_begins_and_what_is_under_way_has_some_time() -> None:
    app = slow_app(4)
    async with assistant(app) as here:
        plan_id = await here.plan(action="stop", all=True, max_concurrency=1)
        with anyio.move_on_after(SLOW / 2):
            await here.call("apply_plan", plan_id=plan_id)
    assert app.actions == [(1, "stop")]


async def test_what_takes_longer_than_that_is_cut_off_and_the_journal_says_what_is_not_known(tmp_path: Path) -> None:
    app = hanging_app(2)
    async with assistant(app, runs=lambda: RunStore(tmp_path), grace=0.01) as here:
        _, call = await begun(here, app, 2)
        await cancelled(call)
    (kept,) = RunStore(tmp_path).list()
    # Either says that it went out and that nobody knows more; which it is depends on what was cut off first.
    assert {target.state for target in RunStore(tmp_path).read(kept.id).targets} <= {"sent", "unknown"}


@virtual
async def test_one_vps_needs_no_journal() -> None:
    def none() -> RunStore:
        raise AssertionError

    async with assistant(slow_app(1), runs=none) as here:
        done = await here.value("apply_plan", plan_id=await here.plan(action="stop", all=True))
        assert "run_id" not in done


@virtual
async def test_without_a_place_for_the_journal_nothing_is_done() -> None:
    def none() -> RunStore:
        message = "there is no home directory"
        raise ConfigurationError(message)

    app = slow_app(2)
    async with assistant(app, runs=none) as here:
        plan_id = await here.plan(action="stop", all=True)
        assert (await here.problem("apply_plan", plan_id=plan_id))["kind"] == "configuration"
        over = await here.value("plan_result", plan_id=plan_id)
        assert over["what"].endswith("nothing was done: there is no home directory")
    assert not app.actions


async def test_a_journal_that_cannot_be_written_lets_nothing_begin(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    app = slow_app(2)
    async with assistant(app, runs=lambda: RunStore(tmp_path / "file" / "runs")) as here:
        plan_id = await here.plan(action="stop", all=True)
        problem = await here.problem("apply_plan", plan_id=plan_id)
        assert "cannot be made" in problem["message"]
        assert "nothing was done" in (await here.value("plan_result", plan_id=plan_id))["what"]
    assert not app.actions
