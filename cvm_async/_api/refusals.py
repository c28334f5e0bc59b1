"""The error for an answer that is no success, in a sentence that says who may have answered and what to do about it."""

from http import HTTPStatus
from typing import Final

from attrs import frozen

from cvm_async._api.answers import Meaning, is_redirect, meaning_of, row_of
from cvm_async._api.verbs import Verb
from cvm_async._safe_text import excerpt
from cvm_async.errors import (
    About,
    ActionFailedError,
    AuthenticationError,
    CvmError,
    NoAnswerError,
    NodeUnreachableError,
    PanelError,
    PermissionDeniedError,
    RateLimitedError,
    VpsNotFoundError,
)

__all__ = ["Refused", "refusal", "unknown_outcome"]

_SUMMARIES: Final[dict[type[CvmError], str]] = {
    AuthenticationError: "the panel does not accept this pair of tokens",
    PermissionDeniedError: "the panel gives this pair of tokens no access to the client API",
    VpsNotFoundError: "the panel knows no such VPS of this user",
    RateLimitedError: "the panel, or something in front of it, has had too many calls",
    NodeUnreachableError: "the host node of the VPS is unreachable",
}
_SUMMARIES_OF_A_LIST: Final[dict[type[CvmError], str]] = {
    VpsNotFoundError: "there is no CVM client API at this address",
    NodeUnreachableError: "the panel is not available",
}
# What is documented of a 403 here; it may also be that of tokens without rights, which speaks of the API.
_NOT_SHOWN: Final = {
    "node": "the panel shows this user no such node: none of the user's VPSes is on it",
    "template": "the panel shows this user no such template",
}
_WRONG_ADDRESS: Final = "check the panel's address and its path, and whether it has another revision of this API"
# What to do about an answer of somebody else's, or of a panel that broke.
_ADVICE: Final = {
    401: "where that is a login of its own, give it to the httpx client",
    403: "a firewall or a filter for bots may refuse this client",
    404: _WRONG_ADDRESS,
    405: _WRONG_ADDRESS,
    410: _WRONG_ADDRESS,
    511: "log in to the network first",
}
_BROKE_OVER_A_VPS: Final = "its host node may be unreachable; where every VPS gives this, " + _WRONG_ADDRESS
_BROKE_OVER_A_LIST: Final = "a VPS on the list may lack its host node; where it lasts, " + _WRONG_ADDRESS
# Characters of the panel's own words that a message quotes.
_QUOTED_LENGTH: Final = 300


@frozen
class Refused:
    """What is known of an answer that is no success.

    Attributes:
        status_code: Its HTTP status.
        errors: The panel's own sentences, raw; without any it may be anybody's.
        retry_after: Seconds that its header asks to wait, None where it does not ask.
        location: Where it redirects to, safe to print; None where it does not say.
        fatal: What PHP said when it broke off, None where it did not or does not say so.
        quoted: How JSON begins that is not the panel's own word, safe to print; None where it is no JSON.
    """

    status_code: int
    errors: tuple[str, ...] = ()
    retry_after: float | None = None
    location: str | None = None
    fatal: str | None = None
    quoted: str | None = None


def refusal(verb: Verb, about: About, answer: Refused) -> CvmError:
    """Give the error that an answer means.

    Args:
        verb: What was asked.
        about: The call, for the error.
        answer: What came back.
    """
    meaning = meaning_of(answer.status_code, answer.errors, verb)
    summary = _summary(meaning, verb, answer)
    if issubclass(meaning.kind, NoAnswerError):
        return meaning.kind(f"{summary}, so {unknown_outcome(verb)}", **about)
    words = excerpt("; ".join(answer.errors), _QUOTED_LENGTH)
    said = f': "{words}"' if words else ""
    wait = "" if answer.retry_after is None else f", and asks to wait {answer.retry_after:g} s"
    return meaning.kind(
        f"{summary}{said}{wait}",
        status_code=answer.status_code,
        errors=answer.errors,
        retry_after=answer.retry_after,
        **about,
    )


def unknown_outcome(verb: Verb) -> str:
    """Say that nobody can know whether an action was carried out."""
    return f"whether the VPS was {verb.row.past} is unknown: look at its status before you repeat this"


def _summary(meaning: Meaning, verb: Verb, answer: Refused) -> str:
    if verb.row.about in _NOT_SHOWN and meaning.kind is PermissionDeniedError and not _is_of_tokens(answer):
        return _NOT_SHOWN[verb.row.about]
    if not verb.row.about_one_vps and meaning.kind in _SUMMARIES_OF_A_LIST:
        return _SUMMARIES_OF_A_LIST[meaning.kind]
    if meaning.kind in _SUMMARIES:
        return _SUMMARIES[meaning.kind]
    if meaning.kind is ActionFailedError:
        return f"the panel could not {verb} the VPS"
    answered = f"answered {answer.status_code}{_phrase(answer.status_code)}"
    return f"the panel {answered}" if meaning.own else _foreign_summary(meaning, verb, answer, answered)


def _foreign_summary(meaning: Meaning, verb: Verb, answer: Refused, answered: str) -> str:
    status_code = answer.status_code
    if answer.fatal is not None:
        return f'PHP broke off on the panel ({status_code}): "{answer.fatal}"'
    if is_redirect(status_code):
        return f"{_redirects(answer.location)}, which is never followed, as it would take the tokens along"
    said = "" if answer.quoted is None else f" with {answer.quoted}"
    if row_of(status_code).gateway:
        return f"a proxy {answered} for the panel{said}"
    who = f"something in front of the panel {answered}{said}, or the panel broke"
    if meaning.overloaded:
        who = f"the panel, or something in front of it, has no room and {answered}{said}"
    advice = _advice(verb, status_code)
    return f"{who}: {advice}" if advice and meaning.kind is PanelError else who


def _is_of_tokens(answer: Refused) -> bool:
    return "api" in " ".join(answer.errors).casefold()


def _redirects(location: str | None) -> str:
    if location is None:
        return "the panel redirects"
    return f"the panel wants to send us to {location} (make the session with that address if you trust it)"


def _advice(verb: Verb, status_code: int) -> str | None:
    if status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _BROKE_OVER_A_VPS if verb.row.about_one_vps else _BROKE_OVER_A_LIST
    return _ADVICE.get(status_code)


def _phrase(status_code: int) -> str:
    try:
        return f" {HTTPStatus(status_code).phrase}"
    except ValueError:
        return ""
