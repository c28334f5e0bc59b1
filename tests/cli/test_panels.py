"""Several panels make one fleet, in which every VPS and every trouble says whose it is."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cvm_async._profiles.place import profiles_path
from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel, SimulatedVps

from .conftest import Cvm


@pytest.fixture
def work() -> Iterator[SimulatedPanel]:
    vpses = [SimulatedVps(id=1, hostname="web1.work.example"), SimulatedVps(id=2, hostname="db1.work.example")]
    with SimulatedPanel(vpses=vpses) as panel:
        yield panel


@pytest.fixture
def home() -> Iterator[SimulatedPanel]:
    vpses = [SimulatedVps(id=2, hostname="web1.home.example"), SimulatedVps(id=3, hostname="nas.home.example")]
    with SimulatedPanel(vpses=vpses) as panel:
        yield panel


def profile(name: str, panel: SimulatedPanel, more: str = "") -> str:
    return (
        f'[{name}]\nurl = "{panel.url}"\npublic_token = "{panel.public_token}"\n'
        f'private_token = "{panel.private_token}"\n{more}\n'
    )


def write(text: str) -> Path:
    path = profiles_path(os.environ["XDG_CONFIG_HOME"])
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def both(work: SimulatedPanel, home: SimulatedPanel) -> None:
    write(profile("work", work) + profile("home", home))


def rows(out: str) -> list[tuple[str, int]]:
    """Give the panel and id of each VPS of a report."""
    return [(each["panel"], each["id"]) for each in json.loads(out)["outcomes"]]


@pytest.mark.parametrize(
    "flags", [["--profile", "work,home"], ["--all-profiles"], ["--profile=work", "--profile=home"]]
)
def test_several_profiles_are_one_fleet(cvm: Cvm, flags: list[str]) -> None:
    ran = cvm("status", "--json", *flags)
    assert ran.status == Exit.DONE
    assert rows(ran.out) == [("work", 1), ("work", 2), ("home", 2), ("home", 3)]


def test_a_name_is_found_on_whichever_panel_it_is(cvm: Cvm, work: SimulatedPanel, home: SimulatedPanel) -> None:
    assert rows(cvm("status", "nas", "db1", "--json", "--all-profiles").out) == [("work", 2), ("home", 3)]
    assert cvm("restart", "nas", "1", "--yes", "--all-profiles").status == Exit.DONE
    assert (work.actions, home.actions) == ([(1, "restart")], [(3, "restart")])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("web1", "'web1' may be 2 VPSes, give the id: web1.work.example (1) on work, web1.home.example (2) on home"),
        ("2", "2 VPSes, take it from the one panel: db1.work.example (2) on work, web1.home.example (2) on home"),
    ],
)
@pytest.mark.parametrize("verb", ["stop", "status", "wait stopped", "list", "watch"])
def test_a_name_of_two_is_refused_with_panels_and_ids(cvm: Cvm, verb: str, name: str, told: str) -> None:
    ran = cvm(*verb.split(), name, "--all-profiles")
    assert (ran.status, ran.out) == (Exit.FAILED, "")
    assert told in ran.err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("1-3", "cvm-async: 2 may be 2 VPSes, take it from the one panel: db1.work.example (2) on work, "),
        ("2,web1,2", "(2) on home; 'web1' may be 2 VPSes, give the id: "),
        ("1-4", "cvm-async: this account has no VPS 4; 2 may be 2 VPSes, "),
    ],
)
def test_a_range_is_one_of_names_too(
    cvm: Cvm, work: SimulatedPanel, home: SimulatedPanel, name: str, told: str
) -> None:
    ran = cvm("restart", name, "--yes", "--all-profiles")
    assert (ran.status, work.actions, home.actions) == (Exit.FAILED, [], [])
    assert told in ran.err


def test_whoever_is_left_out_is_left_out_on_its_own_panel_alone(cvm: Cvm) -> None:
    ran = cvm("status", "--all", "--exclude", "db1", "--all-profiles", "--json")
    assert rows(ran.out) == [("work", 1), ("home", 2), ("home", 3)]


def test_a_panel_that_is_lost_hides_no_other_and_ends_with_3(cvm: Cvm, home: SimulatedPanel) -> None:
    home.client_api = False
    ran = cvm("list", "--all-profiles", "--json")
    assert ran.status == Exit.PARTLY
    printed = json.loads(ran.out)
    assert [vps["id"] for vps in printed["vpses"]] == [1, 2]
    (problem,) = printed["problems"]
    assert problem["path"] == "home"
    assert "home is unreadable (" in ran.err
    assert cvm("status", "--all-profiles").status == Exit.PARTLY


@pytest.mark.parametrize("command", ["stop --all --yes", "status web1", "restart nas", "start --match web*"])
def test_where_vpses_are_named_or_touched_every_panel_must_be_there(
    cvm: Cvm, work: SimulatedPanel, home: SimulatedPanel, command: str
) -> None:
    home.client_api = False
    ran = cvm(*command.split(), "--all-profiles")
    assert ran.status == Exit.REFUSED
    assert ran.err.startswith("cvm-async: home: ")
    assert ran.err.endswith("; nothing was done\n")
    assert not work.actions


def test_where_all_are_lost_each_is_told(cvm: Cvm, work: SimulatedPanel, home: SimulatedPanel) -> None:
    work.client_api = home.client_api = False
    ran = cvm("list", "--all-profiles")
    assert ran.status == Exit.REFUSED
    assert "cvm-async: work: " in ran.err
    assert "; home: " in ran.err


def test_a_default_serves_where_nothing_else_is_said(cvm: Cvm, home: SimulatedPanel) -> None:
    write('default_profile = "home"\n' + profile("home", home))
    assert rows(cvm("status", "--json").out) == [("home", 2), ("home", 3)]


def test_an_alias_may_name_the_profile(cvm: Cvm) -> None:
    assert rows(cvm("--profile", "home", "status", "--json").out) == [("home", 2), ("home", 3)]


def test_a_profile_says_how_and_the_flags_say_it_better(cvm: Cvm, home: SimulatedPanel) -> None:
    write(profile("home", home, "max_concurrency = 1\nper_node = 1\nread_timeout = 30"))
    assert cvm("restart", "2", "3", "--yes", "--max-concurrency", "2", "--profile", "home").status == Exit.DONE


def test_profiles_are_named_one_way_or_the_other(cvm: Cvm) -> None:
    ran = cvm("list", "--all-profiles", "--profile", "home")
    assert (ran.status, ran.err) == (Exit.USAGE, "cvm-async: give --profile or --all-profiles; not both\n")
