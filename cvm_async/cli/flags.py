"""The flags that several commands share, as values; and what they mean to the library.

`cvm_async` loads its parts when they are first named. So the commands name them as its attributes, and asking for help
loads no HTTP library.
"""

import re
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Literal

from attrs import evolve, frozen
from cyclopts import Group, Parameter, Token

import cvm_async
from cvm_async._checks import is_seconds
from cvm_async._safe_text import safe_text
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.output.look import IN_COLUMNS, Format, Look, Sort
from cvm_async.cli.panels import Panels
from cvm_async.cli.shell.names import accounts, complete_profiles, remember
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import ConfigurationError
from cvm_async.fleet.rollout import Rollout, Share

if TYPE_CHECKING:
    from cvm_async._profiles.choice import Access

_PANEL = Group("Panel", sort_key=3)
_OUTPUT = Group("Output", sort_key=4)
_HOW = Group("How", sort_key=2)

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)
_COUNT = re.compile(r"\d{1,9}", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FRACTION = re.compile(r"\d*\.\d+", re.ASCII)


def _must_be(rule: str, holds: Callable[[float], bool]) -> Parameter:
    """Give what refuses a figure before anything else is done, in words for a person."""

    def check(_: object, value: float | None) -> None:
        if value is not None and not holds(value):
            raise ValueError(f"It must be {rule}.")

    return Parameter(validator=check)


def whole(rule: str, least: int, most: int = sys.maxsize) -> Parameter:
    """Give what refuses all but whole numbers from `least` to `most`; cyclopts itself would round 1.5."""

    def read(_: object, tokens: Sequence[Token]) -> int:
        typed = tokens[0].value
        if not (_WHOLE.fullmatch(typed) and least <= int(typed) <= most):
            raise ValueError(f"It must be {rule}, not {typed!r}.")
        return int(typed)

    return Parameter(converter=read)


Seconds: Parameter = _must_be("a number of seconds above 0", is_seconds)
SecondsFromZero: Parameter = _must_be("a number of seconds from 0 on", lambda value: is_seconds(value, zero=True))
Count: Parameter = whole("a whole number from 1 on", 1)
FromZero: Parameter = whole("a whole number from 0 on", 0)

Flag: Parameter = Parameter(negative="", show_default=False)
"""A switch that has no --no-… form, or a list that has no --empty-… form."""

Switch = Annotated[bool, Flag]
"""For a command's own switches."""


@Parameter(name="*")
@frozen(kw_only=True)
class PanelFlags:
    """What every command takes that talks to a panel, whatever it does with the answers.

    Attributes:
        profile: A profile, as `cvm-async profile` keeps them; a,b make one fleet over several. Default: $CVM_PROFILE.
        all_profiles: All profiles, as one fleet.
        insecure: Allow http:// to another machine; the tokens then travel unencrypted.
        ca_file: A file in PEM with the authority that vouches for the panel, where no public one does.
        api: The revision of the API: 2012 is the specification's, 2013 the later one, auto makes sure before anything
            is done. Default: $CVM_API, or else what the first answers tell.
        connect_timeout: Seconds to open a connection; 5 if not given.
        read_timeout: Seconds for the panel's answer to a status or a list; 15 if not given.
        action_timeout: Seconds for its answer to a start, stop or restart; 120 if not given.
        retries: How often a call that failed is tried again, where that is safe and of use; 2 if not given.
        verbose: Tell of every exchange with the panel.
    """

    profile: Annotated[tuple[str, ...], Flag, Parameter(group=_PANEL, completer=complete_profiles)] = ()
    all_profiles: Annotated[bool, Flag, Parameter(group=_PANEL)] = False
    insecure: Annotated[bool, Flag, Parameter(group=_PANEL)] = False
    ca_file: Annotated[str | None, Parameter(env_var="CVM_CA_FILE", group=_PANEL)] = None
    api: Annotated[Literal["auto", "2012", "2013"] | None, Parameter(group=_PANEL, show_default=False)] = None
    connect_timeout: Annotated[float | None, Seconds, Parameter(group=_PANEL)] = None
    read_timeout: Annotated[float | None, Seconds, Parameter(group=_PANEL)] = None
    action_timeout: Annotated[float | None, Seconds, Parameter(group=_PANEL)] = None
    retries: Annotated[int | None, FromZero, Parameter(group=_PANEL)] = None
    verbose: Annotated[bool, Flag, Parameter(group=_OUTPUT)] = False

    @asynccontextmanager
    async def panels(self, terminal: Terminal, how: "RolloutFlags | None" = None) -> AsyncGenerator[Panels]:
        """Give the panels that are meant, each with a session, and their log on the terminal."""
        found = self.accesses(terminal, how)
        with terminal.logging(verbose=self.verbose):
            async with AsyncExitStack() as stack:
                sessions: list[cvm_async.CvmSession] = []
                for access in found:
                    session = cvm_async.CvmSession.with_access(access)
                    sessions.append(await stack.enter_async_context(session))
                yield Panels(tuple(sessions), lambda fleet: self._take_note(fleet, terminal, sessions))

    def accesses(self, terminal: Terminal, how: "RolloutFlags | None" = None) -> "list[Access]":
        """Give access to the panels that are meant, as the flags will have it.

        Raises:
            CommandError: The flags do not go together.
            ConfigurationError: No panel is named, or one can't be used.
        """
        # They read TOML and run programs, and asking for help does neither.
        from cvm_async._profiles.choice import accesses  # noqa: PLC0415
        from cvm_async._profiles.environment import Environment  # noqa: PLC0415

        if self.all_profiles and self.profile:
            message = "give --profile or --all-profiles; not both"
            raise CommandError(message, Exit.USAGE)
        with terminal.interruptible():
            # A token's command, or the keyring, may wait for a person.
            found = accesses(self.profile, Environment.of(), every=self.all_profiles)
        return [self._changed(access, how) for access in found]

    def _take_note(
        self, fleet: "cvm_async.Fleet", terminal: Terminal, sessions: "Sequence[cvm_async.CvmSession]"
    ) -> None:
        """Learn what names can mean, and write it down for shells that complete them."""
        terminal.take_note(fleet)
        for account, session in zip(accounts(self.profile, every=self.all_profiles), sessions, strict=False):
            remember(account, [each.vps for each in fleet.members if each.account.panel == session.name])

    def _changed(self, access: "Access", how: "RolloutFlags | None") -> "Access":
        """Give access as the flags will have it."""
        ways = access.ways
        ways = evolve(
            ways,
            allow_insecure=self.insecure or ways.allow_insecure,
            ca_file=self.ca_file or ways.ca_file,
            api=self.api or ways.api,
            timeouts=evolve(
                ways.timeouts,
                **_given(connect=self.connect_timeout, read=self.read_timeout, action=self.action_timeout),
            ),
            retry=ways.retry if self.retries is None else evolve(ways.retry, attempts=self.retries + 1),
            limits=ways.limits if how is None else how.opened(ways.limits),
        )
        return evolve(access, ways=ways)


@Parameter(name="*")
@frozen(kw_only=True)
class Common(PanelFlags):
    """What every command takes that prints what it was told.

    Attributes:
        output: How results are printed: all but table and wide are for programs, and alone on standard output.
        json: The same as -o json.
        columns: The columns to show, such as id,hostname,ram, in a table or as CSV.
        no_header: No line of headings.
        sort: What rows are sorted by.
        quiet: Print results and what went wrong, and nothing else.
    """

    output: Annotated[Format | None, Parameter(group=_OUTPUT, alias="-o", show_default=False)] = None
    json: Annotated[bool, Flag, Parameter(group=_OUTPUT)] = False
    columns: Annotated[tuple[str, ...], Flag, Parameter(group=_OUTPUT)] = ()
    no_header: Annotated[bool, Flag, Parameter(group=_OUTPUT)] = False
    sort: Annotated[Sort | None, Parameter(group=_OUTPUT, show_default=False)] = None
    quiet: Annotated[bool, Flag, Parameter(group=_OUTPUT, alias="-q")] = False

    def terminal(self) -> Terminal:
        """Give this process's terminal, with results as the flags will have them.

        Raises:
            CommandError: They do not go together.
        """
        return Terminal.here(self.look())

    def look(self) -> Look:
        """Give what results look like.

        Raises:
            CommandError: The flags do not go together.
        """
        named = self.output or (Format.JSON if self.json else Format.TABLE)
        columns = tuple(part.strip() for each in self.columns for part in each.split(","))
        if self.json and named is not Format.JSON:
            raise CommandError(f"give --json or -o {named}; not both", Exit.USAGE)
        if (columns or self.no_header) and named not in IN_COLUMNS:
            which = "--columns" if columns else "--no-header"
            raise CommandError(f"{which} goes with -o table, wide or csv; not with {named}", Exit.USAGE)
        if "" in columns:
            message = "--columns has an empty name in it"
            raise CommandError(message, Exit.USAGE)
        return Look(format=named, columns=columns, header=not self.no_header, sort=self.sort, quiet=self.quiet)


@Parameter(name="*")
@frozen(kw_only=True)
class RolloutFlags:
    """How to go over the VPSes.

    Attributes:
        max_concurrency: VPSes under way at once; 16 if not given.
        per_node: Of these, VPSes on one host node; 4 if not given.
        max_failures: How many may fail before nothing new begins: a count, or a fraction of all such as 10%.
        batch: How many go together before the next begin: a count, a fraction, or steps such as 1,10%,100%.
        pause: Seconds between two batches.
        deadline: Seconds after which nothing new begins.
        wait: Wait until each VPS's status shows the new state.
        timeout: Seconds to wait for that, for each VPS.
        confirm: Readings in a row that have to show it: one is no proof, as an unreachable VPS may be told as stopped.
        on_unknown: What to do about a start or stop that was sent and not answered: report it, or verify by the status.
        dry_run: Show what would be done, and do nothing.
        yes: Do not ask.
    """

    max_concurrency: Annotated[int | None, Count, Parameter(group=_HOW)] = None
    per_node: Annotated[int | None, Count, Parameter(group=_HOW)] = None
    max_failures: Annotated[str | None, Parameter(group=_HOW)] = None
    batch: Annotated[str | None, Parameter(group=_HOW)] = None
    pause: Annotated[float, SecondsFromZero, Parameter(group=_HOW)] = 0.0
    deadline: Annotated[float | None, Seconds, Parameter(group=_HOW)] = None
    wait: Annotated[bool, Parameter(group=_HOW)] = False
    timeout: Annotated[float, Seconds, Parameter(group=_HOW)] = 120.0
    confirm: Annotated[int, Count, Parameter(group=_HOW)] = 1
    on_unknown: Annotated[Literal["report", "verify"], Parameter(group=_HOW)] = "report"
    dry_run: Annotated[bool, Flag, Parameter(group=_HOW)] = False
    yes: Annotated[bool, Flag, Parameter(group=_HOW, alias="-y")] = False

    def rollout(self) -> Rollout:
        """Give the same for the library.

        Raises:
            ConfigurationError: A figure makes no sense.
        """
        return Rollout(
            max_concurrency=self.max_concurrency,
            per_node=self.per_node,
            max_failures=None if self.max_failures is None else share("--max-failures", self.max_failures),
            batch=() if self.batch is None else tuple(share("--batch", step) for step in self.batch.split(",")),
            pause=self.pause,
            deadline=self.deadline,
            on_unknown=self.on_unknown,
        )

    def opened(self, limits: "cvm_async.Limits") -> "cvm_async.Limits":
        """Give a session's limits, opened where the flags ask for more than they allow."""
        wide = self.max_concurrency or 0
        return evolve(
            limits,
            max_concurrency=wide if wide > limits.ceiling else limits.max_concurrency,
            per_node=max(limits.per_node, self.per_node or 0),
        )


def _given(**settings: float | None) -> dict[str, float]:
    return {name: value for name, value in settings.items() if value is not None}


def share(flag: str, text: str) -> Share:
    """Give a count (``3``) or a fraction (``0.1``, ``10%``) as `Rollout` takes it.

    Raises:
        ConfigurationError: It is neither.
    """
    text = text.strip()
    if _COUNT.fullmatch(text):
        return int(text)
    percent = _PERCENT.fullmatch(text)
    if percent is not None or _FRACTION.fullmatch(text):
        part = float(text) if percent is None else float(percent[1]) / 100
        if part > 1:
            msg = f"{flag}: {text} is more than all there are"
            raise ConfigurationError(msg)
        return part
    msg = f"{flag}: {safe_text(text)!r} is neither a count such as 3 nor a fraction such as 0.1 or 10%"
    raise ConfigurationError(msg)
