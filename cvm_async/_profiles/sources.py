"""Where a token comes from: the text itself, a command's first line, or an entry of the system's keyring.

No message shows a token, a command or what it printed: a token may stand in any of them.
"""

import shlex
import subprocess
from collections.abc import Mapping
from typing import TypeAlias

from attrs import frozen

from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError

PATIENCE = 60.0
"""Seconds for a command: somebody may have to type a passphrase for it."""

_FLAWS: Mapping[type[Exception], str] = {
    FileNotFoundError: "there is no such program as its command names",
    OSError: "its command cannot be run",
    subprocess.TimeoutExpired: f"its command was not done after {PATIENCE:.0f} s",
    UnicodeDecodeError: "its command printed what is no text",
    # An open quotation mark, a NUL, or no word at all.
    ValueError: "its command is no command",
    IndexError: "its command is no command",
}
"""What is wrong where running a command raises: the first that fits."""


@frozen
class Command:
    """A program that prints the token, with its arguments.

    Attributes:
        line: As a shell would take it; none does.
    """

    line: Secret


@frozen
class KeyringEntry:
    """A password in the system's keyring.

    Attributes:
        service: What it is for.
        user: Whose it is.
    """

    service: str
    user: str

    @classmethod
    def named(cls, text: str) -> "KeyringEntry | None":
        """Read ``service:user``; the service may have colons, as a URL has. None where it is not that."""
        service, _, user = text.rpartition(":")
        return cls(service, user) if service and user else None

    def __str__(self) -> str:
        return f"{self.service}:{self.user}"


Source: TypeAlias = Secret | Command | KeyringEntry


def token(source: Source, called: str) -> Secret:
    """Give the token.

    Args:
        source: Where it comes from.
        called: What messages call it: ``private_token of profile [work] of …``.

    Raises:
        ConfigurationError: There is none to be had.
    """
    if isinstance(source, Secret):
        return source
    found = _printed(source) if isinstance(source, Command) else _kept(source)
    if isinstance(found, Secret):
        return found
    msg = f"{called}: {found}"
    raise ConfigurationError(msg)


def keep(entry: KeyringEntry, password: Secret) -> None:
    """Put a token into the keyring, in the place of the one that it may have there.

    Raises:
        ConfigurationError: It cannot be put there.
    """
    flaw = _put_away(entry, password)
    if flaw:
        raise ConfigurationError(flaw)


def _printed(command: Command) -> Secret | str:
    """Run a command, and give the first line that it prints; or say what is wrong.

    Nothing is raised from here on, as the frames hold what was printed.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - the person's own command, out of a file that is theirs alone
            shlex.split(command.line.reveal()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )
        lines = ran.stdout.decode("utf-8").splitlines()
    except tuple(_FLAWS) as error:
        return next(flaw for kind, flaw in _FLAWS.items() if isinstance(error, kind))
    if ran.returncode:
        return f"its command ended with status {ran.returncode}; run it by hand to see why"
    return Secret(lines[0]) if lines and lines[0] else "its command printed nothing"


def _kept(entry: KeyringEntry) -> Secret | str:
    """Look a password up; or say what is wrong. Nothing is raised from here on, either."""
    try:
        import keyring  # noqa: PLC0415 - an extra, and slow to load

        found = keyring.get_password(entry.service, entry.user)
    except Exception as error:  # noqa: BLE001 - a backend may raise what it likes
        return _keyrings(error)
    return Secret(found) if found else f"the system's keyring has no entry {entry}"


def _put_away(entry: KeyringEntry, password: Secret) -> str:
    """Write a password down; give what is wrong, nothing if nothing is. As `_kept`, it raises nothing."""
    try:
        import keyring  # noqa: PLC0415 - likewise

        keyring.set_password(entry.service, entry.user, password.reveal())
    except Exception as error:  # noqa: BLE001 - likewise
        return _keyrings(error)
    return ""


def _keyrings(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "the system's keyring needs keyring: pip install 'cvm_async[keyring]'"
    return f"the system's keyring cannot be used ({type(error).__name__}): is there one, and is it unlocked?"
