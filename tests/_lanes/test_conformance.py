import asyncio
import getpass
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import httpx
import pytest
import uvicorn
from scripted import OK, End, Script, ScriptedServer
from turns import others

from cvm_async.fast import FastTransport
from cvm_async.transport import LaneTransport

HEAD = b"HTTP/1.1 200 OK\r\n"
NEXT = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
TIMEOUT = httpx.Timeout(60.0)
BIG = bytes(range(256)) * 4096 * 4

Transport = Callable[..., httpx.AsyncBaseTransport]


# With `retries`, all requests go over httpcore.
ON_H11: Transport = partial(LaneTransport, http="h11")
OVER_HTTPCORE: Transport = partial(LaneTransport, retries=1)


@pytest.fixture(params=[FastTransport, ON_H11, OVER_HTTPCORE], ids=["httptools", "h11", "over httpcore"])
def transport(request: pytest.FixtureRequest) -> Transport:
    made: Transport = request.param
    return made


@pytest.fixture
async def client(transport: Transport) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport(), timeout=TIMEOUT) as client:
        yield client


class Sound(NamedTuple):
    wire: bytes
    status: int
    body: bytes
    is_reused: bool
    method: str = "GET"
    end: End = End.KEEP


SOUND = {
    "a length": Sound(OK, 200, b"ok", True),
    "no body": Sound(HEAD + b"Content-Length: 0\r\n\r\n", 200, b"", True),
    "chunks": Sound(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", 200, b"ok", True),
    "chunks with extensions and a trailer": Sound(
        HEAD + b"Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nDigest: x\r\n\r\n", 200, b"ok", True
    ),
    "a body until the close": Sound(HEAD + b"\r\nok", 200, b"ok", False, end=End.CLOSE),
    "an empty body until the close": Sound(HEAD + b"\r\n", 200, b"", False, end=End.CLOSE),
    "HTTP/1.0": Sound(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "Connection: close": Sound(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
    "204": Sound(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    "304 with a length": Sound(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
    "HEAD with a length": Sound(HEAD + b"Content-Length: 9\r\n\r\n", 200, b"", True, method="HEAD"),
    "HEAD without a length": Sound(HEAD + b"\r\n", 200, b"", True, method="HEAD"),
    "HEAD with Connection: close": Sound(HEAD + b"Connection: close\r\n\r\n", 200, b"", False, method="HEAD"),
    "HEAD in HTTP/1.0": Sound(b"HTTP/1.0 200 OK\r\n\r\n", 200, b"", False, method="HEAD"),
    "HEAD with chunks": Sound(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", 200, b"", True, method="HEAD"),
    "100 Continue before it": Sound(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok", True),
    "two early hints before it": Sound(b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" * 2 + OK, 200, b"ok", True),
    "an error status": Sound(b"HTTP/1.1 503 \r\nContent-Length: 2\r\n\r\nno", 503, b"no", True),
    "no reason at all": Sound(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "a huge header": Sound(HEAD + b"X: " + b"x" * 60_000 + b"\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
    "a status of its own": Sound(b"HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nok", 999, b"ok", True),
}


BIG_ANSWERS = {
    "a length": b"%sContent-Length: %d\r\n\r\n%b" % (HEAD, len(BIG), BIG),
    "chunks": b"%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (HEAD, len(BIG), BIG),
}


class TestSoundAnswers:
    @pytest.mark.parametrize("case", SOUND.values(), ids=SOUND)
    async def test_it_is_read_to_its_end_and_the_connection_used_again_where_it_may_be(
        self, client: httpx.AsyncClient, case: Sound
    ) -> None:
        async with ScriptedServer({"/case": Script((case.wire,), case.end)}) as server:
            for _ in range(2):
                response = await client.request(case.method, f"{server.origin}/case")
                assert (response.status_code, response.content) == (case.status, case.body)
            assert server.connections == (1 if case.is_reused else 2)

    @pytest.mark.parametrize("case", SOUND.values(), ids=SOUND)
    async def test_it_reads_the_same_in_whatever_pieces_it_arrives(
        self, client: httpx.AsyncClient, case: Sound
    ) -> None:
        step = max(1, len(case.wire) // 20)
        pieces = tuple(case.wire[at : at + step] for at in range(0, len(case.wire), step))
        async with ScriptedServer({"/case": Script(pieces, case.end)}) as server:
            response = await client.request(case.method, f"{server.origin}/case")
        assert (response.status_code, response.content) == (case.status, case.body)

    async def test_headers_keep_their_spelling_order_and_repetition(self, client: httpx.AsyncClient) -> None:
        head = b"HTTP/1.1 200 All Fine\r\nSet-Cookie: a=1\r\nx-Odd:  \xe9 \t\r\nSet-Cookie: b=2\r\n"
        async with ScriptedServer({"/": Script((head + b"Content-Length: 0\r\n\r\n",))}) as server:
            response = await client.get(server.origin)
        assert response.headers.raw == [
            (b"Set-Cookie", b"a=1"),
            (b"x-Odd", b"\xe9"),
            (b"Set-Cookie", b"b=2"),
            (b"Content-Length", b"0"),
        ]
        assert (response.http_version, response.reason_phrase) == ("HTTP/1.1", "All Fine")

    async def test_nothing_of_a_reason_phrase_that_a_terminal_obeys_comes_into_httpx_log(
        self, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        wire = b"HTTP/1.1 200 \x1b[2JAll\x07 Fine\r\nContent-Length: 0\r\n\r\n"
        with caplog.at_level("INFO", logger="httpx"):
            async with ScriptedServer({"/": Script((wire,))}) as server:
                await client.get(server.origin)
        assert caplog.records[-1].getMessage().endswith('"HTTP/1.1 200 ?[2JAll? Fine"')

    @pytest.mark.parametrize("wire", BIG_ANSWERS.values(), ids=BIG_ANSWERS)
    async def test_a_big_body_arrives_whole_through_a_slow_reader(self, client: httpx.AsyncClient, wire: bytes) -> None:
        async with ScriptedServer({"/big": Script((wire,))}) as server:
            received = bytearray()
            async with client.stream("GET", f"{server.origin}/big") as response:
                async for part in response.aiter_raw():
                    received += part
                    await asyncio.sleep(0)
            assert received == BIG
            assert (await client.get(server.origin)).text == "ok"
            assert server.connections == 1

    async def test_an_answer_before_the_whole_request_was_taken_is_read(self, client: httpx.AsyncClient) -> None:
        refusal = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
        async with ScriptedServer({"/early": Script((refusal,), End.HOLD, reads_body=False)}) as server:
            response = await client.post(f"{server.origin}/early", content=BIG)
            assert (response.status_code, response.text) == (413, "no")
            assert (await client.get(server.origin)).text == "ok"
            assert server.connections == 2


CUTS = {
    "before the head": (b"", End.CLOSE, httpx.RemoteProtocolError),
    "inside the status line": (b"HTTP/1.1 2", End.CLOSE, httpx.RemoteProtocolError),
    "inside the head": (HEAD + b"Content-Length: 10\r\n", End.CLOSE, httpx.RemoteProtocolError),
    "after 100 Continue": (b"HTTP/1.1 100 Continue\r\n\r\n", End.CLOSE, httpx.RemoteProtocolError),
    "before the body": (HEAD + b"Content-Length: 10\r\n\r\n", End.CLOSE, httpx.RemoteProtocolError),
    "inside the body": (HEAD + b"Content-Length: 10\r\n\r\nok", End.CLOSE, httpx.RemoteProtocolError),
    "inside a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\nok", End.CLOSE, httpx.RemoteProtocolError),
    "inside a chunk's size": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n9", End.CLOSE, httpx.RemoteProtocolError),
    "before the last chunk": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        End.CLOSE,
        httpx.RemoteProtocolError,
    ),
    "inside the trailers": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: ",
        End.CLOSE,
        httpx.RemoteProtocolError,
    ),
    "by a reset before the head": (b"", End.RESET, httpx.ReadError),
    "by a reset inside the head": (HEAD, End.RESET, httpx.ReadError),
    "by a reset inside the body": (HEAD + b"Content-Length: 10\r\n\r\nok", End.RESET, httpx.ReadError),
    "by a reset of a body until the close": (HEAD + b"\r\nok", End.RESET, httpx.ReadError),
}
MALFORMED = {
    "HTML alone": b"<html>502</html>\r\n\r\n",
    "a header without a name": HEAD + b": x\r\nContent-Length: 2\r\n\r\nok",
    "a NUL in a header": HEAD + b"A: \0\r\nContent-Length: 2\r\n\r\nok",
    "a bracket in a header's name": HEAD + b"A(: x\r\nContent-Length: 2\r\n\r\nok",
    "a space before the colon": HEAD + b"Content-Length : 2\r\n\r\nok",
    "a negative length": HEAD + b"Content-Length: -2\r\n\r\nok",
    "a length in words": HEAD + b"Content-Length: two\r\n\r\nok",
    "two lengths that differ": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "an unknown coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\nok",
    "a coding under chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a chunk's size in words": HEAD + b"Transfer-Encoding: chunked\r\n\r\ntwo\r\nok\r\n0\r\n\r\n",
    "a chunk longer than it says": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nok\r\n0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\nok",
    "a status of four digits": b"HTTP/1.1 2000 X\r\nContent-Length: 2\r\n\r\nok",
    "a switch that nobody asked for": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nok",
    "a head without end": HEAD + b"A: " + b"x" * 600_000,
}


class TestBrokenAnswers:
    @pytest.mark.parametrize(("wire", "end", "error"), CUTS.values(), ids=CUTS)
    async def test_a_cut_is_an_error_and_costs_one_connection(
        self, client: httpx.AsyncClient, wire: bytes, end: End, error: type[httpx.TransportError]
    ) -> None:
        async with ScriptedServer({"/cut": Script((wire,), end)}) as server:
            with pytest.raises(error) as caught:
                await client.get(f"{server.origin}/cut")
            assert caught.value.request.url.path == "/cut"
            assert (await client.get(server.origin)).text == "ok"
            assert server.connections == 2

    async def test_what_came_before_the_cut_is_handed_out(self, client: httpx.AsyncClient) -> None:
        wire = HEAD + b"Content-Length: 10\r\n\r\nok"
        received: list[bytes] = []

        async def read(url: str) -> None:
            async with client.stream("GET", url) as response:
                async for part in response.aiter_raw():
                    received.append(part)  # noqa: PERF401 -- a comprehension would lose what came before the error

        async with ScriptedServer({"/cut": Script((wire,), End.CLOSE)}) as server:
            with pytest.raises(httpx.RemoteProtocolError):
                await read(f"{server.origin}/cut")
        assert b"".join(received) == b"ok"

    @pytest.mark.parametrize("wire", MALFORMED.values(), ids=MALFORMED)
    async def test_a_malformed_answer_is_an_error_and_costs_one_connection(
        self, client: httpx.AsyncClient, wire: bytes
    ) -> None:
        async with ScriptedServer({"/bad": Script((wire,), End.HOLD)}) as server:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(f"{server.origin}/bad")
            assert (await client.get(server.origin)).text == "ok"
            assert server.connections == 2
            await server.has_open(1)


JUNK = {
    "another answer with it": (OK + NEXT,),
    "another answer just after it": (OK, NEXT),
    "garbage with it": (OK + b"\0\xff\0",),
    "garbage just after it": (OK, b"garbage"),
    "a body after 204": (b"HTTP/1.1 204 X\r\nContent-Length: 4\r\n\r\nevil",),
    "a body after HEAD": (NEXT,),
    "another answer after Connection: close": (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok" + NEXT,),
}


# h11 keeps what came with an answer in its buffer, and httpcore 1.0.9 begins the next exchange with it.
HTTPCORES_MISTAKE = {"another answer with it", "garbage with it", "a body after 204", "a body after HEAD"}


class TestMoreThanAnAnswer:
    @pytest.mark.parametrize("name", JUNK)
    async def test_it_is_never_taken_for_the_next_answer(
        self, client: httpx.AsyncClient, transport: Transport, name: str, request: pytest.FixtureRequest
    ) -> None:
        if transport is OVER_HTTPCORE and name in HTTPCORES_MISTAKE:
            request.applymarker(pytest.mark.xfail(reason="httpcore takes it for the next answer"))
        async with ScriptedServer({"/junk": Script(JUNK[name])}) as server:
            method = "HEAD" if name.endswith("HEAD") else "GET"
            assert (await client.request(method, f"{server.origin}/junk")).status_code in {200, 204}
            await server.has_answered(1)
            assert (await client.get(server.origin)).text == "ok"


class TestConnections:
    async def test_one_that_the_server_closed_while_it_was_idle_is_not_used_again(
        self, client: httpx.AsyncClient
    ) -> None:
        async with ScriptedServer({"/bye": Script(end=End.CLOSE)}) as server:
            for _ in range(3):
                assert (await client.post(f"{server.origin}/bye")).text == "ok"
                await server.has_open(0)
                await asyncio.sleep(0.005)
            assert server.connections == 3

    async def test_a_post_has_a_connection_of_its_own_which_serves_others_afterwards(
        self, client: httpx.AsyncClient
    ) -> None:
        async with ScriptedServer() as server:
            for method in ("GET", "POST", "GET", "POST", "PATCH"):
                await client.request(method, server.origin)
            assert server.connections == 4

    async def test_a_post_carries_its_body(self, client: httpx.AsyncClient) -> None:
        async with ScriptedServer() as server:
            for content in (b"", b"x", BIG):
                assert (await client.post(server.origin, content=content)).text == "ok"
            assert server.bodies == [b"", b"x", BIG]

    async def test_a_body_that_is_streamed_to_the_server_arrives(self, client: httpx.AsyncClient) -> None:
        async def parts() -> AsyncIterator[bytes]:
            yield b"a"
            yield b"b"

        async with ScriptedServer() as server:
            response = await client.post(server.origin, content=parts(), headers={"Content-Length": "2"})
            assert response.text == "ok"
            assert server.bodies == [b"ab"]

    async def test_a_refused_connection_is_a_connect_error(self, client: httpx.AsyncClient) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{unused.getsockname()[1]}")

    async def test_silence_is_a_read_timeout_and_costs_one_connection(self, client: httpx.AsyncClient) -> None:
        held = {"/head": Script((b"HTTP/1.1 200",), End.HOLD), "/body": Script((OK[:-1],), End.HOLD)}
        async with ScriptedServer(held) as server:
            for path in held:
                with pytest.raises(httpx.ReadTimeout):
                    await client.get(server.origin + path, timeout=httpx.Timeout(60, read=0.05))
                await server.has_open(0)
            assert (await client.get(server.origin)).text == "ok"

    async def test_a_request_that_is_not_taken_is_a_write_timeout(self, client: httpx.AsyncClient) -> None:
        async with ScriptedServer({"/deaf": Script((), End.HOLD, reads_body=False)}) as server:
            server.scripts["/deaf"] = Script((b"",) * 200, End.KEEP, reads_body=False)
            with pytest.raises(httpx.WriteTimeout):
                await client.post(f"{server.origin}/deaf", content=BIG * 4, timeout=httpx.Timeout(60, write=0.05))

    async def test_the_pool_timeout_is_honoured(self, transport: Transport) -> None:
        async with ScriptedServer({"/held": Script((), End.HOLD)}) as server:
            async with httpx.AsyncClient(transport=transport(max_lanes=1)) as client:
                busy = asyncio.create_task(client.get(f"{server.origin}/held", timeout=TIMEOUT))
                await server.saw(1)
                with pytest.raises(httpx.PoolTimeout):
                    await client.get(server.origin, timeout=httpx.Timeout(60, pool=0.02))
                busy.cancel()
                assert (await client.get(server.origin)).text == "ok"
            assert server.peak == 1

    @pytest.mark.parametrize("path", ["/head", "/body"])
    async def test_cancelling_closes_exactly_that_connection(self, client: httpx.AsyncClient, path: str) -> None:
        held = {"/head": Script((HEAD,), End.HOLD), "/body": Script((OK[:-1],), End.HOLD)}
        async with ScriptedServer(held) as server:
            await client.get(server.origin)
            tasks = [asyncio.create_task(client.get(server.origin + path)) for _ in range(3)]
            await server.saw(4)
            await asyncio.sleep(0.01)
            for kept, task in enumerate(tasks, start=1 - len(tasks)):
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await server.has_open(-kept)

    async def test_after_a_churn_of_cancellations_every_call_is_answered(self, transport: Transport) -> None:
        async with ScriptedServer({"/slow": Script((b"", HEAD, b"Content-Length: 1\r\n\r\n", b"x"))}) as server:
            async with httpx.AsyncClient(transport=transport(), timeout=TIMEOUT) as client:
                for turns in range(40):
                    tasks = [asyncio.create_task(client.get(f"{server.origin}/slow")) for _ in range(5)]
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                answers = await asyncio.gather(*(client.get(server.origin) for _ in range(100)))
                assert [answer.text for answer in answers] == ["ok"] * 100
            await server.has_open(0)

    async def test_closing_the_client_closes_every_socket(self, transport: Transport) -> None:
        async with ScriptedServer() as server:
            async with httpx.AsyncClient(transport=transport()) as client:
                await asyncio.gather(*(client.get(server.origin) for _ in range(10)))
            await server.has_open(0)

    async def test_leaving_a_response_half_read_closes_its_connection(self, client: httpx.AsyncClient) -> None:
        wire = BIG_ANSWERS["a length"]
        async with ScriptedServer({"/big": Script((wire,))}) as server:
            async with client.stream("GET", f"{server.origin}/big") as response:
                async for _ in response.aiter_raw():
                    break
            await server.has_open(0)
            assert (await client.get(server.origin)).text == "ok"

    @pytest.mark.parametrize(
        "headers",
        [[(b"A", b"b\r\nEvil: 1")], [(b"A\r\nEvil: 1", b"b")], [(b"A", b"b\nc")], [(b"A", b"\0")], [(b"a b", b"c")]],
        ids=["a value", "a name", "a line feed", "a NUL", "a space"],
    )
    async def test_a_header_that_would_break_the_head_is_not_sent(
        self, client: httpx.AsyncClient, headers: list[tuple[bytes, bytes]]
    ) -> None:
        async with ScriptedServer() as server:
            with pytest.raises(httpx.LocalProtocolError):
                await client.send(httpx.Request("GET", server.origin, headers=headers))
            assert server.heads == []

    async def test_another_scheme_is_refused_as_httpx_does(self, client: httpx.AsyncClient) -> None:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")

    async def test_a_post_is_answered_where_the_server_closes_soon_after_its_answers(
        self, client: httpx.AsyncClient
    ) -> None:
        async with ScriptedServer({"/": Script((OK, b""), End.CLOSE)}) as server:
            for _ in range(20):
                assert (await client.post(server.origin)).text == "ok"

    async def test_a_body_in_crumbs_is_read_whole_and_others_have_their_turn_meanwhile(
        self, client: httpx.AsyncClient
    ) -> None:
        crumbs = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
        async with ScriptedServer({"/": Script((crumbs,))}) as server:
            async with client.stream("GET", server.origin) as response, others() as turns:
                size = 0
                async for piece in response.aiter_raw():
                    size += len(piece)
                    await asyncio.sleep(0)
            assert size == 20_000
            assert (await client.get(server.origin)).content == b"x" * 20_000
            assert server.connections == 1
        assert turns.count >= 20


class TestTls:
    async def test_a_body_in_crumbs_is_read_whole(
        self, transport: Transport, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
    ) -> None:
        crumbs = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
        async with (
            ScriptedServer({"/": Script((crumbs,), End.CLOSE)}, tls=server_tls) as server,
            httpx.AsyncClient(transport=transport(verify=client_tls)) as client,
        ):
            assert (await client.get(server.origin)).content == b"x" * 20_000

    async def test_exchanges_share_a_connection(
        self, transport: Transport, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
    ) -> None:
        async with ScriptedServer(tls=server_tls) as server:
            async with httpx.AsyncClient(transport=transport(verify=client_tls)) as client:
                for content in (b"", BIG):
                    assert (await client.put(server.origin, content=content)).text == "ok"
            assert server.connections == 1
            assert server.bodies == [b"", BIG]

    async def test_an_unknown_authority_is_a_connect_error(
        self, transport: Transport, server_tls: ssl.SSLContext
    ) -> None:
        async with ScriptedServer(tls=server_tls) as server:
            async with httpx.AsyncClient(transport=transport(verify=ssl.create_default_context())) as client:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get(server.origin)
            assert server.heads == []

    async def test_a_server_that_speaks_no_tls_is_a_connect_error(
        self, transport: Transport, client_tls: ssl.SSLContext
    ) -> None:
        async with (
            ScriptedServer() as server,
            httpx.AsyncClient(transport=transport(verify=client_tls)) as client,
        ):
            url = server.origin.replace("http:", "https:")
            with pytest.raises((httpx.ConnectError, httpx.ConnectTimeout)):
                await client.get(url, timeout=httpx.Timeout(60, connect=0.2))

    @pytest.mark.parametrize(
        ("wire", "end"),
        [(OK[:-1], End.CLOSE), (HEAD, End.CLOSE), (b"", End.CLOSE)],
        ids=["in the body", "in the head", "before it"],
    )
    async def test_a_cut_is_an_error(
        self, transport: Transport, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext, wire: bytes, end: End
    ) -> None:
        async with (
            ScriptedServer({"/cut": Script((wire, b""), end)}, tls=server_tls) as server,
            httpx.AsyncClient(transport=transport(verify=client_tls)) as client,
        ):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await client.get(f"{server.origin}/cut")
            assert (await client.get(server.origin)).text == "ok"

    async def test_a_big_body_arrives_whole(
        self, transport: Transport, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
    ) -> None:
        async with (
            ScriptedServer({"/big": Script((BIG_ANSWERS["a length"],))}, tls=server_tls) as server,
            httpx.AsyncClient(transport=transport(verify=client_tls)) as client,
        ):
            assert (await client.get(f"{server.origin}/big")).content == BIG
            assert (await client.get(server.origin)).text == "ok"
            assert server.connections == 1


Message: TypeAlias = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Echo a body in two pieces, or answer what the path names."""
    assert scope["type"] == "http"
    body = b""
    more = scope["method"] == "POST"
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    if scope["path"] == "/length":
        headers.append((b"content-length", b"%d" % (len(body) + 2)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok", "more_body": True})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def uvicorn_origin() -> AsyncIterator[str]:
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.fixture(scope="module")
def nginx_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if binary is None:
        pytest.skip("nginx is not installed")
    home = tmp_path_factory.mktemp("nginx")
    (home / "big").write_bytes(BIG)
    port = _free_port()
    paths = "".join(f"{name}_temp_path {home}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (home / "nginx.conf").write_text(
        f"""
        daemon off; user {getpass.getuser()}; worker_processes 1; pid {home}/pid; error_log stderr;
        events {{ worker_connections 64; }}
        http {{
            access_log off; {paths} client_max_body_size 32m;
            server {{
                listen 127.0.0.1:{port};
                root {home};
                location = /length {{ return 200 ok; }}
                location = /last {{ keepalive_timeout 0; return 200 ok; }}
                location = /none {{ return 204; }}
            }}
        }}
        """
    )
    with _serving([binary, "-p", str(home), "-c", str(home / "nginx.conf")], port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def php_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = shutil.which("php")
    if binary is None:
        pytest.skip("PHP is not installed")
    home = tmp_path_factory.mktemp("php")
    (home / "router.php").write_text(
        """<?php
        header("Set-Cookie: a=1"); header("Set-Cookie: b=2", false);
        $body = file_get_contents("php://input");
        if ($_SERVER["REQUEST_URI"] === "/length") { header("Content-Length: " . (2 + strlen($body))); }
        if ($_SERVER["REQUEST_URI"] === "/none") { http_response_code(204); exit; }
        echo "ok"; flush(); echo $body;
        """
    )
    port = _free_port()
    with _serving([binary, "-S", f"127.0.0.1:{port}", str(home / "router.php")], port):
        yield f"http://127.0.0.1:{port}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _serving(command: list[str], port: int) -> Generator[None, None, None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603 -- ours
        try:
            for _ in range(6000):
                with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.01)
            yield
        finally:
            process.terminate()


class TestRealServers:
    @pytest.mark.parametrize("path", ["/length", "/chunks"])
    async def test_uvicorn_echoes_what_was_sent(
        self, client: httpx.AsyncClient, uvicorn_origin: str, path: str
    ) -> None:
        for content in (b"", b"x", BIG):
            response = await client.post(uvicorn_origin + path, content=content)
            assert response.content == b"ok" + content
            assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert (await client.head(uvicorn_origin + path)).content == b""
        assert (await client.get(uvicorn_origin + path)).text == "ok"

    async def test_nginx_serves_all_kinds_of_bodies(self, client: httpx.AsyncClient, nginx_origin: str) -> None:
        for _ in range(2):
            assert (await client.get(f"{nginx_origin}/length")).text == "ok"
            assert (await client.get(f"{nginx_origin}/last")).text == "ok"
            assert (await client.get(f"{nginx_origin}/none")).status_code == 204
            assert (await client.get(f"{nginx_origin}/big")).content == BIG
            assert (await client.head(f"{nginx_origin}/big")).headers["content-length"] == str(len(BIG))
            assert (await client.get(f"{nginx_origin}/missing")).status_code == 404
            assert (await client.post(f"{nginx_origin}/length", content=b"x" * 1000)).text == "ok"

    async def test_nginx_refuses_a_post_that_is_too_big(self, client: httpx.AsyncClient, nginx_origin: str) -> None:
        response = await client.post(f"{nginx_origin}/big", content=bytes(33 << 20))
        assert response.status_code == 413

    @pytest.mark.parametrize("path", ["/length", "/until-close"])
    async def test_php_echoes_what_was_sent(self, client: httpx.AsyncClient, php_origin: str, path: str) -> None:
        for content in (b"", b"x", BIG):
            response = await client.post(php_origin + path, content=content)
            assert response.content == b"ok" + content
        assert (await client.get(f"{php_origin}/none")).status_code == 204
        assert (await client.head(php_origin + path)).content == b""
