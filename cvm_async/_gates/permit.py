"""One call's way through the gates, from attempt to attempt."""

from collections.abc import Callable

from cvm_async._gates.gates import Claim, Gates
from cvm_async._gates.verdict import Verdict
from cvm_async.errors import CvmError, NodeUnreachableError


class Permit:
    """One call's way through the gates: in before each attempt, out after it, with a verdict.

    Args:
        gates: Which.
        node: The host node that the call is for.
        began: When it was let in, if it has been already.
        refusable: Whether it is a fleet's: such a call never goes to an open node.
        on_rest: Told when its owner begins to wait for something that needs no call of its own.
    """

    __slots__ = ("_began", "_gates", "_node", "_on_rest", "_refusable", "_vps")

    def __init__(
        self,
        gates: Gates,
        node: int | None,
        *,
        began: float | None = None,
        refusable: bool = False,
        on_rest: "Callable[[Permit], object] | None" = None,
    ) -> None:
        self._gates = gates
        self._node = node
        self._vps: int | None = None
        self._began = began
        self._refusable = refusable
        self._on_rest = on_rest

    @property
    def refused(self) -> bool:
        """Whether entering is of no use now: a fleet's call that has been left out meanwhile."""
        return self._refusable and self._began is None and self._gates.refusal(self._node) is not None

    def refusal(self, vps: int | None) -> CvmError:
        """Give the error that takes the place of a call that was refused."""
        error = self._gates.refusal(self._node, vps)
        # What stood against it may have passed since; it was refused all the same.
        return error or NodeUnreachableError(f"node {self._node} was left alone", vps_id=vps)

    async def enter(self, vps: int | None = None, *, acts: bool = False) -> None:
        """Go in, waiting for room.

        Args:
            vps: The VPS that the call is about.
            acts: Whether it is to do something, rather than to read; where a person asks for that, it goes also where
                calls that were given up have all the places.

        Raises:
            CvmError: It can't go, nor will it soon.
        """
        self._vps = None if acts else vps
        if self._began is None:
            claim = Claim(self._node, fleet=self._refusable, acts=acts)
            self._began = await self._gates.queue(claim, self._vps)
        elif self._refusable and self._gates.is_disturbed and (refusal := self._gates.refusal(self._node, self._vps)):
            self.step_aside()
            raise refusal

    def leave(self, verdict: Verdict, *, telling: bool = False, wait: float | None = None) -> None:
        """Go out.

        Args:
            verdict: What became of the call.
            telling: Whether how long it took says something of the panel's load.
            wait: Seconds that its answer asks to wait.
        """
        began, self._began = self._began, None
        if began is not None:
            self._gates.leave(self._node, verdict, began, telling=telling, vps=self._vps, wait=wait)

    def step_aside(self) -> None:
        """Go out without having called: others may go meanwhile."""
        self.leave(Verdict.NEUTRAL)

    def hand_over(self) -> "Permit":
        """Give the same permit to a new owner, who may outlive the old one."""
        began, self._began = self._began, None
        return Permit(self._gates, self._node, began=began, refusable=self._refusable)

    def rest(self) -> None:
        """Say that its owner will wait, long and idly: a worker that only waits is worth replacing."""
        on_rest, self._on_rest = self._on_rest, None
        if on_rest is not None:
            on_rest(self)
