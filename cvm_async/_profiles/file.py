"""The file of profiles, read: a table for each. It holds tokens, so it is refused where others may use it.

What it holds is masked as soon as it is read: whoever prints the locals of a traceback finds no token.
"""

import os
import stat
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from attrs import frozen

from cvm_async._safe_text import safe_text
from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError

DEFAULT = "default_profile"
"""The key that stands before all tables, and names the profile to take where none is asked for."""

Table: TypeAlias = Mapping[str, object]
"""A profile as written: its keys, with what `_hidden` makes of the values."""

_POSIX = os.name == "posix"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@frozen
class ProfileFile:
    """What stands in the file.

    Attributes:
        path: Where it is.
        tables: The profiles by name, in the file's order.
        default: The one to take where none is asked for; None: there is none.
    """

    path: Path
    tables: Mapping[str, Table]
    default: str | None = None

    @property
    def where(self) -> str:
        """The path, safe to print."""
        return safe_text(str(self.path))

    def table(self, name: str) -> Table:
        """Give the profile of this name.

        Raises:
            ConfigurationError: There is none.
        """
        if name in self.tables:
            return self.tables[name]
        there = ", ".join(safe_text(each) for each in self.tables) or "none"
        msg = f"{self.where} has no profile [{safe_text(name)}]; it has: {there}"
        raise ConfigurationError(msg)

    def listed(self, names: Iterable[str]) -> list[str]:
        """Give names one by one, each once: those with commas between them, but for a profile's that has one itself."""
        parts = (
            part for name in names for part in ([name] if name in self.tables else map(str.strip, name.split(",")))
        )
        return list(dict.fromkeys(parts))

    def every(self) -> list[str]:
        """Give the names of all profiles.

        Raises:
            ConfigurationError: There is none.
        """
        if self.tables:
            return list(self.tables)
        msg = f"there are no profiles in {self.where}; cvm-async profile add makes one"
        raise ConfigurationError(msg)

    def called(self, name: str) -> str:
        """Give a profile as messages call it."""
        return f"profile [{safe_text(name)}] of {self.where}"


def read_profiles(path: Path) -> ProfileFile:
    """Read the file.

    Raises:
        ConfigurationError: It is not there, can't be read, is no TOML, or others may use it.
    """
    where = safe_text(str(path))
    try:
        return _of_toml(path, written(path))
    except RecursionError:
        msg = f"{where} is nested too deep"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{where} is not TOML: {error}"
    # Outside of the handlers, and so without the cause: its traceback may show the line with a token.
    raise ConfigurationError(msg)


def written(path: Path) -> Secret:
    """Give the file's text.

    Raises:
        ConfigurationError: It is not there, can't be read, or others may use it.
        UnicodeDecodeError: It is not UTF-8.
    """
    where = safe_text(str(path))
    try:
        with path.open("rb") as file:
            _refuse_if_open_to_others(file, where)
            # Some editors begin a file with a byte order mark, which TOML does not have.
            return Secret(file.read().decode("utf-8-sig"))
    except FileNotFoundError:
        msg = f"there are no profiles: {where} does not exist; cvm-async profile add makes one"
    except (ConfigurationError, UnicodeDecodeError):
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"the profiles of {where} cannot be read: {reason}"
    raise ConfigurationError(msg)


def _refuse_if_open_to_others(file: BinaryIO, where: str) -> None:
    # Windows keeps its permissions elsewhere, and shows all of these bits.
    if _POSIX and os.fstat(file.fileno()).st_mode & _OTHERS:
        msg = f"{where} holds tokens and other users of this machine may use it: chmod 600 {where}"
        raise ConfigurationError(msg)


def _of_toml(path: Path, text: Secret) -> ProfileFile:
    found = {key: _hidden(key, value) for key, value in tomllib.loads(text.reveal()).items()}
    tables = {name: cast("Table", table) for name, table in found.items() if isinstance(table, Mapping)}
    default = found.get(DEFAULT)
    return ProfileFile(path, tables, default.reveal() if isinstance(default, Secret) else None)


def _hidden(key: str, value: object) -> object:
    """Give a value so that nobody finds a token in it: a text masked, and what can be no value as its type alone."""
    if isinstance(value, str):
        return Secret(value)
    if isinstance(value, Mapping):
        return {inner: _hidden(inner, each) for inner, each in cast("Mapping[str, object]", value).items()}
    return value if isinstance(value, (bool, int, float)) and "token" not in key else type(value)
