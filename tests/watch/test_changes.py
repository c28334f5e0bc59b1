import json
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st
from watches import LOST, reading, snapshot, split, used

from cvm_async.errors import (
    ConfigurationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PanelError,
    VpsNotFoundError,
)
from cvm_async.models import CombinedTraffic
from cvm_async.watch.changes import changes
from cvm_async.watch.picture import Picture
from cvm_async.watch.snapshot import Reading, Snapshot

BROKE = PanelError("the panel broke", status_code=500)
WAITING = NodeUnreachableError("2 calls to node 1 are still unanswered", may_be_panel=True)
GONE = VpsNotFoundError("no such VPS", status_code=200, errors=("The specified VPS ID does not exist.",))
ASKED = NoAnswerError("no answer within 15 s", timed_out=True, attempts=1)
SILENT = NoAnswerError("no whole answer", timed_out=True)
REFUSED = NotSentError("connection refused")
ODD = DecodeError("not understood")


def told(before: Snapshot, after: Snapshot) -> list[str]:
    return [str(change) for change in changes(before, after)]


def three(*errors: CvmError | None, panel: str = "acme", node: int = 1, state: str = "running") -> list[Reading]:
    return [reading(number, state, error=error, panel=panel, node=node) for number, error in enumerate(errors, 1)]


WELL = snapshot(*three(None, None, None), reading(4, node=2))


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(WELL, WELL, [], id="nothing"),
        pytest.param(
            WELL,
            snapshot(*three(None, None, None), reading(4, "stopped", node=2)),
            ["vps4.example.net (4) on node 2: running -> stopped"],
            id="a state",
        ),
        pytest.param(
            WELL,
            snapshot(*three(None, None, None), reading(4, node=2), reading(5, "stopped")),
            ["vps5.example.net (5) on node 1: new, stopped"],
            id="a new VPS",
        ),
        pytest.param(
            WELL,
            snapshot(*three(None, None, None), reading(4, node=2), reading(5, None, node=None, error=ODD)),
            ["vps5.example.net (5): new, not read yet", "vps5.example.net (5): cannot be read: not understood"],
            id="a new VPS that cannot be read",
        ),
        pytest.param(
            WELL, snapshot(*three(None, None, None)), ["vps4.example.net (4) on node 2: gone"], id="a VPS is gone"
        ),
        pytest.param(
            WELL,
            snapshot(*three(None, None, None), reading(4, node=1)),
            ["vps4.example.net (4) on node 1: moved from node 2 to node 1"],
            id="a VPS has moved",
        ),
        pytest.param(
            WELL,
            snapshot(*three(SILENT, LOST, LOST), reading(4, node=2)),
            ["node 1 of acme: unreachable, with 3 VPSes: the host node of the VPS is unreachable"],
            id="a lost node is one event",
        ),
        pytest.param(
            snapshot(*three(SILENT, LOST, LOST), reading(4, node=2)),
            WELL,
            ["node 1 of acme: back, with 3 VPSes"],
            id="a node is back",
        ),
        pytest.param(
            WELL,
            snapshot(*three(REFUSED, REFUSED, SILENT), reading(4, node=2, error=REFUSED)),
            ["panel acme: unreachable, with 4 VPSes: connection refused"],
            id="a lost panel is one event",
        ),
        pytest.param(
            snapshot(*three(REFUSED, REFUSED, REFUSED), reading(4, node=2, error=REFUSED)),
            snapshot(*three(None, None, None), reading(4, node=2, error=LOST)),
            [
                "panel acme: back, with 4 VPSes",
                "node 2 of acme: unreachable, with 1 VPS: the host node of the VPS is unreachable",
            ],
            id="a panel is back without one of its nodes",
        ),
        pytest.param(
            snapshot(*three(LOST, LOST, LOST), reading(4, node=2)),
            snapshot(*three(REFUSED, REFUSED, REFUSED), reading(4, node=2, error=REFUSED)),
            ["panel acme: unreachable, with 4 VPSes: connection refused"],
            id="a lost panel says nothing of its nodes",
        ),
        pytest.param(
            WELL,
            snapshot(*three(WAITING, WAITING, ASKED), reading(4, node=2, error=WAITING)),
            ["panel acme: unreachable, with 4 VPSes: no answer within 15 s"],
            id="calls that are out everywhere are the panel's trouble",
        ),
        pytest.param(
            WELL,
            snapshot(*three(LOST, LOST, LOST), reading(4, node=2, error=WAITING)),
            [
                "node 1 of acme: unreachable, with 3 VPSes: the host node of the VPS is unreachable",
                "node 2 of acme: unreachable, with 1 VPS: 2 calls to node 1 are still unanswered",
            ],
            id="not where the panel says itself that a node is lost",
        ),
        pytest.param(
            WELL,
            snapshot(*three(BROKE, ODD, BROKE), reading(4, node=2)),
            ["node 1 of acme: unreachable, with 3 VPSes: the panel broke"],
            id="a panel that breaks over each VPS of a node",
        ),
        pytest.param(
            WELL,
            snapshot(*three(None, None, None), reading(4, node=2, error=BROKE)),
            ["vps4.example.net (4) on node 2: cannot be read: the panel broke"],
            id="over the only one of a node: perhaps its own trouble",
        ),
        pytest.param(
            WELL,
            snapshot(*three(GONE, GONE, GONE), reading(4, node=2, error=GONE)),
            [
                f"vps{number}.example.net ({number}) on node {node}: cannot be read: no such VPS"
                for number, node in ((1, 1), (2, 1), (3, 1), (4, 2))
            ],
            id="a panel that knows none of them any more is there",
        ),
        pytest.param(
            WELL,
            snapshot(*three(None, ODD, None), reading(4, node=2)),
            ["vps2.example.net (2) on node 1: cannot be read: not understood"],
            id="one VPS by itself",
        ),
        pytest.param(
            snapshot(*three(None, ODD, None), reading(4, node=2)),
            WELL,
            ["vps2.example.net (2) on node 1: can be read again"],
            id="it can be read again",
        ),
        pytest.param(
            snapshot(*three(None, ODD, None), reading(4, node=2)),
            snapshot(*three(SILENT, ODD, LOST), reading(4, node=2)),
            ["node 1 of acme: unreachable, with 3 VPSes: no whole answer"],
            id="a node stands for the VPSes on it",
        ),
        pytest.param(
            snapshot(*three(LOST, LOST, LOST), reading(4, node=2)),
            snapshot(reading(4, node=2)),
            [f"vps{number}.example.net ({number}) on node 1: gone" for number in (1, 2, 3)],
            id="a node without VPSes is neither lost nor back",
        ),
        pytest.param(
            snapshot(reading(1, error=REFUSED), reading(1, panel="other")),
            snapshot(reading(1, panel="other")),
            ["vps1.example.net (1) on node 1: gone"],
            id="nor is a panel",
        ),
    ],
)
def test_what_happened_is_told_once(before: Snapshot, after: Snapshot, lines: list[str]) -> None:
    assert told(before, after) == lines


@pytest.mark.parametrize("thresholds", [(80, 95), ("0.8",), (0.0,), (True,), (float("nan"),), 0.8, None, "80%"])
def test_thresholds_that_are_no_shares_are_refused(thresholds: Sequence[float]) -> None:
    with pytest.raises(ConfigurationError, match="thresholds must be shares of a limit"):
        changes(WELL, WELL, thresholds=thresholds)


def with_traffic(total: int | None) -> Snapshot:
    return snapshot(reading(1, traffic=CombinedTraffic(total), limit=used(0, 1000)))


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (700, 800, ["traffic is at 80% of its limit or more"]),
        (700, 990, ["traffic is at 95% of its limit or more"]),
        (800, 949, []),
        (800, 5000, ["traffic is at 95% of its limit or more"]),
        (990, 900, ["traffic is below 95% of its limit again"]),
        (990, 0, ["traffic is below 95% of its limit again"]),
        (990, None, ["traffic can no longer be compared with its limit"]),
        (None, 990, ["traffic is at 95% of its limit or more"]),
    ],
)
def test_traffic_that_crosses_a_threshold_is_told(before: int | None, after: int | None, lines: list[str]) -> None:
    assert [line.partition(": ")[2] for line in told(with_traffic(before), with_traffic(after))] == lines


def test_each_direction_has_its_own_thresholds() -> None:
    limits = split(0, 0, {"in_limit": 1000, "out_limit": 1000})
    before = snapshot(reading(1, traffic=split(0, 0), limit=limits))
    after = snapshot(reading(1, traffic=split(900, 960), limit=limits))
    assert [line.partition(": ")[2] for line in told(before, after)] == [
        "incoming traffic is at 80% of its limit or more",
        "outgoing traffic is at 95% of its limit or more",
    ]


def test_thresholds_are_the_callers_to_choose() -> None:
    assert not changes(with_traffic(700), with_traffic(990), thresholds=())
    (change,) = changes(with_traffic(400), with_traffic(600), thresholds=(0.5,))
    assert change.to_dict() == {
        "kind": "traffic_crossed",
        "panel": "acme",
        "id": 1,
        "hostname": "vps1.example.net",
        "node": 1,
        "direction": "total",
        "before": None,
        "after": 0.5,
        "used": 600,
        "limit": 1000,
    }


def test_a_panel_that_is_gone_is_one_event_for_thousands() -> None:
    before = snapshot(*(reading(number, node=number % 20) for number in range(1, 5001)))
    after = snapshot(*(reading(number, node=number % 20, error=REFUSED) for number in range(1, 5001)))
    assert told(before, after) == ["panel acme: unreachable, with 5,000 VPSes: connection refused"]


def test_text_of_a_panel_is_safe_to_print() -> None:
    after = snapshot(reading(1, panel="a\x1b[31m", error=NotSentError("no\nway")))
    (line,) = told(snapshot(reading(1, panel="a\x1b[31m")), after)
    assert line.isprintable()


readings = st.builds(
    reading,
    st.integers(1, 6),
    st.sampled_from([None, "running", "stopped", "unknown"]),
    node=st.sampled_from([None, 1, 2]),
    panel=st.sampled_from(["acme", "other"]),
    error=st.sampled_from([None, None, LOST, SILENT, REFUSED, ODD, BROKE, WAITING, GONE]),
    traffic=st.sampled_from([None, used(10), used(850), used(990), split(850, 990)]),
    limit=st.sampled_from([None, used(0, 1000), split(0, 0, {"in_limit": 1000, "out_limit": 1000})]),
)
snapshots = st.lists(readings, max_size=8, unique_by=lambda each: each.key).map(lambda each: snapshot(*each))


@given(snapshots, snapshots)
def test_applying_the_changes_to_before_gives_after(before: Snapshot, after: Snapshot) -> None:
    found = changes(before, after)
    assert Picture.of(before).apply(found) == Picture.of(after)
    json.dumps([change.to_dict() for change in found])
    assert all(str(change).isprintable() for change in found)


@given(snapshots)
def test_a_snapshot_differs_from_itself_in_nothing(one: Snapshot) -> None:
    assert changes(one, one) == ()


def node_of(states: Sequence[str], *, node: int = 3, first: int = 1) -> list[Reading]:
    return [reading(number, state, node=node) for number, state in enumerate(states, first)]


DOUBTFUL = "node 3 of acme reports all stopped: doubtful, with {} VPSes"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param(["running"] * 25, ["stopped"] * 25, [DOUBTFUL.format(25)], id="all of 25"),
        pytest.param(["running"] * 3 + ["stopped"], ["stopped"] * 4, [DOUBTFUL.format(4)], id="all that were left"),
        pytest.param(["running"] * 3 + ["suspended"], ["stopped"] * 4, [DOUBTFUL.format(4)], id="one suspended before"),
    ],
)
def test_a_node_that_seems_to_have_stopped_as_a_whole_is_one_event(
    before: list[str], after: list[str], lines: list[str]
) -> None:
    other = node_of(["running", "stopped"], node=4, first=100)
    assert told(snapshot(*node_of(before), *other), snapshot(*node_of(after), *other)) == lines


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        pytest.param(["running"] * 2, ["stopped"] * 2, 2, id="two alone"),
        pytest.param(["running"] * 25, ["stopped"] * 24 + ["running"], 24, id="all but one"),
        pytest.param(["running"] * 2 + ["stopped"] * 9, ["stopped"] * 11, 2, id="the last two"),
        pytest.param(["stopped"] * 25, ["stopped"] * 25, 0, id="stopped before"),
        pytest.param(["stopped"] * 4, ["running"] * 4, 4, id="back again"),
        pytest.param(["running"] * 4, ["suspended"] * 4, 4, id="suspended"),
    ],
)
def test_what_may_well_be_so_is_told_vps_by_vps(before: list[str], after: list[str], count: int) -> None:
    lines = told(snapshot(*node_of(before)), snapshot(*node_of(after)))
    assert len(lines) == count
    assert not any("doubtful" in line for line in lines)


def test_where_one_of_them_could_not_be_read_it_is_another_matter() -> None:
    after = [*node_of(["stopped"] * 4), reading(5, "stopped", node=3, error=BROKE)]
    lines = told(snapshot(*node_of(["running"] * 5)), snapshot(*after))
    assert not any("doubtful" in line for line in lines)


def test_what_it_stands_for_is_known_afterwards() -> None:
    before = snapshot(*node_of(["running"] * 4), *node_of(["running"], node=4, first=100))
    after = snapshot(*node_of(["stopped"] * 4), *node_of(["running"], node=4, first=100))
    assert Picture.of(before).apply(changes(before, after)) == Picture.of(after).tidy()
