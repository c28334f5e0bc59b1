"""Which path means what: the two revisions of the API as tables, written from their documentation.

The specification has `vps/list` and `vps/{id}/status`. The later one (July 2013) has `vps/{id}`, and its list at `list`
on the running panel, at `vps/list` in its own text. What neither has is an unknown route.
"""

import re
from typing import Literal, TypeAlias

import attrs

from cvm_async.panel.hosts.world import Verb

Api: TypeAlias = Literal["2012", "2013", "both"]

_POWER = {
    ("POST", "vps/{id}/start"): Verb.START,
    ("POST", "vps/{id}/stop"): Verb.STOP,
    ("POST", "vps/{id}/restart"): Verb.RESTART,
}
SPECIFIED = {
    ("GET", "vps/list"): Verb.LIST,
    ("GET", "vps/{id}/status"): Verb.STATUS,
    **_POWER,
}
LATER = {
    ("GET", "list"): Verb.LIST,
    ("GET", "vps/{id}"): Verb.STATUS,
    **_POWER,
}
LATER_LIST = {("GET", "vps/list"): Verb.LIST}
LATER_RESOURCES = {
    ("POST", "vps/{id}/reinstall"): Verb.REINSTALL,
    ("GET", "node/list"): Verb.LIST_NODES,
    ("GET", "node/{id}"): Verb.NODE,
    ("GET", "template/list"): Verb.LIST_TEMPLATES,
    ("GET", "template/{id}"): Verb.TEMPLATE,
}
_ID = re.compile(r"(?<=/)\d{1,19}(?=/|$)", re.ASCII)


@attrs.frozen
class Route:
    """What a request means.

    Attributes:
        verb: what is asked.
        number: of what: of a VPS, a node or a template; None for all.
        is_later: whether it was asked as the later revision has it, which counts in megabytes.
    """

    verb: Verb
    number: int | None
    is_later: bool

    @property
    def vps(self) -> int | None:
        """The id of the VPS that it is about, or None."""
        return None if self.verb in {Verb.NODE, Verb.TEMPLATE} else self.number


@attrs.frozen
class Routes:
    """The routes of one panel.

    Args:
        api: "2012", "2013", or "both".
        documented_list: whether the later revision has its list where its text says.
        resources: whether it has nodes, templates and reinstall.
        prefix: the path under which the panel lives.
    """

    api: Api
    documented_list: bool
    resources: bool
    prefix: str
    _later: dict[tuple[str, str], Verb] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        later = {route: verb for route, verb in LATER.items() if not (self.documented_list and verb is Verb.LIST)}
        later |= LATER_LIST if self.documented_list else {}
        later |= LATER_RESOURCES if self.resources else {}
        object.__setattr__(self, "_later", later)

    def find(self, method: str, path: str) -> Route | None:
        """Return what a request means, or None where it means nothing."""
        root = f"{self.prefix}/api/client/"
        # A brace stands for a number below.
        if not path.startswith(root) or "{" in path:
            return None
        asked = path[len(root) :]
        numbers = _ID.findall(asked)
        key = method, _ID.sub("{id}", asked, count=1)
        number = int(numbers[0]) if numbers else None
        if self.api != "2013" and key in SPECIFIED:
            return Route(SPECIFIED[key], number, is_later=False)
        if self.api != "2012" and (verb := self._later.get(key)) is not None:
            return Route(verb, number, is_later=True)
        return None
