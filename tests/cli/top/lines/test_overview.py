"""The lines around the table say how many do what, where there is trouble, and how old that is."""

from datetime import timedelta

import pytest
from hypothesis import given, strategies as st
from watches import BEGIN, LOST, reading, snapshot

from cvm_async.cli.top.lines.look import Line, Tone, plain, width_of
from cvm_async.cli.top.lines.overview import counts, freshness, nodes, rule, title, with_newer
from cvm_async.errors import NoAnswerError
from cvm_async.watch.snapshot import Snapshot

MIXED = snapshot(
    reading(1),
    reading(2, "stopped"),
    reading(3, "stopped", node=2, error=LOST),
    reading(4, None, node=2, error=LOST),
    reading(5, None, node=None),
)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def test_counts_are_by_the_last_known_state_and_then_what_is_not_from_now() -> None:
    assert text_of(counts(MIXED, 100)) == " ● 1 running   ○ 2 stopped   ✕ 1 not read   · 1 not read yet   1 stale"
    assert text_of(counts(snapshot(reading(1)), 100)) == " ● 1 running"


def test_nodes_with_trouble_come_first() -> None:
    many = snapshot(reading(1), reading(2, node=2, error=LOST), reading(3, "stopped", node=3), reading(4, node=10))
    assert text_of(nodes(many, 100)).rstrip() == " nodes  ✕ 2 lost 1/1   3 0/1   1 1/1   10 1/1"


def test_a_panel_that_is_lost_is_named_and_its_nodes_with_it() -> None:
    gone = NoAnswerError("nobody answers")
    two = snapshot(reading(1, error=gone), reading(2, panel="other\x1b"))
    assert text_of(nodes(two, 100)).rstrip() == (
        " nodes  ✕ panel acme unreachable   ✕ acme:1 lost 1/1   other\ufffd:1 1/1"
    )


def test_where_there_is_no_room_for_all_nodes_the_rest_is_counted() -> None:
    many = snapshot(*(reading(number, node=number) for number in range(1, 31)))
    line = text_of(nodes(many, 40))
    assert line == " nodes  1 1/1   2 1/1   3 1/1   +27 more"
    assert text_of(nodes(snapshot(), 40)) == ""
    assert text_of(nodes(snapshot(reading(1, node=None)), 40)) == ""


@given(st.integers(1, 120), st.integers(0, 30))
def test_no_line_is_wider_than_the_screen(width: int, vpses: int) -> None:
    many = snapshot(*(reading(number, node=number, error=LOST) for number in range(vpses)))
    lines = (
        counts(many, width),
        nodes(many, width),
        title(["acme"], vpses, freshness(many, now=BEGIN, every=30), width),
        rule([plain("sorted")], width),
    )
    assert all(width_of(line) <= width for line in lines)


def test_the_title_names_the_panels_and_how_new_it_is() -> None:
    fresh = freshness(snapshot(reading(1)), now=BEGIN + timedelta(seconds=4), every=30.0)
    line = text_of(title(["acme", "b\x1b"], 1, fresh, 60))
    assert line == " acme, b\ufffd   1 VPS          read 4s ago in 0.5 s, every 30 s "
    assert text_of(title(["acme"], None, plain("listing … "), 20)) == " acme     listing … "


@pytest.mark.parametrize(("age", "tone"), [(60.0, Tone.QUIET), (61.0, Tone.WARNING)])
def test_a_look_that_is_late_warns(age: float, tone: Tone) -> None:
    assert freshness(snapshot(), now=BEGIN + timedelta(seconds=age), every=30.0)[0][1] is tone


def test_what_is_known_better_since_takes_the_place_of_what_was_seen() -> None:
    before = snapshot(reading(1), reading(2))
    assert with_newer(before, {}) is before
    after: Snapshot = with_newer(before, {("acme", 2): reading(2, "stopped")})
    assert [each.status and each.status.state for each in after] == ["running", "stopped"]
    assert after.totals == {"running": 1, "stopped": 1}


def test_a_rule_goes_across_the_screen() -> None:
    assert text_of(rule([plain("sorted by ram"), plain("2 selected")], 50)) == (
        "── sorted by ram ── 2 selected ──" + "─" * 17
    )
