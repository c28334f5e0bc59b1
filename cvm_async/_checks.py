"""Validators for settings, as attrs takes them: each refuses with an error that names the knob and its rule."""

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from attrs import Attribute

from cvm_async.errors import ConfigurationError

# attrs' own stubs have `Any` here: a validator is given whatever a caller wrote.
Validator = Callable[[object, "Attribute[Any]", object], None]


def is_count(value: object, least: int) -> bool:
    """Tell whether it is a whole number, not below `least`; True is none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


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


def refuse(name: str, rule: str, value: object) -> NoReturn:
    msg = f"{name} must be {rule}, not {value!r}"
    raise ConfigurationError(msg)


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
