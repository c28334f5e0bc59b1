"""The words fit a narrow terminal, and say what the figures say."""

import io

import pytest
from rich.console import Console
from values import vps

from cvm_async.cli.demo.by_hand import Tally
from cvm_async.cli.demo.narration import Comparison, Narration
from cvm_async.cli.demo.scenario import Scenario
from cvm_async.cli.output.look import AS_JSON, TABLE
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import NodeUnreachableError
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport
from cvm_async.models import VpsStatus

SCENARIO = Scenario(vpses=1200, nodes=6, moved=2, cost=0.05, workers=10)
"""Node 3 hangs and node 5 cannot be reached."""


class Told:
    """A narration, and what was told."""

    def __init__(self, *, json: bool = False) -> None:
        out, err = (Console(file=io.StringIO(), width=120) for _ in range(2))
        self.terminal = Terminal(out, err, AS_JSON if json else TABLE)
        self.narration = Narration(self.terminal, SCENARIO)

    @property
    def text(self) -> str:
        file = self.terminal.out.file
        assert isinstance(file, io.StringIO)
        return file.getvalue()

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def moved(verb: str, seconds: float) -> FleetReport[VpsStatus | None]:
    return FleetReport(verb, tuple(Outcome[VpsStatus | None](vps(n), "panel") for n in (1, 2)), seconds)


def test_the_introduction_tells_the_figures_of_what_is_simulated_in_lines_that_fit() -> None:
    told = Told()
    told.narration.introduce("http://127.0.0.1:8000")
    for part in (
        "serves 1,200 VPSes on 6 nodes at http://127.0.0.1:8000",
        "A call costs it 50 ms, and it works on 10 at a time, so that 1,200 calls take 6.0 s at least.",
        "Node 3 hangs",
        "Node 5 cannot be reached; the panel says so, after 0.5 s.",
    ):
        assert part in told.words
    assert max(map(len, told.text.splitlines())) <= 78


def test_a_poll_is_told_with_how_many_were_asked_about_on_the_sick_nodes() -> None:
    told = Told()
    error = NodeUnreachableError("node 3 does not answer")
    outcomes = (
        Outcome[VpsStatus](vps(1, node=1), "panel"),
        Outcome[VpsStatus](vps(2, node=3), "panel", error=error),
        Outcome[VpsStatus](vps(3, node=5), "panel", error=error, skipped=True),
    )
    told.narration.tell_poll(FleetReport("status", outcomes, 3.0), 0.5, 1)
    assert "The 1 statuses were there after 0.5 s, 2 a second." in told.words
    assert "Of the 2 VPSes on the sick nodes it asked about 1" in told.words
    assert "So 1 of the panel's 10 workers are stuck" in told.words


@pytest.mark.parametrize(
    ("agrees", "verdict"),
    [(True, "each of the 2 was stopped once and started once"), (False, "it does NOT agree")],
    ids=["it agrees", "it does not"],
)
def test_the_ledgers_verdict_is_told(agrees: bool, verdict: str) -> None:  # noqa: FBT001 - a table
    told = Told()
    told.narration.tell_move(moved("stop", 4.0), moved("start", 0.0), agrees=agrees)
    assert verdict in told.words
    assert "which is 0 a second." in told.words


def test_clients_are_compared_with_how_many_times_as_long_the_other_takes() -> None:
    told = Told()
    ours, by_hand = Comparison("cvm_async", Tally(800, 2.0, 1), Tally(1200, 6.0)), Tally(1200, 60.0)
    told.narration.compare([ours, Comparison("by hand", Tally(3, 60.0, 10), by_hand)])
    assert "cvm_async 800 of 1,200 in 2.0 s 1 of 10 1,200 of 1,200 in 6.0 s" in told.words
    assert "it takes 10.0 times as long as ours" in told.words


def test_where_json_is_asked_for_nothing_is_told() -> None:
    told = Told(json=True)
    told.narration.introduce("http://127.0.0.1:8000")
    assert told.text == ""


def test_figures_are_given_as_json_takes_them() -> None:
    figures = Comparison("by hand", Tally(1, 2.0, 3), Tally(4, 5.0)).to_dict()
    assert figures == {
        "client": "by hand",
        "two_nodes_sick": {"read": 1, "elapsed": 2.0, "workers_stuck": 3},
        "all_nodes_well": {"read": 4, "elapsed": 5.0, "workers_stuck": 0},
    }
