"""Where the command line keeps its runs, and the command that goes on with one."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from attrs import frozen

import cvm_async
from cvm_async._words import some_vpses
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common
from cvm_async.errors import ConfigurationError
from cvm_async.runs.errors import JournalError

KEEP_DAYS = "CVM_KEEP_RUNS_DAYS"
"""The variable that says for how many days runs are kept."""

_DAY = 86_400.0


def kept_runs(environ: Mapping[str, str] = os.environ) -> "cvm_async.RunStore":
    """Give the runs that were kept.

    Raises:
        CommandError: The variable says no number of days.
    """
    days = environ.get(KEEP_DAYS)
    if not days:
        return cvm_async.RunStore()
    try:
        return cvm_async.RunStore(keep=float(days) * _DAY)
    except ValueError:
        message = f"{KEEP_DAYS} must be a number of days above 0"
    raise CommandError(message, Exit.USAGE)


def journal_of(plan: "cvm_async.Plan", *, keeps: bool = True) -> "cvm_async.RunJournal | None":
    """Give what keeps a run, where it is about several VPSes; for one, nothing is looked for on the disk.

    Raises:
        JournalError: There is no place to keep it in.
    """
    if not keeps or len(plan.to_do) <= 1:
        return None
    try:
        return kept_runs().new(f"{plan.verb} of {some_vpses(len(plan.to_do))}")
    except ConfigurationError as error:
        raise JournalError(error.message) from None


@frozen
class Reach:
    """How a command reached its panels, to be typed again.

    Attributes:
        profiles: The profiles that it was given; none where the environment names the panel.
        every: Whether it went over all profiles.
        insecure: Whether it was allowed to send tokens unencrypted.
        ca_file: The authority that it was told to trust.
    """

    profiles: Sequence[str] = ()
    every: bool = False
    insecure: bool = False
    ca_file: str | None = None

    @classmethod
    def of(cls, common: Common) -> Self:
        """Give that of a command with these flags."""
        return cls(common.profile, common.all_profiles, common.insecure, common.ca_file)

    @property
    def flags(self) -> list[str]:
        """The flags that reach all of them."""
        return [*(["--all-profiles"] if self.every else _profile_flags(self.profiles)), *self._trust]

    def flags_of(self, panel: str) -> list[str]:
        """Give the flags that reach one of several, which is called what its profile is."""
        return [*_profile_flags([panel]), *self._trust] if self.profiles or self.every else self.flags

    @property
    def _trust(self) -> list[str]:
        file = [] if self.ca_file is None else ["--ca-file", shlex.quote(self.ca_file)]
        return [*(["--insecure"] if self.insecure else []), *file]


def _profile_flags(profiles: Iterable[str]) -> list[str]:
    return [part for profile in profiles for part in ("--profile", shlex.quote(profile))]


def resume_command(run_id: str, reach: Reach) -> str:
    """Give the command that goes on with a run: ``cvm-async runs resume 20261125-1 --profile prod``."""
    return " ".join(["cvm-async", "runs", "resume", run_id, *reach.flags])


def left_to_do(journal: "cvm_async.RunJournal | None", reach: Reach) -> list[str]:
    """Give the line that tells how a run is gone on with, where it was kept and something is left to do."""
    if journal is None or not journal.path.exists() or kept_runs().read(journal.id).summary.is_over:
        return []
    return [how_to_go_on(journal.id, reach)]


def how_to_go_on(run_id: str, reach: Reach) -> str:
    """Give the line that tells how a run is gone on with."""
    return f"To go on: {resume_command(run_id, reach)}"
