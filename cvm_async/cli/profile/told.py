"""Profiles as a person or a program reads them: which panel, where the tokens come from, never a token."""

from collections.abc import Iterable, Iterator

from attrs import frozen

from cvm_async._profiles.file import ProfileFile
from cvm_async._profiles.profile import Profile, profile_of
from cvm_async._profiles.sources import Command, KeyringEntry, Source
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.cli.grids import Column, Grid, Row, Tone
from cvm_async.errors import ConfigurationError
from cvm_async.models import JSON_VERSION

_PROFILE = Column("PROFILE", uncut=20, least=len("PROFILE"))
_URL = Column("PANEL", uncut=30, least=len("https://a.b"))


@frozen
class Told:
    """A profile, or why it can't be used.

    Attributes:
        name: What it is called.
        default: Whether it is taken where none is asked for.
        profile: What it says; None where it can't be used.
        problem: Why not; empty where it can.
    """

    name: str
    default: bool
    profile: Profile | None
    problem: str = ""

    def to_dict(self) -> dict[str, object]:
        """Give it as JSON takes it."""
        profile = self.profile
        return {
            "name": self.name,
            "default": self.default,
            "url": None if profile is None else shown_url(profile.url),
            "public_token_from": None if profile is None else _from(profile.public_token),
            "private_token_from": None if profile is None else _from(profile.private_token),
            "problem": self.problem or None,
        }


def told(file: ProfileFile) -> list[Told]:
    """Give all profiles of the file, those that can't be used among them."""
    return list(_each(file))


def profile_grid(profiles: Iterable[Told]) -> Grid:
    """Give profiles as a table; the default has a star."""
    columns = (Column(""), _PROFILE, _URL, Column("PUBLIC TOKEN", leaves=2), Column("PRIVATE TOKEN", leaves=1))
    return Grid(columns, tuple(_row(each) for each in profiles))


def listing(file: ProfileFile, profiles: Iterable[Told]) -> dict[str, object]:
    """Give the file's profiles as JSON takes them."""
    return {
        "version": JSON_VERSION,
        "path": str(file.path),
        "default": file.default,
        "profiles": [each.to_dict() for each in profiles],
    }


def shown_url(url: str) -> str:
    """Give an address safe to print, without a password that somebody put into it."""
    return excerpt(f"…@{url.rpartition('@')[2]}" if "@" in url else url)


def _each(file: ProfileFile) -> Iterator[Told]:
    for name in file.tables:
        try:
            yield Told(name, name == file.default, profile_of(file, name))
        except ConfigurationError as error:
            yield Told(name, name == file.default, None, str(error))


def _from(source: Source | None) -> str:
    if source is None:
        return "environment"
    if isinstance(source, KeyringEntry):
        return f"keyring {excerpt(str(source))}"
    return "command" if isinstance(source, Command) else "file"


def _row(each: Told) -> Row:
    star, name = "*" if each.default else "", safe_text(each.name)
    if each.profile is None:
        return Row((star, name, "can't be used", "", ""), Tone.TROUBLE)
    sources = (_from(each.profile.public_token), _from(each.profile.private_token))
    return Row((star, name, shown_url(each.profile.url), *sources))
