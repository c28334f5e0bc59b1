"""A plan is shown before anybody agrees to it: how many by node, which, and what is not possible."""

import pytest
from watches import LOST, reading

from cvm_async._api.verbs import Verb
from cvm_async.cli.top.lines.asking import asked, question
from cvm_async.cli.top.lines.look import Tone, width_of
from cvm_async.fleet.plan import STEPS, Plan, PlannedStep, Step
from cvm_async.models import PowerState
from cvm_async.watch.snapshot import Reading


def plan(verb: Verb, *readings: Reading) -> Plan:
    steps = tuple(
        PlannedStep(
            each.vps,
            each.panel,
            f"https://{each.panel}",
            Step.CANNOT if each.status is None else STEPS.get((verb, each.status.state), Step.CANNOT),
            each.status,
            each.error,
        )
        for each in readings
    )
    return Plan(verb.goal, steps, verb=verb)


def shown(given: Plan, *, width: int = 74, height: int = 17) -> list[str]:
    lines = asked(given, width=width, height=height)
    assert len(lines) <= height
    assert all(width_of(line) <= width for line in lines)
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def test_it_counts_by_node_and_names_whom_it_means() -> None:
    lines = shown(
        plan(
            Verb.STOP,
            reading(1),
            reading(2, node=2),
            reading(3, node=2),
            reading(4, "stopped", node=2),
            reading(5, "suspended", node=None),
            reading(6, None, error=LOST),
        )
    )
    assert lines[:7] == [
        "Stop 3 VPSes on acme?",
        "",
        "                        to stop   stopped already      not possible",
        "node 1                        1                                   1",
        "node 2                        2                 1",
        "node not told                                                     1",
        "all of them                   3                 1                 2",
    ]
    assert lines[8:11] == ["stop vps1.example.net (1)", "stop vps2.example.net (2)", "stop vps3.example.net (3)"]
    assert lines[11] == "not possible: vps5.example.net (5): suspended"
    assert lines[12].startswith("not possible: vps6.example.net (6): the host node of the VPS is unreachab…")


def test_with_many_nodes_those_with_the_most_to_do_show_and_the_totals_come_last() -> None:
    many = [reading(100 * node + each, node=node) for node in range(1, 41) for each in range(node)]
    lines = shown(plan(Verb.STOP, *many))
    assert lines[3].split() == ["node", "40", "40"]
    assert "and 31 more nodes" in lines
    assert lines[lines.index("and 31 more nodes") + 1].split() == ["all", "of", "them", "820"]


def test_several_panels_are_told_apart() -> None:
    lines = shown(plan(Verb.START, reading(1, "stopped"), reading(1, "stopped", panel="other\x1b")))
    assert lines[0] == "Start 2 VPSes on acme, other\ufffd?"
    assert "other\ufffd, node 1                 1" in lines


def test_a_restart_names_what_it_would_start() -> None:
    lines = shown(plan(Verb.RESTART, reading(1), reading(2, "stopped")))
    assert lines[0] == "Restart 2 VPSes on acme?"
    assert "1 VPS of these stopped: a restart starts them" in lines


def test_where_there_is_nothing_to_do_it_says_why() -> None:
    assert shown(plan(Verb.START, reading(1), reading(2, "suspended"))) == [
        "There is nothing to start among 2 VPSes.",
        "",
        "1 VPS: running already",
        "not possible: vps2.example.net (2): suspended",
    ]
    assert shown(plan(Verb.STOP, reading(2, "suspended")))[2:] == ["not possible: vps2.example.net (2): suspended"]


@pytest.mark.parametrize("height", [1, 2, 5, 10])
def test_it_fits_a_small_terminal(height: int) -> None:
    shown(plan(Verb.STOP, *(reading(number, node=number) for number in range(1, 30))), width=20, height=max(height, 9))
    shown(plan(Verb.START, reading(1)), height=height)


def test_names_are_made_safe() -> None:
    given = plan(Verb.STOP, reading(1, panel="a\x1b"))
    assert question(given) == "Stop 1 VPS on a\ufffd?"
    assert asked(given, width=74, height=17)[0] == ((question(given), Tone.STRONG),)
    assert given.wanted is PowerState.STOPPED
