"""Reads an answer's body up to a limit, which counts what comes out of the decompression, not what goes in."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterable

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
    """Give the whole body, decompressed.

    Raises:
        UnreadableBodyError: As soon as the limit is passed, not after; or where it cannot be decompressed.
    """
    inflating = _inflating(encoding)
    pieces: list[bytes] = []
    size = 0
    raw = aiter(chunks)
    try:
        async for chunk in raw:
            piece = chunk if inflating is None else inflating.inflate(chunk, limit)
            size += len(piece)
            check_size(size, limit)
            pieces.append(piece)
    finally:
        # Left early, it is closed here and now: left to itself, the event loop would, some time later.
        if isinstance(raw, AsyncGenerator):
            await raw.aclose()
    if inflating is not None:
        inflating.end()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def unpack_body(body: bytes, encoding: str, limit: int) -> bytes:
    """As `read_body`, of a body that is all there already.

    Raises:
        UnreadableBodyError: It is too long, or cannot be decompressed.
    """
    inflating = _inflating(encoding)
    unpacked = body if inflating is None else inflating.inflate(body, limit)
    check_size(len(unpacked), limit)
    if inflating is not None:
        inflating.end()
    return unpacked


def check_size(size: int, limit: int) -> None:
    """Refuse what is too long.

    Raises:
        UnreadableBodyError: It is.
    """
    if size > limit:
        msg = f"longer than {limit:,} bytes"
        raise UnreadableBodyError(msg)


class _Inflating:
    """The decompression of one body."""

    def __init__(self) -> None:
        self._head = b""
        self._has_begun = False
        self._inflater = zlib.decompressobj(_BARE)

    def inflate(self, chunk: bytes, limit: int) -> bytes:
        """Give what the next chunk holds; of more than the limit, one byte beyond it, which is enough to see."""
        piece = self._head + chunk
        if not self._has_begun:
            if len(piece) < 2:  # noqa: PLR2004 - the length of zlib's header, and of gzip's magic number
                self._head = piece
                return b""
            self._head = b""
            self._has_begun = True
            if _has_header(piece):
                self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            inflated = self._inflater.decompress(piece, limit + 1)
        except zlib.error as error:
            raise UnreadableBodyError(str(error)) from None
        if self._inflater.unused_data:
            msg = "compressed data with more behind its end"
            raise UnreadableBodyError(msg)
        return inflated

    def end(self) -> None:
        """Refuse data that ends too early."""
        if self._head or (self._has_begun and not self._inflater.eof):
            msg = "compressed data that ends too early"
            raise UnreadableBodyError(msg)


def _inflating(encoding: str) -> _Inflating | None:
    """None for a body that is not compressed."""
    name = encoding.strip().lower()
    if name in _PLAIN:
        return None
    if name not in _COMPRESSED:
        msg = f'compressed as "{excerpt(name, _SHOWN)}", which was not asked for'
        raise UnreadableBodyError(msg)
    return _Inflating()


def _has_header(head: bytes) -> bool:
    """Tell whether it begins as gzip (RFC 1952 §2.3.1) or zlib (RFC 1950 §2.2) does.

    "deflate" is a zlib stream by RFC 9110 §8.4.1.2, and a bare one from servers that never read it.
    """
    return head[:2] == b"\x1f\x8b" or (head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2], "big") % 31 == 0)
