"""A rollout that was agreed to is followed: how far it is, what came of each, and where it waits."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from watches import LOST, reading

from cvm_async._api.verbs import Verb
from cvm_async.cli.top.lines.acting import Acting, looking, results_line, told
from cvm_async.cli.top.lines.look import Line, width_of
from cvm_async.errors import NoAnswerError, NotSentError
from cvm_async.fleet.control import Stage, UnderWay
from cvm_async.fleet.outcome import Outcome, Progress
from cvm_async.fleet.plan import PlannedStep, Step
from cvm_async.fleet.report import FleetReport
from cvm_async.models import VpsStatus


class Running:
    """A run, as its control sees it."""

    stage = Stage()

    def __init__(self, *under_way: UnderWay) -> None:
        self._under_way = under_way

    def stop(self, reason: str) -> None:
        """Take note."""

    def under_way(self) -> Iterator[UnderWay]:
        yield from self._under_way


def outcome(number: int, *, node: int | None = 1, error: NotSentError | NoAnswerError | None = None) -> Outcome[object]:
    value = None if error is not None else reading(number, "stopped").status
    return Outcome(reading(number, node=node).vps, "acme", value, error, elapsed=1.5)


def acting(*nodes: int | None) -> Acting:
    steps = [
        PlannedStep(reading(number, node=node).vps, "acme", "https://acme", Step.STOP)
        for number, node in enumerate(nodes, 1)
    ]
    return Acting(Verb.STOP, tuple(steps))


def note(of: Acting, *outcomes: Outcome[object]) -> None:
    for done, each in enumerate(outcomes, 1):
        of.add(Progress(done, len(of.steps), each))


def shown(of: Acting, *, width: int = 74, height: int = 17) -> list[str]:
    lines = of.lines(width=width, height=height)
    assert len(lines) <= height
    assert all(width_of(line) <= width for line in lines)
    return [text_of(line) for line in lines]


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip()


def test_it_shows_how_far_it_is_and_what_came_last() -> None:
    run = acting(1, 1, 2, None)
    note(run, outcome(1), outcome(2, error=NoAnswerError("no answer\x1b", method="POST")))
    lines = shown(run)
    assert lines[:4] == ["Stopping 4 VPSes", "", "━━━━━━━━━━━━────────────  50%   2 of 4", "1 changed   1 unknown"]
    assert lines[5].startswith("────────────   node 2 ")
    assert lines[5].endswith("1 left")
    assert "   node not told " in lines[6]
    assert lines[8] == "vps2.example.net (2) unknown (without an answer) in 1.5 s: no answer\ufffd"
    assert lines[9] == "vps1.example.net (1) changed (stopped) in 1.5 s"


def test_it_tells_what_is_under_way_and_for_how_long() -> None:
    run = acting(1, 1, 2)
    first = UnderWay(reading(1).vps, "acme", "stop", 12.0, 120.0)
    second = UnderWay(reading(3, node=2).vps, "acme", "stop", 3.0, None)
    with ExitStack() as stack:
        stack.enter_context(run.control.over(Running(first)))
        stack.enter_context(run.control.over(Running(second)))
        lines = shown(run)
        assert run.doing() == {("acme", 1): "stopping", ("acme", 2): "queued", ("acme", 3): "stopping"}
    assert lines[5].endswith("2 left, 1 under way for 12 s of 120")
    assert lines[6].endswith("1 left, 1 under way for 3 s")


def test_what_is_done_is_no_longer_being_done() -> None:
    run = acting(1, 1)
    note(run, outcome(1))
    assert run.doing() == {("acme", 2): "queued"}
    run.report = report(outcome(1), outcome(2))
    assert run.doing() == {}


def report(*outcomes: Outcome[object]) -> FleetReport[object]:
    return FleetReport("stop", outcomes, 1.5)


def test_it_says_that_it_begins_nothing_new_and_that_it_is_over() -> None:
    run = acting(1)
    assert run.summary == "stop: cut off"
    run.control.stop()
    assert shown(run)[0] == "Beginning nothing new: stopping 1 VPS"
    note(run, outcome(1, error=NotSentError("not begun\x1b")))
    run.report = report(*run.done.values())
    assert run.summary == "stop: 1 failed (not sent on node 1) in 1.5 s"
    lines = shown(run)
    assert lines[0] == "Done: stop 1 VPS"
    assert lines[-1].startswith("1 x not begun\ufffd")


@pytest.mark.parametrize("height", range(1, 20))
def test_it_fits_a_small_terminal(height: int) -> None:
    run = acting(*range(1, 12))
    note(run, *(outcome(number, node=number) for number in range(1, 6)))
    shown(run, width=20, height=height)


def test_results_are_counted_in_their_words() -> None:
    left_alone = Outcome[VpsStatus](reading(3).vps, "acme", reading(3, "stopped").status, skipped=True)
    outcomes = [outcome(1), left_alone, Outcome[VpsStatus](reading(4).vps, "acme", None, LOST)]
    assert text_of(results_line(outcomes, Verb.STOP)) == "1 changed   1 unchanged   1 failed"


def test_a_look_before_a_plan_shows_how_far_it_is() -> None:
    assert [text_of(line) for line in looking("To stop 4 VPSes", None)][2] == "────────────────────────   0%"
    lines = looking("To stop 4 VPSes", Progress(1, 4, outcome(1)))
    assert text_of(lines[2]) == "━━━━━━──────────────────  25%   1 of 4"


def test_afterwards_it_is_told_what_was_done() -> None:
    first, *why = told([report(outcome(1), outcome(2, error=NoAnswerError("gone", method="POST")))])
    assert first.startswith("stop: 1 changed (stopped), 1 unknown")
    assert why == ["1 x gone (VPS 2)"]
