"""Workers that pull targets from one queue: bounded concurrency, interleaved over panels and nodes, no task per VPS.

Whoever has targets adds them, says when no more will come, and awaits `run`. What a worker does with a target, and
where its result goes, is the caller's; a pool only sees to who goes when.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Generic, TypeVar

from attrs import define, field, frozen

from cvm_async._gates.gates import Admission, Gates
from cvm_async._gates.node_queue import NodeQueue
from cvm_async._gates.permit import Permit

T = TypeVar("T")

SLACK = 2
"""Workers for each call that the gates let through: as many may pause between two attempts, and hold up nothing.
Each panel has its share: one whose calls all pause for long must not take the others' workers."""

MOST_AT_REST = 1000
"""Targets besides that may wait for a state: they make no calls of their own, but each is a task of some 6 KB."""


@frozen
class Assignment(Generic[T]):
    """A target whose turn it is."""

    target: T
    permit: Permit
    refused: bool
    """The node, or the whole panel, is left alone: nothing was entered, and nothing should be sent."""
    gates: Gates


Work = Callable[[Assignment[T]], Awaitable[None]]


@define(eq=False)
class _PanelQueue(Generic[T]):
    """What is to be done behind one panel's gates, with the pool's own count per node."""

    gates: Gates
    per_node: int | None
    holds_places: bool
    acts: bool
    on_rest: Callable[[Permit], object]
    queue: NodeQueue[int | None, T] = field(factory=NodeQueue["int | None", T])
    under_way: dict[int | None, int] = field(factory=dict["int | None", int])
    active: int = 0
    """Workers that are on it, those at rest not counted."""

    @property
    def workers(self) -> int:
        """How many there may ever be."""
        return SLACK * self.gates.ceiling

    @property
    def width(self) -> int:
        """How many may be on it now."""
        return self.gates.limit if self.holds_places else self.workers

    @property
    def width_of_node(self) -> float:
        return min(
            math.inf if self.per_node is None else self.per_node,
            self.gates.per_node if self.holds_places else math.inf,
        )

    def take(self) -> T | None:
        """Give the next target that may go, if any.

        Nodes that are below their share of the calls in flight come first. A hung node, whose calls do not end, would
        else soon have all that a node may have; so it has its share until nobody else is left that could go.
        """
        if not (self.gates.has_room and self.active < self.width and self.queue):
            return None
        share = math.ceil(self.gates.limit / self.queue.nodes)
        target = self.queue.take(lambda node: self.gates.on_node(node) < share and self.admits(node))
        return self.queue.take(self.admits) if target is None else target

    def admits(self, node: int | None) -> bool:
        if node is not None and self.under_way.get(node, 0) >= self.width_of_node:
            return False
        return self.gates.admission(node, acts=self.acts) is not Admission.WAIT


@define(eq=False)
class WorkerPool(Generic[T]):
    """A run over targets that may come from several panels.

    Attributes:
        work: Does one target; raises nothing but cancellation.
        node_of: The host node of a target.
        max_concurrency: Targets under way at once, waiting for a state included; None: as the gates have room.
        per_node: Of these, on one host node of one panel; None likewise.
        holds_places: Whether a target keeps others out until it is done, and not only while its calls are in flight:
            so that none begins between the answer to a call and the conclusion that is drawn from it.
        acts: Whether its targets are acted on, rather than read.
    """

    work: Work[T]
    node_of: Callable[[T], int | None]
    max_concurrency: int | None = None
    per_node: int | None = None
    holds_places: bool = False
    acts: bool = False
    _panels: dict[Gates, _PanelQueue[T]] = field(init=False, factory=dict[Gates, _PanelQueue[T]])
    _order: deque[_PanelQueue[T]] = field(init=False, factory=deque[_PanelQueue[T]])
    _idle: deque[asyncio.Future[Assignment[T] | None]] = field(
        init=False, factory=deque["asyncio.Future[Assignment[T] | None]"]
    )
    _active: int = field(init=False, default=0)
    _at_rest: set[Permit] = field(init=False, factory=set[Permit])
    _workers: int = field(init=False, default=0)
    _coming: int = field(init=False, default=0)
    """Workers whose task has not begun yet."""
    _calling_up: bool = field(init=False, default=False)
    _waiting: int = field(init=False, default=0)
    _closed: asyncio.Event = field(init=False, factory=asyncio.Event)
    _group: asyncio.TaskGroup | None = field(init=False, default=None)

    def add(self, gates: Gates, targets: Iterable[T]) -> None:
        """Give the pool more to do. May be called before it runs, and while it does."""
        panel = self._panels.get(gates)
        if panel is None:
            panel = self._panels[gates] = _PanelQueue(
                gates, self.per_node, self.holds_places, self.acts, partial(self._rest, gates)
            )
            self._order.append(panel)
            if self._group is not None:
                gates.join(self)
        for target in targets:
            panel.queue.add(self.node_of(target), target)
            self._waiting += 1
        self._call_up()

    def close(self) -> None:
        """Say that no more will come: the pool ends when all is done."""
        self._closed.set()
        self._send_home()

    def drain(self) -> list[T]:
        """Take back all that has not begun."""
        rest = [target for panel in self._order for target in panel.queue.clear()]
        self._waiting = 0
        self._send_home()
        return rest

    async def run(self) -> None:
        """Work until closed and done. Cancelled, it cancels what is under way and leaves the gates whole."""
        try:
            async with asyncio.TaskGroup() as self._group:
                for gates in self._panels:
                    gates.join(self)
                self._call_up()
                await self._closed.wait()
        finally:
            for gates in self._panels:
                gates.part(self)

    def take_room(self) -> bool:
        """Put one idle worker to work if something may go now; see `gates.WaitingWork`."""
        while self._idle and self._idle[0].done():
            self._idle.popleft()
        if not self._idle:
            return False
        idle = self._idle.popleft()
        assignment = self._next()
        if assignment is None:
            self._idle.appendleft(idle)
            return False
        idle.set_result(assignment)
        return True

    def _call_up(self) -> None:
        """Have idle workers take what may go, and more workers come for the rest.

        Where the event loop begins tasks eagerly, a worker works in here, and comes back here when it rests: what it
        asks for then is what goes on here anyway, and one inside the other they would end in a `RecursionError`.
        """
        if self._group is None or self._calling_up:
            return
        self._calling_up = True
        while self.take_room():
            pass
        while self._coming < self._waiting and self._workers < self._most_workers:
            self._workers += 1
            self._coming += 1
            self._group.create_task(self._work())
        self._calling_up = False

    @property
    def _most_workers(self) -> int:
        ceiling = sum(panel.workers for panel in self._order)
        return ceiling if self.max_concurrency is None else min(ceiling, self.max_concurrency)

    def _send_home(self) -> None:
        if self._closed.is_set() and not self._waiting:
            for idle in self._idle:
                if not idle.done():
                    idle.set_result(None)
            self._idle.clear()

    async def _work(self) -> None:
        self._coming -= 1
        while (assignment := self._next() or await self._called()) is not None:
            try:
                await self.work(assignment)
            finally:
                at_rest = assignment.permit in self._at_rest
                self._finished(assignment)
            if at_rest:
                # Another worker came for this one; what it kept from going may be for any of them.
                self._call_up()
                return

    def _next(self) -> Assignment[T] | None:
        """Give the next target that may go, already through the gates."""
        if self.max_concurrency is not None and self._active >= self.max_concurrency:
            return None
        for _ in range(len(self._order)):
            panel = self._order[0]
            self._order.rotate(-1)
            target = panel.take()
            if target is not None:
                return self._admit(panel, target)
        return None

    def _admit(self, panel: _PanelQueue[T], target: T) -> Assignment[T]:
        node = self.node_of(target)
        self._active += 1
        self._waiting -= 1
        panel.active += 1
        panel.under_way[node] = panel.under_way.get(node, 0) + 1
        refused = panel.gates.admission(node, acts=self.acts) is Admission.REFUSED
        began = None if refused else panel.gates.enter(node)
        self._send_home()
        permit = Permit(panel.gates, node, began=began, refusable=True, on_rest=panel.on_rest)
        return Assignment(target, permit, refused, panel.gates)

    def _rest(self, gates: Gates, permit: Permit) -> None:
        """Let another worker come in the place of one that will only wait from now on."""
        if not self.holds_places and len(self._at_rest) < MOST_AT_REST:
            self._at_rest.add(permit)
            self._panels[gates].active -= 1
            self._workers -= 1
            self._call_up()

    async def _called(self) -> Assignment[T] | None:
        """Rest until there is something to do; None when nothing more will come."""
        if self._closed.is_set() and not self._waiting:
            return None
        call: asyncio.Future[Assignment[T] | None] = asyncio.get_running_loop().create_future()
        self._idle.append(call)
        try:
            return await call
        except asyncio.CancelledError:
            if call.done() and not call.cancelled() and (assignment := call.result()) is not None:
                # The call came and the cancellation with it, in one step of the event loop.
                self._finished(assignment)
            raise

    def _finished(self, assignment: Assignment[T]) -> None:
        assignment.permit.step_aside()
        panel = self._panels[assignment.gates]
        panel.under_way[self.node_of(assignment.target)] -= 1
        self._active -= 1
        if assignment.permit in self._at_rest:
            self._at_rest.remove(assignment.permit)
        else:
            panel.active -= 1
