"""A panel behind an `httpx.AsyncBaseTransport`: no socket, and every request is seen as it would go out."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import httpx
import pytest

from cvm_async import CvmError, CvmSession, Limits, Retry, Timeouts
from cvm_async._account.account import Account
from cvm_async._api.verbs import Verb
from cvm_async.settings import Api

URL = "https://panel.example.net"
PUBLIC = "public-7f3a9c"
PRIVATE = "private-41d8e6"
TOKENS = (PUBLIC, PRIVATE)

STATUS = {"response": {"status": "running", "ram_used": "37", "disk_used": "1233", "traffic_used": "5"}}
DONE: dict[str, list[object]] = {"response": []}
LISTED = {
    "id": "1",
    "node": "1",
    "virtualization_type": "1",
    "hostname": "web1",
    "guaranteed_ram": "128",
    "disk_space": "5000",
    "cpu_count": "1",
}
LIST = {"response": {"vpses": [LISTED]}}

VERBS = [Verb.LIST, Verb.STATUS, Verb.START, Verb.STOP, Verb.RESTART]
"""What either revision of the API has, and `make` makes."""

Handler: TypeAlias = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces, and then ends or fails."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            self.taken += 1
            yield piece
        if self._error is not None:
            raise self._error


def answer(
    status: int = 200, body: object = b"", *, headers: dict[str, str] | None = None, error: Exception | None = None
) -> httpx.Response:
    """Give an answer whose body is still to come, as from a network: bytes as they are, anything else as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, headers=headers, stream=Pieces(raw, error=error))


def refusal(status: int, *texts: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return answer(status, {"errors": texts}, headers=headers)


def healthy(request: httpx.Request) -> httpx.Response:
    """Give what a panel answers that has nothing to complain of."""
    if request.method == "POST":
        return answer(200, DONE)
    return answer(200, LIST if request.url.path.endswith("/list") else STATUS)


Scripted: TypeAlias = httpx.Response | Exception | Handler


class Panel(httpx.AsyncBaseTransport):
    """Answers by a script, then healthily: an error is raised, a response is given, a coroutine function is called.

    It tells what it saw: `requests`, as they were when they arrived.
    """

    def __init__(self, *script: Scripted) -> None:
        self._script = [*script]
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        seen = httpx.Request(request.method, request.url, headers=request.headers, extensions=request.extensions)
        self.requests.append(seen)
        turn = self._script.pop(0) if self._script else healthy(request)
        if isinstance(turn, Exception):
            raise turn
        return turn if isinstance(turn, httpx.Response) else await turn(request)


def session_over(
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    client: httpx.AsyncClient | None = None,
    url: str = URL,
    limits: Limits | None = None,
    timeouts: Timeouts | None = None,
    retry: Retry | None = None,
    api: Api | None = "2012",
) -> CvmSession:
    """Give a session with the tokens of this module, over a given client or a plain one with that transport.

    A script answers alike at any path, as no panel does: so the session is told which to take.
    """
    return CvmSession(
        url,
        public_token=PUBLIC,
        private_token=PRIVATE,
        client=client or httpx.AsyncClient(transport=transport),
        limits=limits,
        timeouts=timeouts,
        retry=retry,
        api=api,
    )


def account_of(session: CvmSession) -> Account:
    """Give what is behind a session, for a test whose fact is there."""
    return session._account  # pyright: ignore[reportPrivateUsage]


async def make(session: CvmSession, verb: Verb, timeout: float | None = None) -> object:
    """Make a call of each verb, about VPS 1 where it is about one."""
    if verb is Verb.LIST:
        return await session.list_vpses(timeout=timeout)
    value: object = await getattr(session, verb)(1, timeout=timeout)
    return value


async def failure(session: CvmSession, verb: Verb, timeout: float | None = None) -> CvmError:
    """Give the error that a call ends in; nobody is left in the session's gates."""
    async with session:
        with pytest.raises(CvmError) as found:
            await make(session, verb, timeout)
        assert account_of(session).gates.in_flight == 0
    return found.value


def echoing(request: httpx.Request) -> str:
    """Give the headers of a request as debugging pages show them."""
    return "; ".join(f"{name}: {text}" for name, text in request.headers.items())


def logged(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Give what the library has logged at one level."""
    return [record.getMessage() for record in caplog.records if record.levelno == level and record.name == "cvm_async"]
