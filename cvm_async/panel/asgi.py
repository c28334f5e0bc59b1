"""One request and its answer as ASGI has them: a scope in, messages out, or a dropped connection.

All that the panel knows of ASGI stands here; what the request means is none of its business.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias, cast
from urllib.parse import parse_qsl

import attrs

from cvm_async.panel.faults import Answer, Cut, Reset

Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, object]]]
Send: TypeAlias = Callable[[dict[str, object]], Awaitable[None]]

# Keys among a scope's `extensions`, ASGI's official place for words that it lacks, under which a server
# offers callables that reset the connection at once, and that close it once all that was written is out.
RESET_CONNECTION = "cvm_async.panel.reset_connection"
CLOSE_CONNECTION = "cvm_async.panel.close_connection"

_CONTENT_TYPE: tuple[bytes, bytes] = (b"content-type", b"text/html; charset=UTF-8")
_SESSION = re.compile(rb"(?:^|;\s*)PHPSESSID=([^;\s]+)")


@attrs.frozen
class HttpResponse:
    """An answer, ready to be sent."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    # How much of the body really comes before the connection is closed; None for all, and it stays open.
    cut_after: int | None = None

    @classmethod
    def of_panel(cls, status: int, body: bytes, session: str, date: str | None = None) -> "HttpResponse":
        """Return what the panel itself says: never without a cookie, and always as HTML."""
        cookie = (b"set-cookie", f"PHPSESSID={session}; path=/".encode("latin-1"))
        dated = () if date is None else ((b"date", date.encode("latin-1")),)
        return cls(status, body, (_CONTENT_TYPE, cookie, *dated))

    def cut(self, fault: Cut) -> "HttpResponse":
        """Return this answer, as it ends in the middle."""
        length = len(self.body)
        kept = length // 2 if fault.keep is None else min(fault.keep, max(length - 1, 0))
        return attrs.evolve(self, cut_after=kept)


Delivery: TypeAlias = HttpResponse | Reset | None
"""What comes back to the caller; None where the caller has gone."""


def instead(fault: Answer | Reset) -> HttpResponse | Reset:
    """Return what the caller gets instead of the panel's answer."""
    if isinstance(fault, Reset):
        return fault
    headers: dict[bytes, bytes] = dict([_CONTENT_TYPE])
    for name, value in fault.headers.items():
        headers[name.lower().encode("latin-1")] = value.encode("latin-1")
    return HttpResponse(fault.status, fault.body, tuple(headers.items()))


@attrs.frozen(eq=False)
class HttpRequest:
    """A request that arrived, and the way back to its caller."""

    method: str
    path: str
    tokens: tuple[str, str]
    # The session whose cookie the caller has sent.
    session: str | None
    receive: Receive
    reset: Callable[[], None] | None
    close: Callable[[], None] | None

    @classmethod
    def of_scope(cls, scope: Mapping[str, object], receive: Receive) -> "HttpRequest":
        """Read what ASGI hands over.

        Raises:
            NotImplementedError: it is not HTTP, as ASGI asks for; a server then does without.
        """
        if scope["type"] != "http":
            raise NotImplementedError(f"a panel knows HTTP only, not {scope['type']}")
        public = private = b""
        session = None
        for name, value in cast("Iterable[tuple[bytes, bytes]]", scope["headers"]):
            if name == b"api-public-token":
                public = value
            elif name == b"api-private-token":
                private = value
            elif name == b"cookie" and (found := _SESSION.search(value)):
                session = found[1].decode("latin-1")
        extensions = cast("Mapping[str, Callable[[], None]]", scope.get("extensions") or {})
        return cls(
            method=cast("str", scope["method"]),
            path=cast("str", scope["path"]),
            tokens=(public.decode("latin-1"), private.decode("latin-1")),
            session=session,
            receive=receive,
            reset=extensions.get(RESET_CONNECTION),
            close=extensions.get(CLOSE_CONNECTION),
        )

    async def form(self) -> dict[str, str]:
        """Read the fields of a form that came along; nothing where the caller has gone before all of it was there."""
        body = b""
        while (message := await self.receive())["type"] == "http.request":
            body += cast("bytes", message.get("body", b""))
            if not message.get("more_body"):
                return dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        return {}

    async def deliver(self, delivery: Delivery, send: Send) -> None:
        """Answer, or fail to.

        Raises:
            ConnectionResetError: the connection should be dropped, and the server has not offered to.
        """
        if isinstance(delivery, Reset):
            await self._drop(self.reset)
        elif delivery is not None and delivery.cut_after is None:
            await self._send(delivery, len(delivery.body), send)
        elif delivery is not None:
            # A body of nothing is cut as if it were one byte.
            await self._send(delivery, max(len(delivery.body), 1), send)
            await self._drop(self.close)

    async def until_disconnected(self) -> None:
        """Return once the server has seen the caller go."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _send(self, response: HttpResponse, length: int, send: Send) -> None:
        headers = [*response.headers, (b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        body, more = response.body[: response.cut_after], response.cut_after is not None
        await send({"type": "http.response.body", "body": body, "more_body": more})

    async def _drop(self, drop: Callable[[], None] | None) -> None:
        if drop is None:
            raise ConnectionResetError("the simulated panel has dropped the connection")
        drop()
        # The server must have seen the end of its connection, or it would take the application for one that
        # forgot to answer, and answer in its place.
        await self.until_disconnected()
