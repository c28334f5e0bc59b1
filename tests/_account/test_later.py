"""Nodes, templates and reinstall: what only the API's later revision has, on panels that have it and that do not."""

import asyncio
import gc
from collections.abc import Awaitable, Callable

import pytest
from panels import failure, fleet_of, paths, session_on
from values import vps
from virtual_time import virtual

from cvm_async import (
    ActionFailedError,
    AuthenticationError,
    ConfigurationError,
    CvmSession,
    HostNode,
    JobState,
    NameNotFoundError,
    NoAnswerError,
    NotSentError,
    NotSupportedError,
    PermissionDeniedError,
    Retry,
    Template,
    Timeouts,
)
from cvm_async._account.later import LaterRevision
from cvm_async._api.calls import reinstall
from cvm_async._api.routes import Routes
from cvm_async.panel import Hang, PanelApp, SimulatedTemplate, SimulatedVps, database_down, uncaught
from cvm_async.settings import Api

WEB = "vps1.example.net"
Ask = Callable[[CvmSession], Awaitable[object]]
READINGS: dict[str, Ask] = {
    "nodes": lambda session: session.list_nodes(),
    "a node": lambda session: session.node(1),
    "templates": lambda session: session.list_templates(),
    "a template": lambda session: session.template(1),
}
EACH = pytest.mark.parametrize("ask", READINGS.values(), ids=READINGS)
WAYS = pytest.mark.parametrize("api", [None, "auto"])


def later_panel(**knobs: object) -> PanelApp:
    return PanelApp(vpses=fleet_of(1, 1), api="2013", **knobs)  # type: ignore[arg-type]


@WAYS
async def test_the_later_revision_tells_of_nodes_and_templates(api: Api | None) -> None:
    app = later_panel(templates=[SimulatedTemplate(id=7, name="Debian", outdated=True)], numbers="mixed")
    async with session_on(app, api=api) as session:
        [node], [template] = await session.list_nodes(), await session.list_templates()
        assert node == await session.node(1)
        assert node == HostNode(id=1, name="node1", hostname="node1.host.example.net", location="Germany")
        assert template == await session.template(7)
        assert template == Template(
            id=7, name="Debian", description=None, supported=True, available=True, outdated=True
        )
        [first, _] = await session.list_vpses()
        assert (first.location, first.template, first.extra) == (node.location, 1, {})
    assert paths(app)[:3] == ["GET vps/list", "GET list", "GET node/list"]


@EACH
@WAYS
async def test_on_the_specifications_revision_they_are_not_asked_for(ask: Ask, api: Api | None) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app, api=api) as session:
        error = await failure(ask(session))
        assert isinstance(error, NotSupportedError)
        assert error.revision == "2012"
        assert "it has the revision of 2012" in str(error)
        assert [vps.location for vps in await session.list_vpses()] == [None]
    assert paths(app) == ["GET vps/list"] * 2


@EACH
async def test_a_running_panel_documents_them_and_has_none(ask: Ask) -> None:
    async with session_on(later_panel(resources=False)) as session:
        error = await failure(ask(session))
    assert isinstance(error, NotSupportedError)
    assert error.revision == "2013"
    assert "but not this call of it" in str(error)


@EACH
async def test_who_says_which_revision_it_is_gets_no_other_call(ask: Ask) -> None:
    app = PanelApp(vpses=1)
    async with session_on(app, api="2012") as session:
        assert isinstance(await failure(ask(session)), NotSupportedError)
    assert not app.requests
    async with session_on(app, api="2013") as session:
        assert isinstance(await failure(ask(session)), NotSupportedError)
    assert len(app.requests) == 1


async def test_where_it_is_not_known_which_revision_it_is_that_is_said() -> None:
    app = PanelApp(vpses=fleet_of(1), later_keys=True)
    async with session_on(app) as session:
        error = await failure(session.list_nodes())
        assert isinstance(error, NotSupportedError)
        assert error.revision is None
        assert "which revision it has is not known" in str(error)
        assert isinstance(await failure(session.reinstall(1, 1, confirm=WEB)), NotSupportedError)
    assert paths(app) == ["GET vps/list", "GET node/list", "GET vps/list", "GET vps/1/status"]


@pytest.mark.parametrize("no_access", [200, 403])
async def test_what_one_may_not_see_is_refused(no_access: int) -> None:
    async with session_on(later_panel(no_access=no_access)) as session:
        for ask, text in ((session.node(9), "no such node"), (session.template(6), "no such template")):
            error = await failure(ask)
            assert isinstance(error, PermissionDeniedError)
            assert text in str(error)


async def test_tokens_without_rights_are_told_from_a_node_that_one_may_not_see() -> None:
    async with session_on(later_panel(client_api=False)) as session:
        assert "no access to the client API" in str(await failure(session.node(1)))


async def test_wrong_tokens_are_told_as_ever() -> None:
    app = later_panel()
    async with session_on(app) as session:
        app.private_token = "other"
        assert isinstance(await failure(session.list_nodes()), AuthenticationError)
        assert isinstance(await failure(session.reinstall(1, 1, confirm=WEB)), AuthenticationError)


@virtual
async def test_they_have_their_time_and_no_more() -> None:
    app = later_panel()
    app.inject(Hang(), verb="list_nodes")
    async with session_on(app) as session:
        error = await failure(session.list_nodes(timeout=3.0))
        assert isinstance(error, NoAnswerError)
        app.clear_faults()


@virtual
async def test_also_where_the_list_takes_it_all() -> None:
    app = later_panel()
    app.inject(Hang(), verb="list", times=None)
    async with session_on(app, retry=Retry(attempts=1)) as session:
        assert isinstance(await failure(session.list_nodes(timeout=3.0)), NoAnswerError)
        assert isinstance(await failure(session.reinstall(vps(1), 1, confirm=WEB, timeout=3.0)), NotSentError)
        app.clear_faults()
    assert not app.actions


@pytest.mark.parametrize("number", [0, -1, "1", True, None])
async def test_an_id_that_cannot_be_one_is_refused(number: int) -> None:
    async with session_on(later_panel()) as session:
        for ask in (session.node, session.template):
            assert isinstance(await failure(ask(number)), ConfigurationError)
        assert isinstance(await failure(session.reinstall(1, number, confirm=WEB)), ConfigurationError)


# Reinstall


@WAYS
async def test_a_reinstall_is_sent_once_to_a_panel_that_has_it(api: Api | None) -> None:
    app = later_panel()
    async with session_on(app, api=api) as session:
        [first, _] = await session.list_vpses()
        template = await session.template(2)
        await session.reinstall(first, template, confirm=first.hostname)
        await session.reinstall(2, 3, confirm="vps2.example.net")
    assert app.reinstalls == [(1, 2), (2, 3)]
    assert [path for path in paths(app) if path.startswith("POST")] == ["POST vps/1/reinstall", "POST vps/2/reinstall"]


@pytest.mark.parametrize("confirm", ["vps2.example.net", "", "VPS1.example.net", "1", None])
async def test_another_name_than_its_own_confirms_nothing(confirm: str) -> None:
    app = later_panel()
    async with session_on(app) as session:
        [first, _] = await session.list_vpses()
        for which in (first, 1):
            error = await failure(session.reinstall(which, 1, confirm=confirm))
            assert isinstance(error, ConfigurationError)
            assert "confirm must be its hostname, 'vps1.example.net'" in str(error)
    assert not app.actions


async def test_a_vps_without_a_name_cannot_be_confirmed() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=1, hostname="")], api="2013")
    async with session_on(app) as session:
        assert isinstance(await failure(session.reinstall(1, 1, confirm="")), ConfigurationError)
    assert not app.actions


async def test_a_vps_that_is_not_there_cannot_either() -> None:
    async with session_on(later_panel()) as session:
        assert isinstance(await failure(session.reinstall(9, 1, confirm="x")), NameNotFoundError)


@pytest.mark.parametrize("several", [[1, 2], (1,), None, "vps1.example.net"])
async def test_several_are_refused(several: int) -> None:
    async with session_on(later_panel()) as session:
        with pytest.raises(ConfigurationError, match="one VPS"):
            session.reinstall(several, 1, confirm=WEB)
        fleet = await session.fleet()
        assert not hasattr(fleet, "reinstall")


async def test_a_template_that_cannot_be_installed_is_a_failure() -> None:
    app = later_panel()
    async with session_on(app) as session:
        error = await failure(session.reinstall(1, 5, confirm=WEB))
    assert isinstance(error, ActionFailedError)
    assert (error.status_code, app.actions) == (422, [])


@pytest.mark.parametrize("fault", [uncaught(after_action=True), database_down()], ids=["500", "no JSON"])
async def test_where_it_is_not_answered_nobody_knows_and_it_is_not_sent_again(fault: object) -> None:
    app = later_panel()
    app.inject(fault, verb="reinstall")  # type: ignore[arg-type]
    async with session_on(app) as session:
        error = await failure(session.reinstall(1, 1, confirm=WEB))
    assert "whether the VPS was reinstalled is unknown" in str(error)
    assert len([path for path in paths(app) if path.startswith("POST")]) == 1


async def test_on_the_specifications_revision_nothing_is_sent() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        assert isinstance(await failure(session.reinstall(1, 1, confirm=WEB)), NotSupportedError)
    assert paths(app) == ["GET vps/list"]


async def test_a_running_panel_may_have_done_it_for_all_that_is_known() -> None:
    async with session_on(later_panel(resources=False)) as session:
        assert isinstance(await failure(session.reinstall(1, 1, confirm=WEB)), NoAnswerError)


@virtual
async def test_one_at_a_time_and_after_what_is_under_way() -> None:
    app = later_panel(shutdown_time=5.0, boot_time=5.0)
    async with session_on(app) as session:
        stop = asyncio.create_task(_awaited(session.stop(1)))
        await asyncio.sleep(0.1)
        job = session.reinstall(1, 1, confirm=WEB)
        assert not await job.wait(1.0)
        assert (job.state, job.verb, [each.verb for each in session.jobs()]) == (
            JobState.WAITING,
            "reinstall",
            ["stop", "reinstall"],
        )
        await stop
        assert not await job.wait(1.0)
        assert isinstance(await failure(session.reinstall(1, 2, confirm=WEB)), NotSentError)
        await job
    assert app.actions == [(1, "stop"), (1, "reinstall")]
    gc.collect()


async def _awaited(job: Awaitable[None]) -> None:
    await job


@virtual
async def test_a_list_that_cannot_be_read_stops_it() -> None:
    app = later_panel()
    app.inject(database_down(), verb="list", times=None)
    async with session_on(app, timeouts=Timeouts(read=1.0), retry=Retry(attempts=1)) as session:
        error = await failure(session.reinstall(vps(1), 1, confirm=WEB))
        assert isinstance(error, NotSentError)
        assert "not known which revision" in str(error)
    assert not app.actions


async def test_nothing_is_destroyed_where_the_answers_fit_both_revisions() -> None:
    async def look() -> None:
        """Learn nothing."""

    known = LaterRevision(Routes(), "acme", look)
    with pytest.raises(NotSentError, match="its answers fit both"):
        await known.before_acting(reinstall(1, 1), look)
