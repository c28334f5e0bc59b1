"""A small HTTP/1.1 server on asyncio and h11, which the library has anyway: reading only, bounded in every way.

Who never sends, never reads or never leaves costs a connection of a hundred, for a while.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self, TypeAlias

import h11
from attrs import field, frozen

MOST_CONNECTIONS: Final = 100
"""Open at once: a Prometheus has one, a browser six."""
PATIENCE: Final = 75.0
"""Seconds until a request has come, and until an answer has been taken; nginx's keep-alive, and more than a minute,
which is the usual time from scrape to scrape."""
LAST_ANSWERS: Final = 5.0
"""Seconds that what is being answered may still take when the server ends."""
_LONGEST_HEAD: Final = 16 * 1024
_PIECE: Final = 64 * 1024


@frozen
class Request:
    """What was asked for; the names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@frozen
class Answer:
    """What is answered. Headers beside those that every answer has."""

    status: HTTPStatus
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(factory=dict[str, str])


Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]

_ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class HttpServer:
    """Serves as long as its block lasts; then what is being answered may end, and everything else is closed.

    Args:
        handle: Answers a request.
        host: The address to listen on.
        port: The port; any that is free if 0.
    """

    def __init__(self, handle: Handler, *, host: str, port: int) -> None:
        self._handle = handle
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._waiting: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that it listens on, inside its block."""
        assert self._server is not None  # noqa: S101 - it is inside its block
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None  # noqa: S101 - it is inside its block
        self._server.close()
        for task in self._waiting:
            task.cancel()
        if self._answering:
            await asyncio.wait(self._answering, timeout=LAST_ANSWERS)
        left = self._waiting | self._answering
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio makes one for each connection
        self._waiting.add(task)
        # Whoever goes away, or is too slow, is no news.
        with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
            try:
                if len(self._waiting) + len(self._answering) <= MOST_CONNECTIONS:
                    await self._converse(_Line(reader, writer), task)
            finally:
                self._waiting.discard(task)
                self._answering.discard(task)
                writer.close()

    async def _converse(self, line: "_Line", task: asyncio.Task[None]) -> None:
        while line.goes_on:
            try:
                request = await line.request()
            except h11.RemoteProtocolError as error:
                await line.send(_plain(HTTPStatus(error.error_status_hint)), to_head=False)
                return
            if request is None:
                return
            self._waiting.discard(task)
            self._answering.add(task)
            await line.send(await self._handle(request), to_head=request.method == "HEAD")
            self._answering.discard(task)
            self._waiting.add(task)
            if self._server is None or not self._server.is_serving():
                return


class _Line:
    """One connection, as requests and answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)

    @property
    def goes_on(self) -> bool:
        """Whether another request may come; makes ready for it."""
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return self._http.our_state is h11.IDLE

    async def request(self) -> Request | None:
        """Give the next request; None where the other side has ended."""
        async with asyncio.timeout(PATIENCE):
            head = await self._next()
            if not isinstance(head, h11.Request):
                return None
            # A body means nothing here, but the next request is behind it.
            while not isinstance(await self._next(), h11.EndOfMessage):
                pass
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        return Request(head.method.decode("latin-1"), _path(head.target.decode("latin-1")), headers)

    async def _next(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(_PIECE))
        return event

    async def send(self, answer: Answer, *, to_head: bool) -> None:
        """Send an answer, to a HEAD without its body."""
        headers = {
            **_ALWAYS,
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            **answer.headers,
        }
        status = answer.status
        head = h11.Response(status_code=status.value, reason=status.phrase.encode(), headers=list(headers.items()))
        parts = [self._http.send(head)]
        if not to_head:
            parts.append(self._http.send(h11.Data(data=answer.body)))
        parts.append(self._http.send(h11.EndOfMessage()))
        self._writer.writelines(part for part in parts if part)
        async with asyncio.timeout(PATIENCE):
            await self._writer.drain()


def _path(target: str) -> str:
    """Give the path that is asked for: what a proxy sends is a whole URL."""
    before = target.partition("?")[0]
    # The path is behind the third slash of `http://host/path`. Not `urlsplit`, which fails where a host is none.
    return before if before.startswith("/") or "://" not in before else f"/{''.join(before.split('/', 3)[3:])}"


def _plain(status: HTTPStatus) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{status.value} {status.phrase}\n".encode())
