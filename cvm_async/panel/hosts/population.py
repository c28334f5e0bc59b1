"""A plausible fleet out of two numbers and a seed: the same every time, so that a failure can be seen again.

States follow from the position alone, so that a test may rely on them: every twelfth VPS is stopped, every
fortieth of the others suspended, and the rest, the first eleven among them, run.
"""

import random
from collections.abc import Iterator

from cvm_async.panel.hosts.world import Combined, Power, SimulatedVps, Split

MEBIBYTE = 1024 * 1024
GIGABYTE = 1_000_000_000
_STOPPED_EVERY = 12
_SUSPENDED_EVERY = 40
_TEMPLATES = 4
_ROLES = ("web", "db", "mail", "cache", "build")
_RAM_SIZES = (256, 512, 1024, 2048, 4096)  # MB
_DISK_SIZES = (10_000, 20_000, 40_000, 80_000)  # MB
_TRAFFIC_LIMIT = 500 * GIGABYTE


def populate(vpses: int, nodes: int, seed: int) -> Iterator[SimulatedVps]:
    """Yield VPSes numbered from 1, spread evenly over nodes numbered from 1."""
    chance = random.Random(seed)  # noqa: S311 - a fleet to look at, no secret
    for number in range(1, vpses + 1):
        ram = chance.choice(_RAM_SIZES)
        disk = chance.choice(_DISK_SIZES)
        role_index, rank = (number - 1) % len(_ROLES), (number - 1) // len(_ROLES) + 1
        yield SimulatedVps(
            id=number,
            node=(number - 1) % nodes + 1,
            hostname=f"{_ROLES[role_index]}-{rank:03}.example.net",
            power=_power(number),
            guaranteed_ram=ram,
            # Half of the fleet is under vSwap, which knows no burstable memory.
            burstable_ram=2 * ram if chance.random() < 0.5 else None,  # noqa: PLR2004 - a half
            disk_space=disk,
            cpu_count=chance.choice((1, 1, 2, 4)),
            template=number % _TEMPLATES + 1,
            ram_used=int(ram * MEBIBYTE * chance.uniform(0.1, 0.9)),
            # In quarters of a byte: the panel divides, and says what comes out.
            disk_used=int(disk * MEBIBYTE * chance.uniform(0.05, 0.95) * 4) / 4,
            traffic=_traffic(chance),
        )


def _power(number: int) -> Power:
    if number % _STOPPED_EVERY == 0:
        return Power.STOPPED
    if number % _SUSPENDED_EVERY == 0:
        return Power.SUSPENDED
    return Power.RUNNING


def _traffic(chance: random.Random) -> Combined | Split:
    used_in, used_out = chance.randrange(_TRAFFIC_LIMIT), chance.randrange(_TRAFFIC_LIMIT)
    if chance.random() < 0.5:  # noqa: PLR2004 - a half
        return Combined(used=used_in + used_out, limit=2 * _TRAFFIC_LIMIT)
    return Split(in_used=used_in, out_used=used_out, in_limit=_TRAFFIC_LIMIT, out_limit=_TRAFFIC_LIMIT)
