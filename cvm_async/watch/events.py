"""What can happen to a watched fleet: a node or a panel that is lost is one event, and not one for each VPS."""

from abc import ABC, abstractmethod
from typing import ClassVar, Final, Literal, TypeAlias

from attrs import fields, frozen

from cvm_async._safe_text import safe_text
from cvm_async._words import some_vpses
from cvm_async.models import PowerState, Vps

Key: TypeAlias = tuple[str, int]
"""What names a VPS among several panels: the panel's name in reports, and the id there."""

Direction: TypeAlias = Literal["total", "in", "out"]
"""What traffic is counted and limited: both directions together, or each by itself."""

_TRAFFIC: Final[dict[Direction, str]] = {"total": "traffic", "in": "incoming traffic", "out": "outgoing traffic"}


@frozen
class Change:
    """Something that is different from the snapshot before. `str` of it is a line that is safe to print."""

    kind: ClassVar[str]
    """What happened, as JSON and other programs tell it."""
    panel: str
    """The name of the session it was seen through."""

    def to_dict(self) -> dict[str, object]:
        """Give the change as JSON takes it: its kind, and its attributes under their names."""
        told: dict[str, object] = {"kind": self.kind}
        for attribute in fields(type(self)):
            value = getattr(self, attribute.name)
            told |= _named(value) if isinstance(value, Vps) else {attribute.name: value}
        return told


@frozen
class VpsChange(Change, ABC):
    """Something that happened to one VPS."""

    vps: Vps
    """The VPS."""

    @property
    def key(self) -> Key:
        """What names the VPS."""
        return self.panel, self.vps.id

    def __str__(self) -> str:
        on = "" if self.vps.node is None else f" on node {self.vps.node}"
        return f"{safe_text(self.vps.hostname)} ({self.vps.id}){on}: {self._what()}"

    @abstractmethod
    def _what(self) -> str:
        """Give what happened, in words for a line that names the VPS."""


@frozen
class VpsAppeared(VpsChange):
    """A VPS is on the panel's list that was not."""

    kind = "vps_appeared"
    state: PowerState | None
    """What it is doing; None where that could not be read yet."""

    def _what(self) -> str:
        return f"new, {'not read yet' if self.state is None else self.state}"


@frozen
class VpsGone(VpsChange):
    """A VPS is no longer on the panel's list."""

    kind = "vps_gone"

    def _what(self) -> str:
        return "gone"


@frozen
class VpsMoved(VpsChange):
    """A VPS is on another host node."""

    kind = "vps_moved"
    before: int | None
    """The node it was on; None where the panel did not say."""
    after: int | None
    """The node it is on; None where the panel does not say."""

    def _what(self) -> str:
        return f"moved from node {self.before} to node {self.after}"


@frozen
class StateChanged(VpsChange):
    """A VPS does something else."""

    kind = "state_changed"
    before: PowerState | None
    """What it was doing; None where that had not been read yet."""
    after: PowerState | None
    """What it is doing; None where no status of it is known any more."""

    def _what(self) -> str:
        return f"{self.before or 'not read yet'} -> {self.after or 'not read'}"


@frozen
class VpsUnreadable(VpsChange):
    """A VPS cannot be read, though its node can be reached."""

    kind = "vps_unreadable"
    error: str
    """Why it cannot be read: the error's message."""

    def _what(self) -> str:
        return f"cannot be read: {safe_text(self.error)}"


@frozen
class VpsReadable(VpsChange):
    """A VPS can be read again."""

    kind = "vps_readable"

    def _what(self) -> str:
        return "can be read again"


@frozen
class TrafficCrossed(VpsChange):
    """Traffic passed a threshold, in either direction: a new month takes it back below."""

    kind = "traffic_crossed"
    direction: Direction
    """Which traffic: both directions together, or one."""
    before: float | None
    """The highest threshold that was reached, as a share of the limit; None for none."""
    after: float | None
    """The highest threshold that is reached now, likewise."""
    used: int | None
    """Bytes used; None where the panel does not say any more."""
    limit: int | None
    """Bytes allowed; None where the panel does not say any more."""

    def _what(self) -> str:
        which = _TRAFFIC[self.direction]
        if self.used is None or not self.limit:
            return f"{which} can no longer be compared with its limit"
        if self.before is not None and (self.after is None or self.after < self.before):
            return f"{which} is below {self.before:.0%} of its limit again"
        return f"{which} is at {self.after:.0%} of its limit or more"


@frozen
class NodeChange(Change):
    """Something that happened to a host node."""

    node: int
    """The node's number, as in `Vps.node`."""
    vpses: int
    """How many VPSes of the fleet are on it."""


@frozen
class NodeUnreachable(NodeChange):
    """No VPS of a host node could be read."""

    kind = "node_unreachable"
    reason: str
    """What most of its VPSes failed of."""

    def __str__(self) -> str:
        where = f"node {self.node} of {safe_text(self.panel)}"
        return f"{where}: unreachable, with {some_vpses(self.vpses)}: {safe_text(self.reason)}"


@frozen
class NodeBack(NodeChange):
    """VPSes of a host node that was unreachable can be read."""

    kind = "node_back"

    def __str__(self) -> str:
        return f"node {self.node} of {safe_text(self.panel)}: back, with {some_vpses(self.vpses)}"


@frozen
class NodeDoubtful(NodeChange):
    """All VPSes of a host node are stopped at once, several of which just ran: perhaps only its daemon does not answer.

    It stands for all that they seem to have done. A panel that gets no word from a host node says of each VPS on it
    that it is stopped.
    """

    kind = "node_doubtful"

    def __str__(self) -> str:
        where = f"node {self.node} of {safe_text(self.panel)}"
        return f"{where} reports all stopped: doubtful, with {some_vpses(self.vpses)}"


@frozen
class PanelChange(Change):
    """Something that happened to a panel."""

    vpses: int
    """How many VPSes of the fleet are on it."""


@frozen
class PanelUnreachable(PanelChange):
    """No VPS of a panel could be read."""

    kind = "panel_unreachable"
    reason: str
    """What most of its VPSes failed of."""

    def __str__(self) -> str:
        return f"panel {safe_text(self.panel)}: unreachable, with {some_vpses(self.vpses)}: {safe_text(self.reason)}"


@frozen
class PanelBack(PanelChange):
    """VPSes of a panel that was unreachable can be read."""

    kind = "panel_back"

    def __str__(self) -> str:
        return f"panel {safe_text(self.panel)}: back, with {some_vpses(self.vpses)}"


def _named(vps: Vps) -> dict[str, object]:
    return {"id": vps.id, "hostname": vps.hostname, "node": vps.node}
