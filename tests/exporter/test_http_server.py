import asyncio
import contextlib
from http import HTTPStatus

import pytest
from virtual_time import virtual

from cvm_async.exporter import http_server
from cvm_async.exporter.http_server import Answer, HttpServer, Request

GET = b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(request: Request) -> Answer:
    return Answer(HTTPStatus.OK, "text/plain", f"{request.method} {request.path}".encode())


async def say(server: HttpServer, *texts: bytes) -> bytes:
    """Send this, and give all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for text in texts:
            writer.write(text)
            await writer.drain()
        return await reader.read()
    finally:
        writer.close()


def serving(handle: http_server.Handler = echo) -> HttpServer:
    return HttpServer(handle, host="127.0.0.1", port=0)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a?b=c", b"/a"),
        (b"http://x/a/b?c", b"/a/b"),
        (b"http://x", b"/"),
        (b"http://[::1", b"/"),
        (b"//x/a", b"//x/a"),
        (b"/%2e://x", b"/%2e://x"),
        (b"*", b"*"),
    ],
)
@virtual
async def test_a_request_is_answered(target: bytes, path: bytes) -> None:
    async with serving() as server:
        answer = await say(server, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff" in head
    assert body == b"GET " + path


@virtual
async def test_a_head_has_no_body_and_says_how_long_it_would_be() -> None:
    async with serving() as server:
        answer = await say(server, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 6\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@virtual
async def test_requests_follow_on_one_connection_and_a_body_is_passed_over() -> None:
    body = b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    async with serving() as server:
        answer = await say(server, GET, body, GET.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    assert answer.count(b"200 OK") == 3
    assert b"POST /p" in answer


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000, b"431 Request Header Fields Too Large"),
    ],
    ids=["nonsense", "no host", "endless"],
)
@virtual
async def test_what_is_no_request_is_said_to_be_none(text: bytes, status: bytes) -> None:
    async with serving() as server:
        assert (await say(server, text)).startswith(b"HTTP/1.1 " + status)


@virtual
async def test_whoever_sends_nothing_for_long_or_leaves_is_let_go() -> None:
    async with serving() as server:
        assert await say(server, b"GET / HT") == b""
        assert await say(server, GET) != b""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


@virtual
async def test_there_is_a_most_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 1)
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(GET)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        # The reset may come before the request is sent, or after.
        with contextlib.suppress(ConnectionError):
            assert await say(server, GET) == b""
        writer.close()


@virtual
async def test_what_is_being_answered_may_end_and_what_waits_is_closed() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Answer:
        begun.set()
        await go_on.wait()
        return await echo(request)

    async with serving(slow) as server:
        idle, writer = await asyncio.open_connection("127.0.0.1", server.port)
        answering = asyncio.create_task(say(server, GET))
        await begun.wait()
        asyncio.get_running_loop().call_later(1, go_on.set)
    assert b"200 OK" in await answering
    assert await idle.read() == b""
    writer.close()


@virtual
async def test_an_answer_that_does_not_end_is_cut_off() -> None:
    begun = asyncio.Event()

    async def never(_: Request) -> Answer:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(never) as server:
        answering = asyncio.create_task(say(server, GET))
        await begun.wait()
    assert await answering == b""
