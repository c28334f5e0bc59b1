"""A run followed from the database: outcomes as they come, and its report once all its shards are done."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, LiteralString

from attrs import define, field

from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import Shard, shards_of
from cvm_async.cluster.database.values import outcome_of, vps_of
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import Problem, Vps, VpsStatus
from cvm_async.runs.record import TargetState
from cvm_async.runs.resume import standing_of

AnOutcome = Outcome[VpsStatus | None]
Place = tuple[int, int]
"""The shard's number, and the place in it: the report's order."""

# What commits late with an early number would be missed: nothing at or above the oldest transaction that is under way
# is looked at yet.
_NEWS: LiteralString = """
SELECT shard, place, panel, vps, outcome FROM cvm_async.targets
WHERE run = %(run)s AND outcome IS NOT NULL AND changed >= %(since)s::xid8
    AND changed < pg_snapshot_xmin(pg_current_snapshot())
"""
_NOW: LiteralString = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"
_ALL: LiteralString = """
SELECT shard, place, panel, vps, outcome, state FROM cvm_async.targets WHERE run = %(run)s ORDER BY shard, place
"""
_UNSERVED: LiteralString = """
SELECT DISTINCT region FROM cvm_async.shards WHERE run = %(run)s AND state <> 'done' AND NOT EXISTS (
    SELECT FROM cvm_async.workers WHERE coalesce(workers.region, shards.region) = shards.region
    AND seen_at >= now() - make_interval(secs => lease)) ORDER BY region
"""


@define(eq=False)
class Following:
    """Follows a run.

    Attributes:
        run: Its id.
        shards: As they were when it was last looked.
        total: VPSes, as far as they were known then.
    """

    run: str
    shards: list[Shard] = field(init=False, factory=list[Shard])
    total: int = field(init=False, default=0)
    _since: str = field(init=False, default="0")
    _told: set[Place] = field(init=False, factory=set[Place])
    _told_of: Counter[int] = field(init=False, factory=Counter[int])

    @property
    def over(self) -> bool:
        """Whether nothing is left to be done for it."""
        return bool(self.shards) and all(shard.state == "done" for shard in self.shards)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read of the panels' lists."""
        return tuple(problem for shard in self.shards for problem in shard.problems)

    async def look(self, database: Database) -> list[AnOutcome]:
        """Give the outcomes that have come since the last look, each once."""
        # The shards first: where all are done, all outcomes are there.
        shards = await shards_of(database, self.run)
        about = {"run": self.run, "since": self._since}
        # In one transaction each statement still has a snapshot of its own; an outcome that comes between is told once.
        [[now]], rows = await database.write((_NOW, about), (_NEWS, about))
        self._since, self.shards = now[0], shards
        news = [outcome for place, outcome in _outcomes(rows) if self._is_news(place)]
        # A shard may have been listed, and some of it done, since the shards were read.
        self.total = sum(max(shard.total, self._told_of[shard.ticket.number]) for shard in shards)
        return news

    def _is_news(self, place: Place) -> bool:
        if place in self._told:
            return False
        self._told.add(place)
        self._told_of[place[0]] += 1
        return True

    async def unserved(self, database: Database) -> list[str]:
        """Give the regions that something is left to do in and no worker lives for."""
        rows = (await database.write((_UNSERVED, {"run": self.run})))[0]
        return [region for (region,) in rows]

    async def outcomes(self, database: Database) -> list[AnOutcome]:
        """Give an outcome for each VPS that is known, as things are now, in order."""
        rows = (await database.write((_ALL, {"run": self.run})))[0]
        return [_whole(*row) for row in rows]


def _outcomes(rows: list[tuple[Any, ...]]) -> Iterator[tuple[Place, AnOutcome]]:
    for shard, place, panel, vps, outcome in rows:
        yield (shard, place), outcome_of(json.loads(outcome), vps_of(json.loads(vps)), panel)


def _whole(_shard: int, _place: int, panel: str, vps: str, outcome: str | None, state: str) -> AnOutcome:
    listed = vps_of(json.loads(vps))
    if outcome is not None:
        return outcome_of(json.loads(outcome), listed, panel)
    return _as_it_stands(listed, panel, TargetState(state))


def _as_it_stands(vps: Vps, panel: str, state: TargetState) -> AnOutcome:
    """Give the outcome of a VPS that nothing more is known of than how far the run is with it."""
    standing = standing_of(state)
    error = standing.kind(f"cut off: {standing.message}", vps_id=vps.id)
    return Outcome(vps, panel, None, error, skipped=not standing.sent)
