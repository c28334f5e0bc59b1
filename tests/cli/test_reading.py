"""`list`, `status` and `wait` say how things are, and change nothing."""

import asyncio
import json
from typing import Any

import pytest

from cvm_async import CvmSession, PowerState
from cvm_async.cli.exits import Exit
from cvm_async.panel import Power, SimulatedPanel, SimulatedVps

from .conftest import Cvm, use


def test_a_list_says_what_there_is(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("list")
    lines = ran.out.splitlines()
    assert (ran.status, ran.err) == (Exit.DONE, "")
    assert lines[0].split() == ["ID", "HOSTNAME", "NODE", "RAM", "BURST", "DISK", "CPUS", "TRAFFIC"]
    assert len(lines) == 2 + 24 + 1
    assert lines[-1] == "24 VPSes"
    assert panel.actions == []


def test_a_list_as_json_is_the_list(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("list", "--json", "--match", "web-001*")
    listed = json.loads(ran.out)
    assert (ran.status, ran.err) == (Exit.DONE, "")
    assert (listed["panel"], listed["problems"]) == (panel.host, [])
    assert [vps["hostname"] for vps in listed["vpses"]] == ["web-001.example.net"]


def test_what_of_a_list_cannot_be_read_is_told_and_gives_3(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = SimulatedVps(id=2, extra={"id": "two"})
    with SimulatedPanel(vpses=[SimulatedVps(id=1), broken]) as panel:
        use(monkeypatch, panel)
        listed, whole, one = cvm("list", "--json"), cvm("status"), cvm("status", "1")
    assert [vps["id"] for vps in json.loads(listed.out)["vpses"]] == [1]
    assert len(json.loads(listed.out)["problems"]) == 1
    assert [ran.status for ran in (listed, whole, one)] == [Exit.PARTLY] * 3
    for ran in (listed, whole):
        assert "the panel's list: response.vpses[1]" in ran.err


def test_a_figure_that_cannot_be_read_is_left_blank_and_told(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    with SimulatedPanel(vpses=[SimulatedVps(id=1, ram_used=-1)]) as panel:
        use(monkeypatch, panel)
        ran = cvm("status")
    assert ran.status == Exit.DONE
    assert ran.out.splitlines()[2].split()[:5] == ["running", "1", "vps.example.net", "1", "3.7"]
    assert ran.err == '1 x response.ram_used is "-1", not a whole number (VPS 1)\n'


def test_a_status_shows_trouble_first_and_the_summary_last(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.unreachable_node(2, after=0.0, answer="503")
    panel.set_power(3, Power.SUSPENDED)
    ran = cvm("status", "1", "2", "3", "12")
    lines = ran.out.splitlines()
    assert ran.status == Exit.PARTLY
    assert [line.split()[0] for line in lines[2:6]] == ["unreachable", "suspended", "stopped", "running"]
    assert lines[6].startswith("1 x the host node of the VPS is unreachable")
    assert lines[7].startswith("1 running, 1 suspended, 1 stopped, 1 unreachable on node 2 in ")


def test_without_ids_a_status_is_that_of_all(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("status")
    assert ran.status == Exit.DONE
    assert ran.out.splitlines()[-1].startswith("22 running, 2 stopped in ")
    assert len(panel.requests) == 25


def test_a_status_by_node_is_a_line_a_node(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.unreachable_node(2, after=0.0, answer="503")
    lines = cvm("status", "--nodes").out.splitlines()
    assert [line.split()[:4] for line in lines[2:5]] == [
        ["2", "8", "8", "unreachable"],
        ["1", "8", "8", "running"],
        ["3", "8", "2", "stopped,"],
    ]


def test_a_status_as_json_is_the_report(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.unreachable_node(2, after=0.0, answer="503")
    ran = cvm("status", "1", "2", "--json")
    report = json.loads(ran.out)
    assert (ran.status, ran.err) == (Exit.PARTLY, "")
    assert [(each["id"], each["state"], each["error_type"]) for each in report["outcomes"]] == [
        (1, "running", None),
        (2, None, "NodeUnreachableError"),
    ]


def without_times(told: dict[str, Any]) -> dict[str, Any]:
    for each in (told, *told.get("outcomes", ())):
        each.pop("elapsed", None)
        each.pop("summary", None)
    return told


async def told_by_the_library(panel: SimulatedPanel) -> dict[str, dict[str, Any]]:
    async with CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token) as session:
        vpses, fleet = await session.list_vpses(), await session.fleet()
        return {
            "list": {
                **vpses.to_dict(),
                "vpses": [{"panel": session.name, **vps.to_dict()} for vps in vpses],
                "panel": session.name,
            },
            "status": (await fleet.status()).to_dict(),
            "stop --all --dry-run": (await fleet.plan(PowerState.STOPPED)).to_dict(),
            "restart --all --dry-run": (await fleet.plan("restart")).to_dict(),
        }


def test_as_json_the_command_line_says_what_the_library_says(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    vpses = [
        SimulatedVps(id=1, extra={"guaranteed_ram": "much", "location": "Roubaix, France"}),
        SimulatedVps(id=2, shown_as="migrating"),
        SimulatedVps(id=3, node=2),
    ]
    with SimulatedPanel(vpses=vpses) as panel:
        panel.unreachable_node(2, after=0.0)
        use(monkeypatch, panel)
        library = asyncio.run(told_by_the_library(panel))
        printed = {command: json.loads(cvm(*command.split(), "--json").out) for command in library}
    for command, told in library.items():
        assert without_times(printed[command]) == without_times(told), command
        assert told["version"] == 1


def test_nothing_that_a_panel_sends_can_command_a_terminal(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = SimulatedVps(id=1, hostname="\x1b]0;x\x07[red]web[/red]\u202e\n", shown_as="\x1b[2J[bold]odd")
    with SimulatedPanel(vpses=[hostile]) as panel:
        use(monkeypatch, panel)
        printed = [
            cvm(*command).out for command in (["list"], ["status"], ["stop", "1", "--dry-run"], ["restart", "1"])
        ]
    for text in printed:
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "[red]web[/red]" in printed[0]
    assert "unknown: �[2J[bold]odd" in printed[1]


def test_a_wait_ends_when_all_are_there(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("wait", "running", "1", "2")
    assert ran.status == Exit.DONE
    assert ran.out.splitlines()[-1].startswith("2 running in ")
    assert panel.actions == []


def test_a_wait_tells_which_are_not_there_and_why(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.set_power(2, Power.SUSPENDED)
    ran = cvm("wait", "running", "1", "2", "12", "--timeout", "0.05", "--interval", "0.02", "--json")
    report = json.loads(ran.out)
    assert ran.status == Exit.PARTLY
    assert [each["error_type"] for each in report["outcomes"]] == [None, "WaitTimeoutError", "WaitTimeoutError"]


def test_a_wait_needs_to_be_told_for_which(cvm: Cvm) -> None:
    assert cvm("wait", "running").status == Exit.USAGE


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize(
    "command",
    ["list --match nothing", "list --state terminated", "status --match nothing", "status --state terminated"],
)
def test_where_nothing_fits_what_only_looks_gives_an_empty_list(cvm: Cvm, command: str) -> None:
    ran = cvm(*command.split(), "--json")
    told = json.loads(ran.out)
    assert (ran.status, told.get("vpses", told.get("outcomes"))) == (Exit.DONE, [])


@pytest.mark.usefixtures("panel")
def test_a_vps_is_described_for_a_person_and_for_a_program(cvm: Cvm) -> None:
    shown = cvm("describe", "web-001")
    assert shown.status == Exit.DONE
    assert shown.out.startswith("web-001.example.net (1)\n  Panel:")
    (told,) = json.loads(cvm("describe", "1", "--json").out)["vpses"]
    assert (told["status"]["state"], told["node_state"]["failures"]) == ("running", 0)


def test_what_cannot_be_read_of_a_vps_is_described_too(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.unreachable_node(1, after=0.01)
    ran = cvm("describe", "1")
    assert ran.status == Exit.FAILED
    assert "not read: " in ran.out


def test_of_a_state_what_cannot_be_looked_at_is_left_out_and_told(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.unreachable_node(1, after=0.01)
    ran = cvm("list", "1-3", "--state", "running", "--json", "--retries", "0")
    assert ran.status == Exit.PARTLY
    assert [vps["id"] for vps in json.loads(ran.out)["vpses"]] == [2, 3]
    assert "1 of 3 VPSes could not be looked at, and are left out:" in ran.err
