"""A long answer is told by its ends, and its JSON is found and read in steps between which the event loop turns."""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Final

from attrs import define, field

from cvm_async._api.listing import Listing
from cvm_async._api.php import Json, NotJsonError, Page
from cvm_async._api.windows import WINDOW, Walk

__all__ = ["LongPage"]

# Bytes of either end in which to look for what is no JSON: the text of a fatal error has less, stack trace included.
_END: Final = 8 * 1024
# Bytes at the end in which one may begin, with whatever a program prints behind it.
_FATAL_WITHIN: Final = 1024 * 1024
# Diagnostics may quote how the JSON begins; trying a few from either end bounds the work.
_TRIED: Final = 4
# The longest opening, which may stand across two windows.
_OVERLAP: Final = 64

_OPENING: Final = re.compile(rb'\{\s{0,20}"(?:response|errors)"\s{0,20}:')
_EMPTY: Final = re.compile(rb"(?<=[\n>])(?:\[\s*\]|\{\s*\})\s*\Z")
_MARK: Final = b"\xef\xbb\xbf"  # The byte order mark, in UTF-8.
_FATAL: Final = (b"Fatal error", b"Parse error", b"fatal error")


@define
class LongPage:
    """What `Page` tells of an answer, of a long one.

    Attributes:
        listing: What of a long list went there while the value was read.
    """

    _body: bytes
    listing: Listing = field(init=False, factory=Listing)
    _first: int = field(init=False)
    _ends: Page = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._first = len(self._body) - len(self._body.lstrip().removeprefix(_MARK).lstrip())
        head_ends = self._first + _END
        tail = self._body[max(head_ends, len(self._body) - _END) :]
        self._ends = Page.of(self._body[self._first : head_ends] + tail)

    def is_blank(self) -> bool:
        return self._first == len(self._body)

    def is_diagnostics_alone(self) -> bool:
        return self._ends.is_diagnostics_alone() and self.fatal() is None

    def is_foreign(self) -> bool:
        return self._ends.is_foreign()

    def fatal(self) -> str | None:
        """Give an excerpt of the last error that ended PHP: nothing but its own text comes behind it."""
        within = max(0, len(self._body) - _FATAL_WITHIN)
        at = max(self._body.rfind(word, within) for word in _FATAL)
        return None if at < 0 else Page.of(self._body[at : at + _END]).fatal()

    def words(self) -> str | None:
        return self._ends.words()

    def words_before(self, position: int) -> str | None:
        return Page.of(self._body[self._first : min(position, self._first + _END)]).words()

    def source(self, position: int) -> str:
        return Page.of(self._body[position : position + _END]).source(0)

    def value(self) -> Generator[None, None, tuple[Json, int]]:
        """Give the value of the JSON that the answer ends with, and where it begins.

        Raises:
            NotJsonError: There is none.
        """
        reason = ""
        for opening in self._openings():
            if opening is None:
                yield
                continue
            walk = Walk(self._body, opening)
            try:
                value = yield from walk.value()
            except NotJsonError as error:
                reason = str(error)
                continue
            if self._body[walk.position :].strip() in (b"", _MARK):
                self.listing = walk.listing
                return value, opening
            reason = "JSON with something behind it"
        raise NotJsonError(reason or ("an HTML page" if self._begins(self._first, b"<") else "no JSON"))

    def _openings(self) -> Iterator[int | None]:
        """Give where the JSON may begin, as `Page.openings` does; None is time for others to have a turn."""
        if self._begins(self._first, b"{", b"["):
            yield self._first
        if self.is_foreign():
            return
        starts = range(self._first + 1, len(self._body), WINDOW)
        forwards: list[int] = []
        yield from self._search(starts, forwards)
        backwards: list[int] = []
        yield from self._search(reversed(starts), backwards)
        tried = dict.fromkeys(sorted(forwards)[:_TRIED] + sorted(backwards)[-_TRIED:])
        empty = _EMPTY.search(self._body, max(self._first + 1, len(self._body) - _END))
        if empty is not None:
            tried[empty.start()] = None
        yield from tried
        line = self._body.rfind(b"\n", 0, len(self._body.rstrip())) + 1
        if line > self._first and line not in tried and self._begins(line, b"{", b"["):
            yield line

    def _search(self, starts: Iterable[int], found: list[int]) -> Iterator[None]:
        """Search window by window, until there are enough openings."""
        for start in starts:
            yield
            found.extend(match.start() for match in _OPENING.finditer(self._body, start, start + WINDOW + _OVERLAP))
            if len(found) >= _TRIED:
                return

    def _begins(self, at: int, *with_: bytes) -> bool:
        return self._body.startswith(with_, at)
