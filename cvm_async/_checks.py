"""Validators for settings, as attrs takes them: each refuses with an error that names the knob and its rule."""

import inspect
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from attrs import Attribute

from cvm_async._safe_text import excerpt
from cvm_async.errors import ConfigurationError

T = TypeVar("T")

_LONG = 10**20
_SHOWN = 40
"""Characters of a wrong value that a message quotes: enough to recognise it."""

# attrs' own stubs have `Any` here: a validator is given whatever a caller wrote.
Validator = Callable[[object, "Attribute[Any]", object], None]


def is_count(value: object, least: int) -> bool:
    """Tell whether it is a whole number, not below `least`, that a machine can count to; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= sys.maxsize


def is_seconds(value: object, *, zero: bool = False) -> bool:
    """Tell whether it is a finite number above 0, or from 0 on."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    # Compared, not converted: an int may be too large for a float, and a clock could not count that far.
    return value <= sys.float_info.max and (value > 0 or (zero and value == 0))


def check_seconds(name: str, value: object, *, zero: bool = False) -> None:
    """Refuse what is no finite number of seconds above 0, or from 0 on."""
    if not is_seconds(value, zero=zero):
        refuse(name, f"a finite number of seconds {'from 0 on' if zero else 'above 0'}", value)


def check_confirm(value: object) -> None:
    """Refuse what is no number of readings that have to agree.

    Raises:
        ConfigurationError: It is so.
    """
    if not is_count(value, 1):
        refuse("confirm", "a whole number of readings, at least 1", value)


def check_switch(name: str, value: object) -> None:
    """Refuse what is neither True nor False; callers may be untyped."""
    if not isinstance(value, bool):
        refuse(name, "True or False", value)


def check_plain(name: str, function: object) -> None:
    """Refuse what is no plain function: a coroutine, which nobody awaits, is true whatever it would have said."""
    called = getattr(function, "__call__", None)  # noqa: B004 - the method itself is looked at
    if called is None or any(map(_is_async, (function, called))):
        refuse(name, "a plain function, as it is not awaited", function)


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def given(name: str, value: T, kind: type[object], what: str, *, secret: bool = False) -> T:
    """Give back an optional argument, where it is of its type: callers may be untyped.

    Raises:
        ConfigurationError: It is of another type; `what` says what was meant.
    """
    if not (value is None or isinstance(value, kind)):
        refuse(name, what, value, secret=secret)
    return value


def refuse(name: str, rule: str, value: object, *, secret: bool = False) -> NoReturn:
    """Raise an error that names the knob, its rule, and what was given; of a secret its type alone."""
    msg = f"{name} must be {rule}, not {_type_of(value) if secret else _described(value)}"
    raise ConfigurationError(msg)


def _described(value: object) -> str:
    """Say in a few safe words what was given; of what is no plain value its type alone, as it may hold anything."""
    if isinstance(value, int) and abs(value) >= _LONG:
        return "a number of more than 20 digits"
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return excerpt(repr(value), _SHOWN)
    return _type_of(value)


def _type_of(value: object) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def count(*, optional: bool = False) -> Validator:
    """Accept a whole number of at least 1, or None where that is allowed."""

    def validate(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if not (is_count(value, 1) or (optional and value is None)):
            refuse(attribute.name, "a whole number of at least 1", value)

    return validate


def seconds(*, zero: bool = False, optional: bool = False) -> Validator:
    """Accept a finite number of seconds above 0; 0 or None only where that is allowed."""

    def validate(_: object, attribute: "Attribute[Any]", value: object) -> None:
        if not (optional and value is None):
            check_seconds(attribute.name, value, zero=zero)

    return validate


def switch() -> Validator:
    """Accept True and False alone: any other value is true or false as well, and "no" is true."""

    def validate(_: object, attribute: "Attribute[Any]", value: object) -> None:
        check_switch(attribute.name, value)

    return validate


def one_of(kind: type[object], what: str) -> Validator:
    """Accept None, and what is of that type; `what` says so in words."""

    def validate(_: object, attribute: "Attribute[Any]", value: object) -> None:
        given(attribute.name, value, kind, what)

    return validate
