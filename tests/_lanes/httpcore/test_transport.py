"""`HttpcoreTransport` by itself; what holds for both ways is in `tests/test_transport` and the conformance suite."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from loopback import LoopbackServer

from cvm_async._lanes.httpcore.transport import HttpcoreTransport

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")
TIMEOUT = httpx.Timeout(60.0)


def unused() -> ssl.SSLContext:
    raise AssertionError("nothing here needs a context")


# `Any`: each option has a type of its own.
def transport_with(**options: Any) -> HttpcoreTransport:  # noqa: ANN401
    plain: dict[str, Any] = {
        "context": unused,
        "http1": True,
        "http2": False,
        "max_lanes": 100,
        "max_idle_lanes": None,
        "keepalive_expiry": None,
        "fresh_within": 0.0,
        "proxy": None,
        "uds": None,
        "local_address": None,
        "retries": 0,
        "socket_options": None,
    }
    return HttpcoreTransport(**plain | options)


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer() as server:
        yield server


async def test_a_lane_that_was_used_is_used_again(server: LoopbackServer) -> None:
    transport = transport_with()
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT) as client:
        for _ in range(3):
            assert (await client.get(server.url)).text == "ok"
        assert (len(transport.idle), transport.slots.busy) == (1, 0)
    assert (server.connections, transport.idle) == (1, [])


async def test_a_context_is_made_when_the_first_request_needs_one(
    server: LoopbackServer, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    made: list[ssl.SSLContext] = []

    def context() -> ssl.SSLContext:
        made.append(client_tls)
        return client_tls

    async with (
        LoopbackServer(tls=server_tls) as tls_server,
        httpx.AsyncClient(transport=transport_with(context=context), timeout=TIMEOUT) as client,
    ):
        await client.get(server.url)
        assert made == []
        assert (await client.get(tls_server.url)).text == "ok"
        assert made == [client_tls]


async def test_a_context_that_cannot_be_made_is_a_connect_error_and_takes_no_slot() -> None:
    transport = transport_with(max_lanes=1)
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT) as client:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError, match="nothing here needs"):
                await client.get("https://127.0.0.1/")
        assert transport.slots.busy == 0


async def test_a_body_that_is_streamed_is_sent(server: LoopbackServer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"o"
        yield b"k"

    async with httpx.AsyncClient(transport=transport_with(), timeout=TIMEOUT) as client:
        answer = await client.post(server.url, content=pieces(), headers={"Content-Length": "2"})
    assert (answer.text, server.requests[0].headers["content-length"]) == ("ok", "2")


async def test_the_local_address_is_the_one_asked_for() -> None:
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(writer.get_extra_info("peername")[0])
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with (
        await asyncio.start_server(answer, "127.0.0.1", 0) as listening,
        httpx.AsyncClient(transport=transport_with(local_address="127.0.0.2"), timeout=TIMEOUT) as client,
    ):
        await client.get(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/")
    assert seen == ["127.0.0.2"]


async def test_a_unix_socket_stands_for_every_host(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    path = str(tmp_path / "socket")
    async with (
        await asyncio.start_unix_server(answer, path),
        httpx.AsyncClient(transport=transport_with(uds=path), timeout=TIMEOUT) as client,
    ):
        assert (await client.get("http://panel.invalid/")).text == "ok"
