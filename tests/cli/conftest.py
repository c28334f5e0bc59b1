"""A panel that the environment names, the command line in this process, and streams that say they are terminals."""

import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from attrs import frozen

from cvm_async.cli import main
from cvm_async.cli.acting.interrupts import Interrupts
from cvm_async.panel import SimulatedPanel


@frozen
class Ran:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


Cvm: TypeAlias = Callable[..., Ran]


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def use(monkeypatch: pytest.MonkeyPatch, panel: SimulatedPanel) -> None:
    monkeypatch.setenv("CVM_URL", panel.url)
    monkeypatch.setenv("CVM_PUBLIC_TOKEN", panel.public_token)
    monkeypatch.setenv("CVM_PRIVATE_TOKEN", panel.private_token)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing of the person's own settings, and Ctrl-C as it is in a foreground process."""
    names = ("CVM_URL", "CVM_PUBLIC_TOKEN", "CVM_PRIVATE_TOKEN", "CVM_PROFILE", "CVM_CA_FILE", "CVM_CONFIRM_ABOVE")
    for name in (*names, "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("CVM_KEEP_RUNS_DAYS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedPanel]:
    """24 VPSes on 3 nodes: 12 and 24 are stopped, the others run."""
    with SimulatedPanel(vpses=24, nodes=3) as panel:
        use(monkeypatch, panel)
        yield panel


@pytest.fixture
def cvm(capsys: pytest.CaptureFixture[str]) -> Cvm:
    def run(*tokens: str) -> Ran:
        capsys.readouterr()
        status = main(tokens)
        printed = capsys.readouterr()
        return Ran(int(status), printed.out, printed.err)

    return run


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Tty]:
    """Put a person who types this at a terminal; give what they see of the messages."""

    def sit_down(typed: str) -> Tty:
        err = Tty()
        monkeypatch.setattr("sys.stdin", Tty(typed))
        monkeypatch.setattr("sys.stderr", err)
        return err

    return sit_down


@pytest.fixture
def winding_down(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Give what is set when a signal has been seen, and nothing new begins."""
    seen = threading.Event()
    wind_down = Interrupts._wind_down  # pyright: ignore[reportPrivateUsage] - the moment that is waited for

    def tell(self: Interrupts) -> None:
        wind_down(self)
        seen.set()

    monkeypatch.setattr(Interrupts, "_wind_down", tell)
    return seen


def send_when(happened: Callable[[], object], number: signal.Signals) -> threading.Thread:
    """Send this process a signal as soon as something has happened.

    One that comes in the microsecond before the event loop begins to wait takes effect when that wait ends: CPython
    looks at signals before and after it. So the work that is to be interrupted should not wait for long at a time.
    """
    paused = threading.Event()

    def watch() -> None:
        while not happened():
            paused.wait(0.005)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread
