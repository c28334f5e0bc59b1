"""What the shared flags mean to the library."""

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from cvm_async import ConfigurationError, Limits, Rollout
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import RolloutFlags, Selection, share
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
    assert RolloutFlags(max_concurrency=50, per_node=9).limits() == evolve(Limits(), max_concurrency=50, per_node=9)
    assert RolloutFlags(max_concurrency=2, per_node=1).limits() == Limits()


@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (Selection(all=True), (1,)),
        (Selection(node=(1,)), (1,)),
        (Selection(all=True, match="web*"), ()),
    ],
    ids=["all and ids", "node and ids", "all and match"],
)
def test_one_way_of_saying_which_is_enough(selection: Selection, ids: tuple[int, ...]) -> None:
    with pytest.raises(CommandError, match="not several of them") as caught:
        selection.check(ids, none_is_all=True)
    assert caught.value.status is Exit.USAGE


def test_saying_nothing_means_all_where_nothing_is_changed() -> None:
    Selection().check((), none_is_all=True)
    with pytest.raises(CommandError, match="say which VPSes"):
        Selection().check((), none_is_all=False)


def ids(ran_out: str) -> list[int]:
    return [int(line.split()[0]) for line in ran_out.splitlines()[2:-1]]


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [
        (["--node", "2", "--match", "WEB*"], [11]),
        (["--node", "1", "--node", "2", "--match", "db-00[12]*"], [7, 2]),
        (["--match", "web-001.example.net"], [1]),
    ],
    ids=["both must hold", "several nodes", "a whole name"],
)
@pytest.mark.usefixtures("panel")
def test_vpses_can_be_chosen_by_node_and_hostname(cvm: Cvm, flags: list[str], chosen: list[int]) -> None:
    assert ids(cvm("list", *flags).out) == chosen


def test_an_id_that_the_account_does_not_have_stops_everything(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("stop", "1", "98", "99", "98", "--yes")
    assert (ran.status, ran.err) == (Exit.FAILED, "cvm-async: this account has no VPS 98, 99; nothing was done\n")
    assert panel.actions == []


@pytest.mark.usefixtures("panel")
def test_a_condition_that_nothing_fits_is_a_failure(cvm: Cvm) -> None:
    ran = cvm("status", "--match", "zzz")
    assert (ran.status, ran.err) == (Exit.FAILED, "cvm-async: none of the account's 24 VPSes fits\n")


def test_verbose_tells_of_every_exchange_and_shows_no_token(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("status", "1", "--verbose")
    assert "debug: " in ran.err
    assert "/api/client/vps/1/status" in ran.err
    assert panel.private_token not in ran.err
