"""Lines are cut to a place's limit where one ends, and what is missing is counted: nobody reads half a line as a whole.

Lengths are those of the escaped text, and what is cut is the text itself: no escape is ever cut in two.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from cvm_async._checks import refuse
from cvm_async.render.places import Place

SHORTEST: Final = 100
"""The smallest limit: a line that says something, and one that counts the rest."""
_LONGEST_LINE: Final = 400
"""Characters of a line where there is a limit: one VPS's hostname must not leave the others without room."""
_JOINERS: Final = "\u200c\u200d"
"""What holds an emoji together with the next one, which is cut off."""


def fit(lines: Sequence[str], place: Place, limit: int | None = None) -> str:
    """Give lines of safe text as a message for a place, cut on a whole line: the last then says ``… and 37 more``.

    Raises:
        ConfigurationError: The limit is below 100.
    """
    limit = place.limit if limit is None else limit
    if limit is None:
        return place.write(lines)
    if limit < SHORTEST:
        refuse("limit", f"a length of at least {SHORTEST}, or None", limit)
    short = [cut(line, place, limit, _LONGEST_LINE) for line in lines]
    ends = list(accumulate(place.length(line) + 1 for line in short))
    if not ends or ends[-1] - 1 <= limit:
        return place.write(short)
    room = limit - place.length(_more(len(lines)))
    whole = sum(end <= room for end in ends)
    kept = short[:whole] or [cut(short[0], place, room - 1)]
    return place.write([*kept, _more(len(lines) - len(kept))])


def cut(line: str, place: Place, room: int, longest: int | None = None) -> str:
    """Give a line that takes no more of a limit than there is room, and at most so many characters."""
    most = len(line) if longest is None else min(len(line), longest)
    if most == len(line) and place.length(line) <= room:
        return line
    low, high = 0, most - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if place.length(_begun(line, middle)) <= room else (low, middle - 1)
    return _begun(line, low)


def _begun(line: str, length: int) -> str:
    return f"{line[:length].rstrip(_JOINERS + ' ')}…"


def _more(count: int) -> str:
    return f"… and {count:,} more"
