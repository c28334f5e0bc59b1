import json
import pickle

import pytest
from watches import BEGIN, LOST, reading, snapshot, split, used

from cvm_async.models import CombinedTraffic
from cvm_async.watch.changes import changes
from cvm_async.watch.snapshot import Use

SEEN = snapshot(
    reading(1),
    reading(2, "stopped", error=LOST),
    reading(3, None, error=LOST),
    reading(1, panel="other"),
)


def test_it_tells_what_each_vps_does_as_far_as_is_known() -> None:
    assert {key: status.state.value for key, status in SEEN.statuses.items()} == {
        ("acme", 1): "running",
        ("acme", 2): "stopped",
        ("other", 1): "running",
    }
    assert SEEN.totals == {"running": 2, "stopped": 1}
    assert SEEN.failures == {("acme", 2): LOST, ("acme", 3): LOST}
    assert [each.key for each in SEEN.stale] == [("acme", 2)]


def test_it_is_a_collection_of_readings_by_panel_and_id() -> None:
    assert (len(SEEN), SEEN["other", 1].panel, SEEN.get(("other", 2))) == (4, "other", None)


def test_it_pickles_whole() -> None:
    changed = changes(snapshot(), SEEN)
    assert changed
    again = pickle.loads(pickle.dumps(SEEN))
    assert (again.at, len(again), again["acme", 1]) == (BEGIN, 4, SEEN["acme", 1])
    assert pickle.loads(pickle.dumps(changed)) == changed


def test_as_json_it_says_all_that_is_known() -> None:
    told = json.loads(json.dumps(SEEN.to_dict()))
    assert (told["version"], told["at"], told["failed"], told["stale"]) == (1, BEGIN.isoformat(), 2, 1)
    first, second, third, _ = told["readings"]
    assert (first["hostname"], first["state"], first["age"], first["error"]) == (
        "vps1.example.net",
        "running",
        0.0,
        None,
    )
    assert (second["state"], second["stale"], second["error_type"]) == ("stopped", True, "NodeUnreachableError")
    assert (third["state"], third["read_at"], third["stale"]) == (None, None, False)


@pytest.mark.parametrize(
    ("counted", "listed", "uses"),
    [
        pytest.param(None, None, (), id="nothing is told"),
        pytest.param(None, used(5, 10), (Use("total", 5, 10),), id="the list alone tells"),
        pytest.param(used(6), used(5, 10), (Use("total", 6, 10),), id="the status is newer, the limit is the list's"),
        pytest.param(used(6), None, (Use("total", 6, None),), id="a status alone knows no limit"),
        pytest.param(
            split(1, 2), split(0, 0, {"in_limit": 8, "out_limit": 9}), (Use("in", 1, 8), Use("out", 2, 9)), id="split"
        ),
        pytest.param(split(1, 2), used(5, 10), (Use("in", 1, None), Use("out", 2, None)), id="counted in two ways"),
    ],
)
def test_traffic_is_what_is_used_of_what_is_allowed(
    counted: CombinedTraffic | None, listed: CombinedTraffic | None, uses: tuple[Use, ...]
) -> None:
    assert reading(1, traffic=counted, limit=listed).traffic == uses


@pytest.mark.parametrize(
    ("used_bytes", "limit", "share"), [(5, 10, 0.5), (5, None, None), (None, 10, None), (5, 0, None)]
)
def test_a_share_is_told_only_where_both_figures_are(
    used_bytes: int | None, limit: int | None, share: float | None
) -> None:
    assert Use("total", used_bytes, limit).share == share


def test_printed_it_is_one_line() -> None:
    assert str(SEEN) == "4 VPSes at 12:00:00 UTC: 2 running, 1 stopped, 2 not read"
    assert repr(SEEN) == f"<Snapshot of {SEEN}>"
    assert str(snapshot()) == "0 VPSes at 12:00:00 UTC: no status read"
