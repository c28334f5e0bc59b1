"""The live terminal without one: textual's pilot, a clock that stands still, and the screen as text."""

import asyncio
import html
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from attrs import define
from textual.pilot import Pilot
from watches import BEGIN

from cvm_async.cli.top.app import Top
from cvm_async.fleet.fleet import Fleet
from cvm_async.watch.snapshot import Snapshot

SCREENS = Path(__file__).parent / "screens"
_TEXT = re.compile(r'<text class="[^"]*" x="([\d.]+)" [^>]*-line-(\d+)\)">([^<]*)<')
_CELL = 12.2
"""Units of the picture that a cell is wide, as rich draws it."""


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are those of the machine; here they are the same on each."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@define
class Shown:
    """The live terminal, run without one."""

    app: Top
    pilot: Pilot[None]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self.pilot.pause()
        self.app.paint()
        await self.pilot.pause()

    @property
    def screen(self) -> str:
        return screen_text(self.app)


@asynccontextmanager
async def running(app: Top, *, size: tuple[int, int] = (80, 24)) -> AsyncGenerator[Shown]:
    """Run it; whatever happens, nothing of it is at work afterwards."""
    async with app.run_test(size=size) as pilot:
        yield Shown(app, pilot)
    await app.over()


@asynccontextmanager
async def showing(*snapshots: Snapshot, size: tuple[int, int] = (80, 24)) -> AsyncGenerator[Shown]:
    """Show what somebody else has seen, four seconds later."""

    async def never() -> Fleet:
        await asyncio.Event().wait()
        raise AssertionError

    app = Top(never, panels=["acme"], every=30.0, now=lambda: BEGIN + timedelta(seconds=64))
    async with running(app, size=size) as shown:
        for snapshot in snapshots:
            app.take(snapshot)
        await shown.pilot.pause()
        yield shown


def screen_text(app: Top) -> str:
    """Give the screen as lines of text, from the picture that textual makes of it."""
    rows: dict[int, dict[int, str]] = {}
    pattern = (
        r'<text class="[^"]*" x="([\d.]+)" y="[\d.]+" textLength="[\d.]+" clip-path="url\(#[^)]*-line-(\d+)\)">([^<]*)<'
    )
    for x, line, text in re.findall(pattern, app.export_screenshot()):
        rows.setdefault(int(line), {})[round(float(x) / _CELL)] = html.unescape(text)
    return "\n".join(_line(rows.get(number, {})) for number in range(app.size.height)) + "\n"


def _line(parts: dict[int, str]) -> str:
    line = ""
    for column, text in sorted(parts.items()):
        line = line.ljust(column) + text.replace("\xa0", " ")
    return line.rstrip()


def assert_screen(shown: Shown, name: str) -> None:
    """The screen is what it was when somebody last looked at it; where there is none yet, it is written to look at."""
    path, screen = SCREENS / f"{name}.txt", shown.screen
    if not path.exists():
        path.write_text(screen, encoding="utf-8")
        pytest.fail(f"{path} was not there: look at what is in it now")
    assert screen == path.read_text(encoding="utf-8")
