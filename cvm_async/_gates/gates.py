"""Who may go now: one session's calls in flight, overall and per host node, and the nodes that fleets leave alone.

The gates count and queue; they know no HTTP and hold no task. Whoever enters must leave, with a verdict on what became
of the call: that is all they learn from. What only time changes, such as when an abandoned call is taken to be over, is
looked at when somebody asks; one timer is set while somebody waits for it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from attrs import frozen

from cvm_async._gates.adaptive import AdaptiveLimit
from cvm_async._gates.health import Health
from cvm_async._gates.node import START, Node, NodeReport
from cvm_async._gates.node_queue import NodeQueue
from cvm_async._gates.verdict import Flight, Verdict
from cvm_async.errors import CvmError, own
from cvm_async.settings import ADAPTIVE, Limits


class Admission(Enum):
    """The answer to "may this call go now?"."""

    GO = auto()
    WAIT = auto()
    REFUSED = auto()
    """Not now and not soon."""


ADAPTIVE_FLOOR = 4
"""Below this the adaptive limit neither begins nor goes: a limit of one would be held, whole, by one hung call."""


INSTANT = 1e-6
"""Seconds that count as none: by as much, and less, an event loop's timer may come early."""


class WaitingWork(Protocol):
    """Fleet work that waits for room."""

    def take_room(self) -> bool:
        """Put one idle worker to work if something may go now; False if not."""
        ...


@frozen
class Claim:
    """What callers queue for.

    Attributes:
        node: The host node.
        fleet: Whether it is for a fleet, which leaves alone what is open.
        acts: Whether it is for a call that is to do something, rather than to read.
    """

    node: int | None
    fleet: bool = False
    acts: bool = False

    @property
    def insists(self) -> bool:
        """Whether it goes also where calls that were given up have all the places, as a person's power action does."""
        return self.acts and not self.fleet


@frozen(eq=False)
class Caller:
    """A single call that waits for its turn."""

    claim: Claim
    vps: int | None
    entry: asyncio.Future[float]


class Gates:
    """One session's gates.

    Order of service when room comes free: single calls first, so that a bot's one status is not held up by a poll of
    10,000; then the fleets that wait, in rotation.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._adaptive = (
            AdaptiveLimit(least=ADAPTIVE_FLOOR, most=limits.ceiling) if limits.max_concurrency == ADAPTIVE else None
        )
        self._limit = self._adaptive.limit if self._adaptive else limits.ceiling
        self._ceiling = limits.ceiling
        self._per_node = limits.per_node
        self._clock = clock
        self._latest = -math.inf
        self._in_flight = 0
        self._health = Health(limits)
        self._health.share.limit = self._limit
        self._nodes = self._health.nodes
        self._callers: NodeQueue[Claim, Caller] = NodeQueue()
        self._waiting_work: deque[WaitingWork] = deque()
        self._failing: set[int | None] = set()
        """Nodes whose last verdict was a failure; kept for the adaptive limit only."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def __repr__(self) -> str:
        return f"<Gates: {self._in_flight} of {self._limit} in flight, {len(self._callers)} callers waiting>"

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return self._limit

    @property
    def ceiling(self) -> int:
        """Calls that may ever be in flight."""
        return self._ceiling

    @property
    def per_node(self) -> int:
        """Of these, calls that may be in flight on one node."""
        return self._per_node

    @property
    def has_room(self) -> bool:
        """Whether asking for an admission is of any use now."""
        if not self._health.is_disturbed:
            return self._in_flight < self._limit
        now = self._look()
        if self._health.refuses_all(now) or self._in_flight < self._health.free(self._limit):
            return True
        self._set_timer(self._health.next_change(now))
        return False

    @property
    def is_disturbed(self) -> bool:
        """Whether anything but single nodes needs a closer look before a call may go."""
        return self._health.is_disturbed

    def on_node(self, node: int | None) -> int:
        """Count calls in flight on a node; 0 for an unknown one."""
        state = None if node is None else self._nodes.get(node)
        return 0 if state is None else state.in_flight

    def nodes(self) -> list[NodeReport]:
        return self._health.reports(self._clock())

    def admission(self, node: int | None, *, acts: bool = False) -> Admission:
        """Tell whether fleet work on a node may go now; with `acts`, where it is no mere reading."""
        state = self._nodes.get(node)
        if self._health.is_disturbed or not (state is None or state.is_sound):
            return self._considered(node, state, acts=acts)
        has_room = self._in_flight < self._limit and (state is None or self._has_place(state, acts=acts))
        return Admission.GO if has_room else Admission.WAIT

    def refusal(self, node: int | None, vps: int | None = None, *, fleet: bool = True) -> CvmError | None:
        """Give the error that takes the place of a call that may not go now, nor soon; else None."""
        return self._health.refusal(node, vps, self._look(), fleet=fleet)

    def enter(self, node: int | None) -> float:
        """Count a call in, and give the moment: no two begin at one. Only after an admission in the same step."""
        began = self._clock()
        if began <= self._latest:
            began = math.nextafter(self._latest, math.inf)
        self._latest = began
        self._in_flight += 1
        state = self._nodes.get(node) or self._health.node(node)
        state.in_flight += 1
        if self._health.is_disturbed:
            self._health.began(began)
        return began

    def leave(
        self,
        node: int | None,
        verdict: Verdict,
        began: float | None = None,
        *,
        telling: bool = False,
        vps: int | None = None,
        wait: float | None = None,
    ) -> None:
        """Count a call out, and hand its room on.

        Args:
            node: As it was entered.
            verdict: What became of it.
            began: As `enter` gave it.
            telling: Whether how long it took says something of the panel's load.
            vps: The VPS it was about.
            wait: Seconds that its answer asks to wait.
        """
        now = self._clock()
        began = now if began is None else began
        if self._adaptive is not None:
            self._adapt(self._adaptive, node, verdict, now, began if telling else None)
        if verdict is Verdict.ANSWERED and telling:
            self._health.timed(began, now, self._in_flight)
        self._in_flight -= 1
        state = self._nodes[node]
        state.in_flight -= 1
        if verdict is Verdict.ANSWERED and not self._health.is_disturbed:
            state.answered(began, now)
        elif verdict is not Verdict.NEUTRAL or self._health.is_disturbed:
            self._health.learn(Flight(node, vps, began, now, verdict), wait)
        self._hand_on()

    async def queue(self, claim: Claim, vps: int | None = None) -> float:
        """Enter as a single caller, when there is room; give the moment.

        Cancelled while it waits, nothing was entered.

        Args:
            claim: What for.
            vps: The VPS it is about.

        Raises:
            CvmError: It cannot go, nor will it soon.
        """
        node = claim.node
        refusal = self._refusal_of(claim, vps) if claim.fleet or self._health.is_disturbed else None
        if refusal is not None:
            raise refusal
        if self._caller_may_go(claim):
            return self.enter(node)
        entry: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._callers.add(claim, Caller(claim, vps, entry))
        if self._health.is_disturbed:
            self._set_timer(self._health.next_change(self._clock()))
        try:
            return await entry
        except asyncio.CancelledError:
            if entry.done() and not entry.cancelled() and entry.exception() is None:
                # The turn came and the cancellation with it, in one step of the event loop.
                self.leave(node, Verdict.NEUTRAL, entry.result())
            raise

    def join(self, work: WaitingWork) -> None:
        """Have waiting work called when room comes free, until it leaves."""
        self._waiting_work.append(work)

    def part(self, work: WaitingWork) -> None:
        self._waiting_work.remove(work)

    def close(self, error: CvmError) -> None:
        """Send away the callers who wait: each gets the error, as one of its own."""
        self._set_timer(math.inf)
        for caller in self._callers.clear():
            if not caller.entry.done():
                caller.entry.set_exception(own(error))

    def _look(self) -> float:
        """Forget what is over, and give the time."""
        now = self._clock() + INSTANT
        self._health.refresh(now)
        return now

    def _has_place(self, state: Node, *, acts: bool) -> bool:
        if state.in_flight >= START and state.is_quiet(self._clock()):
            state.start_anew()
        return state.in_flight < (state.width if acts else state.reads)

    def _considered(self, node: int | None, state: Node | None, *, acts: bool) -> Admission:
        """Answer where something is the matter, with the node or with all."""
        now = self._look()
        if self._health.refusal(node, None, now, fleet=True) is not None:
            return Admission.REFUSED
        if self._may_begin(now) and (state is None or self._has_place_still(state, acts=acts)):
            return Admission.GO
        self._set_timer(self._health.next_change(now))
        return Admission.WAIT

    def _has_place_still(self, state: Node, *, acts: bool) -> bool:
        if state.circuit.is_closed:
            return self._has_place(state, acts=acts)
        return state.in_flight < min(1, state.limit(acts=acts))

    def _may_begin(self, now: float) -> bool:
        health = self._health
        if self._in_flight >= health.free(self._limit) or not (health.outage.is_over or health.outage.may_probe):
            return False
        return self._in_pace(now)

    def _in_pace(self, now: float) -> bool:
        if self._health.pace is None or self._health.pace.next_start <= now:
            return True
        self._set_timer(self._health.pace.next_start)
        return False

    def _caller_may_go(self, claim: Claim) -> bool:
        state = self._nodes.get(claim.node)
        if not self._health.is_disturbed:
            has_room = self._in_flight < self._limit
        elif claim.insists:
            has_room = self._in_flight < self._limit and self._in_pace(self._look())
        else:
            has_room = self._may_begin(self._look())
        if not has_room or state is None:
            return has_room
        if state.is_sound:
            return self._has_place(state, acts=claim.acts)
        if claim.fleet and self._refusal_of(claim) is not None:
            return False
        return state.in_flight < (state.most if claim.insists else state.limit(acts=claim.acts))

    def _refusal_of(self, claim: Claim, vps: int | None = None) -> CvmError | None:
        return None if claim.insists else self.refusal(claim.node, vps, fleet=claim.fleet)

    def _adapt(
        self, adaptive: AdaptiveLimit, node: int | None, verdict: Verdict, now: float, began: float | None
    ) -> None:
        if verdict is Verdict.ANSWERED:
            self._failing.discard(node)
            if began is not None:
                adaptive.answered(now, now - began, self._in_flight)
        elif verdict in _FAILURES:
            self._failing.add(node)
        # One lost node is its own affair. When most of them are silent, it is the panel that has no room.
        known = len(self._nodes) - (None in self._nodes)
        lost = verdict in _FAILURES and 2 * len(self._failing) > max(known, 2)
        if verdict is Verdict.OVERLOADED or lost:
            adaptive.refused(now, 0.0 if began is None else now - began)
        if adaptive.limit != self._limit:
            self._limit = self._health.share.limit = adaptive.limit
            self._health.share_out()

    def _hand_on(self) -> None:
        if self._callers:
            self._serve_callers()
        # Each pool that waits gets one piece of room in its turn; when all were asked in vain, the room stays free.
        refusals = 0
        while refusals < len(self._waiting_work) and self.has_room:
            work = self._waiting_work[0]
            self._waiting_work.rotate(-1)
            refusals = 0 if work.take_room() else refusals + 1

    def _serve_callers(self) -> None:
        while (caller := self._callers.take(self._caller_may_go)) is not None:
            if not caller.entry.done():
                caller.entry.set_result(self.enter(caller.claim.node))
        while self._callers and (caller := self._callers.take(self._is_hopeless)) is not None:
            refusal = self._refusal_of(caller.claim, caller.vps)
            if refusal is not None and not caller.entry.done():
                caller.entry.set_exception(refusal)
        if self._callers and self._health.is_disturbed:
            self._set_timer(self._health.next_change(self._clock()))

    def _is_hopeless(self, claim: Claim) -> bool:
        return self._refusal_of(claim) is not None

    def _set_timer(self, when: float) -> None:
        """Have the time looked at then, if not before; at infinity, never."""
        if self._timer is not None:
            if when >= self._timer_at and not math.isinf(when):
                return
            self._timer.cancel()
            self._timer = None
        if not math.isinf(when):
            self._timer_at = when
            self._timer = asyncio.get_running_loop().call_later(max(0.0, when - self._clock()), self._woken)

    def _woken(self) -> None:
        self._timer = None
        self._look()
        self._hand_on()


_FAILURES = {Verdict.NODE_FAILED, Verdict.TIMED_OUT}
