"""How an assistant reaches the server: by this process's own streams, or by HTTP on this machine's loopback alone."""

import asyncio
import hmac
import ipaddress
import os
import re
import select
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import anyio
import uvicorn
from attrs import frozen
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from cvm_async._safe_text import excerpt
from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError

__all__ = ["Loopback", "serve_http", "serve_stdio"]

PATH: Final = "/mcp"
"""Below it the protocol is spoken; nothing else is there."""

_PATIENCE: Final = 2
"""Seconds that streams have to close when the server ends: clients hold them open as long as they can."""
_CHUNK: Final = 65_536
_PORTS: Final = 65_535
_ADDRESS: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:]+)):(?P<port>[0-9]{1,5})")


@frozen
class Loopback:
    """An address that only this machine reaches."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> "Loopback":
        """Give the address that was typed, such as 127.0.0.1:8765; port 0 is any that is free.

        Raises:
            ConfigurationError: It is none, or one that others may reach.
        """
        found = _ADDRESS.fullmatch(text.strip())
        if found is None or int(found["port"]) > _PORTS:
            message = f"{excerpt(text)!r} is no address with a port, such as 127.0.0.1:8765"
            raise ConfigurationError(message)
        host = "127.0.0.1" if found["host"] == "localhost" else found["six"] or found["host"]
        if not _is_loopback(host):
            message = f"{excerpt(host)} is not this machine's loopback: only 127.0.0.1, ::1 and localhost are served"
            raise ConfigurationError(message)
        return cls(host, int(found["port"]))

    def bind(self) -> socket.socket:
        """Give a socket that listens there.

        Raises:
            OSError: The port is taken.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, self.port), family=family)


async def serve_stdio(server: Server[Any]) -> None:
    """Serve the one client at this process's streams, until it closes them. Nothing else is written to its output.

    Raises:
        ConfigurationError: The streams are closed.
    """
    source, sink = cast("object", sys.stdin), cast("object", sys.stdout)
    if source is None or sink is None:
        message = "standard input and output must be open, as they are what an assistant is served on"
        raise ConfigurationError(message)
    # Not the SDK's own: its thread in the midst of reading keeps a process that was told to end.
    lines = cast("anyio.AsyncFile[str]", lines_of(sys.stdin.fileno()))
    async with stdio_server(stdin=lines) as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def lines_of(descriptor: int) -> AsyncGenerator[str]:
    """Give the lines that come from a file descriptor, until its end; whoever waits for one can be cancelled."""
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    # One chunk waits to be taken, and no more is read meanwhile.
    room = threading.Semaphore()

    def read() -> None:
        # The loop may have ended meanwhile.
        with suppress(RuntimeError):
            chunk = b"\n"
            while chunk:
                chunk = _next_chunk(descriptor)
                room.acquire()
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    threading.Thread(target=read, name="standard input", daemon=True).start()
    begun: list[bytes] = []
    while chunk := await chunks.get():
        room.release()
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield b"".join((*begun, line)).decode("utf-8", "replace")
            begun.clear()
        begun.append(rest)


def _next_chunk(descriptor: int) -> bytes:
    """Give what comes next; nothing at the end, and where reading fails, as it does once a terminal is gone."""
    while True:
        try:
            return os.read(descriptor, _CHUNK)
        except BlockingIOError:
            # It is shared with whoever started this, and was told by them not to wait.
            select.select([descriptor], [], [])
        except OSError:
            return b""


async def serve_http(
    server: Server[Any], at: Loopback, *, token: Secret | None, on_ready: Callable[[str], object]
) -> None:
    """Serve clients on this machine, until cancelled.

    A web page that a browser on this machine shows is refused, also where its name was made to point here: `Host` and
    `Origin` must be those of this server.

    Args:
        server: The server.
        at: Where.
        token: What each request must carry as ``Authorization: Bearer …``; None: nothing.
        on_ready: Called with the URL once it listens.

    Raises:
        OSError: The port is taken.
    """
    listener = at.bind()
    port = listener.getsockname()[1]
    hosts = [f"{name}:{port}" for name in (_bracketed(at.host), "localhost")]
    security = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{host}" for host in hosts])
    app: ASGIApp = server.streamable_http_app(streamable_http_path=PATH, transport_security=security)
    config = uvicorn.Config(
        app if token is None else _Guarded(app, token),
        log_config=None,
        access_log=False,
        ws="none",
        lifespan="on",
        proxy_headers=False,
        timeout_graceful_shutdown=_PATIENCE,
    )
    web = _Web(config)
    serving = asyncio.create_task(web.serve([listener]))
    on_ready(f"http://{hosts[0]}{PATH}")
    try:
        await asyncio.shield(serving)
    finally:
        web.should_exit = True
        await serving


class _Web(uvicorn.Server):
    """uvicorn, without its own way to take signals: the command line has one."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take none."""
        yield


@frozen
class _Guarded:
    """Lets in who knows the token."""

    app: ASGIApp
    token: Secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._knows(Headers(scope=scope).get("authorization", "")):
            refusal = PlainTextResponse(
                "This server needs its token.", status_code=401, headers={"WWW-Authenticate": "Bearer"}
            )
            await refusal(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _knows(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), f"Bearer {self.token.reveal()}".encode())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
