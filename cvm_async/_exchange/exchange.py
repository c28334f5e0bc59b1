"""Makes one call and brings what it answered: in turn, within its time, tried again where that is safe."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import httpx
from attrs import Factory, define, field

from cvm_async._api.answers import is_unrouted
from cvm_async._api.calls import Call
from cvm_async._api.routes import Routes
from cvm_async._checks import check_plain
from cvm_async._deadline import Deadline
from cvm_async._exchange.failures import was_connecting
from cvm_async._exchange.observing import CallEnd, Observer, tell
from cvm_async._exchange.reading import Reader
from cvm_async._exchange.received import Received
from cvm_async._exchange.retry import repeat
from cvm_async._exchange.search import Search
from cvm_async._exchange.sender import Sender
from cvm_async._exchange.sending import BeforeSend, Departure, Sending
from cvm_async._exchange.tokens import Tokens
from cvm_async._exchange.verdicts import verdict_of_error, verdict_of_value
from cvm_async._gates.permit import Permit
from cvm_async._gates.verdict import LIST, Verdict
from cvm_async.errors import CvmError, NoAnswerError, NotSentError, PanelError, SessionClosedError
from cvm_async.settings import Retry, Timeouts

T = TypeVar("T")

logger = logging.getLogger("cvm_async")

CONNECTING_STEPS = 3
"""A place in the client's pool, the TCP connection, TLS: httpx allows the connect timeout to each."""


@define(eq=False, repr=False)
class Exchange:
    """What a session needs to make its calls: a client, an address, tokens, and how to behave.

    Attributes:
        client: Sends the requests; see `Sender`.
        base: Where the panel is.
        tokens: Who we are there.
        timeouts: How long an attempt may take.
        retry: How often to try.
        max_body: Bytes of one answer.
        panel: The panel's name in messages and logs.
        observers: Told of each request that is over.
        search: Which revision of the API it has, and how that is found out.
    """

    client: httpx.AsyncClient
    base: httpx.URL
    tokens: Tokens
    timeouts: Timeouts
    retry: Retry
    max_body: int
    panel: str
    observers: tuple[Observer, ...] = ()
    search: Search = field(default=Factory(lambda self: Search(Routes(), self.panel), takes_self=True))
    _sender: Sender = field(init=False)
    _reader: Reader = field(init=False)
    _is_closed: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._sender = Sender(self.client, self.base, self.tokens, self.timeouts, self.max_body, self.panel)
        self._reader = Reader(self.tokens, self.max_body, self.panel)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Tell a function of each request that is over; give what ends that."""
        check_plain("observer", observer)
        self.observers = (*self.observers, observer)

        def end() -> None:
            self.observers = tuple(each for each in self.observers if each is not observer)

        return end

    def close(self) -> None:
        """Begin no attempt any more; what is under way ends by itself."""
        self._is_closed = True

    def allowed(self, timeout: float | None = None, *, within: float = math.inf) -> float:
        """Give the seconds that a call may take from beginning to end; infinity for no limit.

        Args:
            timeout: What its caller allows; None for what the session does.
            within: What it has besides.
        """
        seconds = self.timeouts.total if timeout is None else timeout
        return within if seconds is None else min(seconds, within)

    async def send(
        self,
        call: Call[T],
        permit: Permit,
        limit: Deadline,
        *,
        retry: bool = True,
        departure: Departure | None = None,
    ) -> T:
        """Make a call: in turn, tried again where that is safe, within its time.

        Args:
            call: What to send.
            permit: Its way through the gates.
            limit: Its time, all attempts and the pauses between them included.
            retry: Whether it may be tried again at all.
            departure: Says whether it may leave, and what comes before that; it is told whether it has.

        Raises:
            CvmError: And nothing else, but for cancellation.
        """
        sending = Sending(call, permit, limit, departure or Departure())
        with limit:
            return await self._try(sending, retry=retry)
        raise sending.cut_off()

    async def _try(self, sending: Sending[T], *, retry: bool) -> T:
        known = self.search.routes.is_settled or sending.call.layout is None
        try:
            return await (self._attempt(sending) if known else self._searching(sending))
        except CvmError as error:
            if not retry or not sending.may_go_on(error):
                raise
            first = error
        again = partial(self._attempt, sending) if known else partial(self._searching, sending)
        return await repeat(again, first=first, retry=self.retry, again=sending.may_go_on, sleep=asyncio.sleep)

    async def _searching(self, sending: Sending[T]) -> T:
        """Make an attempt, and another one elsewhere where the panel may have the call there."""
        try:
            try:
                return await self._attempt(sending)
            except CvmError as error:
                other = self.search.elsewhere(sending.call, error)
                if other is None or sending.turned_away:
                    raise
                first = error
            if self.search.begins(sending):
                return await self._elsewhere(sending, other, first)
            return await self._where_found(sending, first)
        finally:
            self.search.leave(sending)

    async def _where_found(self, sending: Sending[T], first: CvmError) -> T:
        """Go where another one has found the call, if it has: what it asks, nobody else needs to."""
        await self.search.wait()
        if self.search.routes.layout is sending.call.layout:
            raise first
        return await self._attempt(sending)

    async def _elsewhere(self, sending: Sending[T], other: Call[T], first: CvmError) -> T:
        asked, sending.call, sending.is_search = sending.call, other, True
        try:
            return await self._attempt(sending)
        except CvmError as second:
            if not sending.turned_away and not is_unrouted(second, other.verb):
                second.also(asked.path)
                raise
            self.search.found_nothing()
            first.also(other.path)
        finally:
            sending.call, sending.is_search = asked, False
        raise first

    async def _attempt(self, sending: Sending[T]) -> T:
        await self._enter(sending)
        call = sending.call
        if call.layout is not self.search.routes.layout and call.layout is not None and not sending.is_search:
            # Found out since it was made.
            call = sending.call = call.at(self.search.routes.layout)
        started = time.perf_counter()
        verdict = Verdict.NEUTRAL
        wait: float | None = None
        status_code: int | None = None
        end = result = "cancelled"
        try:
            answer = await self._within_time(sending)
            status_code = answer.status_code
            value = await self._reader.read(call, answer)
        except CvmError as error:
            sending.failed(error)
            verdict = self._verdict_of(sending, error, status_code)
            wait = error.retry_after if isinstance(error, PanelError) else None
            end, result = type(error).__name__, error.kind
            raise
        except asyncio.CancelledError:
            verdict = _verdict_of_cancelled(sending.departure, status_code)
            if sending.departure.sent and not call.repeatable:
                message = "%s: %s %s was cancelled while under way: its outcome is unknown"
                logger.warning(message, self.panel, call.method, call.path)
            raise
        else:
            verdict = verdict_of_value(call, value)
            result = "ok"
            if not self.search.routes.is_settled:
                self.search.worked(call, value)
            return value
        finally:
            sending.permit.leave(verdict, telling=sending.tells_load, wait=wait)
            if self.observers:
                self._tell(sending, result, status_code, time.perf_counter() - started)
            if logger.isEnabledFor(logging.DEBUG):
                spent = (time.perf_counter() - started) * 1000
                said = end if status_code is None else status_code
                message = "%s: %s %s: %s in %.1f ms, attempt %d"
                logger.debug(message, self.panel, call.method, call.path, said, spent, sending.attempts)

    def _tell(self, sending: Sending[object], result: str, status_code: int | None, seconds: float) -> None:
        end = CallEnd(
            panel=self.panel,
            verb=sending.call.verb.value,
            vps_id=sending.call.vps_id,
            attempt=sending.attempts,
            result=result,
            status_code=status_code,
            seconds=seconds,
        )
        tell(self.observers, end)

    def _verdict_of(self, sending: Sending[object], error: CvmError, status_code: int | None) -> Verdict:
        if not self.search.routes.is_settled:
            self.search.failed(sending.call, error)
            # That a path may be missing says nothing of a node; whether it is, the other path tells.
            if not sending.is_search and self.search.elsewhere(sending.call, error) is not None:
                return Verdict.NEUTRAL
        return verdict_of_error(sending.call, error, status_code)

    async def _enter(self, sending: Sending[object]) -> None:
        try:
            await sending.permit.enter(sending.call.vps_id or LIST, acts=not sending.call.repeatable)
            if self.search.is_sure and not self.search.routes.is_settled:
                await self._let_others_find_out(sending)
            self._see_that_it_may_leave(sending)
            before_send = sending.departure.before_send
            if before_send is not None:
                await self._announce(sending, before_send)
                # While others were told of it, its run may have been ended.
                self._see_that_it_may_leave(sending)
        except CvmError as error:
            sending.turned_away = True
            error.attempts, error.vps_id = sending.attempts, sending.call.vps_id
            raise
        sending.attempts += 1

    def _see_that_it_may_leave(self, sending: Sending[object]) -> None:
        refusal = self._refusal(sending)
        if refusal is not None:
            sending.permit.leave(Verdict.NEUTRAL)
            raise refusal

    async def _let_others_find_out(self, sending: Sending[object]) -> None:
        """Step back while another reading finds out where things are: it may need the place that this one has."""
        if sending.call.layout is not None and not self.search.begins(sending):
            sending.permit.leave(Verdict.NEUTRAL)
            await self.search.wait()
            await sending.permit.enter(sending.call.vps_id or LIST, acts=False)

    def _refusal(self, sending: Sending[object]) -> CvmError | None:
        """Give why a call whose turn has come must not leave, if so."""
        if self._is_closed:
            return SessionClosedError(f"the session with {self.panel} was closed", **sending.call.about())
        if sending.limit.is_over:
            return sending.cut_off()
        reason = sending.departure.hold()
        return None if reason is None else NotSentError(f"not begun: {reason}", **sending.call.about())

    @staticmethod
    async def _announce(sending: Sending[object], before_send: BeforeSend) -> None:
        """Let the caller know that the call is about to leave; where that fails, it does not, and its room is free."""
        try:
            await before_send()
        except BaseException:
            sending.permit.leave(Verdict.NEUTRAL)
            raise

    async def _within_time(self, sending: Sending[object]) -> Received:
        """Give one attempt's answer, bounded as a whole.

        A read timeout of httpx bounds the silence between two pieces: a panel that drips a byte at a time never
        meets it. And while the event loop was blocked, it was not the panel that was silent.
        """
        call, departure = sending.call, sending.departure
        sent_before, departure.sent = departure.sent, True
        answering = self.timeouts.read if call.repeatable else self.timeouts.action
        whole = CONNECTING_STEPS * self.timeouts.connect + call.verb.row.patience * answering
        with Deadline(whole) as deadline:
            try:
                return await self._sender.exchange(call, answering)
            except NotSentError:
                departure.sent = sent_before
                raise
            except asyncio.CancelledError as error:
                departure.sent = sent_before or not was_connecting(error, self.client)
                raise
            except NoAnswerError as error:
                error.timed_out = error.timed_out and not deadline.was_blocked
                raise
        message = f"no whole answer from {self.panel} within {whole:g} s"
        raise NoAnswerError(message, timed_out=not deadline.was_blocked, **call.about())


def _verdict_of_cancelled(departure: Departure, status_code: int | None) -> Verdict:
    if status_code is not None:
        return Verdict.PANEL_ANSWERED
    return Verdict.ABANDONED if departure.sent else Verdict.NEUTRAL
