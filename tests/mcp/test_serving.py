"""Assistants reach the server by this process's streams, or by this machine's loopback; a web page does not."""

import asyncio
import json
import os
import select
import socket
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import httpx
import pytest
from assistants import Said, says, yes
from mcp import Client
from mcp.client.session import ClientRequestContext
from mcp.types import ElicitRequestParams
from panels import fleet_of, session_on

from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError
from cvm_async.mcp import assistant_server
from cvm_async.mcp.serving import Loopback, lines_of, serve_http, serve_stdio
from cvm_async.panel import PanelApp


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8765", "127.0.0.1", 8765),
        (" localhost:0 ", "127.0.0.1", 0),
        ("127.9.9.9:65535", "127.9.9.9", 65535),
        ("[::1]:80", "::1", 80),
    ],
)
def test_an_address_of_this_machine_alone_is_one(text: str, host: str, port: int) -> None:
    assert Loopback.read(text) == Loopback(host, port)


OTHERS = (
    *("0.0.0.0:80", "[::]:80", "192.0.2.1:80", "10.0.0.1:80", "example.net:80", "127.0.0.1.evil.example:80"),
    *("127.1:80", "::1:80", "127.0.0.1", ":80", "", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:8x", "0:80"),
    *("http://127.0.0.1:80", "[::ffff:192.0.2.1]:80", "[2001:db8::1]:80", "2130706433:80", "x\x1b:1"),
)


@pytest.mark.parametrize("text", OTHERS)
def test_any_other_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Loopback.read(text)
    assert "\x1b" not in str(refused.value)


@asynccontextmanager
async def serving(app: PanelApp, token: Secret | None = None) -> AsyncGenerator[str]:
    """Serve assistants, and give where."""
    async with session_on(app, name="work") as session, assistant_server([session], allow_power=True) as server:
        url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        at = Loopback("127.0.0.1", 0)
        task = asyncio.create_task(serve_http(server, at, token=token, on_ready=url.set_result))
        try:
            yield await url
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_plan_is_made_asked_about_and_carried_out_over_http(mode: str) -> None:
    app = PanelApp(vpses=fleet_of(1, 1))

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> Said:
        assert context is not None
        assert "vps1.example.net" in params.message
        assert not app.actions
        return await yes(params.message)

    async def refuse(context: ClientRequestContext, params: ElicitRequestParams) -> Said:
        assert context is not None
        return await says("decline")(params.message)

    async with serving(app) as url:
        for answer, actions in ((refuse, []), (ask, [(1, "stop")])):
            async with Client(url, mode=mode, elicitation_callback=answer) as client:
                planned = await client.call_tool("plan_power", {"action": "stop", "names": ["vps1"]})
                plan_id = cast("dict[str, str]", planned.structured_content)["plan_id"]
                done = await client.call_tool("apply_plan", {"plan_id": plan_id})
                assert done.is_error is not bool(actions)
                assert app.actions == actions


HELLO: dict[str, object] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}},
}
ENVELOPE: dict[str, object] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
DISCOVER: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": ENVELOPE}}


@pytest.mark.parametrize("hello", [HELLO, DISCOVER], ids=["legacy", "newer"])
async def test_a_web_page_is_refused_wherever_its_name_leads(hello: dict[str, object]) -> None:
    accepted = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}
    if hello is DISCOVER:
        accepted |= {"mcp-protocol-version": "2026-07-28", "mcp-method": "server/discover"}
    async with serving(PanelApp(vpses=fleet_of(1))) as url, httpx.AsyncClient(headers=accepted) as web:
        port = httpx.URL(url).port
        own = f"127.0.0.1:{port}"
        expected = {
            (own, None): 200,
            (f"localhost:{port}", f"http://localhost:{port}"): 200,
            (own, f"http://{own}"): 200,
            ("evil.example", None): 421,
            (f"evil.example:{port}", None): 421,
            ("127.0.0.1:1", None): 421,
            (f"127.0.0.1.evil.example:{port}", None): 421,
            (own, "http://evil.example"): 403,
            (own, f"https://{own}"): 403,
            (own, f"http://{own}.evil.example"): 403,
            (own, "null"): 403,
        }
        got: dict[tuple[str, str | None], int] = {}
        for host, origin in expected:
            headers = {"host": host} | ({} if origin is None else {"origin": origin})
            got[host, origin] = (await web.post(url, json=hello, headers=headers)).status_code
        assert got == expected
        # Nor as a form, which a page may send without being asked back.
        form = await web.post(url, content=json.dumps(hello), headers={"content-type": "text/plain"})
        assert form.status_code == 400


async def test_with_a_token_only_who_knows_it_is_let_in() -> None:
    headers = {"accept": "application/json, text/event-stream"}
    async with serving(PanelApp(vpses=fleet_of(1)), Secret("canary")) as url, httpx.AsyncClient(headers=headers) as web:
        for given in ({}, {"authorization": "Bearer other"}, {"authorization": "canary"}):
            refused = await web.post(url, json=HELLO, headers=given)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
            assert "canary" not in refused.text
        assert (await web.post(url, json=HELLO, headers={"authorization": "Bearer canary"})).status_code == 200


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with session_on(PanelApp(vpses=1)) as session, assistant_server([session]) as server:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            at = Loopback("127.0.0.1", taken.getsockname()[1])
            with pytest.raises(OSError, match="in use"):
                await serve_http(server, at, token=None, on_ready=print)


def test_six_is_a_loopback_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with Loopback("::1", 0).bind() as listener:
        assert listener.family is socket.AF_INET6


@pytest.mark.parametrize("name", ["stdin", "stdout"])
async def test_closed_streams_are_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"sys.{name}", None)
    async with session_on(PanelApp(vpses=1)) as session, assistant_server([session]) as server:
        with pytest.raises(ConfigurationError, match="must be open"):
            await serve_stdio(server)


class TestLines:
    async def test_they_come_whole_however_they_arrive(self) -> None:
        reader, writer = os.pipe()
        lines = lines_of(reader)
        for part in (b"on", b"e\ntw", b"o\n\nthr\xff", b"ee\n"):
            os.write(writer, part)
        found = [await anext(lines) for _ in range(4)]
        os.write(writer, b"half")
        os.close(writer)
        assert [each async for each in lines] == []
        assert found == ["one", "two", "", "thr\ufffdee"]
        os.close(reader)

    async def test_whoever_waits_for_one_can_be_cancelled(self) -> None:
        reader, writer = os.pipe()
        task = asyncio.ensure_future(anext(lines_of(reader)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        os.close(writer)

    @pytest.mark.parametrize("unreadable", ["a terminal that is gone", "one to write to", "closed"])
    async def test_a_descriptor_that_cannot_be_read_is_at_its_end(self, unreadable: str) -> None:
        ours, other = os.openpty() if unreadable == "a terminal that is gone" else os.pipe()[::-1]
        os.close(other)
        if unreadable == "closed":
            os.close(ours)
        with pytest.raises(OSError, match=r"Input/output|Bad file"):
            os.read(ours, 1)
        assert [each async for each in lines_of(ours)] == []
        if unreadable != "closed":
            os.close(ours)

    async def test_one_that_does_not_wait_is_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        waits, wait = threading.Event(), select.select

        def noted(to_read: Sequence[int], *others: Sequence[int]) -> object:
            waits.set()
            return wait(to_read, others[0], others[1])

        monkeypatch.setattr(select, "select", noted)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        lines = lines_of(reader)
        line = asyncio.ensure_future(anext(lines))
        await asyncio.to_thread(waits.wait)
        os.write(writer, b"one\n")
        assert await line == "one"
        os.close(writer)
        assert [each async for each in lines] == []
        os.close(reader)
