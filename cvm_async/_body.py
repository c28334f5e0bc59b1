"""Reads an answer's body up to a limit, which counts what comes out of the decompression, not what goes in."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

from cvm_async._safe_text import excerpt

ACCEPT_ENCODING = "gzip, deflate"
"""What we can decompress in bounded steps, with the standard library. httpx would offer brotli and zstd where
installed, and decompresses a chunk whole: 64 KiB of zeros well packed are 64 MiB."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib's manual, inflateInit2: adding 32 detects either header.
_BARE = -zlib.MAX_WBITS  # Likewise: negative for a stream without a header.
_PLAIN = {"", "identity"}
_COMPRESSED = {"gzip", "x-gzip", "deflate"}
_SHOWN = 40


class UnreadableBodyError(Exception):
    """The body is longer than the limit, compressed in a way that was not asked for, or badly."""


async def read_body(chunks: AsyncIterable[bytes], encoding: str, limit: int) -> bytes:
    """The whole body, decompressed.

    Raises:
        UnreadableBodyError: As soon as the limit is passed, not after; or where it cannot be decompressed.
    """
    encoding = encoding.strip().lower()
    raw = aiter(chunks)
    if encoding in _PLAIN:
        return await _collect(raw, limit)
    if encoding not in _COMPRESSED:
        msg = f'compressed as "{excerpt(encoding, _SHOWN)}", which was not asked for'
        raise UnreadableBodyError(msg)
    try:
        return await _collect(_inflate(raw, limit), limit)
    finally:
        await _end(raw)


def check_size(size: int, limit: int) -> None:
    """Refuses what is too long.

    Raises:
        UnreadableBodyError: It is.
    """
    if size > limit:
        msg = f"longer than {limit:,} bytes"
        raise UnreadableBodyError(msg)


async def _collect(parts: AsyncIterator[bytes], limit: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in parts:
            size += len(piece)
            check_size(size, limit)
            pieces.append(piece)
    finally:
        await _end(parts)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _end(parts: AsyncIterator[bytes]) -> None:
    """Closes a generator that was left early, here and now: left to itself, the event loop would, some time later."""
    if isinstance(parts, AsyncGenerator):
        await parts.aclose()


async def _inflate(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    inflater = None
    head = b""
    async for chunk in chunks:
        piece = head + chunk
        if inflater is None:
            if len(piece) < 2:  # noqa: PLR2004 - the length of zlib's header, and of gzip's magic number
                head = piece
                continue
            head = b""
            inflater = zlib.decompressobj(_GZIP_OR_ZLIB if _has_header(piece) else _BARE)
        try:
            # One byte over the limit is enough for the caller to see that it is passed.
            yield inflater.decompress(piece, limit + 1)
        except zlib.error as error:
            raise UnreadableBodyError(str(error)) from None
        if inflater.unused_data:
            msg = "compressed data with more behind its end"
            raise UnreadableBodyError(msg)
    if head or (inflater is not None and not inflater.eof):
        msg = "compressed data that ends too early"
        raise UnreadableBodyError(msg)


def _has_header(head: bytes) -> bool:
    """Whether it begins as gzip (RFC 1952 §2.3.1) or zlib (RFC 1950 §2.2) does.

    "deflate" is a zlib stream by RFC 9110 §8.4.1.2, and a bare one from servers that never read it.
    """
    return head[:2] == b"\x1f\x8b" or (head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2], "big") % 31 == 0)
