"""Whose fault it was that a call failed: the VPS's, its host node's, or the whole panel's; and what follows from it.

A panel takes calls in the order in which they come. So where a later one was answered while ours was not, ours was
being worked on: if that was on the same node, it is the VPS that hangs; if it was on another, the node. Where nobody at
all was answered meanwhile, nothing is known but that the panel is silent, and no node is blamed.
"""

import math
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

from cvm_async._gates.abandoned import AbandonedCall, AbandonedCalls
from cvm_async._gates.breaker import Circuit, NodeState
from cvm_async._gates.node import Node, NodeReport
from cvm_async._gates.outage import Outage
from cvm_async._gates.pace import Pace
from cvm_async._gates.share import Share
from cvm_async._gates.verdict import LIST, Flight, Verdict
from cvm_async.errors import CvmError, NodeUnreachableError, NotSentError, RateLimitedError
from cvm_async.settings import Limits

ALLOWANCE = 4
"""Abandoned calls that take no place in the session's own limit: two hung nodes must not slow the others."""

USUAL_TIMES = 4.0
"""A call that is given up before so many times the usual latency has not hung: it is over soon."""

USUAL = 0.25
"""Seconds that a call usually takes, where none has been answered yet."""

PATIENT = 1.0
"""Seconds; who gives a call up sooner has not waited for it, however fast others were answered."""

QUEUED = 10.0
"""Seconds that a call may have waited for a worker before the panel began with it."""

FADING = 0.95
"""What is left of the memory of a slow answer with each that was faster."""

INSISTING = 3
"""Calls without an answer after which a person gets no more about the same VPS either; a fleet gets one."""

APART = 0.1
"""Seconds after a connection could not be opened until another such failure counts as a second one."""

SOON = 5.0
"""Seconds for which a caller may as well wait; where it would be longer, it is told at once."""

LONGEST_PAUSE = 30.0
"""The same for a pause that the panel asked for."""


class Fault(Enum):
    """Whose it was that no answer came."""

    VPS = auto()
    NODE = auto()
    PANEL = auto()
    """Or nobody knows whose: nobody else was answered meanwhile."""


class Health:
    """What a session has learned of its panel and the panel's nodes.

    Attributes:
        nodes: By number; calls whose node is not known are under None.
        abandoned: Calls that we gave up and the panel may still be at.
        outage: Whether the panel as a whole is there.
        pace: How fast calls may begin; None where no call was refused for that lately.
        share: How many readings each node may have.
        usual: Seconds that the slower ones of the latest answered statuses took.
        is_disturbed: Whether anything but single nodes needs a closer look before a call may go.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.share = Share(limits.ceiling)
        self.nodes: dict[int | None, Node] = {}
        self.abandoned = AbandonedCalls()
        self.outage = Outage(limits.breaker)
        self.pace: Pace | None = None
        self.usual = USUAL
        self.is_disturbed = False
        self._lessons: Final[Mapping[Verdict, Callable[[Flight, Node], None]]] = {
            Verdict.ANSWERED: self._answered,
            Verdict.PANEL_ANSWERED: self._panel_answered,
            Verdict.NODE_FAILED: self._node_failed,
            Verdict.BROKE: self._broke,
            Verdict.TIMED_OUT: self._timed_out,
            Verdict.ABANDONED: self._given_up,
            Verdict.NOT_CONNECTED: self._not_connected,
        }

    def node(self, number: int | None) -> Node:
        state = self.nodes.get(number)
        if state is None:
            state = self.nodes[number] = self._new_node(number)
            self.share_out()
        return state

    def share_out(self) -> None:
        """Give each node its share of what may be in flight; all of it where it is the only one."""
        known = [node for node in self.nodes.values() if node.is_known]
        for node in known:
            node.share = node.most if len(known) == 1 else min(node.most, self.share.size)
            node.retune()

    def reports(self, now: float) -> list[NodeReport]:
        self.refresh(now)
        known = sorted((number, node) for number, node in self.nodes.items() if number is not None)
        return [
            NodeReport(
                number,
                node.circuit.state(now),
                node.in_flight,
                node.circuit.failures,
                node.held,
                self._retry_in(number, node, now),
            )
            for number, node in known
        ]

    def learn(self, flight: Flight, wait: float | None = None) -> None:
        """Draw the conclusions from a call that has ended; `wait` is how many seconds its answer asks to wait."""
        node = self.node(flight.node)
        self.outage.ended(flight.began)
        if flight.verdict is Verdict.RATE_LIMITED:
            self.pace = self.pace or Pace()
            self.pace.refused(flight.began, flight.ended, wait)
        lesson = self._lessons.get(flight.verdict)
        if lesson is not None:
            lesson(flight, node)
            node.retune()
        self._look_around()

    def timed(self, began: float, now: float, in_flight: int) -> None:
        """Learn how long a status took that was answered, with so many in flight."""
        self.usual = max(now - began, FADING * self.usual)
        if self.share.answered(began, now, in_flight):
            self.share_out()

    def began(self, began: float) -> None:
        """Learn that a call begins."""
        self.outage.began(began)
        if self.pace is not None:
            self.pace.started(began)

    def refresh(self, now: float) -> None:
        """Forget what is over by now."""
        if self.is_disturbed:
            self._let_go(self.abandoned.expire(now))
            if self.pace is not None and self.pace.is_forgotten(now):
                self.pace = None
            self._look_around()

    def free(self, limit: int) -> int:
        """Give how many calls may be in flight of a limit, when those that were given up count, too."""
        return max(1, limit - max(0, len(self.abandoned) - ALLOWANCE))

    def refuses_all(self, now: float) -> bool:
        """Tell whether no fleet's call is of use now, nor soon."""
        return self.outage.refuses(now) or (self.pace is not None and self.pace.next_start - now > LONGEST_PAUSE)

    def next_change(self, now: float) -> float:
        """Give when time alone will let more go; infinity where it will not."""
        pause = math.inf if self.pace is None or self.pace.next_start <= now else self.pace.next_start
        return min(self.abandoned.next_end_of_all(), pause)

    # What may not go, and why

    def refusal(self, number: int | None, vps: int | None, now: float, *, fleet: bool) -> CvmError | None:
        """Give the error that takes the place of a call that may not go now, nor soon; else None.

        A person's call, unlike a fleet's, goes to a node or panel that is left alone: it is as good a probe as any.
        """
        vps_id = vps or None
        if fleet and (wait := self._silence(now)) is not None:
            message = f"the panel does not answer ({self.outage.reason}); it is asked again in {wait:.0f} s"
            return NotSentError(message, vps_id=vps_id)
        if self.pace is not None and (wait := self.pace.next_start - now) > LONGEST_PAUSE:
            message = f"the panel has had too many calls, and asks to be left alone for {wait:.0f} s more"
            return RateLimitedError(message, status_code=429, retry_after=wait, vps_id=vps_id)
        node = self.nodes.get(number)
        if node is None:
            return None
        if fleet and node.circuit.state(now) is NodeState.OPEN:
            wait = self._retry_in(number, node, now)
            message = f"node {number} does not answer and is left alone for now; it is asked again in {wait:.0f} s"
            return NodeUnreachableError(message, vps_id=vps_id)
        return self._unanswered(number, node, vps, now, fleet=fleet) if self.abandoned else None

    def _unanswered(
        self, number: int | None, node: Node, vps: int | None, now: float, *, fleet: bool
    ) -> CvmError | None:
        """Refuse what would have to wait for calls that were given up, on the node or on the VPS itself."""
        if not node.in_flight and node.limit() <= 0 and (wait := self.abandoned.next_end(number) - now) > SOON:
            what = f"{node.held} calls to node {number} are" if node.held > 1 else f"a call to node {number} is"
        elif (wait := self.abandoned.last_end(vps, 1 if fleet else INSISTING) - now) > SOON:
            whose = "the list of VPSes" if vps == LIST else "this VPS"
            what = f"the last call for {whose} is"
        else:
            return None
        message = f"{what} still unanswered, and may still be under way on the panel; more may be asked in {wait:.0f} s"
        return NodeUnreachableError(message, vps_id=vps or None, may_be_panel=True)

    def _silence(self, now: float) -> float | None:
        return self.outage.circuit.opens_in(now) if self.outage.refuses(now) else None

    def _retry_in(self, number: int | None, node: Node, now: float) -> float:
        wait = node.circuit.opens_in(now) or 0.0
        if node.limit() <= 0:
            wait = max(wait, self.abandoned.next_end(number) - now)
        return wait

    # What each verdict teaches

    def _answered(self, flight: Flight, node: Node) -> None:
        if not node.circuit.is_closed:
            self.abandoned.explain(flight.node)
        node.answered(flight.began, flight.ended)
        self._let_go(self.abandoned.release(flight.node, flight.began))
        self._panel_answered(flight, node)

    def _panel_answered(self, flight: Flight, _node: Node) -> None:
        self.outage.answered(flight.began)
        if self.pace is not None:
            self.pace.accepted(flight.began, flight.ended)

    def _node_failed(self, flight: Flight, node: Node) -> None:
        self._panel_answered(flight, node)
        self._blame(node, flight.ended)

    def _broke(self, flight: Flight, node: Node) -> None:
        """Count it against the node once another one is known to work: where all break, it is the panel."""
        self._panel_answered(flight, node)
        if not (node.broke or node.circuit.failures):
            node.broke_since = flight.began
        node.broke += 1
        if not node.circuit.is_closed or self._others_work(flight.node, node.broke_since):
            while node.broke:
                node.broke -= 1
                self._blame(node, flight.ended)

    def _timed_out(self, flight: Flight, node: Node) -> None:
        fault = self._fault(flight, node)
        # A probe of a node that is left alone needs nobody else to show that it failed.
        if fault is Fault.NODE or not (fault is Fault.VPS or node.circuit.is_closed):
            self._blame(node, flight.ended)
        elif (
            fault is Fault.PANEL and not flight.acts and self.outage.fail(flight.ended, "calls stay without an answer")
        ):
            self._excuse()
        self._hold(flight, node, fault)

    def _given_up(self, flight: Flight, node: Node) -> None:
        usual = USUAL_TIMES * self.usual
        fault = self._fault(flight, node)
        if flight.seconds >= max(usual, PATIENT):
            self._hold(flight, node, fault)
            return
        node.unanswered += fault is not Fault.VPS and not flight.acts
        # All that a node may have may be cut off at once, by the end of a task group, and again. Then doubts grow.
        doubts = max(0, node.unanswered - 2 * node.most)
        seconds = min(usual * 2.0 ** min(doubts, 32), self._limits.abandoned_for)
        # It was cut off too early to say anything of its VPS: a caller in a hurry must not lose a healthy one.
        until, firm = flight.ended + seconds, seconds > SOON
        self._add(AbandonedCall(flight, until, firm, unexplained=False, is_explained=True), node)

    def _not_connected(self, flight: Flight, _node: Node) -> None:
        # Those that were under way together failed for one reason, which may have passed.
        if flight.began > self.outage.failed_at + APART:
            self.outage.fail(flight.ended, "no connection to it can be opened")

    def _fault(self, flight: Flight, node: Node) -> Fault:
        if node.latest > flight.began:
            return Fault.VPS
        elsewhere = self.nodes.get(None, node).latest
        if max(self.outage.latest, elsewhere) > flight.began or self._others_work(flight.node, flight.began):
            return Fault.NODE if node.is_known else Fault.VPS
        return Fault.PANEL

    def _others_work(self, number: int | None, since: float) -> bool:
        return any(node.latest > since for other, node in self.nodes.items() if other != number and node.is_known)

    def _blame(self, node: Node, now: float) -> None:
        node.circuit.fail(now)
        node.start_anew()

    def _hold(self, flight: Flight, node: Node, fault: Fault) -> None:
        # Whoever acts may well wait for minutes, and what became of it is found out by reading: that must stay open.
        node.unanswered += fault is not Fault.VPS and not flight.acts
        unexplained = fault is Fault.PANEL
        until = max(flight.ended, flight.began + QUEUED + self._limits.abandoned_for)
        firm = not unexplained or self.outage.is_over
        self._add(AbandonedCall(flight, until, firm, unexplained), node)

    def _excuse(self) -> None:
        for call in self.abandoned.excuse():
            node = self.node(call.flight.node)
            node.held_firmly -= 1
            node.retune()

    def _add(self, call: AbandonedCall, node: Node) -> None:
        self.abandoned.add(call)
        node.held += 1
        node.held_firmly += call.firm

    def _let_go(self, calls: list[AbandonedCall]) -> None:
        for call in calls:
            node = self.node(call.flight.node)
            node.held -= 1
            node.held_firmly -= call.firm
            node.retune()

    def _look_around(self) -> None:
        self.is_disturbed = bool(self.abandoned) or self.pace is not None or not self.outage.is_clear

    def _new_node(self, number: int | None) -> Node:
        if number is None:
            return Node(self._limits.ceiling, Circuit(None), is_known=False)
        return Node(self._limits.per_node, Circuit(self._limits.breaker))
