"""`Fleet`: some VPSes, of one session or several, and the verbs over all of them."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn, Self, TypeVar

from cvm_async._account.account import Account
from cvm_async._api.verbs import Verb
from cvm_async._checks import check_seconds, given, refuse
from cvm_async._safe_text import safe_text
from cvm_async._tables import Table
from cvm_async._words import some_vpses
from cvm_async.fleet.control import RunControl
from cvm_async.fleet.members import Member, Members, condition
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.plan import Plan, Wanted, make_plan, verb_for
from cvm_async.fleet.report import WAIT, FleetReport, remember_origin
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.gathering import Gathering, OnProgress, Work
from cvm_async.fleet.work.journal import Journal, Notes, check_journal, kept
from cvm_async.fleet.work.looking import FleetLook, What
from cvm_async.fleet.work.operations import DEFAULT_INTERVAL, DEFAULT_WAIT, Operation, PowerAction, read_status
from cvm_async.fleet.work.run import Emit, Run
from cvm_async.fleet.work.stream import OutcomeStream
from cvm_async.fleet.work.waiting import Waiting
from cvm_async.models import PowerState, Problem, Vps, VpsStatus
from cvm_async.watch.picture import THRESHOLDS, check_thresholds
from cvm_async.watch.watch import Watch

if TYPE_CHECKING:
    from rich.console import RenderableType

T = TypeVar("T")


class Fleet:
    """Some VPSes in a fixed order, each once. Selecting and joining make new fleets; only the verbs send anything.

    Each VPS is reached through the session that listed it, within that session's limits. It never does a VPS twice: an
    address and an id that were there already are left out, also when they come from another session.

    Cancelled, each verb gives the cancellation what was there of its report; see `partial_report`.
    """

    __slots__ = ("_members",)

    def __init__(self, members: Members | tuple[()] = ()) -> None:
        self._members = members if isinstance(members, Members) else Members(members)

    @classmethod
    def of(cls, account: Account, vpses: Iterable[Vps]) -> "Fleet":
        """Give the fleet of these VPSes, as a session listed them."""
        return cls(Members.listed(account, vpses))

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Vps]:
        return (member.vps for member in self._members)

    def __getitem__(self, name: str | int) -> Vps:
        """Give the VPS of this id or hostname: ``fleet[7]``, ``fleet["web1.example.net"]``, ``fleet["web1"]``.

        Digits are always an id. A hostname is given whole, or up to its first dot where no whole one is that; whatever
        the case. For a VPS by its place see `at`.

        Raises:
            NameNotFoundError: No VPS of the fleet has it; it is a `KeyError`, too.
            AmbiguousNameError: Several have it: the error lists their ids.
            ConfigurationError: It is neither an id nor a hostname.
        """
        return self._members[self._members.names.place(name)].vps

    def __contains__(self, item: object) -> bool:
        """Tell whether a VPS is in the fleet, or one that has this id or hostname, be it several."""
        if isinstance(item, (str, int)):
            return bool(self._members.names.places(item))
        return any(vps == item for vps in self)

    # Python would count places down, and get ids; mappings have none, either.
    __reversed__ = None

    def __repr__(self) -> str:
        return f"<Fleet: {self._title}>"

    def __rich__(self) -> "RenderableType":
        return self._table().as_rich()

    def _repr_html_(self) -> str:
        return self._table().as_html()

    def _table(self) -> Table:
        return Table.of(self._title, map(Member.line, self._members), len(self))

    @property
    def _title(self) -> str:
        panels = ", ".join(map(safe_text, self.panels))
        return f"{some_vpses(len(self))}{f' of {panels}' if panels else ''}"

    @property
    def members(self) -> Members:
        """The VPSes with the accounts that they are reached through; for the parts of this library."""
        return self._members

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be read when the VPSes were listed: those are missing here, and may have been meant."""
        return self._members.problems

    @property
    def panels(self) -> tuple[str, ...]:
        """The names of the sessions, in order of first appearance."""
        return tuple(dict.fromkeys(member.account.panel for member in self._members))

    # It cannot be changed, and what its sessions hold is not to be copied.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        msg = "a fleet holds sessions, and tokens with them, and is not pickled: its plans and reports are"
        raise TypeError(msg)

    def __or__(self, other: "Fleet") -> "Fleet":
        if not isinstance(other, Fleet):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            return NotImplemented
        return Fleet(self._members | other._members)

    def select(
        self,
        *,
        ids: Collection[int] | None = None,
        node: int | Collection[int] | None = None,
        hostname: str | Collection[str] | None = None,
        exclude: str | Collection[str] | None = None,
        where: Callable[[Vps], bool] | None = None,
    ) -> "Fleet":
        """Give the VPSes for which all given conditions hold, in this fleet's order.

        Args:
            ids: Their id is among these. An id that the fleet does not have selects nothing; see `len`.
            node: They live on this host node, or one of these.
            hostname: Their hostname fits a pattern such as ``web*`` (`*`, `?`, `[…]`), or one of several, whatever the
                case.
            exclude: Their hostname fits none of these patterns, neither whole nor up to its first dot: rather one left
                out too many than one too few.
            where: A condition of your own; a plain function.

        Raises:
            ConfigurationError: A condition is not of the type that it should be.
        """
        return Fleet(self._members.where(condition(ids, node, hostname, exclude, where)))

    def at(self, indexes: Iterable[int]) -> "Fleet":
        """Give the VPSes at these places of the fleet."""
        return Fleet(self._members.at(indexes))

    async def status(
        self,
        *,
        rollout: Rollout | None = None,
        deadline: float | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
    ) -> FleetReport[VpsStatus]:
        """Read every VPS's status.

        Args:
            rollout: How to go over them; all at once, within the sessions' limits, if None.
            deadline: Seconds for all of it, in place of the rollout's: what was not read by then has an outcome that
                says so.
            progress: Called after each outcome, with a `Progress`; a plain function, as it is not awaited. If it
                raises, that is logged and it is not called again; the run goes on.
            control: Ends it early, and tells what it waits for; see `RunControl`.

        Source: ``GET /api/client/vps/id/status``.
        """
        return await self._over("status", read_status, Rollout.given(rollout, deadline=deadline), progress, control)

    async def start(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        confirm: int = 1,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        journal: Journal | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Start every VPS. To start one that runs already is a failure of that one, as the panel has it; see `plan`.

        Args:
            rollout: How to go over them; all at once, within the sessions' limits, if None.
            wait: Whether a VPS is done only when its status shows the new state, and not when the panel says so.
            timeout: Seconds to wait for that, for each VPS; None: no limit.
            interval: Seconds between two readings of a status.
            confirm: Readings in a row that have to show it: one alone is no proof.
            progress: As for `status`, as is `control`.
            control: To begin nothing new, ``control.stop()``: what is under way ends by itself.
            journal: Keeps the run, so that another process can take it up: ``RunStore().new("maintenance")``.

        Cancelled, actions under way are cut off, and the log says which: their outcome is unknown.

        Source: ``POST /api/client/vps/id/start``.
        """
        return await self._power(
            Verb.START,
            rollout,
            progress,
            control,
            journal,
            wait=wait,
            timeout=timeout,
            interval=interval,
            confirm=confirm,
        )

    async def stop(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        confirm: int = 1,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        journal: Journal | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Shut every VPS down; arguments as for `start`.

        Source: ``POST /api/client/vps/id/stop``.
        """
        return await self._power(
            Verb.STOP,
            rollout,
            progress,
            control,
            journal,
            wait=wait,
            timeout=timeout,
            interval=interval,
            confirm=confirm,
        )

    async def restart(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        confirm: int = 1,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
        journal: Journal | None = None,
    ) -> FleetReport[VpsStatus | None]:
        """Restart every VPS; arguments as for `start`.

        With `wait`, a VPS is done when a status that was read after the panel's "done" shows it running. The API tells
        no uptime: on a panel that says "done" before the node is, that may be the running from before.

        Source: ``POST /api/client/vps/id/restart``.
        """
        return await self._power(
            Verb.RESTART,
            rollout,
            progress,
            control,
            journal,
            wait=wait,
            timeout=timeout,
            interval=interval,
            confirm=confirm,
        )

    def stream_status(
        self, *, rollout: Rollout | None = None, control: RunControl | None = None
    ) -> OutcomeStream[VpsStatus]:
        """Stream outcomes as they come: ``async with fleet.stream_status() as outcomes: async for …``.

        A slow consumer slows the run down. Leaving the block early cancels what is under way and waits for its end.
        """
        return self._stream(read_status, Rollout.given(rollout), control)

    def stream_start(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        control: RunControl | None = None,
        journal: Journal | None = None,
    ) -> OutcomeStream[VpsStatus | None]:
        """As `stream_status`, for `start`. Leaving early leaves the outcome of what was under way unknown.

        A journal that cannot be begun gives no outcomes, and its `JournalError` as the block is left.
        """
        return self._stream_power(Verb.START, rollout, control, journal, wait=wait, timeout=timeout, interval=interval)

    def stream_stop(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        control: RunControl | None = None,
        journal: Journal | None = None,
    ) -> OutcomeStream[VpsStatus | None]:
        """As `stream_start`, for `stop`."""
        return self._stream_power(Verb.STOP, rollout, control, journal, wait=wait, timeout=timeout, interval=interval)

    def stream_restart(
        self,
        *,
        rollout: Rollout | None = None,
        wait: bool = False,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        control: RunControl | None = None,
        journal: Journal | None = None,
    ) -> OutcomeStream[VpsStatus | None]:
        """As `stream_start`, for `restart`."""
        return self._stream_power(
            Verb.RESTART, rollout, control, journal, wait=wait, timeout=timeout, interval=interval
        )

    async def wait_until(
        self,
        state: PowerState,
        *,
        timeout: float | None = DEFAULT_WAIT,
        interval: float = DEFAULT_INTERVAL,
        confirm: int = 1,
        deadline: float | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
    ) -> FleetReport[VpsStatus]:
        """Wait until every VPS is in a state. All are waited for at once; the waits of a session share their readings.

        Args:
            state: Which.
            timeout: Seconds to wait for it, for each VPS; None: no limit.
            interval: Seconds between two readings of a status.
            confirm: Readings in a row that have to show it, as for `CvmSession.wait_until`.
            deadline: Seconds for all of it, if that is less.
            progress: As for `status`.
            control: Likewise; stopped, it ends all waits.

        Source: ``GET /api/client/vps/id/status``.
        """
        return await self._gathered(
            WAIT,
            lambda emit: Waiting(self._members, state, timeout, interval, deadline, emit, control, confirm),
            progress,
        )

    def watch(
        self,
        *,
        every: float = 30.0,
        what: What = "status",
        relist: float = 300.0,
        jitter: float = 0.0,
        thresholds: Sequence[float] = THRESHOLDS,
        rollout: Rollout | None = None,
        progress: OnProgress | None = None,
    ) -> Watch:
        """Watch it: ``async with fleet.watch() as ticks: async for snapshot in ticks``, with what changed in each.

        The first look is taken at once, the others at multiples of `every` after it, however long a look takes; one
        that would come too late is left out. A VPS that cannot be read keeps its last status, marked as stale, and a
        look that fails does not end the watch; wrong tokens, or a session that was closed, do.

        Args:
            every: Seconds from one look to the next. What another watch, or a wait for a state, has read of the same
                VPS through the same session within a quarter of it, or is just reading, is not read once more: its
                `age` tells.
            what: "status": every VPS's status, a call each. "traffic": what the panels' lists tell, one call a panel;
                the statuses are None then.
            relist: Seconds after which the panels are listed again, so that VPSes which came since and fit what this
                fleet was chosen by are seen, and those that went are not.
            jitter: Seconds by which a look may come later, at random; less than `every`.
            thresholds: Shares of a traffic limit, above 0.0 up to 1.0, whose crossing is a change.
            rollout: As for `status`.

            progress: As for `status`, in each look: for whoever does not wait until the last VPS is read, or given up.

        Raises:
            ConfigurationError: An argument is not what it should be.
        """
        check_seconds("every", every)
        check_seconds("jitter", jitter, zero=True)
        if jitter >= every:
            refuse("jitter", "less than every", jitter)
        check_thresholds(thresholds)
        how = Rollout.given(rollout)
        look = FleetLook(self._members, how, what=what, every=every, relist=relist, progress=progress)
        return Watch(look, every=every, jitter=jitter, thresholds=thresholds)

    async def plan(
        self,
        state: Wanted,
        *,
        rollout: Rollout | None = None,
        deadline: float | None = None,
        progress: OnProgress | None = None,
        control: RunControl | None = None,
    ) -> Plan:
        """Look at every VPS and say what it takes to bring all to a state, or to restart all. Changes nothing.

        Args:
            state: Running or stopped; or "restart", for a restart of all that can be restarted. The plan for that names
                those that are stopped, since a restart would start them.
            rollout: As for `status`, as are the others.
            deadline: Likewise.
            progress: Likewise.
            control: Likewise.

        Raises:
            ConfigurationError: The state is none that a customer can bring about.
        """
        verb = verb_for(state)
        found = await self.status(rollout=rollout, deadline=deadline, progress=progress, control=control)
        return remember_origin(make_plan(verb, found, self._members), self)

    async def _power(
        self,
        verb: Verb,
        rollout: Rollout | None,
        progress: OnProgress | None,
        control: RunControl | None,
        journal: Journal | None,
        *,
        wait: bool,
        timeout: float | None,
        interval: float,
        confirm: int,
    ) -> FleetReport[VpsStatus | None]:
        how = Rollout.given(rollout)
        action = PowerAction(verb, wait, timeout, interval, how.on_unknown == "verify", confirm)
        async with kept(journal, action.intent(self._members, how)):
            return await self._over(verb.value, action, how, progress, control, journal=journal)

    async def _over(
        self,
        verb: str,
        operation: Operation[T],
        rollout: Rollout,
        progress: OnProgress | None,
        control: RunControl | None,
        *,
        journal: Notes | None = None,
    ) -> FleetReport[T]:
        return await self._gathered(
            verb, lambda emit: Run(self._members, operation, rollout, emit, control, journal), progress
        )

    async def _gathered(
        self, verb: str, start: Callable[[Emit[T]], Work[T]], progress: OnProgress | None
    ) -> FleetReport[T]:
        def report(outcomes: tuple[Outcome[T], ...], elapsed: float) -> FleetReport[T]:
            return remember_origin(FleetReport(verb, outcomes, elapsed, self.problems), self)

        return await Gathering(self._members, progress, report).of(start)

    def _stream(self, operation: Operation[T], rollout: Rollout, control: RunControl | None) -> OutcomeStream[T]:
        given("control", control, RunControl, "a RunControl")
        return OutcomeStream(lambda emit: Run(self._members, operation, rollout, emit, control), self.problems)

    def _stream_power(
        self,
        verb: Verb,
        rollout: Rollout | None,
        control: RunControl | None,
        journal: Journal | None,
        *,
        wait: bool,
        timeout: float | None,
        interval: float,
    ) -> OutcomeStream[VpsStatus | None]:
        how = Rollout.given(rollout)
        given("control", control, RunControl, "a RunControl")
        check_journal(journal)
        action = PowerAction(verb, wait, timeout, interval, how.on_unknown == "verify")

        def start(emit: Emit[VpsStatus | None]) -> Callable[[], Awaitable[None]]:
            async def run() -> None:
                async with kept(journal, action.intent(self._members, how)):
                    await Run(self._members, action, how, emit, control, journal)()

            return run

        return OutcomeStream(start, self.problems)
