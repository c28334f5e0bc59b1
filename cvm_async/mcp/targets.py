"""Which VPSes a tool is about: what a model may ask for, and whom that means. A name means one VPS or none."""

from collections.abc import Collection, Sequence
from typing import Annotated, ClassVar

from attrs import frozen
from pydantic import BaseModel, ConfigDict, Field

from cvm_async.errors import CvmError, NameNotFoundError
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.joint import Lister, joint_fleet
from cvm_async.mcp.problems import ToolProblem, advice_of
from cvm_async.mcp.texts import SENTENCE, told

__all__ = ["Asked", "Called", "Panels", "Which"]

_LONGEST = 300
"""Characters of a name: a panel's, and the longest hostname that DNS has."""
_MOST = 200
"""Names in one call."""
_TOLD = 5
"""Names, or problems of a list, that one message is about."""

Called = Annotated[
    str | int,
    Field(
        description="A hostname, whole or up to its first dot; an id; or one of these behind a panel's name: work/7."
    ),
]
"""What names a VPS."""


class Asked(BaseModel):
    """What a model asks of a tool; what the tool does not know is refused, as it may have been meant."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", str_max_length=_LONGEST)


class Which(Asked):
    """Which VPSes; all conditions that are given must hold."""

    names: list[Called] | None = Field(
        default=None,
        min_length=1,
        max_length=_MOST,
        description="Hostnames, whole or up to their first dot, or ids; 'panel/web1' where several panels have one.",
    )
    match: str | None = Field(default=None, min_length=1, description="A pattern for whole hostnames, such as 'web*'.")
    exclude: list[str] | None = Field(
        default=None, min_length=1, max_length=_MOST, description="Hostnames or patterns to leave out."
    )
    node: int | None = Field(default=None, ge=0, description="The number of a host node.")
    panel: str | None = Field(default=None, min_length=1, description="The name of a panel.")

    @property
    def means_all(self) -> bool:
        """Whether nothing was said of what VPSes they are, which means all."""
        return self.names is None and self.match is None and self.node is None and self.panel is None

    def panels(self, panels: Sequence[str]) -> Collection[str]:
        """Give those of the panels that what is meant can be on: the others need not be there, nor be asked.

        Raises:
            ToolProblem: There is no such panel.
        """
        if self.panel is not None:
            if self.panel not in panels:
                raise _no_panel(self.panel, panels)
            return {self.panel}
        named = {str(name).rpartition("/")[0] for name in self.names or ()}
        return named if named and named <= set(panels) else panels

    def of(self, fleet: Fleet, panels: Sequence[str]) -> Fleet:
        """Give the part of a fleet that is meant.

        Raises:
            ToolProblem: A name is nobody's, or that of several.
        """
        named = fleet if self.names is None else fleet.at(sorted(_places(fleet, self.names, panels)))
        there = fleet_on(named, self.panel) if self.panel is not None else named
        return there.select(hostname=self.match, exclude=self.exclude, node=self.node)


@frozen
class Panels:
    """The panels that the tools are about: a session with each, at least one."""

    sessions: Sequence[Lister]

    @property
    def names(self) -> tuple[str, ...]:
        """What the panels are called."""
        return tuple(session.name for session in self.sessions)

    def only(self, names: Collection[str]) -> "Panels":
        """Give those with these names."""
        return Panels([session for session in self.sessions if session.name in names])

    async def fleet(self, *, whole: bool) -> Fleet:
        """List the VPSes of all.

        Args:
            whole: Whether a panel whose list cannot be had ends it, as where VPSes are named: one may be there.

        Raises:
            ToolProblem: The list of a panel cannot be had, and `whole`; or that of all.
        """
        joint = await joint_fleet(self.sessions)
        if joint.lost and (whole or len(joint.lost) == len(self.sessions)):
            name, error = next(iter(joint.lost.items()))
            raise ToolProblem(error.kind, told(f"{name}: {error}", SENTENCE), advice_of(error))
        return joint.fleet

    async def of(self, which: Which, *, whole: bool = False) -> Fleet:
        """List the VPSes that are meant, on those panels alone that they can be on.

        Args:
            which: Which.
            whole: As for `fleet`; so it is anyway where VPSes are named.

        Raises:
            ToolProblem: They cannot be listed; or they are not what was asked for.
        """
        asked = self.only(which.panels(self.names))
        return which.of(await asked.fleet(whole=whole or which.names is not None), self.names)


def fleet_on(fleet: Fleet, panel: str) -> Fleet:
    """Give the part of a fleet that is on a panel."""
    return fleet.at(place for place, member in enumerate(fleet.members) if member.account.panel == panel)


def _places(fleet: Fleet, names: Sequence[str | int], panels: Sequence[str]) -> set[int]:
    places: set[int] = set()
    wrong: list[CvmError] = []
    for name in names:
        try:
            places.add(_place(fleet, name, panels))
        except CvmError as error:
            wrong.append(error)
    if wrong:
        messages = "; ".join(told(error.message, SENTENCE) for error in wrong[:_TOLD])
        more = f"; and {len(wrong) - _TOLD:,} more" if len(wrong) > _TOLD else ""
        raise ToolProblem(wrong[0].kind, f"{messages}{more}", advice_of(wrong[0]))
    return places


def _place(fleet: Fleet, name: str | int, panels: Sequence[str]) -> int:
    """Give the place of the VPS that is meant.

    Raises:
        CvmError: None is, or several are; or it is no name.
    """
    panel, _, called = str(name).rpartition("/")
    if not panel:
        return fleet.members.names.place(name)
    if panel not in panels:
        raise NameNotFoundError(f"no panel here is called {told(panel)!r}: {_listed(panels)}", name=name)
    there = fleet_on(fleet, panel)
    member = there.members[there.members.names.place(called)]
    return next(place for place, each in enumerate(fleet.members) if each.key == member.key)


def _no_panel(panel: str, panels: Sequence[str]) -> ToolProblem:
    message = f"no panel here is called {told(panel)!r}: there are {_listed(panels)}"
    return ToolProblem("unknown_panel", message, "Name one of these, or leave it out.")


def _listed(panels: Sequence[str]) -> str:
    return ", ".join(told(name) for name in panels)
