"""A bar shows where somebody waits, and nowhere else."""

import asyncio

import pytest
from rich.console import Console
from rich.progress import Progress as Bar

from cvm_async.cli import progress
from cvm_async.cli.progress import Pace, ProgressBar
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.models import Vps

from .conftest import Tty

VPS = Vps(id=1, hostname="web", virtualization_type=1, guaranteed_ram=1, disk_space=1, cpu_count=1)
LATEST = Outcome[object](VPS, "panel")


def terminal(*, tty: bool = True) -> tuple[Terminal, Tty]:
    err = Tty()
    return Terminal(Console(), Console(file=err if tty else None, stderr=not tty, width=80, force_terminal=tty)), err


async def test_long_work_shows_how_far_it_is_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    where, err = terminal()
    with ProgressBar(where, "Stopping [x]") as bar:
        bar(Progress(3, 20, LATEST))
        # The timer's turn.
        await asyncio.sleep(0.001)
        await asyncio.sleep(0)
    assert "Stopping [x]" in err.getvalue()
    assert " 3/20" in err.getvalue()
    assert bar.last == Progress(3, 20, LATEST)
    # The line is erased.
    assert err.getvalue().endswith("\x1b[2K")


async def test_work_that_is_soon_done_shows_nothing() -> None:
    where, err = terminal()
    with ProgressBar(where, "Stopping") as bar:
        bar(Progress(1, 1, LATEST))
        await asyncio.sleep(0)
    assert err.getvalue() == ""


async def test_where_no_line_can_be_redrawn_nothing_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    where, _ = terminal(tty=False)
    with ProgressBar(where, "Stopping") as bar:
        bar(Progress(1, 2, LATEST))
        await asyncio.sleep(0.001)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("done", "total", "text"),
    [(0, 20, ""), (5, None, ""), (5, 20, "2.5/s, 6 s left"), (20, 20, "10.0/s, 0 s left")],
    ids=["not begun", "nobody knows of how many", "under way", "done"],
)
def test_the_pace_is_that_of_the_whole_time(done: int, total: int | None, text: str) -> None:
    now = 0.0
    bar = Bar(get_time=lambda: now)
    bar.add_task("x", total=total)
    (task,) = bar.tasks
    now = 2.0
    task.completed = done
    assert Pace().render(task).plain == text
