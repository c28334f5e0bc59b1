"""`request_bytes` writes an HTTP/1.1 request, if sending its bytes and reading an answer is all that it asks for."""

import re

import httpx

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""The methods that may be carried out twice without harm. Source: RFC 9110, section 9.2.2."""

# Headers that need more than that, unless their value is "keep-alive".
_UNCOMMON = frozenset({b"connection", b"expect", b"te", b"trailer", b"transfer-encoding", b"upgrade"})
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# What RFC 9112 allows in a head, sections 3 and 5.
_SOUND_HEAD = re.compile(
    rb"%b [!-~]+ HTTP/1\.1\r\n(?:%b: (?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?\r\n)*\r\n"
    % (_TOKEN, _TOKEN)
)
_SCHEMES = ("http", "https")


def request_bytes(request: httpx.Request) -> bytes | None:
    """Give the request as its bytes, or None where it takes more than that, or is not sound."""
    if (
        request.url.scheme not in _SCHEMES
        or not isinstance(request.stream, httpx.ByteStream)
        or request.method == "CONNECT"
        # Any other extension needs more.
        or len(request.extensions) > ("timeout" in request.extensions)
    ):
        return None
    lines = [b"%b %b HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)]
    hosts = 0
    lengths: list[bytes] = []
    for name, value in request.headers.raw:
        lowered = name.lower()
        if lowered == b"host":
            hosts += 1
        elif lowered == b"content-length":
            lengths.append(value)
        elif lowered in _UNCOMMON and value.lower() != b"keep-alive":
            return None
        lines.append(b"%b: %b\r\n" % (name, value))
    lines.append(b"\r\n")
    head = b"".join(lines)
    body = request.read()
    is_framed = lengths == [b"%d" % len(body)] if lengths or body else True
    # A line feed more than we wrote: a header's value would begin another header.
    is_sound = head.count(b"\n") == len(lines) and _SOUND_HEAD.fullmatch(head) is not None
    if hosts != 1 or not is_framed or not is_sound:
        return None
    return head + body
