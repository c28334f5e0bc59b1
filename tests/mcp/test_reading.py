"""The tools that look: in pages, bounded whatever the fleet, and the newest there is."""

import asyncio
import json

import pytest
from assistants import ERAS, Era, assistant
from panels import calls, fleet_of
from virtual_time import virtual

from cvm_async.mcp.texts import NOTE
from cvm_async.panel import Answer, PanelApp, SimulatedVps


def trouble() -> PanelApp:
    """Give 1 and 2 running, 3 stopped, 4 suspended, and 5 on a node that cannot be reached."""
    app = PanelApp(vpses=fleet_of(1, 1, 2, 2, 3))
    app.set_power(3, "stopped")
    app.set_power(4, "suspended")
    app.unreachable_node(3)
    return app


@pytest.mark.parametrize("era", ERAS)
@virtual
async def test_vpses_are_listed_in_pages(era: Era) -> None:
    async with assistant(PanelApp(vpses=fleet_of(*([1] * 7))), era=era, allow_power=False) as here:
        first = await here.value("list_vpses", limit=3)
        assert first["note"] == NOTE
        assert (first["total"], first["next_offset"], first["more"]) == (7, 3, "and 4 more")
        rest = await here.value("list_vpses", offset=first["next_offset"], limit=4)
        assert [each["id"] for each in first["vpses"] + rest["vpses"]] == [1, 2, 3, 4, 5, 6, 7]
        assert "next_offset" not in rest
        assert (await here.value("list_vpses", offset=70))["vpses"] == []


@virtual
async def test_one_vps_is_found_with_all_that_is_known_of_it() -> None:
    async with assistant(trouble()) as here:
        found = await here.value("find_vps", name="vps3")
        assert found["vps"]["hostname"] == "vps3.example.net"
        assert found["vps"]["ram_mb"] == 512
        assert found["status"]["state"] == "stopped"
        lost = await here.value("find_vps", name=5)
        assert lost["status"]["error"]["kind"] == "panel"


@pytest.mark.parametrize(
    ("state", "found"),
    [(None, [5, 4, 3, 1, 2]), ("running", [1, 2]), ("stopped", [3]), ("unread", [5]), ("terminated", [])],
)
@virtual
async def test_statuses_are_told_those_with_trouble_first(state: str | None, found: list[int]) -> None:
    async with assistant(trouble()) as here:
        statuses = await here.value("vps_status", **({} if state is None else {"state": state}))
        assert [each["id"] for each in statuses["vpses"]] == found
        assert statuses["total"] == len(found)
        assert statuses["summary"].startswith("2 running, 1 stopped, 1 suspended, 1 without ")


@virtual
async def test_a_fleet_is_summed_up() -> None:
    async with assistant(trouble()) as here:
        summary = await here.value("fleet_summary")
        assert summary["states"] == {"running": 2, "stopped": 1, "suspended": 1}
        assert (summary["total"], summary["not_read"]) == (5, 1)
        assert [each["node"] for each in summary["nodes"]] == [3, 2, 1]
        assert [each["id"] for each in summary["trouble"]] == [5, 4, 3]
        assert summary["reasons"][0].startswith("1 x ")
        assert list(here.told[-1]) == [5, 5]
        one = await here.value("fleet_summary", node=1)
        assert (one["total"], one["trouble"]) == (2, [])
        assert "reasons" not in one


@virtual
async def test_what_is_different_is_told_to_each_by_its_own_cursor() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2))
    async with assistant(app) as here:
        first = await here.value("changes_since")
        assert (first["total"], first["states"], first["not_read"]) == (0, {"running": 3}, 0)
        assert "since" not in first
        app.set_power(1, "stopped")
        second = await here.value("changes_since", cursor=first["cursor"])
        assert [each["what"] for each in second["changes"]] == ["vps1.example.net (1) on node 1: running -> stopped"]
        app.remove_vps(2)
        app.add_vps(SimulatedVps(id=8, node=1, hostname="new"))
        # A list of this very moment is not asked for again.
        await asyncio.sleep(1)
        third = await here.value("changes_since", cursor=second["cursor"])
        assert [each["kind"] for each in third["changes"]] == ["vps_gone", "vps_appeared"]
        assert (await here.value("changes_since", cursor=first["cursor"]))["total"] == 3
        assert (await here.value("changes_since", cursor=third["cursor"]))["total"] == 0


@virtual
async def test_a_panel_that_is_lost_between_two_looks_is_a_change_and_its_vpses_are_not_gone() -> None:
    app, other = PanelApp(vpses=fleet_of(1, 1)), PanelApp(vpses=fleet_of(1))
    async with assistant(app, other) as here:
        first = await here.value("changes_since")
        other.inject(Answer(status=500), times=None)
        second = await here.value("changes_since", cursor=first["cursor"])
        assert [each["kind"] for each in second["changes"]] == ["panel_unreachable"]
        assert (second["states"], second["not_read"]) == ({"running": 3}, 1)


@virtual
async def test_a_cursor_that_is_not_remembered_is_none() -> None:
    async with assistant(trouble()) as here:
        first = (await here.value("changes_since"))["cursor"]
        for _ in range(8):
            await here.value("changes_since")
        assert (await here.problem("changes_since", cursor=first))["kind"] == "unknown_cursor"
        assert (await here.problem("changes_since", cursor="\x1b"))["message"].startswith("'\ufffd' is no cursor")


@virtual
async def test_the_answers_for_a_large_fleet_fit_and_say_how_many_more_there_are() -> None:
    app = PanelApp(
        vpses=[SimulatedVps(id=each, node=each % 90, hostname="é" * 253, power="stopped") for each in range(1, 301)]
    )
    async with assistant(app) as here:
        cursor = (await here.value("changes_since"))["cursor"]
        for each in range(1, 301):
            app.set_power(each, "stopped" if each % 2 else "suspended")
        asked = {
            "list_vpses": {"limit": 500},
            "vps_status": {"limit": 500},
            "fleet_summary": {},
            "changes_since": {"cursor": cursor},
        }
        for tool, arguments in asked.items():
            result = await here.call(tool, **arguments)
            assert len(result.model_dump_json()) < 60_000, tool
            assert "more" in json.dumps(result.structured_content), tool


@virtual
async def test_each_call_looks_anew() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with assistant(app) as here:
        for _ in range(2):
            await here.value("vps_status")
    assert (len(calls(app, "list")), len(calls(app, "status"))) == (2, 2)
