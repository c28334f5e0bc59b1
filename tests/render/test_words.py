"""What is printed is in human units, in the order a person looks, and obeyed by no terminal."""

from hypothesis import given, strategies as st

from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async.errors import CvmError, NoAnswerError, NodeUnreachableError
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport
from cvm_async.models import PowerState, Problem, Vps, VpsStatus


def vps(number: int = 1, *, hostname: str = "web-1", node: int | None = 1) -> Vps:
    return Vps(
        id=number,
        hostname=hostname,
        node=node,
        virtualization_type=1,
        guaranteed_ram=512,
        disk_space=10_000,
        cpu_count=1,
    )


def seen(number: int, state: PowerState, *, text: str | None = None, node: int = 1) -> Outcome[VpsStatus]:
    return Outcome(vps(number, node=node), "panel", VpsStatus(state=state, state_text=text or state.value))


def failed(number: int, error: CvmError, **place: int) -> Outcome[VpsStatus]:
    return Outcome(vps(number, **place), "panel", error=error)  # type: ignore[arg-type]


def test_an_outcome_in_a_word_is_its_state_or_its_error_or_what_was_done() -> None:
    error = NodeUnreachableError("gone")
    assert render.outcome_word(seen(1, PowerState.STOPPED), "stop") == "stopped"
    assert render.outcome_word(failed(1, error), "stop") == "unreachable"
    assert render.outcome_word(Outcome(vps(), "panel"), "restart") == "restarted"


def test_trouble_comes_first_and_what_runs_comes_last() -> None:
    states = (PowerState.RUNNING, PowerState.STOPPED, PowerState.TERMINATED, PowerState.SUSPENDED, PowerState.UNKNOWN)
    outcomes: list[Outcome[VpsStatus]] = [seen(number, state) for number, state in enumerate(states, 1)]
    outcomes.append(failed(6, CvmError("no")))
    assert [outcome.vps.id for outcome in render.trouble_first(outcomes)] == [6, 5, 4, 3, 2, 1]


def test_what_was_done_without_a_look_counts_as_running() -> None:
    outcomes: list[Outcome[VpsStatus | None]] = [Outcome(vps(1), "panel"), seen(2, PowerState.STOPPED)]
    assert [outcome.vps.id for outcome in render.trouble_first(outcomes)] == [2, 1]


def test_vpses_are_in_the_order_of_their_nodes_and_then_as_people_count() -> None:
    fleet = [
        vps(1, hostname="web-10", node=1),
        vps(2, hostname="web-9", node=1),
        vps(3, hostname="Web-08", node=1),
        vps(4, hostname="db", node=2),
        vps(5, hostname="zzz", node=None),
    ]
    assert [each.id for each in sorted(fleet, key=render.place)] == [5, 3, 2, 1, 4]


@given(st.text(), st.text())
def test_any_two_hostnames_can_be_put_in_order(one: str, other: str) -> None:
    assert render.natural(one) <= render.natural(other) or render.natural(other) <= render.natural(one)


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_numbers_in_hostnames_are_ordered_by_their_value(one: int, other: int) -> None:
    assert (render.natural(f"web-{one}") < render.natural(f"web-{other}")) == (one < other)


def test_failures_that_say_the_same_share_a_line_and_the_commonest_comes_first() -> None:
    silent = NoAnswerError("nothing came", vps_id=1)
    outcomes = [failed(1, silent), *(failed(number, CvmError("left alone")) for number in range(30, 10, -1))]
    assert render.reasons([*outcomes, seen(99, PowerState.RUNNING)]) == [
        "20 x left alone (VPS 11, 12, 13, 14, 15, 16, 17, 18 and 12 more)",
        "1 x nothing came (VPS 1)",
    ]


def test_figures_that_could_not_be_read_share_a_line_where_they_are_alike() -> None:
    bad = Problem("response.ram_used", '"N/A"', "a whole number")
    status = VpsStatus(state=PowerState.RUNNING, state_text="running", problems=(bad,))
    outcomes = [Outcome(vps(number), "panel", status) for number in (1, 2)]
    assert render.unread([*outcomes, seen(3, PowerState.RUNNING), failed(4, CvmError("no"))]) == [
        '2 x response.ram_used is "N/A", not a whole number (VPS 1, 2)'
    ]


def test_vpses_by_node_are_a_line_a_node_with_some_of_the_names() -> None:
    fleet = [vps(number, hostname=f"web-{number}", node=2) for number in range(1, 11)]
    assert render.by_node([*fleet, vps(11, node=None)]) == [
        "1 on a node that the panel does not name: web-1 (11)",
        "10 on node 2: " + ", ".join(f"web-{n} ({n})" for n in range(1, 9)) + " and 2 more",
    ]


def test_where_there_are_several_panels_reasons_name_them() -> None:
    outcomes = [
        Outcome[object](vps(number), panel, error=NodeUnreachableError("gone"))
        for number, panel in ((3, "work"), (1, "work"), (3, "\u202ehome"))
    ]
    assert render.reasons(outcomes) == ["3 x gone (VPS 1 on work, 3 on work, 3 on \ufffdhome)"]


def test_a_report_for_a_chat_is_its_summary_and_some_of_the_reasons() -> None:
    outcomes = (seen(1, PowerState.RUNNING), *(failed(n, CvmError(f"reason {n}")) for n in range(2, 6)))
    assert render.chat(FleetReport("status", outcomes, 1.5), lines=2).splitlines() == [
        "1 running, 4 failed on node 1 in 1.5 s",
        "1 x reason 2 (VPS 2)",
        "1 x reason 3 (VPS 3)",
        "… and 2 other reasons",
    ]


def test_a_report_without_failures_is_one_line() -> None:
    assert render.chat(FleetReport("status", (seen(1, PowerState.RUNNING),), 0.0)) == "1 running in 0.0 s"


@given(st.text(), st.text())
def test_nothing_that_a_panel_says_can_reach_a_terminal_as_a_command(hostname: str, word: str) -> None:
    named = vps(hostname=hostname)
    status = VpsStatus(state=PowerState.UNKNOWN, state_text=word)
    report = FleetReport("status", (Outcome(named, "panel", status), Outcome(named, "p", error=CvmError(word))), 0.0)
    for text in (*render.by_node([named]), *render.chat(report).split("\n"), render.state_word(status)):
        assert text == safe_text(text)
