"""The flags that say which VPSes, and what they mean together with the names that were typed."""

from collections.abc import Sequence
from typing import Annotated

from attrs import frozen
from cyclopts import Group, Parameter

from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Flag
from cvm_async.cli.shell.names import complete_vpses
from cvm_async.cli.which.found import Which
from cvm_async.cli.which.typed import asked, lines_of_stdin, listed, numbers
from cvm_async.fleet.naming import folded
from cvm_async.models import PowerState

_WHICH = Group("Which VPSes", sort_key=1)
_WILD = frozenset("*?[")

Called = Annotated[str, Parameter(completer=complete_vpses)]
"""The name of a VPS, as a shell completes it."""

_Several = Annotated[tuple[str, ...], Flag, Parameter(group=_WHICH)]


@Parameter(name="*")
@frozen(kw_only=True)
class Selection:
    """Which VPSes, beside their names; lists (1,2), and flags given several times, add up.

    Attributes:
        all: Every VPS of the account.
        stdin: Those named on standard input, one a line; with -- before it, - is a hostname.
        node: Those on this host node: 3, or 1,2, or 1-3.
        match: Those whose hostname fits a pattern such as 'web*'. With --node, both must hold.
        exclude: Not these: names, ids or patterns.
        state: Of these, those now running, stopped, suspended, terminated or unknown; looks at all first, a call each.
    """

    all: Annotated[bool, Flag, Parameter(group=_WHICH)] = False
    stdin: Annotated[bool, Flag, Parameter(group=_WHICH, alias="-")] = False
    node: _Several = ()
    match: _Several = ()
    exclude: Annotated[tuple[str, ...], Flag, Parameter(group=_WHICH, completer=complete_vpses)] = ()
    state: _Several = ()

    def read(self, names: Sequence[str], *, none_is_all: bool, may_be_none: bool = False) -> Which:
        """Give what is meant; standard input is read for it, and the panel is not asked yet.

        Args:
            names: What was typed beside the flags.
            none_is_all: Whether to say nothing means all.
            may_be_none: Whether there may be nothing that fits.

        Raises:
            CommandError: It does not go together, can't be understood, or says nothing where something must be said.
        """
        named, fitting = bool(names) or self.stdin, bool(self.node or self.match)
        if named + self.all + fitting > 1:
            message = "give names or ids, or --all, or --node and --match; not several of them"
            raise CommandError(message, Exit.USAGE)
        if not (named or self.all or fitting or self.state or none_is_all):
            message = "say which VPSes: their names or ids, --node, --match, --state or --all"
            raise CommandError(message, Exit.USAGE)
        spared = listed(self.exclude)
        typed = (*names, *(lines_of_stdin() if self.stdin else ()))
        return Which(
            names=asked(typed),
            nodes=numbers("--node", self.node) if self.node else None,
            match=tuple(listed(self.match)) if self.match else None,
            spared=asked(each for each in spared if not _WILD & {*each}),
            unlike=tuple(folded(each) for each in spared if _WILD & {*each}),
            states=_states(listed(self.state)) if self.state else None,
            may_be_none=may_be_none,
        )


def _states(words: Sequence[str]) -> frozenset[PowerState]:
    known = {state.value: state for state in PowerState}
    for word in words:
        if word.lower() not in known:
            message = f"--state: {safe_text(word)!r} is none of {', '.join(known)}"
            raise CommandError(message, Exit.USAGE)
    return frozenset(known[word.lower()] for word in words)
