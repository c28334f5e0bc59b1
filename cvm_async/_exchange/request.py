"""The requests to one panel: what is the same from call to call is made once, by httpx itself, and handed on."""

import re
from collections.abc import Sequence
from urllib.parse import urlencode

import httpx
from attrs import define, field

from cvm_async._api.calls import Call
from cvm_async._exchange.body import ACCEPT_ENCODING
from cvm_async._exchange.tokens import Tokens, UntracedHeaders, blank_out_headers, has_tokens
from cvm_async._safe_text import excerpt
from cvm_async._version import __version__
from cvm_async.errors import ConfigurationError

_USER_AGENT = f"cvm_async/{__version__}"
# Source: RFC 9110, sections 5.6.2 and 5.5.
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?")
_NO_BODY = httpx.ByteStream(b"")
_FORM = "application/x-www-form-urlencoded"


class Request(httpx.Request):
    """A request that knows whether its client has handed it to a transport.

    httpx looks at the stream just before it does so, and not earlier where the body is there: what fails before that
    has sent nothing, a hook or the authentication. Who else looks at it makes us say "perhaps sent", not the reverse.
    """

    is_handed_on: bool = False
    body: bytes = b""
    _stream: httpx.SyncByteStream | httpx.AsyncByteStream

    @property
    def stream(self) -> httpx.SyncByteStream | httpx.AsyncByteStream:
        self.is_handed_on = True
        return self._stream

    @stream.setter
    def stream(self, stream: httpx.SyncByteStream | httpx.AsyncByteStream) -> None:
        self._stream = stream

    # What httpx does for any body costs 3 µs: a hook may look at `content`, and an authentication read it.
    @property
    def content(self) -> bytes:
        return self.body

    def read(self) -> bytes:
        return self.body

    async def aread(self) -> bytes:
        return self.body


@define(eq=False, repr=False)
class Requests:
    """Makes the requests to one panel.

    Attributes:
        client: Its headers and query parameters are sent along.
        base: Where the panel is.
        tokens: Who we are there.
        connect: Seconds that a connection may take.
        panel: The panel's name in messages.
    """

    client: httpx.AsyncClient
    base: httpx.URL
    tokens: Tokens
    connect: float
    panel: str
    _prefix: str = field(init=False)
    _client_headers: list[tuple[bytes, bytes]] = field(init=False, factory=list[tuple[bytes, bytes]])
    _headers: dict[str, httpx.Headers] = field(init=False, factory=dict[str, httpx.Headers])

    def __attrs_post_init__(self) -> None:
        self._prefix = self.base.raw_path.decode("ascii").rstrip("/")

    def make(self, call: Call[object], answering: float) -> Request:
        """Give the request of a call.

        Args:
            call: Which.
            answering: Seconds of silence that are borne.

        Raises:
            ConfigurationError: The client's query parameters or headers do not fit.
        """
        request = Request(
            call.method,
            self.url(call),
            headers=self.headers_for(call.method),
            # With its stream given, httpx takes the headers as they are. To find and add those of its own, each time
            # again, costs it 5 µs.
            stream=_NO_BODY,
            extensions={
                "timeout": {"connect": self.connect, "read": answering, "write": answering, "pool": self.connect}
            },
        )
        request.headers = UntracedHeaders(request.headers)
        self.tokens.put_into(request.headers)
        if call.form:
            _put_form(request, call.form)
        return request

    def url(self, call: Call[object]) -> httpx.URL:
        """Give where a call goes.

        Raises:
            ConfigurationError: The client's query parameters do not fit.
        """
        url = self.base.copy_with(raw_path=f"{self._prefix}{call.path}".encode("ascii"))
        if not self.client.params:
            return url
        try:
            return url.copy_merge_params(self.client.params)
        except (httpx.InvalidURL, UnicodeError) as error:
            message = f"the client's query parameters make no URL for {self.panel}: {error}"
            raise ConfigurationError(message, **call.about()) from None

    def headers_for(self, method: str) -> httpx.Headers:
        """Give the headers of a whole request but for the tokens; made anew only when the client's have changed.

        Raises:
            ConfigurationError: The client's do not fit.
        """
        raw = self.client.headers.raw
        if raw != self._client_headers:
            self._client_headers = raw
            self._headers.clear()
        headers = self._headers.get(method)
        if headers is None:
            headers = self._headers[method] = httpx.Request(method, self.base, headers=self._merged()).headers
        return headers

    def _merged(self) -> httpx.Headers:
        """Give the client's own headers with ours."""
        merged = httpx.Headers(self.client.headers)
        if merged.get("User-Agent", "").startswith("python-httpx/"):
            merged["User-Agent"] = _USER_AGENT
        if merged.get("Accept", "*/*") == "*/*":
            merged["Accept"] = "application/json"
        merged["Accept-Encoding"] = ACCEPT_ENCODING
        # They keep the place of the tokens, which nobody finds in what is kept from call to call.
        blank_out_headers(merged)
        for name, value in merged.raw:
            if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
                # h11 would find that out when the request is under way. The value may be a secret.
                message = f"the client's header {excerpt(name.decode('latin-1'))!r} has a character that HTTP forbids"
                raise ConfigurationError(message)
        return merged


def _put_form(request: Request, fields: Sequence[tuple[str, str]]) -> None:
    request.body = urlencode(fields).encode("ascii")
    request.stream = httpx.ByteStream(request.body)
    request.headers.update({"Content-Type": _FORM, "Content-Length": str(len(request.body))})


def blank_out(request: httpx.Request) -> None:
    """Overwrite the tokens of a request of ours, for whoever may have kept it."""
    blank_out_headers(request.headers)


def blank_out_copies(request: httpx.Request) -> None:
    """As `blank_out`, in a request of somebody else's, which may have no tokens."""
    if has_tokens(request.headers):
        blank_out(request)
