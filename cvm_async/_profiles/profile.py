"""A profile, read and checked: each of its keys has a row in one table, which says what it must be."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

from attrs import field, frozen

from cvm_async._checks import is_count, is_seconds
from cvm_async._profiles.file import ProfileFile, Table
from cvm_async._profiles.place import home
from cvm_async._profiles.sources import Command, KeyringEntry, Source
from cvm_async._safe_text import safe_text
from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError
from cvm_async.settings import ADAPTIVE, APIS, Api, Limits, Retry, Timeouts

T = TypeVar("T")


@frozen(kw_only=True)
class Ways:
    """How a session goes about it.

    Attributes:
        name: What reports call the panel; None for its host.
        allow_insecure: Allows http:// to another machine.
        ca_file: A file in PEM with the authority that vouches for the panel, where no public one does.
        timeouts: How long calls may take.
        limits: How much may be under way at once.
        retry: How often calls are tried.
        api: Which revision of the API the panel has; None: found out on the way.
    """

    name: str | None = None
    allow_insecure: bool = False
    ca_file: str | None = None
    timeouts: Timeouts = field(factory=Timeouts)
    limits: Limits = field(factory=Limits)
    retry: Retry = field(factory=Retry)
    api: Api | None = None


@frozen(kw_only=True)
class Profile:
    """Which panel, where the tokens come from, and how.

    Attributes:
        called: What messages call it.
        url: The panel's address.
        public_token: Where the public half of the token pair comes from; None: from the environment.
        private_token: Likewise the private half.
        ways: How a session goes about it.
        region: Which workers of a cluster reach the panel; "": those that were given no region.
    """

    called: str
    url: str
    public_token: Source | None
    private_token: Source | None
    ways: Ways
    region: str = ""


@frozen
class _Key:
    """What a key says, and what its value must be: in words, and as a check of the value, plain and no token."""

    says: str
    rule: str
    holds: Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_entry(value: object) -> bool:
    return isinstance(value, str) and KeyringEntry.named(value) is not None


def _text(says: str) -> _Key:
    return _Key(says, "a text", _is_text)


def _entry(says: str) -> _Key:
    return _Key(says, 'a text such as "service:user"', _is_entry)


def _seconds(says: str) -> _Key:
    return _Key(says, "a number of seconds above 0", is_seconds)


_USUAL = Ways()
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")

KEYS: Mapping[str, _Key] = {
    "url": _text("the panel's address, possibly with a path; the one key that must be there"),
    "public_token": _text("the public half of the token pair itself"),
    "public_token_command": _text("a command that prints it on its first line"),
    "public_token_keyring": _entry("an entry of the system's keyring that is it"),
    "private_token": _text("the private half itself"),
    "private_token_command": _text("a command that prints it on its first line"),
    "private_token_keyring": _entry("an entry of the system's keyring that is it"),
    "name": _text("what reports and tables call the panel; the profile's own name if absent"),
    "allow_insecure": _Key(
        "whether http:// to another machine is allowed: the tokens then travel unencrypted",
        "true or false",
        lambda value: isinstance(value, bool),
    ),
    "ca_file": _text(
        "a file in PEM with the authority that vouches for the panel, where no public one does; beside the profiles, "
        "unless it says another folder (~ too)"
    ),
    "api": _Key(
        "the revision of the API that the panel has; found out from the first answers if absent",
        " or ".join(f'"{api}"' for api in APIS),
        lambda value: value in APIS,
    ),
    "region": _Key(
        "where it is, for a cluster: workers that were given a region take the panels of that one alone",
        "letters, digits, '-', '_' and '.', at most 60",
        lambda value: isinstance(value, str) and is_region(value),
    ),
    "connect_timeout": _seconds(f"seconds to open a connection; {_USUAL.timeouts.connect:g} if absent"),
    "read_timeout": _seconds(f"seconds for the answer to a status or a list; {_USUAL.timeouts.read:g} if absent"),
    "action_timeout": _seconds(
        f"seconds for the answer to a start, stop or restart; {_USUAL.timeouts.action:g} if absent"
    ),
    "total_timeout": _seconds("seconds for a whole call, its pauses and attempts included; no limit if absent"),
    "max_concurrency": _Key(
        f"calls in flight on the panel; {_USUAL.limits.max_concurrency} if absent",
        'a whole number of at least 1, or "adaptive"',
        lambda value: value == ADAPTIVE or is_count(value, 1),
    ),
    "per_node": _Key(
        f"calls in flight on one host node; {_USUAL.limits.per_node} if absent",
        "a whole number of at least 1",
        lambda value: is_count(value, 1),
    ),
    "retries": _Key(
        f"how often a call is tried again, where that is safe; {_USUAL.retry.attempts - 1} if absent",
        "a whole number from 0 on",
        lambda value: is_count(value, 0),
    ),
    "max_wait": _seconds(f"the longest pause before that, in seconds; {_USUAL.retry.max_wait:g} if absent"),
}
"""All that a profile may say; the documentation's table of it is made from this one."""

_SOURCES: Mapping[str, Callable[[Secret], Source]] = {
    "": lambda text: text,
    "_command": Command,
    "_keyring": lambda text: cast("KeyringEntry", KeyringEntry.named(text.reveal())),
}
"""What the value of a token's key is, by how the key ends."""


def profile_of(file: ProfileFile, name: str) -> Profile:
    """Give a profile of the file, checked.

    Raises:
        ConfigurationError: It is not there, or can't be used; it names the key, and never shows a value that is a text.
    """
    table, called = file.table(name), file.called(name)
    _check(table, called)
    if "url" not in table:
        msg = f"{called} lacks url"
        raise ConfigurationError(msg)
    return Profile(
        called=called,
        url=cast("Secret", table["url"]).reveal(),
        public_token=_source("public_token", table, called),
        private_token=_source("private_token", table, called),
        ways=_ways(table, file.path.parent, name),
        region=_plain(table, "region", ""),
    )


def is_region(text: str) -> bool:
    """Tell whether it can name a region: a queue is named by it."""
    return _REGION.fullmatch(text) is not None


def _check(table: Table, called: str) -> None:
    for key, value in table.items():
        if key not in KEYS:
            msg = f"{called} has the key {safe_text(key)!r}, which means nothing; known are {', '.join(KEYS)}"
            raise ConfigurationError(msg)
        # The value may be a token: it is never shown.
        if not KEYS[key].holds(value.reveal() if isinstance(value, Secret) else value):
            msg = f"{called}: {key} must be {KEYS[key].rule}"
            raise ConfigurationError(msg)


def _source(half: str, table: Table, called: str) -> Source | None:
    given = [half + ending for ending in _SOURCES if half + ending in table]
    if len(given) > 1:
        msg = f"{called} says {' and '.join(given)}: one of them is enough"
        raise ConfigurationError(msg)
    return next((_SOURCES[key.removeprefix(half)](cast("Secret", table[key])) for key in given), None)


def _ways(table: Table, folder: Path, name: str) -> Ways:
    timeouts, limits, retry = Timeouts(), Limits(), Retry()
    # Checked before.
    api = cast("Api | None", _plain(table, "api", "") or None)
    ca_file = _plain(table, "ca_file", "")
    return Ways(
        name=_plain(table, "name", name),
        allow_insecure=_plain(table, "allow_insecure", default=False),
        ca_file=_beside(folder, ca_file) if "ca_file" in table else None,
        timeouts=Timeouts(
            connect=_plain(table, "connect_timeout", timeouts.connect),
            read=_plain(table, "read_timeout", timeouts.read),
            action=_plain(table, "action_timeout", timeouts.action),
            total=_plain(table, "total_timeout", timeouts.total),
        ),
        limits=Limits(
            max_concurrency=_plain(table, "max_concurrency", limits.max_concurrency),
            per_node=_plain(table, "per_node", limits.per_node),
        ),
        retry=Retry(
            # As the flag says it: those after the first try.
            attempts=_plain(table, "retries", retry.attempts - 1) + 1,
            max_wait=_plain(table, "max_wait", retry.max_wait),
        ),
        api=api,
    )


def _plain(table: Table, key: str, default: T) -> T:
    """Give what a key says, checked before: of the type that it must be."""
    value = table.get(key, default)
    return cast("T", value.reveal() if isinstance(value, Secret) else value)


def _beside(folder: Path, named: str) -> str:
    """Give a file that a profile names: in the profile's folder, unless it says another one."""
    file = Path(named)
    if file.parts[:1] == ("~",):
        return str(home().joinpath(*file.parts[1:]))
    return str(folder / file)
