"""What a session and its fleets promise holds on either revision of the API, whichever way the session came to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from panels import NO_RETRY, failure, fleet_of, session_on
from virtual_time import virtual

from cvm_async import (
    ActionFailedError,
    AuthenticationError,
    CvmSession,
    PanelError,
    PermissionDeniedError,
    PowerState,
    Rollout,
    Timeouts,
    VpsNotFoundError,
)
from cvm_async.panel import PanelApp, Power
from cvm_async.settings import Api

PAIRS: list[tuple[str, Api | None]] = [
    *((panel, api) for panel in ("2012", "2013", "both") for api in (None, "auto")),
    ("2012", "2012"),
    ("2013", "2013"),
    ("both", "2012"),
    ("both", "2013"),
]
EACH = pytest.mark.parametrize(("panel", "api"), PAIRS)


@asynccontextmanager
async def on(panel: str, api: Api | None, **knobs: object) -> AsyncGenerator[tuple[CvmSession, PanelApp]]:
    app = PanelApp(vpses=fleet_of(1, 1, 2, 2, 3), api=panel, **knobs)  # type: ignore[arg-type]
    timeouts = Timeouts(read=5.0, action=20.0)
    async with session_on(app, api=api, retry=NO_RETRY, timeouts=timeouts) as session:
        yield session, app


@EACH
@virtual
async def test_a_fleet_has_one_outcome_a_vps_in_its_order(panel: str, api: Api | None) -> None:
    async with on(panel, api) as (session, app):
        app.set_power(2, Power.STOPPED)
        report = await (await session.fleet()).status()
        states = [outcome.value.state for outcome in report.ok]
    assert [outcome.vps.id for outcome in report] == [1, 2, 3, 4, 5]
    assert states == [PowerState.RUNNING, PowerState.STOPPED, *[PowerState.RUNNING] * 3]


@EACH
@virtual
async def test_figures_are_in_bytes(panel: str, api: Api | None) -> None:
    async with on("2012", "2012") as (session, _):
        expected = await session.status(1)
    async with on(panel, api) as (session, _):
        status = await session.status(1)
    assert (status.ram_used, status.disk_used, status.traffic) == (
        expected.ram_used,
        expected.disk_used,
        expected.traffic,
    )
    assert status.problems == ()


@EACH
@virtual
async def test_each_is_acted_on_once_and_seen_to_have_got_there(panel: str, api: Api | None) -> None:
    async with on(panel, api, shutdown_time=3.0) as (session, app):
        fleet = await session.fleet()
        report = await fleet.stop(rollout=Rollout(batch=(1, 1.0)), wait=True, timeout=60)
        assert [outcome.ok for outcome in report] == [True] * 5
        assert sorted(app.actions) == [(vps, "stop") for vps in (1, 2, 3, 4, 5)]
        assert {app.power(vps) for vps in (1, 2, 3, 4, 5)} == {"stopped"}


@EACH
@virtual
async def test_a_first_action_is_sent_once_and_to_whom_it_is_for(panel: str, api: Api | None) -> None:
    async with on(panel, api) as (session, app):
        await session.restart(3)
        with pytest.raises(ActionFailedError):
            await session.start(3)
        assert [action for action in app.actions if action[1] == "restart"] == [(3, "restart")]


@EACH
@virtual
async def test_a_lost_node_costs_only_its_own(panel: str, api: Api | None) -> None:
    async with on(panel, api) as (session, app):
        fleet = await session.fleet()
        app.unreachable_node(2)
        report = await fleet.status()
    assert [outcome.ok for outcome in report] == [True, True, False, False, True]
    assert all(isinstance(outcome.error, PanelError) for outcome in report.failed)


@EACH
@virtual
async def test_a_hung_node_costs_only_its_own(panel: str, api: Api | None) -> None:
    async with on(panel, api) as (session, app):
        fleet = await session.fleet()
        app.hang_node(2)
        report = await fleet.status()
    assert [outcome.ok for outcome in report] == [True, True, False, False, True]


@EACH
@virtual
async def test_waits_and_actions_of_several_share_what_they_can(panel: str, api: Api | None) -> None:
    async with on(panel, api, shutdown_time=4.0) as (session, app):
        await asyncio.gather(session.stop(1), session.stop(1))
        first, second = await asyncio.gather(*(session.wait_until(1, PowerState.STOPPED) for _ in range(2)))
        assert first == second
        assert app.actions == [(1, "stop")]


@EACH
@pytest.mark.parametrize("told_as", [200, 404])
@virtual
async def test_a_vps_that_is_not_there_is_not_found(panel: str, api: Api | None, told_as: int) -> None:
    async with on(panel, api, unknown_vps=told_as) as (session, _):
        assert type(await failure(session.status(99))) is VpsNotFoundError
        assert (await session.status(1)).state is PowerState.RUNNING


@EACH
@virtual
async def test_tokens_that_are_not_known_or_have_no_access_are_told(panel: str, api: Api | None) -> None:
    async with on(panel, api) as (session, app):
        app.private_token = "another"
        assert type(await failure(session.status(1))) is AuthenticationError
    async with on(panel, api, client_api=False) as (session, _):
        assert type(await failure(session.status(1))) is PermissionDeniedError
