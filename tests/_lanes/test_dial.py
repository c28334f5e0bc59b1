import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from cvm_async._lanes.dial import Address, dial, interleave, race


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def refusing() -> Iterator[socket.socket]:
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        yield refusing


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    # Its queue is full, so that a further connection is neither made nor refused.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, socket.create_connection(deaf.getsockname()):
        yield deaf


def at(listener: socket.socket) -> Address:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", listener.getsockname())


async def test_a_name_is_looked_up(listener: socket.socket) -> None:
    with await dial("localhost", listener.getsockname()[1]) as connected:
        assert connected.getpeername() == listener.getsockname()


async def test_an_address_needs_no_lookup(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(asyncio.BaseEventLoop, "getaddrinfo")
    with await dial(*listener.getsockname()) as connected:
        assert connected.getpeername() == listener.getsockname()


async def test_a_name_with_two_addresses_is_raced(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    async def look_up(host: str, port: int, *, type: int) -> list[Address]:  # noqa: A002 -- asyncio's name
        return [(socket.AF_INET, type, 0, host, ("127.0.0.1", port))] * 2

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    with await dial("panel.invalid", listener.getsockname()[1]) as connected:
        assert connected.getpeername() == listener.getsockname()


async def test_a_refused_address_makes_way_for_the_next_at_once(
    listener: socket.socket, refusing: socket.socket
) -> None:
    with await race([at(refusing), at(listener)], next_after=1000) as connected:
        assert connected.getpeername() == listener.getsockname()


async def test_a_silent_address_does_not_keep_the_next_waiting_for_long(
    listener: socket.socket, deaf: socket.socket
) -> None:
    with await race([at(deaf), at(listener)], next_after=0.01) as connected:
        assert connected.getpeername() == listener.getsockname()


async def test_where_all_fail_the_first_error_is_raised(refusing: socket.socket) -> None:
    no_such_family = (-1, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))
    with pytest.raises(ConnectionRefusedError):
        await race([at(refusing), no_such_family])


async def test_of_two_that_connect_in_the_same_turn_one_is_closed(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect
    both = asyncio.Barrier(2)

    async def connect_together(connecting: socket.socket, where: Any) -> None:  # noqa: ANN401 -- as asyncio's
        await connect(connecting, where)
        await both.wait()

    monkeypatch.setattr(loop, "sock_connect", connect_together)
    with await race([at(listener), at(listener)], next_after=0) as winner:
        ends = [listener.accept()[0] for _ in range(2)]
        winner.send(b"x")
        assert sorted(end.recv(1) for end in ends) == [b"", b"x"]
    for end in ends:
        end.close()


@pytest.mark.parametrize("turns", range(8))
async def test_cancelled_in_whatever_turn_it_leaves_no_socket_open(listener: socket.socket, turns: int) -> None:
    task = asyncio.create_task(race([at(listener)]))
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.done():
        task.result().close()
    else:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    # A socket left open would be a ResourceWarning, and so an error.


async def test_cancelled_in_the_turn_in_which_it_connects_it_closes_the_socket(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    connect = loop.sock_connect

    async def connect_and_cancel(connecting: socket.socket, where: Any) -> None:  # noqa: ANN401 -- as asyncio's
        await connect(connecting, where)
        racing.cancel()

    monkeypatch.setattr(loop, "sock_connect", connect_and_cancel)
    racing = asyncio.create_task(race([at(listener)]))
    with pytest.raises(asyncio.CancelledError):
        await racing
    end, _ = listener.accept()
    with end:
        assert end.recv(1) == b""


@given(st.lists(st.sampled_from([socket.AF_INET, socket.AF_INET6])))
def test_families_alternate_as_long_as_both_last_and_keep_their_order(families: list[int]) -> None:
    addresses: list[Address] = [(family, number, 0, "", ("", 0)) for number, family in enumerate(families)]
    order = interleave(addresses)
    both = 2 * min(families.count(family) for family in (socket.AF_INET, socket.AF_INET6))
    assert [address[0] for address in order[:both]] == [address[0] for address in order[:2]] * (both // 2)
    for family in set(families):
        assert [a for a in order if a[0] == family] == [a for a in addresses if a[0] == family]
