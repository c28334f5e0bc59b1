"""How long a panel's certificate is still valid, trusted or not: one that has ended should be seen to have ended."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_LONG_FORM: Final = 0x80
# Serial number, signature algorithm and issuer stand before the validity. Source: RFC 5280, section 4.1.
_BEFORE_VALIDITY: Final = 3


async def valid_until(host: str, port: int, within: float) -> datetime | None:
    """Give when the certificate ends that is shown at an address; None where none can be had.

    No data is sent there, and nothing is believed: whoever answers shows it.

    Args:
        host: Where.
        port: Where.
        within: Seconds that it may take.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except (OSError, ValueError):
        return None
    try:
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return end_of(shown.getpeercert(binary_form=True) or b"")
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(within):
                await writer.wait_closed()


def end_of(certificate: bytes) -> datetime | None:
    """Give when a certificate in DER ends; None where it is none."""
    try:
        _, whole, _ = _element(certificate)
        _, signed, _ = _element(whole)
        kind, _, rest = _element(signed)
        # Its version is left out where it is the first.
        rest = rest if kind == _VERSION else signed
        for _ in range(_BEFORE_VALIDITY):
            _, _, rest = _element(rest)
        kind, validity, _ = _element(rest)
        if kind != _SEQUENCE:
            return None
        _, _, rest = _element(validity)
        kind, text, _ = _element(rest)
        pattern = "%y%m%d%H%M%SZ" if kind == _UTC_TIME else "%Y%m%d%H%M%SZ"
        return datetime.strptime(text.decode("ascii"), pattern).replace(tzinfo=UTC)
    except (IndexError, ValueError):
        return None


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Give the kind and the content of the first element, and what comes after it."""
    kind, length, begin = der[0], der[1], 2
    if length & _LONG_FORM:
        begin += length & ~_LONG_FORM
        length = int.from_bytes(der[2:begin])
    return kind, der[begin : begin + length], der[begin + length :]
