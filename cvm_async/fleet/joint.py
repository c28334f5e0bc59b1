"""The VPSes of several panels as one fleet, also where some of their lists cannot be had."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from attrs import frozen

from cvm_async._safe_text import excerpt
from cvm_async.errors import CvmError
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.members import Members
from cvm_async.models import Problem


class Lister(Protocol):
    """What lists the VPSes of an account: a session."""

    @property
    def name(self) -> str:
        """What its panel is called."""
        ...

    async def fleet(self) -> Fleet:
        """List its VPSes.

        Raises:
            CvmError: The list cannot be had.
        """
        ...


@frozen
class JointFleet:
    """What could be listed, and what could not.

    Attributes:
        fleet: The VPSes of the panels that could be listed, in the panels' order, with a problem for each other panel.
        lost: Why the lists of others could not be had, by the panels' names.
    """

    fleet: Fleet
    lost: Mapping[str, CvmError]


async def joint_fleet(sessions: Sequence[Lister]) -> JointFleet:
    """List the VPSes of all sessions, at once."""
    found = await asyncio.gather(*map(_fleet_of, sessions))
    lost = {session.name: each for session, each in zip(sessions, found, strict=True) if isinstance(each, CvmError)}
    fleet = Fleet(Members((), ((name, unreadable(name, error)) for name, error in lost.items())))
    for each in found:
        fleet = fleet if isinstance(each, CvmError) else fleet | each
    return JointFleet(fleet, lost)


def unreadable(panel: str, error: CvmError) -> Problem:
    """Say that a panel's list cannot be had."""
    return Problem(excerpt(panel), f"unreadable ({error})", "a list of VPSes")


async def _fleet_of(session: Lister) -> Fleet | CvmError:
    try:
        return await session.fleet()
    except CvmError as error:
        return error
