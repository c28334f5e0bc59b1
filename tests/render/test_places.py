"""Whatever a panel says is read as it is, in each place, and does nothing there."""

import pytest
from hypothesis import example, given

from cvm_async._safe_text import safe_text
from cvm_async.render import DISCORD, PLAIN, SLACK, TELEGRAM, Place, escape
from render.chats import READERS, TEXTS

PLACES = pytest.mark.parametrize("place", READERS, ids=lambda place: place.name)


@PLACES
@given(TEXTS)
@example("@everyone <b>*x*")
@example("`" * 3 + "\n@here" + "`" * 3)
@example("::")
@example("- [x](https://evil.example) 1. # > +1")
def test_any_text_is_read_as_it_is_and_does_nothing(place: Place, text: str) -> None:
    seen = READERS[place](escape(text, place))
    shown = safe_text(text)
    # Slack's reader takes the letter that stands for a backtick for one.
    assert seen.text == (shown.replace("\u02cb", "`") if place is SLACK else shown)
    assert seen.found == []


@PLACES
@given(TEXTS)
def test_a_line_takes_as_much_of_the_limit_as_the_place_says(place: Place, text: str) -> None:
    line = safe_text(text)
    assert place.length(line) == READERS[place](place.write([line])).length


@pytest.mark.parametrize(
    ("place", "text", "written"),
    [
        pytest.param(PLAIN, "@everyone <b>*x*\n", "@everyone <b>*x* ", id="plain"),
        pytest.param(DISCORD, "@everyone <b>*x*", "@\u200beveryone \\<b>\\*x\\*", id="Discord"),
        pytest.param(DISCORD, "  -# 1", "  \\-# 1", id="Discord, small print"),
        pytest.param(DISCORD, "12. x", "12\\. x", id="Discord, a list"),
        pytest.param(
            DISCORD, "web-1.example.net (1) on node 3: ok", "web-1.example.net (1) on node 3: ok", id="no more"
        ),
        pytest.param(
            TELEGRAM,
            "@everyone <b>*x* web1.example.net: 1.5 GiB",
            "<code>@everyone</code> &lt;b&gt;*x* <code>web1.example.net</code>: 1.5 GiB",
            id="Telegram",
        ),
        pytest.param(SLACK, "@everyone <b>*x* a`b", "`@everyone` `&lt;b&gt;*x*` `a\u02cbb`", id="Slack"),
        pytest.param(SLACK, "> x -> y", "`&gt;` x -&gt; y", id="Slack, a quote"),
    ],
)
def test_it_is_written_so(place: Place, text: str, written: str) -> None:
    assert escape(text, place) == written


def test_on_telegram_more_code_than_it_reads_is_one_block() -> None:
    lines = [f"vps{number}.example.net" for number in range(101)]
    assert TELEGRAM.write(lines[1:]).count("<code>") == 100
    assert TELEGRAM.write(lines) == "<pre>" + "\n".join(lines) + "</pre>"


def test_a_place_tells_which_it_is() -> None:
    assert repr(DISCORD) == "<Place: Discord>"
