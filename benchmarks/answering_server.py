"""A server that does nothing but answer, after so many seconds: `python -m benchmarks.answering_server SECONDS`.

nginx can't sleep. This one, on httptools and uvloop where present, answers some ten thousand calls a second on a core;
what the floor reaches on it shows where it ends. It says its port, and ends with its standard input.
"""

import asyncio
import re
import sys
from functools import cache
from typing import cast

import httptools

from benchmarks.listing import STATUS, listing
from benchmarks.poll import loop_factory

_LIST = re.compile(rb"(?:/[a-z0-9]+)?/of-(\d+)/api/client/vps/list")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\nContent-Length: %d\r\n\r\n%b"


@cache
def _listed(count: int) -> bytes:
    body = listing(count)
    return _HEAD % (len(body), body)


_STATUS = _HEAD % (len(STATUS), STATUS)


class _Answering(asyncio.Protocol):
    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._url = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_complete(self) -> None:
        found = _LIST.fullmatch(self._url)
        answer = _STATUS if found is None else _listed(int(found[1]))
        if self._delay:
            self._loop.call_later(self._delay, self._transport.write, answer)
        else:
            self._transport.write(answer)


async def serve(delay: float) -> None:
    """Serve until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Answering(delay), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve, on uvloop where there is one."""
    try:
        factory = loop_factory("uvloop")
    except ModuleNotFoundError:
        factory = loop_factory("asyncio")
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(float(sys.argv[1])))


if __name__ == "__main__":
    main()
