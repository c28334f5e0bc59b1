import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx
from loopback import LoopbackServer

from cvm_async._lanes.mocked import is_watched
from cvm_async.transport import lane_client

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    async with LoopbackServer() as server:
        yield server


async def get(client: httpx.AsyncClient, url: str) -> str:
    return (await client.get(url)).text


async def test_what_respx_mocks_does_not_reach_the_network(server: LoopbackServer) -> None:
    async with lane_client() as client:
        with respx.mock as router:
            router.get(server.url).respond(text="mocked")
            assert await get(client, server.url) == "mocked"
        assert server.requests == []
        assert await get(client, server.url) == "ok"


async def test_what_is_mocked_in_httpxs_transport_does_not_either(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(*_: object) -> httpx.Response:
        return httpx.Response(200, text="mocked")

    # As pytest-httpx does.
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    async with lane_client() as client:
        assert await get(client, server.url) == "mocked"
    assert server.requests == []


async def test_who_stands_where_httpxs_clients_send_sees_what_ours_do(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    send = httpx.AsyncClient.send

    async def watched(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:  # noqa: ANN401 -- httpx's
        seen.append(request.method)
        return await send(client, request, **options)

    assert not is_watched()
    monkeypatch.setattr(httpx.AsyncClient, "send", watched)
    assert is_watched()
    async with lane_client() as client:
        assert await get(client, server.url) == "ok"
    assert seen == ["GET"]


def test_it_holds_too_where_the_library_is_first_used_while_something_is_mocked() -> None:
    script = (
        "import asyncio, respx\n"
        "with respx.mock as router:\n"
        "    from cvm_async import lane_client\n"
        "    router.get('http://127.0.0.1:9/').respond(text='mocked')\n"
        "    print(asyncio.run(lane_client(trust_env=False).get('http://127.0.0.1:9/')).text)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout == "mocked\n"
