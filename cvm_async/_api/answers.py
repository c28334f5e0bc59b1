"""One row a status code, and whose word an answer is: what it means, whether waiting may help, who has no room.

Only the panel's own sentences (`words`) tell of a VPS, of a node or of the tokens. Any other answer may be that of
something in front of it, a proxy, a firewall or a login page, or of a panel that broke.
"""

from http import HTTPStatus
from typing import Final

from attrs import evolve, frozen

from cvm_async._api.verbs import Verb
from cvm_async.errors import (
    ActionFailedError,
    AuthenticationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PanelError,
    PermissionDeniedError,
    RateLimitedError,
    VpsNotFoundError,
)

__all__ = [
    "Meaning",
    "StatusRow",
    "is_redirect",
    "is_success",
    "is_unrouted",
    "meaning_of",
    "passes",
    "passes_soon",
    "row_of",
]


@frozen
class StatusRow:
    """What a status code means.

    Attributes:
        kind: The error that it makes where the panel itself says why.
        passes: Whether a later answer may be another, so that waiting for a state goes on.
        passes_soon: Whether that may be so within seconds, so that a GET is tried again.
        overloaded: Whether it says that there is no room for more calls; a 503 of the panel's own says that of a node.
        gateway: Whether it is that of a proxy that got no answer from the panel.
    """

    kind: type[PanelError] = PanelError
    passes: bool = False
    passes_soon: bool = False
    overloaded: bool = False
    gateway: bool = False


_LASTING: Final = StatusRow()
# The panel's word for what failed, and what it gives when it broke: where its database or a host node is away. Asked
# again at once it says the same.
_FAILED: Final = StatusRow(passes=True)
_PASSING: Final = StatusRow(passes=True, passes_soon=True)
_NO_ROOM: Final = evolve(_PASSING, overloaded=True)
_GATEWAY: Final = evolve(_NO_ROOM, gateway=True)

_ROWS: Final[dict[int, StatusRow]] = {
    401: evolve(_LASTING, kind=AuthenticationError),
    403: evolve(_LASTING, kind=PermissionDeniedError),
    404: evolve(_LASTING, kind=VpsNotFoundError),
    408: _PASSING,
    425: _PASSING,
    429: evolve(_NO_ROOM, kind=RateLimitedError),
    502: _GATEWAY,
    503: evolve(_NO_ROOM, kind=NodeUnreachableError),
    504: _GATEWAY,
    508: _NO_ROOM,  # CloudLinux's, where an account of shared hosting has used up its processes.
    **dict.fromkeys(range(520, 531), _GATEWAY),  # Cloudflare's; 529 is in use for "overloaded".
    598: _GATEWAY,  # No standard's, but in use for a proxy's read timeout,
    599: _GATEWAY,  # and for its connect timeout.
}

# What the panel says where it should have sent another status than 200.
_BY_SENTENCE: Final[dict[str, type[PanelError]]] = {
    "no valid api token pair": AuthenticationError,
    "does not have access to this api": PermissionDeniedError,
    "vps id does not exist": VpsNotFoundError,
}
# The status codes of what is no word of the panel's own, where a path is not routed.
_UNROUTED: Final = {404, 405, 410, 500}
_WITHOUT_ANSWER: Final = {"response", "the answer"}
# What a panel says of a path that it lacks, if it says anything; of a VPS it says by name that it is not there.
_NOT_THERE: Final = ("not found", "not exist", "no such")
# After an action, that it failed: 422 where a template cannot be installed.
_FAILED_ACTIONS: Final = {500, 422}
_LASTING_KINDS: Final = (AuthenticationError, PermissionDeniedError, VpsNotFoundError)


@frozen
class Meaning:
    """What an answer means that is no success.

    Attributes:
        kind: The error to raise. `NoAnswerError` where the outcome of an action is unknown.
        own: Whether it is the panel's own word.
        overloaded: Whether the panel, or something in front of it, has no room for more calls.
    """

    kind: type[PanelError] | type[NoAnswerError]
    own: bool
    overloaded: bool


def is_unrouted(error: CvmError, verb: Verb) -> bool:
    """Tell whether a reading failed as one does on a panel that lacks its path: so may one of a panel that broke."""
    if isinstance(error, DecodeError):
        # Neither `response` nor `errors` was there, or no JSON at all.
        return not error.problems or error.problems[0].path in _WITHOUT_ANSWER
    if not isinstance(error, PanelError):
        return False
    if not error.errors:
        return error.status_code in _UNROUTED
    words = " ".join(error.errors).casefold()
    if not (error.status_code == HTTPStatus.NOT_FOUND or is_success(error.status_code)):
        return False
    return verb.row.about.casefold() not in words and any(word in words for word in _NOT_THERE)


def is_success(status_code: int) -> bool:
    """Tell whether a status code is one of HTTP's 2xx."""
    return HTTPStatus.OK <= status_code < HTTPStatus.MULTIPLE_CHOICES


def is_redirect(status_code: int) -> bool:
    """Tell whether a status code is one of HTTP's 3xx."""
    return HTTPStatus.MULTIPLE_CHOICES <= status_code < HTTPStatus.BAD_REQUEST


def row_of(status_code: int) -> StatusRow:
    """Give the row of a status code; every code has one."""
    row = _ROWS.get(status_code)
    if row is not None:
        return row
    return _FAILED if is_success(status_code) or status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else _LASTING


def meaning_of(status_code: int, errors: tuple[str, ...], verb: Verb) -> Meaning:
    """Give what an answer means that is no success.

    Args:
        status_code: Its HTTP status.
        errors: The panel's own sentences in it; without any it may be anybody's.
        verb: What was asked.
    """
    row, own = row_of(status_code), bool(errors)
    kind = _own_kind(status_code, errors, verb) if own else _foreign_kind(status_code, verb)
    return Meaning(kind, own, overloaded=row.overloaded and (not own or kind is RateLimitedError))


def _own_kind(status_code: int, errors: tuple[str, ...], verb: Verb) -> type[PanelError]:
    if is_success(status_code):
        words = " ".join(errors).casefold()
        for sentence, kind in _BY_SENTENCE.items():
            if sentence in words and _fits(kind, verb):
                return kind
        if not _fits(VpsNotFoundError, verb):
            # All that the API documents of a refusal is a 403, and some releases send a 200 in its place.
            return PermissionDeniedError
    elif status_code not in _FAILED_ACTIONS:
        kind = row_of(status_code).kind
        return kind if _fits(kind, verb) else PanelError
    return PanelError if verb.row.repeatable else ActionFailedError


def _fits(kind: type[PanelError], verb: Verb) -> bool:
    """Tell whether an error may be that of a verb: a node is no VPS."""
    return kind is not VpsNotFoundError or verb.row.about == "VPS"


def _foreign_kind(status_code: int, verb: Verb) -> type[PanelError] | type[NoAnswerError]:
    # Whoever has had too many calls says of itself that it did not do what was asked. That is all that is believed: a
    # redirect may come from what was done, as PHP's programs send one after a POST.
    if status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitedError
    return PanelError if verb.row.repeatable else NoAnswerError


def passes(error: CvmError) -> bool:
    """Tell whether a later reading may succeed after one failed with this."""
    return _row_after(error).passes


def passes_soon(error: BaseException) -> bool:
    """Tell whether the same, asked again within seconds, may succeed."""
    return _row_after(error).passes_soon


def _row_after(error: BaseException) -> StatusRow:
    if isinstance(error, PanelError):
        return _LASTING if isinstance(error, _LASTING_KINDS) else row_of(error.status_code)
    if isinstance(error, NotSentError) and not error.may_pass:
        return _LASTING
    # What is no JSON, or not what is documented, is often PHP's word for a database that is away for a moment.
    return _PASSING if isinstance(error, (NotSentError, NoAnswerError, DecodeError)) else _LASTING
