from itertools import pairwise

import httpx
import pytest
from hypothesis import given, strategies as st

from cvm_async._lanes.replies.h11_reply import H11Reply
from cvm_async._lanes.replies.httptools_reply import HttptoolsReply
from cvm_async._lanes.replies.reply import MAX_OVERHEAD, READ_AT_ONCE, Reply

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\nA: b\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\nT: t\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n"

REFUSED = {
    "status 000": b"HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nok",
    "a switch of protocols": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nok",
    "an unknown coding": HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\nok",
    "a head that is too long": HEAD + b"A: " + b"x" * MAX_OVERHEAD,
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_OVERHEAD // 20),
    "a trailer without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + b"x" * 2 * MAX_OVERHEAD,
    "a chunk's extension without end": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 2 * MAX_OVERHEAD,
}


each_reader = pytest.mark.parametrize("reader", [H11Reply, HttptoolsReply])


def read(reader: type[Reply], *pieces: bytes, to_head: bool = False) -> Reply:
    reply = reader(to_head=to_head)
    for piece in filter(None, pieces):
        left = piece
        while left and not (reply.is_complete or reply.fault):
            left = reply.feed(left)
    return reply


def known(reply: Reply) -> tuple[object, ...]:
    return (reply.status, reply.reason, reply.version, reply.headers, reply.take(), reply.is_complete)


@each_reader
@pytest.mark.parametrize("wire", REFUSED.values(), ids=REFUSED)
def test_what_can_be_no_answer_is_a_fault(reader: type[Reply], wire: bytes) -> None:
    reply = read(reader, *(wire[at : at + 1000] for at in range(0, len(wire), 1000)))
    assert isinstance(reply.fault, httpx.RemoteProtocolError)
    assert not reply.is_complete


@each_reader
def test_a_header_is_found_whatever_its_case(reader: type[Reply]) -> None:
    reply = read(reader, HEAD + b"SET-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
    assert [reply.has_header(name) for name in (b"set-cookie", b"etag", b"set-cooky")] == [True, False, False]


CRUMB = b"1\r\nx\r\n"


@each_reader
def test_crumbs_are_read_a_few_at_a_time_and_come_out_whole(reader: type[Reply]) -> None:
    wire = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CRUMB * 20_000 + b"0\r\n\r\n"
    reply, left, turns = reader(to_head=False), wire, 0
    while left:
        rest = reply.feed(left)
        assert len(left) - len(rest) <= 2 * READ_AT_ONCE
        left, turns = rest, turns + 1
    assert (reply.is_complete, reply.ends_cleanly, reply.fault) == (True, True, None)
    assert reply.take() == b"x" * 20_000
    assert turns >= len(wire) // (2 * READ_AT_ONCE)


@each_reader
def test_crumbs_without_end_are_refused(reader: type[Reply]) -> None:
    reply = read(reader, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", CRUMB * 100_000)
    assert "none of the body's" in str(reply.fault)
    assert reply.pending < MAX_OVERHEAD


@each_reader
def test_large_pieces_are_read_at_once(reader: type[Reply]) -> None:
    body = b"x" * 400_000
    reply = reader(to_head=False)
    assert reply.feed(HEAD + b"Content-Length: 400000\r\n\r\n" + body) == b""
    assert (reply.take(), reply.is_complete, reply.ends_cleanly) == (body, True, True)


@each_reader
def test_what_comes_far_behind_an_answer_is_seen_too(reader: type[Reply]) -> None:
    reply = read(reader, OK + bytes(3 * READ_AT_ONCE))
    assert (reply.is_complete, reply.ends_cleanly) == (True, False)


@each_reader
@pytest.mark.parametrize("wire", [OK, CHUNKED, CONTINUED + OK, CONTINUED + CHUNKED])
@given(cuts=st.sets(st.integers(min_value=1, max_value=220)))
def test_an_answer_reads_the_same_however_it_is_cut(reader: type[Reply], wire: bytes, cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    pieces = [wire[start:end] for start, end in pairwise(edges)]
    assert known(read(reader, *pieces)) == known(read(reader, wire))
    assert read(reader, *pieces).ends_cleanly


@each_reader
@given(st.lists(st.one_of(st.binary(), st.sampled_from([HEAD, OK, CHUNKED, b"\r\n", b"Content-Length: ", b"0"]))))
def test_any_bytes_give_an_answer_or_a_fault_or_wait_for_more(reader: type[Reply], pieces: list[bytes]) -> None:
    reply = read(reader, *pieces)
    if not reply.is_complete:
        reply.end(None)
    assert reply.is_complete != isinstance(reply.fault, httpx.RemoteProtocolError)


@each_reader
def test_a_trailer_is_no_header(reader: type[Reply]) -> None:
    assert read(reader, CHUNKED).headers == [(b"Transfer-Encoding", b"chunked"), (b"A", b"b")]


@each_reader
def test_an_interim_answer_leaves_nothing_behind(reader: type[Reply]) -> None:
    assert known(read(reader, CONTINUED + OK)) == known(read(reader, OK))


@each_reader
@pytest.mark.parametrize("more", [OK, b"junk", b"\0"], ids=["an answer", "junk", "a NUL"])
def test_more_than_the_answer_spoils_the_connection_but_not_the_answer(reader: type[Reply], more: bytes) -> None:
    reply = read(reader, OK + more)
    assert known(reply) == known(read(reader, OK))
    assert not reply.ends_cleanly


@each_reader
def test_a_body_in_answer_to_head_spoils_the_connection_but_not_the_answer(reader: type[Reply]) -> None:
    reply = read(reader, OK, to_head=True)
    assert (reply.is_complete, reply.take(), reply.ends_cleanly) == (True, b"", False)


@each_reader
def test_a_body_without_length_ends_with_the_connection(reader: type[Reply]) -> None:
    reply = read(reader, HEAD + b"\r\nok")
    assert not reply.is_complete
    reply.end(None)
    assert (reply.is_complete, reply.take(), reply.ends_cleanly) == (True, b"ok", False)


@each_reader
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
def test_the_end_of_the_connection_is_a_fault_that_says_how(
    reader: type[Reply], wire: bytes, error: Exception | None, message: str
) -> None:
    reply = read(reader, wire)
    reply.end(error)
    assert message in str(reply.fault)
    assert isinstance(reply.fault, httpx.RemoteProtocolError if error is None else httpx.ReadError)


@each_reader
def test_the_first_fault_stays(reader: type[Reply]) -> None:
    reply = read(reader, HEAD + b"\r\nok")
    reply.fault = httpx.ReadTimeout("late")
    reply.end(None)
    assert str(reply.fault) == "late"
    assert not reply.is_complete
