"""Text in pieces, each with the tone in which it is meant, cut to cells of a terminal: wide characters take two.

Tones are the terminal's own colours: they fit a dark and a light one, and whoever has chosen others. None says anything
that the words and signs do not say, too.
"""

import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

from rich.cells import cell_len, set_cell_size


class Tone(StrEnum):
    """How a piece is meant; the values are rich's styles."""

    PLAIN = ""
    QUIET = "dim"
    STRONG = "bold"
    GOOD = "green"
    WARNING = "yellow"
    TROUBLE = "red"
    KEY = "bold cyan"


Piece: TypeAlias = tuple[str, Tone]
Line: TypeAlias = tuple[Piece, ...]

FULL: Final = "━"
REST: Final = "─"
_SPAN_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "m"))
_SHARE_MOST: Final = 9.99
"""A share that still fits four characters: 999%."""

WORRYING: Final = 0.80
"""The share of memory, disk or traffic from which a bar warns, as `changes` tells it of traffic."""
ALARMING: Final = 0.95
"""And from which it alarms, likewise."""


def plain(text: str) -> Line:
    """Give a line of one plain piece."""
    return ((text, Tone.PLAIN),)


def cells(text: str) -> int:
    """Give how many cells a text takes."""
    # Most texts there are, and much faster: a table asks for thousands.
    return len(text) if text.isascii() else cell_len(text)


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Give text of exactly so many cells."""
    if cells(text) > width:
        return set_cell_size(text, width - 1) + "…" if width > 0 else ""
    padding = " " * (width - cells(text))
    return padding + text if right else text + padding


def width_of(line: Iterable[Piece]) -> int:
    """Give how many cells a line takes."""
    return sum(cells(text) for text, _ in line)


def cut(line: Sequence[Piece], width: int) -> Line:
    """Give a line that takes at most so many cells; an ellipsis says that there was more."""
    if width_of(line) <= width:
        return tuple(line)
    kept: list[Piece] = []
    room = width
    for text, tone in line:
        if room > 0:
            kept.append((text if cells(text) < room else fitted(text + " ", room), tone))
        room -= cells(text)
    return tuple(kept)


def wrapped(line: Line, width: int) -> list[Line]:
    """Give a line of a label and words as several, broken between words; what follows stands below the words."""
    label, (words, tone) = line
    indent = cells(label[0])
    texts = textwrap.wrap(words, max(width - indent, 1)) or [""]
    return [(label if index == 0 else (" " * indent, Tone.PLAIN), (text, tone)) for index, text in enumerate(texts)]


def spread(left: Sequence[Piece], right: Sequence[Piece], width: int) -> Line:
    """Give a line with one part at each end; where there is no room for both, the left one alone."""
    gap = width - width_of(left) - width_of(right)
    if gap < 1:
        return cut(left, width)
    return (*left, (" " * gap, Tone.PLAIN), *right)


def joined(parts: Iterable[Line], gap: str = "   ") -> Line:
    """Give parts as one line, with a gap between them."""
    line: list[Piece] = []
    for part in parts:
        line.extend(((gap, Tone.PLAIN),) if line else ())
        line.extend(part)
    return tuple(line)


def heat(share: float | None) -> Tone:
    """Give the tone of a share that is used."""
    if share is None or share < WORRYING:
        return Tone.PLAIN
    return Tone.TROUBLE if share >= ALARMING else Tone.WARNING


def bar(share: float | None, width: int) -> Line:
    """Give a share as a bar of so many cells; spaces where it is not known."""
    if share is None:
        return ((" " * width, Tone.PLAIN),)
    full = min(max(round(share * width), 1 if share > 0 else 0), width)
    return (FULL * full, heat(share)), (REST * (width - full), Tone.QUIET)


def percent(share: float | None) -> str:
    """Give a share in four characters: `` 42%``; spaces where it is not known."""
    return "    " if share is None else f"{min(share, _SHARE_MOST):4.0%}"


def span(seconds: float) -> str:
    """Give a time in its largest whole unit: ``42s``, ``17m``, ``3h``, ``2d``."""
    for size, unit in _SPAN_UNITS:
        if seconds >= size:
            return f"{int(seconds / size)}{unit}"
    return f"{max(int(seconds), 0)}s"
