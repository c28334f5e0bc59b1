from collections.abc import AsyncIterator, Callable

import h11
import httpx
import pytest
from scripted import ScriptedServer

from cvm_async.transport import LaneTransport

TIMEOUT = httpx.Timeout(60.0)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


def over(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, timeout=TIMEOUT)


async def _streamed() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


async def _ignore(*_: object) -> None:
    pass


def _without_length(url: str) -> httpx.Request:
    return httpx.Request("POST", url, stream=httpx.ByteStream(b"ab"), headers={"Host": "x"})


TO_LANES: dict[str, Callable[[str], httpx.Request]] = {
    "a streamed body": lambda url: httpx.Request("POST", url, content=_streamed()),
    "Expect": lambda url: httpx.Request("GET", url, headers={"Expect": "100-continue"}),
    "Upgrade": lambda url: httpx.Request("GET", url, headers={"Upgrade": "x"}),
    "Connection: close": lambda url: httpx.Request("GET", url, headers={"Connection": "close"}),
    "a target of its own": lambda url: httpx.Request("GET", url, extensions={"target": b"/"}),
    "a trace": lambda url: httpx.Request("GET", url, extensions={"trace": _ignore}),
}
REFUSED: dict[str, Callable[[str], httpx.Request]] = {
    "no Host": lambda url: httpx.Request("GET", url, stream=httpx.ByteStream(b"")),
    "a header between the lines": lambda url: httpx.Request("GET", url, headers=[(b"A", b"b\r\nEvil: 1")]),
    "a method with a space": lambda url: httpx.Request("GET /x HTTP/1.1", url),
}
# httpcore leaves h11's own error as it is for these.
MISFRAMED: dict[str, Callable[[str], httpx.Request]] = {
    "a body without length": _without_length,
    "a length that is wrong": lambda url: httpx.Request("POST", url, content=b"ab", headers={"Content-Length": "9"}),
}


class TestFallingBack:
    @pytest.mark.parametrize("request_to", TO_LANES.values(), ids=TO_LANES)
    async def test_what_it_does_not_do_goes_over_a_lane(
        self, server: ScriptedServer, request_to: Callable[[str], httpx.Request]
    ) -> None:
        async with over(LaneTransport()) as client:
            response = await client.send(request_to(server.origin), stream=True)
            assert "network_stream" in response.extensions
            await response.aclose()

    @pytest.mark.parametrize("request_to", REFUSED.values(), ids=REFUSED)
    async def test_what_httpx_refuses_is_refused(
        self, server: ScriptedServer, request_to: Callable[[str], httpx.Request]
    ) -> None:
        async with over(LaneTransport()) as client:
            with pytest.raises(httpx.LocalProtocolError):
                await client.send(request_to(server.origin))
        assert all(b"Evil" not in head for head in server.heads)

    @pytest.mark.parametrize("request_to", MISFRAMED.values(), ids=MISFRAMED)
    async def test_a_body_of_another_length_than_it_says_is_refused(
        self, server: ScriptedServer, request_to: Callable[[str], httpx.Request]
    ) -> None:
        async with over(LaneTransport()) as client:
            with pytest.raises(h11.LocalProtocolError):
                await client.send(request_to(server.origin))

    async def test_connect_goes_over_a_lane(self, server: ScriptedServer) -> None:
        async with over(LaneTransport()) as client:
            response = await client.request("CONNECT", server.origin)
        assert response.status_code == 200

    async def test_the_plain_way_has_no_network_stream(self, server: ScriptedServer) -> None:
        async with over(LaneTransport()) as client:
            assert "network_stream" not in (await client.get(server.origin)).extensions
