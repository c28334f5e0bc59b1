import gc
import weakref

import httpx
import pytest

from cvm_async._lanes.replies.httptools_reply import HttptoolsReply

HEAD = b"HTTP/1.1 200 OK\r\n"
AMBIGUOUS = {
    "a length beside chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks beside a length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "the same length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\nok",
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\nok",
    "a control character": HEAD + b"A: \x01\r\nContent-Length: 2\r\n\r\nok",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "one bare line feed": HEAD + b"A: b\nContent-Length: 2\r\n\r\nok",
    "a bare carriage return": HEAD + b"A: b\rContent-Length: 2\r\n\r\nok",
    "bare line feeds between chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n",
    "a folded header": HEAD + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "an unknown version": b"HTTP/3.7 200 X\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("wire", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_could_be_understood_in_two_ways_is_a_fault(wire: bytes) -> None:
    reply = HttptoolsReply(to_head=False)
    reply.feed(wire)
    assert isinstance(reply.fault, httpx.RemoteProtocolError)
    assert not reply.is_complete


def test_the_coding_of_an_interim_answer_is_not_the_answers() -> None:
    reply = HttptoolsReply(to_head=False)
    reply.feed(b"HTTP/1.1 100 Continue\r\nTransfer-Encoding: gzip\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok")
    assert (reply.is_complete, reply.take(), reply.ends_cleanly) == (True, b"ok", True)


def test_a_complete_reply_needs_no_garbage_collector() -> None:
    gc.disable()
    try:
        reply = HttptoolsReply(to_head=False)
        kept = weakref.ref(reply)
        reply.feed(HEAD + b"Content-Length: 2\r\n\r\nok")
        del reply
        assert kept() is None
    finally:
        gc.enable()
