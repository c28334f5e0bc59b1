"""Each endpoint is a value: what to send, whether it may be sent twice, how to read the answer. No I/O here.

What an answer means is a table over its status code, because the panel, its releases and the proxies in
front of it use them differently. An ``errors`` key makes an error whatever the status code.
"""

from collections.abc import Callable, Generator
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Generic, TypedDict, TypeVar

from attrs import field, frozen

from cvm_async._api.decode import (
    Answer,
    ErrorsKeyError,
    decode_errors,
    decode_listing,
    decode_nothing,
    decode_status,
)
from cvm_async._api.fields import LARGEST, describe
from cvm_async._safe_text import excerpt
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    ConfigurationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    PanelError,
    PermissionDeniedError,
    RateLimitedError,
    VpsNotFoundError,
)
from cvm_async.models import VpsList, VpsStatus

__all__ = ["Answer", "Call", "Verb", "list_vpses", "power", "status"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Verb(StrEnum):
    """What can be asked of a panel."""

    LIST = "list"
    STATUS = "status"
    START = "start"
    STOP = "stop"
    RESTART = "restart"


_POWER: Final = {Verb.START: "started", Verb.STOP: "stopped", Verb.RESTART: "restarted"}

# The status codes that mean the same for every call.
_BY_STATUS: Final[dict[int, type[PanelError]]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: VpsNotFoundError,
    429: RateLimitedError,
    503: NodeUnreachableError,
}
# What the panel says where it should have sent another status than 200.
_BY_SENTENCE: Final[dict[str, type[PanelError]]] = {
    "no valid api token pair": AuthenticationError,
    "does not have access to this api": PermissionDeniedError,
    "vps id does not exist": VpsNotFoundError,
}
_SUMMARIES: Final[dict[type[PanelError], str]] = {
    AuthenticationError: "the panel does not accept this pair of tokens",
    PermissionDeniedError: "the panel gives this pair of tokens no access to the client API",
    VpsNotFoundError: "the panel knows no such VPS of this user",
    RateLimitedError: "the panel has had too many calls",
    NodeUnreachableError: "the host node of the VPS is unreachable",
}
_SUMMARIES_OF_A_LIST: Final[dict[type[PanelError], str]] = {
    VpsNotFoundError: "there is no CVM client API at this address",
    NodeUnreachableError: "the panel is not available",
}
# A proxy, in front of a panel that did not answer it: two that HTTP names and those of Cloudflare.
_GATEWAY: Final = frozenset({502, 504, *range(520, 528)})
# Characters of the panel's own words that a message quotes.
_QUOTED_LENGTH: Final = 300


class About(TypedDict):
    """What every error says of the call it is about."""

    method: str
    path: str
    vps_id: int | None


@frozen
class Call(Generic[T_co]):
    """One request to a panel, and the reading of its answer.

    Attributes:
        verb: What it asks.
        method: The HTTP method. There is never a body.
        path: Below the panel's address, with a leading slash.
        vps_id: The VPS it is about, None for all of them.
        repeatable: Whether asking twice is the same as asking once.
    """

    verb: Verb
    method: str
    path: str
    vps_id: int | None
    repeatable: bool
    _decode: Callable[[bytes], Generator[None, None, Answer[T_co]]] = field(alias="decode", repr=False)

    def read(self, status_code: int, body: bytes, *, retry_after: float | None = None) -> Answer[T_co]:
        """Give what an answer says.

        Args:
            status_code: Its HTTP status.
            body: All of its body, decompressed.
            retry_after: Seconds that its header asks to wait, for a `RateLimitedError` to tell.

        Raises:
            PanelError: The panel, or a proxy, answered no.
            NoAnswerError: A proxy answered for the panel; what became of a start, stop or restart is unknown.
            DecodeError: It is not what the API documents. After a start, stop or restart that is no success,
                since whatever answered may not have been the panel, and no failure either.
        """
        steps = self.read_steps(status_code, body, retry_after=retry_after)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: Answer[T_co] = end.value
                return answer

    def read_steps(
        self, status_code: int, body: bytes, *, retry_after: float | None = None
    ) -> Generator[None, None, Answer[T_co]]:
        """Do what `read` does, as a generator that yields after every few milliseconds of work.

        The answer is what the generator returns, and it raises what `read` raises.
        """
        if not _is_success(status_code):
            raise self._refusal(status_code, decode_errors(body), retry_after)
        try:
            return (yield from self._decode(body))
        except ErrorsKeyError as found:
            raise self._refusal(status_code, found.errors, retry_after) from None
        except DecodeError as error:
            message = f"{error.message}; {self._unknown()}" if self.verb in _POWER else error.message
            raise DecodeError(message, problems=error.problems, excerpt=error.excerpt, **self.about()) from None

    def _refusal(self, status_code: int, errors: tuple[str, ...], retry_after: float | None) -> CvmError:
        if status_code in _GATEWAY and self.verb in _POWER and not errors:
            message = f"a proxy answered {status_code} for the panel, so {self._unknown()}"
            return NoAnswerError(message, **self.about())
        kind = self._kind(status_code, errors)
        words = excerpt("; ".join(errors), _QUOTED_LENGTH)
        message = f'{self._summary(kind, status_code)}: "{words}"' if words else self._summary(kind, status_code)
        wait = "" if retry_after is None else f", and asks to wait {retry_after:g} s"
        return kind(f"{message}{wait}", status_code=status_code, errors=errors, retry_after=retry_after, **self.about())

    def _kind(self, status_code: int, errors: tuple[str, ...]) -> type[PanelError]:
        if status_code in _BY_STATUS:
            return _BY_STATUS[status_code]
        if _is_success(status_code):
            words = " ".join(errors).casefold()
            for sentence, kind in _BY_SENTENCE.items():
                if sentence in words:
                    return kind
        elif status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
            return PanelError
        return ActionFailedError if self.verb in _POWER else PanelError

    def _summary(self, kind: type[PanelError], status_code: int) -> str:
        if self.verb is Verb.LIST and kind in _SUMMARIES_OF_A_LIST:
            return _SUMMARIES_OF_A_LIST[kind]
        if kind in _SUMMARIES:
            return _SUMMARIES[kind]
        if kind is ActionFailedError:
            return f"the panel could not {self.verb} the VPS"
        if HTTPStatus.MULTIPLE_CHOICES <= status_code < HTTPStatus.BAD_REQUEST:
            return "the panel redirects, which is never followed: check its address"
        return f"the panel answered {status_code}{_phrase(status_code)}"

    def _unknown(self) -> str:
        done = _POWER[self.verb]
        return f"whether the VPS was {done} is unknown: look at its status before you repeat this"

    def about(self) -> About:
        """Give what every error says of the call it is about."""
        return {"method": self.method, "path": self.path, "vps_id": self.vps_id}


def _is_success(status_code: int) -> bool:
    return HTTPStatus.OK <= status_code < HTTPStatus.MULTIPLE_CHOICES


def _phrase(status_code: int) -> str:
    try:
        return f" {HTTPStatus(status_code).phrase}"
    except ValueError:
        return ""


def _at_once(decode: Callable[[bytes], Answer[T]]) -> Callable[[bytes], Generator[None, None, Answer[T]]]:
    def steps(body: bytes) -> Generator[None, None, Answer[T]]:
        yield from ()
        return decode(body)

    return steps


_decode_status: Final = _at_once(decode_status)
_decode_nothing: Final = _at_once(decode_nothing)


def list_vpses() -> Call[VpsList]:
    """Ask for all VPSes of the account.

    Source: ``GET /api/client/vps/list``.
    """
    return Call(Verb.LIST, "GET", "/api/client/vps/list", None, repeatable=True, decode=decode_listing)


def status(vps_id: int) -> Call[VpsStatus]:
    """Ask what a VPS is doing.

    Source: ``GET /api/client/vps/id/status``.
    """
    return Call(Verb.STATUS, "GET", _path(vps_id, "status"), vps_id, repeatable=True, decode=_decode_status)


def power(verb: Verb, vps_id: int) -> Call[None]:
    """Start, stop or restart a VPS. It must not be asked twice for one wish.

    Source: ``POST /api/client/vps/id/start``, ``…/stop`` and ``…/restart``.
    """
    if verb not in _POWER:
        raise ConfigurationError(f"the verb {verb} is not a start, stop or restart")
    return Call(verb, "POST", _path(vps_id, verb), vps_id, repeatable=False, decode=_decode_nothing)


def _path(vps_id: int, action: str) -> str:
    # Types are hints at run time, and what is interpolated here becomes part of a URL.
    if type(vps_id) is not int or not 0 < vps_id <= LARGEST:
        raise ConfigurationError(f"a VPS id is a whole number of 1 or more, not {describe(vps_id)}")
    return f"/api/client/vps/{vps_id}/{action}"
