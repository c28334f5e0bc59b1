"""A run's shards: what is asked for on one panel, which one worker at a time does. The engine carries their tickets."""

import json
from typing import Any

from attrs import asdict, field, frozen

from cvm_async._api.verbs import Verb
from cvm_async.cluster.database.postgres import Database, Statement
from cvm_async.cluster.database.values import problems_of, written
from cvm_async.fleet.rollout import Rollout
from cvm_async.models import Problem


@frozen(kw_only=True)
class Order:
    """What a run does to each panel.

    Attributes:
        verb: Which verb.
        rollout: How it goes over each panel's VPSes.
        wait: Whether a VPS is done only when its status shows the new state.
        timeout: Seconds to wait for that, for each VPS; None: no limit.
        interval: Seconds between two readings of a status.
        most_failures: How many VPSes may fail on all panels together; None: no limit.
    """

    verb: Verb
    rollout: Rollout = field(factory=Rollout)
    wait: bool = False
    timeout: float | None = None
    interval: float = 2.0
    most_failures: int | None = None


@frozen(kw_only=True)
class Ticket:
    """What an engine carries: enough to find a shard, and to keep two of one panel apart."""

    run: str
    """The run's id."""
    number: int
    """The shard's number in it."""
    address: str
    """The panel's URL."""
    region: str
    """Whose workers may take it; "": those that were given no region."""

    @property
    def id(self) -> str:
        """What names it among all."""
        return f"{self.run}:{self.number}"


@frozen(kw_only=True)
class Shard:
    """What there is of it in the database.

    Attributes:
        ticket: What names it.
        order: What is to be done.
        profiles: The accounts on its panel.
        state: "queued"; "listed", once its VPSes are known; "done".
        total: VPSes, as far as they are known.
        problems: What could not be read when they were listed.
        stopped: Why nothing new may begin in its run, if so.
    """

    ticket: Ticket
    order: Order
    profiles: tuple[str, ...]
    state: str = "queued"
    total: int = 0
    problems: tuple[Problem, ...] = ()
    stopped: str | None = None


_NEW_RUN = """
INSERT INTO cvm_async.runs (id, name, verb, rollout, wait, timeout, "interval", by_user, host, most_failures)
VALUES (%(run)s, %(name)s, %(verb)s, %(rollout)s, %(wait)s, %(timeout)s, %(interval)s, %(user)s, %(host)s,
    %(most_failures)s)
"""
_NEW_SHARD = """
INSERT INTO cvm_async.shards (run, number, address, region, profiles)
VALUES (%(run)s, %(number)s, %(address)s, %(region)s, %(profiles)s)
"""
_SHARDS = """
SELECT number, address, region, profiles, state, total, problems,
    verb, rollout, wait, timeout, "interval", most_failures,
    coalesce(stopped, CASE WHEN failures > most_failures
        THEN 'in the whole run ' || failures || ' had failed, and max_failures_overall is ' || most_failures END)
FROM cvm_async.shards JOIN cvm_async.runs ON runs.id = run
WHERE run = %(run)s AND (number = %(number)s OR %(number)s::int IS NULL) ORDER BY number
"""


def new_run(order: Order, shards: list[Shard], *, name: str, user: str, host: str) -> list[Statement]:
    """Give what keeps a run that begins."""
    run = shards[0].ticket.run
    about = {
        "run": run,
        "name": name,
        "verb": order.verb.value,
        "rollout": written(asdict(order.rollout)),
        "wait": order.wait,
        "timeout": order.timeout,
        "interval": order.interval,
        "user": user,
        "host": host,
        "most_failures": order.most_failures,
    }
    return [(_NEW_RUN, about), *((_NEW_SHARD, _new(shard)) for shard in shards)]


def _new(shard: Shard) -> dict[str, object]:
    ticket = shard.ticket
    return {
        "run": ticket.run,
        "number": ticket.number,
        "address": ticket.address,
        "region": ticket.region,
        "profiles": written(shard.profiles),
    }


async def shards_of(database: Database, run: str, number: int | None = None) -> list[Shard]:
    """Give a run's shards, or the one of that number, as they are now."""
    [rows] = await database.write((_SHARDS, {"run": run, "number": number}))
    return [_shard(run, *row) for row in rows]


def _shard(  # noqa: PLR0917 - as the columns come
    run: str,
    number: int,
    address: str,
    region: str,
    profiles: str,
    state: str,
    total: int,
    problems: str,
    *order: Any,  # noqa: ANN401 - likewise
) -> Shard:
    *asked, stopped = order
    return Shard(
        ticket=Ticket(run=run, number=number, address=address, region=region),
        order=_order(*asked),
        profiles=tuple(json.loads(profiles)),
        state=state,
        total=total,
        problems=problems_of(json.loads(problems)),
        stopped=stopped,
    )


def _order(  # noqa: PLR0917 - likewise
    verb: str,
    rollout: str,
    wait: bool,  # noqa: FBT001 - likewise
    timeout: float | None,
    interval: float,
    most_failures: int | None,
) -> Order:
    return Order(
        verb=Verb.__members__[verb.upper()],
        rollout=Rollout(**json.loads(rollout)),
        wait=wait,
        timeout=timeout,
        interval=interval,
        most_failures=most_failures,
    )
