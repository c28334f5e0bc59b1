"""What came of a verb for one VPS, in one word of seven: no two of them hold at once, and a count of each adds up.

`ok` and `skipped` alone do not tell these apart: what was as wanted already was skipped and is fine, what is suspended
was skipped and is not; and of what failed, a part may have been done all the same.
"""

from enum import StrEnum

from cvm_async._api.verbs import acts
from cvm_async.errors import DecodeError, NoAnswerError, NotPossibleError, WaitTimeoutError
from cvm_async.fleet.outcome import Outcome


class Result(StrEnum):
    """What came of a verb for one VPS. The words stand in summaries, tables and JSON alike."""

    CHANGED = "changed"
    """The action was carried out."""
    UNCHANGED = "unchanged"
    """It was in the wanted state already, and nothing was sent."""
    NOT_POSSIBLE = "not possible"
    """It is in a state that a customer cannot bring it out of, such as suspended; nothing was sent."""
    FAILED = "failed"
    """It was tried, and was not done; or it could not be seen in time."""
    SKIPPED = "skipped"
    """Nothing was sent: its node was left alone, or the run ended before its turn."""
    UNKNOWN = "unknown"
    """It was sent, and may or may not have been carried out: look before you do it again."""
    SEEN = "seen"
    """A verb that only looks, a status or a wait, saw what it looked for."""


ACTING = tuple(result for result in Result if result is not Result.SEEN)
"""What may come of a start, stop or restart."""

LOOKING = (Result.SEEN, Result.FAILED, Result.SKIPPED)
"""What may come of a status or a wait."""

AGAIN = frozenset((Result.FAILED, Result.SKIPPED, Result.UNKNOWN))
"""What is to be done again, once it has been looked at."""


def results_of(verb: str) -> tuple[Result, ...]:
    """Give all that may come of a verb, given as its word."""
    return ACTING if acts(verb) else LOOKING


def result_of(outcome: Outcome[object], verb: str) -> Result:
    """Give what came of a verb, given as its word, for one VPS."""
    if not acts(verb):
        return _seen(outcome)
    if outcome.error is None:
        return Result.UNCHANGED if outcome.skipped else Result.CHANGED
    if isinstance(outcome.error, NotPossibleError):
        return Result.NOT_POSSIBLE
    # What a plan could not read was tried; what it did not try to, because its node was left alone, was not.
    if outcome.skipped:
        return Result.FAILED if outcome.error.attempts else Result.SKIPPED
    return Result.UNKNOWN if _may_be_done(outcome) else Result.FAILED


def _seen(outcome: Outcome[object]) -> Result:
    if outcome.error is None:
        return Result.SEEN
    return Result.SKIPPED if outcome.skipped else Result.FAILED


def _may_be_done(outcome: Outcome[object]) -> bool:
    error = outcome.error
    if isinstance(error, WaitTimeoutError):
        # It is done, but whether it helped nobody could see.
        return error.last is None
    # The look before an action says nothing of the action, which was not sent then.
    return isinstance(error, (NoAnswerError, DecodeError)) and error.method != "GET"
