import asyncio
import json

import httpx
import pytest

from cvm_async.panel import (
    Answer,
    Cut,
    Fault,
    Hang,
    ManualClock,
    PanelApp,
    Reset,
    bad_gateway,
    garbage,
    gateway_timeout,
)
from panel.callers import gathered, get, post, turns, without_socket

# Routes


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "nonsense", id="no such call"),
        pytest.param("GET", "x/status", id="an id that is no number"),
        pytest.param("GET", "1/status/", id="a slash too many"),
        pytest.param("GET", "1/start", id="GET for an action"),
        pytest.param("POST", "1/status", id="POST for a status"),
        pytest.param("GET", f"{'9' * 5000}/status", id="an id of 5,000 digits"),
        pytest.param("GET", "\u0661/status", id="an id in Arabic digits"),
    ],
)
async def test_an_unknown_route_is_a_500_with_an_empty_body(method: str, path: str) -> None:
    app = PanelApp(vpses=1)
    async with without_socket(app) as client:
        response = await client.request(method, path)
    assert (response.status_code, response.content) == (500, b"")
    assert (app.requests[0].verb, app.requests[0].vps) == (None, None)


async def test_a_panel_can_live_under_a_prefix_and_nowhere_else() -> None:
    app = PanelApp(vpses=1, path_prefix="/cvm")
    async with without_socket(app, base="http://panel.example.net/cvm") as client:
        assert (await client.get("list")).status_code == 200
    [response] = await get(app, "list")
    assert response.status_code == 500


@pytest.mark.parametrize("prefix", ["cvm", "/cvm/", "/"])
def test_a_prefix_begins_with_a_slash_and_does_not_end_with_one(prefix: str) -> None:
    with pytest.raises(ValueError, match="path_prefix"):
        PanelApp(path_prefix=prefix)


# What calls wait for


async def test_beyond_the_backlog_a_proxy_says_502_at_once() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, latency=1.0, workers=2, backlog=3, clock=clock)
    responses = await clock.run(get(app, *["1/status"] * 7))
    assert sorted(response.status_code for response in responses) == [200] * 5 + [502] * 2
    assert sorted(record.ended or 0.0 for record in app.requests)[:2] == [0.0, 0.0]
    assert next(r for r in responses if r.status_code == 502).content.startswith(b"<html>")


async def test_a_proxy_loses_patience_and_the_panel_works_on() -> None:
    clock = ManualClock()
    app = PanelApp(
        vpses=2, nodes=2, workers=1, shutdown_time=90.0, socket_timeout=None, proxy_timeout=60.0, clock=clock
    )
    responses = await clock.run(gathered(post(app, "1/stop"), post(app, "2/stop")))
    assert [response.status_code for response in responses] == [504, 504]
    assert (clock.now(), app.actions, app.busy_workers()) == (60.0, [(1, "stop")], 1)
    await clock.advance(150.0)
    assert app.actions == [(1, "stop"), (2, "stop")]
    assert [(record.status, record.begun, record.ended) for record in app.requests] == [
        (504, 0.0, 90.0),
        (504, 90.0, 180.0),
    ]


async def test_a_patient_proxy_is_not_noticed() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, latency=59.0, proxy_timeout=60.0, clock=clock)
    [response] = await clock.run(get(app, "1/status"))
    assert (response.status_code, app.requests[0].status) == (200, 200)


async def with_one_cookie(app: PanelApp, calls: int) -> None:
    headers = {"cookie": "PHPSESSID=abc", "explicit-cookie": "yes"}
    async with without_socket(app) as client:
        await gathered(*(client.get("1/status", headers=headers) for _ in range(calls)))


async def test_calls_with_one_cookie_run_one_after_the_other() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, latency=1.0, clock=clock)
    await clock.run(with_one_cookie(app, 8))
    assert clock.now() == 8.0
    assert all(record.cookie_sent for record in app.requests)


async def test_without_the_lock_they_run_together() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, latency=1.0, cookie_lock=False, clock=clock)
    await clock.run(with_one_cookie(app, 8))
    assert clock.now() == 1.0


async def test_calls_that_wait_for_the_session_occupy_their_workers() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, latency=1.0, workers=2, clock=clock)
    await clock.run(gathered(with_one_cookie(app, 4), with_one_cookie(app, 0)))
    assert clock.now() == 4.0
    assert (await clock.run(get(app, "1/status")))[0].status_code == 200


# Callers who leave


async def test_an_action_is_carried_out_although_its_caller_has_gone() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=1, cost=1.0, clock=clock)
    call = asyncio.ensure_future(post(app, "1/stop"))
    await app.wait_for(lambda: len(app.requests) == 1)
    call.cancel()
    await clock.advance(2.0)
    assert call.cancelled()
    assert app.actions == [(1, "stop")]
    assert (app.requests[0].status, app.requests[0].ended) == (200, 1.0)


@pytest.mark.parametrize("reach", ["before it hangs", "while it hangs"])
async def test_a_hung_call_whose_caller_has_gone_frees_its_worker_and_is_not_carried_out(reach: str) -> None:
    clock = ManualClock()
    app = PanelApp(vpses=2, nodes=2, cost=1.0, workers=1, clock=clock, frees_hung_workers=True)
    app.hang_node(1)
    call = asyncio.ensure_future(post(app, "1/stop"))
    await clock.advance(0.5 if reach == "before it hangs" else 1.5)
    call.cancel()
    [other] = await clock.run(get(app, "2/status"))
    app.heal_node(1)
    assert other.status_code == 200
    assert app.actions == []
    assert app.requests[0].status is None


async def test_a_real_php_keeps_the_worker_of_a_hung_call_and_carries_it_out_when_it_can() -> None:
    app = PanelApp(vpses=2, nodes=2, workers=1)
    app.hang_node(1)
    call = asyncio.ensure_future(post(app, "1/stop"))
    await turns()
    call.cancel()
    other = asyncio.ensure_future(get(app, "2/status"))
    await turns()
    assert not other.done()
    app.heal_node(1)
    await other
    assert app.actions == [(1, "stop")]


async def test_five_callers_who_left_keep_five_workers_for_three_minutes() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=20, nodes=2, workers=5, latency=0.5, clock=clock)
    app.hang_node(1)
    calls = [asyncio.ensure_future(get(app, f"{number}/status")) for number in (1, 3, 5, 7, 9, 11)]
    await clock.advance(15.0)
    for call in calls:
        call.cancel()
    await clock.advance(1.0)
    assert (app.busy_workers(), app.busy_workers(node=1), app.busy_workers(node=2)) == (5, 5, 0)
    waiting = asyncio.ensure_future(get(app, "2/status"))
    await clock.advance(163.0)
    assert not waiting.done()
    await clock.advance(1.5)
    assert waiting.done()
    # The sixth had waited for a worker, and nobody told it that its caller had left.
    assert app.busy_workers() == 1
    await clock.advance(180.0)
    assert (app.busy_workers(), app.peak_busy_workers(), app.peak_busy_workers(node=2)) == (0, 5, 1)


@pytest.mark.parametrize("pause", range(8))
async def test_a_caller_may_leave_in_the_very_turn_in_which_the_node_is_healed(pause: int) -> None:
    app = PanelApp(vpses=1, frees_hung_workers=True)
    app.hang_node(1)
    call = asyncio.ensure_future(post(app, "1/stop"))
    await turns()
    call.cancel()
    await turns(pause)
    app.heal_node(1)
    await app.wait_for(lambda: app.requests[0].ended is not None)
    assert app.actions == ([] if app.requests[0].status is None else [(1, "stop")])


async def test_closing_gives_up_what_hangs_and_what_works() -> None:
    clock = ManualClock()
    app = PanelApp(vpses=2, nodes=2, shutdown_time=10.0, clock=clock)
    app.hang_node(1)
    calls = [asyncio.ensure_future(post(app, f"{number}/stop")) for number in (1, 2)]
    await turns()
    await app.aclose()
    # httpx insists on an answer, and there is none.
    for call in calls:
        with pytest.raises(AssertionError):
            await call
    assert [record.status for record in app.requests] == [None, None]


async def test_closing_an_idle_panel_is_nothing() -> None:
    await PanelApp(vpses=1).aclose()


# Faults


async def test_a_fault_on_the_way_strikes_before_anything_is_carried_out() -> None:
    app = PanelApp(vpses=1)
    app.inject(bad_gateway(), verb="stop")
    response = await post(app, "1/stop")
    assert (response.status_code, app.actions, app.requests[0].status) == (502, [], 502)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("fault", [bad_gateway(after_action=True), gateway_timeout(after_action=True)])
async def test_a_fault_on_the_way_back_loses_the_answer_but_not_the_action(fault: Answer) -> None:
    app = PanelApp(vpses=1)
    app.inject(fault, verb="stop")
    response = await post(app, "1/stop")
    assert (response.status_code, app.actions) == (fault.status, [(1, "stop")])


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        pytest.param(Reset(), [], id="reset before"),
        pytest.param(Reset(after_action=True), [(1, "stop")], id="reset after"),
        pytest.param(Cut(), [(1, "stop")], id="cut"),
    ],
)
async def test_a_dropped_connection_is_an_error_where_there_is_no_socket(
    fault: Fault, carried_out: list[tuple[int, str]]
) -> None:
    app = PanelApp(vpses=1)
    app.inject(fault)
    with pytest.raises(ConnectionResetError):
        await post(app, "1/stop")
    assert app.actions == carried_out


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [
        pytest.param(Hang(), [], id="before"),
        pytest.param(Hang(after_action=True), [(1, "stop")], id="after"),
    ],
)
async def test_a_call_that_hangs_goes_on_when_the_faults_are_cleared(
    fault: Fault, carried_out: list[tuple[int, str]]
) -> None:
    app = PanelApp(vpses=1)
    app.inject(fault, times=None)
    call = asyncio.ensure_future(post(app, "1/stop"))
    await turns()
    assert (call.done(), app.actions) == (False, carried_out)
    app.clear_faults()
    assert (await call).status_code == 200
    assert app.actions == [(1, "stop")]


async def test_a_call_that_hangs_occupies_its_worker() -> None:
    app = PanelApp(vpses=1, workers=1)
    app.inject(Hang())
    async with without_socket(app) as client:
        hanging, waiting = (asyncio.ensure_future(client.get("list")) for _ in range(2))
        await turns()
        assert not waiting.done()
        app.clear_faults()
        await gathered(client.get("list"))
    assert hanging.done()
    assert waiting.done()


async def test_of_several_faults_the_first_that_fits_strikes_and_a_spent_one_is_gone() -> None:
    app = PanelApp(vpses=2)
    stops = app.inject(garbage(), vps=2, times=2)
    app.inject(Answer(status=418))
    statuses = [(await get(app, path))[0].status_code for path in ("1/status", "2/status", "2/status", "2/status")]
    assert statuses == [418, 200, 200, 200]
    assert stops.struck == 2
    with pytest.raises(UnicodeDecodeError):
        json.loads((await get_garbage(app)).content)


async def get_garbage(app: PanelApp) -> httpx.Response:
    app.inject(garbage())
    return (await get(app, "list"))[0]


async def test_the_log_tells_what_arrived_and_what_was_answered() -> None:
    app = PanelApp(vpses=4, nodes=2, clock=ManualClock())
    await get(app, "2/status")
    [record] = app.requests
    assert (record.method, record.path) == ("GET", "/api/client/vps/2/status")
    assert (record.verb, record.vps, record.node, record.cookie_sent) == ("status", 2, 2, False)
    assert (record.started, record.ended, record.status) == (0.0, 0.0, 200)
