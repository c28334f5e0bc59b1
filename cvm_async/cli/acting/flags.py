"""The flags of an action that concern a person's peace of mind: what is asked, kept, and done again."""

from pathlib import Path
from typing import Annotated

from attrs import frozen
from cyclopts import Group, Parameter

from cvm_async._checks import check_seconds
from cvm_async.cli.flags import Flag, FromZero

_SAFELY = Group("How it is agreed to, ended and kept", sort_key=2.5)

GRACE = 8.0
"""Seconds: less than the ten that Docker gives before it kills."""

CONFIRM_ABOVE = 50
"""VPSes: more than a person has in mind when they type a y."""


@Parameter(name="*")
@frozen(kw_only=True)
class Safety:
    """How an action is agreed to, ended and kept.

    Attributes:
        full: Show the names in a plan, and every row of a table, however many.
        confirm_above: Ask for their number to be typed, and not only for a y, above so many VPSes.
        grace: Seconds that what is under way has to end after a SIGTERM, before it is cut off.
        report: A file to save the report in, as JSON.
        journal: Keep the run, where it is about more than one VPS, so that `runs resume` goes on with it.
        retry_failed: A file with a report that was saved: do again what failed, was skipped or is unknown in it.
    """

    full: Annotated[bool, Flag, Parameter(group=_SAFELY)] = False
    confirm_above: Annotated[int, FromZero, Parameter(group=_SAFELY, env_var="CVM_CONFIRM_ABOVE")] = CONFIRM_ABOVE
    grace: Annotated[float, Parameter(group=_SAFELY)] = GRACE
    report: Annotated[Path | None, Parameter(group=_SAFELY)] = None
    journal: Annotated[bool, Parameter(group=_SAFELY)] = True
    retry_failed: Annotated[Path | None, Parameter(group=_SAFELY)] = None

    def check(self) -> None:
        """Refuse what makes no sense, before anything is done.

        Raises:
            ConfigurationError: It makes none.
        """
        check_seconds("--grace", self.grace, zero=True)
