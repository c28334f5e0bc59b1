"""A name means one VPS or none, on one panel or another."""

from collections.abc import Mapping
from typing import Any

import pytest
from assistants import assistant, ids
from virtual_time import virtual

from cvm_async.panel import PanelApp, SimulatedVps


def work() -> PanelApp:
    return PanelApp(
        vpses=[
            SimulatedVps(id=1, node=1, hostname="web1.work.example"),
            SimulatedVps(id=2, node=2, hostname="db1.work.example"),
            SimulatedVps(id=3, node=2, hostname="db2.work.example"),
        ]
    )


def home() -> PanelApp:
    return PanelApp(
        vpses=[
            SimulatedVps(id=2, node=2, hostname="web1.home.example"),
            SimulatedVps(id=9, node=3, hostname="nas.home.example"),
        ]
    )


FOUND: Mapping[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
    "all": ({}, [("work", 1), ("work", 2), ("work", 3), ("home", 2), ("home", 9)]),
    "a hostname": ({"names": ["NAS.home.example"]}, [("home", 9)]),
    "one up to its first dot, and an id": ({"names": ["nas", 1]}, [("work", 1), ("home", 9)]),
    "digits are an id": ({"names": ["9"]}, [("home", 9)]),
    "on a panel": ({"names": ["home/web1"]}, [("home", 2)]),
    "an id on a panel": ({"names": ["work/2"]}, [("work", 2)]),
    "one named twice": ({"names": ["work/2", "db1"]}, [("work", 2)]),
    "a pattern": ({"match": "web*"}, [("work", 1), ("home", 2)]),
    "a pattern and a node": ({"match": "*.work.*", "node": 2}, [("work", 2), ("work", 3)]),
    "a panel": ({"panel": "home"}, [("home", 2), ("home", 9)]),
    "without some": ({"panel": "work", "exclude": ["db*"]}, [("work", 1)]),
    "none that fits": ({"match": "mail*"}, []),
}


@pytest.mark.parametrize(("asked", "found"), FOUND.values(), ids=FOUND)
@virtual
async def test_what_is_asked_for_is_found(asked: dict[str, Any], found: list[tuple[str, int]]) -> None:
    async with assistant(work(), home()) as here:
        assert ids((await here.value("list_vpses", **asked))["vpses"]) == found


REFUSED: Mapping[str, tuple[dict[str, Any], str, str]] = {
    "a name of two": ({"names": ["web1"]}, "ambiguous_name", "web1.work.example (1) on work, web1.home.example (2) on"),
    "an id of two": ({"names": [2]}, "ambiguous_name", "2 may be 2 VPSes, take it from the one panel"),
    "nobody's": ({"names": ["mail"]}, "vps_not_found", "no VPS here is called 'mail'"),
    "nearly one": ({"names": ["nas.hmoe.example"]}, "vps_not_found", "did you mean nas.home.example (9) on home?"),
    "nobody's on a panel": ({"names": ["home/db1"]}, "vps_not_found", "no VPS here is called 'db1'"),
    "on no panel": ({"names": ["cellar/db1"]}, "vps_not_found", "no panel here is called 'cellar': work, home"),
    "no panel": ({"panel": "cellar"}, "unknown_panel", "there are work, home"),
    "no name": ({"names": [" "]}, "configuration", "a VPS must be"),
    "many of nobody": ({"names": [f"mail{n}" for n in range(9)]}, "vps_not_found", "; and 4 more"),
    "controls": ({"names": ["\x1b[2J\n"]}, "vps_not_found", "no VPS here is called"),
}


@pytest.mark.parametrize(("asked", "kind", "message"), REFUSED.values(), ids=REFUSED)
@virtual
async def test_what_nobody_or_several_may_be_is_refused(asked: dict[str, Any], kind: str, message: str) -> None:
    async with assistant(work(), home()) as here:
        problem = await here.problem("vps_status", **asked)
        assert problem["kind"] == kind
        assert message in problem["message"]
        assert "\x1b" not in problem["message"]


@virtual
async def test_a_panel_that_is_lost_hides_the_others_only_from_who_names_vpses() -> None:
    lost = home()
    lost.client_api = False
    async with assistant(work(), lost) as here:
        listed = await here.value("list_vpses")
        assert ids(listed["vpses"]) == [("work", 1), ("work", 2), ("work", 3)]
        assert listed["problems"][0].startswith("home is unreadable")
        problem = await here.problem("find_vps", name="web1")
        assert problem["kind"] == "permission_denied"
        assert problem["message"].startswith("home: ")
        assert (await here.problem("plan_power", action="stop", match="web*"))["kind"] == "permission_denied"
        # An empty list would say that nothing is there.
        assert (await here.problem("list_vpses", panel="home"))["kind"] == "permission_denied"


@pytest.mark.parametrize("asked", [{"names": ["work/web1", "work/1"]}, {"panel": "work", "names": ["web1"]}], ids=str)
@virtual
async def test_who_says_the_panel_needs_no_other_one(asked: dict[str, Any]) -> None:
    there, lost = work(), home()
    lost.client_api = False
    async with assistant(there, lost) as here:
        assert ids((await here.value("list_vpses", **asked))["vpses"]) == [("work", 1)]
        plan_id = await here.plan(action="stop", **asked)
        await here.value("apply_plan", plan_id=plan_id)
    assert there.actions == [(1, "stop")]
    assert not lost.requests


@virtual
async def test_where_all_are_lost_nothing_can_be_listed() -> None:
    lost = work()
    lost.client_api = False
    async with assistant(lost) as here:
        assert (await here.problem("list_vpses"))["kind"] == "permission_denied"
