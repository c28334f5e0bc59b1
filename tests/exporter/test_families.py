"""What a snapshot is as metrics: each figure in base units, and what could not be read nowhere."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given, strategies as st
from prometheus_client.exposition import generate_latest
from watches import BEGIN, LOST, reading, snapshot, split, used

from cvm_async import NoAnswerError, Reading, SplitTraffic
from cvm_async.exporter.families import age_family, fleet_families
from cvm_async.exporter.views import views_of
from cvm_async.models import MEBIBYTE

from .scraped import Families, series, values

KNOWN = "cvm_vps_up", "cvm_vps_ram_limit_bytes", "cvm_vps_disk_limit_bytes", "cvm_vps_cpus"
"""What a VPS is, and whether it could be read: told also where it could not."""


def of(name: str, *readings: Reading, label: str = "vps") -> dict[str, float]:
    return values(fleet_families(views_of({"": snapshot(*readings)}, {})), name, label)


def told_of(reading: Reading) -> set[str]:
    text = generate_latest(Families(fleet_families(views_of({"": snapshot(reading)}, {}))))
    return {key.split("'")[1] for key in series(text) if "'vps'" in key}


def test_a_state_is_1_and_the_others_are_0() -> None:
    states = of("cvm_vps_state", reading(1, "stopped"), label="state")
    assert states == {"running": 0, "stopped": 1, "suspended": 0, "terminated": 0, "unknown": 0}


def test_figures_are_in_base_units() -> None:
    vps = evolve(reading(1), vps=evolve(reading(1).vps, guaranteed_ram=512, burstable_ram=0, disk_space=10_240))
    assert of("cvm_vps_ram_limit_bytes", vps) == {"1": 512 * MEBIBYTE}
    assert of("cvm_vps_ram_burst_limit_bytes", vps) == {"1": 0}
    assert of("cvm_vps_disk_limit_bytes", vps) == {"1": 10_240 * MEBIBYTE}
    assert of("cvm_vps_ram_used_bytes", vps) == {"1": 1024}
    assert of("cvm_vps_disk_used_bytes", vps) == {"1": 2048}
    assert of("cvm_vps_cpus", vps) == {"1": 1}
    assert of("cvm_vps_read_timestamp_seconds", vps) == {"1": BEGIN.timestamp()}


@pytest.mark.parametrize(
    ("traffic", "limit", "counted", "allowed"),
    [
        (used(7), used(0, 100), {"total": 7}, {"total": 100}),
        (split(1, 2), SplitTraffic(0, 0, 10, None), {"in": 1, "out": 2}, {"in": 10}),
        (None, used(5, 0), {"total": 5}, {}),
        (SplitTraffic(None, 2), None, {"out": 2}, {}),
        (None, None, {}, {}),
    ],
    ids=["together", "apart", "the list alone", "one direction", "not counted"],
)
def test_traffic_is_told_as_it_is_counted(
    traffic: SplitTraffic | None, limit: SplitTraffic | None, counted: Mapping[str, float], allowed: Mapping[str, float]
) -> None:
    vps = reading(1, traffic=traffic, limit=limit)
    assert of("cvm_vps_traffic_bytes", vps, label="direction") == counted
    assert of("cvm_vps_traffic_limit_bytes", vps, label="direction") == allowed


def test_what_could_not_be_read_now_is_absent_and_what_the_list_told_is_not() -> None:
    stale = reading(1, error=LOST, traffic=used(1), limit=used(1, 2))
    assert told_of(stale) == {*KNOWN, "cvm_vps_read_timestamp_seconds", "cvm_vps_traffic_limit_bytes"}
    assert of("cvm_vps_up", stale, reading(2)) == {"1": 0, "2": 1}


def test_a_vps_that_was_never_read_tells_no_time() -> None:
    assert told_of(reading(1, None, error=LOST)) == {*KNOWN}


def test_a_figure_that_is_none_is_absent() -> None:
    known = reading(1)
    assert known.status is not None
    blind = evolve(
        known,
        status=evolve(known.status, ram_used=None, disk_used=None),
        vps=evolve(known.vps, guaranteed_ram=None, disk_space=None, cpu_count=None),
    )
    assert told_of(blind) == {"cvm_vps_up", "cvm_vps_state", "cvm_vps_read_timestamp_seconds"}


def test_panels_and_nodes_are_up_or_down() -> None:
    found = reading(1), reading(2, node=2, error=LOST), reading(3, panel="b", error=NoAnswerError("silent"))
    assert of("cvm_panel_up", *found, label="panel") == {"acme": 1, "b": 0}
    assert of("cvm_node_up", *found, label="node") == {"1": 1, "2": 0}
    assert of("cvm_snapshot_duration_seconds", *found, label="panel") == {"acme": 0.5, "b": 0.5}


def test_how_old_it_is_is_told_of_what_was_looked_at() -> None:
    views = views_of({"": snapshot(reading(1))}, {"b": LOST})
    later = BEGIN + timedelta(seconds=90)
    assert values([age_family(views, later)], "cvm_snapshot_age_seconds", "panel") == {"acme": 90}
    before = BEGIN - timedelta(seconds=1)
    assert values([age_family(views, before)], "cvm_snapshot_age_seconds", "panel") == {"acme": 0}


@given(st.lists(st.tuples(st.integers(1, 3), st.text(max_size=5), st.text(max_size=2)), max_size=8))
def test_no_series_is_there_twice_whatever_a_panel_says(vpses: list[tuple[int, str, str]]) -> None:
    readings = [
        evolve(reading(number, panel=panel), vps=evolve(reading(number).vps, hostname=hostname))
        for number, hostname, panel in vpses
    ]
    views = views_of({"": snapshot(*readings), "b": snapshot(*readings)}, {})
    found = series(generate_latest(Families(fleet_families(views))))
    assert sum("cvm_vps_up" in key for key in found) == len({each.key for each in readings})
