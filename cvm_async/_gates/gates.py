"""Who may go now: one session's calls in flight, overall and per host node, and the nodes that fleets leave alone.

The gates count and queue; they know no HTTP, hold no task and start no timer. Whoever enters must leave, with a
verdict on what became of the call: that is all the breakers learn from.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from cvm_async._gates.adaptive import AdaptiveLimit
from cvm_async._gates.breaker import Node, NodeReport, NodeState, Verdict
from cvm_async._gates.node_queue import NodeQueue
from cvm_async.errors import CvmError, own
from cvm_async.settings import ADAPTIVE, Limits


class Admission(Enum):
    """The answer to "may this call go now?"."""

    GO = auto()
    WAIT = auto()
    REFUSED = auto()
    """Not now and not soon: the node is open. Only fleets are refused; a single call is a person's, and always goes."""


ADAPTIVE_FLOOR = 4
"""Below this the adaptive limit neither begins nor goes: a limit of one would be held, whole, by one hung call."""


class WaitingWork(Protocol):
    """Fleet work that waits for room."""

    def take_room(self) -> bool:
        """Put one idle worker to work if something may go now; False if not."""
        ...


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
        self._breaker = limits.breaker
        self._clock = clock
        self._in_flight = 0
        self._nodes: dict[int, Node] = {}
        self._callers: NodeQueue[tuple[int | None, asyncio.Future[None]]] = NodeQueue()
        self._waiting_work: deque[WaitingWork] = deque()
        self._failing: set[int | None] = set()
        """Nodes whose last verdict was a failure; kept for the adaptive limit only."""

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
        """Whether one more call may be in flight, on some node."""
        return self._in_flight < self._limit

    def on_node(self, node: int | None) -> int:
        """Count calls in flight on a node; 0 for an unknown one."""
        state = None if node is None else self._nodes.get(node)
        return 0 if state is None else state.in_flight

    def nodes(self) -> list[NodeReport]:
        now = self._clock()
        return [
            NodeReport(node, state.state(self._breaker, now), state.in_flight, state.failures)
            for node, state in sorted(self._nodes.items())
        ]

    def admission(self, node: int | None) -> Admission:
        """Tell whether fleet work on a node may go now."""
        if node is None or (state := self._nodes.get(node)) is None:
            return Admission.GO if self.has_room else Admission.WAIT
        circuit = state.state(self._breaker, self._clock()) if state.opened_at is not None else NodeState.CLOSED
        if circuit is NodeState.OPEN:
            return Admission.REFUSED
        width = self._per_node if circuit is NodeState.CLOSED else 1
        return Admission.GO if self.has_room and state.in_flight < width else Admission.WAIT

    def enter(self, node: int | None) -> None:
        """Count a call in; only after an admission in the same step of the event loop."""
        self._in_flight += 1
        if node is not None:
            state = self._nodes.get(node)
            if state is None:
                state = self._nodes[node] = Node()
            state.in_flight += 1

    def leave(self, node: int | None, verdict: Verdict, began: float | None = None) -> None:
        """Count a call out, and hand its room on.

        Args:
            node: As it was entered.
            verdict: What became of it.
            began: When it was entered, where its latency says something of the panel's load; else None.
        """
        if self._adaptive is not None:
            self._adapt(self._adaptive, node, verdict, began)
        self._in_flight -= 1
        if node is not None:
            state = self._nodes[node]
            state.in_flight -= 1
            state.learn(verdict, self._breaker, self._clock())
        self._hand_on()

    async def queue(self, node: int | None) -> None:
        """Enter as a single call, waiting for room where there is none.

        Cancelled while it waits, nothing was entered.
        """
        if self._single_may_go(node):
            self.enter(node)
            return
        entry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._callers.add(node, (node, entry))
        try:
            await entry
        except asyncio.CancelledError:
            if entry.done() and not entry.cancelled() and entry.exception() is None:
                # The turn came and the cancellation with it, in one step of the event loop.
                self.leave(node, Verdict.NEUTRAL)
            raise

    def join(self, work: WaitingWork) -> None:
        """Have waiting work called when room comes free, until it leaves."""
        self._waiting_work.append(work)

    def part(self, work: WaitingWork) -> None:
        self._waiting_work.remove(work)

    def close(self, error: CvmError) -> None:
        """Send away the callers who wait: each gets the error, as one of its own."""
        for _, entry in self._callers.clear():
            if not entry.done():
                entry.set_exception(own(error))

    def now(self) -> float:
        return self._clock()

    def _adapt(self, adaptive: AdaptiveLimit, node: int | None, verdict: Verdict, began: float | None) -> None:
        now = self._clock()
        if verdict is Verdict.ANSWERED:
            self._failing.discard(node)
            if began is not None:
                adaptive.answered(now, now - began, self._in_flight)
        elif verdict is Verdict.NODE_FAILED:
            self._failing.add(node)
        # One lost node is its own affair. When most of them are silent, it is the panel that has no room.
        lost = verdict is Verdict.NODE_FAILED and 2 * len(self._failing) > max(len(self._nodes), 2)
        if verdict is Verdict.OVERLOADED or lost:
            adaptive.refused(now, 0.0 if began is None else now - began)
        self._limit = adaptive.limit

    def _single_may_go(self, node: int | None) -> bool:
        if not self.has_room:
            return False
        return self.on_node(node) < self._per_node

    def _hand_on(self) -> None:
        while self.has_room:
            caller = self._callers.take(self._single_may_go) if self._callers else None
            if caller is None:
                break
            node, entry = caller
            if not entry.done():
                self.enter(node)
                entry.set_result(None)
        # Each pool that waits gets one piece of room in its turn; when all were asked in vain, the room stays free.
        refusals = 0
        while refusals < len(self._waiting_work) and self.has_room:
            work = self._waiting_work[0]
            self._waiting_work.rotate(-1)
            refusals = 0 if work.take_room() else refusals + 1
