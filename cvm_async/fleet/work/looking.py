"""One look at a fleet, for a watch: its panels' lists now and then, every VPS's status, and each failure by itself."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from cvm_async._account.account import Account, loop_time
from cvm_async._account.readings import News
from cvm_async._checks import check_seconds, refuse
from cvm_async.errors import CvmError
from cvm_async.fleet.members import Members
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import Gathering
from cvm_async.fleet.work.operations import Key, SharedReading, later_than
from cvm_async.fleet.work.run import Run
from cvm_async.models import VpsList, VpsStatus
from cvm_async.watch.memory import Look
from cvm_async.watch.snapshot import Reading
from cvm_async.watch.watch import ENDS, utc_now

K = TypeVar("K")

What: TypeAlias = Literal["status", "traffic"]
"""What a watch reads: every VPS's status, a call each; or the traffic of all that a list tells, one call a panel."""

TOLERANCE = 0.25
"""How old a reading of somebody else's may be when a look begins, as a part of the time from one look to the next."""


class FleetLook:
    """Looks at a fleet, once a call; see `Fleet.watch` for its arguments.

    VPSes that have come to the panel since, and fit what the fleet was chosen by, are in the looks after the next list.
    """

    def __init__(
        self,
        members: Members,
        rollout: Rollout,
        *,
        what: What,
        every: float,
        relist: float,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if what not in ("status", "traffic"):
            refuse("what", "'status' or 'traffic'", what)
        check_seconds("relist", relist)
        self._members = members
        self._rollout = rollout
        self._what = what
        self._tolerance = TOLERANCE * every
        self._relist = relist
        self._now = now
        self._listed_at: float | None = None
        # Kept until the next look, so that other watches can take them.
        self._statuses: dict[Key, News[VpsStatus]] = {}
        self._lists: dict[Account, News[VpsList]] = {}

    async def __call__(self) -> Look:
        """Look once.

        Raises:
            CvmError: Nothing at all could be read.
        """
        readings = await (self._read_statuses() if self._what == "status" else self._read_lists())
        raise_if_all_failed(readings)
        return Look(readings=tuple(readings), problems=self._members.problems)

    async def _read_statuses(self) -> list[Reading]:
        await self._list_if_due()
        members, news = self._members, dict[Key, News[VpsStatus]]()
        operation = SharedReading(loop_time() - self._tolerance, self._statuses, news)
        outcomes = await Gathering(members, None, _outcomes).of(
            lambda emit: Run(members, operation, self._rollout, emit)
        )
        self._statuses = news
        read_at = self._times({key: each.ended for key, each in news.items()})
        return [
            Reading(
                panel=outcome.panel,
                vps=outcome.vps,
                status=outcome.value,
                read_at=read_at[member.key] if outcome.ok else None,
                error=outcome.error,
            )
            for member, outcome in zip(members, outcomes, strict=True)
        ]

    async def _list_if_due(self) -> None:
        """List again after a while. Where a panel fails to, the fleet stays as it was there: its VPSes tell why."""
        now = loop_time()
        if self._listed_at is None:
            # Whoever made the fleet has just listed it.
            self._listed_at = now
        elif now - self._listed_at >= self._relist:
            self._listed_at = now
            await self._list()

    async def _read_lists(self) -> list[Reading]:
        failures = await self._list()
        read_at = self._times({account: each.ended for account, each in self._lists.items()})
        return [
            Reading(panel=account.panel, vps=vps, read_at=read_at.get(account), error=failures.get(account))
            for account, vps in self._members
        ]

    async def _list(self) -> dict[Account, CvmError]:
        """Choose the fleet anew from its panels' lists; give what failed, where it stays as it was."""
        oldest = loop_time() - self._tolerance
        since = {account: later_than(self._lists.get(account), oldest) for account in self._members.accounts}
        listed = await list_all(since)
        self._lists = {account: news for account, news in listed.items() if isinstance(news, News)}
        self._members = self._members.chosen_from({account: news.value() for account, news in self._lists.items()})
        return {account: error for account, error in listed.items() if isinstance(error, CvmError)}

    def _times(self, moments: Mapping[K, float]) -> dict[K, datetime]:
        """Give moments of the event loop's clock as times of the machine's."""
        zero = self._now() - timedelta(seconds=loop_time())
        return {key: zero + timedelta(seconds=moment) for key, moment in moments.items()}


def _outcomes(outcomes: tuple[Outcome[VpsStatus], ...], _elapsed: float) -> tuple[Outcome[VpsStatus], ...]:
    return outcomes


async def list_all(since: Mapping[Account, float]) -> dict[Account, News[VpsList] | CvmError]:
    """List the VPSes of several accounts at once; what fails for one says nothing of the others.

    Args:
        since: When each list may have begun, on the event loop's clock.
    """
    async with asyncio.TaskGroup() as group:
        tasks = {account: group.create_task(_list(account, moment)) for account, moment in since.items()}
    return {account: task.result() for account, task in tasks.items()}


async def _list(account: Account, since: float) -> News[VpsList] | CvmError:
    try:
        news = await account.listing(since=since)
        news.value()
    except CvmError as error:
        return error
    return news


def raise_if_all_failed(readings: list[Reading]) -> None:
    """Raise what does not pass, such as wrong tokens, where no reading is good: to look again would be of no use."""
    errors = [reading.error for reading in readings]
    if errors and all(isinstance(error, ENDS) for error in errors):
        raise next(error for error in errors if error is not None)
