"""Long JSON is read a window at a time, so that no shape of it holds the event loop for more than milliseconds.

`json` reads a text at once, which takes seconds with 30 MB of an odd one. What fits into a window is left to it here,
too. What is longer is an array or an object, whose members are read one by one; or a text or a number, and as none of
the panel's is so long it is passed over.
"""

import re
from collections.abc import Generator
from typing import Final, TypeAlias

from attrs import define, field, frozen

from cvm_async._api.listing import Listing
from cvm_async._api.php import Json, NotJsonError, Page, TooDeepError, Unusable, is_index

__all__ = ["WINDOW", "Streamed", "Walk"]

WINDOW: Final = 64 * 1024
"""Bytes that are read in one go: some 250 VPSes, or a millisecond or two of the worst that JSON can be."""

_STREAMED: Final = ("response", "vpses")
# Arrays and objects that are inside each other and each longer than a window: of the panel's it is three.
_DEEPEST: Final = 20
# Members of one; a list within the default limit has a quarter of that. And of one that is no list of VPSes: such are
# kept until all of the answer is read.
_MOST: Final = 1_000_000
_MOST_KEPT: Final = 10_000
# Of these, those between two turns of the event loop.
_SLICE: Final = 500
# A number that a window cuts in two may have so much of its fraction or exponent behind it, as in "1e+".
_TORN: Final = 2
# Bytes of UTF-8 that go on with a character, at most, and what they begin with.
_CONTINUED: Final = 3
_IS_CONTINUED: Final = range(0x80, 0xC0)

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_TEXT: Final = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NUMBER: Final = re.compile(r"[-+.0-9eE]*+")
_CLOSERS: Final = {"[": "]", "{": "}"}
_DIGITS: Final = frozenset("-0123456789")

_Path: TypeAlias = tuple[int | str, ...]


@frozen
class Streamed(Unusable):
    """Stands in a value for the long array or object whose members went into the listing.

    Attributes:
        named: Whether one of them has a name for its key, and so it is no PHP array.
    """

    named: bool


# Stands for a value that the window does not hold whole.
_CUT: Final = Unusable("cut")


@define
class Walk:
    """A walk through the JSON that begins at some byte of a body; a long list goes into a listing, entry by entry.

    Attributes:
        listing: What of ``response.vpses`` went there.
    """

    _body: bytes
    _start: int
    _size: int = WINDOW
    listing: Listing = field(init=False, factory=Listing)
    _page: Page = field(init=False)
    _end: int = field(init=False)
    # Characters of the window that are behind us.
    _at: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._open(self._start)

    @property
    def position(self) -> int:
        """Bytes of the body that are behind us."""
        text = self._page.text
        if len(text) == self._end - self._start:
            return self._start + self._at
        return self._start + len(text[: self._at].encode("utf-8", "surrogateescape"))

    def value(self, path: _Path = ()) -> Generator[None, None, Json]:
        """Give the value that begins here, and yield after every few milliseconds of work.

        Raises:
            NotJsonError: There is none.
        """
        first = yield from self._next()
        value = self._whole()
        if value is _CUT and self._at:
            yield from self._move()
            value = self._whole()
        if value is not _CUT:
            return value
        if first in _CLOSERS:
            return (yield from self._container(first, path))
        if first == '"':
            return (yield from self._long_text())
        if first in _DIGITS:
            digits = yield from self._pass_over(_NUMBER)
            return Unusable(f"a number of {digits:,} characters")
        raise self._malformed()

    def _open(self, start: int) -> None:
        end = min(start + self._size, len(self._body))
        # Not within a character.
        for _ in range(_CONTINUED):
            if end < len(self._body) and self._body[end] in _IS_CONTINUED:
                end -= 1
        self._start, self._end, self._at = start, end, 0
        self._page = Page.of(self._body[start:end])

    def _move(self) -> Generator[None, None, None]:
        """Let the window begin here."""
        self._open(self.position)
        yield

    def _whole(self) -> Json:
        """Give the value that begins here, if all of it is in the window."""
        try:
            value, end = self._page.value_at(self._at)
        except TooDeepError:
            raise
        except NotJsonError:
            return _CUT
        if end + _TORN >= len(self._page.text) and not self._is_last:
            return _CUT
        self._at = end
        return value

    @property
    def _is_last(self) -> bool:
        return self._end == len(self._body)

    def _peek(self) -> str:
        """Pass over white space, and give the character there, if the window has one."""
        self._at = _end_of(_SPACE, self._page.text, self._at)
        return self._page.text[self._at : self._at + 1]

    def _next(self) -> Generator[None, None, str]:
        """As `_peek`, and nothing only at the end of the body."""
        while not (character := self._peek()) and not self._is_last:
            yield from self._move()
        return character

    def _container(self, opener: str, path: _Path) -> Generator[None, None, Json]:
        if len(path) == _DEEPEST:
            raise TooDeepError
        taker = _Streaming(self.listing) if path == _STREAMED else _Keeping()
        self._at += 1
        if (yield from self._next()) == _CLOSERS[opener]:
            # Nothing but a window of white space.
            self._at += 1
        else:
            yield from self._members(opener, path, taker)
        return taker.value(is_object=opener == "{")

    def _members(self, opener: str, path: _Path, taker: "_Keeping | _Streaming") -> Generator[None, None, None]:
        for index in range(_MOST):
            key = (yield from self._key()) if opener == "{" else index
            if taker.take(key, (yield from self.value((*path, key)))):
                yield
            character = yield from self._next()
            self._at += 1
            if character == _CLOSERS[opener]:
                return
            if character != ",":
                raise self._malformed()
        raise NotJsonError(f"JSON with more than {_MOST:,} members in one place")

    def _key(self) -> Generator[None, None, str]:
        # What else may be there could hold another key in such a place, and so on without end.
        key = (yield from self.value()) if (yield from self._next()) == '"' else None
        if not isinstance(key, str) or (yield from self._next()) != ":":
            raise self._malformed()
        self._at += 1
        return key

    def _long_text(self) -> Generator[None, None, Json]:
        self._at += 1
        length = yield from self._pass_over(_TEXT)
        if self._page.text[self._at : self._at + 1] != '"':
            raise self._malformed()
        self._at += 1
        return Unusable(f"a text of {length:,} characters")

    def _pass_over(self, pattern: re.Pattern[str]) -> Generator[None, None, int]:
        """Pass over all that fits, through as many windows as it takes; give its length in characters."""
        length = 0
        while True:
            end = _end_of(pattern, self._page.text, self._at)
            length += end - self._at
            self._at = end
            # One backslash may be left at the end, which escapes what the next window begins with.
            if end + 1 < len(self._page.text) or self._is_last:
                return length
            yield from self._move()

    def _malformed(self) -> NotJsonError:
        return NotJsonError(f"no JSON (broken at byte {self.position:,})")


@define
class _Keeping:
    """Keeps the members of a long array or object; of too many, none."""

    _members: list[tuple[int | str, Json]] = field(init=False, factory=list[tuple[int | str, Json]])
    _count: int = field(init=False, default=0)

    def take(self, key: int | str, entry: Json) -> bool:
        self._count += 1
        if self._count <= _MOST_KEPT:
            self._members.append((key, entry))
        return self._count % _SLICE == 0

    def value(self, *, is_object: bool) -> Json:
        if self._count > _MOST_KEPT:
            return Unusable(f"{_kind(is_object=is_object)} with {self._count:,} members")
        return {str(key): entry for key, entry in self._members} if is_object else [entry for _, entry in self._members]


@define
class _Streaming:
    """Hands the members of a long array or object on to a listing."""

    _listing: Listing
    _is_empty: bool = field(init=False, default=True)
    _named: bool = field(init=False, default=False)

    def take(self, key: int | str, entry: Json) -> bool:
        self._is_empty = False
        self._named = self._named or not is_index(key)
        return self._listing.take(key, entry)

    def value(self, *, is_object: bool) -> Json:
        if self._is_empty:
            return {} if is_object else []
        return Streamed(_kind(is_object=is_object), self._named)


def _kind(*, is_object: bool) -> str:
    return "an object" if is_object else "an array"


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at
