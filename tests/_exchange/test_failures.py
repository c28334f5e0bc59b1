"""What a foreign error means, asked of sessions: was it sent, is it tried again, what can a person do?"""

import asyncio
import datetime as dt
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import aiohttp
import httpx
import pytest
import trustme
from loopback import LoopbackServer
from mocked import PRIVATE, PUBLIC, Panel, answer, session_over
from virtual_time import virtual

from cvm_async import CvmSession, LaneTransport, Retry, fast_client, lane_client
from cvm_async._exchange.failures import unreachable
from cvm_async.errors import NoAnswerError, NotSentError

CLIENTS = [lane_client, fast_client, httpx.AsyncClient]

# What fails before the request is handed on.


def failing_before(error: Exception) -> dict[str, Callable[[Panel], httpx.AsyncClient]]:
    """Give clients that raise an error before they send anything, by where they do."""

    async def fail(_: object) -> None:
        raise error

    class Failing(httpx.Auth):
        async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
            await fail(request)
            yield request

    return {
        "hook": lambda panel: httpx.AsyncClient(transport=panel, event_hooks={"request": [fail]}),
        "auth": lambda panel: httpx.AsyncClient(transport=panel, auth=Failing()),
    }


@pytest.mark.parametrize("where", ["hook", "auth"])
@pytest.mark.parametrize(
    "error",
    [LookupError("?"), RuntimeError("?"), TimeoutError(), httpx.ReadTimeout("?"), httpx.InvalidURL("?")],
    ids=lambda error: type(error).__name__,
)
@virtual
async def test_what_fails_before_the_client_hands_the_request_on_was_never_sent(error: Exception, where: str) -> None:
    panel = Panel()
    async with session_over(client=failing_before(error)[where](panel)) as session:
        with pytest.raises(NotSentError, match="3 attempts"):
            await session.stop(1)
    assert panel.requests == []


@virtual
async def test_of_a_client_that_may_send_by_itself_nothing_is_believed_unsent() -> None:
    class Own(httpx.AsyncClient):
        pass

    async def fail(_: object) -> None:
        raise LookupError

    async with session_over(client=Own(transport=Panel(), event_hooks={"request": [fail]})) as session:
        with pytest.raises(NoAnswerError):
            await session.stop(1)


class Broken(ssl.SSLContext):
    """A context of somebody's that fails as no library foresees."""

    def wrap_bio(self, *_: object, **__: object) -> ssl.SSLObject:
        raise LookupError("a context's own trouble")


def broken_client(make: Callable[..., httpx.AsyncClient]) -> httpx.AsyncClient:
    return make(verify=Broken(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)


@pytest.mark.parametrize("make", CLIENTS, ids=lambda make: make.__name__)
async def test_an_error_that_connecting_let_through_was_never_sent(make: Callable[..., httpx.AsyncClient]) -> None:
    async with LoopbackServer() as server, broken_client(make) as client:
        url = f"https://127.0.0.1:{server.port}"
        async with session_over(client=client, url=url, retry=Retry(attempts=1)) as session:
            with pytest.raises(NotSentError, match="a context's own trouble"):
                await session.stop(1)


async def look(_: httpx.Request) -> None:
    """Do nothing, as a hook."""


@pytest.mark.parametrize("hooks", [{}, {"request": [look]}], ids=["alone", "with a hook"])
@pytest.mark.parametrize("make", CLIENTS, ids=lambda make: make.__name__)
async def test_what_is_cut_off_while_it_connects_was_not_sent(
    make: Callable[..., httpx.AsyncClient], hooks: dict[str, list[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    async with silent_server() as (url, connected), make(trust_env=False, event_hooks=hooks) as client:
        session = session_over(client=client, url=url)
        caller = asyncio.create_task(session.stop(1))
        await connected()
        caller.cancel()
        await asyncio.wait([caller])
        await session.aclose()
    # A hook may have sent what it likes.
    assert len(caplog.records) == len(hooks)


@pytest.mark.parametrize("make", CLIENTS[:2], ids=lambda make: make.__name__)
async def test_what_is_cut_off_while_it_waits_for_a_connection_was_not_sent(
    make: Callable[..., httpx.AsyncClient], caplog: pytest.LogCaptureFixture
) -> None:
    one = httpx.Limits(max_connections=1)
    async with silent_server() as (url, connected), make(trust_env=False, limits=one) as client:
        session = session_over(client=client, url=url)
        callers = [asyncio.create_task(session.stop(number)) for number in (1, 2)]
        await connected()
        for caller in reversed(callers):
            caller.cancel()
            await asyncio.wait([caller])
        await session.aclose()
    assert caplog.records == []


@asynccontextmanager
async def silent_server() -> AsyncGenerator[tuple[str, Callable[[], Awaitable[object]]]]:
    """Give the address of what takes connections and never shakes hands, and what waits for one."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.setblocking(False)

        async def connected() -> None:
            accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
            sockets.enter_context(accepted)

        yield f"https://127.0.0.1:{listener.getsockname()[1]}", connected


@pytest.mark.parametrize("where", ["response hook", "auth"])
async def test_what_connects_elsewhere_after_the_answer_does_not_make_the_request_unsent(where: str) -> None:
    async def report(_: object) -> None:
        async with LoopbackServer() as server, broken_client(httpx.AsyncClient) as metrics:
            await metrics.post(f"https://127.0.0.1:{server.port}")

    class Reporting(httpx.Auth):
        async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
            yield request
            await report(None)

    hooked = httpx.AsyncClient(transport=Panel(), event_hooks={"response": [report]})
    client = hooked if where == "response hook" else httpx.AsyncClient(transport=Panel(), auth=Reporting())
    async with session_over(client=client) as session:
        with pytest.raises(NoAnswerError, match="a context's own trouble"):
            await session.stop(1)


def test_a_transport_in_use_on_another_loop_has_sent_nothing() -> None:
    transport = LaneTransport()

    async def stop() -> None:
        async with session_over(transport, url="http://127.0.0.1:1", retry=Retry(attempts=1)) as session:
            await session.stop(1)

    with asyncio.Runner() as first, asyncio.Runner() as second:
        with pytest.raises(NotSentError, match="ConnectError"):
            first.run(stop())
        with pytest.raises(NotSentError, match="in use on another event loop"):
            second.run(stop())


@virtual
async def test_a_closed_transport_has_sent_nothing() -> None:
    transport = LaneTransport()
    await transport.aclose()
    async with session_over(transport) as session:
        with pytest.raises(NotSentError, match="the transport has been closed"):
            await session.stop(1)


# What a transport over aiohttp raises.

REQUEST_INFO = aiohttp.RequestInfo(
    "https://panel.example.net",  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- as a repr shows it
    "POST",
    {"API-Private-Token": PRIVATE, "API-Public-Token": PUBLIC},  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- likewise
)


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientResponseError(REQUEST_INFO, ()),
        aiohttp.ContentTypeError(REQUEST_INFO, ()),
        aiohttp.ClientPayloadError("cut"),
        aiohttp.ClientError("?"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("where", ["head", "body", "hook", "cause"])
@virtual
async def test_no_error_of_another_library_becomes_the_cause_of_ours(error: Exception, where: str) -> None:
    async def fail(_: object) -> None:
        if where == "cause":
            raise LookupError from error
        raise error

    scripts: dict[str, list[Any]] = {"head": [error], "body": [answer(200, b"x", error=error)]}
    client = httpx.AsyncClient(transport=Panel(*scripts.get(where, [])))
    if where in {"hook", "cause"}:
        client.event_hooks = {"response": [fail]}
    async with session_over(client=client) as session:
        with pytest.raises(NoAnswerError) as found:
            await session.stop(1)
    assert found.value.__cause__ is None
    assert found.value.__context__ is None
    assert PRIVATE not in f"{found.value!r} {found.value} {vars(found.value)}"


# TLS.

YESTERDAY = dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=1)
TOMORROW = dt.datetime.now(tz=dt.UTC) + dt.timedelta(days=1)


def tls_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] -- typed with pyOpenSSL's contexts too
    return context


async def refusal_of(session: CvmSession) -> NotSentError:
    async with session:
        with pytest.raises(NotSentError) as found:
            await session.stop(1)
    return found.value


@pytest.mark.usefixtures("no_proxies_from_outside")
@pytest.mark.parametrize("make", CLIENTS, ids=lambda make: make.__name__)
class TestTls:
    @pytest.mark.parametrize(
        ("names", "dates", "is_known", "text"),
        [
            pytest.param(
                ["127.0.0.1"],
                {},
                False,
                "name it: ca_file in a profile, --ca-file, or lane_client\\(verify=…\\)",
                id="unknown authority",
            ),
            pytest.param(["127.0.0.1"], {"not_after": YESTERDAY}, True, "expired; it has to be renewed", id="expired"),
            pytest.param(["127.0.0.1"], {"not_before": TOMORROW}, True, "not yet valid; .* clock", id="not yet valid"),
            pytest.param(["127.0.0.2"], {}, True, "mismatch.*; use the name that it was", id="another address"),
            pytest.param(["other.example.net"], {}, True, "use the name that it was", id="another name"),
        ],
    )
    async def test_a_certificate_that_is_not_trusted_is_told_clearly_and_tried_once(  # noqa: PLR0917 -- fixtures
        self,
        make: Callable[..., httpx.AsyncClient],
        authority: trustme.CA,
        client_tls: ssl.SSLContext,
        names: list[str],
        dates: dict[str, dt.datetime],
        is_known: bool,  # noqa: FBT001
        text: str,
    ) -> None:
        server_tls = tls_of(authority.issue_cert(*names, **dates))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- no one key has all types
        client = make(verify=client_tls if is_known else ssl.create_default_context())
        async with LoopbackServer(tls=server_tls) as server, client:
            error = await refusal_of(session_over(client=client, url=f"{server.url}"))
        assert error.attempts == 1
        assert not error.may_pass
        error_text = error.message
        assert error_text.startswith("the request did not reach 127.0.0.1: its certificate is not trusted, ")

        assert re.search(text, error_text), error_text

    async def test_what_speaks_no_tls_is_told_clearly_and_tried_once(
        self, make: Callable[..., httpx.AsyncClient]
    ) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening, make() as client:
            port = listening.sockets[0].getsockname()[1]
            error = await refusal_of(session_over(client=client, url=f"https://127.0.0.1:{port}"))
        assert "no TLS is to be had there, WRONG_VERSION_NUMBER; does that address speak https?" in error.message
        assert error.attempts == 1

    async def test_a_handshake_that_the_network_cuts_is_tried_again(
        self, make: Callable[..., httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        monkeypatch.setattr("cvm_async._exchange.retry.BACKOFF_BASE", 0.001)
        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as listening, make() as client:
            port = listening.sockets[0].getsockname()[1]
            error = await refusal_of(session_over(client=client, url=f"https://127.0.0.1:{port}"))
        assert (error.attempts, error.may_pass) == (3, True)


def because(cause: BaseException) -> httpx.ConnectError:
    error = httpx.ConnectError("no")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "url", "told"),
    [
        (because(ConnectionRefusedError()), "http://a.example:81", "; a.example, port 81: nothing listens there"),
        (because(socket.gaierror()), "https://a.example", "; a.example, port 443: no such host is known"),
        (httpx.ConnectTimeout(""), "http://a.example/cvm", "; a.example, port 80: nothing answers there"),
        (httpx.ConnectError("no"), "https://a.example", ""),
    ],
    ids=["refused", "no such name", "no answer", "something else"],
)
def test_where_no_connection_comes_about_it_is_told_where_to_and_what_to_do(
    error: Exception, url: str, told: str
) -> None:
    advice = unreachable(error, httpx.URL(url))
    assert advice.startswith(told)
    assert bool(advice) is bool(told)
