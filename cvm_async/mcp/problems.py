"""What a tool says where it cannot do what was asked: a kind that stays, a sentence, and what to do about it."""

from collections.abc import Mapping
from typing import Final

from cvm_async.errors import CvmError
from cvm_async.mcp.texts import SENTENCE, told

__all__ = ["NothingDone", "ToolProblem", "advice_of", "problem_of"]

_ADVICE: Final[Mapping[str, str]] = {
    "configuration": "Tell the user: the server's settings or what was asked are wrong; trying again changes nothing.",
    "missing_extra": "Tell the user to install what is missing.",
    "not_supported": "Tell the user: this panel has no such thing. Trying again changes nothing.",
    "session_closed": "The server is ending; nothing more can be asked of it.",
    "not_sent": "The panel never saw it, so it is safe to try again later.",
    "not_possible": "Its state does not allow it; only the panel's operator can change that. Tell the user.",
    "no_answer": (
        "After a start, stop or restart it is not known whether it was done: read the status before anything else. "
        "Otherwise try again later."
    ),
    "panel": "Something in front of the panel, or the panel itself, failed; try again later, or tell the user.",
    "authentication": "Tell the user: the panel does not know the tokens. Trying again changes nothing.",
    "permission_denied": "Tell the user: the tokens have no access. Trying again changes nothing.",
    "vps_not_found": "Look the VPS up with list_vpses, or ask the user which one is meant.",
    "ambiguous_name": "Ask the user which one is meant, and name it by its id, or as panel/hostname.",
    "action_failed": "The panel says that it failed. Read the status, and tell the user.",
    "node_unreachable": "The host node does not answer, and nothing was done; try again in some minutes.",
    "rate_limited": "Too many calls; wait a minute.",
    "decode": "The panel answered what cannot be understood. After an action read the status before anything else.",
    "wait_timeout": "The action was carried out, and its state did not come in time: read the status later.",
}
_OTHERWISE: Final = "Tell the user."


class ToolProblem(Exception):  # noqa: N818 - it is an answer, which the model reads; the tool works as it should
    """A tool cannot do what was asked of it; the text is for the model.

    Attributes:
        kind: Which problem it is, in a word that stays.
        advice: What to do about it.
    """

    def __init__(self, kind: str, message: str, advice: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.advice = advice


class NothingDone(ToolProblem):
    """A tool that acts did not act.

    Attributes:
        why: The reason alone.
    """

    def __init__(self, kind: str, why: str, advice: str) -> None:
        super().__init__(kind, f"{why}; nothing was done", advice)
        self.why = why


def problem_of(error: CvmError) -> ToolProblem:
    """Give an error of the library as a tool's."""
    return ToolProblem(error.kind, told(str(error), SENTENCE), advice_of(error))


def advice_of(error: CvmError) -> str:
    """Give what to do about an error."""
    return _ADVICE.get(error.kind, _OTHERWISE)
