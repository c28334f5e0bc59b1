"""What the API's later revision tells besides VPSes: host nodes, and templates that a VPS can be installed from."""

from collections.abc import Iterable

import attrs

_LOCATIONS = ("Roubaix, France", "Germany", "Kansas City / Missouri", "København")


@attrs.frozen(kw_only=True)
class SimulatedNode:
    """A host node as the later revision tells of it.

    Args:
        id: its number. name: what its owner calls it. hostname: its address. location: where it stands, in any words.
    """

    id: int
    name: str
    hostname: str
    location: str


@attrs.frozen(kw_only=True)
class SimulatedTemplate:
    """A template as the later revision tells of it.

    Args:
        id: its number. name: what it is called. description: in a sentence.
        supported: whether the panel's maker still looks after it. available: whether its file is there, so that it can
            be installed. outdated: whether there is a newer one.
        visible: whether this user may see it at all.
    """

    id: int
    name: str
    description: str = ""
    supported: bool = True
    available: bool = True
    outdated: bool = False
    visible: bool = True


TEMPLATES: tuple[SimulatedTemplate, ...] = (
    SimulatedTemplate(id=1, name="Debian 7 (x86_64)", description="Debian Wheezy, minimal"),
    SimulatedTemplate(id=2, name="Debian 7 (x86)", description="Debian Wheezy, minimal"),
    SimulatedTemplate(id=3, name="CentOS 6 (x86_64)", description="CentOS 6"),
    SimulatedTemplate(id=4, name="Debian 6 (x86_64)", description="Debian Squeeze", outdated=True),
    SimulatedTemplate(id=5, name="Ubuntu 8.04", description="Ubuntu Hardy", supported=False, available=False),
    SimulatedTemplate(id=6, name="House image", description="For the host's own staff", visible=False),
)
"""What a panel offers that was not told otherwise: the last but one can't be installed, the last is not shown."""


def location_of(node: int) -> str:
    """Return where a node stands."""
    return _LOCATIONS[node % len(_LOCATIONS)]


def node_of(node: int) -> SimulatedNode:
    """Return a node as its owner would have named it."""
    return SimulatedNode(
        id=node, name=f"node{node}", hostname=f"node{node}.host.example.net", location=location_of(node)
    )


def by_id(templates: Iterable[SimulatedTemplate]) -> dict[int, SimulatedTemplate]:
    """Return the templates by their numbers."""
    return {template.id: template for template in templates}
