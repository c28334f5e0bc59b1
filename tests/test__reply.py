import gc
from itertools import pairwise

import httpx
import pytest
from hypothesis import given, strategies as st

from cvm_async._reply import MAX_OVERHEAD, Reply

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\nA: b\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nT: t\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: gzip\r\n\r\n"

REFUSED = {
    "a length beside chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks beside a length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "the same length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\nok",
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\nok",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "one bare line feed": HEAD + b"A: b\nContent-Length: 2\r\n\r\nok",
    "a bare carriage return": HEAD + b"A: b\rContent-Length: 2\r\n\r\nok",
    "bare line feeds between chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    "a folded header": HEAD + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "a control character": HEAD + b"A: \x01\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "an unknown version": b"HTTP/3.7 200 X\r\nContent-Length: 2\r\n\r\nok",
    "status 000": b"HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nok",
    "a switch of protocols": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nok",
    "an unknown coding": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\nok",
    "a head that is too long": HEAD + b"A: " + b"x" * MAX_OVERHEAD,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_OVERHEAD // 20),
    "a trailer without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"x" * 2 * MAX_OVERHEAD,
    "a chunk's extension without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 2 * MAX_OVERHEAD,
}


def read(*pieces: bytes, to_head: bool = False) -> Reply:
    reply = Reply(to_head=to_head)
    for piece in pieces:
        if reply.is_complete or reply.fault:
            break
        reply.feed(piece)
    return reply


def known(reply: Reply) -> tuple[object, ...]:
    return (reply.status, reply.reason, reply.version, reply.headers, reply.take(), reply.is_complete)


@pytest.mark.parametrize("wire", REFUSED.values(), ids=REFUSED)
def test_what_could_be_understood_in_two_ways_is_a_fault(wire: bytes) -> None:
    reply = read(*(wire[at : at + 1000] for at in range(0, len(wire), 1000)))
    assert isinstance(reply.fault, httpx.RemoteProtocolError)
    assert not reply.is_complete


@pytest.mark.parametrize("wire", [OK, CHUNKED, CONTINUED + OK, CONTINUED + CHUNKED])
@given(cuts=st.sets(st.integers(min_value=1, max_value=220)))
def test_an_answer_reads_the_same_however_it_is_cut(wire: bytes, cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    pieces = [wire[start:end] for start, end in pairwise(edges)]
    assert known(read(*pieces)) == known(read(wire))
    assert read(*pieces).ends_cleanly


@given(st.lists(st.one_of(st.binary(), st.sampled_from([HEAD, OK, CHUNKED, b"\r\n", b"Content-Length: ", b"0"]))))
def test_any_bytes_give_an_answer_or_a_fault_or_wait_for_more(pieces: list[bytes]) -> None:
    reply = read(*pieces)
    if not reply.is_complete:
        reply.end(None)
    assert reply.is_complete != isinstance(reply.fault, httpx.RemoteProtocolError)


def test_a_trailer_is_no_header() -> None:
    assert read(CHUNKED).headers == [(b"Transfer-Encoding", b"chunked"), (b"A", b"b")]


def test_an_interim_answer_leaves_nothing_behind() -> None:
    assert known(read(CONTINUED + OK)) == known(read(OK))


@pytest.mark.parametrize("more", [OK, b"junk", b"\0"], ids=["an answer", "junk", "a NUL"])
def test_more_than_the_answer_spoils_the_connection_but_not_the_answer(more: bytes) -> None:
    reply = read(OK + more)
    assert known(reply) == known(read(OK))
    assert not reply.ends_cleanly


def test_a_body_in_answer_to_head_spoils_the_connection_but_not_the_answer() -> None:
    reply = read(OK, to_head=True)
    assert (reply.is_complete, reply.take(), reply.ends_cleanly) == (True, b"", False)


def test_a_body_without_length_ends_with_the_connection() -> None:
    reply = read(HEAD + b"\r\nok")
    assert not reply.is_complete
    reply.end(None)
    assert (reply.is_complete, reply.take(), reply.ends_cleanly) == (True, b"ok", False)


@pytest.mark.parametrize(
    ("wire", "error", "message"),
    [
        (b"", None, "without sending a response"),
        (HEAD, None, "without sending a response"),
        (OK[:-1], None, "without sending complete message body"),
        (b"", OSError("reset"), "reset"),
        (b"", ConnectionResetError(), "ConnectionResetError"),
        (HEAD + b"\r\nok", OSError("reset"), "reset"),
    ],
)
def test_the_end_of_the_connection_is_a_fault_that_says_how(wire: bytes, error: Exception | None, message: str) -> None:
    reply = read(wire)
    reply.end(error)
    assert message in str(reply.fault)
    assert isinstance(reply.fault, httpx.RemoteProtocolError if error is None else httpx.ReadError)


def test_the_first_fault_stays() -> None:
    reply = read(HEAD + b"\r\nok")
    reply.fault = httpx.ReadTimeout("late")
    reply.end(None)
    assert str(reply.fault) == "late"
    assert not reply.is_complete


def test_a_complete_reply_needs_no_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        read(OK)
        assert gc.collect() == 0
    finally:
        gc.enable()
