"""Which panel, and as whom: from the environment or from a file of profiles, never from the command line.

What stands on a command line can be read by everybody on the machine, and stays in the shell's history.
"""

import os
import ssl
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

from attrs import evolve, fields, frozen

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
        ca_file: A file in PEM with the authority that vouches for the panel, where no public one does.
    """

    url: str
    public_token: str
    private_token: str
    name: str | None = None
    allow_insecure: bool = False
    ca_file: str | None = None

    def __repr__(self) -> str:
        return f"<Profile {self.name!r} for {self.url!r}>"


def profiles_path(environ: Mapping[str, str]) -> Path:
    """Tell where the profiles are: by the XDG rules, which take only absolute paths.

    Raises:
        ConfigurationError: That is in the home directory, and there is none, as for some users of containers.
    """
    given = Path(environ.get("XDG_CONFIG_HOME", ""))
    return (given if given.is_absolute() else _home() / ".config") / "cvm_async" / "profiles.toml"


def chosen_profile(name: str | None, environ: Mapping[str, str] = os.environ) -> Profile:
    """Give the profile of that name; without a name, what the environment says.

    Raises:
        ConfigurationError: It is not there, or can't be used.
    """
    # A variable that is set to nothing is not set; but an empty `--profile "$WHICH"` must not end at another panel.
    if name or (name is not None and environ.get("CVM_PROFILE") != ""):
        return _profile(name, profiles_path(environ))
    found = {key: environ.get(variable, "") for key, variable in _VARIABLES.items()}
    missing = [_VARIABLES[key] for key, value in found.items() if not value]
    if len(missing) == len(found):
        msg = (
            "no panel is named: set CVM_URL, CVM_PUBLIC_TOKEN and CVM_PRIVATE_TOKEN, or name a profile with --profile "
            "or CVM_PROFILE"
        )
        raise ConfigurationError(msg)
    if missing:
        msg = f"not set in the environment: {', '.join(missing)}"
        raise ConfigurationError(msg)
    return Profile(url=found["url"], public_token=found["public_token"], private_token=found["private_token"])


def trusting(ca_file: str) -> ssl.SSLContext:
    """Give TLS settings that trust whoever the authorities of this file vouch for, and nobody else.

    Raises:
        ConfigurationError: The file can't be read, or holds no certificate.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Also whoever signs below an authority, or only for itself.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(ca_file)
    except ssl.SSLError:
        msg = f"{safe_text(ca_file)} holds no certificate in PEM"
    except (OSError, ValueError) as error:
        msg = f"the certificates of {safe_text(ca_file)!r} cannot be read: {_reason(error)}"
    else:
        return context
    raise ConfigurationError(msg)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        msg = "there is no home directory to look for profiles in: set HOME, or XDG_CONFIG_HOME"
    raise ConfigurationError(msg)


def _profile(name: str, path: Path) -> Profile:
    profiles, where = _read(path), safe_text(str(path))
    given = profiles.get(name)
    if not isinstance(given, Mapping):
        there = ", ".join(safe_text(each) for each in profiles) or "none"
        msg = f"{where} has no profile [{safe_text(name)}]; it has: {there}"
        raise ConfigurationError(msg)
    profile = _checked(f"profile [{safe_text(name)}] of {where}", {"name": name, **cast("Mapping[str, object]", given)})
    return profile if profile.ca_file is None else evolve(profile, ca_file=_beside(path, profile.ca_file))


def _beside(path: Path, named: str) -> str:
    """Give a file that a profile names: in the profile's folder, unless it says another one."""
    file = Path(named)
    if file.parts[:1] == ("~",):
        return str(_home().joinpath(*file.parts[1:]))
    return str(path.parent / file)


def _read(path: Path) -> dict[str, object]:
    where = safe_text(str(path))
    try:
        # Some editors begin a file with a byte order mark, which TOML does not have.
        return tomllib.loads(_written(path).decode("utf-8-sig"))
    except RecursionError:
        msg = f"{where} is nested too deep"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{where} is not TOML: {error}"
    # Outside of the handlers, and so without the cause: its traceback may show the line with a token.
    raise ConfigurationError(msg)


def _written(path: Path) -> bytes:
    where = safe_text(str(path))
    try:
        with path.open("rb") as file:
            _refuse_if_open_to_others(file, path)
            return file.read()
    except FileNotFoundError:
        msg = f"there are no profiles: {where} does not exist"
    except ConfigurationError:
        raise
    except (OSError, ValueError) as error:
        msg = f"the profiles of {where} cannot be read: {_reason(error)}"
    raise ConfigurationError(msg)


def _reason(error: OSError | ValueError) -> str:
    return str(error.strerror if isinstance(error, OSError) else error)


def _refuse_if_open_to_others(file: BinaryIO, path: Path) -> None:
    # Windows keeps its permissions elsewhere, and shows all of these bits.
    if _POSIX and os.fstat(file.fileno()).st_mode & _OTHERS:
        where = safe_text(str(path))
        msg = f"{where} holds tokens and other users of this machine may use it: chmod 600 {where}"
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
