"""What a PHP page printed is read here as JSON, past everything else that PHP prints before it.

With ``display_errors`` on, PHP prints diagnostics first, and a customer of the panel can't switch that off.
The JSON is what the page ends with. Finding it costs a fixed number of passes over the page, however long
the page is and whatever it holds.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, TypeAlias

from attrs import define, field, frozen

from cvm_async._safe_text import excerpt

__all__ = ["Json", "NotJsonError", "Page", "TooDeepError", "Unusable", "array_items", "is_index"]


class NotJsonError(Exception):
    """The page does not end with JSON; the text says what it is instead."""


class TooDeepError(NotJsonError):
    """It is nested too deep."""

    def __init__(self) -> None:
        super().__init__("JSON that is nested too deep")


@frozen
class Unusable:
    """Stands in a decoded value for what JSON does not have or Python does not read.

    It would otherwise take the whole answer with it; so only what it belongs to is refused.

    Attributes:
        text: What it is, safe to print.
    """

    text: str


Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | Unusable | None"

# A key of a PHP array that is no name.
_ARRAY_INDEX: Final = re.compile(r"-?[0-9]{1,19}")


def array_items(value: Json) -> Iterable[tuple[int | str, Json]] | None:
    """Give what a PHP array holds, each with its key; None for what is no such array.

    PHP has one type of array. `json_encode` writes it as a list where its keys are 0, 1, 2 and so on, and else as an
    object: where one was taken out, where they were counted from 1, where they are ids. An empty array is ``[]``
    always, so an empty object is none; nor is one with a name for a key, which is something by itself.
    """
    if isinstance(value, list):
        return enumerate(value)
    if isinstance(value, dict) and value and all(map(is_index, value)):
        return value.items()
    return None


def is_index(key: int | str) -> bool:
    """Tell whether a key is a number, as those of a PHP array are that is no more than a list."""
    return isinstance(key, int) or _ARRAY_INDEX.fullmatch(key) is not None


def _integer(digits: str) -> int | Unusable:
    # Python refuses to read integers of some thousand digits, because that takes quadratic time.
    try:
        return int(digits)
    except ValueError:
        return Unusable(f"a number of {len(digits):,} digits")


# `strict=False` lets control characters in strings pass; where text is shown it is made safe anyway.
_QUICK: Final = json.JSONDecoder(strict=False, parse_constant=Unusable)
# The same, but calls Python for each integer.
_CAREFUL: Final = json.JSONDecoder(strict=False, parse_constant=Unusable, parse_int=_integer)

_BLANK: Final = re.compile(r"[\s\ufeff]*")
# What a proxy or another program answers with in place of the panel.
_FOREIGN: Final = re.compile(r"<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
# How the JSON of this API begins, or an empty response that ends the page.
_OPENING: Final = re.compile(r'\{\s*"(?:response|errors)"\s*:|(?<=[\n>])(?:\[\s*\]|\{\s*\})\s*\Z')
# Diagnostics may quote an opening; trying a few from either end bounds the work.
_TRIED_OPENINGS: Final = 4
_DIAGNOSTIC: Final = re.compile(r"(?:<br ?/?>\s*)?(?:<b>)?(?:Warning|Notice|Deprecated)(?:</b>)?:")
_DIAGNOSTIC_END: Final = re.compile(r"on line (?:<b>)?\d{1,9}(?:</b>)?(?:<br ?/?>)?\s*\Z")
_FATAL: Final = re.compile(r"(?:Fatal|Parse|fatal) error(?:</b>)?:")
_TAG: Final = re.compile(r"<[^<>]{0,200}>")
# Enough of a page to fill an excerpt once the tags are gone.
_WORDS_HEAD: Final = 2_000
# Enough to fill an excerpt, before white space has shrunk.
_SOURCE: Final = 2_000

# Every escape sequence is matched, so that an escaped backslash is never taken for the start of another one.
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def _mend_escape(match: re.Match[str]) -> str:
    return r"\ufffd" if match[1] else match[0]


def _raw_value(text: str, start: int) -> tuple[Json, int]:
    found: tuple[Json, int]
    try:
        found = _QUICK.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except ValueError:
        found = _CAREFUL.raw_decode(text, start)
    return found


def _sound(value: Json, source: str) -> Json:
    mended = _ESCAPE.sub(_mend_escape, source)
    if mended != source:
        value = _raw_value(mended, 0)[0]
    # What is left of surrogates now are bytes that are no UTF-8.
    return value if _is_encodable(mended) else _legible(value)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _legible(value: Json) -> Json:
    if isinstance(value, str):
        return value if _is_encodable(value) else Unusable("text that is no UTF-8")
    if isinstance(value, list):
        return [_legible(member) for member in value]
    if isinstance(value, dict):
        return {_legible_key(key): _legible(member) for key, member in value.items()}
    return value


def _legible_key(key: str) -> str:
    return key.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@define
class Page:
    """The text of one answer.

    Attributes:
        text: All of it. Bytes that are no UTF-8 stand in it as lone surrogates.
        suspect: Whether some of it may be no Unicode text: such bytes, or escaped surrogates.
    """

    text: str
    suspect: bool = field(repr=False)

    @classmethod
    def of(cls, body: bytes) -> "Page":
        """Read the bytes of an answer."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return cls(body.decode("utf-8", "surrogateescape"), suspect=True)
        # Most answers hold no backslash, which a search for one character finds out ten times as fast.
        return cls(text, suspect="\\" in text and ("\\ud" in text or "\\uD" in text))

    def is_blank(self) -> bool:
        """Tell whether there is only white space; PHP prints that for a failure and for an empty response."""
        return self._first() == len(self.text)

    def is_diagnostics_alone(self) -> bool:
        """Tell whether PHP complained, printed nothing else, and went on to the end."""
        text, first = self.text, self._first()
        return (
            _DIAGNOSTIC.match(text, first) is not None
            and _DIAGNOSTIC_END.search(text) is not None
            and _FATAL.search(text) is None
        )

    def is_foreign(self) -> bool:
        """Tell whether it is a whole HTML page, as proxies and other programs answer, and PHP's diagnostics are not."""
        return _FOREIGN.match(self.text, self._first()) is not None

    def fatal(self) -> str | None:
        """Give an excerpt of the error that ended PHP, past the diagnostics before it; None if there is none."""
        found = _FATAL.search(self.text)
        return self._words(found.start(), len(self.text)) if found else None

    def openings(self) -> Iterator[int]:
        """Give where the JSON may begin, most likely first, each once, none for the page of a proxy."""
        # What almost every answer is, without another look at it.
        if self.text.startswith(("{", "[")):
            yield 0
        first = self._first()
        if first and self.text.startswith(("{", "["), first):
            yield first
        if self.is_foreign():
            return
        matches = _OPENING.finditer(self.text, first + 1)
        tried = [match.start() for match in islice(matches, _TRIED_OPENINGS)]
        tried += deque((match.start() for match in matches), maxlen=_TRIED_OPENINGS)
        yield from tried
        line = self.text.rfind("\n", 0, len(self.text.rstrip())) + 1
        if line > first and line not in tried and self.text.startswith(("{", "["), line):
            yield line

    def value(self) -> tuple[Json, int]:
        """Give the value of the JSON that the page ends with, and where it begins.

        Raises:
            NotJsonError: There is none.
        """
        reason = ""
        for opening in self.openings():
            try:
                value, end = self.value_at(opening)
            except NotJsonError as error:
                reason = str(error)
                continue
            if end == len(self.text) or _BLANK.fullmatch(self.text, end):
                return value, opening
            reason = "JSON with something behind it"
        raise NotJsonError(reason or ("an HTML page" if self.text.startswith("<", self._first()) else "no JSON"))

    def value_at(self, start: int) -> tuple[Json, int]:
        """Give the JSON value that begins at `start`, and where it ends.

        Texts in it with bytes that are no UTF-8 come as `Unusable`, each by itself; escapes of lone surrogates, which
        no encoder would take later, come as U+FFFD.

        Raises:
            NotJsonError: There is none.
        """
        try:
            value, end = _raw_value(self.text, start)
            return (_sound(value, self.text[start:end]) if self.suspect else value), end
        except json.JSONDecodeError as error:
            raise NotJsonError(f"no JSON ({error.msg} at character {error.pos:,})") from None
        except RecursionError:
            raise TooDeepError from None

    def words(self) -> str | None:
        """Give an excerpt of the text, without HTML's tags; None if there is none."""
        return self._words(0, len(self.text))

    def words_before(self, position: int) -> str | None:
        """As `words`, of the text before a position."""
        return self._words(0, position)

    def source(self, position: int) -> str:
        """Give how the text from a position on begins."""
        return self.text[position : position + _SOURCE]

    def _words(self, start: int, end: int) -> str | None:
        if start == end:
            return None
        return excerpt(_TAG.sub("", self.text[start : min(end, start + _WORDS_HEAD)]).lstrip("\ufeff")) or None

    def _first(self) -> int:
        blank = _BLANK.match(self.text)
        return blank.end() if blank else 0
