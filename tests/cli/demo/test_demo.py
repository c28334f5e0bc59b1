"""The demonstration shows what it measured, and checks itself against the panel's ledger."""

import json

import pytest
from virtual_time import run_virtual

from cli.conftest import Cvm
from cvm_async.cli.demo import demo
from cvm_async.cli.demo.by_hand import Tally
from cvm_async.cli.demo.narration import Comparison
from cvm_async.cli.demo.scenario import Scenario
from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel, Verb, bad_gateway


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch, no_sockets: None) -> None:  # noqa: ARG001 - it is in force
    """Show the demonstration on a clock that does not depend on the machine."""
    monkeypatch.setattr("asyncio.run", run_virtual)


def test_it_tells_the_story_with_its_figures(cvm: Cvm) -> None:
    ran = cvm("demo")
    assert ran.status == Exit.DONE
    story = " ".join(ran.out.split())
    for part in (
        "A simulated one serves 200 VPSes on 8 nodes at https://panel-0.example.net",
        "200 calls take 1.0 s at least.",
        "Node 4 hangs",
        "Node 7 cannot be",
        "1. How is the fleet? One call for each VPS, 16 at a time",
        "The 150 statuses were there after ",
        "So 2 of the panel's 8 workers are stuck",
        "Stopping: 20 stopped in ",
        "Starting: 20 running in ",
        "each of the 20 was stopped once and started once, and nothing else was touched.",
        "cvm_async 150 of 200 in ",
    ):
        assert part in story
    assert ran.err.startswith("Measuring the same poll")
    assert max(map(len, ran.out.splitlines())) <= 80


def test_as_json_it_gives_the_figures_and_nothing_else(cvm: Cvm) -> None:
    told = json.loads(cvm("demo", "--json").out)
    assert told["ledger_agrees"] is True
    assert (told["stop"]["ok"], told["start"]["ok"]) == (20, 20)
    by_hand, without_cookie = told["comparison"][1:]
    well = [row["all_nodes_well"] for row in told["comparison"]]
    assert [row["read"] for row in well] == [200, 200, 200]
    # The cookie lock: eight workers do no more than one.
    assert well[1]["elapsed"] > 7 * well[0]["elapsed"]
    for row in (by_hand, without_cookie):
        assert row["two_nodes_sick"]["read"] < 50
        assert row["two_nodes_sick"]["workers_stuck"] == 8


class Broken(Scenario):
    """A panel that answers no status."""

    def panel(self, *, sick: bool) -> SimulatedPanel:
        panel = super().panel(sick=sick)
        panel.inject(bad_gateway(after_action=True), verb="status", times=None)
        return panel


def test_where_nothing_can_be_read_it_moves_nothing_and_goes_on(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SCENARIO", Broken())
    ran = cvm("demo")
    assert ran.status == Exit.DONE
    assert "The 0 statuses were there after 0.0 s, 0 a second" in ran.out.replace("\n", " ")


def test_where_the_ledger_shows_something_else_it_says_so_and_fails(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object) -> bool:
        return False

    async def nothing(*_: object) -> list[Comparison]:
        return [Comparison(client, Tally(1, 1.0), Tally(1, 1.0)) for client in ("cvm_async", "by hand", "without")]

    monkeypatch.setattr(demo, "ledger_agrees", no)
    monkeypatch.setattr(demo, "compare", nothing)
    ran = cvm("demo")
    assert ran.status == Exit.FAILED
    assert "it does NOT agree" in ran.out.replace("\n", " ")


@pytest.mark.parametrize(
    ("actions", "agrees"),
    [
        ([(1, Verb.STOP), (2, Verb.STOP), (2, Verb.START), (1, Verb.START)], True),
        ([(1, Verb.STOP), (1, Verb.START)], False),
        ([(1, Verb.STOP), (2, Verb.STOP), (2, Verb.START), (1, Verb.START), (1, Verb.START)], False),
        ([(1, Verb.STOP), (2, Verb.STOP), (2, Verb.START), (1, Verb.START), (3, Verb.RESTART)], False),
    ],
    ids=["as it should be", "one left out", "one started twice", "another touched"],
)
def test_the_ledger_agrees_only_if_each_was_stopped_and_started_once(
    actions: list[tuple[int, Verb]],
    agrees: bool,  # noqa: FBT001 - a table
) -> None:
    assert demo.ledger_agrees(actions, [1, 2]) is agrees
