"""Makes one call and brings what it answered: in turn, within its time, tried again where that is safe."""

import asyncio
import logging
import time
from collections.abc import Generator
from functools import partial
from typing import TypeVar, cast

import httpx
from attrs import define, field

from cvm_async._api.answers import is_success, row_of
from cvm_async._api.calls import Call
from cvm_async._api.decode import Decoded
from cvm_async._deadline import Deadline
from cvm_async._exchange.retry import may_repeat, repeat
from cvm_async._exchange.sender import Received, Sender
from cvm_async._exchange.tokens import Tokens
from cvm_async._gates.breaker import Verdict
from cvm_async._gates.permit import Permit
from cvm_async._safe_text import excerpt
from cvm_async.errors import (
    About,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PanelError,
    Problem,
    SessionClosedError,
)
from cvm_async.models import PowerState, VpsStatus
from cvm_async.settings import Retry, Timeouts

T = TypeVar("T")

logger = logging.getLogger("cvm_async")

LONG_BODY = 64 * 1024
"""Bytes from which a body is read in slices: some 250 VPSes, which take a millisecond or two."""

CONNECTING_STEPS = 3
"""A place in the client's pool, the TCP connection, TLS: httpx allows the connect timeout to each."""


@define
class _Progress:
    """How far a call has come: what to say of it when it is cut off."""

    call: Call[object]
    attempts: int = 0
    sent: bool = False
    """Whether an attempt is under way, or has been, that the panel may have seen."""
    trouble: CvmError | None = None
    """Why the last attempt failed."""

    def cut_off(self, seconds: float) -> CvmError:
        # What is left of a caller's time is told as the caller would tell it.
        within = f"within the {round(seconds, 3):g} s that the call had"
        last = f"; the last attempt failed: {self.trouble.message}" if self.trouble else ""
        about: About = {**self.call.about(), "attempts": self.attempts}
        if self.sent:
            return NoAnswerError(f"no whole answer {within}{last}", timed_out=True, **about)
        return NotSentError(f"neither its turn nor a connection came {within}{last}", **about)


@define(eq=False, repr=False)
class Exchange:
    """What a session needs to make its calls: a client, an address, tokens, and how to behave.

    Attributes:
        client: Sends the requests; see `_wire.Wire`.
        base: Where the panel is.
        tokens: Who we are there.
        timeouts: How long an attempt may take.
        retry: How often to try.
        max_body: Bytes of one answer.
        panel: The panel's name in messages and logs.
    """

    client: httpx.AsyncClient
    base: httpx.URL
    tokens: Tokens
    timeouts: Timeouts
    retry: Retry
    max_body: int
    panel: str
    _wire: Sender = field(init=False)
    _diagnostics_told: bool = field(init=False, default=False)
    _is_closed: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._wire = Sender(self.client, self.base, self.tokens, self.timeouts, self.max_body, self.panel)

    def close(self) -> None:
        """Begin no attempt any more; what is under way ends by itself."""
        self._is_closed = True

    async def send(
        self,
        call: Call[T],
        permit: Permit,
        *,
        timeout: float | None = None,
        limit: Deadline | None = None,
        retry: bool = True,
    ) -> T:
        """Make a call: in turn, tried again where that is safe, within its time.

        Args:
            call: What to send.
            permit: Its way through the gates.
            timeout: Seconds that it may take; None for what the session allows.
            limit: In its place, a deadline that somebody else strikes.
            retry: Whether it may be tried again at all.

        Raises:
            CvmError: And nothing else, but for cancellation.
        """
        progress = _Progress(call)
        limit = limit or Deadline(self.timeouts.total if timeout is None else timeout)
        with limit:
            return await self._try(call, permit, progress, retry=retry)
        raise progress.cut_off(limit.seconds)

    async def _try(self, call: Call[T], permit: Permit, progress: _Progress, *, retry: bool) -> T:
        try:
            return await self._attempt(call, permit, progress)
        except CvmError as error:
            if not retry or not self._worthwhile(call, permit, error):
                raise
            first = error
        attempt = partial(self._attempt, call, permit, progress)
        again = partial(self._worthwhile, call, permit)
        return await repeat(attempt, first=first, retry=self.retry, again=again, sleep=asyncio.sleep)

    @staticmethod
    def _worthwhile(call: Call[object], permit: Permit, error: BaseException) -> bool:
        return may_repeat(call, error) and not permit.refused

    async def _attempt(self, call: Call[T], permit: Permit, progress: _Progress) -> T:
        await self._enter(call, permit, progress)
        started = time.perf_counter()
        verdict = Verdict.NEUTRAL
        status_code: int | None = None
        end = "cancelled"
        try:
            answer = await self._within_time(call, progress)
            status_code = answer.status_code
            value = await self._read(call, answer)
        except CvmError as error:
            error.attempts = progress.attempts
            progress.trouble = error
            verdict = _verdict(error, status_code)
            end = type(error).__name__
            raise
        except asyncio.CancelledError:
            if not call.repeatable:
                message = "%s: %s %s was cancelled while under way: its outcome is unknown"
                logger.warning(message, self.panel, call.method, call.path)
            raise
        else:
            # "Unknown" is how some releases say that they cannot reach the node: it must not close an open breaker.
            unknown = isinstance(value, VpsStatus) and value.state is PowerState.UNKNOWN
            verdict = Verdict.NEUTRAL if unknown else Verdict.ANSWERED
            return value
        finally:
            permit.leave(verdict, telling=call.repeatable and call.vps_id is not None)
            if logger.isEnabledFor(logging.DEBUG):
                spent = (time.perf_counter() - started) * 1000
                said = end if status_code is None else status_code
                message = "%s: %s %s: %s in %.1f ms, attempt %d"
                logger.debug(message, self.panel, call.method, call.path, said, spent, progress.attempts)

    async def _enter(self, call: Call[object], permit: Permit, progress: _Progress) -> None:
        try:
            await permit.enter()
            if self._is_closed:
                permit.leave(Verdict.NEUTRAL)
                message = f"the session with {self.panel} was closed"
                raise SessionClosedError(message, **call.about())
        except CvmError as error:
            error.attempts = progress.attempts
            raise
        progress.attempts += 1

    async def _within_time(self, call: Call[object], progress: _Progress) -> Received:
        """Give one attempt's answer, bounded as a whole.

        A read timeout of httpx bounds the silence between two pieces: a panel that drips a byte at a time never
        meets it. And while somebody held the event loop, it was not the panel that was silent.
        """
        sent_before = progress.sent
        progress.sent = True
        answering = self.timeouts.read if call.repeatable else self.timeouts.action
        whole = CONNECTING_STEPS * self.timeouts.connect + call.verb.row.patience * answering
        with Deadline(whole) as deadline:
            try:
                return await self._wire.exchange(call, answering)
            except NotSentError:
                progress.sent = sent_before
                raise
            except NoAnswerError as error:
                error.timed_out = error.timed_out and not deadline.was_held
                raise
        message = f"no whole answer from {self.panel} within {whole:g} s"
        raise NoAnswerError(message, timed_out=not deadline.was_held, **call.about())

    async def _read(self, call: Call[T], answer: Received) -> T:
        if answer.location is not None:
            message = (
                f"{self.panel} wants to send us to {self._shown(answer.location)}, and redirects are not followed, as "
                "they would take the tokens along: if you trust that address, make the session with it"
            )
            raise PanelError(message, status_code=answer.status_code, **call.about())
        try:
            read = await self._meaning(call, answer)
        except CvmError:
            body = self.tokens.hide(answer.body)
            if body == answer.body:
                raise
            # In place: whoever prints the locals of the traceback finds this alone.
            answer.body = body
        else:
            self._tell(read.diagnostics)
            return read.value
        # A page that shows the tokens, as debugging pages show a request's headers: the error must not quote them.
        return (await self._meaning(call, answer)).value

    async def _meaning(self, call: Call[T], answer: Received) -> Decoded[T]:
        if answer.flaw is not None and is_success(answer.status_code):
            expected = f"at most {self._wire.longest(call):,} bytes, plain or gzip"
            problem = Problem("the body", self._shown(answer.flaw), expected)
            unknown = "" if call.repeatable else f"; whether the {call.verb} was carried out is unknown"
            message = f"the answer of {self.panel} cannot be read: {problem}{unknown}"
            raise DecodeError(message, problems=(problem,), **call.about())
        if len(answer.body) <= LONG_BODY:
            return call.read(answer.status_code, answer.body, retry_after=answer.retry_after)
        steps = call.read_steps(answer.status_code, answer.body, retry_after=answer.retry_after)
        return await _in_slices(steps)

    def _tell(self, diagnostics: str | None) -> None:
        if diagnostics is not None and not self._diagnostics_told:
            self._diagnostics_told = True
            message = "%s: PHP prints diagnostics before the answer; read past them, here and from now on: %s"
            logger.warning(message, self.panel, self.tokens.hide_in(diagnostics))

    def _shown(self, text: str) -> str:
        return excerpt(self.tokens.hide_in(text))


async def _in_slices(steps: Generator[None, None, Decoded[T]]) -> Decoded[T]:
    """Run a long reading to its end, and let the event loop turn between its steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("Decoded[T]", end.value)
        await asyncio.sleep(0)


def _verdict(error: CvmError, status_code: int | None) -> Verdict:
    """Give what a failed call says of the node and the panel; a 4xx and the failure of a VPS say nothing of either."""
    if isinstance(error, NodeUnreachableError) or (isinstance(error, NoAnswerError) and error.timed_out):
        return Verdict.NODE_FAILED
    overloaded = status_code is not None and row_of(status_code).overloaded
    return Verdict.OVERLOADED if overloaded else Verdict.NEUTRAL
