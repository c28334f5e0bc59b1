"""What a person types to name VPSes: hostnames and ids, lists (`1,2,3`), ranges (`1-3`), or lines of standard input.

Nothing that was typed is left out in silence: an empty name is what a variable that was not set leaves behind, and is
refused as is every other that says nothing.
"""

import re
import sys
from collections.abc import Iterable
from typing import TypeAlias

from cvm_async._safe_text import excerpt
from cvm_async.cli.exits import CommandError, Exit

Asked: TypeAlias = str | range
"""A hostname or an id as it was typed, or a range of ids."""

_RANGE = re.compile(r"([0-9]{1,19})-([0-9]{1,19})")
_NUMBER = re.compile(r"[0-9]{1,19}")
# Not those between the brackets of a pattern.
_COMMA = re.compile(r",(?![^\[\]]*\])")
_QUOTED = 60


def asked(typed: Iterable[str]) -> tuple[Asked, ...]:
    """Give what was asked for.

    Raises:
        CommandError: It can't be understood.
    """
    return tuple(_asked(each) for each in listed(typed))


def listed(typed: Iterable[str]) -> list[str]:
    """Give the parts of what was typed, apart by commas.

    Raises:
        CommandError: One is empty.
    """
    parts: list[str] = []
    for text in typed:
        found = [part.strip() for part in _COMMA.split(text)]
        if "" in found:
            message = f"{_quoted(text)} has an empty name in it"
            raise CommandError(message, Exit.USAGE)
        parts.extend(found)
    return parts


def numbers(flag: str, typed: Iterable[str]) -> tuple[range, ...]:
    """Give numbers and ranges of them, all as ranges.

    Raises:
        CommandError: There is something else.
    """
    found: list[range] = []
    for each in asked(typed):
        if isinstance(each, str) and not _NUMBER.fullmatch(each):
            message = f"{flag}: {_quoted(each)} is no number, nor a range such as 1-3"
            raise CommandError(message, Exit.USAGE)
        found.append(range(int(each), int(each) + 1) if isinstance(each, str) else each)
    return tuple(found)


def lines_of_stdin() -> list[str]:
    """Give what standard input has, a line each; empty ones do not count.

    Raises:
        CommandError: It cannot be read, or there is nothing: nothing should be done then, and not everything.
    """
    # Closed (`<&-`), it is None.
    if sys.stdin is None:
        message = "standard input is closed, and was to name VPSes"
        raise CommandError(message, Exit.USAGE)
    try:
        found = [line.strip() for line in sys.stdin.read().lstrip("\ufeff").splitlines()]
    except UnicodeDecodeError as error:
        message = f"standard input, which was to name VPSes, is no text: {error}"
        raise CommandError(message, Exit.USAGE) from None
    named = [line for line in found if line]
    if not named:
        message = "standard input names no VPS; nothing was done"
        raise CommandError(message)
    return named


def _asked(text: str) -> Asked:
    between = _RANGE.fullmatch(text)
    if between is None:
        return text
    first, last = int(between[1]), int(between[2])
    if first > last:
        message = f"the range {text} ends before it begins"
        raise CommandError(message, Exit.USAGE)
    return range(first, last + 1)


def _quoted(text: str) -> str:
    return excerpt(repr(text), _QUOTED)
