"""One look at a fleet, for a watch: its panels' lists now and then, every VPS's status, and each failure by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from cvm_async._account.account import Account, loop_time
from cvm_async._checks import check_seconds, refuse
from cvm_async.errors import CvmError
from cvm_async.fleet.members import Member, Members
from cvm_async.fleet.outcome import AnyOutcome, Progress
from cvm_async.fleet.work.gathering import OnProgress
from cvm_async.models import VpsList, VpsStatus
from cvm_async.watch.memory import Look
from cvm_async.watch.snapshot import Reading
from cvm_async.watch.watch import ENDS, utc_now

What: TypeAlias = Literal["status", "traffic"]
"""What a watch reads: every VPS's status, a call each; or the traffic of all that a list tells, one call a panel."""

ReadAll: TypeAlias = Callable[[Members, OnProgress], Awaitable[Iterable[AnyOutcome[VpsStatus]]]]
"""Reads the status of all of these, and gives an outcome for each, in their order."""


class FleetLook:
    """Looks at a fleet, once a call; see `Fleet.watch` for its arguments.

    VPSes that have come to the panel since, and fit what the fleet was chosen by, are in the looks after the next list.
    """

    def __init__(
        self,
        members: Members,
        read_all: ReadAll,
        *,
        what: What,
        relist: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if what not in ("status", "traffic"):
            refuse("what", "'status' or 'traffic'", what)
        check_seconds("relist", relist)
        self._members = members
        self._read_all = read_all
        self._what = what
        self._relist = relist
        self._now = now
        self._listed_at: float | None = None

    async def __call__(self) -> Look:
        """Look once.

        Raises:
            CvmError: Nothing at all could be read.
        """
        readings = await (self._statuses() if self._what == "status" else self._traffic())
        raise_if_all_failed(readings)
        return Look(readings=tuple(readings), problems=self._members.problems)

    async def _statuses(self) -> list[Reading]:
        await self._list_if_due()
        read_at: dict[int, datetime] = {}

        def note(progress: Progress) -> None:
            read_at[id(progress.latest)] = self._now()

        report = await self._read_all(self._members, note)
        return [
            Reading(
                panel=outcome.panel,
                vps=outcome.vps,
                status=outcome.value,
                read_at=read_at[id(outcome)] if outcome.ok else None,
                error=outcome.error,
            )
            for outcome in report
        ]

    async def _list_if_due(self) -> None:
        """List again after a while. Where a panel fails to, the fleet stays as it was there: its VPSes tell why."""
        now = loop_time()
        if self._listed_at is None:
            # Whoever made the fleet has just listed it.
            self._listed_at = now
        elif now - self._listed_at >= self._relist:
            self._listed_at = now
            lists = await list_all(self._members.accounts)
            self._choose_from(lists)

    async def _traffic(self) -> list[Reading]:
        lists = await list_all(self._members.accounts)
        self._choose_from(lists)
        at = self._now()
        return [_listed(member, lists[member.account], at) for member in self._members]

    def _choose_from(self, lists: Mapping[Account, VpsList | CvmError]) -> None:
        good = {account: vpses for account, vpses in lists.items() if isinstance(vpses, VpsList)}
        self._members = self._members.chosen_from(good)


def _listed(member: Member, listed: VpsList | CvmError, at: datetime) -> Reading:
    panel, vps = member.account.panel, member.vps
    if isinstance(listed, CvmError):
        return Reading(panel=panel, vps=vps, error=listed)
    return Reading(panel=panel, vps=vps, read_at=at)


async def list_all(accounts: tuple[Account, ...]) -> dict[Account, VpsList | CvmError]:
    """List the VPSes of several accounts at once; what fails for one says nothing of the others."""
    async with asyncio.TaskGroup() as group:
        tasks = {account: group.create_task(_list(account)) for account in accounts}
    return {account: task.result() for account, task in tasks.items()}


async def _list(account: Account) -> VpsList | CvmError:
    try:
        return await account.list_vpses()
    except CvmError as error:
        return error


def raise_if_all_failed(readings: list[Reading]) -> None:
    """Raise what does not pass, such as wrong tokens, where no reading is good: to look again would be of no use."""
    errors = [reading.error for reading in readings]
    if errors and all(isinstance(error, ENDS) for error in errors):
        raise next(error for error in errors if error is not None)
