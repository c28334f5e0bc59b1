"""All waits for a state share one stream of polls: a VPS that ten callers wait for is asked for once an interval.

What is due, and when a wait is over, is kept in one heap behind one timer, and asked by one pool of workers. All of it
exists only while somebody waits.
"""

import asyncio
import heapq
import math
from collections.abc import Awaitable, Callable

from attrs import define, field, frozen

from cvm_async._account.readings import News
from cvm_async._api.answers import passes
from cvm_async._deadline import GRACE, LATE
from cvm_async._exchange.retry import wished_pause
from cvm_async._gates.gates import Gates
from cvm_async._gates.permit import Permit
from cvm_async._gates.workers import Assignment, WorkerPool
from cvm_async.errors import (
    CvmError,
    NotSupportedError,
    SessionClosedError,
    WaitTimeoutError,
    own,
)
from cvm_async.models import PowerState, VpsStatus

DEAD_ENDS = {
    PowerState.RUNNING: {PowerState.SUSPENDED, PowerState.TERMINATED},
    PowerState.STOPPED: {PowerState.SUSPENDED, PowerState.TERMINATED},
    PowerState.SUSPENDED: {PowerState.TERMINATED},
    PowerState.TERMINATED: set[PowerState](),
    PowerState.UNKNOWN: {PowerState.TERMINATED},
}
"""From which states the wanted one does not come any more, whatever a customer does."""

LAST_LOOK = 2.0
"""Seconds that a reading may take which is begun at a wait's deadline, or shortly before it: a healthy panel takes less
than one, and what a deadline is waited past must be bounded."""

MOST_STALE = 64
"""Moments on the agenda that are of no more use before they are looked for and thrown away."""

TOLERANCE = 0.25
"""How old a reading may be that is taken for one that is due now, as a part of the interval from one to the next."""

Ask = Callable[[int, Permit, float], Awaitable[News[VpsStatus]]]
"""Gives a reading of a VPS that began at a moment or later."""


@frozen
class Never:
    """Why a panel never tells a state.

    Attributes:
        reason: In a sentence.
        revision: The revision of its API.
    """

    reason: str
    revision: str


Hopeless = Callable[[PowerState], Never | None]
"""Says why a state never comes on a panel; None where it may."""


@define(eq=False)
class _Wait:
    """One caller's wait for one VPS.

    Attributes:
        vps_id: Which VPS.
        wanted: The state waited for.
        interval: Seconds between two readings, as this caller wants them.
        timeout: Seconds it may take; infinity for no limit.
        began: When it was asked for: what was read before says nothing.
        due: When the next reading should begin.
        ends_at: When the last one should.
        done: What the caller waits on.
        hopeless: Says why the state never comes on this panel, if so.
        not_before: When the panel wants to be asked again.
        gives_up_at: When the last reading has taken too long; infinity before it is due.
        last: The last status seen.
        trouble: What went wrong with the last reading; None where it went well.
        confirm: Readings in a row that have to show the state.
        agreed: Readings in a row that have shown it.
    """

    vps_id: int
    wanted: PowerState
    interval: float
    timeout: float
    began: float
    due: float
    ends_at: float
    done: asyncio.Future[VpsStatus]
    hopeless: Hopeless
    not_before: float = -math.inf
    gives_up_at: float = math.inf
    last: VpsStatus | None = None
    trouble: CvmError | None = None
    confirm: int = 1
    agreed: int = 0

    @property
    def next_look(self) -> float:
        """When to read next: at the deadline, too, as what happened since the reading before it counts."""
        return max(min(self.due, self.ends_at), self.not_before)

    @property
    def moments(self) -> tuple[float, ...]:
        """When there is something to do about it."""
        return tuple(moment for moment in (self.next_look, self.ends_at, self.gives_up_at) if moment < math.inf)

    def since(self, now: float) -> float:
        """Give when a reading may have begun that is taken for one that begins now."""
        return self.ends_at if now >= self.ends_at else max(self.began, now - TOLERANCE * self.interval)

    def learn(self, news: VpsStatus | CvmError, began: float) -> None:
        """Take in what a reading gave that began then."""
        self.gives_up_at = math.inf
        self.not_before = began + wished_pause(news if isinstance(news, CvmError) else None)
        self.due = max(began + self.interval, self.not_before)
        if isinstance(news, CvmError):
            self._hear(news)
        else:
            self._see(news)
        if began >= self.ends_at and not self.done.done():
            self.give_up_late()

    def _see(self, status: VpsStatus) -> None:
        self.last = status
        self.trouble = None
        self.agreed = self.agreed + 1 if status.state is self.wanted else 0
        if self.agreed >= self.confirm:
            self.done.set_result(status)
        elif status.state is not self.wanted:
            self._doubt(status)

    def _doubt(self, status: VpsStatus) -> None:
        """Give up where what was seen, or where it was seen, tells that the state does not come."""
        why = self.hopeless(self.wanted)
        if status.state in DEAD_ENDS[self.wanted]:
            self._give_up(f"it is {status.state}, and will not be {self.wanted}")
        elif why is not None:
            self.done.set_exception(NotSupportedError(why.reason, revision=why.revision, vps_id=self.vps_id))

    def _hear(self, error: CvmError) -> None:
        self.trouble = error
        if not passes(error):
            self.done.set_exception(own(error))

    def end_if_late(self, now: float, asking_since: float | None, *, fires_at: float) -> None:
        """At the deadline allow a last reading its time, and give up where it has had that.

        Args:
            now: The time.
            asking_since: When the reading that is under way was due; None where none is.
            fires_at: When this was to be looked at. Where that is past, the event loop was blocked: what was read may
                be here, and is looked at first; where it was blocked at the deadline, a reading has its time anew.
        """
        if now < self.ends_at or self.done.done():
            return
        if math.isinf(self.gives_up_at):
            self.gives_up_at = (now if asking_since is None else asking_since) + LAST_LOOK
        if now - fires_at > LATE:
            self.gives_up_at = max(self.gives_up_at, now + (LAST_LOOK if fires_at <= self.ends_at else GRACE))
        if now >= self.gives_up_at or (asking_since is None and self.next_look > now):
            self.give_up_late()

    def give_up_late(self) -> None:
        """End it, as the state did not come in time."""
        seen = "its state could not be read" if self.last is None else f"it is {self.last.state}"
        if self.agreed:
            seen = f"{seen}, seen {self.agreed} of {self.confirm} times in a row"
        trouble = f"; the last reading failed: {self.trouble.message}" if self.trouble else ""
        self._give_up(f"it did not become {self.wanted} within {self.timeout:g} s: {seen}{trouble}")

    def _give_up(self, why: str) -> None:
        self.done.set_exception(WaitTimeoutError(why, vps_id=self.vps_id, last=self.last))


@define(eq=False)
class _Watched:
    """A VPS that somebody waits for.

    Attributes:
        vps_id: Which.
        node: Its host node.
        waits: Who waits for it.
        asking_since: When the reading that is under way was due; None where none is.
        asked_at: When the last one began.
        latest: What it gave, kept for the watches of the VPS.
    """

    vps_id: int
    node: int | None
    waits: list[_Wait] = field(factory=list[_Wait])
    asking_since: float | None = None
    asked_at: float | None = None
    latest: News[VpsStatus] | None = None

    @property
    def next_look(self) -> float:
        """When to read next; only while somebody waits."""
        return min(wait.next_look for wait in self.open)

    @property
    def open(self) -> list[_Wait]:
        """The waits that are not over."""
        return [wait for wait in self.waits if not wait.done.done()]


class Waits:
    """The waits of one session."""

    def __init__(self, gates: Gates, ask: Ask, clock: Callable[[], float]) -> None:
        self._gates = gates
        self._ask = ask
        self._clock = clock
        self._watched: dict[int, _Watched] = {}
        # Counted as they come and go: to count them anew for each that comes would make thousands of waits slow.
        self._size = 0
        # When to look at which VPS: a reading may be due, or a wait over. An entry too many does no harm.
        self._agenda: list[tuple[float, int]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._fires_at = 0.0
        self._workers: WorkerPool[_Watched] | None = None
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._size

    async def wait(
        self,
        vps_id: int,
        node: int | None,
        wanted: PowerState,
        *,
        timeout: float | None,
        interval: float,
        hopeless: Hopeless,
        confirm: int = 1,
    ) -> VpsStatus:
        """Give the first status in the wanted state whose reading began after this call.

        With `confirm`, so many readings in a row have to show it. `hopeless` says why it never comes, if so.

        A last reading is begun when the time is over, so that what happened since the one before it counts.

        Raises:
            WaitTimeoutError: It did not come in time, or no longer can.
            NotSupportedError: The panel never tells that state.
            CvmError: The status cannot be read, and trying again is of no use.
        """
        now = self._clock()
        watched = self._watched.get(vps_id)
        if watched is None:
            watched = self._watched[vps_id] = _Watched(vps_id, node)
        # Where others wait already, their last reading is no use to this one, and the next is soon enough.
        due = now if watched.asked_at is None else max(now, watched.asked_at + interval)
        done: asyncio.Future[VpsStatus] = asyncio.get_running_loop().create_future()
        seconds = math.inf if timeout is None else timeout
        wait = _Wait(vps_id, wanted, interval, seconds, now, due, now + seconds, done, hopeless, confirm=confirm)
        self._begin(watched, wait)
        try:
            return await done
        finally:
            self._end(watched, wait)

    def close(self) -> None:
        """End every wait with an error."""
        for watched in self._watched.values():
            for wait in watched.open:
                wait.done.set_exception(
                    SessionClosedError("the session was closed during the wait", vps_id=wait.vps_id)
                )

    def _begin(self, watched: _Watched, wait: _Wait) -> None:
        watched.waits.append(wait)
        self._size += 1
        if self._task is None:
            self._workers = WorkerPool(self._poll, node_of=lambda watched: watched.node)
            self._task = asyncio.create_task(self._workers.run())
        self._note(*wait.moments, vps_id=wait.vps_id)

    def _note(self, *moments: float, vps_id: int) -> None:
        """Look at a VPS at these moments."""
        for moment in moments:
            heapq.heappush(self._agenda, (moment, vps_id))
        if len(self._agenda) > MOST_STALE + 4 * len(self):
            self._tidy()
        self._set_timer()

    def _tidy(self) -> None:
        """Throw away the moments of waits that are over: each left its deadline behind."""
        self._agenda = [
            (moment, watched.vps_id)
            for watched in self._watched.values()
            for wait in watched.open
            for moment in wait.moments
        ]
        heapq.heapify(self._agenda)

    def _end(self, watched: _Watched, wait: _Wait) -> None:
        watched.waits.remove(wait)
        self._size -= 1
        if wait.done.done() and not wait.done.cancelled():
            wait.done.exception()  # Seen, also where a cancellation came in the same step: asyncio need not complain.
        if not watched.waits:
            del self._watched[wait.vps_id]
        if not self._watched and self._task is not None:
            self._task.cancel()
            self._task = self._workers = None
            self._agenda.clear()
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None and not (self._agenda and self._agenda[0][0] == self._timer_at):
            self._timer.cancel()
            self._timer = None
        if self._timer is None and self._agenda:
            self._timer_at = self._agenda[0][0]
            now = self._clock()
            self._fires_at = max(now, self._timer_at)
            self._timer = asyncio.get_running_loop().call_later(self._fires_at - now, self._look)

    def _look(self) -> None:
        """End what is over, and ask for what is due."""
        self._timer = None
        now = self._clock()
        fires_at = self._fires_at
        due: list[_Watched] = []
        while self._agenda and self._agenda[0][0] <= now:
            watched = self._watched.get(heapq.heappop(self._agenda)[1])
            if watched is None:
                continue
            for wait in watched.open:
                wait.end_if_late(now, watched.asking_since, fires_at=fires_at)
            if not watched.open:
                continue
            if watched.asking_since is None and watched.next_look <= now:
                watched.asking_since = now
                due.append(watched)
            self._note_later(watched, now)
        if due and self._workers is not None:
            self._workers.add(self._gates, due)
        self._set_timer()

    def _note_later(self, watched: _Watched, now: float) -> None:
        """Note what is still to come for a VPS: the reading that was looked for may have been another's."""
        moments = {moment for wait in watched.open for moment in wait.moments if moment > now}
        if moments:
            heapq.heappush(self._agenda, (min(moments), watched.vps_id))

    async def _poll(self, assignment: Assignment[_Watched]) -> None:
        watched = assignment.target
        # A reading that began before a wait is none of its business: a restart must not be satisfied by the "running"
        # from before it.
        asked = watched.open
        if not asked:
            watched.asking_since = None
            return
        watched.asked_at = now = self._clock()
        try:
            watched.latest = news = await self._read(assignment, max(wait.since(now) for wait in asked))
        finally:
            watched.asking_since = None
        for wait in asked:
            if not wait.done.done():
                wait.learn(news.result, news.began)
        if watched.open and watched is self._watched.get(watched.vps_id):
            self._note(watched.next_look, vps_id=watched.vps_id)

    async def _read(self, assignment: Assignment[_Watched], since: float) -> News[VpsStatus]:
        vps_id, now = assignment.target.vps_id, self._clock()
        if assignment.refused:
            return News(result=assignment.permit.refusal(vps_id), began=now, ended=now)
        try:
            return await self._ask(vps_id, assignment.permit, since)
        except CvmError as error:
            return News(result=error, began=now, ended=self._clock())
