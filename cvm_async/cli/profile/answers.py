"""What a person says of a new profile, checked before anything is written."""

import re

from attrs import frozen

from cvm_async._exchange.address import panel_url
from cvm_async._exchange.tokens import Tokens
from cvm_async._profiles.file import DEFAULT
from cvm_async._profiles.sources import Command, KeyringEntry, Source, keep
from cvm_async._safe_text import excerpt
from cvm_async._secret import Secret
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.profile.asking import Asker

_NAME = re.compile(r"[\w-][\w.-]*", re.ASCII)
"""What a shell, and a list with commas, take as it is."""


@frozen
class Answers:
    """What was said.

    Attributes:
        url: The panel's address.
        insecure: Whether http:// to another machine is allowed.
        public: The public half of the token pair.
        private: The private half, or where it comes from.
    """

    url: str
    insecure: bool
    public: Secret
    private: Source

    def keys(self) -> dict[str, Secret | bool | None]:
        """Give what is to be written; None takes a key out."""
        halves = ("public_token", "private_token")
        return {
            "url": Secret(self.url),
            **({"allow_insecure": True} if self.insecure else {}),
            **{half + way: None for half in halves for way in ("", "_command", "_keyring")},
            "public_token": self.public,
            **_written(self.private),
        }


def _written(private: Source) -> dict[str, Secret]:
    if isinstance(private, Secret):
        return {"private_token": private}
    if isinstance(private, Command):
        return {"private_token_command": private.line}
    return {"private_token_keyring": Secret(str(private))}


def check_new(name: str) -> None:
    """Refuse what would make trouble as a profile's name.

    Raises:
        CommandError: It is so.
    """
    if not _NAME.fullmatch(name) or name == DEFAULT:
        usual = f"letters, digits, '-', '_' and '.', but not {DEFAULT}"
        message = f"{excerpt(repr(name))} is no name for a profile: take {usual}"
        raise CommandError(message, Exit.USAGE)


def answered(
    asker: Asker, *, url: str | None, insecure: bool, command: str | None, entry: KeyringEntry | None
) -> Answers:
    """Ask for all that is not given.

    Args:
        asker: Who asks.
        url: The panel's address.
        insecure: Whether http:// to another machine is allowed.
        command: What prints the private token; it is not asked for then.
        entry: Where to keep it in the keyring; None: not there.

    Raises:
        CommandError: It is not told.
        ConfigurationError: It can't be used, or the keyring does not take it.
    """
    address = (asker.text("Address of the panel (https://…)") if url is None else url).strip()
    panel_url(address, allow_insecure=insecure)
    public = asker.secret("Public token")
    private = asker.secret("Private token") if command is None else Secret("from a command")
    Tokens.checked(public.reveal(), private.reveal())
    if command is not None:
        return Answers(address, insecure, public, Command(Secret(command)))
    if entry is not None:
        keep(entry, private)
    return Answers(address, insecure, public, entry or private)
