"""A plan is read before it is agreed to: counts with totals for many, names for few."""

import json
from collections.abc import Callable

import pytest
from values import vps

from cli.conftest import Cvm, Tty
from cvm_async import NoAnswerError, Plan, PlannedStep, PowerState, Problem, Step, VpsStatus
from cvm_async._api.verbs import Verb
from cvm_async.cli.acting.plans import plan_grid, show_plan
from cvm_async.cli.terminal import Terminal
from cvm_async.panel import SimulatedPanel

SitDown = Callable[[str], Tty]


def step(number: int, state: PowerState | None, node: int | None = 1, panel: str = "a") -> PlannedStep:
    seen = None if state is None else VpsStatus(state=state, state_text=state.value)
    kind = {PowerState.RUNNING: Step.STOP, PowerState.STOPPED: Step.LEAVE}.get(state or PowerState.UNKNOWN, Step.CANNOT)
    error = NoAnswerError("silence") if seen is None else None
    return PlannedStep(vps(number, node), panel, f"https://{panel}", kind, seen, error)


def cells(steps: list[PlannedStep], *, full: bool = False) -> list[tuple[str, ...]]:
    grid = plan_grid(steps, full=full)
    return [tuple(column.title for column in grid.columns), *(row.cells for row in grid.rows)]


def test_a_table_counts_by_node_and_state_and_has_all_of_them_last() -> None:
    steps = [
        step(1, PowerState.RUNNING, 2),
        step(2, PowerState.RUNNING, 2),
        step(3, PowerState.STOPPED, 1),
        step(4, None, 1),
        step(5, PowerState.SUSPENDED, None),
        step(6, PowerState.UNKNOWN, 1),
    ]
    assert cells(steps) == [
        ("NODE", "RUNNING", "STOPPED", "SUSPENDED", "UNKNOWN", "NOT READ", "ALL"),
        ("?", "", "", "1", "", "", "1"),
        ("1", "", "1", "", "1", "1", "3"),
        ("2", "2", "", "", "", "", "2"),
        ("all", "2", "1", "1", "1", "1", "6"),
    ]


def test_of_several_panels_it_tells_which() -> None:
    assert cells([step(1, PowerState.RUNNING, panel="b"), step(1, PowerState.RUNNING)]) == [
        ("PANEL", "NODE", "RUNNING", "ALL"),
        ("a", "1", "1", "1"),
        ("b", "1", "1", "1"),
        ("", "all", "2", "2"),
    ]


def test_of_many_nodes_the_rest_is_one_row_unless_all_are_asked_for() -> None:
    steps = [step(number, PowerState.RUNNING, number) for number in range(1, 31)]
    assert cells(steps)[-3:] == [("20", "1", "1"), ("10 more", "10", "10"), ("all", "30", "30")]
    assert len(cells(steps, full=True)) == 32


def shown(capsys: pytest.CaptureFixture[str], plan: Plan, *, full: bool = False, ask: bool = False) -> str:
    show_plan(Terminal.here(), plan, full=full, ask=ask)
    printed = capsys.readouterr()
    assert not (printed.out if ask else printed.err)
    return printed.err if ask else printed.out


@pytest.mark.parametrize("ask", [False, True], ids=["as a result", "with a question"])
def test_few_are_named_and_many_are_counted(capsys: pytest.CaptureFixture[str], *, ask: bool) -> None:
    few = Plan(PowerState.STOPPED, tuple(step(number, PowerState.RUNNING) for number in range(1, 4)))
    many = Plan(PowerState.STOPPED, tuple(step(number, PowerState.RUNNING) for number in range(1, 40)))
    assert "vps3.example.net (3)" in shown(capsys, few, ask=ask)
    counted = shown(capsys, many, ask=ask)
    assert counted.startswith("To have 39 VPSes stopped: 39 to stop\n")
    assert "vps" not in counted
    named = shown(capsys, many, ask=ask, full=True)
    assert all(f"vps{number}.example.net ({number})" in named for number in range(1, 40))


def test_what_a_restart_would_start_and_what_could_not_be_read_is_told_whatever_their_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stopped = VpsStatus(state=PowerState.STOPPED, state_text="stopped")
    steps = [PlannedStep(vps(n), "a", "https://a", Step.RESTART, stopped) for n in range(1, 11)]
    problems = (Problem("response.vpses[2].id", "absent", "a number"),)
    text = shown(capsys, Plan(PowerState.RUNNING, (*steps, step(99, None)), problems, verb=Verb.RESTART))
    assert "  stopped, and would be started by the restart: vps1.example.net (1), " in text
    assert " and 2 more\n" in text
    assert "  not read: 1 x silence (VPS 99)\n" in text
    assert "cannot be read: response.vpses[2].id is absent" in text


def test_as_json_a_dry_run_of_many_is_the_plan_and_no_table(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("stop", "--all", "--dry-run", "--json")
    assert json.loads(ran.out)["to_do"] == 22
    assert panel.actions == []


def test_a_person_sees_the_table_and_no_names_unless_they_ask(
    cvm: Cvm, panel: SimulatedPanel, at_terminal: SitDown
) -> None:
    err = at_terminal("n\n")
    cvm("stop", "--all")
    assert " all        22         2    24\n" in err.getvalue()
    assert "web-001" not in err.getvalue()
    err = at_terminal("n\n")
    cvm("stop", "--all", "--full")
    assert "web-001.example.net (1)" in err.getvalue()
    assert panel.actions == []
