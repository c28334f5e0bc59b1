"""A text of the panel's is one line of what can be seen, of a length that is known."""

import unicodedata

import pytest
from hypothesis import given, strategies as st

from cvm_async.mcp.texts import NAME, SENTENCE, plain, told


@pytest.mark.parametrize("text", ["web1.example.net", "a_b-c.d", "été.example", "日本.example", "10", "web1 (7)"])
def test_what_is_usual_stays_as_it_is(text: str) -> None:
    assert told(text) == text


@pytest.mark.parametrize("text", ["web1.example.net", "a_b-c.d", "été.example", "日本.example"])
def test_a_usual_hostname_stays_as_it_is_in_a_sentence_too(text: str) -> None:
    assert plain(text) == text


UNSEEN = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u115f\u180e\u2800\u3164\ufe0e\ufe0f\uffa0"
    "\U000e0001\U000e0041\U000e0100\U000e01ef\u202e\u2066\x1b"
)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_what_cannot_be_seen_is_shown_to_be_there(unseen: str) -> None:
    assert told(f"a{unseen}b") == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("_a_b_", "\ufffda_b\ufffd"), ("https://a.b/c", "https\ufffda.b/c"), ("<i>&lt;", "\ufffdi\ufffd\ufffdlt;")],
)
def test_markup_is_none_in_a_sentence(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text(max_size=400))
def test_whatever_the_text_it_is_one_bounded_line_that_can_be_encoded(text: str) -> None:
    for shown, length in ((told(text), NAME), (told(text, SENTENCE), SENTENCE), (plain(text), NAME)):
        assert len(shown) <= length
        assert "\n" not in shown
        assert shown.encode().decode() == shown
        assert not {unicodedata.category(each) for each in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
