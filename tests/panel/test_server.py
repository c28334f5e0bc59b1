import asyncio
import importlib
import logging
import signal
import socket
import ssl
import sys
import threading
from contextlib import suppress
from typing import cast

import httpx
import pytest

from cvm_async.panel import Answer, Cut, Fault, Hang, Reset, SimulatedPanel
from panel.callers import over_socket, tokens

SOON = 60.0  # seconds: it ends a test that hangs, and no machine is too slow for it


@pytest.fixture(autouse=True)
def uvicorn_says_nothing(caplog: pytest.LogCaptureFixture) -> object:
    """Whatever happens to a connection here is meant to."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_panel_has_no_url_before_it_is_served() -> None:
    with pytest.raises(RuntimeError, match="before it is served"):
        _ = SimulatedPanel(vpses=1).url


async def test_a_panel_is_served_in_the_running_loop() -> None:
    async with SimulatedPanel(vpses=3) as panel, over_socket(panel) as client:
        threads = threading.active_count()
        response = await client.get("list")
        assert len(response.json()["response"]["vpses"]) == 3
        assert (await client.post("2/stop")).json() == {"response": []}
        assert threading.active_count() == threads
    assert panel.actions == [(2, "stop")]
    assert [record.status for record in panel.requests] == [200, 200]


def test_a_panel_is_served_in_a_thread_of_its_own() -> None:
    with SimulatedPanel(vpses=3) as panel:
        response = httpx.post(f"{panel.url}/api/client/vps/2/stop", headers=tokens(panel), trust_env=False)
        assert response.json() == {"response": []}
        assert panel.power(2) == "stopped"
    assert panel.actions == [(2, "stop")]
    assert "simulated panel" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("prefix", ["", "/cvm"])
async def test_the_url_is_on_loopback_and_has_the_prefix(prefix: str) -> None:
    async with SimulatedPanel(vpses=1, path_prefix=prefix) as panel, over_socket(panel) as client:
        assert httpx.URL(panel.url).host == "127.0.0.1"
        assert panel.url.endswith(prefix)
        assert (await client.get("list")).status_code == 200


async def test_a_panel_can_listen_on_ipv6() -> None:
    async with SimulatedPanel(vpses=1, host="::1") as panel, over_socket(panel) as client:
        assert panel.url.startswith("http://[::1]:")
        assert (await client.get("list")).status_code == 200


async def test_a_panel_can_speak_tls(server_tls: ssl.SSLContext, client_tls: ssl.SSLContext) -> None:
    async with (
        SimulatedPanel(vpses=1, tls=server_tls) as panel,
        httpx.AsyncClient(verify=client_tls, trust_env=False) as client,
    ):
        assert panel.url.startswith("https://")
        response = await client.get(f"{panel.url}/api/client/vps/list", headers=tokens(panel))
    assert response.status_code == 200


async def test_a_body_does_not_wait_until_the_headers_are_acknowledged() -> None:
    async with SimulatedPanel(vpses=1) as panel, over_socket(panel) as client:
        await client.get("list")
        serving = panel._serving  # pyright: ignore[reportPrivateUsage]
        assert serving is not None
        [connection] = serving.server.server_state.connections
        endpoint = cast("socket.socket", connection.transport.get_extra_info("socket"))
        assert endpoint.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_signal_handlers_stay_as_they_were() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with SimulatedPanel(vpses=1):
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


async def enter(panel: SimulatedPanel, hosted: str) -> None:
    if hosted == "here":
        await panel.__aenter__()
    else:
        panel.__enter__()


@pytest.mark.parametrize("hosted", ["here", "in a thread"])
async def test_a_taken_port_is_an_error_where_the_panel_is_entered(hosted: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        panel = SimulatedPanel(vpses=1, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            await enter(panel, hosted)


async def test_a_panel_is_served_once() -> None:
    panel = SimulatedPanel(vpses=1)
    async with panel:
        pass
    with pytest.raises(RuntimeError, match="served once"):
        await panel.__aenter__()
    with pytest.raises(RuntimeError, match="not being served"):
        panel.refuse_connections()


async def test_after_the_end_its_url_refuses() -> None:
    async with SimulatedPanel(vpses=1) as panel:
        pass
    client = over_socket(panel)
    with pytest.raises(httpx.ConnectError):
        await client.get("list")
    await client.aclose()


async def test_its_repr_says_where_it_is_and_no_token() -> None:
    panel = SimulatedPanel(vpses=3)
    assert repr(panel) == "<SimulatedPanel not served, 3 VPSes, 0 of 0 calls open>"
    async with panel, over_socket(panel) as client:
        await client.get("list")
        assert repr(panel) == f"<SimulatedPanel {panel.url}, 3 VPSes, 0 of 1 calls open>"
        assert panel.private_token not in repr(panel)


async def test_a_panel_ends_at_once_although_calls_hang_and_connections_idle() -> None:
    panel = SimulatedPanel(vpses=2, nodes=2, shutdown_time=600.0)
    async with asyncio.timeout(SOON), asyncio.TaskGroup() as group, panel:
        # Open for longer than the panel is, so that it is the panel who ends the calls.
        client = over_socket(panel)
        await client.get("list")
        panel.hang_node(1)
        calls = [group.create_task(dropped(client, "GET", "1/status")) for _ in range(20)]
        calls.append(group.create_task(dropped(client, "POST", "2/stop")))
        await panel.wait_for(lambda: len(panel.requests) == 22)
    await client.aclose()
    assert {call.result() for call in calls} <= {httpx.ReadError, httpx.RemoteProtocolError}


async def dropped(client: httpx.AsyncClient, method: str, path: str) -> type[httpx.TransportError]:
    with pytest.raises(httpx.TransportError) as caught:
        await client.request(method, path)
    return caught.type


def test_a_panel_in_a_thread_ends_at_once_although_a_call_hangs() -> None:
    async def main(panel: SimulatedPanel) -> None:
        async with over_socket(panel) as client, asyncio.timeout(SOON):
            call = asyncio.ensure_future(client.get("1/status"))
            await panel.wait_for(lambda: len(panel.requests) == 1)
            call.cancel()

    with SimulatedPanel(vpses=1) as panel:
        panel.hang_node(1)
        asyncio.run(main(panel))


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        pytest.param(Reset(), httpx.ReadError, None, id="reset before"),
        pytest.param(Reset(after_action=True), httpx.ReadError, None, id="reset after"),
        pytest.param(Cut(), httpx.RemoteProtocolError, "without sending complete message body", id="cut"),
        pytest.param(Cut(keep=0), httpx.RemoteProtocolError, "without sending complete", id="cut at once"),
    ],
)
async def test_a_dropped_connection_is_seen_as_such_and_the_next_call_works(
    fault: Fault, error: type[Exception], text: str | None
) -> None:
    async with SimulatedPanel(vpses=2) as panel, over_socket(panel) as client:
        panel.inject(fault, verb="stop")
        with pytest.raises(error, match=text):
            await client.post("1/stop")
        assert (await client.post("2/stop")).status_code == 200


async def test_a_reset_is_a_reset_and_not_an_orderly_end() -> None:
    async with SimulatedPanel(vpses=1) as panel:
        panel.inject(Reset())
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(panel.url).port)
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_a_reset_for_a_caller_who_has_gone_is_nothing() -> None:
    async with SimulatedPanel(vpses=1, latency=0.01) as panel, over_socket(panel) as client:
        panel.inject(Reset(after_action=True))
        call = asyncio.ensure_future(client.get("1/status"))
        await panel.wait_for(lambda: len(panel.requests) == 1)
        call.cancel()
        await panel.wait_for(lambda: panel.requests[0].ended is not None)
        assert (await client.get("1/status")).status_code == 200


async def test_an_action_whose_caller_has_gone_is_carried_out() -> None:
    async with SimulatedPanel(vpses=1, cost=0.01) as panel, over_socket(panel) as client:
        call = asyncio.ensure_future(client.post("1/stop"))
        await panel.wait_for(lambda: len(panel.requests) == 1)
        call.cancel()
        await panel.wait_for(lambda: panel.actions == [(1, "stop")])


async def test_a_hung_call_keeps_its_worker_although_its_caller_has_gone() -> None:
    async with SimulatedPanel(vpses=2, nodes=2, workers=1) as panel, over_socket(panel) as client:
        panel.hang_node(1)
        left = asyncio.ensure_future(client.get("1/status"))
        await panel.wait_for(lambda: panel.busy_workers(node=1) == 1)
        left.cancel()
        waiting = asyncio.ensure_future(client.get("2/status"))
        await panel.wait_for(lambda: len(panel.requests) == 2)
        assert (panel.busy_workers(node=1), panel.busy_workers(node=2)) == (1, 0)
        panel.heal_node(1)
        assert (await waiting).status_code == 200


async def test_a_panel_that_notices_that_a_caller_has_gone_frees_the_worker() -> None:
    async with (
        SimulatedPanel(vpses=1, workers=1, frees_hung_workers=True) as panel,
        over_socket(panel) as client,
        asyncio.timeout(SOON),
    ):
        panel.inject(Hang())
        call = asyncio.ensure_future(client.get("1/status"))
        await panel.wait_for(lambda: len(panel.requests) == 1)
        call.cancel()
        assert (await client.get("1/status")).status_code == 200
    assert panel.requests[0].status is None


async def until_it_fails(client: httpx.AsyncClient) -> None:
    """Ask again and again: a connection that is idle is closed in the turns that follow, and may still answer."""
    while True:
        with suppress(httpx.RemoteProtocolError, httpx.ReadError):
            await client.get("list")


@pytest.mark.parametrize("hosted", ["here", "in a thread"])
async def test_connections_can_be_refused_and_accepted_again(hosted: str) -> None:
    async def drill(panel: SimulatedPanel) -> None:
        async with over_socket(panel) as client:
            assert (await client.get("list")).status_code == 200
            panel.refuse_connections()
            with pytest.raises(httpx.ConnectError):
                await until_it_fails(client)
            panel.accept_connections()
            assert (await client.get("list")).status_code == 200
        assert len(panel.requests) == 2

    panel = SimulatedPanel(vpses=1)
    if hosted == "here":
        async with panel:
            await drill(panel)
    else:
        with panel:
            await drill(panel)


async def test_a_call_under_way_is_answered_while_connections_are_refused() -> None:
    async with SimulatedPanel(vpses=1) as panel, over_socket(panel) as client:
        panel.inject(Hang())
        call = asyncio.ensure_future(client.get("1/status"))
        await panel.wait_for(lambda: len(panel.requests) == 1)
        panel.refuse_connections()
        panel.clear_faults()
        response = await call
    assert response.status_code == 200


async def test_a_panel_may_end_while_it_refuses_and_right_after_it_accepts_again() -> None:
    async with SimulatedPanel(vpses=1) as panel:
        panel.refuse_connections()
    async with SimulatedPanel(vpses=1) as panel:
        panel.refuse_connections()
        panel.accept_connections()


def test_a_panel_in_a_thread_is_controlled_from_any_other() -> None:
    with SimulatedPanel(vpses=1) as panel:
        panel.hang_node(1)
        panel.heal_node(1)
        panel.inject(Answer(status=418))
        panel.clear_faults()
        panel.set_power(1, "suspended")
        assert panel.power(1) == "suspended"
        with pytest.raises(KeyError):
            panel.remove_vps(2)


@pytest.mark.parametrize("missing", ["uvicorn", "httptools"])
def test_without_the_extra_an_error_says_what_to_install(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in {"uvicorn", "httptools"}]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, "cvm_async.panel.server")
    with pytest.raises(ModuleNotFoundError, match=rf"needs {missing}.*pip install 'cvm_async\[panel\]'"):
        importlib.import_module("cvm_async.panel.server")
