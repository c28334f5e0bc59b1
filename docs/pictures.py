"""Draw the pictures of these pages from real runs on the simulated panel: `python docs/pictures.py`.

What moves from run to run is set: the clock, and how long a look took. So a picture changes where the program has.
"""

import argparse
import asyncio
import os
import random
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import attrs
from rich.console import Console

from cvm_async import CvmSession, Fleet, Snapshot, Watch, changes
from cvm_async.cli.top.app import Top
from cvm_async.panel import Combined, Power, SimulatedPanel, Split

AT = datetime(2026, 3, 9, 14, 2, 11, tzinfo=UTC)
EVERY = timedelta(seconds=30)
SIZE = (110, 30)
SICK = 3
"""The host node that cannot be reached any more at the second look."""
STOPPED = (11, 26, 57)
"""VPSes that stop between the two looks."""
LIGHT_TRAFFIC, HEAVY_TRAFFIC = 1_000_000, 400_000_000
"""Bytes that a VPS sends and receives between the two looks."""

_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Fetched from elsewhere by whoever looks at the picture; every machine has a font of its own."""
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
_AGAIN = re.compile(r"again in \d+ s")
_TOOK = re.compile(r"in \d+\.\d s")


def svg(picture: str) -> str:
    """Give a picture that asks nobody for anything."""
    return _FONTS.sub("", picture)


def panel() -> SimulatedPanel:
    """Give the panel that is looked at."""
    return SimulatedPanel(vpses=60, nodes=8, cost=0.002)


def go_on(panel: SimulatedPanel) -> None:
    """Let some time pass on the panel: a node is lost, some VPSes stop, and all that run have traffic."""
    dice = random.Random(1)  # noqa: S311 - figures to look at
    for vps in list(panel.world):
        more = dice.randrange(LIGHT_TRAFFIC, HEAVY_TRAFFIC) if panel.power(vps.id) is Power.RUNNING else 0
        panel.remove_vps(vps.id)
        panel.add_vps(attrs.evolve(vps, traffic=grown(vps.traffic, more)))
    panel.unreachable_node(SICK, after=0.05, answer="503")
    for number in STOPPED:
        panel.set_power(number, Power.STOPPED)


def grown(traffic: Combined | Split | None, more: int) -> Combined | Split | None:
    """Give traffic with so many bytes more."""
    if isinstance(traffic, Combined):
        return attrs.evolve(traffic, used=traffic.used + more)
    return None if traffic is None else attrs.evolve(traffic, in_used=traffic.in_used + more)


def set_clock(snapshot: Snapshot, at: datetime) -> Snapshot:
    """Give a snapshot as if it had been taken at this time."""
    early, late = (at - EVERY, EVERY.total_seconds()), (at, 0.0)
    times = ((each, early if each.is_stale else late) for each in snapshot)
    readings = tuple(attrs.evolve(each, read_at=read_at, age=age) for each, (read_at, age) in times)
    return attrs.evolve(snapshot, at=at, elapsed=0.4, readings=readings, changes=())


async def two_looks(panel: SimulatedPanel, watch: Watch) -> tuple[Snapshot, Snapshot]:
    """Look, let time pass, and look again."""
    async with watch as ticks:
        before = set_clock(await anext(ticks), AT - EVERY)
        go_on(panel)
        polls = len(panel.requests)
        await panel.wait_for(lambda: len(panel.requests) > polls)
        after = set_clock(await anext(ticks), AT)
    return before, attrs.evolve(after, changes=changes(before, after))


async def never() -> Fleet:
    """List nothing: what is shown was seen before."""
    await asyncio.Event().wait()
    raise AssertionError


async def top() -> str:
    """Draw the live table, with two VPSes selected."""
    async with panel() as served, session(served) as account:
        before, after = await two_looks(served, (await account.fleet()).watch(every=0.5))
    app = Top(never, panels=[account.name], every=EVERY.total_seconds(), now=lambda: AT + timedelta(seconds=4))
    async with app.run_test(size=SIZE) as pilot:
        app.take(before)
        app.take(after)
        await pilot.press(*["down"] * 14, "space", "space", "down")
        await pilot.pause()
        picture = app.export_screenshot(title="cvm-async top")
    await app.over()
    return svg(picture)


def session(served: SimulatedPanel) -> CvmSession:
    """Give a session on the panel."""
    return CvmSession(
        served.url,
        public_token=served.public_token,
        private_token=served.private_token,
        name="panel.example.net",
    )


async def watch() -> str:
    """Draw what `cvm-async watch` prints, run as a command of its own."""
    command = ["watch", "--interval", "2", "--count", "2", "--heartbeat"]
    async with panel() as served:
        names = {"CVM_URL": served.url, "CVM_PUBLIC_TOKEN": served.public_token}
        environment = {**os.environ, **names, "CVM_PRIVATE_TOKEN": served.private_token}
        ran = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cvm_async", *command, env=environment, stdout=PIPE, stderr=PIPE
        )
        await served.wait_for(lambda: sum(each.ended is not None for each in served.requests) > len(served.world))
        go_on(served)
        out, _ = await ran.communicate()
    return drawn(f"$ cvm-async {' '.join(command).replace('2', '30', 1)}", steady(out.decode().splitlines()))


def steady(lines: Iterable[str]) -> list[str]:
    """Give lines with the times of the picture in place of those of the run."""
    at, shown = AT - EVERY, list[str]()
    for line in lines:
        timed = _AGAIN.sub("again in 30 s", _TOOK.sub("in 0.4 s", _TIMES.sub(at.isoformat(), line)))
        shown.append(timed.replace("127.0.0.1", "panel.example.net"))
        # A heartbeat is the last line of its look.
        at = AT if _TOOK.search(line) else at
    return shown


def drawn(command: str, lines: list[str]) -> str:
    """Draw lines as a terminal shows them."""
    width = max(map(len, (command, *lines)))
    console = Console(record=True, width=width, file=StringIO(), highlight=False, markup=False, emoji=False)
    for line in (command, *lines):
        console.print(line)
    return svg(console.export_svg(title="cvm-async watch"))


async def main() -> None:
    """Draw them all."""
    parser = argparse.ArgumentParser(description=__doc__)
    images = Path(__file__).parent / "images"
    parser.add_argument("--into", type=Path, default=images, help="the folder to write them to")
    folder: Path = parser.parse_args().into
    for name, draw in (("top", top), ("watch", watch)):
        (folder / f"{name}.svg").write_text(await draw(), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main())
