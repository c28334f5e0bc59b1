"""Options before the verb do what they do behind it, so that `alias prod='cvm-async --profile prod'` works.

They are moved there, before anything reads them: what they mean, and whether a command has them, is said in one place.
"""

from collections.abc import Callable, Sequence

from cyclopts import App

_OWN = frozenset(("--help", "-h", "--version", "--install-completion"))
"""What is the program's own, and no command's."""


def in_place(app: App, tokens: Sequence[str], sample: Callable[[], Callable[..., object]]) -> list[str]:
    """Give a command line with the options that stand before its command behind it; any other as it is.

    Args:
        app: Whose command line it is.
        tokens: Its words.
        sample: Gives a command that has the options which all commands have; asked only where it matters.
    """
    if not tokens or not tokens[0].startswith("-") or tokens[0] in _OWN:
        return list(tokens)
    leading = _leading(tokens, _taking_values(sample()))
    rest = list(tokens[leading:])
    commands = _commands(app, rest)
    return [*rest[:commands], *tokens[:leading], *rest[commands:]] if commands else [*rest, *tokens[:leading]]


def _taking_values(command: Callable[..., object]) -> frozenset[str]:
    """Give the names of a command's options that have a value in the next word."""
    arguments = App(default_command=command).assemble_argument_collection()
    return frozenset(name for each in arguments if not each.is_flag() for name in each.names)


def _leading(tokens: Sequence[str], taking_values: frozenset[str]) -> int:
    """Give how many words come before the command."""
    place = 0
    while place < len(tokens) and tokens[place].startswith("-") and tokens[place] not in _OWN | {"-", "--"}:
        place += 2 if tokens[place] in taking_values else 1
    return min(place, len(tokens))


def _commands(app: App, tokens: Sequence[str]) -> int:
    """Give how many words name the command: two in ``profile list``."""
    chain, _, _ = app.parse_commands(tokens)
    return len(chain)
