import json
import os
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from runs.makes import record

from cli.conftest import Cvm, Tty, send_when, use
from cvm_async import Rollout, RunStore
from cvm_async._api.verbs import Verb
from cvm_async._profiles.place import profiles_path
from cvm_async.panel import Power, SimulatedPanel, gateway_timeout
from cvm_async.runs import file
from cvm_async.runs.journal import lock_path
from cvm_async.runs.lock import taken
from cvm_async.runs.record import TargetState


@pytest.fixture
def store() -> RunStore:
    return RunStore()


def kept(store: RunStore, panel: SimulatedPanel, *states: TargetState, verb: Verb = Verb.STOP) -> str:
    """Have a run on disk whose process has died; give its id."""
    journal = store.new("maintenance")
    made = record(*states, verb=verb, rollout=Rollout(max_concurrency=2))
    targets = tuple(evolve(target, address=f"{panel.url}/", panel="127.0.0.1") for target in made.targets)
    store.path.mkdir(parents=True, exist_ok=True)
    file.made(journal.path, evolve(made, id=journal.id, targets=targets))
    return journal.id


def test_without_runs_there_is_nothing_to_list(cvm: Cvm) -> None:
    ran = cvm("runs")
    assert (ran.status, ran.out) == (0, "")
    assert "no run was kept" in ran.err
    assert json.loads(cvm("runs", "list", "--json").out) == {"version": 1, "runs": [], "problems": []}


def test_a_run_of_several_is_kept_and_listed(cvm: Cvm, panel: SimulatedPanel) -> None:
    assert cvm("stop", "1-3", "--yes").status == 0
    ran = cvm("runs")
    assert "3 done" in ran.out
    (run,) = json.loads(cvm("runs", "list", "--json").out)["runs"]
    assert (run["verb"], run["total"], run["is_over"]) == ("stop", 3, True)
    assert len(panel.actions) == 3


@pytest.mark.parametrize(
    ("tokens", "printed"),
    [
        ("runs list -o name", "{id}\n"),
        ("-o jsonl runs list", '{{"id": "{id}", "name": "maintenance", '),
        ("runs --output csv", "id,name,verb,began_at,panels,is_over,total,"),
        ("runs -o yaml", "version: 1\nruns:\n- id: {id}\n"),
    ],
)
def test_a_list_is_for_programs_too(
    cvm: Cvm, panel: SimulatedPanel, store: RunStore, tokens: str, printed: str
) -> None:
    run_id = kept(store, panel, TargetState.DONE)
    ran = cvm(*tokens.split())
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(printed.format(id=run_id))


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize("command", [("stop", "1"), ("stop", "1-3", "--yes", "--no-journal"), ("status",), ("list",)])
def test_a_run_of_one_and_what_only_looks_is_not_kept(cvm: Cvm, command: tuple[str, ...]) -> None:
    assert cvm(*command).status == 0
    assert json.loads(cvm("runs", "--json").out)["runs"] == []


def test_an_unknown_outcome_is_followed_by_the_command_that_goes_on(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.inject(gateway_timeout(after_action=True), verb="stop", vps=2)
    ran = cvm("stop", "1-3", "--yes")
    (run,) = json.loads(cvm("runs", "--json").out)["runs"]
    assert f"cvm-async runs resume {run['id']}" in ran.out
    assert cvm("runs", "resume", run["id"], "--yes").status == 0
    assert sorted(panel.actions) == [(1, "stop"), (2, "stop"), (3, "stop")]


def test_one_is_shown_vps_by_vps(cvm: Cvm, panel: SimulatedPanel, store: RunStore) -> None:
    run_id = kept(store, panel, TargetState.DONE, TargetState.SENT)
    ran = cvm("runs", "show", run_id)
    assert ran.status == 0
    assert ran.out.index("unknown") < ran.out.index("done")
    assert "at work, or killed" in ran.out
    assert json.loads(cvm("runs", "show", run_id, "--json").out)["id"] == run_id


@pytest.mark.parametrize(
    ("output", "printed"),
    [
        ("name", "1\n2\n"),
        ("jsonl", '{"panel": "127.0.0.1", "address": '),
        ("csv", "panel,address,id,hostname,node,seen,state,sent_at,ended_at,error,error_type\r\n"),
        ("yaml", "version: 1\nid: "),
        ("json", '{\n  "version": 1,\n  "id": '),
    ],
)
def test_one_is_shown_to_programs_too(
    cvm: Cvm, panel: SimulatedPanel, store: RunStore, output: str, printed: str
) -> None:
    ran = cvm("runs", "show", kept(store, panel, TargetState.DONE, TargetState.SENT), "-o", output)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(printed)


def test_what_is_damaged_is_told_beside_what_is_well_and_can_be_forgotten(
    cvm: Cvm, panel: SimulatedPanel, store: RunStore
) -> None:
    run_id = kept(store, panel, TargetState.DONE)
    (store.path / "bad.run").write_bytes(b"nothing of ours, but long enough to be looked at" * 20)
    ran = cvm("runs", "-o", "name")
    assert (ran.status, ran.out) == (0, f"{run_id}\n")
    assert "bad.run cannot be read as a run" in ran.err
    assert cvm("runs", "show", "bad").status == 2
    assert cvm("runs", "forget", "bad").status == 0
    assert cvm("runs").err == ""


def test_the_command_that_goes_on_works_where_all_profiles_were_meant(cvm: Cvm) -> None:
    path = profiles_path(os.environ["XDG_CONFIG_HOME"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with SimulatedPanel(vpses=2) as one, SimulatedPanel(vpses=2) as other:
        path.write_text(as_profile("one", one) + as_profile("other", other), encoding="utf-8")
        path.chmod(0o600)
        for each in (one, other):
            each.inject(gateway_timeout(after_action=True), verb="restart", vps=1, times=1)
            each.inject(gateway_timeout(after_action=True), verb="stop", vps=1, times=1)
            each.set_power(1, Power.RUNNING)
            each.set_power(2, Power.RUNNING)
        ran = cvm("stop", "--all", "--all-profiles", "--yes")
        line = next(line for line in (ran.out + ran.err).splitlines() if line.startswith("To go on: "))
        assert line.endswith(" --all-profiles")
        assert cvm(*shlex.split(line.partition(": cvm-async ")[2]), "--yes").status == 0
        assert sorted(one.actions) == sorted(other.actions) == [(1, "stop"), (2, "stop")]


def as_profile(name: str, panel: SimulatedPanel) -> str:
    """Give what a file of profiles has for a panel."""
    tokens = f'public_token = "{panel.public_token}"\nprivate_token = "{panel.private_token}"'
    return f'[{name}]\nurl = "{panel.url}"\n{tokens}\n'


def test_resuming_does_what_is_left(cvm: Cvm, panel: SimulatedPanel, store: RunStore) -> None:
    run_id = kept(store, panel, TargetState.DONE, TargetState.TODO, TargetState.FAILED)
    ran = cvm("runs", "resume", run_id, "--yes", "--json")
    assert ran.status == 3
    assert [outcome["ok"] for outcome in json.loads(ran.out)["outcomes"]] == [True, True, False]
    assert panel.actions == [(2, "stop")]
    ran = cvm("runs", "resume", run_id, "--yes")
    assert (ran.status, ran.out) == (0, "")
    assert "nothing is left to do" in ran.err
    assert "finished" in cvm("runs", "show", run_id).out


def test_what_stays_unknown_can_be_looked_at_again(cvm: Cvm, panel: SimulatedPanel, store: RunStore) -> None:
    run_id = kept(store, panel, TargetState.SENT)
    ran = cvm("runs", "resume", run_id, "--yes", "--settle", "0.05")
    assert ran.status == 1
    assert f"cvm-async runs resume {run_id}" in ran.err
    assert "cvm-async status 1" in ran.out
    ran = cvm("runs", "resume", run_id, "--yes", "--settle", "0.05", "--resend-unsettled")
    assert (ran.status, panel.actions) == (0, [(1, "stop")])


def test_a_restart_that_nobody_can_know_of_is_told_once(cvm: Cvm, panel: SimulatedPanel, store: RunStore) -> None:
    run_id = kept(store, panel, TargetState.SENT, verb=Verb.RESTART)
    ran = cvm("runs", "resume", run_id, "--yes", "--resend-unsettled")
    assert (ran.status, panel.actions) == (1, [])
    assert "runs resume" not in ran.err
    assert "nothing is left to do" in cvm("runs", "resume", run_id, "--yes").err


def test_where_nobody_can_be_asked_it_takes_a_yes(cvm: Cvm, panel: SimulatedPanel, store: RunStore) -> None:
    ran = cvm("runs", "resume", kept(store, panel, TargetState.TODO))
    assert (ran.status, panel.actions) == (2, [])
    assert "--yes" in ran.err


@pytest.mark.parametrize(("typed", "acts"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_person_is_asked(
    cvm: Cvm,
    panel: SimulatedPanel,
    at_terminal: Callable[[str], Tty],
    typed: str,
    *,
    acts: bool,
) -> None:
    store = RunStore()
    run_id = kept(store, panel, TargetState.TODO)
    err = at_terminal(typed)
    cvm("runs", "resume", run_id)
    assert panel.actions == [(1, "stop")] * acts
    assert "Stop of 1 VPS: 1 not begun" in err.getvalue()


def test_a_run_at_work_is_left_to_its_process(cvm: Cvm, panel: SimulatedPanel, store: RunStore) -> None:
    run_id = kept(store, panel, TargetState.TODO)
    lock = taken(lock_path(store.path / f"{run_id}.run"))
    ran = cvm("runs", "resume", run_id, "--yes")
    assert (ran.status, panel.actions) == (1, [])
    assert "is at work" in ran.err
    assert cvm("runs", "forget", run_id).status == 1
    lock.close()
    assert cvm("runs", "forget", run_id).status == 0
    assert store.list() == []


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize("command", ["show", "resume", "forget"])
def test_a_run_that_is_not_there_is_told(cvm: Cvm, command: str) -> None:
    ran = cvm("runs", command, "20261125-120000-abcd")
    assert ran.status == 1
    assert "there is no run" in ran.err


def test_of_several_to_forget_all_are_there_or_none_goes(cvm: Cvm, panel: SimulatedPanel, store: RunStore) -> None:
    run_id = kept(store, panel, TargetState.TODO)
    assert cvm("runs", "forget", run_id, "20261125-120000-abcd").status == 1
    assert len(store.list()) == 1
    assert cvm("runs", "forget").status == 2


@pytest.mark.parametrize("settle", ["0", "-1", "nan"])
def test_a_time_to_settle_that_is_none_is_refused(
    cvm: Cvm, panel: SimulatedPanel, store: RunStore, settle: str
) -> None:
    ran = cvm("runs", "resume", kept(store, panel, TargetState.TODO), "--yes", "--settle", settle)
    assert (ran.status != 0, panel.actions) == (True, [])
    assert "--settle" in ran.err


def test_a_run_cut_off_by_ctrl_c_ends_with_the_command_that_goes_on(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, store: RunStore
) -> None:
    with SimulatedPanel(vpses=8, nodes=2, shutdown_time=0.1) as panel:
        use(monkeypatch, panel)
        for vps in range(1, 9):
            panel.set_power(vps, Power.RUNNING)
        send_when(lambda: len(panel.actions) >= 1, signal.SIGINT)
        ran = cvm("stop", "1-8", "--yes", "--max-concurrency", "2")
        assert ran.status == 130
        (summary,) = store.list()
        assert f"cvm-async runs resume {summary.id}" in ran.out + ran.err
        assert cvm("runs", "resume", summary.id, "--yes").status == 0
        assert sorted(vps for vps, _ in panel.actions) == [*range(1, 9)]


def test_going_on_is_ended_by_ctrl_c_as_any_action_is(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, store: RunStore
) -> None:
    with SimulatedPanel(vpses=8, nodes=2, shutdown_time=0.1) as panel:
        use(monkeypatch, panel)
        for vps in range(1, 9):
            panel.set_power(vps, Power.RUNNING)
        run_id = kept(store, panel, *[TargetState.TODO] * 8)
        send_when(lambda: len(panel.actions) >= 1, signal.SIGINT)
        ran = cvm("runs", "resume", run_id, "--yes")
        assert ran.status == 130
        assert f"To go on: cvm-async runs resume {run_id}" in ran.err
        assert len(panel.actions) < 8


def test_without_a_home_one_vps_needs_no_journal_and_several_are_told_how_to_do_without(
    cvm: Cvm, panel: SimulatedPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(_: str, **__: object) -> Path:
        raise RuntimeError

    monkeypatch.setattr("cvm_async.runs.store.user_state_path", nowhere)
    assert cvm("stop", "1").status == 0
    assert cvm("stop", "2-4", "--dry-run").status == 0
    ran = cvm("stop", "2-4", "--yes")
    assert (ran.status, panel.actions) == (1, [(1, "stop")])
    assert "no home directory" in ran.err
    assert "--no-journal" in ran.err
    assert cvm("stop", "2-4", "--yes", "--no-journal").status == 0
    assert len(panel.actions) == 4
    ran = cvm("runs")
    assert ran.status == 2
    assert "no home directory" in ran.err


def test_a_place_that_cannot_be_written_stops_nothing_from_being_told(
    cvm: Cvm, panel: SimulatedPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    ran = cvm("stop", "1-3", "--yes")
    assert (ran.status, panel.actions) == (1, [])
    assert "--no-journal" in ran.err
