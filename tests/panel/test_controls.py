import asyncio
from typing import Any

import attrs
import pytest

from cvm_async.panel import ManualClock, PanelApp, Power, RequestRecord, Reset, SimulatedVps
from panel.callers import without_socket


def test_a_panel_has_200_vpses_on_8_nodes_unless_told() -> None:
    app = PanelApp()
    assert (len(app.world), len(app.world.nodes)) == (200, 8)


def test_a_panel_can_be_given_its_vpses() -> None:
    app = PanelApp(vpses=[SimulatedVps(id=7, node=3)])
    assert [vps.id for vps in app.world] == [7]


@pytest.mark.parametrize(
    "knob",
    [{"nodes": 0}, {"boot_time": -1.0}, {"settle": -0.1}, {"diagnostics": -1}],
    ids=lambda knob: next(iter(knob)),
)
def test_a_knob_that_makes_no_sense_is_refused(knob: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(knob))):
        PanelApp(**knob)


def test_what_is_fixed_cannot_be_set_later() -> None:
    with pytest.raises(attrs.exceptions.FrozenAttributeError):
        PanelApp().boot_time = 3.0


@pytest.mark.parametrize("verb", ["reboot", ""])
def test_a_fault_for_a_verb_that_there_is_not_is_refused(verb: str) -> None:
    with pytest.raises(ValueError, match="not a valid Verb"):
        PanelApp().inject(Reset(), verb=verb)


def test_trouble_for_a_node_that_there_is_not_is_refused() -> None:
    app = PanelApp(vpses=8, nodes=2)
    with pytest.raises(ValueError, match="no VPS is on a node 3"):
        app.hang_node(3)
    with pytest.raises(ValueError, match="no VPS is on a node 0"):
        app.unreachable_node(0)


def test_a_vps_that_there_is_not_has_no_power() -> None:
    with pytest.raises(KeyError):
        PanelApp(vpses=1).power(2)


def test_a_state_set_from_behind_shows_at_once() -> None:
    app = PanelApp(vpses=1, clock=ManualClock())
    app.set_power(1, "suspended")
    assert app.power(1) is Power.SUSPENDED


def test_vpses_can_be_added_and_removed() -> None:
    app = PanelApp(vpses=2)
    app.add_vps(SimulatedVps(id=9))
    app.remove_vps(1)
    assert [vps.id for vps in app.world] == [2, 9]


def a_record(started: float, ended: float | None, node: int | None = 1, *, begun: float | None = None) -> RequestRecord:
    return RequestRecord(
        method="GET",
        path="/",
        verb=None,
        vps=None,
        node=node,
        cookie_sent=False,
        started=started,
        ended=ended,
        begun=begun,
    )


def test_workers_are_busy_from_when_they_take_a_call_until_they_have_ended_it() -> None:
    app = PanelApp(vpses=1)
    app.requests += [a_record(0, 9, begun=0), a_record(0, 9), a_record(0, None), a_record(0, None, node=2, begun=3)]
    assert (app.busy_workers(), app.busy_workers(node=1), app.busy_workers(node=2)) == (1, 0, 1)
    assert (app.peak_busy_workers(), app.peak_busy_workers(node=1)) == (2, 1)
    assert (app.peak_busy_workers(since=9), app.peak_busy_workers(node=1, since=9)) == (1, 0)


def test_the_peak_of_a_node_counts_its_own_requests_only() -> None:
    app = PanelApp(vpses=1)
    app.requests += [a_record(0, 9, node=1), a_record(0, 9, node=2), a_record(1, 9, node=2)]
    assert (app.peak_in_flight(node=1), app.peak_in_flight(node=2), app.peak_in_flight()) == (1, 2, 3)


async def test_one_can_wait_for_what_happens_at_the_panel() -> None:
    app = PanelApp(vpses=3)
    async with without_socket(app) as client, asyncio.timeout(60), asyncio.TaskGroup() as group:
        stopped = group.create_task(app.wait_for(lambda: (2, "stop") in app.actions))
        await client.get("list")
        await asyncio.sleep(0)
        assert not stopped.done()
        await client.post("2/stop")


async def test_a_condition_that_holds_is_not_waited_for() -> None:
    async with asyncio.timeout(60):
        await PanelApp(vpses=1).wait_for(lambda: True)


async def test_who_stops_waiting_disturbs_nobody() -> None:
    app = PanelApp(vpses=1)
    async with without_socket(app) as client:
        waiting = asyncio.ensure_future(app.wait_for(lambda: False))
        await asyncio.sleep(0)
        # Cancelled in the very moment in which the panel tells it that something has happened.
        call = asyncio.ensure_future(client.get("list"))
        await app.wait_for(lambda: len(app.requests) == 1)
        waiting.cancel()
        assert (await call).status_code == 200
    with pytest.raises(asyncio.CancelledError):
        await waiting
