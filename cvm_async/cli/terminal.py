"""Where a command writes: results to standard output, for a person or a program, and all else to standard error."""

import io
import logging
import signal
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import cast

from attrs import define, field, frozen
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

import cvm_async
from cvm_async._safe_text import safe_text
from cvm_async.cli.grids import Column, Grid, Row, Tone
from cvm_async.cli.output.formats import line, written
from cvm_async.cli.output.look import AS_JSON, TABLE, Format, Look
from cvm_async.cli.output.tables import TITLES, as_wanted
from cvm_async.cli.shell.wording import in_flags
from cvm_async.fleet.naming import Names

_UNBOUNDED = 100_000
"""Columns where nobody's window sets a limit: what a program reads is never cut or wrapped."""

_ROWS = 50
"""Rows of a table that a person scrolls back over; the rest is told of in a line."""


_GAP = 3
"""Columns of a terminal between two columns of a table."""


class _Stream(Console):
    """A console that leaves a reader who went away (`| head`) to whoever ends the command."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


@define
class Listed:
    """What the account's list was, once it is there."""

    names: Names | None = None


@frozen
class Terminal:
    """The two streams of a command.

    Attributes:
        out: For results.
        err: For messages and progress.
        look: What results look like.
        listed: What names can mean, for results that are names.
    """

    out: Console
    err: Console
    look: Look = TABLE
    listed: Listed = field(factory=Listed)

    @classmethod
    def here(cls, look: Look = TABLE, *, json: bool = False) -> "Terminal":
        """Give this process's own; `json` is short for a look."""
        out, err = _Stream(highlight=False), _Stream(stderr=True, highlight=False)
        for console in (out, err):
            if not console.file.isatty():
                console.width = _UNBOUNDED
        if look.format is Format.WIDE:
            out.width = _UNBOUNDED
        return cls(out, err, AS_JSON if json else look)

    @property
    def json(self) -> bool:
        """Whether results are for a program. Then nothing else goes to `out`."""
        return self.look.is_for_programs

    def take_note(self, fleet: "cvm_async.Fleet") -> None:
        """Learn what names can mean on the panels that a command talks to."""
        self.listed.names = fleet.members.names

    @property
    def interactive(self) -> bool:
        """Whether there is a person who can be asked."""
        # Closed (`<&-`), it is None.
        return sys.stdin is not None and sys.stdin.isatty() and self.err.file.isatty()

    @property
    def animates(self) -> bool:
        """Whether a line of messages can be redrawn."""
        return self.err.file.isatty() and not self.err.is_dumb_terminal and not self.look.quiet

    def show(self, *lines: str) -> None:
        """Print lines for a person, among the results."""
        if not self.json:
            for line in lines:
                self.out.print(Text(line))

    def table(self, grid: Grid, *, whole: bool = True) -> None:
        """Print a table, as wide as the terminal allows; on a terminal not too long either, unless asked to."""
        if self.json:
            return
        grid = as_wanted(grid, self.look)
        if not grid.rows:
            return
        wide = self.look.format is Format.WIDE
        rows = grid.rows if whole or wide or not self.out.file.isatty() else grid.rows[:_ROWS]
        table = _table(grid.columns, rows, self.out.width)
        table.show_header = self.look.header
        self.out.print(table)
        if len(rows) < len(grid.rows):
            self.show(f"… and {len(grid.rows) - len(rows):,} more; --full shows them all", "")

    def sum_up(self, *lines: str) -> None:
        """Print lines that say in short what the results were; no result is in them alone."""
        if not self.look.quiet:
            self.show(*lines)

    def emit(self, value: Mapping[str, object], *, indent: int | None = 2) -> None:
        """Print a result for a program; with no `indent`, it is one of many that come one by one."""
        if self.json:
            text = line(value, self.look) if indent is None else written(value, self.look, self.listed.names, TITLES)
            _write_exactly(text)

    def say(self, *lines: str, tone: Tone = Tone.PLAIN) -> None:
        """Print messages. What cannot be written, to a full disk or to nobody, ends no rollout: it is not told."""
        if self.look.quiet and tone in {Tone.PLAIN, Tone.QUIET}:
            return
        with suppress(OSError):
            for line in lines:
                self.err.print(Text(line, style=tone.value))

    def brief(self, grid: Grid, *, ask: bool) -> None:
        """Print a short table that is no result: among the messages, where a person is to decide; or among results."""
        if ask or not self.json:
            console = self.err if ask else self.out
            console.print(_table(grid.columns, grid.rows, console.width))

    def confirm(self, question: str) -> bool:
        """Ask a person; anything but a yes is a no."""
        return self.ask(f"{question} [y/N]").strip().lower() in {"y", "yes"}

    def ask(self, question: str) -> str:
        """Ask a person for a line; nothing at all is the end of what they type."""
        self.err.print(Text(f"{question} "), end="")
        self.err.file.flush()
        with self.interruptible():
            return sys.stdin.readline()

    @contextmanager
    def interruptible(self) -> Generator[None]:
        """Let Ctrl-C take effect at once in what waits for a person, and leave the line that they are asked on.

        asyncio's own handler would wait for the event loop, which waits for the person.
        """
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        except KeyboardInterrupt:
            # The terminal has shown ^C.
            self.say("")
            raise
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def logging(self, *, verbose: bool, of: str = "cvm_async") -> Generator[None]:
        """Show what the library, or another one, logs: warnings, or with `verbose` every exchange with the panel."""
        logger, handler = logging.getLogger(of), _Messages(self)
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if verbose else logging.WARNING)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)


class _Messages(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        tone = Tone.WARNING if record.levelno >= logging.WARNING else Tone.QUIET
        self._terminal.say(f"{record.levelname.lower()}: {in_flags(safe_text(record.getMessage()))}", tone=tone)


def _write_exactly(text: str) -> None:
    """Write for a program: as UTF-8 whatever a terminal's encoding lacks, and no line break changed."""
    out = cast("object", sys.stdout)
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    print(text, end="", flush=True)


def _table(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    widths = _fitting(columns, rows, width)
    for index, room in widths.items():
        column = columns[index]
        table.add_column(Text(column.title), justify="right" if column.right else "left", no_wrap=True, width=room)
    for row in rows:
        table.add_row(*(_cell(row.cells[index], row.tone if columns[index].toned else Tone.PLAIN) for index in widths))
    return table


def _fitting(columns: Sequence[Column], rows: Sequence[Row], width: int) -> dict[int, int]:
    """Give the columns that fit, by index, with their widths: figures leave first, then texts are cut."""
    widths = {
        index: min(width, max(cell_len(text) for text in (column.title, *(row.cells[index] for row in rows))))
        for index, column in enumerate(columns)
    }
    leaving = (index for index, column in enumerate(columns) if column.leaves is not None)
    for index in sorted(leaving, key=lambda each: columns[each].leaves or 0):
        if _total(min(room, columns[each].uncut) for each, room in widths.items()) > width:
            del widths[index]
    while _total(widths.values()) > width:
        spare = {each: room - columns[each].least for each, room in widths.items()}
        widest = max(spare, key=spare.__getitem__)
        if spare[widest] <= 0:
            break
        widths[widest] -= 1
    return widths


def _total(widths: Iterable[int]) -> int:
    rooms = list(widths)
    return sum(rooms) + _GAP * (len(rooms) - 1)


def _cell(text: str, tone: Tone) -> Text:
    # A `Text` and no string: rich would take "[red]" in a hostname for its own markup.
    return Text(text, style=tone.value, no_wrap=True, overflow="ellipsis")
