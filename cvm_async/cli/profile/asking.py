"""What a person is asked, a token without its letters showing; where there is no person, lines are read instead."""

import getpass
import sys
import warnings

from attrs import frozen

from cvm_async._secret import Secret
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.terminal import Terminal

NOTHING_WRITTEN = "nothing was written"


@frozen
class Asker:
    """Who asks.

    Attributes:
        terminal: Where a person would be.
    """

    terminal: Terminal

    def text(self, question: str) -> str:
        """Ask for a line; what is typed shows."""
        return _given(question, self._line(question))

    def secret(self, question: str) -> Secret:
        """Ask for a token; what is typed does not show."""
        if not self.terminal.interactive:
            return Secret(_given(question, self._line(question)))
        try:
            with self.terminal.interruptible(), warnings.catch_warnings():
                # What it would do where the letters cannot be kept from showing.
                warnings.simplefilter("error", getpass.GetPassWarning)
                return Secret(getpass.getpass(f"{question}: ").strip())
        except getpass.GetPassWarning:
            message = "this terminal cannot keep a token from showing"
        except EOFError:
            self.terminal.say("")
            message = _unanswered(question)
        raise CommandError(message, Exit.USAGE)

    def _line(self, question: str) -> str:
        if self.terminal.interactive:
            return self.terminal.ask(f"{question}:")
        # Closed (`<&-`), it is None.
        return "" if sys.stdin is None else sys.stdin.readline()


def _given(question: str, line: str) -> str:
    if not line:
        raise CommandError(_unanswered(question), Exit.USAGE)
    return line.strip()


def _unanswered(question: str) -> str:
    return f"no answer to {question!r}; {NOTHING_WRITTEN}"
