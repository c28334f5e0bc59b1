"""What came back becomes a value, or an error that quotes no token; a long body is read in slices, as others wait."""

import asyncio
import logging
from collections.abc import Generator
from typing import TypeVar, cast

from attrs import define, field

from cvm_async._api.answers import is_success
from cvm_async._api.calls import Call
from cvm_async._api.decode import Decoded
from cvm_async._api.refusals import unknown_outcome
from cvm_async._api.windows import WINDOW
from cvm_async._exchange.body import too_long
from cvm_async._exchange.received import Received, longest_body
from cvm_async._exchange.tokens import Tokens
from cvm_async._safe_text import excerpt
from cvm_async.errors import CvmError, DecodeError, Problem

T = TypeVar("T")

logger = logging.getLogger("cvm_async")

_TOO_LONG = {
    False: ": Limits(max_body=…) sets how long a list may be, and display_errors of PHP makes one long",
    True: ", as none of the panel's about one VPS is",
}
"""What to say of an answer that is too long, by whether it is about one VPS."""


@define(eq=False, repr=False)
class Reader:
    """Reads the answers of one panel.

    Attributes:
        tokens: What no error may quote.
        max_body: Bytes of one answer.
        panel: The panel's name in messages and logs.
    """

    tokens: Tokens
    max_body: int
    panel: str
    _diagnostics_told: bool = field(init=False, default=False)

    async def read(self, call: Call[T], answer: Received) -> T:
        """Give what an answer says.

        Raises:
            CvmError: It says no, or nothing that can be read.
        """
        self._hide_headers(answer)
        try:
            read = await self._decoded(call, answer)
        except CvmError:
            body = await self._hidden(answer.body)
            if body == answer.body:
                raise
            # In place: whoever prints the locals of the traceback finds this alone.
            answer.body = body
        else:
            self._tell(read.diagnostics)
            return read.value
        # A page that shows the tokens, as debugging pages show a request's headers: the error must not quote them.
        return (await self._decoded(call, answer)).value

    def _hide_headers(self, answer: Received) -> None:
        """Blank out tokens in what came of its headers, in place: the locals of a traceback show that, too."""
        if answer.location is not None:
            answer.location = self.tokens.hide_in(answer.location)
        if answer.flaw is not None:
            answer.flaw = self.tokens.hide_in(answer.flaw)

    async def _hidden(self, body: bytes) -> bytes:
        if len(body) <= WINDOW:
            return self.tokens.hide(body)
        for hidden in self.tokens.hiding(body):
            body = hidden
            await asyncio.sleep(0)
        return body

    async def _decoded(self, call: Call[T], answer: Received) -> Decoded[T]:
        if answer.flaw is not None and is_success(answer.status_code):
            raise self._unreadable(call, answer.flaw)
        location = None if answer.location is None else excerpt(answer.location)
        if len(answer.body) <= WINDOW:
            return call.read(answer.status_code, answer.body, retry_after=answer.retry_after, location=location)
        steps = call.read_steps(answer.status_code, answer.body, retry_after=answer.retry_after, location=location)
        return await _in_slices(steps)

    def _unreadable(self, call: Call[object], flaw: str) -> DecodeError:
        limit = longest_body(call, self.max_body)
        problem = Problem("the body", excerpt(flaw), f"at most {limit:,} bytes, plain or gzip")
        advice = _TOO_LONG[call.verb.row.about_one_vps] if flaw == too_long(limit) else ""
        unknown = "" if call.repeatable else f"; {unknown_outcome(call.verb)}"
        message = f"the answer of {self.panel} cannot be read: it is {problem.found}{advice}{unknown}"
        return DecodeError(message, problems=(problem,), **call.about())

    def _tell(self, diagnostics: str | None) -> None:
        if diagnostics is not None and not self._diagnostics_told:
            self._diagnostics_told = True
            message = "%s: PHP prints diagnostics before the answer; read past them, here and from now on: %s"
            logger.warning(message, self.panel, self.tokens.hide_in(diagnostics))


async def _in_slices(steps: Generator[None, None, Decoded[T]]) -> Decoded[T]:
    """Run a long reading to its end, and let the event loop turn between its steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("Decoded[T]", end.value)
        await asyncio.sleep(0)
