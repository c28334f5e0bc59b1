"""`top`: the live table of a fleet, for a person at a terminal; `watch` is the same for pipes."""

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cvm_async.cli.acting.flags import CONFIRM_ABOVE
from cvm_async.cli.acting.journals import Reach, journal_of, left_to_do
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common, FromZero, Seconds
from cvm_async.cli.top.lines.acting import told
from cvm_async.cli.which.flags import Called, Selection

if TYPE_CHECKING:
    from cvm_async.cli.top.app import Top
    from cvm_async.fleet.fleet import Fleet

ConfirmAbove = Annotated[int, FromZero, Parameter(env_var="CVM_CONFIRM_ABOVE")]

_ALL = Selection()
_COMMON = Common()


async def top(
    *names: Called,
    interval: Annotated[float, Seconds] = 30.0,
    confirm_above: ConfirmAbove = CONFIRM_ABOVE,
    journal: bool = True,
    selection: Selection = _ALL,
    common: Common = _COMMON,
) -> Exit:
    """Watch VPSes live in this terminal: trouble first, with keys to sort, filter, open, start, stop and restart them.

    Args:
        names: Hostnames, whole or up to the first dot, or ids (7 1,2 4-6); digits are always ids. None: all.
        interval: Seconds from the beginning of one look to the next.
        confirm_above: Ask for their number to be typed, and not only for a y, above so many VPSes.
        journal: Keep what is done to more than one VPS, so that `runs resume` goes on with it.
        selection: Or by what they are; --state is what is filtered by at the beginning.
        common: As for every command.
    """
    table = _table()
    which = selection.read(names, none_is_all=True)
    terminal = common.terminal()
    if not (terminal.interactive and sys.stdout is not None and sys.stdout.isatty()):
        message = "top needs a terminal to show its table on; `cvm-async watch` is for pipes"
        raise CommandError(message, Exit.USAGE)
    async with common.panels(terminal) as panels:

        async def load() -> "Fleet":
            return which.of(await panels.fleet(whole=which.named), terminal)

        named = tuple(session.name for session in panels.sessions)
        search = ",".join(sorted(which.states or ()))
        app = table(
            load,
            panels=named,
            every=interval,
            search=search,
            confirm_above=confirm_above,
            journal_of=partial(journal_of, keeps=journal),
        )
        await app.run_async()
        await app.over()
    reach = Reach.of(common)
    terminal.show(*told(app.reports), *(line for each in app.journals for line in left_to_do(each, reach)))
    if app.failure is not None:
        raise app.failure
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        # A signal ended it; textual takes a cancellation for a wish to leave, and says no more of it.
        raise asyncio.CancelledError
    return Exit(app.return_code or 0)


def _table() -> "type[Top]":
    """Give the live table; textual takes longer to load than every other command to run.

    Raises:
        ModuleNotFoundError: It is not there; the error says how to get it.
    """
    try:
        from cvm_async.cli.top.app import Top  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != "textual":
            raise
        message = "the live terminal needs textual: pip install 'cvm_async[tui]'"
        raise ModuleNotFoundError(message, name="textual") from missing
    return Top
