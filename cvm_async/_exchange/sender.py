"""One request and its answer, through whatever `httpx.AsyncClient` there is.

Foreign errors end here, as `failures` tells what each means. What is raised holds no httpx object, and its traceback
leads to none: those keep the request, and the request had the tokens.
"""

import sys
from collections.abc import AsyncIterable
from typing import cast

import httpx
from attrs import define, field

from cvm_async._api.calls import Call
from cvm_async._exchange.body import UnreadableBodyError, check_size, read_body, unpack_body
from cvm_async._exchange.cookies import CookieBlindAuth
from cvm_async._exchange.failures import chain, clear_frames, is_a_hooks, tls_refusal, unreachable, was_never_sent
from cvm_async._exchange.received import Received, longest_body
from cvm_async._exchange.request import Request, Requests, blank_out, blank_out_copies
from cvm_async._exchange.short import Passage, ShortWay
from cvm_async._exchange.tokens import Tokens
from cvm_async._safe_text import excerpt
from cvm_async.errors import CvmError, NoAnswerError, NotSentError, SessionClosedError
from cvm_async.settings import Timeouts


@define(eq=False, repr=False)
class Sender:
    """Sends requests to one panel.

    Attributes:
        client: Sends them; its own hooks, authentication, headers, query parameters and proxies stay in force.
            Its cookies, its `follow_redirects` and its `base_url` do not.
        base: Where the panel is.
        tokens: Who we are there.
        timeouts: Of which `connect` is used here.
        max_body: Bytes of the list; of any other answer no more than `SHORT_BODY`.
        panel: The panel's name in messages.
    """

    client: httpx.AsyncClient
    base: httpx.URL
    tokens: Tokens
    timeouts: Timeouts
    max_body: int
    panel: str
    _requests: Requests = field(init=False)
    _short: ShortWay = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._requests = Requests(self.client, self.base, self.tokens, self.timeouts.connect, self.panel)
        self._short = ShortWay(self._requests)

    async def exchange(self, call: Call[object], answering: float) -> Received:
        """Send a call, once, and receive the whole answer.

        Args:
            call: What to send.
            answering: Seconds of silence that are borne.

        Raises:
            NotSentError: The panel never saw it.
            NoAnswerError: It may have.
            SessionClosedError: The client was closed.
            ConfigurationError: The client's query parameters do not fit.
        """
        short = self._short.for_call(call)
        # Raised from here, so that a traceback does not lead to the frame that had the request.
        if short is not None:
            outcome = await self._shortly(call, short, answering)
        else:
            outcome = await self._outcome(call, self._requests.make(call, answering))
        if isinstance(outcome, CvmError):
            raise outcome
        return outcome

    async def _shortly(self, call: Call[object], short: Passage, answering: float) -> Received | CvmError:
        handled = sys.exception()
        is_sent = False
        try:
            connection = await short.connection()
            is_sent = True
            return await short.answer(connection, answering, longest_body(call, self.max_body))
        except BaseException as error:
            clear_frames(error, but=handled)
            if not isinstance(error, Exception):
                raise
            return self._failure(call, error, unsent=not is_sent)

    async def _outcome(self, call: Call[object], request: Request) -> Received | CvmError:
        auth = None if self.client.auth is None else CookieBlindAuth(self.client.auth)
        handled = sys.exception()
        try:
            return await self._exchanged(request, auth, longest_body(call, self.max_body))
        except BaseException as error:
            clear_frames(error, but=handled)
            if not isinstance(error, Exception):
                raise
            answered = auth is not None and auth.answered
            return self._failure(call, error, unsent=not answered and was_never_sent(error, request, self.client))
        finally:
            blank_out(request)

    async def _exchanged(self, request: httpx.Request, auth: CookieBlindAuth | None, limit: int) -> Received:
        response = await self._response(request, auth)
        try:
            answer, encoding = Received.with_head(response.status_code, response.headers.raw)
            answer.body, answer.flaw = await self._body(response, encoding, limit)
            return answer
        finally:
            for each in (*response.history, response):
                # httpx prepares the redirect that we do not follow, with our headers in it.
                each.next_request = None
                if each.request is not request:
                    blank_out_copies(each.request)
            # A transport that had all of it at once left nothing to close, which takes httpx 3 µs to find out.
            if not isinstance(response.stream, httpx.ByteStream):
                await response.aclose()

    async def _response(self, request: httpx.Request, auth: CookieBlindAuth | None) -> httpx.Response:
        try:
            return await self.client.send(
                request,
                auth=httpx.USE_CLIENT_DEFAULT if auth is None else auth,
                stream=True,
                follow_redirects=False,
            )
        except httpx.HTTPStatusError as error:
            # A response hook that calls `raise_for_status`, as httpx's documentation shows. It is an answer still.
            if error.request is not request:
                raise
            return error.response

    async def _body(self, response: httpx.Response, encoding: str, limit: int) -> tuple[bytes, str | None]:
        try:
            if response.is_closed:
                return _read_already(response, limit), None
            if isinstance(response.stream, httpx.ByteStream):
                # A transport that had all of it at once.
                return await unpack_body(b"".join(response.stream), encoding, limit), None
            # A client that is async makes sure of that.
            stream = cast("AsyncIterable[bytes]", response.stream)
            return await read_body(stream, encoding, limit), None
        except UnreadableBodyError as error:
            return b"", str(error)

    def _failure(self, call: Call[object], error: Exception, *, unsent: bool) -> CvmError:
        """Give what a foreign error means to the caller."""
        if isinstance(error, RuntimeError) and self.client.is_closed:
            return SessionClosedError("the httpx client of this session was closed", **call.about())
        failure = self._unsent(call, error) if unsent else self._unanswered(call, error)
        # The traceback of a hook's error is wanted. Any other foreign error may keep the request, or a copy of it.
        if is_a_hooks(error) and not any(self._tells(link) for link in chain(error)):
            failure.__cause__ = error
        return failure

    def _unsent(self, call: Call[object], error: Exception) -> NotSentError:
        refusal = tls_refusal(error)
        if refusal is None:
            why = f"{self._words(error)}{unreachable(error, self.base)}"
            return NotSentError(f"the request did not reach {self.panel} ({why})", **call.about())
        message = f"the request did not reach {self.panel}: {self._shown(refusal)}"
        return NotSentError(message, may_pass=False, **call.about())

    def _unanswered(self, call: Call[object], error: Exception) -> NoAnswerError:
        message = f"the exchange with {self.panel} broke off before there was a whole answer ({self._words(error)})"
        return NoAnswerError(message, timed_out=isinstance(error, httpx.ReadTimeout), **call.about())

    def _words(self, error: Exception) -> str:
        shown = self._shown(str(error))
        return f"{type(error).__name__}: {shown}" if shown else type(error).__name__

    def _shown(self, text: str) -> str:
        return excerpt(self.tokens.hide_in(text))

    def _tells(self, error: BaseException) -> bool:
        """Tell whether an error shows a token."""
        text = f"{error} {error!r}"
        return self.tokens.hide_in(text) != text


def _read_already(response: httpx.Response, limit: int) -> bytes:
    """Give the body that a response hook of the user's has read, and httpx decompressed."""
    try:
        body = response.content
    except httpx.ResponseNotRead:
        raise UnreadableBodyError("closed by a hook of the client's before it was read") from None
    check_size(len(body), limit)
    return body
