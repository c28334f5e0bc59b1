"""A server that writes exactly the bytes a test asks for, and then ends the connection as asked."""

import asyncio
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from socket import SO_LINGER, SOL_SOCKET
from typing import NamedTuple, Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# Seconds; long enough that what is written before and after it mostly arrives as two pieces.
_PAUSE = 0.002
# Seconds after which a test that waits in vain is ended: only that, also where the machine is busy.
_HANGS = 60


class End(Enum):
    """What happens after the bytes."""

    KEEP = "the connection waits for another request"
    CLOSE = "it is closed"
    RESET = "it is reset"
    HOLD = "nothing more comes, until the client closes"


class Script(NamedTuple):
    """An answer, in pieces that are written with a pause of so many seconds between them."""

    pieces: tuple[bytes, ...] = (OK,)
    end: End = End.KEEP
    reads_body: bool = True
    pause: float = _PAUSE


class ScriptedServer:
    """Answers each path by its script. `heads` and `bodies` are what came; `answered` and `connections` count."""

    def __init__(self, scripts: Mapping[str, Script] | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.scripts = {"/": Script(), **(scripts or {})}
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.answered = 0
        self.connections = 0
        self.open = 0
        self.peak = 0
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, limit=1 << 20)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.origin = f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_HANGS)

    async def saw(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(_HANGS):
            while len(self.heads) < count:  # noqa: ASYNC110 -- as below
                await asyncio.sleep(0.001)

    async def has_answered(self, count: int) -> None:
        """Wait until all that it has to say to so many requests is on its way."""
        async with asyncio.timeout(_HANGS):
            while self.answered < count:  # noqa: ASYNC110 -- as below
                await asyncio.sleep(0.001)

    async def has_open(self, count: int) -> None:
        """Wait until so many connections are open."""
        async with asyncio.timeout(_HANGS):
            while self.open != count:  # noqa: ASYNC110 -- closing is seen by many tasks, polling is simplest
                await asyncio.sleep(0.001)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.peak = max(self.peak, self.open)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self.open -= 1
            # asyncio's own close under TLS would first wait for the other side's farewell.
            writer.transport.abort() if self._tls else writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        script = self.scripts[lines[0].split(" ")[1]]
        headers = dict(line.lower().split(": ", 1) for line in lines[1:-2])
        self.heads.append(head)
        if script.reads_body:
            self.bodies.append(await reader.readexactly(int(headers.get("content-length", "0"))))
        for number, piece in enumerate(script.pieces):
            if number:
                await asyncio.sleep(script.pause)
            writer.write(piece)
            await writer.drain()
        self.answered += 1
        if script.end is End.HOLD:
            await reader.read()
        elif script.end is End.RESET:
            await asyncio.sleep(_PAUSE)
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()
        return script.end is End.KEEP
