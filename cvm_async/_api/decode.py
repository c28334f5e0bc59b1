"""Bytes become models here, or a `DecodeError` that names the panel's own key; there is no third way.

An answer is taken as the panel's word only where it says ``response`` or ``errors``. A long listing is read
in slices, so that an event loop can turn in between.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Final, Generic, NoReturn, TypeVar

from attrs import define, field, frozen

from cvm_async._api.fields import RefusedError, describe
from cvm_async._api.php import Json, NotJsonError, Page, array_items
from cvm_async._api.schema import STATUS, VPS
from cvm_async._api.words import own_words
from cvm_async._safe_text import excerpt
from cvm_async.errors import DecodeError
from cvm_async.models import Problem, Vps, VpsList, VpsStatus

__all__ = ["Decoded", "RefusedAnswerError", "decode_listing", "decode_nothing", "decode_status", "refuse"]

T_co = TypeVar("T_co", covariant=True)

# Listed VPSes between two turns of the event loop: 2 ms of work.
_SLICE: Final = 250
# How many others one of them costs that is not as it should be.
_SALVAGE_WORK: Final = 5
# Problems that are told one by one. An answer of 32 MiB can hold ten million.
_TOLD_PROBLEMS: Final = 1_000

# The one way that PHP writes a listing, up to the first VPS, between two of them, and from the last one on.
# It may be indented, as in the documentation.
_LISTING_HEAD: Final = re.compile(r'\{\s*"response"\s*:\s*\{\s*"vpses"\s*:\s*\[\s*')
_LISTING_COMMA: Final = re.compile(r"\s*,\s*")
_LISTING_TAIL: Final = re.compile(r"\s*\]\s*\}\s*\}\s*")

_ROOT: Final = "the answer"
# Characters of an answer that a message quotes.
_QUOTED_LENGTH: Final = 80
# And of these more than enough, before white space has shrunk.
_QUOTED_SOURCE: Final = 2_000

# PHP has one empty array, and knows no other empty value than these.
_EMPTY: Final[tuple[Json, ...]] = ([], {}, "", None)


@frozen
class Decoded(Generic[T_co]):
    """What an answer said, and a safe excerpt of the PHP diagnostics before it, None without any."""

    value: T_co
    diagnostics: str | None = None


class RefusedAnswerError(Exception):
    """The answer says no, or may not be the panel's.

    Attributes:
        errors: The panel's own sentences, raw; without any it may be anybody's.
        quoted: How JSON begins that is not the panel's own word, safe to print; None where it is no JSON.
        fatal: What PHP said when it broke off, None where it did not or does not say so.
    """

    def __init__(self, errors: tuple[str, ...] = (), *, quoted: str | None = None, fatal: str | None = None) -> None:
        super().__init__(errors)
        self.errors = errors
        self.quoted = quoted
        self.fatal = fatal


def decode_status(body: bytes) -> Decoded[VpsStatus]:
    """Read the answer to a status call.

    Raises:
        DecodeError: It is not what the API documents.
        RefusedAnswerError: It has an ``errors`` key.
    """
    response, diagnostics = _response(body)
    try:
        return Decoded(STATUS.read(response), diagnostics)
    except (RefusedError, KeyError):
        status, problems = STATUS.salvage(response, "response")
    if status is None:
        _refuse(body, *problems)
    return Decoded(status, diagnostics)


def decode_nothing(body: bytes) -> Decoded[None]:
    """Read the answer to a start, stop or restart, of which the API documents only that it is empty.

    Empty are no body at all, the empty array or object, and a ``response`` whatever it holds. Where the
    body is empty but for PHP diagnostics, none of them fatal, the panel has done what it was asked, too.

    Raises:
        DecodeError: It is not what the API documents.
        RefusedAnswerError: It has an ``errors`` key.
    """
    page = Page.of(body)
    if page.is_blank():
        return Decoded(None)
    if page.is_diagnostics_alone():
        return Decoded(None, page.words_before(len(page.text)))
    value, diagnostics = _value(page, body)
    if value not in ([], {}):
        _member(value, "response", _ROOT, body)
    return Decoded(None, diagnostics)


def refuse(body: bytes) -> NoReturn:
    """Read an answer that says no by its status code.

    Raises:
        RefusedAnswerError: Always, with what it says.
    """
    page = Page.of(body)
    try:
        value, opening = page.value()
    except NotJsonError:
        raise RefusedAnswerError(fatal=page.fatal()) from None
    raise RefusedAnswerError(own_words(value), quoted=_quoted(page, opening), fatal=page.fatal())


def decode_listing(body: bytes) -> Generator[None, None, Decoded[VpsList]]:
    """Read the answer to a list call, and yield between slices of the work.

    Written the usual way, the JSON is parsed in slices too. Any other way it is parsed at once, which holds
    an event loop for some 30 ms with 10,000 VPSes.

    Raises:
        DecodeError: It is not what the API documents, or not one of its entries is a VPS.
        RefusedAnswerError: It has an ``errors`` key.
    """
    page = Page.of(body)
    yield
    for opening in page.openings():
        try:
            vpses = yield from _collect(enumerate(_listed(page, opening)), body)
        except NotJsonError:
            continue
        return Decoded(vpses, page.words_before(opening))
    if page.is_blank() or page.is_diagnostics_alone():
        _refuse_unencoded(page, body)
    response, diagnostics = _response(body)
    listed = _member(response, "vpses", "response", body)
    entries = array_items(listed)
    if entries is None:
        _refuse(body, Problem("response.vpses", describe(listed), "an array"))
    return Decoded((yield from _collect(entries, body)), diagnostics)


def _listed(page: Page, opening: int) -> Iterator[Json]:
    head = _LISTING_HEAD.match(page.text, opening)
    if head is None:
        raise NotJsonError("no listing")
    position = head.end()
    if not page.text.startswith("]", position):
        entry, position = page.value_at(position)
        yield entry
        while comma := _LISTING_COMMA.match(page.text, position):
            entry, position = page.value_at(comma.end())
            yield entry
    if not _LISTING_TAIL.fullmatch(page.text, position):
        raise NotJsonError("no listing")


def _collect(entries: Iterable[tuple[int | str, Json]], body: bytes) -> Generator[None, None, VpsList]:
    vpses: list[Vps] = []
    found = _Problems()
    first_at: dict[int, int | str] = {}
    work = 0
    for key, entry in entries:
        work += 1
        if work >= _SLICE:
            work = 0
            yield
        try:
            vps = VPS.read(entry)
        except (RefusedError, KeyError):
            work += _SALVAGE_WORK
            salvaged, problems = VPS.salvage(entry, f"response.vpses[{key}]")
            found.add(*problems)
            if salvaged is None:
                continue
            vps = salvaged
        vpses.append(vps)
        if first_at.setdefault(vps.id, key) != key:
            found.add(_same_id(vps.id, first_at[vps.id], key))
    if found.told and not vpses:
        _refuse(body, *found.all())
    return VpsList(vpses, found.all())


def _same_id(vps_id: int, first: int | str, second: int | str) -> Problem:
    found = f"{vps_id}, as response.vpses[{first}].id is"
    return Problem(f"response.vpses[{second}].id", found, "an id of its own")


@define
class _Problems:
    """The problems of a listing: the first of them, and how many more there are."""

    told: list[Problem] = field(init=False, factory=list[Problem])
    untold: int = field(init=False, default=0)

    def add(self, *problems: Problem) -> None:
        room = _TOLD_PROBLEMS - len(self.told)
        self.told += problems[:room]
        self.untold += max(len(problems) - room, 0)

    def all(self) -> list[Problem]:
        if not self.untold:
            return self.told
        more = Problem("response.vpses", f"holding {self.untold:,} more problems", "VPSes alone")
        return [*self.told, more]


def _response(body: bytes) -> tuple[Json, str | None]:
    value, diagnostics = _value(Page.of(body), body)
    return _member(value, "response", _ROOT, body), diagnostics


def _value(page: Page, body: bytes) -> tuple[Json, str | None]:
    try:
        value, opening = page.value()
    except NotJsonError as error:
        raise DecodeError(_instead_of_json(page, str(error)), excerpt=excerpt(body)) from None
    if _is_error(value):
        raise RefusedAnswerError(own_words(value), quoted=_quoted(page, opening))
    return value, page.words_before(opening)


def _instead_of_json(page: Page, found: str) -> str:
    fatal = page.fatal()
    if fatal is not None:
        return f'PHP broke off on the panel: "{fatal}"'
    words = excerpt(page.words_before(len(page.text)) or "", _QUOTED_LENGTH)
    if not words:
        return "the panel's answer is empty"
    where = ", as another address than the panel's would" if page.is_foreign() else ""
    return f'the panel answered with {found}: "{words}"{where}'


def _refuse_unencoded(page: Page, body: bytes) -> NoReturn:
    words = page.words_before(len(page.text))
    said = f'; it printed "{words}"' if words else ""
    message = (
        f"the panel's list is empty: PHP cannot encode one with a hostname that is not UTF-8, as may be so here{said}"
    )
    raise DecodeError(message, excerpt=excerpt(body))


def _is_error(value: Json) -> bool:
    if not isinstance(value, dict) or "errors" not in value:
        return False
    # Absent and empty mean the same to this panel, where nothing else says that it failed.
    return value["errors"] not in _EMPTY or "response" not in value


def _quoted(page: Page, opening: int) -> str:
    return excerpt(page.text[opening : opening + _QUOTED_SOURCE], _QUOTED_LENGTH)


def _member(value: Json, key: str, path: str, body: bytes) -> Json:
    if not isinstance(value, dict):
        _refuse(body, Problem(path, describe(value), "an object"))
    if key not in value:
        _refuse(body, Problem(key if path == _ROOT else f"{path}.{key}", "absent", "there"))
    return value[key]


def _refuse(body: bytes, *problems: Problem) -> NoReturn:
    first, *others = problems
    more = f", and {len(others):,} more such" if others else ""
    raise DecodeError(
        f"the panel's answer is not what the API documents: {first}{more}",
        problems=problems,
        excerpt=excerpt(body),
    )
