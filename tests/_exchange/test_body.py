import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from hypothesis import given, strategies as st
from virtual_time import run_virtual

from cvm_async._exchange.body import UnreadableBodyError, check_size, read_body, unpack_body

LIMIT = 1_000_000
MEBIBYTE = 1 << 20


def bare(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(body) + compressor.flush()


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    " GZip ": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": bare,
}


class Arriving:
    """A body that arrives in pieces, and tells how many were taken and whether its end was seen."""

    def __init__(self, pieces: Iterator[bytes] | list[bytes]) -> None:
        self._pieces = pieces
        self.taken = 0
        self.is_over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for piece in self._pieces:
                self.taken += 1
                yield piece
        finally:
            self.is_over = True


def cut(body: bytes, size: int) -> Arriving:
    return Arriving([body[at : at + size] for at in range(0, len(body), size)])


@given(st.binary(max_size=300), st.sampled_from(list(ENCODINGS)), st.integers(1, 40))
def test_a_body_comes_out_as_it_went_in_however_it_is_packed_and_cut(body: bytes, encoding: str, size: int) -> None:
    arriving = cut(ENCODINGS[encoding](body), size)
    assert run_virtual(read_body(arriving, encoding, LIMIT)) == body
    assert arriving.is_over
    assert unpack_body(ENCODINGS[encoding](body), encoding, LIMIT) == body


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_body_of_just_the_limit_is_read_and_one_byte_more_is_refused(encoding: str) -> None:
    pack = ENCODINGS[encoding]
    assert len(await read_body(cut(pack(b"a" * 5000), 700), encoding, 5000)) == 5000
    with pytest.raises(UnreadableBodyError, match="longer than 5,000 bytes"):
        await read_body(cut(pack(b"a" * 5001), 700), encoding, 5000)
    assert len(unpack_body(pack(b"a" * 5000), encoding, 5000)) == 5000
    with pytest.raises(UnreadableBodyError, match="longer than 5,000 bytes"):
        unpack_body(pack(b"a" * 5001), encoding, 5000)


async def test_what_is_over_the_limit_is_refused_while_it_arrives() -> None:
    arriving = Arriving(b"a" * 1000 for _ in iter(int, 1))
    with pytest.raises(UnreadableBodyError):
        await read_body(arriving, "", 10_000)
    assert arriving.taken == 11
    assert arriving.is_over


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_refused_before_it_goes_off(encoding: str) -> None:
    bomb = ENCODINGS[encoding](bytes(64 * MEBIBYTE))
    arriving = cut(bomb, 16_384)
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableBodyError, match="longer than 1,000,000 bytes"):
            await read_body(arriving, encoding, LIMIT)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert arriving.taken == 1
    assert arriving.is_over
    assert peak < 4 * LIMIT


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        pytest.param(b"x", "br", 'compressed as "br", which was not asked for', id="brotli"),
        pytest.param(b"x", "zstd", 'compressed as "zstd"', id="zstd"),
        pytest.param(b"x", "gzip, gzip", 'compressed as "gzip, gzip"', id="twice"),
        pytest.param(b"x", "a\x1b[31m" + "b" * 99, f'compressed as "a\ufffd\\[31m{"b" * 33}…"', id="a long odd word"),
        pytest.param(b"plain text", "gzip", "invalid", id="not compressed at all"),
        pytest.param(gzip.compress(b"text")[:-1], "gzip", "ends too early", id="cut gzip"),
        pytest.param(b"\x1f", "gzip", "ends too early", id="one byte of gzip"),
        pytest.param(zlib.compress(b"text")[:-1], "deflate", "ends too early", id="cut deflate"),
        pytest.param(gzip.compress(b"a" * 99) + b"b", "gzip", "more behind its end", id="text behind gzip"),
        pytest.param(gzip.compress(b"a") * 2, "gzip", "more behind its end", id="gzip behind gzip"),
        pytest.param(gzip.compress(b"text")[:-8] + bytes(8), "gzip", "incorrect data check", id="a wrong checksum"),
    ],
)
@pytest.mark.parametrize("size", [1, 10_000], ids=["byte by byte", "at once"])
async def test_what_cannot_be_decompressed_is_refused_with_the_reason(
    body: bytes, encoding: str, reason: str, size: int
) -> None:
    with pytest.raises(UnreadableBodyError, match=reason) as refusal:
        await read_body(cut(body, size), encoding, LIMIT)
    assert refusal.value.__cause__ is None
    with pytest.raises(UnreadableBodyError, match=reason):
        unpack_body(body, encoding, LIMIT)


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_no_body_is_an_empty_one_whatever_it_says_of_its_packing(encoding: str) -> None:
    assert await read_body(Arriving([]), encoding, LIMIT) == b""
    assert await read_body(Arriving([b"", b""]), encoding, LIMIT) == b""
    assert unpack_body(b"", encoding, LIMIT) == b""


class NotAGenerator:
    """A body as one's own transport may give it: some pieces of 1,000 bytes."""

    def __init__(self, pieces: int) -> None:
        self._pieces = iter(range(pieces))

    def __aiter__(self) -> "NotAGenerator":
        return self

    async def __anext__(self) -> bytes:
        if next(self._pieces, None) is None:
            raise StopAsyncIteration
        return b"a" * 1000


async def test_a_body_need_not_be_a_generator() -> None:
    assert len(await read_body(NotAGenerator(2), "", LIMIT)) == 2000
    with pytest.raises(UnreadableBodyError):
        await read_body(NotAGenerator(1001), "", LIMIT)


def test_a_size_up_to_the_limit_passes() -> None:
    check_size(5, 5)
    with pytest.raises(UnreadableBodyError):
        check_size(6, 5)
