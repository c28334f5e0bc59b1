"""The live table: it draws the rows that are on the screen and no others, so that 5,000 are as quick as 50."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from cvm_async.cli.top.lines.columns import Column, columns_for, heading, line_of
from cvm_async.cli.top.lines.look import Line, Tone
from cvm_async.cli.top.lines.rows import Row
from cvm_async.cli.top.painted import strip_of
from cvm_async.watch.events import Key

_MARKED: Line = (("✓ ", Tone.KEY),)
_UNMARKED: Line = (("  ", Tone.PLAIN),)
_HEADING = 1
"""Lines above the rows."""


class FleetTable(ScrollView, can_focus=True):
    """VPSes as rows, with a cursor that stays on its VPS when the order changes, and a selection of some."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)"),
        Binding("down,j", "move(1)"),
        Binding("pageup", "page(-1)"),
        Binding("pagedown", "page(1)"),
        Binding("home,g", "edge(False)"),
        Binding("end,G", "edge(True)"),
        Binding("space", "mark"),
        Binding("a", "mark_all"),
        Binding("enter", "open"),
    ]
    DEFAULT_CSS: ClassVar[str] = """
    FleetTable { height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        scrollbar-background: ansi_default; scrollbar-background-hover: ansi_default;
        scrollbar-background-active: ansi_default; }
    """

    cursor: reactive[int] = reactive(0)

    class Opened(Message):
        """A VPS was opened.

        Attributes:
            row: Its row.
        """

        def __init__(self, row: Row) -> None:
            self.row = row
            super().__init__()

    class Marked(Message):
        """Others are selected."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - textual's name for it
        super().__init__(id=id)
        self.rows: list[Row] = []
        self.marked: set[Key] = set()
        self._order = ""
        self._panels = False
        self._columns: tuple[Column, ...] = ()
        self._fitted_to = 0

    @property
    def current(self) -> Row | None:
        """The row under the cursor; None where there are none."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def chosen(self) -> list[Row]:
        """Give the selected rows that show; where none is selected, the one under the cursor."""
        if self.marked:
            return [row for row in self.rows if row.key in self.marked]
        return [] if self.current is None else [self.current]

    def show(self, rows: Sequence[Row], *, order: str, panels: bool) -> None:
        """Show these rows. The cursor stays on its VPS, where that is still there; on the first row it stays first.

        Args:
            rows: In their order.
            order: What they are sorted by.
            panels: Whether they are of several panels.
        """
        current = None if self.current is None or self.cursor == 0 else self.current.key
        self.rows, self._order, self._panels = list(rows), order, panels
        self.virtual_size: Size = Size(self.size.width, len(self.rows) + _HEADING)
        place = next((index for index, row in enumerate(self.rows) if row.key == current), None)
        self.cursor = min(self.cursor, max(len(self.rows) - 1, 0)) if place is None else place
        self._fitted_to = 0
        self.refresh()

    def _fit(self, width: int) -> None:
        """Fit the columns to the width, which changes with the scroll bar, too."""
        if width != self._fitted_to:
            self._fitted_to = width
            self._columns = columns_for(width - len("✓ "), self.rows, panels=self._panels)

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self._follow_cursor()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        base = self.rich_style
        width = self.scrollable_content_region.width
        self._fit(width)
        if y < _HEADING:
            return strip_of((*_UNMARKED, *heading(self._columns, self._order)), width, base)
        index = y - _HEADING + self.scroll_offset.y
        if index >= len(self.rows):
            return Strip.blank(width, base)
        row = self.rows[index]
        mark = _MARKED if row.key in self.marked else _UNMARKED
        return strip_of((*mark, *line_of(row, self._columns)), width, base, under_cursor=index == self.cursor)

    def watch_cursor(self, before: int, after: int) -> None:
        """Keep the cursor on the screen, and draw the two rows that are others than before."""
        self._follow_cursor()
        top = self.scroll_offset.y - _HEADING
        self.refresh(*(Region(0, row - top, self.size.width, 1) for row in (before, after) if row > top))

    def _follow_cursor(self) -> None:
        top, height = self.scroll_offset.y, max(self.size.height - _HEADING, 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True, immediate=True)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.cursor = min(max(self.cursor + by, 0), max(len(self.rows) - 1, 0))

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screen."""
        self.action_move(direction * max(self.size.height - _HEADING - 1, 1))

    def action_edge(self, last: bool) -> None:  # noqa: FBT001 - as a binding gives it
        """Move the cursor to the first or the last row."""
        self.cursor = max(len(self.rows) - 1, 0) if last else 0

    def action_mark(self) -> None:
        """Select the VPS under the cursor, or no longer; go on to the next."""
        if self.current is not None:
            self._mark(self.marked ^ {self.current.key})
            self.action_move(1)

    def action_mark_all(self) -> None:
        """Select all that are shown; where they are, none."""
        shown = {row.key for row in self.rows}
        self._mark(set() if shown <= self.marked else self.marked | shown)

    def _mark(self, keys: set[Key]) -> None:
        self.marked = keys
        self.post_message(self.Marked())
        self.refresh()

    def action_open(self) -> None:
        """Open the VPS under the cursor."""
        if self.current is not None:
            self.post_message(self.Opened(self.current))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a second click opens."""
        index = event.y - _HEADING + self.scroll_offset.y
        if event.y >= _HEADING and index < len(self.rows):
            self.cursor = index
            if event.chain > 1:
                self.action_open()
