"""What is printed is in human units, in the order a person looks, and obeyed by no terminal."""

import pytest
from hypothesis import given, strategies as st

from cvm_async import render
from cvm_async._safe_text import safe_text
from cvm_async.errors import CvmError, NoAnswerError, NodeUnreachableError
from cvm_async.fleet.outcome import Outcome
from cvm_async.fleet.report import FleetReport
from cvm_async.models import CombinedTraffic, PowerState, Problem, SplitTraffic, Traffic, Vps, VpsStatus

GIB = 1024**3


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


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0 B"),
        (1023, "1,023 B"),
        (1024, "1.0 KiB"),
        (1_572_864, "1.5 MiB"),
        (10 * 1024**2, "10 MiB"),
        (1023 * 1024**2 + 900 * 1024, "1.0 GiB"),
        (GIB * 1024, "1.0 TiB"),
        (2**63 - 1, "8.0 EiB"),
        (2**73, "8,192 EiB"),
    ],
)
def test_memory_and_disk_are_shown_in_powers_of_1024(amount: int, text: str) -> None:
    assert render.size(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(999, "999 B"), (1000, "1.0 kB"), (500_000_000_000, "500 GB"), (999_600_000_000, "1.0 TB"), (9_960_000, "10 MB")],
)
def test_traffic_is_shown_in_powers_of_1000(amount: int, text: str) -> None:
    assert render.traffic_size(amount) == text


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_figure_is_below_a_step_and_true_to_half_of_its_last_digit(amount: int) -> None:
    figure, unit = render.size(amount).split()
    shown = float(figure.replace(",", ""))
    exact = amount / 1024 ** ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB").index(unit)
    assert shown < 1024
    assert abs(shown - exact) <= (0.5 if shown >= 10 else 0.051)


@pytest.mark.parametrize(
    ("used", "megabytes", "text"),
    [
        (None, 512, ""),
        (0, 512, "0 B   0%"),
        (256 * 1024**2, 512, "256 MiB  50%"),
        (2 * GIB, 1024, "2.0 GiB 200%"),
        (GIB, 0, "1.0 GiB"),
        (GIB, None, "1.0 GiB"),
    ],
    ids=["not told", "nothing", "half", "over", "no allowance", "allowance not told"],
)
def test_usage_is_an_amount_and_its_share_of_what_the_vps_has(
    used: int | None, megabytes: int | None, text: str
) -> None:
    assert render.usage(used, megabytes) == text


@pytest.mark.parametrize(("megabytes", "text"), [(None, ""), (0, "0 B"), (1536, "1.5 GiB")])
def test_what_a_vps_has_is_nothing_where_it_is_not_told(megabytes: int | None, text: str) -> None:
    assert render.allowance(megabytes) == text


@pytest.mark.parametrize(
    ("traffic", "text"),
    [
        (None, ""),
        (CombinedTraffic(500_000_000), "500 MB"),
        (CombinedTraffic(500_000_000, 2_000_000_000), "500 MB of 2.0 GB"),
        (SplitTraffic(1_000_000, 2_000_000), "3.0 MB"),
        (SplitTraffic(1_000_000, 2_000_000, 5_000_000, None), "3.0 MB"),
        (SplitTraffic(1_000_000, 2_000_000, 5_000_000, 5_000_000), "3.0 MB of 10 MB"),
        (CombinedTraffic(None, 2_000_000_000), "? of 2.0 GB"),
        (SplitTraffic(1_000_000, None), ""),
    ],
    ids=[
        "not told",
        "combined",
        "combined with limit",
        "split",
        "split with one limit",
        "split with limits",
        "a limit alone",
        "one direction alone",
    ],
)
def test_traffic_is_both_directions_together_of_the_limit_if_there_is_one(traffic: Traffic | None, text: str) -> None:
    assert render.traffic_usage(traffic) == text


@pytest.mark.parametrize(
    ("state", "text", "word"),
    [
        (PowerState.RUNNING, "running", "running"),
        (PowerState.UNKNOWN, "unknown", "unknown"),
        (PowerState.UNKNOWN, "migrating\x1b[2J", "unknown: migrating\N{REPLACEMENT CHARACTER}[2J"),
        (PowerState.UNKNOWN, "x" * 99, f"unknown: {'x' * 19}…"),
    ],
    ids=["documented", "unknown", "the panel's own", "long"],
)
def test_a_state_that_is_not_documented_is_shown_in_the_panels_word(state: PowerState, text: str, word: str) -> None:
    assert render.state_word(VpsStatus(state=state, state_text=text)) == word


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
