"""Counts what a call costs instead of timing it: so a dearer one is seen on any machine, however busy.

`python -m benchmarks.counting` prints the counts as JSON; `--renew` writes those of this Python into `counts.json`, and
the tests compare with that. Counted are function calls, in Python and of C's from Python, and the bytes that are in use
for a call at most. The network is one of memory: what is written is answered in the next turn of the event loop.
"""

import asyncio
import json
import socket
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeAlias

from benchmarks.job import TOKENS
from benchmarks.listing import STATUS, listing
from cvm_async import CvmSession, Limits, lane_client
from cvm_async.transport import Connection, Origin, Pool

FILE: Final = Path(__file__).with_name("counts.json")
PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
DEARER: Final = 1.10
"""So many times as much is too much."""

_VPSES = 200
_CALLS = 20
_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 24 Nov 2026 08:00:00 GMT\r\nContent-Type: text/html\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n"
)

Counts: TypeAlias = dict[str, dict[str, int]]
Work: TypeAlias = Callable[[], Awaitable[object]]


class _Memory(asyncio.Transport):
    """The far end of a connection that is none."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        # Something that can be polled, and has nothing to say.
        self._sockets = socket.socketpair()
        super().__init__({"socket": self._sockets[0]})
        self._protocol = protocol
        self._is_closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        body = listing(_VPSES) if b"/list " in data else STATUS
        asyncio.get_running_loop().call_soon(self._protocol.data_received, _HEAD % len(body) + body)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Take them: nothing is ever buffered."""

    def is_closing(self) -> bool:
        return self._is_closing

    def abort(self) -> None:
        self._is_closing = True
        for each in self._sockets:
            each.close()
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


async def _open(_pool: Pool, connection: Connection, _origin: Origin) -> None:
    connection.connection_made(_Memory(connection))


async def _calls(work: Work) -> int:
    """Count the function calls of some work."""
    count = 0

    def look(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(look)
    try:
        await work()
    finally:
        sys.setprofile(None)
    return count


async def _bytes(work: Work) -> int:
    """Count the bytes that some work has in use at most, beyond those before it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


async def _count(http: Any) -> Mapping[str, dict[str, int]]:  # noqa: ANN401 - as `lane_client` has it
    public, private = TOKENS.values()
    limits = Limits(max_concurrency=10, per_node=10)
    async with (
        lane_client(http=http, trust_env=False, keep_cookies=False) as client,
        CvmSession(
            "http://127.0.0.1", public_token=public, private_token=private, client=client, limits=limits
        ) as session,
    ):
        fleet = await session.fleet()

        async def status() -> None:
            for vps in fleet.select(ids=range(1, _CALLS + 1)):
                await session.status(vps)

        works: dict[str, tuple[Work, int]] = {
            f"a status, {http}": (status, _CALLS),
            f"a VPS of a fleet, {http}": (fleet.status, _VPSES),
        }
        counts: dict[str, dict[str, int]] = {}
        for name, (work, number) in works.items():
            # What is done once is not counted: connections, and what is kept from call to call.
            await work()
            await work()
            # One status after the other has no more in use than one; a fleet keeps its results.
            kept = number if "fleet" in name else 1
            counts[name] = {
                "function calls": round(await _calls(work) / number),
                "bytes": round(await _bytes(work) / kept),
            }
        return counts


def count() -> Counts:
    """Count what a call costs, with each parser."""
    setattr(Pool, "_open", _open)  # noqa: B010 - it is no attribute to assign to
    return {name: costs for http in ("h11", "httptools") for name, costs in asyncio.run(_count(http)).items()}


def dearer(now: Counts, then: Counts) -> list[str]:
    """Say what costs more than it did, and by more than may be."""
    return [
        f"{name}: {costs[kind]:,} {kind} now, {before:,} before"
        for name, costs in now.items()
        for kind, before in then.get(name, {}).items()
        if costs[kind] > before * DEARER
    ]


def main() -> None:
    """Count, and tell or keep it."""
    counts = count()
    if "--renew" in sys.argv[1:]:
        kept: dict[str, Counts] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
        text = json.dumps(kept | {PYTHON: counts}, indent=2, sort_keys=True)
        FILE.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
