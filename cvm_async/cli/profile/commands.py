"""`profile`: keep in a file which panels there are and as whom, so that no command needs to be told."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cvm_async._profiles.environment import Environment
from cvm_async._profiles.file import DEFAULT, ProfileFile, read_profiles
from cvm_async._profiles.place import is_there, profiles_path
from cvm_async._profiles.sources import KeyringEntry
from cvm_async._safe_text import excerpt, safe_text
from cvm_async._secret import Secret
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common, Flag, Switch
from cvm_async.cli.grids import Tone
from cvm_async.cli.output.look import Format
from cvm_async.cli.profile.answers import answered, check_new
from cvm_async.cli.profile.asking import NOTHING_WRITTEN, Asker
from cvm_async.cli.profile.checking import check_profiles
from cvm_async.cli.profile.editing import change, naming, putting, removing
from cvm_async.cli.profile.told import listing, profile_grid, told
from cvm_async.cli.terminal import Terminal

_SERVICE = "cvm_async"
"""What our entries in the keyring are for."""

_Output = Annotated[Format | None, Parameter(alias="-o", show_default=False)]
_Several = Annotated[tuple[str, ...], Flag]

profile: App = App(name="profile", help="Keep profiles: which panels there are, and as whom.")


@profile.command(name="list", sort_key=1)
def list_profiles(*, output: _Output = None, json: Switch = False) -> Exit:
    """List the profiles; a star marks the default. Tokens are never shown.

    Args:
        output: How they are printed; all but table and wide are for programs.
        json: The same as -o json.
    """
    terminal, file = Common(output=output, json=json).terminal(), _file()
    profiles = told(file)
    terminal.table(profile_grid(profiles))
    terminal.show(f"{len(profiles):,} profile{'' if len(profiles) == 1 else 's'} in {file.where}")
    terminal.emit(listing(file, profiles))
    problems = [each.problem for each in profiles if each.problem]
    terminal.say(*problems)
    return Exit.PARTLY if problems else Exit.DONE


@profile.command(sort_key=2)
def add(
    name: str,
    /,
    *,
    url: str | None = None,
    insecure: Switch = False,
    keyring: Switch = False,
    command: str | None = None,
) -> None:
    """Add a profile, or give one another address and other tokens; what it says besides stays.

    The address and the tokens are asked for, and a token that is typed does not show. Where nobody can be asked they
    are read from standard input, a line each: address, public token, private token.

    Args:
        name: What to call it.
        url: The panel's address; it is not asked for then.
        insecure: Allow http:// to another machine; the tokens then travel unencrypted.
        keyring: Keep the private token in the system's keyring, and not in the file.
        command: A command that prints the private token, such as 'pass show cvm'; it is not asked for then.
    """
    if keyring and command is not None:
        message = "give --keyring or --command; not both"
        raise CommandError(message, Exit.USAGE)
    check_new(name)
    terminal, file = Terminal.here(), _file()
    if name in file.tables:
        _agree_to_replace(terminal, name)
    entry = KeyringEntry(_SERVICE, name) if keyring else None
    answers = answered(Asker(terminal), url=url, insecure=insecure, command=command, entry=entry)
    first = not file.tables
    change(file.path, putting(name, answers.keys(), default=first))
    said = f"[{name}] is in {file.where}{', as the default' if first else ''}"
    terminal.say(f"{said}; to try it: cvm-async profile check {name}")


@profile.command(sort_key=3)
def use(name: str, /) -> None:
    """Make a profile the default: the one that is taken where nothing else is said.

    Args:
        name: Which.
    """
    terminal, file = Terminal.here(), read_profiles(_path())
    file.table(name)
    if DEFAULT in file.tables:
        message = f"{file.where} has a profile [{DEFAULT}], and so no room for a default: rename that one"
        raise CommandError(message)
    change(file.path, naming(name))
    terminal.say(f"[{safe_text(name)}] is the default")
    environment = Environment.of()
    for variable, said in (("CVM_PROFILE", environment.profile), ("CVM_URL", environment.url)):
        if said:
            terminal.say(f"{variable} is set here, and counts before it", tone=Tone.WARNING)


@profile.command(sort_key=4)
async def check(*names: str, profile: _Several = (), output: _Output = None, json: Switch = False) -> Exit:
    """Check profiles with one call to each panel.

    What the environment says otherwise does not matter here.

    Args:
        names: Which; all if none is named.
        profile: Likewise, as other commands take them.
        output: How the result is printed; all but table and wide are for programs.
        json: The same as -o json.
    """
    terminal, file = Common(output=output, json=json).terminal(), read_profiles(_path())
    return await check_profiles(terminal, file, file.listed((*names, *profile)) or file.every())


@profile.command(sort_key=5)
def remove(name: str, /, *, yes: Annotated[bool, Flag, Parameter(alias="-y")] = False) -> None:
    """Remove a profile, with the tokens that it holds; what it keeps in the keyring stays there.

    Args:
        name: Which.
        yes: Do not ask.
    """
    terminal, file = Terminal.here(), read_profiles(_path())
    table = file.table(name)
    if not (yes or terminal.interactive):
        message = "to remove a profile where nobody can be asked needs --yes"
        raise CommandError(message, Exit.USAGE)
    if not yes and not terminal.confirm(f"Remove [{safe_text(name)}] and its tokens?"):
        raise CommandError(NOTHING_WRITTEN)
    change(file.path, removing(name))
    terminal.say(f"[{safe_text(name)}] is no longer in {file.where}")
    for key, entry in table.items():
        if key.endswith("_keyring") and isinstance(entry, Secret):
            terminal.say(f"its token is still in the keyring: {excerpt(entry.reveal())}", tone=Tone.WARNING)


def _agree_to_replace(terminal: Terminal, name: str) -> None:
    if not terminal.interactive:
        message = f"there is a profile [{name}] already; where nobody can be asked, remove it first"
        raise CommandError(message, Exit.USAGE)
    if not terminal.confirm(f"Replace the address and tokens of [{name}]?"):
        raise CommandError(NOTHING_WRITTEN)


def _path() -> Path:
    return profiles_path(Environment.of().config_home)


def _file() -> ProfileFile:
    path = _path()
    return read_profiles(path) if is_there(path) else ProfileFile(path, {})
