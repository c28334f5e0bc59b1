"""The panels that a command talks to, and the one fleet that their VPSes make."""

import asyncio
from collections.abc import Callable

from attrs import frozen

import cvm_async
from cvm_async._safe_text import excerpt
from cvm_async.cli.exits import CommandError, of_error
from cvm_async.errors import CvmError
from cvm_async.models import Problem


def _nothing(_: object) -> None:
    """Do nothing with what was listed."""


@frozen
class Panels:
    """A session with each of some panels, at least one.

    Attributes:
        sessions: In the order in which their profiles were named.
        on_listed: Called with the VPSes of all of them, once they are listed.
    """

    sessions: "tuple[cvm_async.CvmSession, ...]"
    on_listed: "Callable[[cvm_async.Fleet], object]" = _nothing

    @property
    def only(self) -> str | None:
        """What the one panel is called; None where there are several."""
        return self.sessions[0].name if len(self.sessions) == 1 else None

    @property
    def told(self) -> str:
        """What they are called, as a sentence takes it: ``work, cellar``."""
        return ", ".join(excerpt(session.name) for session in self.sessions)

    async def fleet(self, *, whole: bool) -> "cvm_async.Fleet":
        """Give the VPSes of all panels, as one fleet.

        Args:
            whole: Whether a panel whose list cannot be had ends it, as it must where VPSes are named or touched: one
                of that name may be there. Otherwise, the others' VPSes are given, and the problem with them.

        Raises:
            CommandError: The list of a panel cannot be had, and `whole`; or that of all.
            CvmError: The same, where there is one panel.
        """
        fleet = await self._fleet(whole=whole)
        self.on_listed(fleet)
        return fleet

    async def _fleet(self, *, whole: bool) -> "cvm_async.Fleet":
        if len(self.sessions) == 1:
            return await self.sessions[0].fleet()
        found = await asyncio.gather(*map(_fleet_of, self.sessions))
        lost = {
            session.name: each for session, each in zip(self.sessions, found, strict=True) if isinstance(each, CvmError)
        }
        if lost and (whole or len(lost) == len(found)):
            told = "; ".join(f"{excerpt(name)}: {error}" for name, error in lost.items())
            raise CommandError(f"{told}; nothing was done", of_error(next(iter(lost.values()))))
        from cvm_async.fleet.members import Members  # noqa: PLC0415 - it loads the HTTP library

        unread = ((name, _problem(name, error)) for name, error in lost.items())
        fleet = cvm_async.Fleet(Members((), unread))
        for each in found:
            fleet = fleet if isinstance(each, CvmError) else fleet | each
        return fleet


def _problem(panel: str, error: CvmError) -> Problem:
    return Problem(excerpt(panel), f"unreadable ({error})", "a list of VPSes")


async def _fleet_of(session: "cvm_async.CvmSession") -> "cvm_async.Fleet | CvmError":
    try:
        return await session.fleet()
    except CvmError as error:
        return error
