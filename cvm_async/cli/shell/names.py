"""Names for a shell to complete, from what was listed last: a prompt must not wait for a panel.

What a command lists it writes down, for each account by itself, readable by its owner alone. What is older than a week
is offered no more.
"""

import hashlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cvm_async._safe_text import safe_text
from cvm_async.models import Vps

if TYPE_CHECKING:
    from cyclopts.completion import CompletionContext

_WEEK: Final = 7 * 24 * 3600.0
_UNITS: Final = ((24 * 3600.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))
_NOT_A_NAME: Final = re.compile(r"[\s,]|^-|^[0-9]+(-[0-9]+)?$")
"""What a command would not read as one hostname: several, a flag, an id or a range of them."""


def reads_back(hostname: str) -> bool:
    """Tell whether a command that is given this takes it for one hostname."""
    return bool(hostname) and safe_text(hostname) == hostname and not _NOT_A_NAME.search(hostname)


def accounts(profile: Sequence[str], *, every: bool) -> list[str]:
    """Give what tells the accounts apart that a command line means, one for each, in their order; no token is fetched.

    Raises:
        ConfigurationError: It means none.
    """
    # Loaded here, as who asks for help needs none.
    from cvm_async._profiles.environment import Environment  # noqa: PLC0415
    from cvm_async._profiles.file import read_profiles  # noqa: PLC0415
    from cvm_async._profiles.place import profiles_path  # noqa: PLC0415

    environment = Environment.of()
    named = list(profile) or ([environment.profile] if environment.profile else [])
    if environment.public_token is not None and environment.url and not (named or every or environment.missing):
        return [f"{environment.url} {environment.public_token.reveal()}"]
    file = read_profiles(profiles_path(environment.config_home))
    chosen = file.every() if every else file.listed(named or ([file.default] if file.default else []))
    return [f"{file.path} {name}" for name in chosen]


def profiles() -> list[str]:
    """Give the names of all profiles.

    Raises:
        ConfigurationError: Their file cannot be read.
    """
    from cvm_async._profiles.environment import Environment  # noqa: PLC0415 - likewise
    from cvm_async._profiles.file import read_profiles  # noqa: PLC0415
    from cvm_async._profiles.place import profiles_path  # noqa: PLC0415

    return list(read_profiles(profiles_path(Environment.of().config_home)).tables)


def remember(account: str, vpses: Iterable[Vps]) -> None:
    """Write down what an account has. Where that cannot be written, nothing is completed, and no command fails."""
    listed = [[vps.id, vps.hostname, vps.node] for vps in vpses]
    text = json.dumps({"version": 1, "at": time.time(), "vpses": listed})
    with suppress(OSError, RuntimeError):
        place = _place(account)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = place.with_suffix(f".{os.getpid()}")
        beside.touch(mode=0o600)
        beside.write_text(text, encoding="ascii")
        beside.replace(place)


def offered(account: str) -> Iterator[tuple[str, str]]:
    """Give what the account's VPSes are called, each with what it is; nothing where nothing is known, or too old."""
    try:
        known = json.loads(_place(account).read_text(encoding="ascii"))
        age, listed = (
            time.time() - known["at"],
            [(int(number), str(name), node) for number, name, node in known["vpses"]],
        )
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        return
    if not 0 <= age <= _WEEK:
        return
    often = Counter(name.lower() for _, name, _ in listed)
    for number, name, node in listed:
        on = "" if node is None else f" on node {node}"
        if reads_back(name) and often[name.lower()] == 1:
            yield name, f"VPS {number}{on}, listed {_ago(age)} ago"
        else:
            yield str(number), f"{safe_text(name)}{on}, listed {_ago(age)} ago"


def complete_vpses(context: "CompletionContext") -> list[tuple[str, str]]:
    """Give a shell the names of the VPSes that a command line may mean."""
    profile, every = context.get("--profile"), context.get("--all-profiles")
    of = accounts(profile.raw_tokens if profile else (), every=bool(every and every.provided))
    return [each for account in of for each in offered(account)]


def complete_profiles(_: "CompletionContext") -> list[str]:
    """Give a shell the names of the profiles."""
    return profiles()


def _place(account: str) -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415 - only who lists or completes needs it

    digest = hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()
    return user_cache_path("cvm_async", appauthor=False) / "names" / f"{digest[:32]}.json"


def _ago(seconds: float) -> str:
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"
