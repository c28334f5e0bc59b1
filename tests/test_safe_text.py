"""What a person is shown is one line that obeys nobody and that every encoder takes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis.strategies import binary, characters, integers, text

from cvm_async._safe_text import excerpt, safe_text

any_text = text(characters(codec=None))


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("caf\u00e9 <b>& [red]", "caf\u00e9 <b>& [red]"),
        ("\u6771\u4eac \U0001f600", "\u6771\u4eac \U0001f600"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
        ("a\tb\r\nc", "a b  c"),
        ("a\u00a0b\u2028c\u2029d", "a b c d"),
        ("\x1b[31mred\x07", "\ufffd[31mred\ufffd"),
        ("\x00\x7f\x85\x9b", "\ufffd\ufffd\ufffd\ufffd"),
        ("moc.\u202eelgoog\u2066\u200b", "moc.\ufffdelgoog\ufffd\ufffd"),
        ("\ud800", "\ufffd"),
        ("\U000e0041", "\ufffd"),
        ("\u070e\uffff", "\ufffd\ufffd"),
        ("\ue000\U0010fffd", "\ufffd\ufffd"),
    ],
    ids=[
        "markup",
        "scripts",
        "joiners",
        "breaks",
        "spaces",
        "escape",
        "controls",
        "bidi",
        "surrogate",
        "tag",
        "unassigned",
        "private",
    ],
)
def test_only_what_something_would_obey_or_draw_as_it_likes_is_replaced(raw: str, safe: str) -> None:
    assert safe_text(raw) == safe


@given(any_text)
def test_safe_text_encodes_holds_no_control_and_keeps_its_length(raw: str) -> None:
    safe = safe_text(raw)
    safe.encode()
    assert len(safe) == len(raw)
    assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(character) for character in safe}


@given(any_text)
def test_safe_text_is_safe_already(raw: str) -> None:
    assert safe_text(safe_text(raw)) == safe_text(raw)


@given(any_text | binary(), integers(min_value=1, max_value=50))
def test_an_excerpt_is_never_longer_than_asked(raw: str | bytes, length: int) -> None:
    assert len(excerpt(raw, length)) <= length


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("", ""),
        ("short", "short"),
        ("exactly 10", "exactly 10"),
        ("eleven char", "eleven ch\u2026"),
        ("  a \n\n b  ", "a b"),
        (" " * 1000 + "far away", "\u2026"),
        (b"caf\xe9", "caf\ufffd"),
    ],
    ids=["nothing", "short", "just fits", "too long", "white space", "blank start", "no UTF-8"],
)
def test_an_excerpt_is_one_line_that_says_where_it_was_cut(raw: str | bytes, shown: str) -> None:
    assert excerpt(raw, 10) == shown
