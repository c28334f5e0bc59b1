"""A message keeps to its place's limit, whatever is in it, and is cut where a line ends."""

import re

import pytest
from hypothesis import given, strategies as st

from cvm_async import ConfigurationError
from cvm_async._safe_text import safe_text
from cvm_async.render import DISCORD, PLAIN, SLACK, TELEGRAM, Place
from cvm_async.render.fitting import cut, fit
from render.chats import READERS, TEXTS

LIMITED = pytest.mark.parametrize("place", [DISCORD, TELEGRAM, SLACK], ids=lambda place: place.name)
LINES = st.lists(st.one_of(TEXTS, TEXTS.map(lambda text: text * 80)).map(safe_text), max_size=12)


@LIMITED
@given(LINES, st.integers(100, 1000))
def test_a_message_is_within_its_limit_and_tells_how_many_lines_are_missing(
    place: Place, lines: list[str], limit: int
) -> None:
    seen = READERS[place](fit(lines, place, limit))
    assert seen.length <= limit
    assert seen.found == []
    shown = seen.text.split("\n") if lines else []
    more = re.fullmatch("… and ([0-9,]+) more", shown[-1]) if len(shown) <= len(lines) and shown else None
    missing = int(more[1]) if more and shown[-1] != lines[len(shown) - 1] else 0
    kept = shown[: len(shown) - bool(missing)]
    assert len(kept) + missing == len(lines)
    for line, whole in zip(kept, lines, strict=False):
        expected = whole.replace("\u02cb", "`") if place is SLACK else whole
        assert line == expected or (line.endswith("…") and expected.startswith(line[:-1]))


@pytest.mark.parametrize(
    ("place", "limit", "length"),
    [(DISCORD, None, 2000), (TELEGRAM, None, 4096), (SLACK, None, 3000), (SLACK, 4000, 4000), (PLAIN, 200, 200)],
)
def test_a_long_message_ends_with_how_many_more_there_are(place: Place, limit: int | None, length: int) -> None:
    lines = [f"vps{number}.example.net ({number}): stopped" for number in range(1000)]
    seen = READERS[place](fit(lines, place, limit))
    *kept, last = seen.text.split("\n")
    assert kept == lines[: len(kept)]
    assert last == f"… and {1000 - len(kept)} more"
    assert length - 50 < seen.length <= length


def test_what_fits_exactly_is_whole() -> None:
    lines = ["a" * 49, "b" * 50]
    assert fit(lines, PLAIN, 100) == "\n".join(lines)
    assert fit([*lines, ""], PLAIN, 100) == f"{lines[0]}\n… and 2 more"
    assert fit(lines, PLAIN) == "\n".join(lines)
    assert fit([], DISCORD) == ""


def test_an_emoji_counts_twice_where_utf_16_is_counted() -> None:
    assert len(fit(["\U0001f600" * 100], TELEGRAM, 100)) == 50


@LIMITED
def test_a_line_that_is_too_long_is_cut_and_leaves_the_others_their_room(place: Place) -> None:
    first, *others = READERS[place](fit(["<" * 5000, "one", "two"], place)).text.split("\n")
    assert first == "<" * 399 + "…"
    assert others == ["one", "two"]


@LIMITED
@given(TEXTS.map(safe_text), st.integers(10, 100))
def test_a_line_is_cut_never_within_an_escape(place: Place, line: str, room: int) -> None:
    seen = READERS[place](place.write([cut(line * 10, place, room)]))
    assert seen.length <= room
    assert seen.found == []


def test_what_holds_an_emoji_together_is_not_left_hanging() -> None:
    assert cut("a\u200d\u200d\u200db", PLAIN, 4) == "a…"


@pytest.mark.parametrize("limit", [0, 99, -1])
def test_a_limit_that_leaves_no_room_is_refused(limit: int) -> None:
    with pytest.raises(ConfigurationError, match="at least 100"):
        fit(["x"], PLAIN, limit)
