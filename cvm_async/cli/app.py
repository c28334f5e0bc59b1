"""The commands by name, and the one place where an ending becomes an exit status and a sentence."""

import io
import os
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import cast

from cyclopts import App, CycloptsError

from cvm_async._version import __version__
from cvm_async.cli import power, reading, simulate, watch
from cvm_async.cli.exits import CommandError, Exit, of_error
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import CvmError

_HELP = """Poll, start, stop and restart the VPSes of an account on a CVM panel.

The panel and the tokens come from CVM_URL, CVM_PUBLIC_TOKEN and CVM_PRIVATE_TOKEN, or a profile; `demo` needs none.
"""
_EPILOGUE = (
    "Exit status: 0 done, 1 failed, 2 usage, 3 some of the fleet failed or could not be read, 4 authentication, "
    "130 interrupted, 143 terminated."
)

_EXTRAS = {"uvicorn", "httptools", "textual"}
"""What the extras `panel` and `tui` bring; whoever misses it says so in a sentence."""

app: App = App(
    name="cvm-async",
    help=_HELP,
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=__version__,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
    print_error=False,
)
app.command(reading.list_vpses, name="list", sort_key=1)
app.command(reading.status, sort_key=2)
app.command(power.start, sort_key=3)
app.command(power.stop, sort_key=4)
app.command(power.restart, sort_key=5)
app.command(reading.wait, sort_key=6)
app.command(watch.watch, sort_key=7)
# By their names, and so loaded only when they are run: they would load textual and httpx for every `--help`.
_TOP = "Watch VPSes live in this terminal, with keys to sort, filter, open, start, stop and restart them."
app.command("cvm_async.cli.top.command:top", name="top", help=_TOP, sort_key=8)
_DEMO = "Show on a simulated panel what this is for: poll 200 VPSes, stop and start 20. Needs no configuration."
app.command("cvm_async.cli.demo.demo:demo", name="demo", help=_DEMO, sort_key=9)
app.command(simulate.panel, sort_key=10)
# By its name as well: it has what writes TOML, and what checks an address.
app.command("cvm_async.cli.profile.commands:profile", name="profile", help="Keep profiles.", sort_key=11)


def run(tokens: Sequence[str]) -> int:
    """Run one command and give its exit status; no expected error leaves it."""
    for stream in (sys.stdout, sys.stderr):
        # A hostname may hold letters that the terminal's encoding lacks: that must not end a rollout's report.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    with _asyncios_handler(), _sigterm_as_sigint() as terminated:
        try:
            return _run(tokens)
        except KeyboardInterrupt:
            ended = Exit.TERMINATED if terminated else Exit.INTERRUPTED
            return _complain(ended.name.lower(), ended)
        finally:
            _let_go()


def _run(tokens: Sequence[str]) -> Exit:
    try:
        ended = app(list(tokens))
        _flush()
    except CycloptsError as error:
        return _complain(str(error), Exit.USAGE)
    except (CommandError, CvmError) as error:
        return _complain(str(error), of_error(error))
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        return _complain(str(error), Exit.USAGE)
    except BrokenPipeError:
        return Exit.FAILED
    except OSError as error:
        # A port that is taken, a disk that is full.
        return _complain(str(error), Exit.FAILED)
    # Help and version give nothing.
    return ended if isinstance(ended, Exit) else Exit.DONE


def _complain(message: str, status: Exit) -> Exit:
    Terminal.here().say(f"cvm-async: {message}")
    return status


def _flush() -> None:
    """Write out what was printed; it does nothing where there is no standard output."""
    print(end="", flush=True)


def _let_go() -> None:
    """Send what cannot be written nowhere: the interpreter would try again as it ends, and show a traceback."""
    try:
        _flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def _asyncios_handler() -> Generator[None]:
    """Let asyncio set its handler where Ctrl-C is ignored, too, as shells have it for what runs in the background.

    A SIGTERM needs that handler. Ctrl-C itself is held back meanwhile, and then ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    if callable(before):
        yield
        return
    held_back = {signal.SIGINT} if before is signal.SIG_IGN else set[signal.Signals]()
    signal.pthread_sigmask(signal.SIG_BLOCK, held_back)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held_back)


@contextmanager
def _sigterm_as_sigint() -> Generator[list[int]]:
    """Let a SIGTERM end a command as Ctrl-C does, tidily; give the list that tells of it."""
    seen: list[int] = []

    def interrupt(signum: int, frame: FrameType | None) -> None:
        seen.append(signum)
        # asyncio's own, while a command runs: it cancels the command, which then tells what was done.
        on_interrupt = cast("Callable[[int, FrameType | None], object]", signal.getsignal(signal.SIGINT))
        on_interrupt(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGTERM, before)
