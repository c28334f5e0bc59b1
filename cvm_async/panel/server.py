"""The panel on a real loopback port: uvicorn's protocol under it, and as little else of uvicorn as will do.

`uvicorn.Server.serve` would take over the process's signal handlers, look ten times a second whether it
should end, and wait for open requests when it does, of which a panel with a hung node always has some. So
only its start-up is used, and ending is ours.
"""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar, cast

import attrs

from cvm_async.panel.app import PanelApp
from cvm_async.panel.asgi import CLOSE_CONNECTION, RESET_CONNECTION

try:
    import uvicorn
    from uvicorn.lifespan.off import LifespanOff
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError(
        f"serving the simulated panel needs {_missing.name}: pip install 'cvm_async[panel]'", name=_missing.name
    ) from _missing

T = TypeVar("T")

# A connection that the kernel has just handed over reaches its protocol within three turns of the event loop.
_TURNS_TO_CONNECT = 5


class _Connection(HttpToolsProtocol):
    """uvicorn's protocol, which also lets the application drop its connection.

    It goes in by the `http` option: that and ASGI's `extensions` are public, patching a running protocol
    would not be.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # By the instance: the option of that name would silence uvicorn's logger for the whole process.
        self.access_log = False
        # asyncio does so for sockets that it has made itself, and takes ours for something else than TCP. Without
        # it the body, which uvicorn writes after the headers, waits 40 ms for the caller to acknowledge those.
        self._socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast("dict[str, object]", self.scope)["extensions"] = {
            RESET_CONNECTION: self.reset,
            CLOSE_CONNECTION: self.transport.close,
        }

    def reset(self) -> None:
        # The caller may have gone before.
        if not self.transport.is_closing():
            # A linger time of zero makes the kernel send RST; an abort alone would end in an orderly FIN.
            self._socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()

    def _socket(self) -> socket.socket:
        return cast("socket.socket", self.transport.get_extra_info("socket"))


@attrs.frozen
class _Serving:
    """What there is only while the panel is served."""

    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    stop: asyncio.Event = attrs.field(factory=asyncio.Event)


@attrs.define(eq=False, kw_only=True, repr=False)
class SimulatedPanel(PanelApp):
    """A panel to try a client on: `async with` serves it in the running loop, `with` in a thread of its own.

    All that can be set and done while it is served may be done from any thread.

    Args:
        host: the address to listen on. Fixed.
        port: the port; 0 for any that is free. Fixed.
        tls: serves https with this context. Fixed.
        keep_alive: seconds after which an idle connection is closed; 75 as nginx has it. Fixed.
    """

    host: str = attrs.field(default="127.0.0.1", on_setattr=attrs.setters.frozen)
    port: int = attrs.field(default=0, on_setattr=attrs.setters.frozen)
    tls: ssl.SSLContext | None = attrs.field(default=None, on_setattr=attrs.setters.frozen)
    keep_alive: int = attrs.field(default=75, on_setattr=attrs.setters.frozen)

    # Where it is or was served; kept afterwards, since "the panel is gone" is a case to try, too.
    _served_port: int | None = attrs.field(default=None, init=False)
    _serving: _Serving | None = attrs.field(default=None, init=False)
    # Listening again after connections were refused.
    _resuming: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    def __repr__(self) -> str:
        where = self.url if self._serving else "not served"
        calls = len(self.requests)
        unfinished = sum(record.ended is None for record in self.requests)
        machines = f"{len(self.world)} VPS{'' if len(self.world) == 1 else 'es'}"
        return f"<SimulatedPanel {where}, {machines}, {unfinished} of {calls} calls open>"

    @property
    def url(self) -> str:
        """Where the panel is served, path prefix and all.

        Raises:
            RuntimeError: it has not been served yet.
        """
        if self._served_port is None:
            raise RuntimeError("the panel has no URL before it is served: use `with` or `async with`")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self._served_port}{self.path_prefix}"

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        # A daemon, so that a caller who never leaves the block can still leave the process.
        threading.Thread(target=lambda: asyncio.run(self._host(started)), name="simulated panel", daemon=True).start()
        started.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        serving = self._now_serving()
        serving.loop.call_soon_threadsafe(serving.stop.set)
        serving.thread.join()

    def refuse_connections(self) -> None:
        """Stop listening: whoever connects now is refused, and knows that nothing was sent.

        Idle connections are closed within a few turns of the event loop; who sends on one before that finds it
        disconnected. Calls that are being worked on are still answered.
        """
        self._on_loop(self._stop_listening)

    def accept_connections(self) -> None:
        """Listen again, on the same port.

        Raises:
            OSError: somebody else has taken the port meanwhile.
        """
        self._on_loop(self._listen_again)

    async def _host(self, started: "Future[None]") -> None:
        try:
            await self._open()
        except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for the start
            started.set_exception(error)
            return
        started.set_result(None)
        try:
            await self._now_serving().stop.wait()
        finally:
            await self._close()

    async def _open(self) -> None:
        if self._served_port is not None:
            raise RuntimeError("a simulated panel is served once: make another one")
        # Bound by ourselves, since uvicorn ends the process where a port is taken.
        listener = self._bind(self.port)
        self._served_port = cast("int", listener.getsockname()[1])
        config = uvicorn.Config(
            self,
            http=_Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=self.keep_alive,
        )
        config.load()
        config.ssl = self.tls
        server = uvicorn.Server(config)
        server.lifespan = LifespanOff(config)
        self._serving = _Serving(server, asyncio.get_running_loop(), threading.current_thread())
        await server.startup(sockets=[listener])

    async def _close(self) -> None:
        serving = self._now_serving()
        if self._resuming is not None:
            await self._resuming
        for listening in serving.server.servers:
            listening.close()
        state = serving.server.server_state
        for _ in range(_TURNS_TO_CONNECT):
            for connection in tuple(state.connections):
                cast("_Connection", connection).transport.abort()
            await asyncio.sleep(0)
        await self.aclose()
        answering = tuple(state.tasks)
        if answering:
            await asyncio.wait(answering)
        self._serving = None

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, port), family=family)

    def _stop_listening(self) -> None:
        server = self._now_serving().server
        for listening in server.servers:
            listening.close()
        for connection in tuple(server.server_state.connections):
            connection.shutdown()

    def _listen_again(self) -> None:
        serving = self._now_serving()
        # From here on the kernel accepts; uvicorn takes what it has accepted a turn later.
        listener = self._bind(cast("int", self._served_port))
        self._resuming = serving.loop.create_task(serving.server.startup(sockets=[listener]))

    def _now_serving(self) -> _Serving:
        if self._serving is None:
            raise RuntimeError("the panel is not being served")
        return self._serving

    def _on_loop(self, action: Callable[[], T]) -> T:
        serving = self._serving
        if serving is None or serving.thread is threading.current_thread():
            return action()

        async def act() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(act(), serving.loop).result()
