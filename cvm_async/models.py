"""The panel's resources are plain values, because what is kept, compared and sent around must not do I/O.

Every class here is frozen, slotted and inert: there is no session inside, it pickles, and it compares by
value. All of them but `Extra` and `VpsList` are hashable; `extra` takes part in comparing, not in hashing. A
fleet of 100,000 keeps 100,000 of them, so an absent `extra` is one shared object.

`to_dict` gives each as JSON takes it, under its attributes' names; the command line prints the same.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum
from typing import Final, NoReturn, Self, TypeAlias, final

from attrs import field, frozen

__all__ = [
    "JSON_VERSION",
    "MEBIBYTE",
    "CombinedTraffic",
    "Extra",
    "HostNode",
    "PowerState",
    "Problem",
    "SplitTraffic",
    "Template",
    "Traffic",
    "VirtualizationType",
    "Vps",
    "VpsList",
    "VpsStatus",
    "named",
    "shown",
    "usage",
]

JSON_VERSION: Final = 1
"""What `version` says in a report, a plan, a snapshot and a list as JSON.

It grows when a key goes or means something else; new keys come without.
"""

MEBIBYTE: Final = 1024 * 1024
"""Bytes of what the panel calls a megabyte of memory or disk: OpenVZ counts both in units of 1,024 bytes."""


class PowerState(StrEnum):
    """What a VPS is doing, in the words of the API.

    A word that the API does not document reads as `UNKNOWN`; `VpsStatus.state_text` keeps it. Some panels
    report a terminated VPS as unknown.

    Source: "Keys in the response object" of ``GET /api/client/vps/id/status``.
    """

    RUNNING = "running"
    """Active and booted."""
    STOPPED = "stopped"
    """Active and shut down."""
    SUSPENDED = "suspended"
    """Suspended: a customer can neither start nor stop it."""
    TERMINATED = "terminated"
    """Terminated: it does not come back."""
    UNKNOWN = "unknown"
    """The panel does not know, as where it cannot reach the host node, or has a word of its own."""


class VirtualizationType(IntEnum):
    """The virtualization platforms that the API documents; another number stays a plain `int`."""

    OPENVZ = 1
    """OpenVZ, a container."""


@final
class Extra(dict[str, object]):
    """A mapping that can't be changed: the keys of an answer that this version does not know, as they came.

    It is a `dict` for those who know nothing else, such as `json` and `attrs.asdict`. Nobody else holds it, and what
    would change it raises a `TypeError`.
    """

    __slots__ = ()

    # Unpickling would set one item after the other.
    def __reduce__(self) -> tuple[object, ...]:
        return Extra, (dict(self),)

    # It can't be changed.
    def __copy__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"Extra({super().__repr__()})"


def _refuse(*_: object, **__: object) -> NoReturn:
    msg = "what a panel has sent can't be changed: make a dict of it first"
    raise TypeError(msg)


for _change in ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update"):
    setattr(Extra, _change, _refuse)

NO_EXTRA: Final = Extra()


def _as_extra(items: Mapping[str, object]) -> Extra:
    if isinstance(items, Extra):
        return items
    return Extra(items) if items else NO_EXTRA


@frozen(weakref_slot=False)
class Problem:
    """One thing in an answer that is not what the API documents. All three texts are safe to print."""

    path: str
    """Where it is, by the panel's own keys: ``response.vpses[17].guaranteed_ram``."""
    found: str
    """What was found there, short."""
    expected: str
    """What should be there."""

    def __str__(self) -> str:
        return f"{self.path} is {self.found}, not {self.expected}"

    def to_dict(self) -> dict[str, str]:
        """Give the problem as JSON takes it."""
        return {"path": self.path, "found": self.found, "expected": self.expected}


@frozen(weakref_slot=False)
class CombinedTraffic:
    """Traffic counted as one sum of incoming and outgoing, in bytes. What the answer does not tell is None."""

    used: int | None
    """Bytes used, incoming and outgoing together."""
    limit: int | None = None
    """Bytes allowed, likewise; a `VpsStatus` never tells it."""

    @property
    def total_used(self) -> int | None:
        """Incoming and outgoing bytes together; None where they are not told."""
        return self.used

    def to_dict(self) -> dict[str, int | None]:
        """Give the traffic as JSON takes it."""
        return {"used": self.used, "limit": self.limit, "total_used": self.total_used}


@frozen(weakref_slot=False)
class SplitTraffic:
    """Traffic counted apart for each direction, in bytes. What the answer does not tell is None."""

    in_used: int | None
    """Bytes that came in."""
    out_used: int | None
    """Bytes that went out."""
    in_limit: int | None = None
    """Bytes that may come in; None also where no limit is set. A `VpsStatus` never tells it."""
    out_limit: int | None = None
    """Bytes that may go out; otherwise as `in_limit`."""

    @property
    def total_used(self) -> int | None:
        """Incoming and outgoing bytes together; None unless both are told."""
        return None if self.in_used is None or self.out_used is None else self.in_used + self.out_used

    def to_dict(self) -> dict[str, int | None]:
        """Give the traffic as JSON takes it."""
        return {
            "in_used": self.in_used,
            "out_used": self.out_used,
            "in_limit": self.in_limit,
            "out_limit": self.out_limit,
            "total_used": self.total_used,
        }


Traffic: TypeAlias = CombinedTraffic | SplitTraffic
"""Either way of counting; `total_used` is there in both."""


@frozen(kw_only=True, weakref_slot=False)
class Vps:
    """One VPS as the panel lists it: what it is, not what it is doing.

    Memory and disk space are in megabytes, traffic in bytes. A figure that could not be read is None, a hostname "",
    and `problems` says why; one bad figure hides no VPS.
    """

    id: int
    """The number that every call names it by."""
    hostname: str
    """The panel's raw database text; may hold anything, so make it safe before it is shown."""
    node: int | None = None
    """The host node it lives on; None on panels that do not say."""
    virtualization_type: VirtualizationType | int | None
    """A `VirtualizationType`, or the plain number where it is not documented."""
    guaranteed_ram: int | None
    """Guaranteed memory, in megabytes."""
    burstable_ram: int | None = None
    """Memory it may burst to, in megabytes; None under vSwap."""
    disk_space: int | None
    """Disk space, in megabytes."""
    cpu_count: int | None
    """CPUs, or CPU units."""
    traffic: Traffic | None = None
    """How much of what is allowed was used, in bytes; None where the panel does not count or does not say."""
    location: str | None = None
    """Where its host node stands; raw text, as `hostname`. None on the specification's revision of the API."""
    template: int | None = None
    """The id of the template that it was made from; None on the specification's revision."""
    extra: Mapping[str, object] = field(default=NO_EXTRA, converter=_as_extra, hash=False)
    """Keys that this version does not know, as they came."""
    problems: tuple[Problem, ...] = ()
    """What could not be read of this VPS; also among the `problems` of the list."""

    def to_dict(self) -> dict[str, object]:
        """Give the VPS as JSON takes it: megabytes and bytes as the panel gave them."""
        return {
            "id": self.id,
            "hostname": self.hostname,
            "node": self.node,
            "virtualization_type": None if self.virtualization_type is None else int(self.virtualization_type),
            "guaranteed_ram": self.guaranteed_ram,
            "burstable_ram": self.burstable_ram,
            "disk_space": self.disk_space,
            "cpu_count": self.cpu_count,
            "traffic": None if self.traffic is None else self.traffic.to_dict(),
            "location": self.location,
            "template": self.template,
            "usage": usage(self),
            "extra": dict(self.extra),
            "problems": [problem.to_dict() for problem in self.problems],
        }


@frozen(kw_only=True, weakref_slot=False)
class VpsStatus:
    """What one VPS was doing when the panel answered.

    Sizes are in bytes. A figure that could not be read is None, and `problems` says why.
    """

    state: PowerState
    """The documented state, `PowerState.UNKNOWN` for every other word."""
    state_text: str
    """The panel's own word; raw text, as `Vps.hostname`. Empty where the panel sent none."""
    ram_used: int | None = None
    """Memory in use, in bytes, also where the panel sends megabytes; 0 or None while nothing runs."""
    disk_used: int | None = None
    """Disk space in use, in bytes, a fraction rounded down; also where the panel sends megabytes."""
    traffic: Traffic | None = None
    """The counters of traffic, in bytes, without limits; None where the panel does not count or does not say."""
    extra: Mapping[str, object] = field(default=NO_EXTRA, converter=_as_extra, hash=False)
    """Keys that this version does not know, as they came."""
    problems: tuple[Problem, ...] = ()
    """What could not be read of this status."""

    def to_dict(self) -> dict[str, object]:
        """Give the status as JSON takes it."""
        return {
            "state": self.state.value,
            "state_text": self.state_text,
            "ram_used": self.ram_used,
            "disk_used": self.disk_used,
            "traffic": None if self.traffic is None else self.traffic.to_dict(),
            "extra": dict(self.extra),
            "problems": [problem.to_dict() for problem in self.problems],
        }


@frozen(kw_only=True, weakref_slot=False)
class HostNode:
    """A host node that the account has a VPS on, as a panel of the API's later revision tells of it.

    A text that could not be read is "" or None, and `problems` says why.

    Source: ``GET /api/client/node/list`` and ``GET /api/client/node/id``.
    """

    id: int
    """Its id, which `Vps.node` says."""
    name: str
    """What its owner calls it; raw text, as every text of the panel's."""
    hostname: str
    """Its address."""
    location: str | None = None
    """Where it stands, in the panel's words; None where it does not say."""
    extra: Mapping[str, object] = field(default=NO_EXTRA, converter=_as_extra, hash=False)
    """Keys that this version does not know, as they came."""
    problems: tuple[Problem, ...] = ()
    """What could not be read of it."""

    def to_dict(self) -> dict[str, object]:
        """Give the node as JSON takes it."""
        return {
            "id": self.id,
            "name": self.name,
            "hostname": self.hostname,
            "location": self.location,
            "extra": dict(self.extra),
            "problems": [problem.to_dict() for problem in self.problems],
        }


@frozen(kw_only=True, weakref_slot=False)
class Template:
    """What a VPS can be made from, as a panel of the API's later revision tells of it.

    What could not be read is "" or None, and `problems` says why.

    Source: ``GET /api/client/template/list`` and ``GET /api/client/template/id``.
    """

    id: int
    """Its id, which `Vps.template` says, and a reinstall takes."""
    name: str
    """What it is called; raw text, as every text of the panel's."""
    description: str | None = None
    """What it is; None where the panel does not say."""
    supported: bool | None
    """Whether the panel's maker still looks after it."""
    available: bool | None
    """Whether it can be installed."""
    outdated: bool | None
    """Whether there is a newer one."""
    extra: Mapping[str, object] = field(default=NO_EXTRA, converter=_as_extra, hash=False)
    """Keys that this version does not know, as they came."""
    problems: tuple[Problem, ...] = ()
    """What could not be read of it."""

    def to_dict(self) -> dict[str, object]:
        """Give the template as JSON takes it."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "supported": self.supported,
            "available": self.available,
            "outdated": self.outdated,
            "extra": dict(self.extra),
            "problems": [problem.to_dict() for problem in self.problems],
        }


class VpsList(list[Vps]):
    """The VPSes of an account, in the panel's order, and beside them what could not be read.

    An entry whose id can't be read is not in the list; `problems` says which, and why, so that it neither vanishes
    unseen nor hides the others. They hold the problems of the VPSes in the list, too. An id that is listed twice is
    one as well, but both entries stay. It compares as the list that it is.
    """

    __slots__ = ("problems",)

    def __init__(self, vpses: Iterable[Vps] = (), problems: Iterable[Problem] = ()) -> None:
        super().__init__(vpses)
        self.problems: tuple[Problem, ...] = tuple(problems)
        """Empty where all of the list was understood."""

    def to_dict(self) -> dict[str, object]:
        """Give the list as JSON takes it."""
        return {
            "version": JSON_VERSION,
            "vpses": [vps.to_dict() for vps in self],
            "problems": [problem.to_dict() for problem in self.problems],
        }

    def __repr__(self) -> str:
        return f"VpsList({super().__repr__()}, problems={self.problems!r})"


def named(panel: str, vps: Vps) -> dict[str, object]:
    """Give what names a VPS, as JSON takes it, in whatever is told of it."""
    return {"panel": panel, "id": vps.id, "hostname": vps.hostname, "node": vps.node}


_NOT_SEEN: Final = VpsStatus(state=PowerState.UNKNOWN, state_text="")


def shown(status: object) -> dict[str, object]:
    """Give a status as JSON takes it, in whatever is told of a VPS; where it is none, the same keys with nothing."""
    if isinstance(status, VpsStatus):
        return status.to_dict()
    return {**_NOT_SEEN.to_dict(), "state": None, "state_text": None}


_NO_TRAFFIC: Final = SplitTraffic(None, None)


def usage(vps: Vps, status: object = None) -> dict[str, dict[str, int | float | None]]:
    """Give what a VPS uses of what it has, as JSON takes it, in bytes: always the same keys, None where unknown.

    Args:
        vps: What it has, and the traffic that its list tells.
        status: Its `VpsStatus`, where there is one; it tells of traffic better.
    """
    seen = status if isinstance(status, VpsStatus) else _NOT_SEEN
    counted = seen.traffic or vps.traffic
    used = counted if isinstance(counted, SplitTraffic) else _NO_TRAFFIC
    listed = vps.traffic if isinstance(vps.traffic, SplitTraffic) else _NO_TRAFFIC
    return {
        "ram": _used(seen.ram_used, _bytes(vps.guaranteed_ram)),
        "disk": _used(seen.disk_used, _bytes(vps.disk_space)),
        "traffic": _used(None if counted is None else counted.total_used, _allowed(vps.traffic)),
        "traffic_in": _used(used.in_used, listed.in_limit),
        "traffic_out": _used(used.out_used, listed.out_limit),
    }


def _used(used: int | None, limit: int | None) -> dict[str, int | float | None]:
    percent = None if used is None or not limit else round(100 * used / limit, 1)
    return {"used": used, "limit": limit, "percent": percent}


def _bytes(mebibytes: int | None) -> int | None:
    return None if mebibytes is None else mebibytes * MEBIBYTE


def _allowed(traffic: Traffic | None) -> int | None:
    if not isinstance(traffic, SplitTraffic):
        return None if traffic is None else traffic.limit
    return None if traffic.in_limit is None or traffic.out_limit is None else traffic.in_limit + traffic.out_limit
