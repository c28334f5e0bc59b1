"""What a run does to one VPS: read its status, or act on its power and see that through. One function an operation."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, Protocol, TypeAlias, TypeVar

from attrs import define, evolve, field, frozen

from cvm_async._account.account import Account, loop_time
from cvm_async._account.readings import News
from cvm_async._api.verbs import Verb
from cvm_async._checks import count, seconds, switch
from cvm_async._exchange.sending import BeforeSend, Departure, Hold, free
from cvm_async._gates.permit import Permit
from cvm_async.errors import CvmError, DecodeError, NoAnswerError, NotPossibleError, NotSentError, WaitTimeoutError
from cvm_async.fleet.control import finite
from cvm_async.fleet.members import Members
from cvm_async.fleet.rollout import Rollout
from cvm_async.fleet.work.journal import Intent, Notes
from cvm_async.models import PowerState, Vps, VpsStatus

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Key: TypeAlias = tuple[str, int]
"""What names a VPS: its panel's address, and its id there."""

Clock: TypeAlias = Callable[[], float]
"""Seconds that are left for waiting, from the run's deadline; infinity where it has none."""

DEFAULT_WAIT = 120.0
"""Seconds to wait for a state: a start or stop takes up to 60 on the panel, and booting some more."""
DEFAULT_INTERVAL = 2.0

MOVABLE = (PowerState.RUNNING, PowerState.STOPPED)
"""States that a customer can bring a VPS out of."""


@frozen
class Standing:
    """What is true of a VPS if the run is cut off now."""

    kind: type[CvmError]
    message: str
    sent: bool = True
    """Whether something was sent for it."""


UNSENT = Standing(NotSentError, "not begun: the run was cut off before anything was sent for it", sent=False)
READING = Standing(NoAnswerError, "cut off before its status was read")


@define(eq=False)
class Attempt:
    """One VPS's turn: what an operation needs, and how far it is.

    Attributes:
        account: What the VPS is reached through.
        vps: Which.
        permit: The way through the gates.
        left: Tells how much time for waiting is left.
        journal: Keeps what becomes of it; None where nothing is kept.
        place: The VPS's place in the run.
        hold: Says why nothing must be begun any more, if so.
        before: What is true as long as nothing was begun here.
        on_cut: What to say if it is cut off; the operation keeps it true. None: what is true before.
        departure: Whether the action that it is about has left; as long as it has not, it is not begun.
        doing: What is under way; `since` when, and for at most so many seconds: `limit`.
    """

    account: Account
    vps: Vps
    permit: Permit
    left: Clock
    journal: Notes | None = None
    place: int = 0
    hold: Hold = free
    before: Standing = UNSENT
    on_cut: Standing | None = None
    departure: Departure | None = None
    doing: str = Verb.STATUS.value
    since: float = field(factory=loop_time)
    limit: float | None = None

    @property
    def standing(self) -> Standing:
        """What is true if it is cut off now."""
        has_left = self.departure is None or self.departure.sent
        return self.on_cut if self.on_cut is not None and has_left else self.before

    def depart(self, departure: Departure) -> None:
        """Note which departure it is about: its own, or that of an action of others that it has joined."""
        self.departure = departure

    def begin(self, doing: str, limit: float | None) -> None:
        """Note what begins now, and how many seconds it may take."""
        self.doing, self.limit, self.since = doing, limit, loop_time()

    @property
    def before_send(self) -> BeforeSend | None:
        """What is to be done before an action leaves."""
        return None if self.journal is None else partial(self.journal.sending, self.place)

    def answered(self) -> None:
        """Keep that the panel says the action is done."""
        if self.journal is not None:
            self.journal.answered(self.place)


@frozen
class Done(Generic[T_co]):
    """The operation was carried out, and gave this."""

    value: T_co


@frozen
class Untouched(Generic[T_co]):
    """Nothing was done to the VPS, rightly: it is as it was wanted to be, or an error says what stood against it."""

    value: T_co | None = None
    error: CvmError | None = None


class Operation(Protocol[T_co]):
    """Does one thing to one VPS."""

    async def __call__(self, attempt: Attempt, /) -> Done[T_co] | Untouched[T_co]:
        """Do it; raise `CvmError` where it fails."""
        ...


async def read_status(attempt: Attempt) -> Done[VpsStatus]:
    """Read a status; cut off at the run's deadline, as nothing is lost with it."""
    attempt.on_cut = READING
    return Done(await _status(attempt))


@frozen
class SharedReading:
    """Reads a status for a watch: one that another watch or a wait has just read will do, if it is news to this one.

    Attributes:
        since: When it may have begun, on the event loop's clock.
        known: What the watch had before of each VPS.
        news: What it has now.
    """

    since: float
    known: Mapping[Key, News[VpsStatus]]
    news: dict[Key, News[VpsStatus]]

    async def __call__(self, attempt: Attempt) -> Done[VpsStatus]:
        """Read it; cut off at the run's deadline, as nothing is lost with it."""
        attempt.on_cut = READING
        key = attempt.account.address, attempt.vps.id
        since = later_than(self.known.get(key), self.since)
        news = await attempt.account.reading(attempt.vps, permit=attempt.permit, since=since, within=attempt.left())
        self.news[key] = news
        return Done(news.value())


def later_than(known: News[object] | None, since: float) -> float:
    """Give from when on a reading is news to who has one already."""
    return since if known is None else max(since, math.nextafter(known.began, math.inf))


@frozen
class PowerAction:
    """A start, stop or restart of one VPS.

    After a restart, with `wait`, what can be known is that a status read after the panel answered "done" shows running.
    What cannot: whether that is before or after the reboot, on a panel that answers before the node is done. (The panel
    as documented answers after.)

    Attributes:
        verb: Which.
        wait: Whether it is done only when the VPS is in the state that the action leads to.
        timeout: Seconds that waiting may take, for each VPS; None: no limit.
        interval: Seconds between two readings of its status.
        verify: Whether a start or stop whose outcome is unknown is settled by reading the status; with `wait` it is in
            any case, since that reads the status until it shows the state.
        confirm: Readings in a row that have to show the state.
    """

    verb: Verb
    wait: bool = field(validator=switch())
    timeout: float | None = field(validator=seconds(optional=True))
    interval: float = field(validator=seconds())
    verify: bool
    confirm: int = field(default=1, validator=count())

    def intent(self, members: Members, rollout: Rollout) -> Intent:
        """Give what is about to be done where these VPSes get this."""
        return Intent(
            verb=self.verb,
            members=members,
            rollout=rollout,
            wait=self.wait,
            timeout=self.timeout,
            interval=self.interval,
            confirm=self.confirm,
        )

    async def __call__(self, attempt: Attempt) -> Done[VpsStatus | None] | Untouched[VpsStatus]:
        """Carry it out, and see it through where that was asked for."""
        attempt.on_cut = Standing(
            NoAnswerError, f"cut off while the {self.verb} was under way: whether it was carried out is unknown"
        )
        attempt.depart(Departure())
        attempt.begin(self.verb.value, attempt.account.exchange.timeouts.action)
        try:
            await attempt.account.power(
                self.verb,
                attempt.vps,
                permit=attempt.permit,
                before_send=attempt.before_send,
                hold=attempt.hold,
                departing=attempt.depart,
            )
        except NotSentError as error:
            if attempt.hold() is None:
                raise
            return Untouched(error=error)
        except (NoAnswerError, DecodeError) as error:
            if not (self.verb.row.settled_by_status and (self.verify or self.wait)):
                raise
            unanswered = error
        else:
            if not self.wait:
                # Its outcome comes at once, and is kept in place of this.
                return Done(None)
            attempt.answered()
            return Done(await self.seen(attempt))
        return Done(await self._settled(attempt, unanswered))

    async def seen(self, attempt: Attempt) -> VpsStatus:
        """Wait for the state of a VPS whose action is done: whatever happens now, that much is known."""
        done = f"the {self.verb} is done, but not seen"
        attempt.on_cut = Standing(WaitTimeoutError, f"{done}: cut off while waiting for {self.verb.goal}")
        try:
            return await self.reached(attempt, self.timeout)
        except WaitTimeoutError:
            raise
        except CvmError as error:
            raise WaitTimeoutError(f"{done}: {error.message}", vps_id=attempt.vps.id) from None

    async def reached(self, attempt: Attempt, timeout: float | None) -> VpsStatus:
        """Wait for the state that the action leads to: so many seconds at most, and no longer than the run lasts."""
        left = attempt.left()
        if left <= 0:
            msg = f"the deadline of the run had passed before it could be seen to be {self.verb.goal}"
            raise WaitTimeoutError(msg, vps_id=attempt.vps.id)
        limit = finite(left if timeout is None else min(timeout, left))
        attempt.begin("wait", limit)
        attempt.permit.rest()
        return await attempt.account.wait(
            attempt.vps, self.verb.goal, timeout=limit, interval=self.interval, confirm=self.confirm
        )

    async def _settled(self, attempt: Attempt, unanswered: NoAnswerError | DecodeError) -> VpsStatus | None:
        try:
            status = await self.reached(attempt, self.timeout)
        except WaitTimeoutError as error:
            seen = "its status could not be read" if error.last is None else f"it is {error.last.state}"
        except CvmError as error:
            seen = f"its status could not be read: {error.message}"
        else:
            return status if self.wait else None
        raise NoAnswerError(
            f"{unanswered.message}; whether the {self.verb} was carried out is still unknown: {seen}",
            method=unanswered.method,
            path=unanswered.path,
            vps_id=attempt.vps.id,
            attempts=unanswered.attempts,
        )


@frozen
class PlannedAction:
    """A power action on a VPS that is still as it was when it was planned.

    Attributes:
        action: What to do.
        seen: The states that the plan saw.
    """

    action: PowerAction
    seen: Mapping[Key, PowerState]

    def intent(self, members: Members, rollout: Rollout) -> Intent:
        """Give what is about to be done where these VPSes get this."""
        return evolve(self.action.intent(members, rollout), seen=self.seen)

    async def __call__(self, attempt: Attempt) -> Done[VpsStatus | None] | Untouched[VpsStatus]:
        """Carry it out, unless the VPS has moved since it was planned."""
        status = await _status(attempt)
        row = self.action.verb.row
        if row.settled_by_status and status.state is row.leads_to:
            return Untouched(value=status)
        seen = self.seen[attempt.account.address, attempt.vps.id]
        if status.state is not seen:
            message = f"not touched: it was {seen} when this was planned, and is {status.state} now"
            if status.state in MOVABLE:
                return Untouched(error=NotSentError(message, vps_id=attempt.vps.id))
            return Untouched(error=NotPossibleError(message, last=status, vps_id=attempt.vps.id))
        return await self.action(attempt)


async def _status(attempt: Attempt) -> VpsStatus:
    attempt.begin(Verb.STATUS.value, attempt.account.exchange.timeouts.read)
    return await attempt.account.status(attempt.vps, permit=attempt.permit, within=attempt.left())
