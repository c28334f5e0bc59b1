"""When a certificate ends, trusted or not, and nothing where there is none."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import trustme

from cvm_async.cli.check.certificate import end_of, valid_until
from cvm_async.panel import SimulatedPanel

CA = trustme.CA()


def issued(until: datetime) -> trustme.LeafCert:
    return CA.issue_cert("127.0.0.1", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=until)


def der(certificate: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())


@pytest.mark.parametrize(
    "until",
    [
        pytest.param(datetime(2021, 2, 3, 4, 5, 6, tzinfo=UTC), id="one that has ended"),
        pytest.param(datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), id="the last in two digits"),
        pytest.param(datetime(2050, 1, 1, tzinfo=UTC), id="the first in four"),
    ],
)
def test_a_certificate_tells_when_it_ends(until: datetime) -> None:
    assert end_of(der(issued(until))) == until


@pytest.mark.parametrize("cut", [0, 1, 2, 10, 50, 100])
def test_what_is_no_certificate_tells_nothing(cut: int) -> None:
    assert end_of(der(issued(datetime(2049, 1, 1, tzinfo=UTC)))[:cut]) is None


@pytest.mark.parametrize("noise", [b"\x30\x80" + b"\x00" * 300, b"\x30\x03\x30\x01\x00", b"hello, world", b"\xff" * 64])
def test_nor_does_noise(noise: bytes) -> None:
    assert end_of(noise) is None


def test_the_first_version_leaves_its_version_out() -> None:
    times = b"\x17\x0d200101000000Z\x17\x0d300101000000Z"
    validity = b"\x30" + bytes([len(times)]) + times
    signed = b"\x02\x01\x01\x30\x00\x30\x00" + validity
    inner = b"\x30" + bytes([len(signed)]) + signed
    assert end_of(b"\x30" + bytes([len(inner)]) + inner) == datetime(2030, 1, 1, tzinfo=UTC)


def test_a_validity_of_another_kind_is_none() -> None:
    signed = b"\x02\x01\x01\x30\x00\x30\x00\x04\x00"
    inner = b"\x30" + bytes([len(signed)]) + signed
    assert end_of(b"\x30" + bytes([len(inner)]) + inner) is None


async def test_it_is_had_of_whoever_shows_it_and_of_nobody_else() -> None:
    until = datetime(2049, 1, 1, tzinfo=UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued(until).configure_cert(context)  # pyright: ignore[reportUnknownMemberType] -- as elsewhere
    async with SimulatedPanel(vpses=1, tls=context) as panel, SimulatedPanel(vpses=1) as plain:
        ports = [int(each.url.rpartition(":")[2]) for each in (panel, plain)]
        assert await valid_until("127.0.0.1", ports[0], 60.0) == until
        assert await valid_until("127.0.0.1", ports[1], 60.0) is None
    assert await valid_until("127.0.0.1", ports[0], 60.0) is None


async def test_it_is_not_waited_for_without_end() -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        left.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await valid_until("127.0.0.1", port, 0.01) is None
    await left.wait()
    server.close()
