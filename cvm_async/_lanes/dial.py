"""Connects a socket to whichever of a host's addresses answers first, and leaves none open when it is cancelled.

`loop.create_connection` can race addresses too, but loses the winner's socket where it is cancelled in the turn of the
loop in which a connection was made (seen in CPython 3.12 and 3.13), and uvloop's can not.
"""

import asyncio
import socket
from collections.abc import Iterable
from itertools import zip_longest
from typing import TypeAlias

import anyio

# What `getaddrinfo` gives for an address: family, type, protocol, canonical name, and where to connect to.
Address: TypeAlias = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]

# Seconds before the next address is tried beside the last. Source: RFC 8305, section 8.
NEXT_AFTER = 0.25
_PORTS = range(1 << 16)


async def dial(host: str, port: int) -> socket.socket:
    """Connect to a host by name or address.

    Raises:
        OSError: No address can be reached; or there is none.
        ValueError: The name can't be one, or the port.
    """
    if port not in _PORTS:
        # `getaddrinfo` would take it modulo 65,536.
        msg = f"no port: {port}"
        raise ValueError(msg)
    try:
        # An address asks nobody, and needs no thread to wait in.
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if len(addresses) == 1:
        return await _connect(addresses[0])
    return await race(addresses)


async def race(addresses: Iterable[Address], *, next_after: float = NEXT_AFTER) -> socket.socket:
    """Try one address after the other, each beside those before it, until one is connected.

    Raises:
        OSError: All failed; the error of the first.
    """
    winners: list[socket.socket] = []
    failures: list[OSError] = []

    async def attempt(address: Address, failed: anyio.Event) -> None:
        try:
            winners.append(await _connect(address))
        except OSError as error:
            failures.append(error)
            failed.set()
        else:
            racing.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as racing:
            for address in interleave(addresses):
                failed = anyio.Event()
                racing.start_soon(attempt, address, failed)
                with anyio.move_on_after(next_after):
                    await failed.wait()
    except BaseException:
        for winner in winners:
            winner.close()
        raise
    for loser in winners[1:]:
        loser.close()
    if not winners:
        raise failures[0]
    return winners[0]


def interleave(addresses: Iterable[Address]) -> list[Address]:
    """Alternate the families, so that one that is broken is left after its first address.

    Source: RFC 8305, section 4.
    """
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    turns = zip_longest(*families.values())
    return [address for turn in turns for address in turn if address is not None]


async def _connect(address: Address) -> socket.socket:
    family, kind, protocol, _, where = address
    connecting = socket.socket(family, kind, protocol)
    try:
        connecting.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connecting, where)
    except BaseException:
        connecting.close()
        raise
    return connecting
