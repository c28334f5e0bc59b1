"""Exit statuses: what a script can tell from how a command ended."""

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Whoever asks for help waits for none of it to load.
    from cvm_async.errors import CvmError
    from cvm_async.fleet.outcome import Outcome

_REFUSED = frozenset(("authentication", "permission_denied"))
"""The kinds of errors that say so."""


class Exit(IntEnum):
    """How a command ended. The last two are 128 and the number of the signal, as shells have it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTLY = 3
    """Some of the fleet failed, or could not be read."""
    REFUSED = 4
    """The panel does not let these tokens in."""
    INTERRUPTED = 130
    TERMINATED = 143


class CommandError(Exception):
    """A command can't go on; its text is a sentence for the person who gave it.

    Attributes:
        status: The exit status.
    """

    def __init__(self, message: str, status: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.status = status


def of_error(error: "CommandError | CvmError") -> Exit:
    """Give the exit status for an error that ends a command."""
    if isinstance(error, CommandError):
        return error.status
    # Bad settings are bad values, too; no other error is.
    if isinstance(error, ValueError):
        return Exit.USAGE
    return Exit.REFUSED if error.kind in _REFUSED else Exit.FAILED


def of_outcomes(outcomes: "Iterable[Outcome[object]]") -> Exit:
    """Give the exit status for what came of a fleet: partly only where something went well, too."""
    every = list(outcomes)
    errors = [outcome.error for outcome in every if outcome.error is not None]
    if not errors:
        return Exit.DONE
    if len(errors) < len(every):
        return Exit.PARTLY
    return Exit.REFUSED if all(error.kind in _REFUSED for error in errors) else Exit.FAILED
