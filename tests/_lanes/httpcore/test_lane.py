"""A lane over httpcore, on a transport of httpx's that the test plays."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from mocked import Pieces
from panels import settled
from virtual_time import virtual, virtual_loop

from cvm_async._lanes.httpcore.lane import HttpcoreLane, LaneStream

URL = "https://panel.example.net/"
CONNECTED = "connection.connect_tcp.complete"
Trace = Callable[[str, dict[str, Any]], Awaitable[None]]


class Socket:
    """What httpcore shows in its trace."""

    def __init__(self) -> None:
        self.is_closed = False
        self.is_readable = False

    async def aclose(self) -> None:
        self.is_closed = True

    def get_extra_info(self, info: str) -> bool:
        assert info == "is_readable"
        return self.is_readable


class Http(httpx.AsyncHTTPTransport):
    """Connects at the first request, does `then`, and answers; does `closing` while it is closed."""

    def __init__(self, then: Callable[[], Awaitable[object]], closing: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self.socket = Socket()
        self.then = then
        self.closing = closing
        self.traced: list[bool] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        trace: Trace | None = request.extensions.get("trace")
        self.traced.append(trace is not None)
        if trace is not None:
            await trace("connection.connect_tcp.started", {})
            await trace(CONNECTED, {"return_value": self.socket})
        await self.then()
        return httpx.Response(200, stream=Pieces(b"o", b"k"))

    async def aclose(self) -> None:
        await self.closing()
        await super().aclose()


async def at_once() -> None:
    return


async def fail() -> None:
    raise httpx.ReadError("cut off")


async def hang() -> None:
    await asyncio.Event().wait()


def lane_over(
    then: Callable[[], Awaitable[object]] = at_once, closing: Callable[[], Awaitable[object]] = at_once
) -> tuple[HttpcoreLane, Http]:
    http = Http(then, closing)
    return HttpcoreLane(http, ("https", "panel.example.net", None), asyncio.get_running_loop()), http


@virtual
async def test_it_gets_hold_of_its_socket_once_and_leaves_the_request_as_it_was() -> None:
    lane, http = lane_over()
    for _ in range(2):
        request = httpx.Request("GET", URL, extensions={"timeout": {}})
        assert (await lane.exchange(request)).status_code == 200
        assert request.extensions == {"timeout": {}}
    assert http.traced == [True, False]


@virtual
async def test_a_trace_of_the_users_sees_what_ours_sees() -> None:
    seen: list[str] = []

    async def trace(event: str, _: dict[str, Any]) -> None:
        seen.append(event)

    lane, _ = lane_over()
    await lane.exchange(httpx.Request("GET", URL, extensions={"trace": trace}))
    assert seen == ["connection.connect_tcp.started", CONNECTED]


@virtual
async def test_a_request_that_fails_is_left_as_it_was_and_its_socket_can_be_closed() -> None:
    lane, http = lane_over(fail)
    request = httpx.Request("GET", URL)
    with pytest.raises(httpx.ReadError):
        await lane.exchange(request)
    assert request.extensions == {}
    await lane.close()
    assert http.socket.is_closed


@pytest.mark.parametrize("closing", [at_once, fail, hang])
@virtual
async def test_closing_closes_the_socket_whatever_httpcore_does(closing: Callable[[], Awaitable[object]]) -> None:
    lane, http = lane_over(closing=closing)
    await lane.exchange(httpx.Request("GET", URL))
    with contextlib.suppress(httpx.ReadError):
        await lane.close()
    assert http.socket.is_closed
    assert virtual_loop().time() <= 2.0


@virtual
async def test_closing_goes_on_where_the_caller_is_cancelled() -> None:
    async def a_while() -> None:
        await asyncio.sleep(1)

    lane, http = lane_over(closing=a_while)
    await lane.exchange(httpx.Request("GET", URL))
    closing = asyncio.create_task(lane.close())
    await settled()
    closing.cancel()
    await asyncio.wait([closing])
    assert http.socket.is_closed


@virtual
async def test_one_that_never_connected_is_closed_too() -> None:
    lane, http = lane_over()
    await lane.close()
    assert not http.socket.is_closed
    assert not lane.has_ended()


@virtual
async def test_an_idle_one_at_which_anything_came_has_ended() -> None:
    lane, http = lane_over()
    await lane.exchange(httpx.Request("GET", URL))
    assert not lane.has_ended()
    http.socket.is_readable = True
    assert lane.has_ended()


@virtual
async def test_it_notes_when_its_last_exchange_began_and_when_it_became_idle() -> None:
    lane, _ = lane_over()
    await asyncio.sleep(3)
    await lane.exchange(httpx.Request("GET", URL))
    await asyncio.sleep(4)
    assert not lane.was_used
    lane.become_idle()
    assert (lane.began, lane.idle_since, lane.was_used) == (3.0, 7.0, True)


class Refusing(Pieces):
    """A body that cannot even be closed."""

    async def aclose(self) -> None:
        raise httpx.ReadError("cut off")


async def all_of(stream: LaneStream) -> list[bytes]:
    return [piece async for piece in stream]


async def first_of(stream: LaneStream) -> list[bytes]:
    pieces: AsyncIterator[bytes] = aiter(stream)
    return [await anext(pieces)]


@pytest.mark.parametrize(
    ("body", "read", "is_sound"),
    [
        pytest.param(Pieces(b"o", b"k"), all_of, True, id="read to its end"),
        pytest.param(Pieces(b"o", b"k"), first_of, False, id="not read to its end"),
        pytest.param(Refusing(b"o", b"k"), all_of, False, id="read to its end and not closed"),
    ],
)
@virtual
async def test_a_body_that_is_closed_tells_once_whether_its_exchange_ended_cleanly(
    body: Pieces,
    read: Callable[[LaneStream], Awaitable[list[bytes]]],
    is_sound: bool,  # noqa: FBT001 - a table
) -> None:
    ends: list[bool] = []

    async def end(_: HttpcoreLane, was_sound: bool) -> None:  # noqa: FBT001 - the signature of a Callable
        ends.append(was_sound)

    stream = LaneStream(body, lane=lane_over()[0], end=end)
    await read(stream)
    assert ends == []
    for _ in range(2):
        with contextlib.suppress(httpx.ReadError):
            await stream.aclose()
    assert ends == [is_sound]
