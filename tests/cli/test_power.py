"""`start`, `stop` and `restart` do what was agreed to, once; the panel's ledger is the witness."""

import asyncio
import json
import signal
import threading
from collections.abc import Callable

import pytest

from cvm_async.cli.exits import Exit
from cvm_async.panel import Answer, Hang, Power, SimulatedPanel, Verb
from cvm_async.panel.records import most_at_once

from .conftest import Cvm, Tty, send_when, use

SitDown = Callable[[str], Tty]


REFUSED = Answer(status=500, body=b'{"errors": ["It cannot be."]}')


def restarts_at_once(panel: SimulatedPanel) -> int:
    return most_at_once((each.started, each.ended) for each in panel.requests if each.verb is Verb.RESTART)


def done(panel: SimulatedPanel) -> list[tuple[int, str]]:
    return sorted((vps_id, str(verb)) for vps_id, verb in panel.actions)


def test_one_vps_is_stopped_without_a_question(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("stop", "1")
    assert ran.status == Exit.DONE
    assert ran.out.splitlines()[-1].startswith("1 stopped in ")
    assert done(panel) == [(1, "stop")]


def test_what_is_there_already_is_left_alone_and_is_no_failure(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("start", "--all", "--wait", "--json")
    report = json.loads(ran.out)
    assert (ran.status, ran.err) == (Exit.DONE, "")
    assert (report["verb"], report["ok"], report["skipped"]) == ("start", 24, 22)
    assert [each["id"] for each in report["outcomes"]] == list(range(1, 25))
    assert {each["state"] for each in report["outcomes"]} == {"running"}
    assert done(panel) == [(12, "start"), (24, "start")]


def test_what_cannot_be_helped_is_a_failure_with_its_reason(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.set_power(1, Power.SUSPENDED)
    panel.unreachable_node(2, after=0.0, answer="503")
    ran = cvm("stop", "1", "2", "3", "--yes")
    assert ran.status == Exit.PARTLY
    assert "1 x not touched: it is suspended (VPS 1)" in ran.out
    assert "1 x the host node of the VPS is unreachable" in ran.out
    assert done(panel) == [(3, "stop")]


def test_where_nothing_can_be_helped_the_status_is_1(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.set_power(1, Power.TERMINATED)
    assert cvm("start", "1").status == Exit.FAILED
    assert panel.actions == []


def test_a_failure_of_the_panel_is_told(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("restart", "1", "2", "--yes")
    assert (ran.status, done(panel)) == (Exit.DONE, [(1, "restart"), (2, "restart")])
    panel.inject(REFUSED, verb="restart", vps=1)
    ran = cvm("restart", "1")
    assert ran.status == Exit.FAILED
    assert "It cannot be." in ran.out
    assert ran.out.splitlines()[-1].startswith("1 failed (on node 1) in ")


def test_a_restart_looks_first_and_touches_nothing_suspended(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.set_power(1, Power.SUSPENDED)
    ran = cvm("restart", "1", "2", "12", "--yes", "--json")
    assert ran.status == Exit.PARTLY
    assert [each["result"] for each in json.loads(ran.out)["outcomes"]] == ["not possible", "changed", "changed"]
    assert "Stopped now, and started by the restart: " in ran.err
    assert done(panel) == [(2, "restart"), (12, "restart")]


def test_a_restart_waits_for_running_if_told_to(cvm: Cvm, panel: SimulatedPanel) -> None:
    report = json.loads(cvm("restart", "1", "--wait", "--json").out)
    assert report["outcomes"][0]["state"] == "running"
    assert done(panel) == [(1, "restart")]


@pytest.mark.parametrize("tokens", [["stop", "1", "2"], ["restart", "--all"], ["stop", "--node", "1"]], ids=" ".join)
def test_where_nobody_can_be_asked_more_than_one_needs_yes(cvm: Cvm, panel: SimulatedPanel, tokens: list[str]) -> None:
    ran = cvm(*tokens)
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert ran.err == f"cvm-async: to {tokens[0]} more than one VPS where nobody can be asked needs --yes\n"
    assert panel.requests == []


def test_a_start_never_asks(cvm: Cvm, panel: SimulatedPanel) -> None:
    assert cvm("start", "12", "24").status == Exit.DONE
    assert done(panel) == [(12, "start"), (24, "start")]


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        ("stop", "  stop 1 on 127.0.0.1, node 1: web-001.example.net (1)"),
        ("restart", "  restart 1 on 127.0.0.1, node 1: web-001.example.net (1)"),
    ],
)
def test_at_a_terminal_a_person_sees_what_would_be_done_and_agrees(
    cvm: Cvm, panel: SimulatedPanel, at_terminal: SitDown, verb: str, shown: str
) -> None:
    err = at_terminal("y\n")
    ran = cvm(verb, "1", "2")
    assert ran.status == Exit.DONE
    assert shown in err.getvalue()
    assert f"{verb.capitalize()} 2 VPSes on 127.0.0.1? [y/N] " in err.getvalue()
    assert done(panel) == [(1, verb), (2, verb)]


@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_a_person_who_does_not_agree_has_nothing_done(
    cvm: Cvm, panel: SimulatedPanel, at_terminal: SitDown, verb: str
) -> None:
    err = at_terminal("n\n")
    assert cvm(verb, "1", "2").status == Exit.FAILED
    assert err.getvalue().endswith("cvm-async: nothing was done\n")
    assert panel.actions == []


def test_where_nothing_is_to_do_nobody_is_asked(cvm: Cvm, panel: SimulatedPanel, at_terminal: SitDown) -> None:
    err = at_terminal("")
    assert cvm("stop", "12", "24").status == Exit.DONE
    assert "[y/N]" not in err.getvalue()
    assert panel.actions == []


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (["stop", "1", "12"], "To have 2 VPSes stopped: 1 to stop, 1 to leave"),
        (["start", "1", "12"], "To have 2 VPSes running: 1 to start, 1 to leave"),
        (["restart", "1", "12"], "To restart 2 VPSes: 2 to restart (1 of them stopped,"),
    ],
    ids=["stop", "start", "restart"],
)
def test_a_dry_run_shows_what_would_be_done_and_does_nothing(
    cvm: Cvm, panel: SimulatedPanel, tokens: list[str], said: str
) -> None:
    ran = cvm(*tokens, "--dry-run")
    assert (ran.status, ran.err) == (Exit.DONE, "")
    assert ran.out.splitlines()[0].startswith(said)
    assert ".example.net (1" in ran.out
    assert panel.actions == []


def test_a_dry_run_as_json_is_the_plan(cvm: Cvm, panel: SimulatedPanel) -> None:
    plan = json.loads(cvm("stop", "1", "12", "--dry-run", "--json").out)
    assert [(step["id"], step["step"], step["reason"]) for step in plan["steps"]] == [
        (1, "stop", "running"),
        (12, "leave", "stopped"),
    ]
    assert json.loads(cvm("restart", "1", "--dry-run", "--json").out)["steps"][0]["step"] == "restart"
    assert panel.actions == []


def test_a_rollout_ends_when_too_many_have_failed(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.inject(REFUSED, verb="restart", times=None)
    ran = cvm("restart", "--node", "1", "--yes", "--batch", "1", "--max-failures", "1", "--json")
    report = json.loads(ran.out)
    assert ran.status == Exit.FAILED
    assert (report["ok"], report["skipped"]) == (0, 6)
    assert panel.actions == []


def test_a_batch_is_over_before_the_next_begins(cvm: Cvm, panel: SimulatedPanel) -> None:
    assert cvm("stop", "--node", "1", "--yes", "--batch", "1,50%", "--wait").status == Exit.DONE
    assert [verb for _, verb in panel.actions] == [Verb.STOP] * 8
    posts = [record for record in panel.requests if record.verb is Verb.STOP]
    assert all(posts[0].ended is not None and posts[0].ended <= later.started for later in posts[1:])


@pytest.mark.parametrize(
    ("flags", "width"),
    [(["--max-concurrency", "20", "--per-node", "20"], 20), (["--max-concurrency", "2"], 2), ([], 16)],
    ids=["wider than usual", "narrower", "as usual"],
)
def test_a_rollout_is_as_wide_as_the_flags_say(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, flags: list[str], width: int
) -> None:
    # A node gets two calls until it has answered.
    with SimulatedPanel(vpses=24, nodes=12) as panel:
        use(monkeypatch, panel)
        panel.inject(Hang(), verb="restart", times=None)

        def let_go() -> None:
            asyncio.run(panel.wait_for(lambda: restarts_at_once(panel) == width))
            panel.clear_faults()

        thread = threading.Thread(target=let_go)
        thread.start()
        assert cvm("restart", "--all", "--yes", *flags).status == Exit.DONE
        thread.join()
        assert restarts_at_once(panel) == width
        assert len(set(panel.actions)) == len(panel.actions) == 24


def test_interrupted_twice_it_says_what_is_not_known(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, winding_down: threading.Event
) -> None:
    with SimulatedPanel(vpses=4, nodes=1) as panel:
        use(monkeypatch, panel)
        panel.inject(Hang(after_action=True), verb="stop", times=None)
        first = send_when(lambda: len(panel.actions) == 2, signal.SIGINT)
        second = send_when(winding_down.is_set, signal.SIGINT)
        ran = cvm("stop", "1", "2", "--yes")
        first.join()
        second.join()
    assert ran.status == Exit.INTERRUPTED
    assert "2 x cut off while the stop was under way: whether it was carried out is unknown (VPS 1, 2)" in ran.out
    assert ran.out.endswith("Look at what is unknown: cvm-async status 1 2\n")
    for vps_id in (1, 2):
        assert f"/api/client/vps/{vps_id}/stop was cancelled while under way: its outcome is unknown" in ran.err
    assert "Interrupted after 0 VPSes. What was under way was cut off" in ran.err
    assert ran.err.endswith("cvm-async: interrupted\n")
    assert done(panel) == [(1, "stop"), (2, "stop")]


def test_at_a_terminal_a_person_sees_where_it_is_done(cvm: Cvm, panel: SimulatedPanel, at_terminal: SitDown) -> None:
    err = at_terminal("")
    ran = cvm("stop", "1")
    assert ran.status == Exit.DONE
    assert "Stopping 1 VPS on 127.0.0.1\n" in err.getvalue()
    assert ran.out.splitlines()[-1].endswith(" s on 127.0.0.1")
    assert done(panel) == [(1, "stop")]


@pytest.mark.parametrize(("typed", "status"), [("22\n", Exit.DONE), ("y\n", Exit.FAILED), ("21\n", Exit.FAILED)])
def test_above_a_size_the_number_must_be_typed(  # noqa: PLR0917 - a test's parameters
    cvm: Cvm,
    panel: SimulatedPanel,
    at_terminal: SitDown,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    status: Exit,
) -> None:
    monkeypatch.setenv("CVM_CONFIRM_ABOVE", "20")
    err = at_terminal(typed)
    assert cvm("stop", "--all").status == status
    assert "Stop 22 VPSes on 127.0.0.1? Type 22 to go on: " in err.getvalue()
    assert "web-001" not in err.getvalue()
    assert len(panel.actions) == (22 if status is Exit.DONE else 0)


def test_a_stop_may_ask_for_two_readings_in_a_row(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("stop", "1", "--wait", "--confirm", "2", "--json")
    assert ran.status == Exit.DONE
    readings = [record.method for record in panel.requests if record.vps == 1]
    assert readings[readings.index("POST") + 1 :] == ["GET", "GET"]
