"""`Connection` is one HTTP/1.1 connection on an asyncio transport, which serves one exchange at a time.

It is closed at the first thing out of order. So an idle one has had clean exchanges only, and before it is used again
there is one question: has anything arrived since?
"""

import asyncio
import math
import select
import sys
from collections.abc import AsyncIterator
from typing import Protocol, TypeAlias, cast

import httpx

from cvm_async._lanes.replies.reply import Reply

# Bytes of a body that are buffered for a slow reader before reading from the network is paused.
_HIGH_WATER = 64 * 1024

# Seconds in which the event loop reads what is there. A timer of no seconds would fire before it has.
_SOON = 0.01

# Seconds without a byte of an answer after which a cancelled exchange, too, counts as a sign of a dead connection.
TELLING_SILENCE = 1.0

Origin: TypeAlias = tuple[str, str, int | None]
"""Scheme, host in ASCII, and port if it is not the scheme's own."""


def origin_of(url: httpx.URL) -> Origin:
    """Give where the requests to a URL go."""
    return url.scheme, url.raw_host.decode("ascii"), url.port


class Owner(Protocol):
    """What a connection reports to: its pool."""

    def put_back(self, connection: "Connection") -> None:
        """Take back a connection whose exchange ended cleanly."""

    def remove(self, connection: "Connection") -> None:
        """Take note that a connection is lost, in whatever state it was."""


class Connection(asyncio.Protocol):
    """One connection. It always closes at once, without TLS's `close_notify`, which would have to be waited for.

    httpcore does the same.

    Args:
        owner: Is told when an exchange ends and when the connection is lost.
        origin: Where it leads, for the owner.
    """

    _transport: asyncio.Transport
    is_made: bool = False

    def __init__(self, owner: Owner, origin: Origin) -> None:
        self.origin: Origin = origin
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        # From the start of an exchange until its clean end or, failing that, until the socket is closed.
        self.is_busy: bool = False
        self.idle_since: float = 0.0
        self.was_used: bool = False
        # When its last exchange began.
        self.began: float = 0.0
        self._owner = owner
        self._reply: Reply | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._read_within: float | None = None
        self._write_within: float | None = None
        self._is_writing_paused = False
        self._is_reading_paused = False
        # What has arrived and is to be read in the next turn of the event loop.
        self._unread = b""
        self._has_answered = False
        self._was_cut_off = False
        self._poll: select.poll | None = None
        # One timer serves every wait: it is set anew only where it would fire too late, and then looks at the deadline.
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = math.inf
        self._deadline = math.inf

    @property
    def has_ended(self) -> bool:
        """Whether an idle connection can't be used again, even where the event loop has yet to notice.

        What there is to read from it is its end, or bytes that belong to no request.
        """
        return self._transport.is_closing() or self._has_arrivals()

    @property
    def was_silent(self) -> bool:
        """Whether it was used before, and then nothing came for an exchange: perhaps the network has dropped it.

        An exchange that was cut off soon after it began says nothing of that.
        """
        waited = self.loop.time() - self.began
        return (
            self.is_busy
            and self.was_used
            and not self._has_answered
            and (not self._was_cut_off or waited >= TELLING_SILENCE)
        )

    def abort(self) -> None:
        """Close it now."""
        self._transport.abort()

    def become_idle(self, seconds: float) -> None:
        """Be idle from now on, and close after so many seconds."""
        self.was_used = True
        self.idle_since = self.loop.time()
        self._set_deadline(seconds)

    async def exchange(self, request: bytes, reply: Reply, *, read: float | None, write: float | None) -> None:
        """Send a request and wait for the head of the answer, or for the whole of it where it comes along.

        Raises:
            httpx.TransportError: The connection is closed, as after a cancellation.
        """
        try:
            self.is_busy, self._has_answered, self.began = True, False, self.loop.time()
            self._reply, self._read_within, self._write_within = reply, read, write
            self._transport.write(request)
            while not reply.status:
                await self._wait(reply)
        except BaseException:
            self.give_up(reply)
            raise

    async def read(self, reply: Reply) -> bytes:
        """Return what has arrived of the body, waiting if that is nothing; at the end of the body b"" for ever.

        Raises:
            httpx.TransportError: The body was cut, or nothing came in time.
        """
        while not reply.pending and not reply.is_complete:
            await self._wait(reply)
        if self._reply is reply:
            self._resume_reading()
        return reply.take()

    def _resume_reading(self) -> None:
        if self._is_reading_paused and not self._unread:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def give_up(self, reply: Reply) -> None:
        """Close the connection, unless that reply's exchange is over: then another one may have begun on it."""
        if self._reply is reply:
            if reply.fault is None:
                # For who is still reading it: a body that ends with the connection would else look whole.
                reply.fault = httpx.ReadError("the response was closed before all of it was read")
                self._was_cut_off = True
            self._transport.abort()

    async def _wait(self, reply: Reply) -> None:
        if reply.fault is not None:
            raise reply.fault
        waiter = self._waiter = self.loop.create_future()
        self._set_deadline(self._write_within if self._is_writing_paused else self._read_within)
        await waiter

    def _wake(self) -> None:
        # Cleared here, not by the one who waits: when that one runs again, the next exchange may have begun.
        waiter, self._waiter = self._waiter, None
        self._deadline = math.inf
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _set_deadline(self, seconds: float | None) -> None:
        if seconds is None or math.isinf(seconds):
            self._deadline = math.inf
            return
        self._deadline = self.loop.time() + seconds
        if self._timer is None or self._fires_at > self._deadline:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # Noted, as uvloop's handle can't tell when it is due where that is in less than a millisecond.
        self._fires_at = self._deadline
        self._timer = self.loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self.loop.time() < self._deadline:
            if self._deadline < math.inf:
                self._set_timer()
        elif self._reply is None:
            self.abort()
        elif self._has_arrivals():
            # They came while the event loop was blocked, which reads them before this fires again.
            self._set_deadline(_SOON)
        else:
            if self._is_writing_paused:
                self._reply.fault = httpx.WriteTimeout(f"the request was not taken within {self._write_within} s")
            else:
                self._reply.fault = httpx.ReadTimeout(f"nothing came within {self._read_within} s")
            self.abort()
            self._wake()

    def _has_arrivals(self) -> bool:
        """Tell whether there is something to read, even where the event loop has yet to notice."""
        return self._poll is not None and bool(self._poll.poll(0))

    # What asyncio calls:

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not instances of the class that they implement.
        self._transport = cast("asyncio.Transport", transport)
        self.is_made = True
        # Windows has no `poll`: there, only the event loop can tell.
        self._poll = None if sys.platform == "win32" else _poll_of(transport.get_extra_info("socket").fileno())
        # "Written" means that the kernel has it, as in httpx: else the write timeout would have no effect. With 0 for
        # 1, asyncio's TLS would pause writing on an empty buffer.
        self._transport.set_write_buffer_limits(high=1)

    def data_received(self, data: bytes) -> None:
        try:
            self._take_in(data)
        except BaseException:
            # A signal handler may raise anywhere, and a connection in half a state must not serve again.
            self.abort()
            raise

    def _take_in(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:
            # It belongs to no request, and would be taken for the answer to the next.
            self.abort()
            return
        had_head = bool(reply.status)
        self._has_answered = True
        # Reading is paused while anything is unread; should more come all the same, it stays in order.
        self._unread = reply.feed(self._unread + data)
        if reply.is_complete:
            self._wake()
            self._end(reply)
            return
        if self._unread:
            self.loop.call_soon(self._read_on)
        if self._unread or reply.pending > _HIGH_WATER:
            self._is_reading_paused = True
            self._transport.pause_reading()
        if reply.fault is not None:
            self.abort()
        if reply.pending or reply.fault is not None or (reply.status and not had_head):
            self._wake()
        elif self._waiter is not None and not self._is_writing_paused:
            # A part of the head, or the size of a chunk: httpx's read timeout is for each read.
            self._set_deadline(self._read_within)

    def _read_on(self) -> None:
        data, self._unread = self._unread, b""
        if data:
            self.data_received(data)
        if self._reply is not None and self._reply.pending <= _HIGH_WATER:
            self._resume_reading()

    def _end(self, reply: Reply) -> None:
        self._reply = None
        if reply.ends_cleanly and not self._is_writing_paused:
            self._resume_reading()
            self.is_busy = False
            self._owner.put_back(self)
        else:
            self.abort()

    def eof_received(self) -> None:
        # By default asyncio would first wait until the rest of the request is written.
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._reply is not None:
            self._reply.end(exc)
            self._reply = None
        self._unread = b""
        self._wake()
        self.closed.set_result(None)
        self._owner.remove(self)

    def pause_writing(self) -> None:
        self._is_writing_paused = True

    def resume_writing(self) -> None:
        self._is_writing_paused = False
        if self._waiter is not None:
            self._set_deadline(self._read_within)


def _poll_of(descriptor: int) -> "select.poll":
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return poll


class Body(httpx.AsyncByteStream):
    """A body that is still arriving; no more than `_HIGH_WATER` and one read of it is buffered."""

    def __init__(self, connection: Connection, reply: Reply) -> None:
        self._connection = connection
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while piece := await self._connection.read(self._reply):
                yield piece
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        self._connection.give_up(self._reply)
