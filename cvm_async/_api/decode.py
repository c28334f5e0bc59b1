"""Bytes become models here, or a `DecodeError` that names the panel's own key; there is no third way.

An answer is taken as the panel's word only where it says ``response`` or ``errors``. Each of these functions is a
generator that yields after every few milliseconds of work, so that an event loop can turn in between.
"""

from collections.abc import Generator
from typing import Final, Generic, NoReturn, TypeAlias, TypeVar

from attrs import frozen

from cvm_async._api.fields import RefusedError, describe
from cvm_async._api.listing import Listing
from cvm_async._api.long import LongPage
from cvm_async._api.php import Json, NotJsonError, Page, array_items
from cvm_async._api.schema import LATER_STATUS, NODE, STATUS, TEMPLATE, Schema
from cvm_async._api.windows import WINDOW, Streamed
from cvm_async._api.words import own_words
from cvm_async._safe_text import excerpt
from cvm_async.errors import DecodeError
from cvm_async.models import HostNode, Problem, Template, Vps, VpsList, VpsStatus

__all__ = [
    "Decoded",
    "RefusedAnswerError",
    "decode_later_status",
    "decode_listing",
    "decode_node",
    "decode_nodes",
    "decode_nothing",
    "decode_status",
    "decode_template",
    "decode_templates",
    "refuse",
]

T_co = TypeVar("T_co", covariant=True)
M = TypeVar("M", bound=Vps | VpsStatus | HostNode | Template)

_ROOT: Final = "the answer"
# Characters of an answer that a message quotes.
_QUOTED_LENGTH: Final = 80

# PHP has one empty array, and knows no other empty value than these.
_EMPTY: Final[tuple[Json, ...]] = ([], {}, "", None)


@frozen
class Decoded(Generic[T_co]):
    """What an answer said, and a safe excerpt of the PHP diagnostics before it, None without any."""

    value: T_co
    diagnostics: str | None = None


Steps: TypeAlias = Generator[None, None, Decoded[T_co]]


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


def decode_status(body: bytes) -> Steps[VpsStatus]:
    """Read the answer to a status call.

    Raises:
        DecodeError: It is not what the API documents.
        RefusedAnswerError: It has an ``errors`` key.
    """
    return _one(STATUS, body)


def decode_later_status(body: bytes) -> Steps[VpsStatus]:
    """As `decode_status`, where sizes are in megabytes."""
    return _one(LATER_STATUS, body)


def decode_node(body: bytes) -> Steps[HostNode]:
    """As `decode_status`, of a host node."""
    return _one(NODE, body)


def decode_template(body: bytes) -> Steps[Template]:
    """As `decode_status`, of a template."""
    return _one(TEMPLATE, body)


def decode_nodes(body: bytes) -> Steps[list[HostNode]]:
    """Read a list of host nodes; one whose id cannot be read is not in it.

    Raises:
        DecodeError: It is not what the API documents, or not one of its entries is a node.
        RefusedAnswerError: It has an ``errors`` key.
    """
    return _several(NODE, "nodes", body)


def decode_templates(body: bytes) -> Steps[list[Template]]:
    """As `decode_nodes`, of templates."""
    return _several(TEMPLATE, "templates", body)


def _one(schema: Schema[M], body: bytes) -> Steps[M]:
    page = _page(body)
    value, opening = yield from _value(page, body)
    response = _member(value, "response", _ROOT, body)
    try:
        return Decoded(schema.read(response), page.words_before(opening))
    except (RefusedError, KeyError):
        model, problems = schema.salvage(response, "response")
    if model is None:
        _refuse(body, *problems)
    return Decoded(model, page.words_before(opening))


def _several(schema: Schema[M], key: str, body: bytes) -> Steps[list[M]]:
    page = _page(body)
    value, opening = yield from _value(page, body)
    response = _member(value, "response", _ROOT, body)
    # The documentation shows no answer: the list may stand in the response as VPSes do, or be the response.
    listed = response.get(key) if isinstance(response, dict) and key in response else response
    entries = array_items(listed)
    if entries is None:
        _refuse(body, Problem(f"response.{key}", describe(listed), "an array"))
    read = [_read(schema, entry, f"response.{key}[{place}]") for place, entry in entries]
    models = [model for model, _ in read if model is not None]
    if read and not models:
        _refuse(body, *(problem for _, problems in read for problem in problems))
    return Decoded(models, page.words_before(opening))


def _read(schema: Schema[M], value: Json, path: str) -> tuple[M | None, tuple[Problem, ...]]:
    try:
        return schema.read(value), ()
    except (RefusedError, KeyError):
        return schema.salvage(value, path)


def decode_nothing(body: bytes) -> Generator[None, None, Decoded[None]]:
    """Read the answer to a start, stop or restart, of which the API documents only that it is empty.

    Empty are no body at all, the empty array or object, and a ``response`` whatever it holds. Where the
    body is empty but for PHP diagnostics, the panel has done what it was asked, too; but not where one is fatal.

    Raises:
        DecodeError: It is not what the API documents.
        RefusedAnswerError: It has an ``errors`` key.
    """
    page = _page(body)
    if page.is_blank():
        return Decoded(None)
    if page.is_diagnostics_alone():
        return Decoded(None, page.words())
    value, opening = yield from _value(page, body)
    # What PHP still says once it has broken off is not said by what was to carry the action out.
    if opening and page.fatal() is not None:
        raise DecodeError(_instead_of_json(page, ""), excerpt=excerpt(body))
    if value not in ([], {}):
        _member(value, "response", _ROOT, body)
    return Decoded(None, page.words_before(opening))


def decode_listing(body: bytes) -> Generator[None, None, Decoded[VpsList]]:
    """Read the answer to a list call.

    Raises:
        DecodeError: It is not what the API documents, or not one of its entries is a VPS.
        RefusedAnswerError: It has an ``errors`` key.
    """
    page = _page(body)
    if page.is_blank() or page.is_diagnostics_alone():
        _refuse_unencoded(page, body)
    value, opening = yield from _value(page, body)
    response = _member(value, "response", _ROOT, body)
    listed = _member(response, "vpses", "response", body)
    listing = Listing() if isinstance(page, Page) else page.listing
    yield from _take(listed, listing, body)
    if listing.problems and not listing.vpses:
        _refuse(body, *listing.problems)
    return Decoded(listing.whole(), page.words_before(opening))


def refuse(body: bytes) -> Generator[None, None, NoReturn]:
    """Read an answer that says no by its status code.

    Raises:
        RefusedAnswerError: Always, with what it says.
    """
    page = _page(body)
    try:
        value, opening = page.value() if isinstance(page, Page) else (yield from page.value())
    except NotJsonError:
        raise RefusedAnswerError(fatal=page.fatal()) from None
    raise RefusedAnswerError(own_words(value), quoted=_quoted(page, opening), fatal=page.fatal())


def _page(body: bytes) -> Page | LongPage:
    return Page.of(body) if len(body) <= WINDOW else LongPage(body)


def _value(page: Page | LongPage, body: bytes) -> Generator[None, None, tuple[Json, int]]:
    """Give the JSON that an answer ends with, and where it begins."""
    try:
        value, opening = page.value() if isinstance(page, Page) else (yield from page.value())
    except NotJsonError as error:
        raise DecodeError(_instead_of_json(page, str(error)), excerpt=excerpt(body)) from None
    if _is_error(value):
        raise RefusedAnswerError(own_words(value), quoted=_quoted(page, opening))
    return value, opening


def _take(listed: Json, listing: Listing, body: bytes) -> Generator[None, None, None]:
    """Take the entries of a list, as far as they have not been taken while it was read."""
    entries = () if isinstance(listed, Streamed) and not listed.named else array_items(listed)
    if entries is None:
        _refuse(body, Problem("response.vpses", describe(listed), "an array"))
    for key, entry in entries:
        if listing.take(key, entry):
            yield


def _instead_of_json(page: Page | LongPage, found: str) -> str:
    fatal = page.fatal()
    if fatal is not None:
        return f'PHP broke off on the panel: "{fatal}"'
    if page.is_blank():
        return "the panel's answer is empty"
    words = excerpt(page.words() or "", _QUOTED_LENGTH)
    said = f': "{words}"' if words else ""
    where = ", as another address than the panel's would" if page.is_foreign() else ""
    return f"the panel answered with {found}{said}{where}"


def _refuse_unencoded(page: Page | LongPage, body: bytes) -> NoReturn:
    words = page.words()
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


def _quoted(page: Page | LongPage, opening: int) -> str:
    return excerpt(page.source(opening), _QUOTED_LENGTH)


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
