"""One Ctrl-C and a run ends tidily; two, and it is cut off. Either way it says what was done."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from cli.conftest import Cvm, Ran, send_when, use
from cvm_async import RunControl
from cvm_async.cli.acting.interrupts import Interrupts
from cvm_async.cli.exits import Exit
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.terminal import Terminal
from cvm_async.panel import Hang, SimulatedPanel

STOP = ("stop", "--all", "--yes", "--batch", "1", "--grace", "600")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedPanel]:
    """Three VPSes on a node; the stop of the first takes as long as the test wants."""
    with SimulatedPanel(vpses=3, nodes=1) as panel:
        use(monkeypatch, panel)
        panel.inject(Hang(), verb="stop", vps=1)
        yield panel


def is_stopping(panel: SimulatedPanel) -> bool:
    return any(record.verb == "stop" for record in panel.requests)


def results(ran: Ran) -> list[str]:
    return [each["result"] for each in json.loads(ran.out)["outcomes"]]


def when(happened: threading.Event, do: Callable[[], object]) -> threading.Thread:
    def wait() -> None:
        happened.wait()
        do()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [
        (signal.SIGINT, 130, "Interrupted: nothing new begins. Under way: 1 VPS on node 1. Ctrl-C again cuts"),
        (signal.SIGTERM, 143, "Terminated: nothing new begins. Under way: 1 VPS on node 1. They have 600 s to end."),
    ],
    ids=["Ctrl-C", "kill"],
)
def test_the_first_signal_begins_nothing_new_and_lets_what_is_under_way_end(  # noqa: PLR0917 - a test's parameters
    cvm: Cvm, slow: SimulatedPanel, winding_down: threading.Event, number: signal.Signals, status: int, told: str
) -> None:
    signalled = send_when(lambda: is_stopping(slow), number)
    freed = when(winding_down, slow.clear_faults)
    ran = cvm(*STOP, "--json")
    signalled.join()
    freed.join()
    assert ran.status == status
    assert results(ran) == ["changed", "skipped", "skipped"]
    assert told in ran.err
    assert ran.err.endswith(f"cvm-async: {Exit(status).name.lower()}\n")
    assert slow.actions == [(1, "stop")]


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_the_second_cuts_off_and_the_report_ends_with_the_command_that_looks(
    cvm: Cvm, slow: SimulatedPanel, winding_down: threading.Event, second: signal.Signals
) -> None:
    signalled = send_when(lambda: is_stopping(slow), signal.SIGINT)
    again = send_when(winding_down.is_set, second)
    ran = cvm(*STOP)
    signalled.join()
    again.join()
    assert ran.status == (130 if second is signal.SIGINT else 143)
    assert "2 skipped (not begun), 1 unknown (without an answer on node 1)" in ran.out
    assert ran.out.splitlines()[-1] == "Look at what is unknown: cvm-async status 1"


def test_a_kill_cuts_off_when_the_grace_is_over(cvm: Cvm, slow: SimulatedPanel) -> None:
    signalled = send_when(lambda: is_stopping(slow), signal.SIGTERM)
    ran = cvm(*STOP[:-1], "0", "--json")
    signalled.join()
    assert ran.status == Exit.TERMINATED
    assert results(ran) == ["unknown", "skipped", "skipped"]
    assert "Look at what is unknown: cvm-async status 1\n" in ran.err


def test_what_only_looks_is_cut_off_at_once(cvm: Cvm, slow: SimulatedPanel) -> None:
    slow.inject(Hang(), verb="status", times=None)
    signalled = send_when(lambda: any(record.verb == "status" for record in slow.requests), signal.SIGINT)
    ran = cvm(*STOP, "--json")
    signalled.join()
    assert ran.status == Exit.INTERRUPTED
    assert json.loads(ran.out)["verb"] == "status"
    assert "Nothing was done yet." in ran.err


def test_in_a_pause_nothing_is_under_way(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, winding_down: threading.Event
) -> None:
    with SimulatedPanel(vpses=2, nodes=1) as panel:
        use(monkeypatch, panel)
        signalled = send_when(lambda: any(r.verb == "stop" and r.ended for r in panel.requests), signal.SIGINT)
        ran = cvm("stop", "--all", "--yes", "--batch", "1", "--pause", "600", "--json")
        signalled.join()
    assert winding_down.is_set()
    assert (ran.status, results(ran)) == (Exit.INTERRUPTED, ["changed", "skipped"])
    assert "Interrupted: nothing new begins" in ran.err


async def test_where_nothing_is_under_way_none_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    terminal, control = Terminal.here(), RunControl()
    with Interrupts(terminal, control, ProgressBar(terminal, "Stopping", 2, control), 8.0) as interrupts:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert control.stopped
    assert capsys.readouterr().err == "Interrupted: nothing new begins.\n"
    assert interrupts.ended is not None
    assert interrupts.ended.status is Exit.INTERRUPTED
