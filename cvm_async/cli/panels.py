"""The panels that a command talks to, and the one fleet that their VPSes make."""

from collections.abc import Callable

from attrs import frozen

import cvm_async
from cvm_async._safe_text import excerpt
from cvm_async.cli.exits import CommandError, of_error


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
        from cvm_async.fleet.joint import joint_fleet  # noqa: PLC0415 - it loads the HTTP library

        joint = await joint_fleet(self.sessions)
        if joint.lost and (whole or len(joint.lost) == len(self.sessions)):
            told = "; ".join(f"{excerpt(name)}: {error}" for name, error in joint.lost.items())
            raise CommandError(f"{told}; nothing was done", of_error(next(iter(joint.lost.values()))))
        return joint.fleet
