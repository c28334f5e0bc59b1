"""Figures are in human units, and a word of a panel's is obeyed by no terminal."""

import pytest
from hypothesis import given, strategies as st

from cvm_async import _figures as figures
from cvm_async.models import CombinedTraffic, PowerState, SplitTraffic, Traffic, VpsStatus

GIB = 1024**3


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
    assert figures.size(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(999, "999 B"), (1000, "1.0 kB"), (500_000_000_000, "500 GB"), (999_600_000_000, "1.0 TB"), (9_960_000, "10 MB")],
)
def test_traffic_is_shown_in_powers_of_1000(amount: int, text: str) -> None:
    assert figures.traffic_size(amount) == text


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_figure_is_below_a_step_and_true_to_half_of_its_last_digit(amount: int) -> None:
    figure, unit = figures.size(amount).split()
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
    assert figures.usage(used, megabytes) == text


@pytest.mark.parametrize(("megabytes", "text"), [(None, ""), (0, "0 B"), (1536, "1.5 GiB")])
def test_what_a_vps_has_is_nothing_where_it_is_not_told(megabytes: int | None, text: str) -> None:
    assert figures.allowance(megabytes) == text


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
    assert figures.traffic_usage(traffic) == text


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
    assert figures.state_word(VpsStatus(state=state, state_text=text)) == word
