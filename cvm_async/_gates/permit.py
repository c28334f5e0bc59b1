"""One call's way through the gates, from attempt to attempt."""

from collections.abc import Callable

from cvm_async._gates.breaker import Verdict
from cvm_async._gates.gates import Admission, Gates
from cvm_async.errors import NodeUnreachableError


def left_alone(node: int | None, vps_id: int | None = None) -> NodeUnreachableError:
    """Make the error that takes the place of a call to an open node."""
    return NodeUnreachableError(f"node {node} does not answer and is left alone for now", vps_id=vps_id)


class Permit:
    """One call's way through the gates: in before each attempt, out after it, with a verdict.

    Args:
        gates: Which.
        node: The host node that the call is for.
        inside: Whether it has been let in already.
        refusable: Whether it is a fleet's: such a call never goes to an open node.
        on_rest: Told when its owner begins to wait for something that needs no call of its own.
    """

    __slots__ = ("_began", "_gates", "_inside", "_node", "_on_rest", "_refusable")

    def __init__(
        self,
        gates: Gates,
        node: int | None,
        *,
        inside: bool = False,
        refusable: bool = False,
        on_rest: "Callable[[Permit], object] | None" = None,
    ) -> None:
        self._gates = gates
        self._node = node
        self._inside = inside
        self._began = gates.now()
        self._refusable = refusable
        self._on_rest = on_rest

    @property
    def refused(self) -> bool:
        """Whether entering is of no use now: a fleet's call to a node that meanwhile opened."""
        return self._refusable and not self._inside and self._gates.admission(self._node) is Admission.REFUSED

    async def enter(self) -> None:
        """Go in, waiting for room.

        Raises:
            NodeUnreachableError: It is a fleet's, and the node has opened since its last attempt.
        """
        if not self._inside:
            if self.refused:
                raise left_alone(self._node)
            await self._gates.queue(self._node)
            self._inside = True
            self._began = self._gates.now()

    def leave(self, verdict: Verdict, *, telling: bool = False) -> None:
        """Go out; `telling` where how long it took says something of the panel's load."""
        if self._inside:
            self._inside = False
            self._gates.leave(self._node, verdict, self._began if telling else None)

    def step_aside(self) -> None:
        """Go out without having called: others may go meanwhile."""
        self.leave(Verdict.NEUTRAL)

    def hand_over(self) -> "Permit":
        """Give the same permit to a new owner, who may outlive the old one."""
        inside, self._inside = self._inside, False
        return Permit(self._gates, self._node, inside=inside, refusable=self._refusable)

    def rest(self) -> None:
        """Say that its owner will wait, long and idly: a worker that only waits is worth replacing."""
        on_rest, self._on_rest = self._on_rest, None
        if on_rest is not None:
            on_rest(self)
