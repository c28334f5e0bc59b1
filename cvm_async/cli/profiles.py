"""Which panel, and as whom: from the environment or from a file of profiles, never from the command line.

What stands on a command line can be read by everybody on the machine, and stays in the shell's history.
"""

import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from attrs import fields, frozen

from cvm_async._safe_text import safe_text
from cvm_async.errors import ConfigurationError

_VARIABLES = {"url": "CVM_URL", "public_token": "CVM_PUBLIC_TOKEN", "private_token": "CVM_PRIVATE_TOKEN"}
_POSIX = os.name == "posix"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@frozen(kw_only=True)
class Profile:
    """What a session needs to know.

    Attributes:
        url: The panel's address.
        public_token: The public half of the token pair.
        private_token: The private half.
        name: What reports call the panel; None for its host.
        allow_insecure: Allows http:// to another machine.
    """

    url: str
    public_token: str
    private_token: str
    name: str | None = None
    allow_insecure: bool = False

    def __repr__(self) -> str:
        return f"<Profile {self.name!r} for {self.url!r}>"


def profiles_path(environ: Mapping[str, str]) -> Path:
    """Tell where the profiles are: by the XDG rules, which take only absolute paths."""
    home = environ.get("XDG_CONFIG_HOME", "")
    below = Path(home) if Path(home).is_absolute() else Path.home() / ".config"
    return below / "cvm_async" / "profiles.toml"


def chosen_profile(name: str | None, environ: Mapping[str, str] = os.environ) -> Profile:
    """Give the profile of that name; without a name, what the environment says.

    Raises:
        ConfigurationError: It is not there, or can't be used.
    """
    path = profiles_path(environ)
    if name is not None:
        return _profile(name, path)
    found = {key: environ.get(variable, "") for key, variable in _VARIABLES.items()}
    missing = [_VARIABLES[key] for key, value in found.items() if not value]
    if len(missing) == len(found):
        msg = (
            "no panel is named: set CVM_URL, CVM_PUBLIC_TOKEN and CVM_PRIVATE_TOKEN, or name a profile of "
            f"{path} with --profile or CVM_PROFILE"
        )
        raise ConfigurationError(msg)
    if missing:
        msg = f"not set in the environment: {', '.join(missing)}"
        raise ConfigurationError(msg)
    return Profile(url=found["url"], public_token=found["public_token"], private_token=found["private_token"])


def _profile(name: str, path: Path) -> Profile:
    profiles = _read(path)
    given = profiles.get(name)
    if not isinstance(given, Mapping):
        there = ", ".join(safe_text(each) for each in profiles) or "none"
        msg = f"{path} has no profile [{safe_text(name)}]; it has: {there}"
        raise ConfigurationError(msg)
    return _checked(f"profile [{safe_text(name)}] of {path}", {"name": name, **cast("Mapping[str, object]", given)})


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            _refuse_if_open_to_others(file, path)
            return tomllib.load(file)
    except FileNotFoundError:
        msg = f"there are no profiles: {path} does not exist"
    except OSError as error:
        msg = f"the profiles cannot be read: {error}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not TOML: {error}"
    # Outside of the handlers, and so without the cause: its traceback may show the line with a token.
    raise ConfigurationError(msg)


def _refuse_if_open_to_others(file: BinaryIO, path: Path) -> None:
    # Windows keeps its permissions elsewhere, and shows all of these bits.
    if _POSIX and os.fstat(file.fileno()).st_mode & _OTHERS:
        msg = f"{path} holds tokens and other users of this machine may use it: chmod 600 {path}"
        raise ConfigurationError(msg)


def _checked(where: str, given: Mapping[str, object]) -> Profile:
    known = {attribute.name: bool if attribute.name == "allow_insecure" else str for attribute in fields(Profile)}
    for key, value in given.items():
        if key not in known:
            msg = f"{where} has the key {safe_text(key)!r}, which means nothing; known are {', '.join(known)}"
            raise ConfigurationError(msg)
        # The value may be a token: never show it.
        if not isinstance(value, known[key]):
            msg = f"{where}: {key} must be a {known[key].__name__}, not a {type(value).__name__}"
            raise ConfigurationError(msg)
    missing = [key for key in _VARIABLES if key not in given]
    if missing:
        msg = f"{where} lacks {', '.join(missing)}"
        raise ConfigurationError(msg)
    return Profile(**given)  # type: ignore[arg-type]  # just checked, key by key
