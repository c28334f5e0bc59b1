import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Generator
from functools import partial

import httpx
import pytest
from scripted import OK, End, Script, ScriptedServer

from cvm_async.fast import fast_client
from cvm_async.transport import lane_client

MOVED = b"HTTP/1.1 302 Found\r\nLocation: /\r\nSet-Cookie: PHPSESSID=x\r\n"


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    scripts = {
        "/cookie": Script((b"HTTP/1.1 200 OK\r\nSet-Cookie: PHPSESSID=x; path=/\r\nContent-Length: 2\r\n\r\nok",)),
        "/moved": Script((MOVED + b"Content-Length: 2\r\n\r\nno",)),
        "/moved-slowly": Script((MOVED + b"Content-Length: 2\r\n\r\n", b"no")),
        "/moved-nowhere": Script((b"HTTP/1.1 302 Found\r\nLocation: http://a:port/\r\nContent-Length: 0\r\n\r\n",)),
        "/slow": Script((OK[:-1], OK[-1:])),
        "/half": Script((OK[:-1],), End.HOLD),
        "/cut": Script((OK[:-1],), End.CLOSE),
        "/nothing": Script((), End.CLOSE),
        "/latin": Script((b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n\xe9",)),
    }
    async with ScriptedServer(scripts) as server:
        yield server


@pytest.fixture(params=[partial(lane_client, http="h11"), fast_client], ids=["h11", "httptools"])
def make(request: pytest.FixtureRequest) -> Callable[..., httpx.AsyncClient]:
    made: Callable[..., httpx.AsyncClient] = request.param
    return made


@pytest.fixture
async def client(server: ScriptedServer, make: Callable[..., httpx.AsyncClient]) -> AsyncIterator[httpx.AsyncClient]:
    async with make(base_url=server.origin, trust_env=False, keep_cookies=False) as client:
        yield client


async def test_cookies_of_answers_are_kept_where_asked_for(server: ScriptedServer) -> None:
    async with lane_client() as lanes, fast_client(keep_cookies=True) as fast:
        for client in (lanes, fast):
            await client.get(f"{server.origin}/cookie")
            assert dict(client.cookies) == {"PHPSESSID": "x"}
            await client.get(server.origin)
    assert [b"Cookie: PHPSESSID=x" in head for head in server.heads] == [False, True, False, True]


async def test_cookies_of_answers_are_not_kept(server: ScriptedServer, client: httpx.AsyncClient) -> None:
    for _ in range(2):
        response = await client.get("/cookie")
        assert response.cookies["PHPSESSID"] == "x"
    # By httpx's own way too:
    await client.get("/cookie", auth=("a", "b"))
    await client.get("/moved", follow_redirects=True)
    assert dict(client.cookies) == {}
    assert all(b"Cookie" not in head for head in server.heads)


async def test_cookies_of_the_user_are_sent(server: ScriptedServer) -> None:
    async with fast_client(cookies={"a": "1"}) as client:
        await client.get(f"{server.origin}/cookie")
        client.cookies = {"b": "2"}  # pyright: ignore[reportAttributeAccessIssue] -- httpx's setter takes it
        await client.get(f"{server.origin}/cookie")
        client.cookies.set("c", "3")
        await client.get(server.origin)
    assert [next(line for line in head.split(b"\r\n") if b"Cookie" in line) for head in server.heads] == [
        b"Cookie: a=1",
        b"Cookie: b=2",
        b"Cookie: b=2; c=3",
    ]


async def test_authentication_works(server: ScriptedServer, client: httpx.AsyncClient) -> None:
    await client.get("/", auth=("a", "b"))
    client.auth = httpx.BasicAuth("c", "d")
    await client.get("/")
    await client.get("/", auth=None)
    await client.get(server.origin.replace("://", "://e:f@"), auth=httpx.USE_CLIENT_DEFAULT)
    client.auth = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue] -- httpx's setter takes it
    await client.get(server.origin.replace("://", "://e:f@"))
    assert [b"Authorization" in head for head in server.heads] == [True, True, False, True, True]


class _Twice(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        yield request
        yield request


async def test_an_authentication_of_two_steps_works(server: ScriptedServer, client: httpx.AsyncClient) -> None:
    assert (await client.get("/", auth=_Twice())).text == "ok"
    assert len(server.heads) == 2


async def test_hooks_are_called(server: ScriptedServer, client: httpx.AsyncClient) -> None:
    called: list[object] = []

    async def hook(thing: object) -> None:
        called.append(type(thing))

    client.event_hooks["request"].append(hook)
    client.event_hooks["response"].append(hook)
    await client.get("/")
    assert called == [httpx.Request, httpx.Response]
    assert len(server.heads) == 1


@pytest.mark.parametrize("path", ["/moved", "/moved-slowly"])
async def test_a_redirect_is_followed_where_asked_for(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path, follow_redirects=True)
    assert (response.status_code, response.text, len(response.history)) == (200, "ok", 1)


@pytest.mark.parametrize("path", ["/moved", "/moved-slowly"])
async def test_a_redirect_that_is_not_followed_says_what_would_be_next(
    server: ScriptedServer, client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)
    assert (response.status_code, response.text) == (302, "no")
    assert response.next_request is not None
    assert response.next_request.url == f"{server.origin}/"
    assert response.elapsed.total_seconds() > 0
    assert len(server.heads) == 1


async def test_a_redirect_to_no_url_is_an_error_as_in_httpx(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="Invalid URL"):
        await client.get("/moved-nowhere")


@pytest.mark.parametrize("path", ["/", "/slow"])
async def test_the_time_taken_is_told(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).elapsed.total_seconds() > 0
    async with client.stream("GET", path) as response:
        await response.aread()
    assert response.elapsed.total_seconds() > 0


async def test_the_default_encoding_is_the_clients(server: ScriptedServer) -> None:
    async with fast_client(default_encoding="latin-1") as client:
        assert (await client.get(f"{server.origin}/latin")).text == "é"


async def test_the_default_encoding_holds_for_a_redirect_that_is_not_followed(server: ScriptedServer) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n\xe9"
    server.scripts["/moved-latin"] = Script((moved,))
    async with fast_client(default_encoding="latin-1") as client:
        assert (await client.get(f"{server.origin}/moved-latin")).text == "é"


async def test_the_clients_timeout_holds_for_a_request_without_one(server: ScriptedServer) -> None:
    async with fast_client(timeout=httpx.Timeout(60, read=0.02)) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.send(httpx.Request("GET", f"{server.origin}/half"))
        await server.has_open(0)


@pytest.mark.parametrize("path", ["/nothing", "/cut"])
async def test_an_error_names_its_request(client: httpx.AsyncClient, path: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        await client.get(path)
    assert caught.value.request.url.path == path


async def test_cancelled_while_it_reads_it_closes_the_connection(
    server: ScriptedServer, client: httpx.AsyncClient
) -> None:
    task = asyncio.create_task(client.get("/half"))
    await server.saw(1)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.has_open(0)


async def test_a_body_can_be_read_as_it_comes(client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/slow") as response:
        assert b"".join([part async for part in response.aiter_raw()]) == b"ok"


async def test_httpx_logs_what_it_would_log(client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="httpx"):
        await client.get("/")
    assert "200 OK" in caplog.text


async def test_a_closed_client_refuses(server: ScriptedServer) -> None:
    client = fast_client()
    await client.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        await client.get(server.origin)


async def test_a_body_for_httpxs_other_client_is_refused_as_in_httpx(
    server: ScriptedServer, client: httpx.AsyncClient
) -> None:
    with pytest.raises(RuntimeError, match="sync request"):
        await client.send(httpx.Request("POST", server.origin, content=iter([b"a"])))


async def test_its_repr_tells_what_its_connections_do() -> None:
    async with lane_client(limits=httpx.Limits(max_connections=7)) as client:
        assert repr(client) == "<LaneClient over <LaneTransport: 0 busy, 0 idle of at most 7>>"
    assert repr(client).startswith("<LaneClient, closed over <LaneTransport: ")
