"""What comes up over the live table: lines in a frame, drawn again as they change; and a question with its answer."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Generic, TypeAlias, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from cvm_async.cli.top.lines.keys import CLOSE, YES_OR_NO, Keys, footer
from cvm_async.cli.top.lines.look import Line, plain
from cvm_async.cli.top.painted import Painted

T = TypeVar("T")

MakeLines: TypeAlias = Callable[[int, int], list[Line]]
"""Gives what a page shows in so many cells and lines."""

_WIDEST: Final = 110
_FRAME: Final = 6
"""Cells that frame and padding take, of the width."""
_BESIDE: Final = 7
"""Lines that frame and foot take, of the height."""


class Page(ModalScreen[T], Generic[T]):
    """Lines in a frame, for as long as it is open.

    Args:
        make_lines: What it shows; asked for again whenever that may have changed.
        keys: What its foot says.
    """

    DEFAULT_CSS: ClassVar[str] = """
    Page { align: center middle; background: transparent; }
    Page > Vertical { width: 100%; max-width: 110; height: auto; max-height: 100%; border: round ansi_blue;
        background: ansi_default; padding: 1 2 0 2; }
    """

    def __init__(self, make_lines: MakeLines, keys: Keys) -> None:
        super().__init__()
        self._make_lines = make_lines
        self._keys = keys
        self._lines, self._foot = Painted(), Painted()

    def compose(self) -> ComposeResult:
        """Lay it out."""
        with Vertical():
            yield self._lines
            yield from self.below()
            yield self._foot

    def below(self) -> ComposeResult:
        """Lay out what is between the lines and the foot."""
        yield from ()

    def on_mount(self) -> None:
        """Draw it."""
        self.paint()

    def on_resize(self) -> None:
        """Draw it in its new size."""
        self.paint()

    def paint(self) -> None:
        """Draw what there is now."""
        width, height = min(self.size.width, _WIDEST) - _FRAME, self.size.height - _BESIDE
        self._lines.show(self._make_lines(max(width, 1), max(height, 1)))
        self._foot.show([plain(""), footer(self._keys, width)])


class Shown(Page[str | None]):
    """Something to look at; closed with nothing, or with a key that means something to whoever showed it.

    Args:
        make_lines: As for `Page`.
        keys: Likewise.
        acts: Keys that close it, too, and are given then.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q", "close('')")]

    def __init__(self, make_lines: MakeLines, keys: Keys, acts: Sequence[str] = ()) -> None:
        super().__init__(make_lines, keys)
        for key in acts:
            self._bindings.bind(key, f"close({key!r})")

    def action_close(self, gives: str) -> None:
        """Close it."""
        self.dismiss(gives)


class Agree(Page[bool]):
    """A question. Only `y` is a yes, or, where many are meant, their number, typed.

    Args:
        make_lines: What is asked.
        typed: What must be typed for a yes; "" for the key `y`.
        anything: Whether there is anything to agree to.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)"),
        Binding("n,escape,q,enter", "answer(False)"),
    ]
    DEFAULT_CSS: ClassVar[str] = "Agree Input { width: 24; }"

    def __init__(self, make_lines: MakeLines, typed: str, *, anything: bool) -> None:
        typing = (("esc", "no"), ("enter", f"yes, once {typed} is typed"))
        super().__init__(make_lines, typing if typed else YES_OR_NO if anything else CLOSE)
        self._typed = typed

    def below(self) -> ComposeResult:
        """Lay out the line to type on, where a number is asked for."""
        if self._typed:
            yield Input(placeholder=f"type {self._typed} to go on", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was typed for an answer; anything else is typed again."""
        if event.value.strip().replace(",", "") == self._typed:
            self.dismiss(True)
        else:
            event.input.value = ""

    def action_answer(self, yes: bool) -> None:  # noqa: FBT001 - as a binding gives it
        """Close with the answer; where a number is asked for, a key alone is no yes."""
        if not (yes and self._typed):
            self.dismiss(yes)
