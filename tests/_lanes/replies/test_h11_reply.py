"""What h11 adds to what holds for both readers, which is in `test_reply`: it is as tolerant as httpx is with it."""

import httpx
import pytest

from cvm_async._lanes.replies.h11_reply import H11Reply

HEAD = b"HTTP/1.1 200 OK\r\n"
TOLERATED = {
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "the same length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "a list of equal lengths": HEAD + b"Content-Length: 2, 2\r\n\r\nok",
    "a folded header": HEAD + b"A: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
}
REFUSED = {
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a length that is none": HEAD + b"Content-Length: two\r\n\r\nok",
    "a header without a name": HEAD + b": b\r\nContent-Length: 2\r\n\r\nok",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a chunk's size that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


@pytest.mark.parametrize("wire", TOLERATED.values(), ids=TOLERATED)
def test_what_httpx_understands_is_understood(wire: bytes) -> None:
    reply = H11Reply(to_head=False)
    assert reply.feed(wire) == b""
    assert (reply.status, reply.take(), reply.is_complete, reply.fault) == (200, b"ok", True, None)


@pytest.mark.parametrize("wire", REFUSED.values(), ids=REFUSED)
def test_what_httpx_does_not_understand_is_a_fault(wire: bytes) -> None:
    reply = H11Reply(to_head=False)
    reply.feed(wire)
    assert isinstance(reply.fault, httpx.RemoteProtocolError)
    assert not reply.is_complete


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_headers_and_version_are_given_as_they_came(version: bytes) -> None:
    reply = H11Reply(to_head=False)
    reply.feed(version + b" 204 Nothing Here\r\nX-Own: A\r\nx-own: b\r\n\r\n")
    assert (reply.status, reply.reason, reply.version) == (204, b"Nothing Here", version)
    assert reply.headers == [(b"X-Own", b"A"), (b"x-own", b"b")]


@pytest.mark.parametrize(
    ("wire", "ends_cleanly"),
    [
        pytest.param(HEAD + b"Content-Length: 0\r\n\r\n", True, id="kept alive"),
        pytest.param(HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n", False, id="the last one"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False, id="HTTP/1.0"),
    ],
)
def test_it_tells_whether_the_connection_may_serve_again(wire: bytes, *, ends_cleanly: bool) -> None:
    reply = H11Reply(to_head=False)
    reply.feed(wire)
    assert (reply.is_complete, reply.ends_cleanly) == (True, ends_cleanly)


def test_an_answer_to_head_has_no_body_whatever_its_head_says() -> None:
    reply = H11Reply(to_head=True)
    reply.feed(HEAD + b"Content-Length: 2\r\n\r\n")
    assert (reply.is_complete, reply.take(), reply.ends_cleanly) == (True, b"", True)
