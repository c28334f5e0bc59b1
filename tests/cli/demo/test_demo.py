"""The demonstration shows what it measured, and checks itself against the panel's ledger."""

import json

import pytest

from cli.conftest import Cvm
from cvm_async.cli.demo import demo
from cvm_async.cli.demo.by_hand import Tally
from cvm_async.cli.demo.narration import Comparison
from cvm_async.cli.demo.scenario import Scenario
from cvm_async.cli.exits import Exit
from cvm_async.panel import Verb

SMALL = Scenario(
    vpses=24, nodes=4, moved=5, cost=0.001, gives_up=0.01, shutdown=0.01, boot=0.01, settle=0.01, timeout=0.5
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SCENARIO", SMALL)


def test_it_tells_the_story_with_its_figures(cvm: Cvm) -> None:
    ran = cvm("demo")
    assert ran.status == Exit.DONE
    for part in (
        "A simulated one serves 24 VPSes on 4 nodes at\nhttp://127.0.0.1:",
        "Node 2 hangs",
        "Node 3 cannot be",
        "1. How is the fleet? One call for each VPS, 16 at a time",
        "Stopping: 5 stopped in ",
        "Starting: 5 running in ",
        "each of the\n5 was stopped once and started once, and nothing else was touched.",
        "cvm_async                 12 of 24 in ",
        "by hand, cookie dropped   12 of 24 in ",
    ):
        assert part in ran.out
    assert ran.err.startswith("Measuring the same poll")
    assert max(map(len, ran.out.splitlines())) <= 80


def test_as_json_it_gives_the_figures_and_nothing_else(cvm: Cvm) -> None:
    told = json.loads(cvm("demo", "--json").out)
    assert told["ledger_agrees"] is True
    assert (told["stop"]["ok"], told["start"]["ok"]) == (5, 5)
    clients = [(row["client"], row["all_nodes_well"]["read"]) for row in told["comparison"]]
    assert clients == [("cvm_async", 24), ("by hand", 24), ("by hand, cookie dropped", 24)]


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
