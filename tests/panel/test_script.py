"""What the script does with a call that has reached a worker: the tokens, the database, the node."""

import asyncio
from typing import Literal

import pytest

from cvm_async.panel import (
    ManualClock,
    PanelApp,
    Power,
    SimulatedVps,
    uncaught,
    unencodable_list,
)
from cvm_async.panel.routes import Api
from panel.callers import errors, gathered, get, post, turns, without_socket

# What is answered


async def test_a_list_names_all_vpses() -> None:
    [response] = await get(PanelApp(vpses=3, nodes=1), "list")
    assert [vps["id"] for vps in response.json()["response"]["vpses"]] == ["1", "2", "3"]


async def test_a_list_shows_vpses_that_came_and_went_since_the_last() -> None:
    app = PanelApp(vpses=1)
    [before] = await get(app, "list")
    [same] = await get(app, "list")
    app.remove_vps(1)
    [after] = await get(app, "list")
    assert before.content == same.content != after.content
    assert after.content == b'{"response":{"vpses":[]}}'


async def test_an_answer_is_json_called_html_with_a_cookie() -> None:
    [response] = await get(PanelApp(vpses=1), "1/status")
    assert response.headers["content-type"] == "text/html; charset=UTF-8"
    assert response.headers["set-cookie"].startswith("PHPSESSID=")
    assert response.headers["set-cookie"].endswith("; path=/")
    assert response.json()["response"]["status"] == "running"


async def test_every_call_without_a_cookie_begins_a_session_of_its_own() -> None:
    responses = await get(PanelApp(vpses=1), *["list"] * 5)
    assert len({response.headers["set-cookie"] for response in responses}) == 5


async def test_a_call_with_a_cookie_goes_on_with_its_session() -> None:
    async with without_socket(PanelApp(vpses=1)) as client:
        headers = {"cookie": "PHPSESSID=abc", "explicit-cookie": "yes"}
        response = await client.get("list", headers=headers)
    assert response.headers["set-cookie"] == "PHPSESSID=abc; path=/"


@pytest.mark.parametrize("which", ["API-Public-Token", "API-Private-Token"])
@pytest.mark.parametrize("token", ["wrong", ""])
async def test_a_wrong_token_is_refused_with_401(which: str, token: str) -> None:
    async with without_socket(PanelApp(vpses=1)) as client:
        response = await client.get("list", headers={which: token})
    assert (response.status_code, errors(response)) == (401, ["No valid API token pair was specified."])


async def test_a_token_pair_that_is_replaced_no_longer_opens() -> None:
    app = PanelApp(vpses=1)
    async with without_socket(app) as client:
        app.private_token = "new"
        assert (await client.get("list")).status_code == 401


async def test_a_pair_without_access_to_this_api_is_refused_with_403() -> None:
    [response] = await get(PanelApp(vpses=1, client_api=False), "list")
    assert (response.status_code, errors(response)) == (
        403,
        ["The specified API token pair does not have access to this API."],
    )


async def test_on_some_releases_that_refusal_is_a_200() -> None:
    [response] = await get(PanelApp(vpses=1, client_api=False, no_access=200), "list")
    assert (response.status_code, len(errors(response))) == (200, 1)


async def test_where_the_headers_are_out_early_every_answer_is_a_200() -> None:
    app = PanelApp(vpses=1, early_headers=True, diagnostics=5_000, unknown_vps=404, client_api=True)
    responses = await get(app, "list", "2/status", "nonsense")
    app.client_api = False
    responses += await get(app, "list")
    assert [response.status_code for response in responses] == [200] * 4


async def test_what_memcache_holds_is_a_minute_old() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=2, cached_for=60.0, clock=clock)
    async with without_socket(app) as client:
        before = await client.get("list")
        await clock.advance(70.0)
        assert (await client.get("list")).content == before.content
        app.remove_vps(1)
        app.private_token = "new"
        await clock.advance(59.0)
        assert (await client.get("list")).content == before.content
        await clock.advance(1.0)
        assert (await client.get("list")).status_code == 401
        app.private_token = client.headers["api-private-token"]
        assert (await client.get("list")).content != before.content


@pytest.mark.parametrize("status", [200, 404])
async def test_an_unknown_vps_is_an_error_whatever_the_status(status: Literal[200, 404]) -> None:
    [response] = await get(PanelApp(vpses=1, unknown_vps=status), "2/status")
    assert response.status_code == status
    assert errors(response) == ["The specified VPS ID does not exist or is not accessible to this user."]


# Power


@pytest.mark.parametrize(
    ("power", "verb", "then"),
    [
        (Power.RUNNING, "stop", "stopped"),
        (Power.STOPPED, "start", "running"),
        (Power.RUNNING, "restart", "running"),
        (Power.STOPPED, "restart", "running"),
    ],
)
async def test_an_action_is_carried_out_answered_with_nothing_and_in_the_ledger(
    power: Power, verb: str, then: str
) -> None:
    app = PanelApp(vpses=[SimulatedVps(id=7, power=power)])
    response = await post(app, f"7/{verb}")
    assert (response.status_code, response.json()) == (200, {"response": []})
    assert app.actions == [(7, verb)]
    assert app.power(7) == then


@pytest.mark.parametrize(
    ("power", "verb"),
    [
        (Power.RUNNING, "start"),
        (Power.STOPPED, "stop"),
        (Power.SUSPENDED, "stop"),
        (Power.TERMINATED, "start"),
    ],
)
async def test_a_refused_action_is_a_500_with_errors_and_not_in_the_ledger(power: Power, verb: str) -> None:
    app = PanelApp(vpses=[SimulatedVps(id=7, power=power)])
    response = await post(app, f"7/{verb}")
    assert response.status_code == 500
    assert len(errors(response)) == 1
    assert app.actions == []


async def test_a_post_is_open_for_as_long_as_the_node_works() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, boot_time=30.0, shutdown_time=10.0, clock=clock)
    assert (await clock.run(post(app, "1/restart"))).status_code == 200
    assert (app.requests[0].started, app.requests[0].ended) == (0.0, 40.0)


async def test_a_second_action_on_a_vps_is_refused_while_the_first_is_carried_out() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, shutdown_time=10.0, clock=clock)
    first, second = await clock.run(gathered(post(app, "1/stop"), post(app, "1/start")))
    assert (first.status_code, second.status_code) == (200, 500)
    assert "locked" in errors(second)[0]
    assert app.actions == [(1, "stop")]


async def test_a_state_shows_only_when_it_has_settled() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, settle=3.0, clock=clock)
    await post(app, "1/stop")
    await clock.advance(2.9)
    assert app.power(1) == "running"
    await clock.advance(0.1)
    assert app.power(1) == "stopped"


# Nodes in trouble


async def test_a_hung_node_answers_nothing_until_it_is_healed_and_the_others_go_on() -> None:
    app = PanelApp(vpses=2, nodes=2)
    app.hang_node(1)
    async with without_socket(app) as client:
        hanging = [asyncio.ensure_future(client.get("1/status")), asyncio.ensure_future(client.post("1/stop"))]
        assert (await client.get("2/status")).status_code == 200
        assert (await client.get("list")).status_code == 200
        await turns()
        assert not any(call.done() for call in hanging)
        assert app.actions == []
        app.heal_node(1)
        assert [(await call).status_code for call in hanging] == [200, 200]
    assert app.actions == [(1, "stop")]


@pytest.mark.parametrize(
    ("answer", "verb", "status", "body"),
    [
        pytest.param("uncaught", "status", 500, "", id="an uncaught failure, as seen"),
        pytest.param("uncaught", "start", 503, "errors", id="but an action as documented"),
        pytest.param("503", "status", 503, "errors", id="as documented"),
        pytest.param("503", "start", 503, "errors", id="an action, as documented"),
        pytest.param("unknown", "status", 200, "unknown", id="a status of unknown"),
        pytest.param("unknown", "start", 503, "errors", id="no action is unknown"),
        pytest.param("empty", "status", 500, "", id="an uncaught failure"),
        pytest.param("empty", "start", 500, "", id="an action's uncaught failure"),
    ],
)
async def test_an_unreachable_node_says_so_after_a_while_and_carries_nothing_out(
    answer: Literal["uncaught", "503", "unknown", "empty"], verb: str, status: int, body: str
) -> None:
    clock = ManualClock()
    app = PanelApp(vpses=[SimulatedVps(id=1, power="stopped")], clock=clock)
    app.unreachable_node(1, after=10.0, answer=answer)
    async with without_socket(app) as client:
        method = "GET" if verb == "status" else "POST"
        response = await clock.run(client.request(method, f"1/{verb}"))
    assert (response.status_code, clock.now(), app.actions) == (status, 10.0, [])
    assert body in response.text
    assert bool(response.content) == bool(body)


async def test_where_php_shows_diagnostics_an_uncaught_failure_is_a_200_with_a_fatal_error() -> None:
    app = PanelApp(vpses=1, diagnostics=1)
    app.unreachable_node(1, after=0.0)
    responses = await get(app, "1/status", "nonsense")
    assert [response.status_code for response in responses] == [200, 200]
    assert all("<b>Fatal error</b>:  Uncaught Exception" in response.text for response in responses)


async def test_an_unreachable_node_says_what_a_panel_was_seen_to_say_unless_told() -> None:
    app = PanelApp(vpses=1)
    app.unreachable_node(1, after=0.0)
    [response] = await get(app, "1/status")
    assert (response.status_code, response.content) == (500, b"")


async def test_a_healed_node_is_reached_again() -> None:
    app = PanelApp(vpses=1)
    app.unreachable_node(1)
    app.heal_node(1)
    [response] = await get(app, "1/status")
    assert response.status_code == 200


async def test_a_hung_node_that_turns_out_unreachable_says_so() -> None:
    app = PanelApp(vpses=1)
    app.hang_node(1)
    async with without_socket(app) as client:
        call = asyncio.ensure_future(client.get("1/status"))
        await turns()
        app.heal_node(1)
        app.unreachable_node(1, after=0.0)
        assert (await call).status_code == 500


async def test_a_status_of_a_hung_node_takes_three_timeouts_of_php_and_tells_of_a_vps_that_stands() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=[SimulatedVps(id=1, shown_as="odd")], clock=clock)
    app.hang_node(1)
    [response] = await clock.run(get(app, "1/status"))
    told = response.json()["response"]
    assert (clock.now(), response.status_code) == (180.0, 200)
    assert (told["status"], told["ram_used"], told["disk_used"]) == ("stopped", "0", "0")


async def test_an_action_on_a_hung_node_takes_one_timeout_and_is_not_carried_out() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, clock=clock, socket_timeout=5.0)
    app.hang_node(1)
    response = await clock.run(post(app, "1/stop"))
    assert (clock.now(), response.status_code, response.content, app.actions) == (5.0, 500, b"", [])


async def test_without_a_timeout_of_php_a_hung_call_waits_for_ever() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, clock=clock, socket_timeout=None)
    app.hang_node(1)
    with pytest.raises(RuntimeError, match="nothing sleeps"):
        await clock.run(get(app, "1/status"))
    await app.aclose()


@pytest.mark.parametrize(
    ("boot_time", "socket_timeout", "status", "seconds"),
    [(60.0, 60.0, 200, 60.0), (61.0, 60.0, 500, 60.0), (61.0, None, 200, 61.0)],
    ids=["just in time", "too long", "php has no limit"],
)
async def test_an_action_that_outlasts_phps_timeout_is_carried_out_and_answered_with_an_empty_500(
    boot_time: float, socket_timeout: float | None, status: int, seconds: float
) -> None:
    clock = ManualClock()
    app = PanelApp(
        vpses=[SimulatedVps(id=1, power="stopped")], boot_time=boot_time, socket_timeout=socket_timeout, clock=clock
    )
    response = await clock.run(post(app, "1/start"))
    assert (response.status_code, clock.now(), app.actions) == (status, seconds, [(1, "start")])
    assert bool(response.content) == (status == 200)
    await clock.advance(boot_time - clock.now())
    assert app.power(1) == "running"


async def test_a_healed_node_may_have_lost_the_commands_that_it_was_sent() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, clock=clock)
    app.hang_node(1)
    old = asyncio.ensure_future(get(app, "1/status"))
    await clock.advance(10.0)
    app.heal_node(1, release=False)
    [new] = await clock.run(get(app, "1/status"))
    assert (clock.now(), new.json()["response"]["status"]) == (10.0, "running")
    assert app.busy_workers(node=1) == 1
    # The first command's timeout; the two that follow are heard.
    await clock.advance(50.0)
    assert [response.json()["response"]["status"] for response in await old] == ["stopped"]


async def test_a_node_may_hang_again_while_calls_of_the_first_time_still_wait() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, clock=clock)
    app.hang_node(1)
    calls = [asyncio.ensure_future(get(app, "1/status"))]
    await clock.advance(30.0)
    app.heal_node(1, release=False)
    app.hang_node(1)
    calls.append(asyncio.ensure_future(get(app, "1/status")))
    await clock.advance(1.0)
    app.heal_node(1)
    await calls[1]
    assert not calls[0].done()
    await clock.advance(29.0)
    await calls[0]


# What a call costs


async def test_calls_take_their_cost_in_as_many_workers_as_there_are() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=24, cost=0.040, workers=8, clock=clock)
    await clock.run(get(app, *(f"{number}/status" for number in range(1, 25))))
    assert clock.now() == pytest.approx(3 * 0.040)


async def test_two_cores_answer_fifty_calls_a_second_whatever_the_workers() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, cost=0.040, cores=2, workers=20, clock=clock)
    await clock.run(get(app, *["1/status"] * 50))
    assert clock.now() == pytest.approx(1.0)


async def test_a_status_waits_for_its_commands_and_a_list_does_not() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, latency=0.2, clock=clock)
    await clock.run(get(app, "list"))
    assert clock.now() == 0.0
    await clock.run(get(app, *["1/status"] * 10))
    assert clock.now() == 0.2


# The later revision


async def test_the_later_revision_counts_in_megabytes() -> None:
    vps = SimulatedVps(id=1, ram_used=31 * 2**20, disk_used=1.5 * 2**20)
    app = PanelApp(vpses=[vps], api="both", numbers="mixed")
    [in_bytes, in_megabytes] = await get(app, "1/status", "1")
    app.set_power(1, "stopped")
    [of_stopped] = await get(app, "1")
    assert in_bytes.json()["response"]["ram_used"] == str(31 * 2**20)
    told = in_megabytes.json()["response"]
    assert (told["ram_used"], told["disk_used"]) == ("31", 1.5)
    assert of_stopped.json()["response"]["ram_used"] == 0
    assert [record.is_later for record in app.requests] == [False, True, True]


async def test_its_list_says_where_a_vps_is_and_what_it_was_made_from() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=1, node=1, template=3)], api="both")
    [specified, later] = await get(app, "list", "../list")
    assert "location" not in specified.json()["response"]["vpses"][0]
    [entry] = later.json()["response"]["vpses"]
    assert (entry["location"], entry["template"]) == ("Germany", "3")


@pytest.mark.parametrize(("api", "status"), [("2012", 200), ("2013", 404)])
async def test_of_an_unknown_vps_the_later_revision_says_404(api: Api, status: int) -> None:
    paths = {"2012": "9/status", "2013": "9"}
    [response] = await get(PanelApp(vpses=1, api=api), paths[api])
    assert (response.status_code, len(errors(response))) == (status, 1)
    [response] = await get(PanelApp(vpses=1, api=api, unknown_vps=200), paths[api])
    assert response.status_code == 200


async def test_on_its_running_panel_a_terminated_vps_is_unknown() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=1, power=Power.TERMINATED)], api="2013")
    [response] = await get(app, "1")
    assert response.json()["response"]["status"] == "unknown"


async def test_an_unknown_route_may_be_a_404_of_the_web_server() -> None:
    [response] = await get(PanelApp(vpses=1, unknown_route=404), "1")
    assert (response.status_code, response.content[:6]) == (404, b"<html>")


async def test_nodes_are_those_that_one_has_a_vps_on() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=1, node=3)], api="2013")
    [listed, one, other] = await get(app, "../node/list", "../node/3", "../node/4")
    assert listed.json()["response"]["nodes"] == [one.json()["response"]]
    assert sorted(one.json()["response"]) == ["hostname", "id", "location", "name"]
    assert (other.status_code, errors(other)) == (403, ["You do not have a VPS on the specified node."])
    assert [(record.verb, record.vps) for record in app.requests] == [
        ("list_nodes", None),
        ("node", None),
        ("node", None),
    ]


async def test_templates_that_are_not_visible_are_refused() -> None:
    [listed, one, hidden] = await get(
        PanelApp(vpses=1, api="2013"), "../template/list", "../template/1", "../template/6"
    )
    assert [template["id"] for template in listed.json()["response"]["templates"]] == list("12345")
    assert one.json()["response"] == {
        "id": "1",
        "name": "Debian 7 (x86_64)",
        "description": "Debian Wheezy, minimal",
        "supported": True,
        "available": True,
        "outdated": False,
    }
    assert (hidden.status_code, len(errors(hidden))) == (403, 1)


async def test_a_reinstall_makes_a_vps_from_another_template() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=1, template=1, disk_used=5.0)], api="2013", numbers="mixed")
    response = await post(app, "1/reinstall", {"template": "2"})
    [listed, status] = await get(app, "../list", "1")
    assert response.status_code == 200
    assert (app.actions, app.reinstalls) == ([(1, "reinstall")], [(1, 2)])
    assert listed.json()["response"]["vpses"][0]["template"] == 2
    assert status.json()["response"]["disk_used"] == 0


@pytest.mark.parametrize("template", ["5", "6", "99", "", "x"])
async def test_what_cannot_be_installed_is_refused_with_422(template: str) -> None:
    app = PanelApp(vpses=1, api="2013")
    response = await post(app, "1/reinstall", {"template": template})
    assert (response.status_code, errors(response)) == (422, ["The specified template cannot be installed."])
    assert not app.actions


# What nodes and handlers say that is not so


async def test_on_a_wedged_node_all_seems_to_be_stopped() -> None:
    app = PanelApp(vpses=2, nodes=2)
    app.wedge_node(1)
    [wedged, well] = await get(app, "1/status", "2/status")
    assert wedged.json()["response"]["status"] == "stopped"
    assert wedged.json()["response"]["disk_used"] == "0"
    assert well.json()["response"]["status"] == "running"
    response = await post(app, "1/stop")
    assert (response.status_code, response.content, app.actions) == (500, b"", [])


async def test_the_first_result_after_a_reconnect_is_lost() -> None:
    app = PanelApp(vpses=1)
    app.reconnect_node(1)
    [first] = await get(app, "1/status")
    [second] = await get(app, "1/status")
    assert (first.json()["response"]["status"], first.json()["response"]["ram_used"]) == ("running", "0")
    assert second.json()["response"]["ram_used"] != "0"
    with pytest.raises(ValueError, match="no VPS is on a node 9"):
        app.reconnect_node(9)


async def test_a_handler_that_swallows_its_failures_says_that_all_is_well() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=1, power=Power.SUSPENDED)], swallows_failures=True)
    response = await post(app, "1/start")
    assert (response.status_code, response.content, app.actions) == (200, b"[]", [])


async def test_a_start_that_outlasts_phps_patience_is_an_empty_500_and_done() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=1, power=Power.STOPPED)])
    app.inject(uncaught(after_action=True), verb="start")
    response = await post(app, "1/start")
    assert (response.status_code, response.content, app.actions) == (500, b"", [(1, "start")])


async def test_a_list_that_cannot_be_encoded_is_an_empty_200() -> None:
    app = PanelApp(vpses=1)
    app.inject(unencodable_list(), verb="list")
    [response] = await get(app, "list")
    assert (response.status_code, response.content) == (200, b"")
