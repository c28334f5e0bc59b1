"""The panel's fields are read one kind at a time, and each reader is total: a value, or a refusal that says why.

cattrs alone would read ``None`` as the text ``"None"``, 5.9 as 5, and ``"false"`` as true. PHP sends
numbers as strings, numbers and floats, mixed in one object, and SQL's NULL as an empty string.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping, Set as AbstractSet
from typing import Final

from cvm_async._api.php import Json, Unusable
from cvm_async._safe_text import excerpt
from cvm_async.models import (
    MEBIBYTE,
    NO_EXTRA,
    CombinedTraffic,
    Extra,
    PowerState,
    SplitTraffic,
    Traffic,
    VirtualizationType,
)

__all__ = [
    "COMBINED_KEYS",
    "LARGEST",
    "SPLIT_KEYS",
    "RefusedError",
    "describe",
    "extra_beside",
    "flag",
    "optional_bytes",
    "optional_floor",
    "optional_text",
    "optional_whole",
    "positive",
    "power_state",
    "state_text",
    "text",
    "traffic",
    "unread_traffic",
    "virtualization_type",
    "whole",
]

LARGEST: Final = 2**64 - 1
"""The largest number a MySQL column holds, and so the largest id; the panel's counters reach 2**63 - 1."""

# PHP adds two counters as floats where their sum is too large for an integer.
_LARGEST_FIGURE: Final = 2 * (LARGEST + 1)
# From here on a float stands for several whole numbers: enough for a figure, but not for an id.
_LARGEST_EXACT_FLOAT: Final = 2**53
# As many digits as are never more than `LARGEST`.
_SAFE_DIGITS: Final = 19
# A number as PHP and MySQL print it: digits, a fraction where it was a float, an exponent from 1e15 on.
_NUMBER: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_LONG: Final = 10**20
_WHOLE: Final = "a whole number"
_MEGABYTES: Final = "a number of megabytes"
# Of numbers and texts; a bool is found by itself, and in a dict would be 1 or 0.
_FLAGS: Final[dict[str | int, bool]] = {1: True, 0: False, "1": True, "0": False, "": False}
# Enough for a person to recognise a value.
_FOUND_LENGTH: Final = 40
# Deeper values in `extra` could not be pickled or printed later; nothing the panel sends is deeper than this.
_EXTRA_DEPTH: Final = 32

_LITERALS: Final = {"None": "null", "True": "true", "False": "false"}
_STATES: Final = {state.value: state for state in PowerState}
_TYPES: Final = {int(kind): kind for kind in VirtualizationType}

SPLIT_KEYS: Final = ("traffic_in_used", "traffic_out_used", "traffic_in_limit", "traffic_out_limit")
COMBINED_KEYS: Final = ("traffic_used", "traffic_limit")
_SPLIT: Final = frozenset(SPLIT_KEYS)
_COMBINED: Final = frozenset(COMBINED_KEYS)


class RefusedError(ValueError):
    """A value that can't be what it stands for.

    Attributes:
        found: What it is, short and safe to print.
        expected: What it should be.
    """

    def __init__(self, value: Json, expected: str) -> None:
        super().__init__(expected)
        self.found = describe(value)
        self.expected = expected


def describe(value: Json) -> str:
    """Say in a few safe words what a JSON value is."""
    if isinstance(value, str):
        return f'"{excerpt(value, _FOUND_LENGTH)}"'
    if isinstance(value, list | dict):
        kind = "array" if isinstance(value, list) else "object"
        return f"an {kind}" if value else f"an empty {kind}"
    if isinstance(value, Unusable):
        return value.text
    # Python refuses to print the longest ones.
    if isinstance(value, int) and abs(value) >= _LONG:
        return "a number of more than 20 digits"
    return excerpt(_LITERALS.get(repr(value), repr(value)), _FOUND_LENGTH)


def whole(value: Json, _: object = None) -> int:
    """Read a number of things, without a fraction."""
    if isinstance(value, str):
        if len(value) <= _SAFE_DIGITS and value.isdigit() and value.isascii():
            return int(value)
    elif type(value) is int and 0 <= value <= LARGEST:
        return value
    number = _number(value)
    if number != (floor := math.floor(number)):
        raise RefusedError(value, _WHOLE)
    return floor


def _number(value: Json) -> float:
    number = value
    # Columns of a fixed width come padded.
    if isinstance(value, str) and _NUMBER.fullmatch(digits := value.strip()):
        number = int(digits) if digits.isdigit() else float(digits)
    # A bool is an int in Python alone, and an infinite float is larger than any figure.
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= _LARGEST_FIGURE:
        raise RefusedError(value, _WHOLE)
    return number


def positive(value: Json, _: object = None) -> int:
    """Read an id: a number from 1 to `LARGEST`, and no rounded one."""
    number = whole(value)
    if not 0 < number <= LARGEST or (number > _LARGEST_EXACT_FLOAT and isinstance(_number(value), float)):
        raise RefusedError(value, "a number of 1 or more")
    return number


def _is_absent(value: Json) -> bool:
    return value is None or value == ""


def optional_whole(value: Json, _: object = None) -> int | None:
    """Read a number that may be absent: null and the empty string mean that it is."""
    return None if not value and _is_absent(value) else whole(value)


def optional_floor(value: Json, _: object = None) -> int | None:
    """Read a number that may be absent and may have a fraction, which is dropped."""
    return None if not value and _is_absent(value) else math.floor(_number(value))


def optional_bytes(value: Json, _: object = None) -> int | None:
    """Read a number of megabytes that may be absent and may have a fraction, as bytes.

    A megabyte is 2**20 bytes, so that the factor costs no figure. A fraction of a byte is dropped, but for what a
    decimal of PHP's is short of a whole one.
    """
    if not value and _is_absent(value):
        return None
    megabytes = _number(value)
    if megabytes > _LARGEST_FIGURE // MEBIBYTE:
        raise RefusedError(value, _MEGABYTES)
    return megabytes * MEBIBYTE if isinstance(megabytes, int) else math.floor(round(megabytes * MEBIBYTE, 3))


def optional_text(value: Json, _: object = None) -> str | None:
    """Read text that may be absent: null and the empty string mean that it is."""
    return None if not value and _is_absent(value) else text(value)


def flag(value: Json, _: object = None) -> bool:
    """Read what is true or false; PHP says it as 1 and 0, too, and MySQL as their texts."""
    if value is True or value is False:
        return value
    # A list cannot be looked up, nor an object.
    if isinstance(value, (str, int)) and value in _FLAGS:
        return _FLAGS[value]
    raise RefusedError(value, "true or false")


def text(value: Json, _: object = None) -> str:
    """Read text, which may be empty but not absent."""
    if not isinstance(value, str):
        raise RefusedError(value, "text")
    return value


def state_text(value: Json, _: object = None) -> str:
    """Read the panel's word for a state; SQL's NULL is none, as the empty string is."""
    return "" if value is None else text(value)


def power_state(value: Json, _: object = None) -> PowerState:
    """Read a state; a word that is not documented, or none, is an unknown state."""
    word = value if isinstance(value, str) else state_text(value)
    return _STATES.get(word.strip(), PowerState.UNKNOWN)


def virtualization_type(value: Json, _: object = None) -> VirtualizationType | int:
    """Read the number of a virtualization platform; an unknown number stays a number."""
    number = whole(value)
    return _TYPES.get(number, number)


def traffic(fields: Mapping[str, Json], _: object = None) -> Traffic | None:
    """Read the counters from among all the fields of an object, whichever way they are kept.

    A counter that is absent beside others is not told, which is not zero. Where a panel sends both ways, the split one
    holds more.
    """
    if not _SPLIT.isdisjoint(fields):
        in_used, out_used, in_limit, out_limit = _counters(fields, SPLIT_KEYS)
        if not (in_used is out_used is in_limit is out_limit is None):
            # With split accounting a limit of 0 means that none is set.
            return SplitTraffic(in_used, out_used, in_limit or None, out_limit or None)
    if not _COMBINED.isdisjoint(fields):
        used, limit = _counters(fields, COMBINED_KEYS)
        if not (used is limit is None):
            return CombinedTraffic(used, limit)
    return None


def unread_traffic(keys: Collection[str]) -> Traffic | None:
    """Give traffic of which nothing is known but that it is counted, where these keys could not be read."""
    if not _SPLIT.isdisjoint(keys):
        return SplitTraffic(None, None)
    return None if _COMBINED.isdisjoint(keys) else CombinedTraffic(None)


def _counters(fields: Mapping[str, Json], keys: tuple[str, ...]) -> list[int | None]:
    return [optional_whole(fields.get(key)) for key in keys]


def extra_beside(known: AbstractSet[str]) -> Callable[[Mapping[str, Json], object], Extra]:
    """Make a reader that gives, from among all the fields of an object, those that are not known.

    They are kept as they came. What could not be printed, compared or pickled later, a NaN or an array nested
    too deep, is kept as a few words that say what it was.
    """

    def extra(fields: Mapping[str, Json], _: object = None) -> Extra:
        if fields.keys() <= known:
            return NO_EXTRA
        return Extra({key: _kept(value) for key, value in fields.items() if key not in known})

    return extra


def _kept(value: Json, depth: int = _EXTRA_DEPTH) -> object:
    if isinstance(value, str | int):
        return value
    if isinstance(value, list) and depth:
        return [_kept(member, depth - 1) for member in value]
    if isinstance(value, dict) and depth:
        return {key: _kept(member, depth - 1) for key, member in value.items()}
    usable = value is None or (isinstance(value, float) and math.isfinite(value))
    return value if usable else describe(value)
