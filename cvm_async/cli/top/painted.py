"""Lines of pieces on the screen, and nothing else: what they say is made elsewhere."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from cvm_async.cli.top.lines.look import Line, Tone

STYLES: Final = {tone: Style.parse(tone.value or "none") for tone in Tone}
CURSOR: Final = Style(reverse=True)
"""Swaps the terminal's own two colours, and so can be read on every background, and without colours."""


def strip_of(line: Line, width: int, base: Style, *, under_cursor: bool = False) -> Strip:
    """Give a line as textual draws it, over the whole width."""
    if under_cursor:
        return Strip([Segment("".join(text for text, _ in line), base + CURSOR)]).adjust_cell_length(
            width, base + CURSOR
        )
    return Strip([Segment(text, base + STYLES[tone]) for text, tone in line]).adjust_cell_length(width, base)


class Painted(Widget):
    """Some lines, as high as they are many unless its style says otherwise; then the last of them show."""

    DEFAULT_CSS: ClassVar[str] = "Painted { height: auto; width: 100%; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - textual's name for it
        super().__init__(id=id)
        self._lines: list[Line] = []

    def show(self, lines: Iterable[Line]) -> None:
        """Show these; only those that are others than before are drawn."""
        before, self._lines = self._lines, list(lines)
        if len(before) != len(self._lines):
            self.refresh(layout=True)
        elif changed := [y for y, lines in enumerate(zip(before, self._lines, strict=True)) if lines[0] != lines[1]]:
            first = max(len(self._lines) - self.size.height, 0)
            self.refresh(*(Region(0, y - first, self.size.width, 1) for y in changed if y >= first))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Give the height that it takes where its style leaves that open."""
        del container, viewport, width
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        shown: Sequence[Line] = self._lines[max(len(self._lines) - self.size.height, 0) :]
        return strip_of(shown[y] if y < len(shown) else (), self.size.width, self.rich_style)
