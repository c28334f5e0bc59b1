"""Whom a name means: one rule for the library and the command line, and a refusal wherever it could be two VPSes.

People have stopped the wrong server because they looked its id up by hand. So a name means one VPS or none:

==================  ===============================================================================================
``7``, ``"7"``      the VPS with this id, and no other, whatever hostnames look like
``"web1.a.net"``    the VPS whose whole hostname it is
``"web1"``          that one; where there is none, the one whose hostname is this up to its first dot
==================  ===============================================================================================

Case, spaces around it and a dot at its end make no difference.
"""

import difflib
import fnmatch
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

from cvm_async._api.unread import may_hide
from cvm_async._checks import refuse
from cvm_async._safe_text import excerpt
from cvm_async.errors import AmbiguousNameError, NameNotFoundError
from cvm_async.models import Problem, Vps

_ID = re.compile(r"[0-9]{1,19}")
"""No machine's id has more digits."""
_DIGITS = re.compile(r"[0-9]+")

_NAMING = ("hostname", "id")
"""Figures without which a VPS is not found by its hostname; of two entries of one id, the second is not."""

_QUOTED = 60
"""Characters of a name that a message quotes: more than a sensible one has."""
_LISTED = 20
"""VPSes of one name that a message lists."""
_SUGGESTED = 3
"""Names that a person compares with what they typed."""
_COMPARED = 20
"""Of these the ones to suggest are chosen."""
_SEARCHED = 10_000
"""Names that are compared at most: of these difflib takes some tenths of a second, in which the event loop stands."""
_CLOSE = 0.7
"""How alike, by difflib: `wbe1` is that close to `web1`, and `mail` to no `web`."""
_LONGEST = 253
"""Characters of the longest hostname that DNS has."""


class Names:
    """What some VPSes are called.

    Args:
        called: The VPSes in order, each with the name of its panel.
        problems: What could not be read of the list that they are on: whoever is not found may be there; see `unread`.
    """

    __slots__ = ("_called", "_ids", "_panels", "_problems", "_shorts", "_wholes")

    def __init__(self, called: Iterable[tuple[str, Vps]], problems: Sequence[Problem] = ()) -> None:
        self._called = tuple(called)
        self._problems = problems
        self._panels = {panel for panel, _ in self._called}
        self._ids: dict[int, list[int]] = {}
        self._wholes: dict[str, list[int]] = {}
        self._shorts: dict[str, list[int]] = {}
        for place, (_, vps) in enumerate(self._called):
            self._ids.setdefault(vps.id, []).append(place)
            whole = _key(vps.hostname)
            for known, key in ((self._wholes, whole), (self._shorts, _short(whole))):
                if key:
                    known.setdefault(key, []).append(place)

    def places(self, name: str | int) -> Sequence[int]:
        """Give the places of all VPSes that a name may mean: of none, of the one, or of several."""
        number = as_id(name)
        if number is not None:
            return self._ids.get(number, ())
        key = _key(str(name))
        return self._wholes.get(key, self._shorts.get(key, ()))

    def id_of(self, name: str | int) -> int | None:
        """Give the id of the VPS that a name means; None where none has it.

        Raises:
            AmbiguousNameError: Several have it.
        """
        places = self.places(name)
        if len(places) > 1:
            raise self.ambiguous(name)
        return self._called[places[0]][1].id if places else None

    def ids_within(self, ids: range) -> list[int]:
        """Give the ids in a range, however long that is, that somebody has."""
        return sorted(number for number in self._ids if number in ids)

    def place(self, name: str | int) -> int:
        """Give the place of the VPS that a name means.

        Raises:
            ConfigurationError: It is neither an id nor a hostname.
            NameNotFoundError: No VPS has it.
            AmbiguousNameError: Several have it.
        """
        check_name(name)
        places = self.places(name)
        if not places:
            raise self._not_found(name)
        if len(places) > 1:
            raise self.ambiguous(name)
        return places[0]

    def ambiguous(self, name: str | int) -> AmbiguousNameError:
        """Give the error that a name means several, with their ids."""
        places = self.places(name)
        more = f" and {len(places) - _LISTED:,} more" if len(places) > _LISTED else ""
        listed = ", ".join(map(self._told, places[:_LISTED]))
        matches = tuple(self._called[place][1] for place in places)
        by_id = len({vps.id for vps in matches}) == len(matches)
        what = "give the id" if by_id else "take it from the one panel"
        message = f"{quoted(name)} may be {len(places):,} VPSes, {what}: {listed}{more}"
        return AmbiguousNameError(message, name=name, matches=matches)

    def similar(self, name: str | int) -> tuple[str, ...]:
        """Give what was perhaps meant by a name that nobody has: only what is close, and its numbers are the same.

        Another number is another server, and no slip of the finger.
        """
        key = _key(str(name))
        known = self._wholes if "." in key else self._shorts
        numbers = _numbers(key)
        same = (each for each in known if _numbers(each) == numbers)
        alike = list(islice(same, _SEARCHED)) if len(key) <= _LONGEST else []
        # Two names of one domain are alike for that alone: what is before the first dot must be close by itself, too.
        close = [
            each
            for each in difflib.get_close_matches(key, alike, _COMPARED, _CLOSE)
            if difflib.get_close_matches(_short(key), [_short(each)], 1, _CLOSE)
        ]
        return tuple(self._told(place) for each in close for place in known[each])[:_SUGGESTED]

    def unread(self, name: str | int) -> tuple[Problem, ...]:
        """Give what could not be read of the list and may be why nobody has a name.

        For an id that is an entry whose id is not known; for a hostname also one whose hostname is not.
        """
        return may_hide(self._problems, *(() if as_id(name) is not None else _NAMING))

    def _not_found(self, name: str | int) -> NameNotFoundError:
        number, similar = as_id(name), self.similar(name)
        what = f"is called {quoted(name)}" if number is None else f"has the id {number}"
        hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
        problems = self.unread(name)
        unread = f"; but not all of the list can be read: {some_of(problems)}" if problems else ""
        return NameNotFoundError(f"no VPS here {what}{hint}{unread}", name=name, similar=similar)

    def _told(self, place: int) -> str:
        panel, vps = self._called[place]
        on = f" on {excerpt(panel, _QUOTED)}" if len(self._panels) > 1 else ""
        return f"{excerpt(vps.hostname, _QUOTED)} ({vps.id}){on}"


def as_id(name: str | int) -> int | None:
    """Give the id that a name is; None where it is a hostname."""
    if isinstance(name, int):
        return name
    text = name.strip()
    return int(text) if _ID.fullmatch(text) else None


def check_name(name: object) -> None:
    """Refuse what can be no name of a VPS; callers may be untyped.

    Raises:
        ConfigurationError: It is so.
    """
    if isinstance(name, bool) or not isinstance(name, (str, int)) or not _key(str(name)):
        refuse("a VPS", "an id such as 7 or a hostname such as 'web1'", name)


def quoted(name: str | int) -> str:
    """Give a name as a message quotes it."""
    return str(name) if isinstance(name, int) else excerpt(repr(name), _QUOTED)


def some_of(problems: Sequence[Problem]) -> str:
    """Give the first of some problems, and how many more there are."""
    more = len(problems) - 1
    return f"{problems[0]}{f', and {more:,} more such' if more else ''}"


def folded(text: str) -> str:
    """Give a hostname or a pattern so that its case, and how its accents are written, make no difference."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def fits(hostname: str, patterns: Iterable[str], *, short: bool = False) -> bool:
    """Tell whether a hostname fits one of some folded patterns; with `short` also by what is before its first dot."""
    whole = folded(hostname)
    forms = {whole, _short(whole)} if short else {whole}
    return any(fnmatch.fnmatchcase(form, pattern) for pattern in patterns for form in forms)


def _key(name: str) -> str:
    return folded(name.strip()).rstrip(".")


def _short(hostname: str) -> str:
    return hostname.partition(".")[0]


def _numbers(text: str) -> list[str]:
    return [digits.lstrip("0") for digits in _DIGITS.findall(text)]
