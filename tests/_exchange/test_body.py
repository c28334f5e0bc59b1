import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
from hypothesis import given, strategies as st
from turns import others
from virtual_time import run_virtual

from cvm_async._exchange.body import (
    MANY_PIECES,
    PIECES_PER_TURN,
    UnreadableBodyError,
    check_size,
    read_body,
    unpack_body,
)

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
    assert run_virtual(unpack_body(ENCODINGS[encoding](body), encoding, LIMIT)) == body


@pytest.mark.parametrize("step", [1, 7, 100])
@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_however_little_is_decompressed_in_one_go_all_of_it_comes_out(
    encoding: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvm_async._exchange.body.STEP", step)
    for plain in (b"", b"a", b"a" * 700, bytes(range(256)) * 9):
        packed = ENCODINGS[encoding](plain)
        assert await unpack_body(packed, encoding, LIMIT) == plain
        assert await read_body(cut(packed, 20), encoding, LIMIT) == plain


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_while_much_comes_out_of_little_others_have_their_turns(encoding: str) -> None:
    turns = 0

    async def count() -> None:
        # Turns that were begun, one for each mebibyte; the last is not over when all is unpacked.
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    packed = ENCODINGS[encoding](bytes(16 * MEBIBYTE))
    counting = asyncio.create_task(count())
    assert len(await unpack_body(packed, encoding, 16 * MEBIBYTE)) == 16 * MEBIBYTE
    assert turns >= 16
    turns = 0
    assert len(await read_body(cut(packed, 1 << 20), encoding, 16 * MEBIBYTE)) == 16 * MEBIBYTE
    assert turns >= 16
    counting.cancel()


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_a_body_of_just_the_limit_is_read_and_one_byte_more_is_refused(encoding: str) -> None:
    pack = ENCODINGS[encoding]
    assert len(await read_body(cut(pack(b"a" * 5000), 700), encoding, 5000)) == 5000
    with pytest.raises(UnreadableBodyError, match="longer than 5,000 bytes"):
        await read_body(cut(pack(b"a" * 5001), 700), encoding, 5000)
    assert len(await unpack_body(pack(b"a" * 5000), encoding, 5000)) == 5000
    with pytest.raises(UnreadableBodyError, match="longer than 5,000 bytes"):
        await unpack_body(pack(b"a" * 5001), encoding, 5000)


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


# As httpx reads them, but for the second member, of which it reads nothing.
LENIENT = {
    "a charset": ("UTF-8", b"text"),
    "none": ("none", b"text"),
    "an asterisk": ("*", b"text"),
    "binary": ("8bit", b"text"),
    "a long odd word": ("a\x1b[31m" + "b" * 99, b"text"),
    "commas alone": (" , ,", b"text"),
    "identity twice": ("identity, identity", b"text"),
    "a compression that was not done": ("br", b"text"),
    "a line end behind gzip": ("gzip", gzip.compress(b"text") + b"\r\n"),
    "zeros behind gzip": ("gzip", gzip.compress(b"text") + bytes(512)),
    "half a magic number behind gzip": ("gzip", gzip.compress(b"text") + b"\x1f"),
    "a line end behind zlib": ("deflate", zlib.compress(b"text") + b"\r\n"),
    "a line end behind a bare stream": ("deflate", bare(b"text") + b"\n"),
    "a second stream behind zlib": ("deflate", zlib.compress(b"text") + zlib.compress(b"more")),
    "two members": ("gzip", gzip.compress(b"te") + gzip.compress(b"xt")),
    "an empty member first": ("gzip", gzip.compress(b"") + gzip.compress(b"text")),
    "an empty member last": ("gzip", gzip.compress(b"text") + gzip.compress(b"")),
    "members and a line end": ("gzip", gzip.compress(b"te") + gzip.compress(b"xt") + b"\r\n"),
    "gzip with a charset": ("gzip, UTF-8", gzip.compress(b"text")),
    "gzip after identity": ("identity,gzip", gzip.compress(b"text")),
    "gzip twice over": ("gzip, gzip", gzip.compress(gzip.compress(b"text"))),
    "gzip over deflate": ("deflate, gzip", gzip.compress(zlib.compress(b"text"))),
    "gzip over an empty layer": ("deflate, gzip", gzip.compress(zlib.compress(b"text")) + b"\n"),
}


@pytest.mark.parametrize(("encoding", "body"), LENIENT.values(), ids=LENIENT)
@pytest.mark.parametrize("size", [1, 10_000], ids=["byte by byte", "at once"])
async def test_what_a_server_says_of_the_packing_is_taken_with_a_grain_of_salt(
    encoding: str, body: bytes, size: int
) -> None:
    assert await read_body(cut(body, size), encoding, LIMIT) == b"text"
    assert await unpack_body(body, encoding, LIMIT) == b"text"


@pytest.mark.parametrize("encoding", [encoding for encoding, _ in LENIENT.values() if encoding.isprintable()])
def test_httpx_makes_as_much_of_those_words(encoding: str) -> None:
    layers = [name.strip() for name in encoding.split(",")]
    body = b"text"
    for name in layers:
        body = ENCODINGS.get(name, bytes)(body)
    assert httpx.Response(200, headers={"Content-Encoding": encoding}, content=body).content == b"text"


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        pytest.param(b"\x8b\x02\x80", "br", 'compressed as "br", which was not asked for', id="brotli"),
        pytest.param(b"(\xb5/\xfd", "zstd", 'compressed as "zstd"', id="zstd"),
        pytest.param(gzip.compress(b"\xff"), "br, gzip", 'compressed as "br"', id="gzip over brotli"),
        pytest.param(b"x", "gzip," * 6, 'compressed 6 times over \\("gzip,gzip,', id="many layers"),
        pytest.param(gzip.compress(b"") * 101, "gzip", "compressed in more than 100 streams", id="many members"),
        pytest.param(b"plain text", "gzip", "invalid", id="not compressed at all"),
        pytest.param(gzip.compress(b"text")[:-1], "gzip", "ends too early", id="cut gzip"),
        pytest.param(gzip.compress(b"te") + gzip.compress(b"xt")[:-1], "gzip", "ends too early", id="a cut member"),
        pytest.param(gzip.compress(gzip.compress(b"a")[:-9]), "gzip, gzip", "ends too early", id="cut below gzip"),
        pytest.param(b"\x1f", "gzip", "ends too early", id="one byte of gzip"),
        pytest.param(zlib.compress(b"text")[:-1], "deflate", "ends too early", id="cut deflate"),
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
        await unpack_body(body, encoding, LIMIT)


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_no_body_is_an_empty_one_whatever_it_says_of_its_packing(encoding: str) -> None:
    assert await read_body(Arriving([]), encoding, LIMIT) == b""
    assert await read_body(Arriving([b"", b""]), encoding, LIMIT) == b""
    assert await unpack_body(b"", encoding, LIMIT) == b""


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


async def test_a_body_in_crumbs_is_refused_before_it_has_cost_seconds() -> None:
    arriving = Arriving(b"a" for _ in iter(int, 1))
    with pytest.raises(UnreadableBodyError, match="in more than 4,096 pieces of less than 64 bytes"):
        await read_body(arriving, "", LIMIT)
    assert arriving.taken <= MANY_PIECES + PIECES_PER_TURN


async def test_a_body_in_many_pieces_of_some_size_is_read() -> None:
    assert len(await read_body(Arriving([b"a" * 64] * 5000), "", LIMIT)) == 320_000


async def test_others_have_their_turn_between_pieces_that_are_there_already() -> None:
    async with others() as turns:
        await read_body(Arriving([b"a"] * 1000), "", LIMIT)
    assert turns.count >= 1000 // PIECES_PER_TURN - 1


def test_a_size_up_to_the_limit_passes() -> None:
    check_size(5, 5)
    with pytest.raises(UnreadableBodyError):
        check_size(6, 5)
