"""What is known of VPSes, as parts of answers; what is not known is left out."""

import pytest
from values import vps
from watches import LOST, status, used

from cvm_async.fleet.outcome import Outcome
from cvm_async.mcp import facts
from cvm_async.mcp.answers import Part
from cvm_async.models import PowerState, Problem, Vps, VpsStatus
from cvm_async.watch.events import NodeUnreachable, StateChanged


def seen(number: int, state: str = "running", node: int | None = 1) -> Outcome[VpsStatus]:
    return Outcome(vps(number, node), "work", status(state))


def unseen(number: int, node: int | None = 1) -> Outcome[VpsStatus]:
    return Outcome(vps(number, node), "work", None, LOST)


def told(part: Part) -> dict[str, object]:
    return part.model_dump(exclude_none=True)


def test_a_vps_is_told_with_what_is_known_of_it() -> None:
    bare = Vps(id=7, hostname="", virtualization_type=1, guaranteed_ram=None, disk_space=None, cpu_count=None)
    assert told(facts.facts("work", bare)) == {"panel": "work", "id": 7, "hostname": ""}


def test_traffic_is_told_without_a_limit_that_is_none() -> None:
    each = Vps(
        id=7,
        hostname="a",
        virtualization_type=1,
        guaranteed_ram=1,
        disk_space=2,
        cpu_count=3,
        traffic=used(5, 0),
        problems=tuple(Problem(f"x{number}", "y", "z") for number in range(12)),
    )
    part = facts.facts("work", each)
    assert part.traffic is not None
    assert [told(use) for use in part.traffic] == [{"direction": "total", "used_bytes": 5}]
    assert part.unread is not None
    assert (len(part.unread), part.unread[-1]) == (11, "and 2 more")


@pytest.mark.parametrize(("word", "text"), [("running", None), ("Frozen\x1b", "Frozen\ufffd")])
def test_the_panels_own_word_is_told_where_it_is_another(word: str, text: str | None) -> None:
    known = {state.value for state in PowerState}
    found = VpsStatus(state=PowerState(word) if word in known else PowerState.UNKNOWN, state_text=word)
    assert facts.status(Outcome(vps(1), "work", found)).state_text == text


def test_one_that_was_not_read_is_told_with_the_reason() -> None:
    part = facts.status(unseen(1))
    assert part.state is None
    assert part.error is not None
    assert part.error.kind == LOST.kind


def test_trouble_is_what_does_not_run_the_worst_first() -> None:
    outcomes = [seen(1), seen(2, "stopped"), unseen(3), seen(4, "suspended")]
    assert [each.vps.id for each in facts.trouble(outcomes)] == [3, 4, 2]
    assert facts.states(each.value for each in outcomes) == {"running": 1, "stopped": 1, "suspended": 1}


def test_nodes_with_most_trouble_come_first() -> None:
    nodes = facts.by_node([seen(1), seen(2, "stopped", 2), seen(3, node=2), unseen(4, 3), seen(5, node=None)])
    assert [each.node for each in nodes] == [3, 2, 1, None]
    assert told(nodes[1]) == {
        "panel": "work",
        "node": 2,
        "vpses": 2,
        "states": {"stopped": 1, "running": 1},
        "not_read": 0,
    }


def test_changes_are_a_line_each_with_what_they_are_about() -> None:
    changed = [
        StateChanged("work", vps(1), PowerState.RUNNING, PowerState.STOPPED),
        NodeUnreachable("work", 3, 12, "no\nanswer"),
    ]
    assert [told(each) for each in facts.changes(changed)] == [
        {
            "kind": "state_changed",
            "what": "vps1.example.net (1) on node 1: running -> stopped",
            "panel": "work",
            "id": 1,
        },
        {
            "kind": "node_unreachable",
            "what": "node 3 of work: unreachable, with 12 VPSes: no answer",
            "panel": "work",
            "node": 3,
        },
    ]


@pytest.mark.parametrize(("count", "said"), [(-1, None), (0, None), (1, "and 1 more"), (9_950, "and 9,950 more")])
def test_what_is_left_out_is_counted(count: int, said: str | None) -> None:
    assert facts.more(count) == said
