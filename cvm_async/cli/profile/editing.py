"""The file of profiles, changed: at once or not at all, by one writer at a time, with all that a person wrote in it.

Whoever reads it meanwhile finds it as it was before or as it is after. It is only ever readable by its owner.
"""

import fcntl
import os
import stat
import tempfile
import tomllib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import tomlkit
from attrs import frozen
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AbstractTable, Item, Whitespace

from cvm_async._profiles.file import DEFAULT, read_profiles, written
from cvm_async._profiles.place import is_there
from cvm_async._safe_text import safe_text
from cvm_async._secret import Secret
from cvm_async.cli.exits import CommandError


@frozen
class Change:
    """A change of the file.

    Attributes:
        touches: The keys before all tables, or the tables, that it may change; all others stay.
        make: Makes it.
    """

    touches: frozenset[str]
    make: Callable[[TOMLDocument], None]


def putting(name: str, keys: Mapping[str, Secret | bool | None], *, default: bool) -> Change:
    """Give the change that puts keys into a profile, made if it is not there; None takes one out."""

    def put(document: TOMLDocument) -> None:
        if name not in document:
            document[name] = tomlkit.table()
        table = document[name]
        assert isinstance(table, AbstractTable)  # noqa: S101 - or it is no profile, and was not read as one
        for key, value in keys.items():
            if value is not None:
                table[key] = value.reveal() if isinstance(value, Secret) else value
            elif key in table:
                del table[key]
        # Another writer may have been first meanwhile.
        if default and DEFAULT not in document:
            document[DEFAULT] = name

    return Change(frozenset({name, DEFAULT}), put)


def naming(default: str) -> Change:
    """Give the change that makes a profile the default."""

    def name(document: TOMLDocument) -> None:
        document[DEFAULT] = default

    return Change(frozenset({DEFAULT}), name)


def removing(name: str) -> Change:
    """Give the change that takes a profile out; what is said before the next one, about that, stays."""

    def remove(document: TOMLDocument) -> None:
        places = [place for place, (key, _) in enumerate(document.body) if key is not None and key.key == name]
        kept = _said_of_the_next(document.body[places[-1]][1])
        del document[name]
        document.body[places[-1]] = (None, Whitespace(kept))
        if DEFAULT in document and document[DEFAULT] == name:
            del document[DEFAULT]

    return Change(frozenset({name, DEFAULT}), remove)


def change(path: Path, wanted: Change) -> None:
    """Change the file; it is made, with its folder, where it is not there.

    Raises:
        ConfigurationError: It can't be read, or others may use it.
        CommandError: It can't be written, or not without touching what is not meant.
    """
    # Where it is a link, such as one into a folder that a person keeps in git, it stays one.
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            before = _text_of(path)
            _replace(path, _changed(before, wanted, path))
    except OSError as error:
        raise CommandError(f"the profiles of {safe_text(str(path))} cannot be written: {error.strerror}") from None


def _text_of(path: Path) -> Secret:
    if not is_there(path):
        return Secret("")
    # It says what is wrong, if anything is.
    read_profiles(path)
    if not path.stat().st_mode & stat.S_IWUSR:
        where = safe_text(str(path))
        raise CommandError(f"{where} is read-only: chmod u+w {where}")
    return written(path)


def _changed(before: Secret, wanted: Change, path: Path) -> Secret:
    after: Secret | None = None
    with suppress(TOMLKitError):
        document = tomlkit.parse(before.reveal())
        wanted.make(document)
        after = Secret(tomlkit.dumps(document))
    # Both are read by another parser than the one that wrote.
    if after is None or _rest(before, wanted) != _rest(after, wanted):
        raise CommandError(f"{safe_text(str(path))} cannot be changed without touching other parts of it: edit it")
    return after


def _rest(text: Secret, wanted: Change) -> dict[str, object]:
    """Give what a change must leave alone; nothing can be equal to what can't be read."""
    try:
        whole = tomllib.loads(text.reveal())
    except tomllib.TOMLDecodeError:
        return {"": object()}
    return {key: value for key, value in whole.items() if key not in wanted.touches}


def _said_of_the_next(table: Item) -> str:
    """Give the comments at the end of a table that an empty line parts from it."""
    lines = table.as_string().rstrip("\n").split("\n")
    kept = len(lines)
    while kept and lines[kept - 1].lstrip().startswith("#"):
        kept -= 1
    parted = kept and not lines[kept - 1].strip()
    return "".join(f"{line}\n" for line in lines[kept:]) if parted else ""


def _replace(path: Path, text: Secret) -> None:
    """Put a new file in the place of the old one, in one step; it belongs to whom the old one did."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".profiles-", suffix=".toml")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.reveal().encode("utf-8"))
            file.flush()
            os.fsync(handle)
            if is_there(path):
                # As root, for somebody else. Who may not give files away has none to give away.
                with suppress(PermissionError):
                    os.fchown(handle, path.stat().st_uid, path.stat().st_gid)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise


@contextmanager
def _alone_in(folder: Path) -> Generator[None]:
    """Wait until no other writer is at work in a folder, and keep others waiting."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
