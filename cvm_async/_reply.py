"""`Reply` is one HTTP/1.1 answer, read from bytes as they arrive; it knows no sockets.

httptools does the parsing, in C and strictly: a bare line feed, a folded header, two lengths, or a length beside a
chunked body are errors. What it leaves to its caller is here: what ends a body, and how much a head may cost.
"""

import httptools
import httpx

# Bytes that may come without completing a head or adding to a body: a head, a chunk's extensions, trailers. httpcore
# allows as much for a head.
MAX_OVERHEAD = 100 * 1024
_VERSIONS = {"1.0": b"HTTP/1.0", "1.1": b"HTTP/1.1"}
_CONTINUE = 100
_SWITCHING = 101
_FINAL = 200


class _SurplusError(Exception):
    """Stops the parser: the answer was complete, and more came."""


class Reply:
    """One answer as it arrives; the callbacks are httptools'.

    Args:
        to_head: Whether it answers a HEAD request, so that no body follows, whatever the head says.
    """

    def __init__(self, *, to_head: bool) -> None:
        # 0 until the whole head is here.
        self.status: int = 0
        self.reason: bytes = b""
        self.version: bytes = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_complete: bool = False
        # Whether the connection may serve another exchange afterwards.
        self.ends_cleanly: bool = False
        # Why the answer will never be complete.
        self.fault: httpx.TransportError | None = None
        self.pending: int = 0
        self._pieces: list[bytes] = []
        self._to_head = to_head
        self._has_length = False
        self._coding = b""
        self._overhead = 0
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, arrived: bytes) -> None:
        """Read what arrived; afterwards the attributes tell what is known."""
        self._overhead += len(arrived)
        try:
            self._parser.feed_data(arrived)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.is_complete:
                self.ends_cleanly = False
            else:
                self._refuse(str(error))
        if self.is_complete:
            # Parser and reply hold each other: untied here, they need no garbage collector.
            del self._parser
        elif self._overhead > MAX_OVERHEAD:
            self._refuse(f"more than {MAX_OVERHEAD} bytes came without a complete head or more of the body")

    def end(self, error: Exception | None) -> None:
        """Learn that the connection is gone, with an error or by an orderly close."""
        if self.fault is not None:
            # It was we who closed it.
            return
        if error is not None:
            self.fault = httpx.ReadError(str(error) or type(error).__name__)
        elif self.status and not self._has_length and not self._coding:
            self.is_complete = True
        elif self.status:
            self._refuse("peer closed connection without sending complete message body")
        else:
            self._refuse("Server disconnected without sending a response.")

    def take(self) -> bytes:
        """Return what arrived of the body since the last time."""
        pieces = self._pieces
        self._pieces, self.pending = [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise _SurplusError

    def on_status(self, part: bytes) -> None:
        self.reason += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            # A trailer. httpx has no place for it.
            return
        value = value.rstrip(b" \t")
        if len(name) == 14 and name.lower() == b"content-length":  # noqa: PLR2004 -- spares most names the lower()
            self._has_length = True
        elif len(name) == 17 and name.lower() == b"transfer-encoding":  # noqa: PLR2004 -- likewise
            # A second one is appended, so that it is no coding that we know.
            self._coding += value.lower()
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if _CONTINUE <= status < _FINAL and status != _SWITCHING:
            # "100 Continue" and its like: the answer is still to come. Their bytes stay counted.
            self.reason, self.headers, self._has_length, self._coding = b"", [], False, b""
        elif status < _FINAL or version not in _VERSIONS:
            self._refuse(f"unexpected answer: HTTP/{version} {status}")
        elif self._coding not in {b"", b"chunked"}:
            self._refuse(f"unknown Transfer-Encoding: {self._coding.decode('latin-1')}")
        else:
            self.status, self.version = status, _VERSIONS[version]
            self._overhead = 0
            if self._to_head:
                self.on_message_complete()

    def on_body(self, piece: bytes) -> None:
        if self.is_complete:
            raise _SurplusError
        self._pieces.append(piece)
        self.pending += len(piece)
        self._overhead = 0

    def on_message_complete(self) -> None:
        if self.status:
            self.is_complete = True
            self.ends_cleanly = self._parser.should_keep_alive()

    def _refuse(self, reason: str) -> None:
        self.fault = self.fault or httpx.RemoteProtocolError(reason)
