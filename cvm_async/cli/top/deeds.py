"""What the live terminal does to VPSes: it finds them again, plans, and applies what was agreed to; no widget here."""

import asyncio
from collections.abc import Collection

from attrs import evolve

from cvm_async._account.account import loop_time
from cvm_async.cli.top.lines.acting import Acting
from cvm_async.errors import CvmError
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.fleet.plan import Plan
from cvm_async.fleet.report import partial_report
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import OnProgress
from cvm_async.fleet.work.looking import list_all
from cvm_async.models import VpsStatus
from cvm_async.watch.events import Key
from cvm_async.watch.snapshot import Reading, Snapshot
from cvm_async.watch.watch import utc_now

_HOW = Rollout(on_unknown="verify")


def as_listed(fleet: Fleet) -> Snapshot:
    """Give what the panels' lists alone tell, until the first look is over."""
    panels = fleet.members.panels
    readings = tuple(Reading(panel=panels[member.account], vps=member.vps) for member in fleet.members)
    return Snapshot(at=utc_now(), elapsed=0.0, readings=readings, problems=fleet.problems)


async def chosen(fleet: Fleet, keys: Collection[Key]) -> Fleet:
    """Give those of a fleet; where some came to their panel since it was listed, of the fleet as it is listed now.

    Raises:
        CvmError: They cannot be listed.
    """
    found = _those(fleet, keys)
    if len(found) == len(keys):
        return found
    lists = await list_all(dict.fromkeys(fleet.members.accounts, loop_time()))
    good = {account: answer.value() for account, answer in lists.items() if not isinstance(answer, CvmError)}
    found = _those(Fleet(fleet.members.chosen_from(good)), keys)
    failed = [answer for answer in lists.values() if isinstance(answer, CvmError)]
    if failed and len(found) < len(keys):
        raise failed[0]
    return found


def _those(fleet: Fleet, keys: Collection[Key]) -> Fleet:
    panels = fleet.members.panels
    return fleet.at(
        place for place, member in enumerate(fleet.members) if (panels[member.account], member.vps.id) in keys
    )


async def apply(plan: Plan, acting: Acting, progress: OnProgress) -> None:
    """Do what a plan says, and keep what came of it, also where it is cut off.

    Args:
        plan: What was agreed to.
        acting: Where that is noted.
        progress: Called after each outcome.

    Raises:
        CvmError: Nothing was done: it could not be kept.
    """

    def note(latest: Progress) -> None:
        acting.add(latest)
        progress(latest)

    try:
        acting.report = await plan.apply(
            rollout=_HOW, wait=True, progress=note, control=acting.control, journal=acting.journal
        )
    except asyncio.CancelledError as error:
        acting.report = partial_report(error)
        raise


def as_read(reading: Reading, outcome: Outcome[object]) -> Reading:
    """Give what is known of a VPS after something was done to it, and waited for."""
    if not isinstance(outcome.value, VpsStatus):
        return reading
    return evolve(reading, status=outcome.value, read_at=utc_now(), error=None, age=0.0)


def as_looked_at(reading: Reading, outcome: Outcome[object]) -> Reading:
    """Give what is known of a VPS after one look at it."""
    if outcome.error is None:
        return as_read(reading, outcome)
    age = None if reading.read_at is None else (utc_now() - reading.read_at).total_seconds()
    return evolve(reading, error=outcome.error, age=age)
