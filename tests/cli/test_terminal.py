"""Results and messages keep apart, fit the terminal, and are obeyed by none."""

import errno
import io
import json
import logging
import signal

import attrs
import pytest
from rich.console import Console

from cvm_async.cli.grids import Column, Grid, Row, Tone, result_grid, status_grid
from cvm_async.cli.output.look import AS_JSON, TABLE, Format, Look
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import RateLimitedError
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import PowerState, Vps, VpsStatus

from .conftest import Tty

COLUMNS = (
    Column("STATE", toned=True),
    Column("HOSTNAME", uncut=20, least=8),
    Column("NODE", right=True, leaves=2),
    Column("RAM", right=True, leaves=1),
)


def grid(*hostnames: str) -> Grid:
    return Grid(COLUMNS, tuple(Row(("running", name, "1", "4.0 GiB"), Tone.GOOD) for name in hostnames))


def at(width: int, *, json: bool = False, color: bool = False) -> tuple[Terminal, Tty, Tty]:
    out, err = Tty(), Tty()

    def console(file: Tty) -> Console:
        return Console(file=file, width=width, color_system="standard" if color else None, highlight=False)

    return Terminal(console(out), console(err), AS_JSON if json else TABLE), out, err


def test_a_table_fits_the_terminal_and_cuts_only_what_may_be_cut() -> None:
    terminal, out, _ = at(30)
    terminal.table(grid("a-very-long-hostname-indeed.example.net"))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 30
    assert lines[2].startswith("running   a-very-long")
    assert lines[2].endswith("…")


@pytest.mark.parametrize(
    ("width", "titles", "hostname"),
    [
        (80, ["STATE", "HOSTNAME", "NODE", "RAM"], "web-001.dc1.example.net"),
        (50, ["STATE", "HOSTNAME", "NODE", "RAM"], "web-001.dc1.example.net"),
        (49, ["STATE", "HOSTNAME", "NODE", "RAM"], "web-001.dc1.example.n…"),
        (47, ["STATE", "HOSTNAME", "NODE", "RAM"], "web-001.dc1.example…"),
        (46, ["STATE", "HOSTNAME", "NODE"], "web-001.dc1.example.net"),
        (36, ["STATE", "HOSTNAME"], "web-001.dc1.example.net"),
        (20, ["STATE", "HOSTNAME"], "web-001.d…"),
        (18, ["STATE", "HOSTNAME"], "web-001…"),
    ],
)
def test_where_room_is_short_figures_leave_before_names_are_cut(width: int, titles: list[str], hostname: str) -> None:
    terminal, out, _ = at(width)
    terminal.table(grid("web-001.dc1.example.net"))
    head, _, row = out.getvalue().splitlines()
    assert head.split() == titles
    assert row.split()[:2] == ["running", hostname]
    assert len(row) <= width


def test_in_less_room_than_makes_sense_nothing_fails() -> None:
    terminal, out, _ = at(5)
    terminal.table(grid("web-001.dc1.example.net"))
    assert max(map(len, out.getvalue().splitlines())) <= 5


@pytest.mark.parametrize("width", [30, 40, 50, 60, 80, 120, 200])
@pytest.mark.parametrize("columns", [0, 1], ids=["a status", "a result"])
def test_state_id_and_hostname_show_in_every_width(width: int, columns: int) -> None:
    vps = Vps(
        id=123_456, hostname="web-001", node=7, virtualization_type=1, guaranteed_ram=1, disk_space=1, cpu_count=1
    )
    running = VpsStatus(state=PowerState.RUNNING, state_text="running", ram_used=1, disk_used=1)
    outcomes = [
        Outcome(vps, "panel", running),
        Outcome[VpsStatus](vps, "panel", error=RateLimitedError("", status_code=429)),
    ]
    terminal, out, _ = at(width)
    terminal.table((status_grid(outcomes), result_grid(outcomes, "stop"))[columns])
    first, second = out.getvalue().splitlines()[2:]
    assert first.startswith(("refused", "failed")[columns])
    assert second.split()[:3] == [("running", "changed")[columns], "123456", "web-001"]
    assert max(map(len, (first, second))) <= width


def test_to_a_pipe_nothing_is_cut_or_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal.here()
    terminal.table(grid("x" * 300))
    terminal.show("word " * 100)
    lines = capsys.readouterr().out.splitlines()
    assert "x" * 300 in lines[2]
    assert lines[3].count("word") == 100


def test_at_a_terminal_the_terminals_own_width_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Tty())
    monkeypatch.setenv("COLUMNS", "47")
    assert Terminal.here().out.width == 47


def test_a_long_table_is_cut_at_a_terminal_and_says_so() -> None:
    terminal, out, _ = at(80)
    terminal.table(grid(*("web",) * 60), whole=False)
    assert out.getvalue().count("running") == 50
    assert "… and 10 more; --full shows them all" in out.getvalue()


def test_a_table_that_should_be_whole_is_not_cut() -> None:
    terminal, out, _ = at(80)
    terminal.table(grid(*("web",) * 60))
    assert out.getvalue().count("running") == 60


def test_a_table_without_rows_is_not_shown() -> None:
    terminal, out, _ = at(80)
    terminal.table(grid())
    assert out.getvalue() == ""


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    terminal, out, err = at(80, color=True)
    terminal.table(grid("[red]web[/red] :smile: <b>&"))
    terminal.show("[bold]x[/bold]")
    terminal.say("[link=http://evil]y[/link]")
    assert "[red]web[/red] :smile: <b>&" in out.getvalue()
    assert "[bold]x[/bold]" in out.getvalue()
    assert "[link=http://evil]y[/link]" in err.getvalue()


def test_colours_are_left_out_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    for no_color in ("", "1"):
        out = Tty()
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setenv("NO_COLOR", no_color)
        Terminal.here().table(grid("web"))
        printed.append(out.getvalue())
    assert "\x1b[32m" in printed[0]
    assert "\x1b[32m" not in printed[1]


def test_for_a_program_there_is_one_json_value_of_ascii_and_nothing_else() -> None:
    terminal, out, err = at(80, json=True)
    terminal.table(grid("web"))
    terminal.show("hello")
    terminal.say("a message")
    assert (out.getvalue(), err.getvalue()) == ("", "a message\n")


def test_a_json_value_obeys_to_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"hostname": "\x1b[2J København \u202e"}
    Terminal.here(json=True).emit(value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    assert printed.isascii()
    assert "\x1b" not in printed


def test_for_a_person_no_json_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal.here().emit({"a": 1})
    assert capsys.readouterr().out == ""


def test_where_there_is_no_standard_input_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    terminal, _, _ = at(80)
    assert not terminal.interactive


def test_a_warning_that_cannot_be_written_does_not_stop_what_it_warns_of() -> None:
    class Full(Tty):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "the disk is full")

    full = Console(file=Full(), width=80)
    with Terminal(full, full).logging(verbose=False):
        logging.getLogger("cvm_async").warning("a node is gone")


@pytest.mark.parametrize(
    ("typed", "agreed"),
    [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False), ("yeah\n", False)],
    ids=["y", "yes", "n", "enter", "end of file", "other"],
)
def test_only_a_yes_is_a_yes(monkeypatch: pytest.MonkeyPatch, typed: str, agreed: bool) -> None:  # noqa: FBT001 - a table
    terminal, out, err = at(80)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert terminal.confirm("Stop 3 VPSes?") is agreed
    assert (out.getvalue(), err.getvalue().rstrip("\n")) == ("", "Stop 3 VPSes? [y/N] ")


def test_ctrl_c_at_the_question_takes_effect_at_once_and_leaves_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def readline(self) -> str:
            signal.raise_signal(signal.SIGINT)
            return "y"

    def as_asyncio_does(*_: object) -> None:
        """Take note, for when the event loop runs again."""

    monkeypatch.setattr("sys.stdin", Interrupted())
    terminal, _, err = at(80)
    signal.signal(signal.SIGINT, as_asyncio_does)
    with pytest.raises(KeyboardInterrupt):
        terminal.confirm("Stop?")
    assert err.getvalue().endswith("[y/N] \n")
    assert signal.getsignal(signal.SIGINT) is as_asyncio_does


@pytest.mark.parametrize(("term", "animates"), [("xterm", True), ("dumb", False)])
def test_lines_are_redrawn_only_on_a_terminal_that_can(
    monkeypatch: pytest.MonkeyPatch,
    term: str,
    animates: bool,  # noqa: FBT001 - a table
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stderr", Tty())
    assert Terminal.here().animates is animates


def test_nothing_is_redrawn_in_a_log_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert not Terminal.here().animates


def test_the_librarys_warnings_are_messages_made_safe() -> None:
    terminal, _, err = at(80)
    logger = logging.getLogger("cvm_async")
    level = logger.level
    with terminal.logging(verbose=False):
        logger.warning("node %s\x1b[2J", 7)
        logger.debug("not this")
    logger.warning("nor this")
    assert err.getvalue() == "warning: node 7\N{REPLACEMENT CHARACTER}[2J\n"
    assert (logger.handlers, logger.level) == ([], level)


def test_verbose_shows_more() -> None:
    terminal, _, err = at(80)
    with terminal.logging(verbose=True):
        logging.getLogger("cvm_async").debug("an exchange")
    assert err.getvalue() == "debug: an exchange\n"


@pytest.mark.parametrize(
    ("look", "shows"),
    [
        (Look(format=Format.WIDE), ["STATE", "a-very-long-hostname-indeed.example.net", "4.0 GiB"]),
        (Look(header=False), ["running"]),
        (Look(columns=("hostname",)), ["HOSTNAME"]),
    ],
    ids=["wide", "without headings", "some columns"],
)
def test_a_table_is_as_it_was_asked_for(monkeypatch: pytest.MonkeyPatch, look: Look, shows: list[str]) -> None:
    out = Tty()
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setenv("COLUMNS", "30")
    Terminal.here(look).table(grid("a-very-long-hostname-indeed.example.net"))
    first = out.getvalue().splitlines()
    assert all(each in out.getvalue() for each in shows)
    assert ("STATE" in first[0]) is (look.format is Format.WIDE)


def test_a_quiet_terminal_tells_results_and_trouble_alone() -> None:
    terminal, out, err = at(80)
    quiet = attrs.evolve(terminal, look=Look(quiet=True))
    quiet.say("all is well")
    quiet.say("it burns", tone=Tone.WARNING)
    quiet.sum_up("24 VPSes")
    quiet.show("a result")
    assert (out.getvalue(), err.getvalue()) == ("a result\n", "it burns\n")
    assert not quiet.animates
    assert terminal.animates


def test_what_is_for_a_program_is_utf_8_whatever_the_terminal_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Terminal.here(Look(format=Format.CSV)).emit({"vpses": [{"hostname": "København\ud800"}]})
    assert "København\\ud800".encode() in raw.getvalue()
    assert raw.getvalue().endswith(b"\r\n")
    assert b"\r\r" not in raw.getvalue()
    monkeypatch.undo()


def test_results_that_come_one_by_one_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal.here(Look(format=Format.JSONL)).emit({"vpses": []}, indent=None)
    assert capsys.readouterr().out == '{"vpses": []}\n'


def test_what_is_for_a_program_goes_wherever_standard_output_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    Terminal.here(json=True).emit({"a": 1})
    assert json.loads(out.getvalue()) == {"a": 1}
