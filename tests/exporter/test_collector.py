from datetime import timedelta

import pytest
from panels import fleet_of, session_on
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry
from virtual_time import virtual
from watches import BEGIN, LOST, reading, snapshot

from cvm_async.exporter import FleetCollector
from cvm_async.panel import PanelApp

from .scraped import series, values


def vpses(collector: FleetCollector) -> dict[str, float]:
    return values(collector.collect(), "cvm_vps_up")


def test_before_the_first_look_there_is_nothing_of_a_fleet() -> None:
    assert series(generate_latest(FleetCollector())) == {}


def test_a_vps_that_has_gone_is_gone_and_one_that_was_renamed_is_there_once() -> None:
    collector = FleetCollector()
    collector.take(snapshot(reading(1), reading(2)))
    assert vpses(collector) == {"1": 1, "2": 1}
    collector.take(snapshot(reading(2)))
    assert vpses(collector) == {"2": 1}


def test_each_source_has_its_own_last_look() -> None:
    collector = FleetCollector()
    collector.take(snapshot(reading(1, panel="a")), source="a")
    collector.take(snapshot(reading(2, panel="b")), source="b")
    collector.take(snapshot(reading(3, panel="a")), source="a")
    assert vpses(collector) == {"2": 1, "3": 1}


def test_a_panel_that_is_lost_has_no_vps_until_it_is_looked_at_again() -> None:
    collector = FleetCollector()
    collector.take(snapshot(reading(1)), source="acme")
    collector.lose("acme", LOST)
    assert vpses(collector) == {}
    assert values(collector.collect(), "cvm_panel_up", "panel") == {"acme": 0}
    collector.take(snapshot(reading(1)), source="acme")
    assert vpses(collector) == {"1": 1}
    assert values(collector.collect(), "cvm_panel_up", "panel") == {"acme": 1}


def test_its_age_is_told_at_the_scrape() -> None:
    now = BEGIN
    collector = FleetCollector(now=lambda: now)
    collector.take(snapshot(reading(1)))
    now += timedelta(seconds=42)
    assert values(collector.collect(), "cvm_snapshot_age_seconds", "panel") == {"acme": 42}


def test_a_registry_refuses_two_of_them() -> None:
    registry = CollectorRegistry()
    registry.register(FleetCollector())
    with pytest.raises(ValueError, match="cvm_panel_up"):
        registry.register(FleetCollector())


@virtual
async def test_requests_of_the_sessions_are_counted_until_it_is_closed() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app, name="acme") as session:
        collector = FleetCollector(session)
        await session.status(1)
        collector.close()
        await session.status(1)
        counted = values(collector.collect(), "cvm_calls", "verb")
        assert values(collector.collect(), "cvm_calls_in_flight", "panel") == {"acme": 0}
    assert counted == {"status": 1}


@virtual
async def test_two_panels_of_one_name_are_told_apart_and_two_accounts_of_one_panel_are_not() -> None:
    one, other = PanelApp(vpses=fleet_of(1)), PanelApp(vpses=fleet_of(1))
    async with (
        session_on(one, name="acme") as first,
        session_on(one, name="acme") as second,
        session_on(other, name="acme", url="https://other.example.net") as third,
    ):
        for sessions, panels in (((first, second), {"acme"}), ((first, third), {first.url, third.url})):
            collector = FleetCollector(*sessions)
            assert values(collector.collect(), "cvm_calls_in_flight", "panel").keys() == panels
            collector.close()
