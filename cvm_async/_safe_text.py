"""Text from a panel is made safe before a person sees it, because a database can hold anything.

A terminal obeys control characters, a chat obeys bidirectional overrides, and a lone surrogate makes any
encoder fail; what has no meaning, or one of somebody's own, may be drawn as anything. Nothing else is touched:
letters of every script, emoji and markup characters stay.
"""

import unicodedata
from typing import Final

__all__ = ["EXCERPT_LENGTH", "excerpt", "safe_text"]

EXCERPT_LENGTH: Final = 200
"""Characters of an answer that an error may quote."""

# Categories of Unicode: controls (C0, C1, DEL), formats (bidirectional controls, zero-width and tag characters),
# surrogates, code points that are not assigned (in the Unicode of this Python) and those for private use. Separators,
# those of lines and paragraphs among them, become a plain space.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Co"})
_SPACES: Final = frozenset({"Zs", "Zl", "Zp"})
_LINE_BREAKS: Final = "\t\n\r"
# Of category Cf too, but they hold Persian and Indic words and family emoji together, and hide nothing.
_JOINERS: Final = "\u200c\u200d"
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# White space shrinks in an excerpt, so more is looked at than is given, but never megabytes.
_LOOK_AHEAD: Final = 8


def safe_text(text: str) -> str:
    """Give `text` as one line that neither a terminal nor a chat obeys, and that can be encoded.

    Line breaks, tabs and odd spaces become a space; other control and format characters, lone surrogates, and code
    points that are unassigned or for private use become U+FFFD. The length stays the same.
    """
    # True for almost every text there is, and one pass in C.
    if text.isprintable():
        return text
    return "".join(map(_safe_character, text))


def _safe_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SPACES or character in _LINE_BREAKS:
        return " "
    return _REPLACEMENT if category in _UNSAFE and character not in _JOINERS else character


def excerpt(text: str | bytes, length: int = EXCERPT_LENGTH) -> str:
    """Give how `text` begins, on one line, safe to print, in at most `length` characters.

    Runs of white space count as one space; an ellipsis says that there is more. Bytes that are no UTF-8
    become U+FFFD.
    """
    head = text[: _LOOK_AHEAD * length]
    shown = head.decode("utf-8", "replace") if isinstance(head, bytes) else head
    line = " ".join(safe_text(shown).split())
    if len(line) <= length and len(head) == len(text):
        return line
    return f"{line[: length - 1]}…"
