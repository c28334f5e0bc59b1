"""Lines are cut to the cells of a terminal, of which wide characters take two."""

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len
from rich.style import Style

from cvm_async.cli.top.lines.look import (
    Tone,
    bar,
    cut,
    fitted,
    heat,
    joined,
    percent,
    plain,
    span,
    spread,
    width_of,
    wrapped,
)

TEXTS = st.text(st.characters(categories=("L", "N", "P", "Zs")))


@pytest.mark.parametrize("tone", Tone)
def test_every_tone_is_a_style_of_richs(tone: Tone) -> None:
    assert Style.parse(tone.value or "none") is not None


@given(TEXTS, st.integers(0, 40), st.booleans())
def test_a_text_is_fitted_to_exactly_so_many_cells(text: str, width: int, right: bool) -> None:  # noqa: FBT001
    assert cell_len(fitted(text, width, right=right)) == width


@pytest.mark.parametrize(
    ("text", "width", "right", "expected"),
    [
        ("web", 5, False, "web  "),
        ("web", 5, True, "  web"),
        ("web-001", 5, False, "web-…"),
        ("漢字漢", 4, False, "漢 …"),
        ("web", 0, False, ""),
    ],
)
def test_what_is_too_long_says_so(text: str, width: int, right: bool, expected: str) -> None:  # noqa: FBT001 - a table
    assert fitted(text, width, right=right) == expected


@given(st.lists(TEXTS), st.integers(1, 40))
def test_a_line_takes_at_most_so_many_cells(texts: list[str], width: int) -> None:
    line = [(text, Tone.PLAIN) for text in texts]
    assert width_of(cut(line, width)) <= width
    assert width_of(line) > width or cut(line, width) == tuple(line)


def test_a_line_that_is_cut_keeps_its_tones_and_says_that_there_was_more() -> None:
    line = (("abc", Tone.GOOD), ("def", Tone.TROUBLE))
    assert cut(line, 5) == (("abc", Tone.GOOD), ("d…", Tone.TROUBLE))
    assert cut(line, 3) == (("ab…", Tone.GOOD),)


def test_a_line_has_one_part_at_each_end_where_there_is_room() -> None:
    assert "".join(text for text, _ in spread(plain("left"), plain("right"), 12)) == "left   right"
    assert spread(plain("left"), plain("right"), 9) == plain("left")
    assert joined([plain("a"), plain("b")], " ") == (*plain("a"), (" ", Tone.PLAIN), *plain("b"))


@pytest.mark.parametrize(
    ("share", "width", "full"), [(0.0, 4, 0), (0.001, 4, 1), (0.5, 4, 2), (1.0, 4, 4), (3.0, 4, 4), (0.99, 10, 10)]
)
def test_a_bar_shows_a_share_and_never_nothing_for_something(share: float, width: int, full: int) -> None:
    (filled, _), (rest, _) = bar(share, width)
    assert (len(filled), len(filled + rest)) == (full, width)


def test_what_is_not_known_shows_nothing() -> None:
    assert bar(None, 3) == plain("   ")
    assert (percent(None), heat(None)) == ("    ", Tone.PLAIN)


@pytest.mark.parametrize(
    ("share", "tone", "text"),
    [
        (0.0, Tone.PLAIN, "  0%"),
        (0.79, Tone.PLAIN, " 79%"),
        (0.80, Tone.WARNING, " 80%"),
        (0.95, Tone.TROUBLE, " 95%"),
        (12.0, Tone.TROUBLE, "999%"),
    ],
)
def test_a_share_warns_and_alarms(share: float, tone: Tone, text: str) -> None:
    assert (heat(share), percent(share)) == (tone, text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1.0, "0s"), (59.9, "59s"), (60.0, "1m"), (7_199.0, "1h"), (200_000.0, "2d")]
)
def test_a_time_is_told_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_words_are_broken_between_words_and_stand_below_each_other() -> None:
    line = (("12:00  ", Tone.QUIET), ("one two three", Tone.GOOD))
    assert wrapped(line, 15) == [
        (("12:00  ", Tone.QUIET), ("one two", Tone.GOOD)),
        ((" " * 7, Tone.PLAIN), ("three", Tone.GOOD)),
    ]
    assert wrapped((("12:00  ", Tone.QUIET), ("", Tone.PLAIN)), 3) == [(("12:00  ", Tone.QUIET), ("", Tone.PLAIN))]
