"""A call goes as bytes where its client is one of ours and nothing on it asks for more.

With an `httpx.Request` and an `httpx.Response` that nobody looks at, a call costs half as much again. It is the same
call: over the client's own connections, with the bytes that httpx would have sent, and read in the same way. Whether
anything asks for more is looked at for each, as hooks, headers and mocks come and go.
"""

import httpx
from attrs import define, field, frozen

from cvm_async._api.calls import Call
from cvm_async._exchange.body import UnreadableBodyError, check_size, read_body, unpack_body
from cvm_async._exchange.received import Received
from cvm_async._exchange.request import Request, Requests, blank_out
from cvm_async._secret import masked
from cvm_async.transport import Body, Connection, LaneClient, Origin, Pool, Reply, origin_of, plain_pool, request_bytes

_UNUSED = 0.0
"""Seconds of silence that a request bears which is never sent."""


@frozen(eq=False, repr=False)
class Head:
    """A request's bytes but for its path. What is behind the path has the tokens in it, so it is kept masked."""

    _before: bytes
    _behind: bytes

    @classmethod
    def of(cls, request: Request, path: str) -> "Head | None":
        """Take it from the request for this path; None where its bytes are not all that is needed."""
        wire = request_bytes(request)
        blank_out(request)
        if wire is None:
            return None
        end = len(f"{request.method} ") + len(request.url.raw_path)
        return cls(wire[: end - len(path)], masked(wire[end:]))

    def bytes_for(self, path: str) -> bytes:
        """Give the whole request."""
        return b"%b%b%b" % (self._before, path.encode("ascii"), masked(self._behind))


@define(eq=False, repr=False)
class ShortWay:
    """The short way to one panel.

    Attributes:
        requests: Makes the requests that heads are taken from: httpx knows what is in one, we do not.
    """

    requests: Requests
    origin: Origin = field(init=False)
    _heads: dict[str, tuple[httpx.Headers, Head | None]] = field(
        init=False, factory=dict[str, "tuple[httpx.Headers, Head | None]"]
    )

    def __attrs_post_init__(self) -> None:
        self.origin = origin_of(self.requests.base)

    def for_call(self, call: Call[object]) -> "Passage | None":
        """Give the way of a call; None where it has to go as a request.

        Raises:
            ConfigurationError: The client's headers do not fit.
        """
        # What has a body is rare, and httpx's to write.
        pool = None if call.form else plain_pool(self.requests.client, self.requests.base)
        head = None if pool is None else self._head_for(call)
        return None if pool is None or head is None else Passage(self, pool, head, call)

    def keep_cookies(self, call: Call[object], reply: Reply) -> None:
        """Do what the client does with the cookies of an answer."""
        client = self.requests.client
        if isinstance(client, LaneClient) and client.keeps_cookies and reply.has_header(b"set-cookie"):
            request = httpx.Request(call.method, self.requests.url(call))
            client.cookies.extract_cookies(httpx.Response(reply.status, headers=reply.headers, request=request))

    def _head_for(self, call: Call[object]) -> Head | None:
        headers = self.requests.headers_for(call.method)
        made_with, head = self._heads.get(call.method, (None, None))
        # They are others as soon as the client's have changed.
        if made_with is not headers:
            head = Head.of(self.requests.make(call, _UNUSED), call.path)
            self._heads[call.method] = headers, head
        return head


@define(eq=False, repr=False)
class Passage:
    """One call's short way: first a connection, as long as which nothing is sent, and then the answer."""

    _way: ShortWay
    _pool: Pool
    _head: Head
    _call: Call[object]

    async def connection(self) -> Connection:
        """Give a connection, as `Pool.take` does."""
        connect = self._way.requests.connect
        return await self._pool.take(self._way.origin, self._call.method, within=connect, connect=connect)

    async def answer(self, connection: Connection, answering: float, limit: int) -> Received:
        """Send the call and receive the whole answer.

        Args:
            connection: Which to send it on.
            answering: Seconds of silence that are borne.
            limit: Bytes of a body that are read.
        """
        reply = self._pool.reader(to_head=False)
        await connection.exchange(self._head.bytes_for(self._call.path), reply, read=answering, write=answering)
        self._way.keep_cookies(self._call, reply)
        answer, encoding = Received.with_head(reply.status, reply.headers)
        try:
            if reply.is_complete and not encoding:
                answer.body = reply.take()
                check_size(len(answer.body), limit)
            else:
                answer.body = await _body(connection, reply, encoding, limit)
        except UnreadableBodyError as error:
            answer.flaw = str(error)
        return answer


async def _body(connection: Connection, reply: Reply, encoding: str, limit: int) -> bytes:
    if reply.is_complete:
        return await unpack_body(reply.take(), encoding, limit)
    body = Body(connection, reply)
    try:
        return await read_body(body, encoding, limit)
    finally:
        await body.aclose()
