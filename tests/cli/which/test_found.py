"""Whoever is named is found, each of them, or nothing is done."""

import io
import json
from collections.abc import Iterator

import pytest

from cli.conftest import Cvm, use
from cvm_async.cli.exits import Exit
from cvm_async.cli.which.found import Which
from cvm_async.panel import Power, SimulatedPanel, SimulatedVps, Verb

HOSTS = {
    1: "web1.example.net",
    2: "web2.example.net",
    3: "db1.example.net",
    4: "db1.example.org",
    5: "mail",
    7: "9.example.net",
    8: "1-3",
    9: "[b]\x1b.example.net",
}


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedPanel]:
    """Eight VPSes on two nodes; 2 and 4 are stopped."""
    vpses = [SimulatedVps(id=number, hostname=name, node=1 + number % 2) for number, name in HOSTS.items()]
    with SimulatedPanel(vpses=vpses) as panel:
        for number in (2, 4):
            panel.set_power(number, Power.STOPPED)
        use(monkeypatch, panel)
        yield panel


def ids(printed: str) -> list[int]:
    told = json.loads(printed)
    return [each["id"] for each in told.get("outcomes", told.get("vpses", told.get("steps")))]


CHOSEN: dict[str, list[int]] = {
    "web1": [1],
    "WEB1.example.NET": [1],
    "web1 web2.example.net 7": [1, 2, 7],
    "7 web1 1 web1.example.net": [1, 7],
    "1,2,3": [1, 2, 3],
    "1-3": [1, 2, 3],
    "1-2,mail 4": [1, 2, 4, 5],
    "9": [9],
    "--node 1,2": list(HOSTS),
    "--node 1 --node 2": list(HOSTS),
    "--node 2-9": [1, 3, 5, 7, 9],
    "--match web* --match *.org": [1, 2, 4],
    "--match web*,mail": [1, 2, 5],
    "--match web* --node 2": [1],
    "--exclude web*,db1.example.net,5": [4, 7, 8, 9],
    "--exclude web1 --exclude 2-3": [4, 5, 7, 8, 9],
    "--all --exclude [0-9] --exclude mai?": [1, 2, 3, 4, 8, 9],
    "1-4 --exclude web2": [1, 3, 4],
    "--state stopped": [2, 4],
    "--state stopped --match web*": [2],
    "--all --state running --exclude *.net": [5, 8],
    "1-4 --state running,suspended": [1, 3],
    "-- 1": [1],
}


@pytest.mark.parametrize("command", ["status", "list", "stop --dry-run", "restart --dry-run"])
@pytest.mark.parametrize("typed", CHOSEN)
@pytest.mark.usefixtures("named")
def test_every_command_is_about_those_that_were_said(cvm: Cvm, command: str, typed: str) -> None:
    every = ["--all"] if typed.startswith("--exclude") else []
    ran = cvm(*command.split(), "--json", *every, *typed.split())
    assert (ran.status, ran.err) == (Exit.DONE, "")
    assert ids(ran.out) == CHOSEN[typed]


REFUSED: dict[str, str] = {
    "db1": "'db1' may be 2 VPSes, give the id: db1.example.net (3), db1.example.org (4); nothing was done",
    "1 wbe2": "this account has no VPS 'wbe2' (did you mean web2.example.net (2)?); nothing was done",
    "98 1 99 98": "this account has no VPS 98, 99; nothing was done",
    "web1 db1 6": "this account has no VPS 6; 'db1' may be 2 VPSes, give the id: db1.example.net (3), "
    "db1.example.org (4); nothing was done",
    "5-7": "this account has no VPS 6; nothing was done",
    "1-999999999999999999": "this account has no VPS 6, 10, 11, 12, 13, 14, 15, 16 and more; nothing was done",
    "web*": "this account has no VPS 'web*' (a pattern goes with --match); nothing was done",
    "1 --exclude wbe1": "this account has no VPS 'wbe1' (did you mean web1.example.net (1)?); nothing was done",
    "--all --exclude db1": "'db1' may be 2 VPSes, give the id: db1.example.net (3), db1.example.org (4); "
    "nothing was done",
    "-- -": "this account has no VPS '-'; nothing was done",
    "\x1b[2J": r"this account has no VPS '\x1b[2J' (a pattern goes with --match); nothing was done",
}


EMPTY: dict[str, str] = {
    "web1 --exclude 1": "none of the account's 8 VPSes fits",
    "--node 3-9": "none of the account's 8 VPSes fits",
    "--match zzz": "none of the account's 8 VPSes fits",
    "--state terminated": "none of 8 VPSes is terminated",
    "1-2 --state terminated,suspended": "none of 2 VPSes is suspended or terminated",
}
"""What is understood, and fits nothing: fine where one only looks."""


@pytest.mark.parametrize("command", ["stop --yes", "start", "restart --yes", "wait running", "watch"])
@pytest.mark.parametrize("typed", EMPTY, ids=repr)
def test_where_nothing_fits_what_does_something_ends_with_1(
    cvm: Cvm, named: SimulatedPanel, command: str, typed: str
) -> None:
    ran = cvm(*command.split(), *typed.split())
    assert (ran.status, ran.out, ran.err) == (Exit.FAILED, "", f"cvm-async: {EMPTY[typed]}\n")
    assert named.actions == []


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("command", ["status", "list"])
@pytest.mark.parametrize("typed", EMPTY, ids=repr)
def test_where_nothing_fits_what_only_looks_has_an_empty_list(cvm: Cvm, command: str, typed: str) -> None:
    ran = cvm(*command.split(), *typed.split(), "--json")
    assert (ran.status, ids(ran.out)) == (Exit.DONE, [])


@pytest.mark.parametrize("command", ["status", "list", "stop --yes", "start", "restart --yes", "wait running", "watch"])
@pytest.mark.parametrize("typed", REFUSED, ids=repr)
def test_where_one_name_is_nobodys_or_of_several_nothing_is_done(
    cvm: Cvm, named: SimulatedPanel, command: str, typed: str
) -> None:
    ran = cvm(*command.split(), *typed.split())
    assert (ran.status, ran.out, ran.err) == (Exit.FAILED, "", f"cvm-async: {REFUSED[typed]}\n")
    assert named.actions == []


def test_of_many_names_that_are_wrong_some_are_told(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    vpses = [SimulatedVps(id=number, hostname=f"vps{number % 20}") for number in range(1, 41)]
    with SimulatedPanel(vpses=vpses) as panel:
        use(monkeypatch, panel)
        several = cvm("stop", "--yes", *(f"vps{number}" for number in range(10)))
        unknown = cvm("stop", "--yes", *(f"web{number}" for number in range(10)))
    assert several.err.count("may be 2 VPSes") == 8
    assert several.err.endswith("; and 2 more names of several; nothing was done\n")
    assert unknown.err == (
        "cvm-async: this account has no VPS 'web0', 'web1', 'web2', 'web3', 'web4', 'web5', 'web6', 'web7' and more; "
        "nothing was done\n"
    )


def test_names_come_from_standard_input(cvm: Cvm, named: SimulatedPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("web1\n\n3\n"))
    assert cvm("stop", "-", "mail", "--yes").status == Exit.DONE
    assert sorted(named.actions) == [(1, Verb.STOP), (3, Verb.STOP), (5, Verb.STOP)]


@pytest.mark.parametrize("command", ["status", "stop --yes", "list"])
def test_where_standard_input_is_empty_that_does_not_mean_all(
    cvm: Cvm, named: SimulatedPanel, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cvm(*command.split(), "-").status == Exit.FAILED
    assert named.requests == []


def test_a_name_of_one_needs_no_question_and_a_range_does(cvm: Cvm, named: SimulatedPanel) -> None:
    assert cvm("stop", "web1").status == Exit.DONE
    assert cvm("stop", "3-3").status == Exit.DONE
    assert cvm("stop", "1-3").status == Exit.USAGE
    assert named.actions == [(1, Verb.STOP), (3, Verb.STOP)]


def test_to_act_on_those_in_a_state_costs_a_start_or_stop_no_look_of_its_own(cvm: Cvm, named: SimulatedPanel) -> None:
    assert cvm("start", "--state", "stopped").status == Exit.DONE
    assert sorted(named.actions) == [(2, Verb.START), (4, Verb.START)]
    looks = [record for record in named.requests if record.verb == "status"]
    # One for each VPS, and one for each of the two just before it is touched.
    assert len(looks) == len(HOSTS) + 2


def test_whoever_cannot_be_looked_at_is_told_of_and_not_touched(cvm: Cvm, named: SimulatedPanel) -> None:
    named.unreachable_node(1, after=0.0, answer="503")
    ran = cvm("restart", "--state", "running", "--yes")
    assert ran.status == Exit.PARTLY
    assert "3 failed (unreachable on node 1)" in ran.out
    assert {number for number, _ in named.actions} == {1, 3, 5, 7, 9}


def test_a_status_by_state_shows_those_that_cannot_be_read_too(cvm: Cvm, named: SimulatedPanel) -> None:
    named.unreachable_node(1, after=0.0, answer="503")
    ran = cvm("status", "--state", "stopped", "--json")
    assert (ran.status, ids(ran.out)) == (Exit.FAILED, [2, 4, 8])


def test_a_pattern_that_excludes_nobody_is_told_of(cvm: Cvm, named: SimulatedPanel) -> None:
    ran = cvm("stop", "1", "--exclude", "bd*")
    assert (ran.status, ran.err) == (Exit.DONE, "--exclude 'bd*' fits no hostname\n")
    assert named.actions == [(1, Verb.STOP)]


def test_a_name_that_may_stand_in_what_could_not_be_read_is_refused_so(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SimulatedPanel(vpses=[SimulatedVps(id=1), SimulatedVps(id=2, extra={"id": "two"})]) as panel:
        use(monkeypatch, panel)
        unknown, none = cvm("status", "2", "web2"), cvm("status", "--match", "zzz")
    assert (unknown.status, none.status) == (Exit.FAILED, Exit.PARTLY)
    assert "VPS 2, 'web2' cannot be found, as not all of the account's list can be read: response.vp" in unknown.err
    assert "fits, but not all of its list can be read: response.vpses[1]" in none.err


@pytest.mark.parametrize(
    ("which", "one"),
    [
        (Which(names=("web1",)), True),
        (Which(names=(range(1, 2),)), True),
        (Which(names=(range(1, 10**19),)), False),
        (Which(names=("web1", "web1")), False),
        (Which(), False),
    ],
    ids=str,
)
def test_it_is_known_beforehand_whether_it_can_be_more_than_one(which: Which, one: bool) -> None:  # noqa: FBT001
    assert which.at_most_one is one
