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
from cvm_async.cli.exits import CommandError, Exit, of_error
from cvm_async.cli.shell.anywhere import in_place

_HELP = """Poll, start, stop and restart the VPSes of an account on a CVM panel.

The panel and the tokens come from CVM_URL, CVM_PUBLIC_TOKEN and CVM_PRIVATE_TOKEN, or a profile; `demo` needs none.
"""
_EPILOGUE = (
    "Exit status: 0 done, 1 failed, 2 usage, 3 some of the fleet failed or could not be read, 4 authentication, "
    "130 interrupted, 143 terminated."
)

_COMPLETE = "__complete"
"""What cyclopts' scripts for shells ask with."""

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

_COMMANDS = {
    "list": ("reading:list_vpses", "List the account's VPSes: what they are, not what they are doing."),
    "status": ("reading:status", "Show what VPSes are doing, those with trouble first."),
    "describe": ("reading:describe", "Tell all that is known of VPSes."),
    "start": ("power:start", "Start VPSes; those that run already are left alone."),
    "stop": ("power:stop", "Shut VPSes down; those that are stopped already are left alone."),
    "restart": ("power:restart", "Restart VPSes; those that are stopped are started."),
    "reinstall": ("reinstall:reinstall", "Make a VPS anew from a template, which destroys all that is on it."),
    "templates": ("reinstall:templates", "List what VPSes can be made from."),
    "wait": ("reading:wait", "Wait until VPSes are in a state."),
    "check": ("check.command:check", "Look at a panel: its API's revision, tokens, clock, latency, certificate."),
    "watch": ("watch:watch", "Poll the status of VPSes and print what changes, until interrupted."),
    "top": (
        "top.command:top",
        "Watch VPSes live in this terminal, with keys to sort, filter, open, start, stop and restart them.",
    ),
    "exporter": (
        "exporter:exporter",
        "Serve metrics of all VPSes to Prometheus, and the fleet as a page.",
    ),
    "demo": (
        "demo.demo:demo",
        "Show on a simulated panel what this is for: poll 200 VPSes, stop and start 20. Needs no configuration.",
    ),
    "panel": (
        "simulate:panel",
        "Serve a simulated panel on this machine until interrupted, and say how to talk to it.",
    ),
    "mcp": (
        "mcp:mcp",
        "Serve assistants (Model Context Protocol): tools that look, and with --allow-power tools that act.",
    ),
    "runs": ("runs.commands:runs", "List the runs that were kept, show one, go on with one that was cut off."),
    "worker": ("worker:worker", "Do what cluster runs ask for on the panels of a region, until interrupted."),
    "profile": ("profile.commands:profile", "Keep profiles: which panels there are, and as whom."),
}
"""Where each command is, and what it does in a line; it is loaded when it is run, and not for every `--help`."""

for _place, (_name, (_where, _does)) in enumerate(_COMMANDS.items()):
    app.command(f"cvm_async.cli.{_where}", name=_name, help=_does, sort_key=_place)


# cyclopts leaves open what else its command takes.
app.register_install_completion_command()  # pyright: ignore[reportUnknownMemberType]


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
        ended = app(_in_place(tokens))
        _flush()
    except CycloptsError as error:
        # Loaded here, as asking for help does not fail.
        from cvm_async.cli.shell.suggestions import only_close  # noqa: PLC0415

        return _complain(only_close(str(error)), Exit.USAGE)
    except BrokenPipeError:
        return Exit.FAILED
    except Exception as error:  # noqa: BLE001 - what is not expected leaves again, as it came
        return _failed(error)
    # Help and version give nothing.
    return ended if isinstance(ended, Exit) else Exit.DONE


def _in_place(tokens: Sequence[str]) -> list[str]:
    # A shell that completes a line gives it behind that word.
    asked = 1 if [*tokens[:1]] == [_COMPLETE] else 0
    return [*tokens[:asked], *in_place(app, tokens[asked:], _sample)]


def _sample() -> Callable[..., object]:
    # Loaded here, as who asks for help needs none.
    from cvm_async.cli.reading import list_vpses  # noqa: PLC0415

    return list_vpses


def _failed(error: Exception) -> Exit:
    from cvm_async.cli.shell.wording import in_flags  # noqa: PLC0415 - likewise
    from cvm_async.errors import CvmError  # noqa: PLC0415 - likewise

    if isinstance(error, (CommandError, CvmError)):
        return _complain(in_flags(str(error)), of_error(error))
    if isinstance(error, ModuleNotFoundError) and error.name in _EXTRAS:
        return _complain(str(error), Exit.USAGE)
    if isinstance(error, OSError):
        # A port that is taken, a disk that is full.
        return _complain(str(error), Exit.FAILED)
    raise error


def _complain(message: str, status: Exit) -> Exit:
    from cvm_async.cli.terminal import Terminal  # noqa: PLC0415 - likewise

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
        # asyncio's own, while a command runs: it cancels the command, which then tells what was done. Or, while it
        # acts, the command's.
        on_interrupt = cast("Callable[[int, FrameType | None], object]", signal.getsignal(signal.SIGINT))
        on_interrupt(signum, frame)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGTERM, before)
