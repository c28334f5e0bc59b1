"""What is typed behind `/`: words that must all fit, of a hostname, a state, an id, a node or a panel."""

from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from cvm_async.watch.snapshot import Reading

HINT = "words that all must fit: web stopped node:3 id:17 stale; a,b either; -word not"
_BY_FIELD: Final[Mapping[str, Callable[[Reading], str]]] = {
    "node": lambda reading: str(reading.vps.node),
    "id": lambda reading: str(reading.vps.id),
    "panel": lambda reading: reading.panel.lower(),
}
"""What is compared whole, behind the name of the field and a colon."""


@frozen
class Search:
    """Words that must all fit.

    Attributes:
        text: As it was typed.
        words: Each of its words: whether it must not fit, and the alternatives of which one must.
    """

    text: str = ""
    words: tuple[tuple[bool, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, text: str) -> "Search":
        """Give what was typed, understood; what is not finished yet hides nothing."""
        found = [(word.startswith("-"), word.removeprefix("-")) for word in text.lower().split()]
        words = [(unwanted, tuple(part for part in word.split(",") if part)) for unwanted, word in found]
        return cls(" ".join(text.split()), tuple((unwanted, parts) for unwanted, parts in words if parts))

    def fits(self, reading: Reading) -> bool:
        """Tell whether all words fit what is known of a VPS."""
        if not self.words:
            return True
        texts = _texts(reading)
        return all(any(_fits(part, reading, texts) for part in parts) is not unwanted for unwanted, parts in self.words)


def _fits(part: str, reading: Reading, texts: tuple[str, ...]) -> bool:
    name, colon, value = part.partition(":")
    if colon and name in _BY_FIELD:
        # `node:` alone is a word that is being typed.
        return not value or _BY_FIELD[name](reading) == value
    return any(part in text for text in texts)


def _texts(reading: Reading) -> tuple[str, ...]:
    state = "unread" if reading.status is None else reading.status.state.value
    age = "stale" if reading.is_stale else "unreachable" if reading.error is not None else ""
    return reading.vps.hostname.lower(), state, age, str(reading.vps.id), reading.panel.lower()
