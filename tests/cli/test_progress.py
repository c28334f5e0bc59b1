"""A person sees how far it is and what it waits for, where they wait, and nothing elsewhere."""

import asyncio

import pytest
from rich.console import Console
from values import vps

from cvm_async import RunControl, Stage, UnderWay
from cvm_async.cli import progress
from cvm_async.cli.progress import ProgressBar, Shown, lines, on_nodes, waits_for
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import NoAnswerError
from cvm_async.fleet.outcome import Outcome, Progress

from .conftest import Tty

LATEST = Outcome[object](vps(1), "panel")
FAILED = Outcome[object](vps(1), "panel", error=NoAnswerError("silence"))
SKIPPED = Outcome[object](vps(1), "panel", error=NoAnswerError("silence"), skipped=True)


def call(node: int | None, spent: float, limit: float | None = 15.0, doing: str = "stop", panel: str = "a") -> UnderWay:
    return UnderWay(vps(1, node), panel, doing, spent, limit)


def terminal(*, tty: bool = True) -> tuple[Terminal, Tty]:
    err = Tty()
    return Terminal(Console(), Console(file=err if tty else None, stderr=not tty, width=80, force_terminal=tty)), err


async def drawn(until: str, err: Tty) -> None:
    """Wait until that has been drawn."""
    while until not in err.getvalue():  # noqa: ASYNC110 - a timer draws, and tells nobody
        await asyncio.sleep(0.001)


async def test_long_work_shows_how_far_it_is_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    where, err = terminal()
    with ProgressBar(where, "Stopping [x]", 20, RunControl()) as bar:
        bar(Progress(3, 20, LATEST))
        await drawn(" 3/20", err)
        bar(Progress(4, 20, FAILED))
        bar(Progress(5, 20, SKIPPED))
        await drawn(" 5/20, 1 failed", err)
    assert "Stopping [x]" in err.getvalue()
    assert bar.last == Progress(5, 20, SKIPPED)
    # The line is erased.
    assert err.getvalue().endswith("\x1b[2K")


async def test_what_nobody_knows_the_length_of_has_a_spinner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    where, err = terminal()
    with ProgressBar(where, "Listing"):
        await drawn(" Listing: 0 s", err)


async def test_work_that_is_soon_done_shows_nothing() -> None:
    where, err = terminal()
    with ProgressBar(where, "Stopping", 1) as bar:
        bar(Progress(1, 1, LATEST))
        await asyncio.sleep(0)
    assert err.getvalue() == ""


async def test_where_no_line_can_be_redrawn_nothing_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    where, _ = terminal(tty=False)
    with ProgressBar(where, "Stopping", 2) as bar:
        bar(Progress(1, 2, LATEST))
        await asyncio.sleep(0.001)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("shown", "width", "text"),
    [
        pytest.param(Shown(title="Listing", spent=12.0, idle=12.0), 80, "⠋ Listing: 12 s", id="a spinner"),
        pytest.param(Shown(title="Listing", spent=12.0, idle=12.0), 9, "⠋ Listin…", id="a spinner without room"),
        pytest.param(
            Shown(title="Stopping", spent=2.0, idle=0.1, done=5, total=20),
            80,
            f"Stopping {'━' * 10}{'─' * 30} 5/20, 2.5/s, 6 s left",
            id="at the pace of the whole time",
        ),
        pytest.param(
            Shown(title="Stopping", spent=1.0, idle=1.0, total=20), 22, "Stopping ──────── 0/20", id="not begun"
        ),
        pytest.param(
            Shown(title="Stopping", spent=60.0, idle=31.0, done=5, total=20, failed=3, stage=Stage(2, 5)),
            50,
            "Stopping ━━━───────── 5/20, 3 failed, batch 2 of 5",
            id="what matters least leaves first",
        ),
        pytest.param(
            Shown(title="Stopping", spent=60.0, idle=31.0, done=5, total=20, failed=3, stage=Stage(2, 5)),
            70,
            "Stopping ━━━─────────── 5/20, 3 failed, batch 2 of 5, nothing for 31 s",
            id="no time left where nothing moves",
        ),
        pytest.param(
            Shown(title="Stopping", spent=2.0, idle=0.1, done=5, total=20, ends=True),
            20,
            "Stopping 5/20",
            id="no time left where it ends",
        ),
        pytest.param(Shown(title="Stopping", spent=1.0, idle=0.0, done=5, total=20), 10, "Stopping 5/20", id="no room"),
        pytest.param(Shown(title="Stopping", spent=1.0, idle=0.0, total=0), 21, "Stopping ──────── 0/0", id="none"),
    ],
)
def test_the_first_line_tells_how_far_it_is(shown: Shown, width: int, text: str) -> None:
    assert lines(shown, width)[0].plain == text


def test_a_terminal_without_such_signs_gets_plain_ones() -> None:
    assert lines(Shown(title="x", spent=0.0, idle=0.0), 80, plain=True)[0].plain == "- x: 0 s"
    half = Shown(title="x", spent=1.0, idle=0.0, done=1, total=2)
    assert lines(half, 40, plain=True)[0].plain == f"x {'#' * 8}{'.' * 9} 1/2, 1.0/s, 1 s left"


def waiting(*under_way: UnderWay, idle: float = 9.0, stage: Stage | None = None, ends: bool = False) -> Shown:
    return Shown(title="x", spent=9.0, idle=idle, done=1, total=9, stage=stage, under_way=under_way, ends=ends)


@pytest.mark.parametrize(
    ("shown", "width", "text"),
    [
        pytest.param(waiting(call(2, 1.9)), 80, "", id="nothing is slow"),
        pytest.param(waiting(call(2, 12.0), call(2, 3.0)), 80, "waiting: node 2 (2 calls, 12 s of 15)", id="a node"),
        pytest.param(waiting(call(None, 12.0, None)), 80, "waiting: node ? (1 call, 12 s)", id="no limit"),
        pytest.param(waiting(call(2, 17.0)), 80, "waiting: node 2 (1 call, 17 s)", id="tried again"),
        pytest.param(
            waiting(call(2, 12.0, 120.0, "wait"), call(2, 9.0, 120.0, "wait"), call(2, 5.0)),
            80,
            "waiting: node 2 (2 VPSes, 12 s of 120), node 2 (1 call, 5 s of 15)",
            id="those that are waited for",
        ),
        pytest.param(waiting(call(2, 12.0, 120.0, "wait")), 80, "waiting: node 2 (1 VPS, 12 s of 120)", id="one"),
        pytest.param(
            waiting(*(call(node, 12.0) for node in (1, 2, 3))),
            50,
            "waiting: node 1 (1 call, 12 s of 15) and 2 more",
            id="as many as there is room for",
        ),
        pytest.param(waiting(call(2, 12.0)), 20, "waiting: node 2 (1 …", id="no room"),
        pytest.param(
            waiting(call(2, 12.0, panel="b"), call(2, 3.0)),
            80,
            "waiting: node 2 of b (1 call, 12 s of 15), node 2 of a (1 call, 3 s of 15)",
            id="of several panels",
        ),
        pytest.param(
            waiting(call(2, 3.0), ends=True), 80, "ending: node 2 (1 call, 3 s of 15)", id="nothing new begins"
        ),
        pytest.param(
            waiting(stage=Stage(3, 5, pause=11.6)), 80, "pausing: batch 3 begins in 12 s", id="between two batches"
        ),
        pytest.param(
            waiting(), 80, "waiting for room: calls that were given up hold the places", id="nothing is under way"
        ),
        pytest.param(waiting(idle=1.0), 80, "", id="it moves"),
    ],
)
def test_the_second_line_tells_what_it_waits_for(shown: Shown, width: int, text: str) -> None:
    assert waits_for(shown, width) == text
    assert [line.plain for line in lines(shown, width)[1:]] == ([text] if text else [])


@pytest.mark.parametrize(
    ("under_way", "text"),
    [
        ([call(2, 1.0)], "node 2"),
        ([call(node, 1.0) for node in (5, 2, 2)], "nodes 2, 5"),
        ([call(node, 1.0) for node in range(1, 6)], "nodes 1, 2, 3 and 2 more"),
        ([call(2, 1.0, panel="a"), call(2, 1.0, panel="b")], "nodes 2 of a, 2 of b"),
    ],
    ids=["one", "two", "many", "of several panels"],
)
def test_nodes_are_named(under_way: list[UnderWay], text: str) -> None:
    assert on_nodes(under_way) == text
