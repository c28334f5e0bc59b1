"""Where the command line keeps its runs, and the command that goes on with one."""

import os
import shlex
from collections.abc import Mapping, Sequence

import cvm_async
from cvm_async.cli.exits import CommandError, Exit

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


def resume_command(run_id: str, profiles: Sequence[str]) -> str:
    """Give the command that goes on with a run: ``cvm-async runs resume 20261125-1 --profile prod``."""
    return " ".join(["cvm-async", "runs", "resume", run_id, *profile_flags(profiles)])


def how_to_go_on(run_id: str, profiles: Sequence[str]) -> str:
    """Give the line that tells how a run is gone on with."""
    return f"To go on: {resume_command(run_id, profiles)}"


def profile_flags(profiles: Sequence[str]) -> list[str]:
    """Give the flags that choose these profiles, as they are typed."""
    return [part for profile in profiles for part in ("--profile", shlex.quote(profile))]
