"""The keys, as the line at the foot of the screen and as the page behind `?`."""

from collections.abc import Sequence
from typing import Final

from cvm_async.cli.top.lines.look import Line, Piece, Tone, joined, width_of

Keys = Sequence[tuple[str, str]]
"""Keys with what they do."""

TABLE: Final[Keys] = (
    ("q", "quit"),
    ("?", "keys"),
    ("/", "filter"),
    ("s", "sort"),
    ("enter", "open"),
    ("space", "select"),
    ("S", "start"),
    ("X", "stop"),
    ("R", "restart"),
    ("l", "log"),
)
"""In the order in which they stay where room is short."""

CLOSE: Final[Keys] = (("esc", "close"),)
DETAIL: Final[Keys] = (("esc", "close"), ("S", "start"), ("X", "stop"), ("R", "restart"))
PROGRESS: Final[Keys] = (("esc", "close; p shows it again"),)
LOOKING: Final[Keys] = (("esc", "do nothing"),)
YES_OR_NO: Final[Keys] = (("y", "yes, do it"), ("n", "no"))

ALL: Final[Keys] = (
    ("↑ ↓ pgup pgdn", "move, as do k j, home end, g G, the wheel and a click"),
    ("s <", "sort in the next way; in the one before"),
    ("/", "filter by words that must all fit: web stopped node:3 id:17"),
    ("", "stale unreachable; a,b means either, and -word not this"),
    ("esc", "drop the selection; then the filter"),
    ("enter", "open one VPS"),
    ("l", "a larger event log; none; the small one"),
    ("", ""),
    ("space", "select, or no longer"),
    ("a", "select all that are shown, or none"),
    ("S X R", "start, stop, restart those, or the VPS under the cursor:"),
    ("", "a plan is shown first, and nothing is done until you agree"),
    ("p", "show how what you have begun goes on"),
    ("", ""),
    ("q ctrl-c", "quit; what is under way ends first, or is cut off by"),
    ("", "the second time"),
    ("ctrl-z", "suspend"),
)


def footer(keys: Keys, width: int) -> Line:
    """Give the line at the foot: as many keys as there is room for."""
    shown: list[Line] = []
    for key, does in keys:
        part: tuple[Piece, Piece] = (key, Tone.KEY), (f" {does}", Tone.QUIET)
        if width_of(joined([*shown, part], "  ")) > width - 2:
            break
        shown.append(part)
    return ((" ", Tone.PLAIN), *joined(shown, "  "))


def page() -> list[Line]:
    """Give all keys, a line each."""
    return [((f"{key:<15}", Tone.KEY), (does, Tone.PLAIN)) for key, does in ALL]
