"""What the tables hold."""

import pytest

from cvm_async.cli.grids import Tone, list_grid, node_grid, result_grid, status_grid
from cvm_async.errors import CvmError, NodeUnreachableError
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import CombinedTraffic, PowerState, Vps, VpsStatus


def vps(number: int, node: int | None = 1, burst: int | None = None) -> Vps:
    return Vps(
        id=number,
        hostname=f"web-{number}",
        node=node,
        virtualization_type=1,
        guaranteed_ram=512,
        disk_space=10_240,
        cpu_count=2,
        burstable_ram=burst,
    )


def seen(number: int, state: PowerState, node: int = 1) -> Outcome[VpsStatus]:
    status = VpsStatus(state=state, state_text=state.value, ram_used=1024**2, traffic=CombinedTraffic(1000))
    return Outcome(vps(number, node), "panel", status, elapsed=0.25)


def test_a_list_says_what_vpses_are() -> None:
    grid = list_grid([("p", vps(2, burst=1024)), ("p", vps(1))])
    assert [column.title for column in grid.columns] == [
        "ID",
        "HOSTNAME",
        "NODE",
        "RAM",
        "BURST",
        "DISK",
        "CPUS",
        "TRAFFIC",
    ]
    assert [row.cells for row in grid.rows] == [
        ("1", "web-1", "1", "512 MiB", "", "10 GiB", "2", ""),
        ("2", "web-2", "1", "512 MiB", "1.0 GiB", "10 GiB", "2", ""),
    ]


def test_what_the_panel_does_not_tell_is_left_blank() -> None:
    unread = Vps(id=1, hostname="", virtualization_type=None, guaranteed_ram=None, disk_space=None, cpu_count=None)
    assert [row.cells for row in list_grid([("p", unread)]).rows] == [("1", "", "", "", "", "", "", "")]
    status = VpsStatus(state=PowerState.RUNNING, state_text="running", ram_used=1024**2)
    (row,) = status_grid([Outcome(unread, "panel", status)]).rows
    assert row.cells == ("running", "1", "", "", "1.0 MiB", "", "")


def test_a_status_says_what_vpses_do_and_use_those_with_trouble_first() -> None:
    failed = Outcome[VpsStatus](vps(2, None), "panel", error=NodeUnreachableError("gone"))
    assert [row.cells for row in status_grid([seen(1, PowerState.RUNNING), failed]).rows] == [
        ("unreachable", "2", "web-2", "", "", "", ""),
        ("running", "1", "web-1", "1", "1.0 MiB   0%", "", "1.0 kB"),
    ]


def test_results_say_how_long_each_took() -> None:
    done = Outcome[None](vps(1), "panel", elapsed=1.26)
    (row,) = result_grid([done], "stop").rows
    assert (row.cells, row.tone) == (("changed", "1", "web-1", "1", "stopped", "1.3 s"), Tone.GOOD)


def test_nodes_with_trouble_come_first_and_the_others_by_number() -> None:
    outcomes = [seen(1, PowerState.RUNNING, 10), seen(2, PowerState.STOPPED, 9), seen(3, PowerState.RUNNING, 9)]
    failed = Outcome[VpsStatus](vps(4, 11), "panel", error=CvmError("no"))
    grid = node_grid([*outcomes, failed], "status")
    assert [(row.cells, row.tone) for row in grid.rows] == [
        (("11", "1", "1 failed"), Tone.TROUBLE),
        (("9", "2", "1 stopped, 1 running"), Tone.PLAIN),
        (("10", "1", "1 running"), Tone.PLAIN),
    ]


@pytest.mark.parametrize(
    ("state", "tone"),
    [
        (PowerState.RUNNING, Tone.GOOD),
        (PowerState.STOPPED, Tone.WARNING),
        (PowerState.SUSPENDED, Tone.WARNING),
        (PowerState.TERMINATED, Tone.QUIET),
        (PowerState.UNKNOWN, Tone.TROUBLE),
    ],
)
def test_every_state_has_a_tone(state: PowerState, tone: Tone) -> None:
    assert status_grid([seen(1, state)]).rows[0].tone is tone


def test_several_panels_have_a_column_and_one_has_none() -> None:
    one, other = (
        seen(1, PowerState.RUNNING),
        Outcome[VpsStatus](vps(1), "\u202eother", error=NodeUnreachableError("gone")),
    )
    for grid, titles in (
        (status_grid([one, other]), ["STATE", "ID", "HOSTNAME", "PANEL", "NODE"]),
        (result_grid([one, other], "status"), ["RESULT", "ID", "HOSTNAME", "PANEL", "NODE"]),
        (list_grid([("panel", vps(1)), ("\u202eother", vps(1))]), ["ID", "HOSTNAME", "PANEL", "NODE"]),
        (node_grid([one, other], "status"), ["PANEL", "NODE"]),
    ):
        assert [column.title for column in grid.columns][: len(titles)] == titles
        assert {row.cells[titles.index("PANEL")] for row in grid.rows} == {"panel", "\ufffdother"}
    for grid in (status_grid([one]), list_grid([("panel", vps(1))]), node_grid([one, one], "status")):
        assert "PANEL" not in [column.title for column in grid.columns]


def test_a_node_of_one_panel_is_not_that_of_another() -> None:
    elsewhere = Outcome[VpsStatus](vps(9, 1), "other", error=NodeUnreachableError("gone"))
    assert [row.cells for row in node_grid([seen(1, PowerState.RUNNING), elsewhere], "status").rows] == [
        ("other", "1", "1", "1 unreachable"),
        ("panel", "1", "1", "1 running"),
    ]
