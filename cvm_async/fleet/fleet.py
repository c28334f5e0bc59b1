"""`Fleet`: some VPSes, of one session or several, and the verbs over all of them."""

import fnmatch
import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

from attrs import frozen

from cvm_async._account.account import Account, loop_time
from cvm_async._api.verbs import Verb
from cvm_async.fleet.operations import Operation, PlannedAction, PowerAction, read_status
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.fleet.plan import Plan, as_wanted, make_plan
from cvm_async.fleet.report import FleetReport
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.run import Emit, Member, Run
from cvm_async.fleet.stream import OutcomeStream
from cvm_async.models import PowerState, Problem, Vps, VpsList, VpsStatus

T = TypeVar("T")

logger: logging.Logger = logging.getLogger("cvm_async")

OnProgress = Callable[[Progress], object]

DEFAULT_WAIT = 120.0
"""Seconds to wait for a state: a start or stop takes up to 60 on the panel, and booting some more."""
DEFAULT_INTERVAL = 2.0


@frozen(eq=False, repr=False)
class Fleet:
    """Some VPSes in a fixed order, each once. Selecting and joining make new fleets; only the verbs send anything.

    Each VPS is reached through the session that listed it, within that session's limits. It never does a VPS twice: an
    address and an id that were there already are left out, also when they come from another session.
    """

    _members: tuple[Member, ...]
    problems: tuple[Problem, ...] = ()
    """What could not be read when the VPSes were listed."""

    @classmethod
    def of(cls, account: Account, vpses: Iterable[Vps]) -> "Fleet":
        """Give the fleet of these VPSes, as a session listed them."""
        problems = vpses.problems if isinstance(vpses, VpsList) else ()
        return cls(_once((account, vps) for vps in vpses), problems)

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Vps]:
        return (member.vps for member in self._members)

    def __repr__(self) -> str:
        panels = ", ".join(self.panels)
        return f"<Fleet: {len(self):,} VPSes{f' of {panels}' if panels else ''}>"

    @property
    def panels(self) -> tuple[str, ...]:
        """The names of the sessions, in order of first appearance."""
        return tuple(dict.fromkeys(member.account.panel for member in self._members))

    def __or__(self, other: "Fleet") -> "Fleet":
        both = (*self._members, *other._members)
        problems = tuple(dict.fromkeys((*self.problems, *other.problems)))
        return Fleet(_once((member.account, member.vps) for member in both), problems)

    def select(
        self,
        *,
        ids: Collection[int] | None = None,
        node: int | Collection[int] | None = None,
        hostname: str | None = None,
        where: Callable[[Vps], bool] | None = None,
    ) -> "Fleet":
        """Give the VPSes for which all given conditions hold, in this fleet's order.

        Args:
            ids: Their id is among these. An id that the fleet does not have selects nothing; see `len`.
            node: They live on this host node, or one of these.
            hostname: A pattern such as ``web*`` (`*`, `?`, `[…]`), whatever the case.
            where: A condition of your own.
        """
        wanted = None if ids is None else frozenset(ids)
        nodes = None if node is None else frozenset((node,) if isinstance(node, int) else node)
        pattern = None if hostname is None else hostname.lower()

        def fits(vps: Vps) -> bool:
            return (
                (wanted is None or vps.id in wanted)
                and (nodes is None or vps.node in nodes)
                and (pattern is None or fnmatch.fnmatchcase(vps.hostname.lower(), pattern))
                and (where is None or where(vps))
            )

        chosen = ((member.account, member.vps) for member in self._members if fits(member.vps))
        return Fleet(_once(chosen), self.problems)

    def at(self, indexes: Iterable[int]) -> "Fleet":
        """Give the VPSes at these places of the fleet."""
        chosen = (self._members[index] for index in indexes)
        return Fleet(_once((member.account, member.vps) for member in chosen), self.problems)

    async def status(
        self, *, rollout: Rollout | None = None, progress: OnProgress | None = None
    ) -> FleetReport[VpsStatus]:
        """Read every VPS's status.

        Args:
            rollout: How to go over them; all at once, within the sessions' limits, if None.
            progress: Called after each outcome, with a `Progress`; a plain function, as it is not awaited. If it
                raises, that is logged and it is not called again; the run goes on.

        Source: ``GET /api/client/vps/id/status``.
        """
        return await self._over("status", read_status, rollout, progress)

    async def start(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        progress: OnProgress | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Start every VPS. To start one that runs already is a failure of that one, as the panel has it; see `plan`.

        Args:
            rollout: How to go over them; all at once, within the sessions' limits, if None.
            wait: Whether a VPS is done only when its status shows the new state, and not when the panel says so.
            timeout: Seconds to wait for that, for each VPS.
            interval: Seconds between two readings of a status.
            progress: As for `status`.

        Cancelled, actions under way are cut off, and the log says which: their outcome is unknown.

        Source: ``POST /api/client/vps/id/start``.
        """
        action = _action(Verb.START, rollout, wait=wait, timeout=timeout, interval=interval)
        return await self._over("start", action, rollout, progress)

    async def stop(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        progress: OnProgress | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Shut every VPS down; arguments as for `start`.

        Source: ``POST /api/client/vps/id/stop``.
        """
        action = _action(Verb.STOP, rollout, wait=wait, timeout=timeout, interval=interval)
        return await self._over("stop", action, rollout, progress)

    async def restart(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        progress: OnProgress | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Restart every VPS; arguments as for `start`.

        With `wait`, a VPS is done when a status that was read after the panel's "done" shows it running. The API tells
        no uptime: on a panel that says "done" before the node is, that may be the running from before.

        Source: ``POST /api/client/vps/id/restart``.
        """
        action = _action(Verb.RESTART, rollout, wait=wait, timeout=timeout, interval=interval)
        return await self._over("restart", action, rollout, progress)

    def stream_status(self, *, rollout: Rollout | None = None) -> OutcomeStream[VpsStatus]:
        """Stream outcomes as they come: ``async with fleet.stream_status() as outcomes: async for …``.

        A slow consumer slows the run down. Leaving the block early cancels what is under way and waits for its end.
        """
        return self._stream(read_status, rollout)

    def stream_start(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
    ) -> OutcomeStream[VpsStatus | None]:
        """As `stream_status`, for `start`. Leaving early leaves the outcome of what was under way unknown."""
        return self._stream(_action(Verb.START, rollout, wait=wait, timeout=timeout, interval=interval), rollout)

    def stream_stop(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
    ) -> OutcomeStream[VpsStatus | None]:
        """As `stream_start`, for `stop`."""
        return self._stream(_action(Verb.STOP, rollout, wait=wait, timeout=timeout, interval=interval), rollout)

    def stream_restart(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
    ) -> OutcomeStream[VpsStatus | None]:
        """As `stream_start`, for `restart`."""
        return self._stream(_action(Verb.RESTART, rollout, wait=wait, timeout=timeout, interval=interval), rollout)

    async def plan(self, state: PowerState, *, rollout: Rollout | None = None) -> Plan:
        """Look at every VPS and say what it takes to bring all to a state, running or stopped. Changes nothing.

        Raises:
            ConfigurationError: The state is none that a customer can bring about.
        """
        wanted = as_wanted(state)
        return make_plan(wanted, await self.status(rollout=rollout), self)

    async def apply_plan(
        self,
        plan: Plan,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        progress: OnProgress | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """See `Plan.apply`. VPSes of the plan that this fleet does not have are left out."""
        verb = Verb.bringing_to(plan.wanted)
        seen = {(step.address, step.vps.id): step.seen.state for step in plan.to_do if step.seen is not None}
        chosen = self.at(member.index for member in self._members if (member.account.address, member.vps.id) in seen)
        action = _action(verb, rollout, wait=wait, timeout=timeout, interval=interval)
        return await chosen._over(verb.value, PlannedAction(action, seen), rollout, progress)  # noqa: SLF001 - a Fleet

    def addresses(self) -> list[str]:
        """Give the panels' URLs, one for each VPS, in order."""
        return [member.account.address for member in self._members]

    async def _over(
        self, verb: str, operation: Operation[T], rollout: Rollout | None, progress: OnProgress | None
    ) -> FleetReport[T]:
        began = loop_time()
        outcomes: list[Outcome[T] | None] = [None] * len(self)
        tell = _teller(progress, len(self))

        async def keep(index: int, outcome: Outcome[T]) -> None:
            outcomes[index] = outcome
            tell(outcome)

        await Run(self._members, operation, rollout or Rollout(), keep)()
        whole = tuple(outcome for outcome in outcomes if outcome is not None)
        return FleetReport(verb, whole, loop_time() - began, self.problems, self)

    def _stream(self, operation: Operation[T], rollout: Rollout | None) -> OutcomeStream[T]:
        def run(emit: Emit[T]) -> Run[T]:
            return Run(self._members, operation, rollout or Rollout(), emit)

        return OutcomeStream(run)


def _once(members: Iterable[tuple[Account, Vps]]) -> tuple[Member, ...]:
    """Give members in order, each once: ids are unique on a panel, whoever asks it."""
    unique: dict[tuple[str, int], tuple[Account, Vps]] = {}
    for account, vps in members:
        unique.setdefault((account.address, vps.id), (account, vps))
    return tuple(Member(index, account, vps) for index, (account, vps) in enumerate(unique.values()))


def _action(verb: Verb, rollout: Rollout | None, *, wait: bool, timeout: float, interval: float) -> PowerAction:
    verify = rollout is not None and rollout.on_unknown == "verify"
    return PowerAction(verb, wait, timeout, interval, verify)


def _teller(progress: OnProgress | None, total: int) -> Callable[[Outcome[object]], None]:
    """Tell a callback how far the run is; a callback that fails must not end a rollout in the middle."""
    done = 0
    silent = progress is None

    def tell(outcome: Outcome[object]) -> None:
        nonlocal done, silent
        done += 1
        if progress is None or silent:
            return
        try:
            progress(Progress(done, total, outcome))
        except Exception:
            silent = True
            logger.exception("the progress callback failed and is not called again; the run goes on")

    return tell
