"""`PanelJournal`: keeps what a run sends to one panel in Postgres, each intent before its action leaves.

It is `RunJournal` for many machines. What a file's lock is to that, the panel's hold is to this; and an intent is a
compare-and-set from "todo" to "sent": of two workers that both believe they own the panel, one finds it sent already.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, LiteralString

from attrs import define, field

from cvm_async._safe_text import safe_text
from cvm_async.cluster.database.guards import Hold
from cvm_async.cluster.database.postgres import Rows, Statement
from cvm_async.cluster.database.schema import HELD
from cvm_async.cluster.database.shards import Shard
from cvm_async.cluster.database.values import outcome_to_json, vps_of, written
from cvm_async.cluster.errors import DatabaseLostError, PanelTakenError
from cvm_async.errors import CvmError, NotSentError
from cvm_async.fleet.control import RunControl
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.work.journal import Intent
from cvm_async.models import PowerState, Problem
from cvm_async.runs.journal import record_of, state_after, this_turn
from cvm_async.runs.record import RunRecord, TargetRecord, TargetState, Turn

_FORGET: LiteralString = f"DELETE FROM cvm_async.targets WHERE run = %(run)s AND shard = %(shard)s AND {HELD}"
_LISTED: LiteralString = f"""
UPDATE cvm_async.shards SET state = 'listed', total = %(total)s, worker = %(worker)s
WHERE run = %(run)s AND number = %(shard)s AND {HELD} RETURNING 1
"""
_TARGETS: LiteralString = f"""
INSERT INTO cvm_async.targets (run, shard, place, panel, vps, seen)
SELECT %(run)s, %(shard)s, place, panel, vps, seen
FROM unnest(%(places)s::int[], %(panels)s::text[], %(vpses)s::text[], %(seen)s::text[]) AS t (place, panel, vps, seen)
WHERE {HELD}
"""
_TURN: LiteralString = """
INSERT INTO cvm_async.turns (run, shard, epoch, by_user, host, pid)
VALUES (%(run)s, %(shard)s, %(epoch)s, %(user)s, %(host)s, %(pid)s)
"""
_TURN_ENDS: LiteralString = """
UPDATE cvm_async.turns SET ended_at = now(), ending = %(ending)s
WHERE run = %(run)s AND shard = %(shard)s AND epoch = %(epoch)s
"""
_SENDING: LiteralString = f"""
UPDATE cvm_async.targets SET state = 'sent', sent_at = now(), epoch = %(epoch)s
WHERE run = %(run)s AND shard = %(shard)s AND place = %(place)s
    AND (state = 'todo' OR (state = 'sent' AND epoch = %(epoch)s)) AND {HELD}
    AND EXISTS (SELECT FROM cvm_async.runs WHERE id = %(run)s AND stopped IS NULL
        AND (most_failures IS NULL OR failures <= most_failures))
RETURNING 1
"""
_UNSENT: LiteralString = """
UPDATE cvm_async.targets SET state = 'todo'
WHERE run = %(run)s AND shard = %(shard)s AND place = %(place)s AND state = 'sent' AND epoch = %(epoch)s
"""
_ANSWERED: LiteralString = """
UPDATE cvm_async.targets SET state = 'answered'
WHERE run = %(run)s AND shard = %(shard)s AND place = %(place)s AND state = 'sent' AND epoch = %(epoch)s
"""
# Who has sent it knows best, also after the panel went to another: that one can only look.
_ENDED: LiteralString = f"""
UPDATE cvm_async.targets SET state = %(state)s, error = %(error)s, error_type = %(error_type)s, outcome = %(outcome)s,
    ended_at = CASE WHEN %(state)s <> 'todo' THEN now() END, changed = pg_current_xact_id()
WHERE run = %(run)s AND shard = %(shard)s AND place = %(place)s AND (epoch = %(epoch)s OR {HELD})
"""
_COUNTED: LiteralString = """
UPDATE cvm_async.runs SET failures = failures + 1 WHERE id = %(run)s AND most_failures IS NOT NULL
"""
_OVER: LiteralString = f"""
UPDATE cvm_async.shards SET state = 'done', problems = %(problems)s
WHERE run = %(run)s AND number = %(shard)s AND {HELD} RETURNING 1
"""
_RECORD: LiteralString = """
SELECT place, panel, vps, seen, state, sent_at, ended_at, error, error_type FROM cvm_async.targets
WHERE run = %(run)s AND shard = %(shard)s ORDER BY place
"""
_TURNS: LiteralString = """
SELECT began_at, ended_at, by_user, host, pid, ending FROM cvm_async.turns
WHERE run = %(run)s AND shard = %(shard)s ORDER BY number
"""
_STANDS: LiteralString = """
SELECT epoch, coalesce(stopped, CASE WHEN failures > most_failures THEN 'in the whole run ' || failures
    || ' had failed, and max_failures_overall is ' || most_failures END)
FROM cvm_async.panels, cvm_async.runs WHERE address = %(address)s AND id = %(run)s
"""
_LONGEST: Final = 5.0
"""Seconds from when an intent is asked for to when it may still leave: whoever was stopped in between, for longer than
the others bear, finds its panel with another worker."""


@define(eq=False)
class PanelJournal:
    """The journal of one shard, for the worker that holds its panel.

    Attributes:
        shard: What is done.
        hold: That the panel is ours.
        control: Ends the work on the panel where nothing may be sent any more.
        unkept: What came of actions and could not be kept; it is kept when the panel is taken again.
        leaving: Set once this worker ends: what was not begun is then the next one's, and has no outcome.
    """

    shard: Shard
    hold: Hold
    control: RunControl
    worker: str
    unkept: list[Statement] = field(factory=list[Statement])
    leaving: asyncio.Event = field(factory=asyncio.Event)
    _states: dict[int, TargetState] = field(init=False, factory=dict[int, TargetState])
    _told: set[int] = field(init=False, factory=set[int])
    """Places whose outcomes are kept."""

    async def begin(self, intent: Intent) -> None:
        """Keep what is about to be done; what an earlier turn only read is forgotten.

        Raises:
            PanelTakenError: Another worker has the panel.
            DatabaseLostError: It may be kept, or not.
        """
        record = record_of(self.shard.ticket.id, "", intent)
        members = [(member.account.panel, written(member.vps.to_dict())) for member in intent.members]
        targets = {
            "places": list(range(len(members))),
            "panels": [panel for panel, _ in members],
            "vpses": [vps for _, vps in members],
            "seen": [None if target.seen is None else target.seen.value for target in record.targets],
        }
        values = self._values(total=len(members), worker=self.worker)
        rows = await self.hold.database.write(
            (_FORGET, values), (_TARGETS, {**values, **targets}), (_LISTED, values), self._turn()
        )
        if not rows[2]:
            raise self._taken()

    async def take_up(self) -> RunRecord:
        """Give what is known of the shard, for another turn."""
        values = self._values()
        unkept, self.unkept[:] = [*self.unkept], []
        rows = await self.hold.database.write(
            *unkept, self._turn(), (_RECORD, values), (_TURNS, values), alone=bool(unkept)
        )
        record = _record(self.shard, rows[-2], rows[-1])
        self._states = {target.place: target.state for target in record.targets}
        return record

    def goes_through(self, panels: Iterable[str]) -> None:
        """Keep nothing: each VPS says its profile, and no other one leads to it."""

    async def sending(self, place: int) -> None:
        """Keep that an action is about to leave: durable when this returns, and ours alone.

        Raises:
            NotSentError: It must not leave: the panel or the connection is lost, or the run was stopped.
        """
        asked = asyncio.get_running_loop().time()
        values = self._values(place=place)
        try:
            rows = (await self.hold.database.write((_SENDING, values)))[0]
            if not rows:
                await self._refuse(place)
            self._check_awake(asked)
        except NotSentError:
            self._keep((_UNSENT, values))
            raise
        except CvmError as error:
            self._keep((_UNSENT, values))
            raise self._ended(error.message) from None
        except asyncio.CancelledError:
            # It is perhaps kept already, and does not leave.
            self._keep((_UNSENT, values))
            raise
        self._states[place] = TargetState.SENT

    def answered(self, place: int) -> None:
        """Keep that the panel says it is done."""
        self._states[place] = TargetState.ANSWERED
        self._keep((_ANSWERED, self._values(place=place)))

    def ended(self, place: int, outcome: Outcome[Any]) -> None:
        """Keep what came of it; a run does not wait for that."""
        state = state_after(self._states.get(place, TargetState.TODO), outcome)
        self._states[place] = state
        if state is TargetState.TODO and self.leaving.is_set():
            self._keep((_UNSENT, self._values(place=place)))
            return
        self._keep_outcome(place, state, outcome)
        if not (outcome.ok or outcome.skipped):
            self._keep((_COUNTED, self._values()))

    def seen(self, place: int, outcome: Outcome[Any]) -> None:
        """Keep what was read of a VPS."""
        if outcome.skipped and self.leaving.is_set():
            return
        self._keep_outcome(place, TargetState.DONE if outcome.ok else TargetState.FAILED, outcome)

    def rest(self, outcomes: "Mapping[int, Outcome[Any]]") -> None:
        """Keep the outcomes of those that nothing was begun for."""
        for place, outcome in outcomes.items():
            state = self._states.get(place, TargetState.TODO)
            if place not in self._told and state is TargetState.TODO:
                self._keep_outcome(place, state, outcome)

    async def over(self, problems: tuple[Problem, ...]) -> None:
        """Keep that nothing is left to do, once all before it is kept.

        Raises:
            PanelTakenError: Another worker has the panel.
            DatabaseLostError: It may be kept, or not.
        """
        values = self._values(problems=written([problem.to_dict() for problem in problems]))
        if not (await self.hold.database.write((_OVER, values)))[0]:
            raise self._taken()

    async def close(self, ending: str) -> None:
        """Keep how the turn was left."""
        try:
            await self.hold.database.write((_TURN_ENDS, self._values(ending=ending)))
        except DatabaseLostError:
            # Whoever takes the panel next begins another turn.
            return

    async def _refuse(self, place: int) -> None:
        """Say why an intent was not taken."""
        rows = (await self.hold.database.write((_STANDS, self._values())))[0]
        [(epoch, stopped)] = rows
        if epoch != self.hold.epoch:
            raise self._ended(self._taken().message)
        if stopped is not None:
            raise self._ended(stopped)
        raise self._ended(f"the journal has VPS {place} of {self.shard.ticket.id} as sent already")

    def _check_awake(self, asked: float) -> None:
        """Refuse to send where this process slept since it asked: others may have taken it for dead."""
        spent = asyncio.get_running_loop().time() - asked
        if spent > _LONGEST:
            raise self._ended(f"keeping the intent took {spent:.0f} s, in which the panel may have gone to another")

    def _ended(self, reason: str) -> NotSentError:
        """Have nothing begun on the panel any more, and give the error of who was about to."""
        self.control.stop(reason)
        return NotSentError(reason, may_pass=False)

    def _taken(self) -> PanelTakenError:
        return PanelTakenError(f"another worker has {safe_text(self.hold.address)} now")

    def _keep_outcome(self, place: int, state: TargetState, outcome: Outcome[Any]) -> None:
        self._told.add(place)
        error = outcome.error
        about = {
            "state": state.value,
            "error": None if error is None else safe_text(error.message),
            "error_type": None if error is None else type(error).__name__,
            "outcome": outcome_to_json(outcome),
        }
        self._keep((_ENDED, self._values(place=place, **about)))

    def _keep(self, statement: Statement) -> None:
        done = self.hold.database.hand_over(statement)
        done.add_done_callback(lambda done: self._kept(statement, done))

    def _kept(self, statement: Statement, done: "asyncio.Future[list[Rows]]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self.unkept.append(statement)
            self.control.stop(str(error))

    def _turn(self) -> Statement:
        turn = this_turn()
        return _TURN, self._values(user=turn.user, host=turn.host, pid=turn.pid)

    def _values(self, **more: object) -> dict[str, object]:
        ticket = self.shard.ticket
        return {"run": ticket.run, "shard": ticket.number, **self.hold.values, **more}


def _record(shard: Shard, targets: Rows, turns: Rows) -> RunRecord:
    order, ticket = shard.order, shard.ticket
    return RunRecord(
        id=ticket.id,
        name="",
        verb=order.verb,
        rollout=order.rollout,
        wait=order.wait,
        timeout=order.timeout,
        interval=order.interval,
        targets=tuple(_target(ticket.address, *row) for row in targets),
        turns=tuple(_turn_of(*row) for row in turns),
    )


def _target(  # noqa: PLR0917 - as the columns come
    address: str,
    place: int,
    panel: str,
    vps: str,
    seen: str | None,
    state: str,
    sent_at: datetime | None,
    ended_at: datetime | None,
    error: str | None,
    error_type: str | None,
) -> TargetRecord:
    listed = vps_of(json.loads(vps))
    return TargetRecord(
        place=place,
        address=address,
        panel=panel,
        vps_id=listed.id,
        hostname=listed.hostname,
        node=listed.node,
        seen=None if seen is None else PowerState(seen),
        state=TargetState(state),
        sent_at=sent_at,
        ended_at=ended_at,
        error=error,
        error_type=error_type,
    )


def _turn_of(  # noqa: PLR0917 - likewise
    began_at: datetime, ended_at: datetime | None, user: str, host: str, pid: int, ending: str | None
) -> Turn:
    return Turn(began_at=began_at, ended_at=ended_at, user=user, host=host, pid=pid, ending=ending)
