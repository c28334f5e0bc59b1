"""What was perhaps meant by a word that is no command, option or choice: only what is close, and nothing that harms.

cyclopts suggests the nearest of all, however far it is.
"""

import difflib
import re
from typing import Final

_SUGGESTED: Final = re.compile(r" Did you mean \"?(?P<meant>[^\"\s?]+)\"?\?")
_WORDS: Final = re.compile(r"(?P<given>--?[\w-]+|\"[^\"]*\")")
_CLOSE: Final = 0.75
"""How alike two words are that a slip of the finger makes of one another, as difflib counts."""
_NEVER: Final = frozenset(("--insecure",))
"""What nobody should be talked into."""


def only_close(message: str) -> str:
    """Give a message without what it suggests, unless that is close to what was typed."""
    suggested = _SUGGESTED.search(message)
    if suggested is None:
        return message
    meant = suggested["meant"]
    given = [word["given"].strip('"') for word in _WORDS.finditer(message[: suggested.start()])]
    close = any(difflib.SequenceMatcher(None, word, meant).ratio() >= _CLOSE for word in given)
    if close and meant not in _NEVER:
        return message
    return message[: suggested.start()] + message[suggested.end() :]
