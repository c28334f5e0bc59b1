"""Reads an answer's body up to a limit, which counts what comes out of the decompression, not what goes in.

What the header says of the packing is read as leniently as httpx does: servers write anything there, and an answer that
can be read must be, since after a power action the alternative is "unknown".
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence

from cvm_async._safe_text import excerpt

ACCEPT_ENCODING = "gzip, deflate"
"""What we can decompress in bounded steps, with the standard library. httpx would offer brotli and zstd where
installed, and decompresses a chunk whole: 64 KiB of zeros well packed are 64 MiB."""

PIECES_PER_TURN = 64
"""Pieces after which the event loop has its turn: of a piece that is there already, httpx's own way makes no pause, and
takes 80 µs."""

MANY_PIECES = 4096
SMALL_PIECE = 64
"""A body in more than so many pieces of fewer bytes on average is refused: it costs seconds to read, and no panel, and
no proxy, sends one."""

STEP = 1024 * 1024
"""Bytes that are decompressed in one go: some milliseconds. A few thousand can be packed for thirty million."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS  # zlib's manual, inflateInit2: adding 32 detects either header.
_BARE = -zlib.MAX_WBITS  # Likewise: negative for a stream without a header.
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952 §2.3.1.
_COMPRESSED = {"gzip", "x-gzip", "deflate"}
_FOREIGN = {"br", "zstd", "compress", "x-compress", "dcb", "dcz"}
"""Registered with IANA, and not ours. Anything else is no compression, but some other word ("none", "UTF-8")."""
_MOST_LAYERS = 5
_MOST_MEMBERS = 100
_SHOWN = 40


class UnreadableBodyError(Exception):
    """The body is longer than the limit, compressed in a way that was not asked for, or badly.

    Its text goes on where a sentence says what the body is.
    """


async def read_body(chunks: AsyncIterable[bytes], encoding: str, limit: int) -> bytes:
    """Give the whole body, decompressed.

    Raises:
        UnreadableBodyError: As soon as the limit is passed, not after; or where it cannot be decompressed.
    """
    unpacking = _Unpacking(encoding, limit)
    arrived = count = 0
    raw = aiter(chunks)
    try:
        async for chunk in raw:
            for _ in unpacking.take(chunk):
                await asyncio.sleep(0)
            arrived += len(chunk)
            count += 1
            if count % PIECES_PER_TURN == 0:
                _check_pieces(count, arrived)
                await asyncio.sleep(0)
    finally:
        # Left early, it is closed here and now: left to itself, the event loop would, some time later.
        if isinstance(raw, AsyncGenerator):
            await raw.aclose()
    return unpacking.whole()


async def unpack_body(body: bytes, encoding: str, limit: int) -> bytes:
    """As `read_body`, of a body that is all there already.

    Raises:
        UnreadableBodyError: It is too long, or cannot be decompressed.
    """
    if not encoding:
        check_size(len(body), limit)
        return body
    unpacking = _Unpacking(encoding, limit)
    for _ in unpacking.take(body):
        await asyncio.sleep(0)
    return unpacking.whole()


def check_size(size: int, limit: int) -> None:
    """Refuse what is too long.

    Raises:
        UnreadableBodyError: It is.
    """
    if size > limit:
        raise UnreadableBodyError(too_long(limit))


def too_long(limit: int) -> str:
    """Say that a body is longer than its limit."""
    return f"longer than {limit:,} bytes"


def _check_pieces(count: int, size: int) -> None:
    if count > MANY_PIECES and size < count * SMALL_PIECE:
        raise UnreadableBodyError(f"in more than {MANY_PIECES:,} pieces of less than {SMALL_PIECE} bytes")


class _Unpacking:
    """The unpacking of one body, whose header lists its layers in the order in which they were put on."""

    def __init__(self, encoding: str, limit: int) -> None:
        names = [name.strip().lower() for name in encoding.split(",")] if encoding else []
        self._layers = [_Layer(limit) for name in names if name in _COMPRESSED]
        self._foreign = next((name for name in names if name in _FOREIGN), None)
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        if len(self._layers) > _MOST_LAYERS:
            raise UnreadableBodyError(f'compressed {len(self._layers)} times over ("{excerpt(encoding, _SHOWN)}")')

    def take(self, piece: bytes) -> Iterator[None]:
        """Take the next piece; yield whenever as much has come out of it as the event loop may be held for."""
        for plain in _through(self._layers, piece):
            self._size += len(plain)
            check_size(self._size, self._limit)
            self._pieces.append(plain)
            if len(plain) == STEP:
                yield

    def whole(self) -> bytes:
        for layer in self._layers:
            layer.end()
        body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if self._foreign is not None and not _is_text(body):
            raise UnreadableBodyError(f'compressed as "{self._foreign}", which was not asked for')
        return body


def _through(layers: "Sequence[_Layer]", piece: bytes) -> Iterator[bytes]:
    if not layers:
        yield piece
        return
    for inflated in layers[0].inflate(piece):
        yield from _through(layers[1:], inflated)


class _Layer:
    """One layer of compression: one stream or, of gzip, several one behind the other (RFC 1952 §2.2).

    What stands behind the last, such as a line end, is passed over, as browsers and httpx do.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        # The first byte of a header whose second has yet to come.
        self._held = b""
        self._inflater = zlib.decompressobj(_BARE)
        self._is_inflating = False
        self._members = 0
        self._may_go_on = True

    def inflate(self, chunk: bytes) -> Iterator[bytes]:
        """Give what the next chunk holds, at most `STEP` bytes at a time, and one byte beyond the limit at most."""
        rest = self._held + chunk
        self._held = b""
        while rest and (self._is_inflating or self._begins(rest)):
            yield from self._stream(rest)
            self._is_inflating = not self._inflater.eof
            rest = self._inflater.unused_data

    def _stream(self, packed: bytes) -> Iterator[bytes]:
        is_full = True
        # A piece that is full may have more behind it, also where all that was packed is taken.
        while is_full:
            most = min(STEP, self._limit + 1 - self._size)
            try:
                plain = self._inflater.decompress(packed, most)
            except zlib.error as error:
                raise UnreadableBodyError(f"badly compressed ({error})") from None
            packed = self._inflater.unconsumed_tail
            self._size += len(plain)
            check_size(self._size, self._limit)
            is_full = len(plain) == most
            yield plain

    def _begins(self, rest: bytes) -> bool:
        """Tell whether another stream begins here, and make ready for it."""
        if not self._may_go_on:
            return False
        if len(rest) < len(_GZIP_MAGIC):
            self._held = rest
            return False
        is_gzip = rest.startswith(_GZIP_MAGIC)
        if self._members and not is_gzip:
            self._may_go_on = False
            return False
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise UnreadableBodyError(f"compressed in more than {_MOST_MEMBERS} streams one behind the other")
        self._may_go_on = is_gzip
        self._is_inflating = True
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB if is_gzip or _is_zlib(rest) else _BARE)
        return True

    def end(self) -> None:
        """Refuse data that ends too early."""
        if self._is_inflating or (self._held and not self._members):
            raise UnreadableBodyError("compressed, and ends too early")


def _is_zlib(head: bytes) -> bool:
    """Tell whether it begins as zlib (RFC 1950 §2.2) does.

    "deflate" is a zlib stream by RFC 9110 §8.4.1.2, and a bare one from servers that never read it.
    """
    return head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:2], "big") % 31 == 0


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
