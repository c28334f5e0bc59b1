"""Results and messages keep apart, fit the terminal, and are obeyed by none."""

import io
import json
import logging
import signal

import pytest
from rich.console import Console

from cvm_async.cli.grids import Column, Grid, Row, Tone
from cvm_async.cli.terminal import Terminal

from .conftest import Tty

COLUMNS = (Column("STATE", toned=True), Column("HOSTNAME", flexible=True), Column("NODE", right=True, from_width=60))


def grid(*hostnames: str) -> Grid:
    return Grid(COLUMNS, tuple(Row(("running", name, "1"), Tone.GOOD) for name in hostnames))


def at(width: int, *, json: bool = False, color: bool = False) -> tuple[Terminal, Tty, Tty]:
    out, err = Tty(), Tty()

    def console(file: Tty) -> Console:
        return Console(file=file, width=width, color_system="standard" if color else None, highlight=False)

    return Terminal(console(out), console(err), json), out, err


def test_a_table_fits_the_terminal_and_cuts_only_what_may_be_cut() -> None:
    terminal, out, _ = at(30)
    terminal.table(grid("a-very-long-hostname-indeed.example.net"))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 30
    assert lines[2].startswith("running   a-very-long")
    assert lines[2].endswith("…")


def test_less_important_columns_show_where_there_is_room() -> None:
    narrow, wide = at(59), at(60)
    for terminal, _, _ in (narrow, wide):
        terminal.table(grid("web"))
    assert "NODE" not in narrow[1].getvalue()
    assert "NODE" in wide[1].getvalue()


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
