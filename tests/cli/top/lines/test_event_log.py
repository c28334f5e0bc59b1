"""The event log has a line for each change, and one for many alike."""

import pytest
from attrs import evolve
from watches import BEGIN, LOST, reading, snapshot

from cvm_async.cli.top.lines.event_log import EventLog, told, tone_of
from cvm_async.cli.top.lines.look import Line, Tone
from cvm_async.models import PowerState
from cvm_async.watch.changes import changes
from cvm_async.watch.events import (
    Change,
    NodeBack,
    NodeDoubtful,
    NodeUnreachable,
    PanelBack,
    PanelUnreachable,
    StateChanged,
    TrafficCrossed,
    VpsGone,
    VpsReadable,
    VpsUnreadable,
)

VPS = reading(1).vps


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line).strip()


def stopped(*numbers: int) -> list[Change]:
    return [StateChanged("acme", reading(each).vps, PowerState.RUNNING, PowerState.STOPPED) for each in numbers]


def test_few_changes_are_told_one_by_one() -> None:
    assert [text_of(line) for line in told(BEGIN, stopped(1, 2))] == [
        "12:00:00  vps1.example.net (1) on node 1: running -> stopped",
        "12:00:00  vps2.example.net (2) on node 1: running -> stopped",
    ]


def test_many_alike_are_told_in_one_line_and_others_beside_it() -> None:
    gone = VpsGone("acme", VPS)
    assert [text_of(line) for line in told(BEGIN, [*stopped(*range(1, 8)), gone])] == [
        "12:00:00  7 VPSes: running -> stopped",
        "12:00:00  vps1.example.net (1) on node 1: gone",
    ]


def test_of_several_panels_each_is_named_once() -> None:
    lost = NodeUnreachable("acme", 1, 1, "gone")
    few, many = stopped(1), stopped(*range(1, 8))
    lines = [text_of(line) for each in (few, many, [lost]) for line in told(BEGIN, each, panels=True)]
    assert lines == [
        "12:00:00  acme: vps1.example.net (1) on node 1: running -> stopped",
        "12:00:00  acme: 7 VPSes: running -> stopped",
        f"12:00:00  {lost}",
    ]


def test_a_name_that_looks_like_a_line_of_the_log_is_made_safe_and_grouped_all_the_same() -> None:
    named = evolve(VPS, hostname="a: b\x1b")
    several = [evolve(named, id=number) for number in range(1, 8)]
    odd = [StateChanged("acme", vps, PowerState.RUNNING, PowerState.STOPPED) for vps in several]
    assert [text_of(line) for line in told(BEGIN, odd)] == ["12:00:00  7 VPSes: running -> stopped"]
    assert text_of(next(told(BEGIN, odd[:1]))) == "12:00:00  a: b\ufffd (1) on node 1: running -> stopped"


@pytest.mark.parametrize(
    ("change", "tone"),
    [
        (PanelUnreachable("acme", 1, "x"), Tone.TROUBLE),
        (PanelBack("acme", 1), Tone.GOOD),
        (NodeUnreachable("acme", 1, 1, "x"), Tone.TROUBLE),
        (NodeBack("acme", 1, 1), Tone.GOOD),
        (NodeDoubtful("acme", 1, 25), Tone.WARNING),
        (VpsUnreadable("acme", VPS, "x"), Tone.TROUBLE),
        (VpsReadable("acme", VPS), Tone.GOOD),
        (VpsGone("acme", VPS), Tone.PLAIN),
        (StateChanged("acme", VPS, PowerState.STOPPED, PowerState.RUNNING), Tone.GOOD),
        (StateChanged("acme", VPS, PowerState.RUNNING, PowerState.STOPPED), Tone.WARNING),
        (TrafficCrossed("acme", VPS, "total", None, 0.8, 8, 10), Tone.WARNING),
        (TrafficCrossed("acme", VPS, "total", 0.8, 0.95, 10, 10), Tone.TROUBLE),
        (TrafficCrossed("acme", VPS, "total", 0.8, None, 1, 10), Tone.PLAIN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_good_news_and_bad_news_look_different(change: Change, tone: Tone) -> None:
    assert tone_of(change) is tone


def test_what_happened_to_one_vps_can_be_asked_for() -> None:
    log = EventLog()
    lost = changes(snapshot(reading(1)), snapshot(reading(1, error=LOST), reading(2, error=LOST)))
    log.tell(BEGIN, [*stopped(1, 2), *lost])
    assert [text_of(line) for line in log.of(("acme", 1))] == ["12:00:00  running -> stopped"]


def test_the_last_lines_show_as_many_as_fit() -> None:
    log = EventLog()
    assert text_of(log.latest(width=40, height=3)[0]) == "nothing has changed yet"
    log.say(BEGIN, "one two three four five six seven", Tone.WARNING)
    log.say(BEGIN, "last\x1b")
    assert [text_of(line) for line in log.latest(width=30, height=2)] == ["five six seven", "12:00:00  last\ufffd"]
    assert log.latest(width=30, height=0) == []
