"""Each call is a value: what to send, whether it may be sent twice, how to read the answer. No I/O here.

An ``errors`` key makes an error whatever the status code, and no other success than a 200 is an action's.
"""

from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Generic, TypeVar

from attrs import field, frozen

from cvm_async._api.answers import is_success
from cvm_async._api.decode import (
    Decoded,
    RefusedAnswerError,
    decode_listing,
    decode_nothing,
    decode_status,
    refuse,
)
from cvm_async._api.fields import LARGEST, describe
from cvm_async._api.refusals import Refused, refusal, unknown_outcome
from cvm_async._api.verbs import Verb
from cvm_async.errors import About, ConfigurationError, DecodeError
from cvm_async.models import VpsList, VpsStatus

__all__ = ["Call", "list_vpses", "power", "status"]

T_co = TypeVar("T_co", covariant=True)


@frozen
class Call(Generic[T_co]):
    """One request to a panel, and the reading of its answer.

    Attributes:
        verb: What it asks.
        vps_id: The VPS it is about, None for all of them.
        path: Below the panel's address, with a leading slash.
    """

    verb: Verb
    vps_id: int | None
    path: str
    _decode: Callable[[bytes], Generator[None, None, Decoded[T_co]]] = field(alias="decode", repr=False)

    @property
    def method(self) -> str:
        """The HTTP method. There is never a body."""
        return self.verb.row.method

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is the same as asking once."""
        return self.verb.row.repeatable

    def read(
        self, status_code: int, body: bytes, *, retry_after: float | None = None, location: str | None = None
    ) -> Decoded[T_co]:
        """Give what an answer says.

        Args:
            status_code: Its HTTP status.
            body: All of its body, decompressed.
            retry_after: Seconds that its header asks to wait, for a `PanelError` to tell.
            location: Where a redirect leads, safe to print.

        Raises:
            PanelError: The panel, or something in front of it, answered no.
            NoAnswerError: What answered a start, stop or restart may not have been the panel, or it broke: whether
                that was carried out is unknown.
            DecodeError: It is not what the API documents. After a start, stop or restart that is no success,
                since whatever answered may not have been the panel, and no failure either.
        """
        steps = self.read_steps(status_code, body, retry_after=retry_after, location=location)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: Decoded[T_co] = end.value
                return answer

    def read_steps(
        self, status_code: int, body: bytes, *, retry_after: float | None = None, location: str | None = None
    ) -> Generator[None, None, Decoded[T_co]]:
        """Do what `read` does, as a generator that yields after every few milliseconds of work.

        The answer is what the generator returns, and it raises what `read` raises.
        """
        try:
            if status_code != HTTPStatus.OK and not self._may_be_good(status_code, body):
                yield from refuse(body)
            return (yield from self._decode(body))
        except RefusedAnswerError as found:
            answer = Refused(status_code, found.errors, retry_after, location, found.fatal, found.quoted)
            raise refusal(self.verb, self.about(), answer) from None
        except DecodeError as error:
            message = error.message if self.repeatable else f"{error.message}; {unknown_outcome(self.verb)}"
            raise DecodeError(message, problems=error.problems, excerpt=error.excerpt, **self.about()) from None

    def _may_be_good(self, status_code: int, body: bytes) -> bool:
        # A 200 is what is documented. Another success that says nothing, or that comes after an action, is another
        # program's: that of a queue in front of the panel, which will pass the action on, or of a page that says hello.
        return self.repeatable and is_success(status_code) and bool(body)

    def about(self) -> About:
        """Give what every error says of the call it is about."""
        return {"method": self.method, "path": self.path, "vps_id": self.vps_id}


def list_vpses() -> Call[VpsList]:
    """Ask for all VPSes of the account.

    Source: ``GET /api/client/vps/list``.
    """
    return Call(Verb.LIST, None, Verb.LIST.row.path, decode=decode_listing)


def status(vps_id: int) -> Call[VpsStatus]:
    """Ask what a VPS is doing.

    Source: ``GET /api/client/vps/id/status``.
    """
    return Call(Verb.STATUS, vps_id, _path(Verb.STATUS, vps_id), decode=decode_status)


def power(verb: Verb, vps_id: int) -> Call[None]:
    """Start, stop or restart a VPS. It must not be asked twice for one wish.

    Source: ``POST /api/client/vps/id/start``, ``…/stop`` and ``…/restart``.
    """
    if verb.row.repeatable:
        raise ConfigurationError(f"the verb {verb} is not a start, stop or restart")
    return Call(verb, vps_id, _path(verb, vps_id), decode=decode_nothing)


def _path(verb: Verb, vps_id: int) -> str:
    # Types are hints at run time, and what is interpolated here becomes part of a URL.
    if type(vps_id) is not int or not 0 < vps_id <= LARGEST:
        raise ConfigurationError(f"a VPS id is a whole number of 1 or more, not {describe(vps_id)}")
    return verb.row.path.format(id=vps_id)
