"""One account on one panel: a session's calls and its fleets' share its gates, its power actions and its waits."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from attrs import define, field

from cvm_async._account.actions import Actions
from cvm_async._account.jobs import Job, Jobs
from cvm_async._account.later import LaterRevision
from cvm_async._account.readings import News, Readings
from cvm_async._account.waits import Never, Waits
from cvm_async._api import calls
from cvm_async._api.calls import Call
from cvm_async._api.verbs import Revision, Verb
from cvm_async._checks import check_confirm, check_seconds
from cvm_async._deadline import Deadline
from cvm_async._exchange.exchange import Exchange
from cvm_async._exchange.sending import BeforeSend, Departure, Hold, free
from cvm_async._gates.gates import Gates
from cvm_async._gates.node import NodeReport
from cvm_async._gates.permit import Permit
from cvm_async._safe_text import excerpt
from cvm_async.errors import ConfigurationError, NoAnswerError, NotSentError, SessionClosedError
from cvm_async.models import PowerState, Problem, Vps, VpsList, VpsStatus
from cvm_async.settings import Limits

T = TypeVar("T")

logger = logging.getLogger("cvm_async")

_SHOWN = 40
"""Characters of what a caller gave that a message quotes."""


def loop_time() -> float:
    """Give the running event loop's clock, so that a loop with a virtual one sees our pauses; else the usual one."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


@define(eq=False, repr=False)
class Account:
    """What sessions and fleets make their calls through.

    Attributes:
        exchange: Makes the calls.
        gates: Say when each may go.
        actions: The power actions under way; who asks for the same one joins it.
        jobs: Those of them that somebody asked the session for.
        waits: The waits for states, which share their polls.
        statuses: The readings of statuses that waits and watches share, by the VPS's id.
        lists: The readings of the list that watches share.
    """

    exchange: Exchange
    gates: Gates
    actions: Actions
    jobs: Jobs
    waits: Waits
    statuses: Readings[VpsStatus]
    lists: Readings[VpsList]
    _nodes: dict[int, int] = field(init=False, factory=dict[int, int])
    _problems_told: tuple[Problem, ...] = field(init=False, default=())
    _loop: asyncio.AbstractEventLoop | None = field(init=False, default=None)
    _closed: bool = field(init=False, default=False)

    @classmethod
    def over(cls, exchange: Exchange, limits: Limits, gates: Gates | None = None) -> "Account":
        """Give an account with gates of its own, or with those of another one on the same panel."""
        gates = gates or Gates(limits, loop_time)
        statuses: Readings[VpsStatus] = Readings(loop_time)

        async def ask(vps_id: int, permit: Permit, since: float) -> News[VpsStatus]:
            # Not tried again: the next poll is the next try.
            send = partial(exchange.send, calls.status(vps_id, exchange.search.routes.layout), retry=False)
            within = exchange.allowed()
            return await statuses.take(vps_id, send, permit, since=since, repeatable=False, within=within)

        return cls(
            exchange,
            gates,
            Actions(),
            Jobs(exchange.panel),
            Waits(gates, ask, loop_time),
            statuses,
            Readings(loop_time),
        )

    @property
    def panel(self) -> str:
        """The panel's name."""
        return self.exchange.panel

    @property
    def address(self) -> str:
        """The panel's URL: VPS ids are unique on it."""
        return str(self.exchange.base)

    @property
    def closed(self) -> bool:
        return self._closed

    def check(self) -> None:
        """Refuse to be used where it cannot be: the gates belong to one event loop, maybe of another thread.

        Raises:
            SessionClosedError: It was closed.
            ConfigurationError: It was first used on another event loop.
        """
        self._check(None)

    def node_states(self) -> list[NodeReport]:
        return self.gates.nodes()

    def node_of(self, vps: Vps | int) -> int | None:
        """Give the node of a VPS; of an id, as the last list had it."""
        return vps.node if isinstance(vps, Vps) else self._nodes.get(vps)

    async def list_vpses(self, *, timeout: float | None = None) -> VpsList:
        self._check(timeout)
        return await self._list(Permit(self.gates, None), Deadline(self.exchange.allowed(timeout)))

    async def listing(self, *, since: float) -> News[VpsList]:
        """Give a list that was begun at `since` or later, on the event loop's clock, maybe for another watch."""
        self._check(None)
        permit = Permit(self.gates, None)
        return await self.lists.take(0, self._list, permit, since=since, within=self.exchange.allowed())

    async def status(
        self, vps: Vps | int, *, permit: Permit | None = None, timeout: float | None = None, within: float = math.inf
    ) -> VpsStatus:
        """Read a status, within `timeout` as every call, and besides `within` so many seconds."""
        self._check(timeout)
        call = calls.status(_id_of(vps), self.exchange.search.routes.layout)
        permit = permit or Permit(self.gates, self.node_of(vps))
        return await self.exchange.send(call, permit, Deadline(self.exchange.allowed(timeout, within=within)))

    async def reading(self, vps: Vps, *, permit: Permit, since: float, within: float) -> News[VpsStatus]:
        """Give a status that began to be read at `since` or later, maybe for another watch or a wait."""
        self._check(None)
        send = partial(self.exchange.send, calls.status(vps.id, self.exchange.search.routes.layout))
        return await self.statuses.take(vps.id, send, permit, since=since, within=self.exchange.allowed(within=within))

    async def power(
        self,
        verb: Verb,
        vps: Vps | int,
        *,
        permit: Permit | None = None,
        timeout: float | None = None,
        before_send: BeforeSend | None = None,
        hold: Hold = free,
        departing: Callable[[Departure], object] | None = None,
    ) -> None:
        """Start, stop or restart; join the same action if it is under way, and wait for another one to end.

        `before_send`, `hold` and `departing` are as for `Actions.perform`.
        """
        self._check(timeout)
        call = calls.power(verb, _id_of(vps))
        if self.exchange.search.is_sure:
            await self._later.before_acting(call)
        try:
            await self.actions.perform(
                verb,
                _id_of(vps),
                permit or Permit(self.gates, self.node_of(vps)),
                lambda permit, limit, departure: self.exchange.send(call, permit, limit, departure=departure),
                timeout=self.exchange.allowed(timeout),
                before_send=before_send,
                hold=hold,
                departing=departing,
            )
        finally:
            self.statuses.forget(_id_of(vps))

    def job(self, verb: Verb, vps: Vps | int, *, timeout: float | None = None) -> Job:
        """Give a power action as a job, of which nothing is begun yet."""
        return self.jobs.make(verb, vps, lambda depart: self.power(verb, vps, timeout=timeout, departing=depart))

    async def ask_later(self, call: Call[T], *, timeout: float | None) -> T:
        """Make a reading that only the API's later revision has, and that is about no VPS."""
        self._check(timeout)
        with Deadline(self.exchange.allowed(timeout)) as limit:
            send = partial(self.exchange.send, call, Permit(self.gates, None), Deadline(self.exchange.allowed(timeout)))
            return await self._later.ask(call, send)
        raise NoAnswerError(f"not told within the {limit.seconds:g} s that this call had", **call.about())

    async def reinstall(
        self, vps: Vps, template: int, *, timeout: float | None, departing: Callable[[Departure], object]
    ) -> None:
        """Make a VPS anew; it joins no other, and waits for the end of a start, stop or restart."""
        self._check(timeout)
        call = calls.reinstall(vps.id, template)

        async def send(permit: Permit, limit: Deadline, departure: Departure) -> None:
            await self.exchange.send(call, permit, limit, departure=departure)

        with Deadline(self.exchange.allowed(timeout)) as limit:
            await self._later.before_acting(call, lambda: self.status(vps))
        if limit.expired:
            msg = (
                f"not sent within the {limit.seconds:g} s that this call had: which revision the panel has is not known"
            )
            raise NotSentError(msg, **call.about())
        try:
            permit = Permit(self.gates, vps.node)
            await self.actions.perform(
                Verb.REINSTALL, vps.id, permit, send, timeout=limit.left, departing=departing, alone=True
            )
        finally:
            self.statuses.forget(vps.id)

    @property
    def _later(self) -> LaterRevision:
        async def read() -> object:
            return await self._list(Permit(self.gates, None), Deadline(self.exchange.allowed()))

        return LaterRevision(self.exchange.search.routes, self.panel, read)

    async def wait(
        self, vps: Vps | int, wanted: PowerState, *, timeout: float | None, interval: float, confirm: int = 1
    ) -> VpsStatus:
        self._check(timeout)
        check_seconds("interval", interval)
        vps_id = _id_of(vps)
        calls.status(vps_id)  # Refuses an id that can't be one.
        check_confirm(confirm)
        return await self.waits.wait(
            vps_id,
            self.node_of(vps),
            state_of(wanted),
            timeout=timeout,
            interval=interval,
            confirm=confirm,
            hopeless=self._never_told,
        )

    def _never_told(self, state: PowerState) -> Never | None:
        revision = self.exchange.search.routes.revision
        if state is not PowerState.TERMINATED or revision is not Revision.LATER:
            return None
        reason = f"{self.panel} has the API's revision of {revision}, which says unknown of a terminated VPS"
        return Never(f"{reason}: to wait for terminated would never end", str(revision))

    async def aclose(self) -> None:
        """End what waits, and the jobs that nobody waits for; what else is in flight ends by itself."""
        self._check_loop(closing=True)
        if not self._closed:
            self._closed = True
            self.exchange.close()
            self.gates.close(SessionClosedError(f"the session with {self.panel} was closed"))
            self.waits.close()
            await self.jobs.aclose()

    async def _list(self, permit: Permit, limit: Deadline) -> VpsList:
        vpses = await self.exchange.send(calls.list_vpses(self.exchange.search.routes.layout), permit, limit)
        self._nodes = {vps.id: vps.node for vps in vpses if vps.node is not None}
        self._tell(vpses.problems)
        return vpses

    def _check(self, timeout: float | None) -> None:
        if self._closed:
            msg = f"the session with {self.panel} is closed: make a new one"
            raise SessionClosedError(msg)
        if timeout is not None:
            check_seconds("timeout", timeout)
        self._check_loop()

    def _check_loop(self, *, closing: bool = False) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        # Once a loop is closed nothing runs on it any more that closing from another one could disturb.
        elif self._loop is not loop and not (closing and self._loop.is_closed()):
            msg = (
                f"the session with {self.panel} was first used on another event loop, and its connections belong to "
                "that one: make one session for each loop (each asyncio.run makes a loop)"
            )
            raise ConfigurationError(msg)

    def _tell(self, problems: tuple[Problem, ...]) -> None:
        """Warn of what a list left out; again only when that is something else."""
        if problems and problems != self._problems_told:
            first = self.exchange.tokens.hide_in(str(problems[0]))
            more = f", and {len(problems) - 1:,} more such" if len(problems) > 1 else ""
            logger.warning("%s: not all of the list of VPSes can be read: %s%s", self.panel, first, more)
        self._problems_told = problems


def _id_of(vps: Vps | int) -> int:
    return vps.id if isinstance(vps, Vps) else vps


def state_of(wanted: PowerState | str) -> PowerState:
    """Give the state itself, also where a caller gave its plain word.

    Raises:
        ConfigurationError: There is no such state.
    """
    # Callers may be untyped, and a plain word, though equal, is not the state that is looked for by identity.
    try:
        return PowerState(wanted)
    except ValueError:
        words = ", ".join(PowerState)
        msg = f"a state is one of {words}, not {excerpt(repr(wanted), _SHOWN)}"
        raise ConfigurationError(msg) from None
