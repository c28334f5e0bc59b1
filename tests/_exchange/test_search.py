"""A panel's revision is found out from readings: a call more at most, never by a power action, and nobody is fooled."""

import asyncio
import logging
from typing import Any, Literal, TypeAlias

import pytest
from mocked import logged
from panels import calls, failure, fleet_of, paths, session_on
from virtual_time import virtual

from cvm_async import (
    ActionFailedError,
    AuthenticationError,
    DecodeError,
    Limits,
    NoAnswerError,
    NotSentError,
    PanelError,
    PowerState,
    Retry,
    VpsNotFoundError,
)
from cvm_async._exchange.search import FREE, PATIENCE
from cvm_async.panel import Answer, Hang, PanelApp, SimulatedVps, database_down, uncaught
from cvm_async.settings import Api

ONCE = Retry(attempts=1)
PANELS: dict[str, dict[str, Any]] = {
    "the specification's": {"api": "2012"},
    "the specification's, with keys of later releases": {"api": "2012", "later_keys": True},
    "the running panel's": {"api": "2013"},
    "the later text's": {"api": "2013", "documented_list": True},
    "both": {"api": "both"},
}
EITHER = pytest.mark.parametrize("knobs", PANELS.values(), ids=PANELS)
Revision: TypeAlias = Literal["2012", "2013"]
REVISIONS = pytest.mark.parametrize("revision", ["2012", "2013"])
WAYS = pytest.mark.parametrize("api", [None, "auto"])


@EITHER
@WAYS
@pytest.mark.parametrize("unknown_route", [500, 404])
@virtual
async def test_a_fleet_is_read_on_a_panel_of_either_revision(
    knobs: dict[str, Any], api: Api | None, unknown_route: int
) -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2, 3, 4] * 5), **knobs, latency=0.1, unknown_route=unknown_route)
    async with session_on(app, api=api) as session:
        fleet = await session.fleet()
        report = await fleet.status()
        assert len(report.ok) == 20
        assert {outcome.value.ram_used for outcome in report.ok} == {200 * 2**20}
        assert session.revision == ("2013" if knobs["api"] == "2013" else "2012")
        extra = len(app.requests) - 21
    # Nobody waits where nobody asked to be sure; on a panel as the text has it, the list does not tell.
    assert extra <= (20 if api is None and "documented_list" in knobs else 1)
    if knobs["api"] != "2013":
        assert extra == 0


@virtual
async def test_a_missing_path_is_held_against_no_node() -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2] * 20), api="2013", documented_list=True, latency=0.1)
    async with session_on(app) as session:
        report = await (await session.fleet()).status()
        assert not report.failed
        assert {node.failures for node in session.node_states()} == {0}


@EITHER
@virtual
async def test_readings_that_come_together_share_one_search(knobs: dict[str, Any]) -> None:
    app = PanelApp(vpses=fleet_of(*[1, 2, 3, 4] * 5), **knobs, latency=0.1)
    async with session_on(app, api="auto") as session:
        await asyncio.gather(*(session.status(number) for number in range(1, 21)))
    assert len(app.requests) == (21 if knobs["api"] == "2013" else 20)


@EITHER
@WAYS
@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
async def test_a_power_action_is_sent_once_and_to_one_place(knobs: dict[str, Any], api: Api | None, verb: str) -> None:
    app = PanelApp(vpses=fleet_of(1, power="stopped" if verb == "start" else "running"), **knobs)
    async with session_on(app, api=api) as session:
        await getattr(session, verb)(1)
    assert app.actions == [(1, verb)]
    assert [path for path in paths(app) if path.startswith("POST")] == [f"POST vps/1/{verb}"]
    # What is to be sure has read first.
    assert paths(app)[0].startswith("GET" if api == "auto" else "POST")


async def test_once_the_panel_is_heard_no_power_action_reads_first() -> None:
    app = PanelApp(vpses=2, later_keys=True)
    async with session_on(app, api="auto") as session:
        await session.list_vpses()
        await session.stop(1)
        await session.stop(2)
    assert paths(app) == ["GET vps/list", "POST vps/1/stop", "POST vps/2/stop"]


@REVISIONS
async def test_a_power_action_that_must_be_sure_says_why_it_was_not_sent(revision: Revision) -> None:
    app = PanelApp(vpses=1, api=revision)
    async with session_on(app, api="auto", retry=ONCE) as session:
        app.inject(database_down(), times=None)
        assert isinstance(await failure(session.stop(1)), NotSentError)
        app.clear_faults()
        app.private_token = "other"
        assert isinstance(await failure(session.stop(1)), AuthenticationError)
    assert not app.actions


@REVISIONS
@WAYS
async def test_wrong_tokens_are_wrong_tokens(revision: Revision, api: Api | None) -> None:
    app = PanelApp(vpses=1, api=revision)
    async with session_on(app, api=api) as session:
        app.private_token = "other"
        for read in (session.list_vpses, lambda: session.status(1)):
            assert isinstance(await failure(read()), AuthenticationError)
        assert session.revision is None
    assert len(app.requests) <= 4


@pytest.mark.parametrize("unknown_route", [404, 500])
@WAYS
async def test_a_wrong_address_is_one_and_both_paths_are_named(unknown_route: int, api: Api | None) -> None:
    app = PanelApp(vpses=1, path_prefix="/cvm", unknown_route=unknown_route)
    async with session_on(app, api=api) as session:
        error = await failure(session.list_vpses())
        assert type(error) is PanelError
        assert error.status_code == unknown_route
        assert "asked at /api/client/list, too (GET /api/client/vps/list" in str(error)
    assert len(app.requests) == 2


@REVISIONS
@WAYS
async def test_an_unknown_vps_is_told_from_an_unknown_path(revision: Revision, api: Api | None) -> None:
    app = PanelApp(vpses=1, api=revision)
    async with session_on(app, api=api) as session:
        assert isinstance(await failure(session.status(9)), VpsNotFoundError)
        assert session.revision == revision
    assert len(app.requests) == (2 if revision == "2013" else 1)


@REVISIONS
@pytest.mark.parametrize("fault", [database_down(), uncaught()], ids=["database", "500"])
async def test_a_panel_that_was_broken_is_taken_for_what_it_is_once_it_is_well(
    revision: Revision, fault: Answer
) -> None:
    app = PanelApp(vpses=1, api=revision)
    async with session_on(app, retry=ONCE) as session:
        app.inject(fault, times=None)
        for read in (session.list_vpses, lambda: session.status(1)):
            assert isinstance(await failure(read()), (DecodeError, PanelError))
        assert session.revision is None
        app.clear_faults()
        await session.status(1)
        assert session.revision == revision


async def test_a_dead_node_does_not_make_it_another_revision() -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    app.unreachable_node(1, after=0.0)
    async with session_on(app) as session:
        error = await failure(session.status(1))
        assert "its host node may be unreachable" in str(error)
        assert (await session.status(2)).state is PowerState.RUNNING
        assert session.revision == "2012"
        await failure(session.status(1))
    assert paths(app) == ["GET vps/1/status", "GET vps/1", "GET vps/2/status", "GET vps/1/status"]


async def test_what_the_other_path_says_counts_where_it_is_no_sign_of_a_missing_one() -> None:
    app = PanelApp(vpses=fleet_of(1), api="2013")
    app.unreachable_node(1, after=0.0, answer="503")
    async with session_on(app, retry=ONCE) as session:
        error = await failure(session.status(1))
    assert error.kind == "node_unreachable"
    assert (error.path, error.attempts) == ("/api/client/vps/1", 2)
    assert "asked at /api/client/vps/1/status, too" in str(error)


@virtual
async def test_a_panel_that_is_broken_for_long_is_not_asked_twice_for_ever() -> None:
    app = PanelApp(vpses=1, unknown_route=404, path_prefix="/cvm")
    async with session_on(app, retry=ONCE) as session:
        for _ in range(FREE + 1):
            await failure(session.status(1))
        assert len(app.requests) == 2 * (FREE + 1)
        await failure(session.status(1))
        assert len(app.requests) == 2 * (FREE + 1) + 1
        await asyncio.sleep(1.0)
        await failure(session.status(1))
        assert len(app.requests) == 2 * (FREE + 1) + 3


@virtual
async def test_on_a_broken_panel_readings_that_come_together_share_the_search_in_vain() -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3, 4), path_prefix="/cvm", latency=0.1)
    async with session_on(app, retry=ONCE) as session:
        found = await asyncio.gather(*(session.status(number) for number in range(1, 5)), return_exceptions=True)
    assert all(isinstance(error, PanelError) for error in found)
    assert len(app.requests) == 5


@virtual
async def test_a_hung_node_holds_the_others_up_for_a_moment_only() -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 3))
    app.hang_node(1)
    async with session_on(app, api="auto", retry=ONCE) as session:
        began = asyncio.get_running_loop().time()
        hung = asyncio.create_task(session.status(1))
        await asyncio.sleep(0)
        await asyncio.gather(session.status(2), session.status(3))
        assert asyncio.get_running_loop().time() - began == pytest.approx(PATIENCE)
        assert isinstance(await failure(hung), NoAnswerError)


@virtual
async def test_whoever_waits_for_the_search_can_be_cancelled() -> None:
    app = PanelApp(vpses=fleet_of(1, 2))
    app.inject(Hang(), vps=1)
    async with session_on(app, api="auto", limits=Limits(max_concurrency=2)) as session:
        first, second = (asyncio.create_task(session.status(number)) for number in (1, 2))
        await asyncio.sleep(0.1)
        second.cancel()
        first.cancel()
        await asyncio.wait([first, second])
        app.clear_faults()
        assert (await session.status(2)).state is PowerState.RUNNING


async def test_what_was_found_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cvm_async")
    async with session_on(PanelApp(vpses=2, api="2013"), name="acme") as session:
        await session.list_vpses()
        await session.status(1)
        await session.status(2)
    [line] = logged(caplog, logging.INFO)
    assert line.startswith("acme has the API's later revision (2013)")


async def test_of_the_specifications_revision_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "cvm_async")
    async with session_on(PanelApp(vpses=1)) as session:
        await session.list_vpses()
    assert not logged(caplog, logging.INFO)


@pytest.mark.parametrize(("api", "other"), [("2012", "2013"), ("2013", "2012")])
async def test_who_says_which_it_is_gets_that_and_no_other(api: Api, other: Revision) -> None:
    app = PanelApp(vpses=1, api=other)
    async with session_on(app, api=api, retry=ONCE) as session:
        assert (await failure(session.status(1))).kind == "panel"
    assert [record.verb for record in app.requests] == [None]


@pytest.mark.parametrize("documented", [False, True])
async def test_who_says_that_it_is_the_later_one_gets_its_list_wherever_it_is(*, documented: bool) -> None:
    app = PanelApp(vpses=1, api="2013", documented_list=documented)
    async with session_on(app, api="2013") as session:
        assert (await session.status(1)).ram_used
        assert len(await session.list_vpses()) == len(await session.list_vpses()) == 1
    assert len(app.requests) == 3 + documented


async def test_sizes_are_bytes_in_either() -> None:
    vps = SimulatedVps(id=1, ram_used=31 * 2**20, disk_used=1233.7373046875 * 2**20)
    apis: tuple[Revision, ...] = ("2012", "2013")
    for api in apis:
        async with session_on(PanelApp(vpses=[vps], api=api)) as session:
            status = await session.status(1)
            assert (status.ram_used, status.disk_used) == (31 * 2**20, 1_293_667_328)
    app = PanelApp(vpses=[vps], api="2013")
    app.set_power(1, "stopped")
    async with session_on(app) as session:
        assert (await session.status(1)).ram_used == 0


async def test_a_refused_action_is_one_in_either() -> None:
    apis: tuple[Revision, ...] = ("2012", "2013")
    for api in apis:
        async with session_on(PanelApp(vpses=1, api=api)) as session:
            await session.status(1)
            assert isinstance(await failure(session.start(1)), ActionFailedError)


async def test_what_was_made_before_it_was_found_out_goes_where_things_are() -> None:
    app = PanelApp(vpses=fleet_of(1, 1), api="2013")
    async with session_on(app, limits=Limits(max_concurrency=1)) as session:
        await asyncio.gather(session.list_vpses(), session.status(1), session.status(2))
    assert len(calls(app, "status")) == 2
    assert len(app.requests) == 4
