"""The hosts behind the panel, as pure state: what a power call does is a table, and time is an argument.

Without I/O and without a clock of its own, the world can be asked about any instant, in any test, at once.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, StrEnum

import attrs


class Power(StrEnum):
    """What the panel may say about a VPS, in the API's own words."""

    RUNNING = "running"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    TERMINATED = "terminated"


class Verb(StrEnum):
    """What a caller may ask of the panel."""

    LIST = "list"
    STATUS = "status"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    # In the later revision only.
    REINSTALL = "reinstall"
    LIST_NODES = "list_nodes"
    NODE = "node"
    LIST_TEMPLATES = "list_templates"
    TEMPLATE = "template"


class Phase(Enum):
    """A stretch of time in which the node works on a power call."""

    BOOT = "boot"
    SHUTDOWN = "shutdown"


@attrs.frozen
class Step:
    """One phase of a power call, and what the VPS is when it is over."""

    phase: Phase
    then: Power


@attrs.frozen
class Refusal:
    """Why a power call is not carried out, in words for the caller."""

    reason: str


_BOOT = Step(Phase.BOOT, then=Power.RUNNING)
_SHUTDOWN = Step(Phase.SHUTDOWN, then=Power.STOPPED)
_REBUILT = Step(Phase.BOOT, then=Power.STOPPED)
_SUSPENDED = Refusal("The VPS is suspended.")
_TERMINATED = Refusal("The VPS is terminated.")
_LOCKED = Refusal("The VPS is locked: another command is being carried out.")

# `vzctl` refuses to start what runs and to stop what does not; it restarts what is stopped by starting it.
TRANSITIONS: Mapping[tuple[Power, Verb], tuple[Step, ...] | Refusal] = {
    (Power.RUNNING, Verb.START): Refusal("The VPS is already running."),
    (Power.RUNNING, Verb.STOP): (_SHUTDOWN,),
    (Power.RUNNING, Verb.RESTART): (_SHUTDOWN, _BOOT),
    (Power.STOPPED, Verb.START): (_BOOT,),
    (Power.STOPPED, Verb.STOP): Refusal("The VPS is already stopped."),
    (Power.STOPPED, Verb.RESTART): (_BOOT,),
    # It ends as it began; of that the documentation says nothing.
    (Power.RUNNING, Verb.REINSTALL): (_SHUTDOWN, _BOOT),
    (Power.STOPPED, Verb.REINSTALL): (_REBUILT,),
    (Power.SUSPENDED, Verb.REINSTALL): _SUSPENDED,
    (Power.TERMINATED, Verb.REINSTALL): _TERMINATED,
    (Power.SUSPENDED, Verb.START): _SUSPENDED,
    (Power.SUSPENDED, Verb.STOP): _SUSPENDED,
    (Power.SUSPENDED, Verb.RESTART): _SUSPENDED,
    (Power.TERMINATED, Verb.START): _TERMINATED,
    (Power.TERMINATED, Verb.STOP): _TERMINATED,
    (Power.TERMINATED, Verb.RESTART): _TERMINATED,
}


@attrs.frozen
class Combined:
    """Traffic counted as one sum, in bytes; a limit of None is an SQL NULL."""

    used: int = 0
    limit: int | None = 0


@attrs.frozen
class Split:
    """Traffic counted by direction, in bytes; a limit of 0 means that none is set."""

    in_used: int = 0
    out_used: int = 0
    in_limit: int | None = 0
    out_limit: int | None = 0


@attrs.frozen(kw_only=True)
class SimulatedVps:
    """One VPS as it is configured, and the state that it begins in.

    Args:
        id: its number, of which there is one in a world.
        node: the host node that it lives on.
        hostname: any text, also such as no terminal should print.
        power: what it is at the beginning.
        guaranteed_ram: in MB. burstable_ram: in MB, or None under vSwap, where the key is absent.
        disk_space: in MB. cpu_count: cores or units. ram_used: in bytes, while it runs. disk_used: in bytes,
            with the fraction that the panel computes.
        traffic: how it is counted, or None where the panel says nothing.
        template: which it was installed from; only the later revision tells.
        boot_time: seconds, or None for the world's. shutdown_time: likewise.
        shown_as: a word that the panel says instead of the state, such as one that the API does not document.
        extra: further keys of its list entry, as JSON values; one of the known keys replaces the true value,
            so that a list can hold an entry that makes no sense.
    """

    id: int
    node: int = 1
    hostname: str = "vps.example.net"
    power: Power = attrs.field(default=Power.RUNNING, converter=Power)
    virtualization_type: int = 1
    guaranteed_ram: int = 512
    burstable_ram: int | None = None
    disk_space: int = 20_000
    cpu_count: int = 1
    ram_used: int = 200 * 1024 * 1024
    disk_used: float = 4_000_000_000.5
    traffic: Combined | Split | None = attrs.field(factory=Combined)
    template: int = 1
    boot_time: float | None = None
    shutdown_time: float | None = None
    shown_as: str | None = None
    extra: Mapping[str, object] = attrs.field(factory=dict[str, object], hash=False)


@attrs.define(eq=False)
class Machine:
    """A VPS and what has become of it. Only a `World` changes one."""

    vps: SimulatedVps
    # What it is, or will be once the command under way is done.
    power: Power
    # When which state begins to show; the first has always shown.
    shows: tuple[tuple[float, Power], ...]
    locked_until: float = -math.inf


class World:
    """Nodes and their VPSes.

    Args:
        vpses: what there is to begin with.
        boot_time: seconds that a node takes to start a VPS, the caller waiting.
        shutdown_time: seconds that a node takes to stop one, likewise.
        settle: seconds after a command's end until the new state shows in a status.

    Raises:
        ValueError: two VPSes have the same id.
    """

    def __init__(
        self,
        vpses: Iterable[SimulatedVps],
        *,
        boot_time: float = 0.0,
        shutdown_time: float = 0.0,
        settle: float = 0.0,
    ) -> None:
        self._seconds = {Phase.BOOT: boot_time, Phase.SHUTDOWN: shutdown_time}
        self._settle = settle
        self._machines: dict[int, Machine] = {}
        # Counts the changes to the list of VPSes, so that one who has rendered it knows whether it still
        # holds.
        self.revision: int = 0
        for vps in vpses:
            self.add(vps)

    def __len__(self) -> int:
        return len(self._machines)

    def __iter__(self) -> Iterator[SimulatedVps]:
        return (machine.vps for machine in self._machines.values())

    @property
    def nodes(self) -> frozenset[int]:
        """The nodes on which some VPS lives."""
        return frozenset(vps.node for vps in self)

    def find(self, vps_id: int) -> Machine | None:
        """Return the VPS of that id, or None."""
        return self._machines.get(vps_id)

    def add(self, vps: SimulatedVps) -> None:
        """Bring one more VPS into the world.

        Raises:
            ValueError: there is one with this id.
        """
        if vps.id in self._machines:
            raise ValueError(f"there are two VPSes with the id {vps.id}")
        self._machines[vps.id] = Machine(vps, vps.power, shows=((-math.inf, vps.power),))
        self.revision += 1

    def remove(self, vps_id: int) -> None:
        """Take a VPS out of the world, as if it had been deleted in the panel.

        Raises:
            KeyError: there is none with this id.
        """
        del self._machines[vps_id]
        self.revision += 1

    def shown(self, machine: Machine, now: float) -> Power:
        """Return what a status at that instant says."""
        return next(power for since, power in reversed(machine.shows) if since <= now)

    def force(self, machine: Machine, power: Power) -> None:
        """Put a VPS into a state at once, whatever it was and whatever was under way."""
        machine.power = power
        machine.shows = ((-math.inf, power),)
        machine.locked_until = -math.inf

    def carry_out(self, machine: Machine, verb: Verb, now: float) -> float | Refusal:
        """Run a power call on the VPS's node.

        Returns:
            The seconds for which the node works on it, or why it does not.
        """
        if now < machine.locked_until:
            return _LOCKED
        steps = TRANSITIONS[machine.power, verb]
        if isinstance(steps, Refusal):
            return steps
        shows = [(-math.inf, self.shown(machine, now))]
        # What an earlier command has brought about, but what does not show yet.
        shows += [(since, power) for since, power in machine.shows if since > now]
        end = now
        for step in steps:
            end += self._duration(machine.vps, step.phase)
            shows.append((end + self._settle, step.then))
            machine.power = step.then
        machine.shows = tuple(shows)
        machine.locked_until = end
        return end - now

    def install(self, machine: Machine, template: int) -> None:
        """Note what a VPS is made from now on; what was on it is gone."""
        machine.vps = attrs.evolve(machine.vps, template=template, disk_used=0)
        self.revision += 1

    def _duration(self, vps: SimulatedVps, phase: Phase) -> float:
        own = vps.boot_time if phase is Phase.BOOT else vps.shutdown_time
        return self._seconds[phase] if own is None else own
