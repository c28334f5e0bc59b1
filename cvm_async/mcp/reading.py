"""The tools that look and change nothing: list, find, status, summary, and what is different since an earlier look."""

import asyncio
from collections import OrderedDict
from typing import Annotated, Final, Literal

from pydantic import Field

from cvm_async import render
from cvm_async._account.account import loop_time
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.looking import FleetLook
from cvm_async.mcp import facts
from cvm_async.mcp.answers import Changes, FleetSummary, Listing, OneVps, Statuses, fitting
from cvm_async.mcp.calls import Call
from cvm_async.mcp.problems import ToolProblem
from cvm_async.mcp.progress import News, told_of
from cvm_async.mcp.targets import Asked, Called, Panels, Which
from cvm_async.mcp.texts import SENTENCE, told
from cvm_async.models import VpsStatus
from cvm_async.watch.changes import changes
from cvm_async.watch.memory import remembering
from cvm_async.watch.snapshot import Snapshot
from cvm_async.watch.watch import utc_now

__all__ = ["FleetAsked", "ListAsked", "OneAsked", "Reading", "SinceAsked", "StatusAsked"]

_SHOWN: Final = 50
"""VPSes of one answer, if a model does not say."""
_MOST: Final = 500
"""VPSes of one answer at most; there is room for fewer than that."""
_NODES_ROOM, _TROUBLE_ROOM = 4_000, 6_000
"""Characters of a summary's lists."""
_REASONS: Final = 10
"""Ways to fail that a summary tells of."""
_SHORT: Final = 0.001
"""Seconds for which a list counts as new: none is taken twice."""
_REMEMBERED: Final = 8
"""Looks that are remembered, so that several conversations can each be told what is different since their last."""

Offset = Annotated[int, Field(default=0, ge=0, description="How many to leave out, for the next page.")]
Limit = Annotated[int, Field(default=_SHOWN, ge=1, le=_MOST, description="How many to show, if there is room.")]


class ListAsked(Which):
    """What `list_vpses` takes; nothing means all."""

    offset: Offset
    limit: Limit


class OneAsked(Asked):
    """What `find_vps` takes."""

    name: Called


class StatusAsked(Which):
    """What `vps_status` takes; nothing means all."""

    state: Literal["running", "stopped", "suspended", "terminated", "unknown", "unread"] | None = Field(
        default=None, description="Only those in this state; 'unread' for those that cannot be read."
    )
    offset: Offset
    limit: Limit


class FleetAsked(Which):
    """What `fleet_summary` takes; nothing means all."""


class SinceAsked(Asked):
    """What `changes_since` takes."""

    cursor: str | None = Field(
        default=None, description="What the earlier call gave; left out at the first call, which only looks."
    )


class Reading:
    """The tools that look. Each lists anew; statuses are a call each to the panel.

    Args:
        panels: Whose VPSes.
    """

    def __init__(self, panels: Panels) -> None:
        self._panels = panels
        self._look: FleetLook | None = None
        self._looking = asyncio.Lock()
        self._news: News | None = None
        self._looks: OrderedDict[str, Snapshot] = OrderedDict()
        self._count = 0

    async def list_vpses(self, asked: ListAsked, _: Call) -> Listing:
        """List what there is, not what it does."""
        fleet = await self._panels.of(asked)
        members = list(fleet.members)[asked.offset :]
        shown = fitting(facts.facts(each.account.panel, each.vps) for each in members[: asked.limit])
        left = len(members) - len(shown)
        return Listing(
            total=len(fleet),
            offset=asked.offset,
            vpses=shown,
            next_offset=asked.offset + len(shown) if left else None,
            more=facts.more(left),
            problems=facts.problems(fleet.problems),
        )

    async def find_vps(self, asked: OneAsked, call: Call) -> OneVps:
        """Give all that is known of one VPS."""
        fleet = await self._panels.of(Which(names=[asked.name]))
        report = await self._status(fleet, call)
        outcome = report[0]
        return OneVps(vps=facts.facts(outcome.panel, outcome.vps), status=facts.status(outcome))

    async def vps_status(self, asked: StatusAsked, call: Call) -> Statuses:
        """Give what VPSes do, those with trouble first."""
        report = await self._status(await self._panels.of(asked), call)
        found = [each for each in render.trouble_first(report) if _is(each, asked.state)][asked.offset :]
        shown = fitting(map(facts.status, found[: asked.limit]))
        left = len(found) - len(shown)
        return Statuses(
            summary=told(report.summary(), SENTENCE),
            total=asked.offset + len(found),
            offset=asked.offset,
            vpses=shown,
            next_offset=asked.offset + len(shown) if left else None,
            more=facts.more(left),
            problems=facts.problems(report.problems),
        )

    async def fleet_summary(self, asked: FleetAsked, call: Call) -> FleetSummary:
        """Give how a whole fleet is."""
        report = await self._status(await self._panels.of(asked), call)
        nodes, trouble = facts.by_node(report), facts.trouble(report)
        nodes_shown, trouble_shown = fitting(nodes, _NODES_ROOM), fitting(map(facts.status, trouble), _TROUBLE_ROOM)
        return FleetSummary(
            summary=told(report.summary(), SENTENCE),
            total=len(report),
            states=facts.states(each.value for each in report),
            not_read=sum(each.value is None for each in report),
            nodes=nodes_shown,
            more_nodes=facts.more(len(nodes) - len(nodes_shown)),
            trouble=trouble_shown,
            more_trouble=facts.more(len(trouble) - len(trouble_shown)),
            reasons=[told(line, SENTENCE) for line in render.reasons(report)[:_REASONS]] or None,
            problems=facts.problems(report.problems),
        )

    async def changes_since(self, asked: SinceAsked, call: Call) -> Changes:
        """Look at everything, and tell what is different since an earlier look."""
        before = None if asked.cursor is None else self._remembered(asked.cursor)
        async with self._looking:
            after = await told_of(self._snapshot, call.tell)
        self._count += 1
        cursor = str(self._count)
        self._looks[cursor] = after
        if len(self._looks) > _REMEMBERED:
            self._looks.popitem(last=False)
        found = () if before is None else changes(before, after)
        shown = fitting(facts.changes(found))
        return Changes(
            cursor=cursor,
            since=None if before is None else before.at.isoformat(timespec="seconds"),
            at=after.at.isoformat(timespec="seconds"),
            total=len(found),
            changes=shown,
            more=facts.more(len(found) - len(shown)),
            states=dict(after.totals),
            not_read=len(after.failures),
        )

    async def _status(self, fleet: Fleet, call: Call) -> FleetReport[VpsStatus]:
        return await told_of(lambda news: fleet.status(progress=news), call.tell)

    def _remembered(self, cursor: str) -> Snapshot:
        if cursor not in self._looks:
            message = f"{told(cursor)!r} is no cursor that is remembered"
            raise ToolProblem("unknown_cursor", message, "Call it without a cursor, and use the one that it gives.")
        return self._looks[cursor]

    async def _snapshot(self, news: News) -> Snapshot:
        """Look at all; a VPS that cannot be read keeps what was known of it, and a panel that is lost its VPSes."""
        self._news = news
        if self._look is None:
            fleet = await self._panels.fleet(whole=True)
            self._look = FleetLook(
                fleet.members, Rollout(), what="status", every=_SHORT, relist=_SHORT, progress=self._tell
            )
        began = loop_time()
        latest = next(reversed(self._looks.values()), None)
        return remembering(latest, await self._look(), at=utc_now(), elapsed=loop_time() - began)

    def _tell(self, progress: Progress) -> None:
        assert self._news is not None  # noqa: S101 - only a look tells something
        self._news(progress)


def _is(outcome: Outcome[VpsStatus], state: str | None) -> bool:
    word = "unread" if outcome.value is None else outcome.value.state.value
    return state is None or word == state
