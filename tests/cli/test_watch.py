"""`watch` tells of changes, and of nothing else."""

import asyncio
import json
import threading

import pytest

from cvm_async.cli.exits import Exit
from cvm_async.cli.watch import Change, changes, words
from cvm_async.errors import NodeUnreachableError
from cvm_async.fleet.outcome import Outcome
from cvm_async.models import PowerState, Vps, VpsStatus
from cvm_async.panel import Power, SimulatedPanel

from .conftest import Cvm


def vps(number: int, node: int | None = 1) -> Vps:
    hostname = f"web-{number}\x1b"
    return Vps(
        id=number, hostname=hostname, node=node, virtualization_type=1, guaranteed_ram=1, disk_space=1, cpu_count=1
    )


def seen(number: int, state: PowerState) -> Outcome[VpsStatus]:
    return Outcome(vps(number), "panel", VpsStatus(state=state, state_text=state.value))


def test_only_what_changed_is_told_trouble_first() -> None:
    before = words([seen(number, PowerState.RUNNING) for number in (1, 2, 3)])
    lost = Outcome[VpsStatus](vps(3), "panel", error=NodeUnreachableError("gone"))
    assert changes(before, [seen(1, PowerState.RUNNING), seen(2, PowerState.STOPPED), lost]) == [
        Change(vps(3), "running", "unreachable"),
        Change(vps(2), "running", "stopped"),
    ]


@pytest.mark.parametrize(("node", "place"), [(1, " on node 1"), (None, "")], ids=["told", "not told"])
def test_a_change_reads_as_a_line_that_is_safe_to_print(node: int | None, place: str) -> None:
    change = Change(vps(7, node), "running", "stopped")
    assert str(change) == f"web-7\N{REPLACEMENT CHARACTER} (7){place}: running -> stopped"


@pytest.mark.parametrize("as_json", [False, True], ids=["for a person", "as JSON"])
def test_a_change_between_two_polls_is_printed_once(cvm: Cvm, panel: SimulatedPanel, as_json: bool) -> None:  # noqa: FBT001
    """Wait for the first poll; before the second, put one VPS into another state."""

    def stop_it() -> None:
        asyncio.run(panel.wait_for(lambda: len(panel.requests) > 1 and panel.requests[1].ended is not None))
        panel.set_power(1, Power.STOPPED)

    thread = threading.Thread(target=stop_it)
    thread.start()
    ran = cvm("watch", "1", "--interval", "0.1", "--count", "5", *(["--json"] if as_json else []))
    thread.join()
    assert ran.status == Exit.DONE
    assert ran.err.startswith("1 running in ")
    (line,) = ran.out.splitlines()
    if as_json:
        assert {**json.loads(line), "at": 0} == {
            "version": 1,
            "at": 0,
            "id": 1,
            "hostname": "web-001.example.net",
            "node": 1,
            "before": "running",
            "after": "stopped",
        }
    else:
        assert line[8:] == " web-001.example.net (1) on node 1: running -> stopped"
