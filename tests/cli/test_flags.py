"""What the shared flags mean to the library."""

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from cvm_async import ConfigurationError, Limits, Rollout
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common, RolloutFlags, share
from cvm_async.cli.output.look import Format, Look, Sort
from cvm_async.panel import SimulatedPanel

from .conftest import Cvm


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), (" 3 ", 3), ("0.1", 0.1), (".5", 0.5), ("10%", 0.1), ("12.5%", 0.125), ("100%", 1.0), ("1.0", 1.0)],
)
def test_a_share_is_a_count_or_a_fraction(text: str, value: float) -> None:
    assert share("--batch", text) == value
    assert isinstance(share("--batch", text), type(value))


@pytest.mark.parametrize("text", ["", "x", "-1", "10 %", "1e3", "nan", "%", "1.", "٣", "9" * 5000])
def test_anything_else_is_no_share(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^--batch: .* is neither a count"):
        share("--batch", text)


@given(st.text())
def test_a_share_is_read_or_refused_whatever_is_typed(text: str) -> None:
    try:
        assert share("--batch", text) >= 0
    except ConfigurationError as error:
        assert str(error).isprintable() or not text.isprintable()  # noqa: PT017 - either way is right


def test_the_flags_make_a_rollout() -> None:
    flags = RolloutFlags(
        max_concurrency=30,
        per_node=6,
        max_failures="10%",
        batch="1, 10%,100%",
        pause=2.0,
        deadline=60.0,
        on_unknown="verify",
    )
    assert flags.rollout() == Rollout(
        max_concurrency=30,
        per_node=6,
        max_failures=0.1,
        batch=(1, 0.1, 1.0),
        pause=2.0,
        deadline=60.0,
        on_unknown="verify",
    )


def test_all_of_them_may_fail() -> None:
    assert RolloutFlags(max_failures="100%").rollout() == Rollout(max_failures=1.0)


def test_without_flags_a_rollout_is_the_librarys() -> None:
    assert RolloutFlags().rollout() == Rollout()


def test_the_session_allows_what_the_flags_ask_for() -> None:
    assert RolloutFlags(max_concurrency=50, per_node=9).opened(Limits()) == evolve(
        Limits(), max_concurrency=50, per_node=9
    )
    assert RolloutFlags(max_concurrency=2, per_node=1).opened(Limits()) == Limits()


def test_verbose_tells_of_every_exchange_and_shows_no_token(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("status", "1", "--verbose")
    assert "debug: " in ran.err
    assert "/api/client/vps/1/status" in ran.err
    assert panel.private_token not in ran.err


@pytest.mark.parametrize(
    ("common", "look"),
    [
        (Common(), Look()),
        (Common(json=True), Look(format=Format.JSON)),
        (Common(json=True, output=Format.JSON), Look(format=Format.JSON)),
        (
            Common(output=Format.CSV, columns=("id, ram", "node"), no_header=True),
            Look(format=Format.CSV, columns=("id", "ram", "node"), header=False),
        ),
        (Common(quiet=True, sort=Sort.RAM), Look(quiet=True, sort=Sort.RAM)),
    ],
    ids=["the usual", "json", "json twice", "csv", "quiet"],
)
def test_the_flags_say_what_results_look_like(common: Common, look: Look) -> None:
    assert common.look() == look


@pytest.mark.parametrize(
    ("common", "message"),
    [
        (Common(json=True, output=Format.CSV), "give --json or -o csv; not both"),
        (Common(json=True, columns=("id",)), "--columns goes with -o table, wide or csv; not with json"),
        (Common(output=Format.NAME, no_header=True), "--no-header goes with"),
        (Common(columns=("id,",)), "--columns has an empty name in it"),
    ],
    ids=["two formats", "columns of json", "headings of names", "an empty column"],
)
def test_what_does_not_go_together_is_refused(common: Common, message: str) -> None:
    with pytest.raises(CommandError, match=message) as refused:
        common.look()
    assert refused.value.status is Exit.USAGE


FIGURES: dict[str, dict[str, str | None]] = {
    "status 1": {"connect-timeout": "0", "read-timeout": "0", "action-timeout": "0", "retries": None},
    "stop 1": {
        **dict.fromkeys(("max-concurrency", "per-node", "deadline", "timeout", "batch"), "0"),
        **dict.fromkeys(("pause", "max-failures"), None),
    },
    "wait running 1": {"timeout": "0", "interval": "0"},
    "watch 1": {"interval": "0", "count": "0"},
}
"""Flags with figures, and whether 0 makes no sense for them."""

WRONG = [
    (command, flag, value)
    for command, flags in FIGURES.items()
    for flag, zero in flags.items()
    for value in ("-1", "nan", "inf", "-inf", "x", "", *([zero] if zero else []))
]


@pytest.mark.parametrize(("command", "flag", "value"), WRONG)
def test_a_figure_that_makes_no_sense_is_a_usage_error_that_names_the_flag_before_any_call(
    cvm: Cvm, panel: SimulatedPanel, command: str, flag: str, value: str
) -> None:
    ran = cvm(*command.split(), f"--{flag}={value}")
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert f"--{flag}" in ran.err
    assert panel.requests == []


@pytest.mark.parametrize("flag", ["--retries", "--per-node", "--max-concurrency", "--confirm-above"])
@pytest.mark.parametrize("value", ["1.5", "2.0", "1e3", "0x10", "9" * 30])
def test_a_count_is_a_whole_number_and_never_rounded(cvm: Cvm, panel: SimulatedPanel, flag: str, value: str) -> None:
    ran = cvm("stop", "1", flag, value)
    assert (ran.status, panel.requests) == (Exit.USAGE, [])
    assert f"{flag}: It must be a whole number from" in ran.err


@pytest.mark.parametrize("flags", ["--max-failures 200%", "--batch 1,150%", "--batch 1.5"])
@pytest.mark.usefixtures("panel")
def test_more_than_all_is_told_as_it_was_typed(cvm: Cvm, flags: str) -> None:
    ran = cvm("stop", "1", *flags.split())
    assert ran.status == Exit.USAGE
    assert f"{flags.rsplit(',', maxsplit=1)[-1].rsplit(maxsplit=1)[-1]} is more than all there are" in ran.err


@pytest.mark.usefixtures("panel")
def test_timeouts_and_retries_are_the_sessions(cvm: Cvm) -> None:
    flags = "--connect-timeout 3 --read-timeout 4 --action-timeout 5 --retries 0"
    assert cvm("status", "1", *flags.split()).status == Exit.DONE
