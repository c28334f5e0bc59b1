"""One look at a fleet, for a watch: its panels' lists now and then, every VPS's status, and each failure by itself."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, TypeVar

from cvm_async._account.account import Account, loop_time
from cvm_async._account.readings import News
from cvm_async._checks import check_plain, check_seconds, refuse
from cvm_async.errors import CvmError, own
from cvm_async.fleet.members import Members
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import Gathering, OnProgress
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
        progress: OnProgress | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if what not in ("status", "traffic"):
            refuse("what", "'status' or 'traffic'", what)
        check_seconds("relist", relist)
        if progress is not None:
            check_plain("progress", progress)
        self._members = members
        # As they are now: a panel's name must not change while one looks, whatever comes and goes.
        self._panels = members.panels
        self._rollout = rollout
        self._progress = progress
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
            CvmError: Nothing at all could be read, nor will it be.
        """
        unlisted = await self._list_if_due()
        readings = await self._read_statuses() if self._what == "status" else self._read_off(unlisted)
        raise_if_ended(readings, {self._panels[account]: error for account, error in unlisted.items()})
        return Look(readings=tuple(readings), problems=self._members.problems)

    async def _read_statuses(self) -> list[Reading]:
        members, news = self._members, dict[Key, News[VpsStatus]]()
        operation = SharedReading(loop_time() - self._tolerance, self._statuses, news)
        outcomes = await Gathering(members, self._progress, _outcomes).of(
            lambda emit: Run(members, operation, self._rollout, emit)
        )
        self._statuses = news
        read_at = self._times({key: each.ended for key, each in news.items()})
        return [
            Reading(
                panel=self._panels[member.account],
                vps=member.vps,
                status=outcome.value,
                read_at=read_at[member.key] if outcome.ok else None,
                error=outcome.error,
            )
            for member, outcome in zip(members, outcomes, strict=True)
        ]

    def _read_off(self, unlisted: Mapping[Account, CvmError]) -> list[Reading]:
        """Give what the lists tell."""
        read_at = self._times({account: each.ended for account, each in self._lists.items()})
        return [
            Reading(panel=self._panels[account], vps=vps, read_at=read_at.get(account), error=unlisted.get(account))
            for account, vps in self._members
        ]

    async def _list_if_due(self) -> dict[Account, CvmError]:
        """List again after a while, or now where lists are all that is read; give what failed of it."""
        now = loop_time()
        if self._what == "status" and self._listed_at is None:
            # Whoever made the fleet has just listed it.
            self._listed_at = now
        elif self._what == "traffic" or now - (self._listed_at or 0.0) >= self._relist:
            self._listed_at = now
            return await self._list()
        return {}

    async def _list(self) -> dict[Account, CvmError]:
        """Choose the fleet anew from its panels' lists; where one fails it stays as it was, and its VPSes tell why."""
        oldest = loop_time() - self._tolerance
        since = {account: later_than(self._lists.get(account), oldest) for account in self._panels}
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


def raise_if_ended(readings: Iterable[Reading], unlisted: Mapping[str, CvmError]) -> None:
    """Raise what does not pass, such as wrong tokens, where every panel gives it: to look again would be of no use.

    Args:
        readings: What could be read, and could not.
        unlisted: Why panels could not be listed, by their names.
    """
    found = [(reading.panel, reading.error) for reading in readings]
    well = {panel for panel, error in found if error is None}
    ended = {panel: error for panel, error in (*found, *unlisted.items()) if isinstance(error, ENDS)}
    if ended and not well and ended.keys() >= {panel for panel, _ in found}:
        raise own(next(iter(ended.values())))
