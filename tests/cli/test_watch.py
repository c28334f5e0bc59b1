"""`watch` tells of changes, and of nothing else."""

import asyncio
import json
import threading
from datetime import datetime

import pytest
from watches import LOST, reading, snapshot

from cvm_async.cli.exits import Exit
from cvm_async.cli.watch import overview, trouble
from cvm_async.panel import Power, SimulatedPanel

from .conftest import Cvm, Tty


def test_it_begins_with_what_the_vpses_do() -> None:
    assert overview(snapshot(reading(1), reading(2, "stopped"))) == "1 running, 1 stopped of 2 VPSes in 0.5 s"
    assert overview(snapshot(reading(1, None, error=LOST))) == "none read of 1 VPS in 0.5 s"


def test_at_the_beginning_trouble_is_told_and_what_is_well_is_not() -> None:
    first = snapshot(reading(1), reading(2, None, error=LOST, node=2), reading(3, None, error=LOST, node=2))
    (change,) = trouble(first)
    assert str(change).startswith("node 2 of acme: unreachable, with 2 VPSes")


@pytest.mark.parametrize("as_json", [False, True], ids=["for a person", "as JSON"])
def test_a_change_between_two_polls_is_printed_once(cvm: Cvm, panel: SimulatedPanel, as_json: bool) -> None:  # noqa: FBT001
    """Wait for the first poll; before one of the next, put one VPS into another state."""

    def stop_it() -> None:
        asyncio.run(panel.wait_for(lambda: len(panel.requests) > 1 and panel.requests[1].ended is not None))
        panel.set_power(1, Power.STOPPED)
        polls = len(panel.requests)
        # One that began after the change, and is over.
        asyncio.run(panel.wait_for(lambda: len(panel.requests) > polls + 2))
        panel.set_power(2, Power.STOPPED)

    thread = threading.Thread(target=stop_it)
    thread.start()
    ran = cvm("watch", "1", "--interval", "0.05", "--count", "20", *(["--json"] if as_json else []))
    thread.join()
    assert ran.status == Exit.DONE
    assert ran.err.startswith("1 running of 1 VPS in ")
    *found, line = ran.out.splitlines()
    assert len(found) == as_json
    if as_json:
        told = json.loads(line)
        assert datetime.fromisoformat(told.pop("at")).tzinfo is not None
        assert told == {
            "version": 1,
            "kind": "state_changed",
            "panel": "127.0.0.1",
            "id": 1,
            "hostname": "web-001.example.net",
            "node": 1,
            "before": "running",
            "after": "stopped",
        }
    else:
        at, told_of = line.split(" ", 1)
        assert datetime.fromisoformat(at).tzinfo is not None
        assert told_of == "web-001.example.net (1) on node 1: running -> stopped"


def test_a_lost_node_is_one_line(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.unreachable_node(2, after=0.0, answer="503")
    ran = cvm("watch", "--count", "1")
    (line,) = ran.out.splitlines()
    assert "node 2 of 127.0.0.1: unreachable, with 8 VPSes" in line


def test_a_program_is_told_first_what_there_is(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.unreachable_node(2, after=0.0, answer="503")
    told = [json.loads(line) for line in cvm("watch", "1", "2", "12", "--count", "1", "--json").out.splitlines()]
    assert [each["kind"] for each in told] == ["vps_found"] * 3 + ["node_unreachable"]
    first, lost, stopped, _ = told
    assert {each["version"] for each in told} == {1}
    assert all(datetime.fromisoformat(each["at"]).tzinfo is not None for each in told)
    assert (first["panel"], first["id"], first["node"], first["state"]) == ("127.0.0.1", 1, 1, "running")
    assert datetime.fromisoformat(first["read_at"]).tzinfo is not None
    assert (lost["state"], lost["error_type"], lost["read_at"]) == (None, "NodeUnreachableError", None)
    assert "unreachable" in lost["error"]
    assert stopped["state"] == "stopped"


@pytest.mark.usefixtures("panel")
def test_a_heartbeat_comes_with_each_poll_where_it_is_asked_for(cvm: Cvm) -> None:
    watched = ("watch", "1", "12", "--interval", "0.01", "--count", "2")
    lines = cvm(*watched, "--heartbeat").out.splitlines()
    # However long a poll took.
    told = [line.split(" ", 1)[1].partition(" in ")[0] for line in lines]
    assert told == ["1 running, 1 stopped of 2 VPSes"] * 2
    beats = [json.loads(line) for line in cvm(*watched, "--heartbeat", "--json").out.splitlines()]
    assert [beat["kind"] for beat in beats] == ["vps_found", "vps_found", "heartbeat", "heartbeat"]
    assert beats[-1]["totals"] == {"running": 1, "stopped": 1}
    assert (beats[-1]["failed"], beats[-1]["stale"]) == (0, 0)
    assert cvm(*watched).out == ""


@pytest.mark.parametrize("tty", [False, True], ids=["to a file", "to a person"])
def test_a_person_is_told_the_time_of_day_and_a_file_the_date_too(
    cvm: Cvm,
    panel: SimulatedPanel,
    monkeypatch: pytest.MonkeyPatch,
    tty: bool,  # noqa: FBT001 - a table
) -> None:
    panel.unreachable_node(2, after=0.0, answer="503")
    out = Tty()
    if tty:
        monkeypatch.setattr("sys.stdout", out)
    ran = cvm("watch", "2", "--count", "1")
    at = (out.getvalue() or ran.out).split(" ", 1)[0]
    assert len(at) == (len("12:00:00") if tty else len("2026-01-31T12:00:00+00:00"))
