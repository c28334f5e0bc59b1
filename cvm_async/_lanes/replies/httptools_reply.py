"""`HttptoolsReply` reads an answer with httptools: in C, and strictly.

A bare line feed, a folded header, two lengths, or a length beside a chunked body are errors. What httptools leaves to
its caller, what ends a body above all, is here.
"""

import httptools

from cvm_async._lanes.replies.reply import Reply

_VERSIONS = {"1.0": b"HTTP/1.0", "1.1": b"HTTP/1.1"}
_CONTINUE = 100
_SWITCHING = 101
_FINAL = 200


class _SurplusError(Exception):
    """Stops the parser: the answer was complete, and more came."""


class HttptoolsReply(Reply):
    """One answer as it arrives; the callbacks are httptools'."""

    def __init__(self, *, to_head: bool) -> None:
        super().__init__(to_head=to_head)
        self._has_length = False
        self._coding = b""
        self._parser = httptools.HttpResponseParser(self)

    def _parse(self, arrived: bytes) -> None:
        try:
            self._parser.feed_data(arrived)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.is_complete:
                self.ends_cleanly = False
            else:
                self.refuse(str(error))
        if self.is_complete:
            # Parser and reply hold each other: untied here, they need no garbage collector.
            del self._parser

    def _close(self) -> None:
        if not self.status:
            self.refuse("Server disconnected without sending a response.")
        elif self._has_length or self._coding:
            self.refuse("peer closed connection without sending complete message body")
        else:
            self.is_complete = True
            del self._parser

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
            self.refuse(f"unexpected answer: HTTP/{version} {status}")
        elif self._coding not in {b"", b"chunked"}:
            self.refuse(f"unknown Transfer-Encoding: {self._coding.decode('latin-1')}")
        else:
            self.status, self.version = status, _VERSIONS[version]
            if self.to_head:
                self._complete_head()

    def _complete_head(self) -> None:
        # Without a length, httptools takes it that the body, which does not come, ends with the connection.
        connection = b",".join(value for name, value in self.headers if name.lower() == b"connection")
        self.is_complete = True
        self.ends_cleanly = self.version == b"HTTP/1.1" and b"close" not in connection.lower()

    def on_body(self, piece: bytes) -> None:
        if self.is_complete:
            raise _SurplusError
        self._add(piece)

    def on_message_complete(self) -> None:
        if self.status and not self.is_complete:
            self.is_complete = True
            self.ends_cleanly = self._parser.should_keep_alive()
