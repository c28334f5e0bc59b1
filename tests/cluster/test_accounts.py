import re
from pathlib import Path

import pytest

from cluster.makes import keep_profiles
from cvm_async._profiles.environment import Environment
from cvm_async._profiles.file import ProfileFile, read_profiles
from cvm_async.cluster import accounts as accounts_module
from cvm_async.cluster.accounts import Accounts, accounts, profiles_in
from cvm_async.cluster.address import address_of
from cvm_async.errors import ConfigurationError
from cvm_async.panel import SimulatedPanel


async def reached(tmp_path: Path, panel: SimulatedPanel, *names: str, region: str | None = None) -> list[str]:
    """Give the problems of accounts, and what their fleet has."""
    environment = Environment(config_home=str(tmp_path))
    async with accounts(names, address_of(panel.url), region, environment) as found:
        fleet = await found.fleet()
    return [*(f"{vps.id}" for vps in fleet), *map(str, fleet.problems)]


async def test_the_accounts_of_a_panel_are_one_fleet_behind_the_same_limits(tmp_path: Path) -> None:
    async with SimulatedPanel(vpses=6, nodes=2, cost=0.01) as panel:
        keep_profiles(tmp_path, {f"acme-{number}": panel for number in range(6)}, max_concurrency=2)
        environment = Environment(config_home=str(tmp_path))
        names = [f"acme-{number}" for number in range(6)]
        async with accounts(names, address_of(panel.url), None, environment) as found:
            fleet = await found.fleet()
            report = await fleet.status()
        assert len(fleet) == 6
        assert len(report.ok) == 6
        assert panel.peak_in_flight() <= 2
        assert {session.name for session in found.sessions} == set(names)


@pytest.mark.parametrize(
    ("profile", "region", "said"),
    [
        ("acme-2", None, r"has no profile \[acme-2\]"),
        ("acme-1", "eu", "says region '', and this worker's is 'eu'"),
        ("other", None, "is of another panel here"),
        ("bare", None, "lacks public_token"),
    ],
)
async def test_one_that_cannot_be_had_is_a_problem_and_the_others_are_there(
    tmp_path: Path, profile: str, region: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The environment's tokens are one panel's, and a worker is of many.
    monkeypatch.setenv("CVM_PUBLIC_TOKEN", "somebody's")
    async with SimulatedPanel(vpses=2) as panel:
        file = keep_profiles(tmp_path, {"acme-1": panel})
        with file.open("a") as more:
            more.write(f'\n[other]\nurl = "https://other.example.net"\n[bare]\nurl = "{panel.url}"\n')
        [problem] = await reached(tmp_path, panel, profile, region=region)
    assert problem.startswith(f"{profile} is unreadable")
    assert re.search(said, problem)


async def test_a_list_that_cannot_be_had_is_a_problem(tmp_path: Path) -> None:
    async with SimulatedPanel(vpses=2) as panel:
        file = keep_profiles(tmp_path, {"acme-1": panel, "acme-2": panel})
        file.write_text(file.read_text().replace(panel.private_token, "wrong", 1))
        *ids, problem = await reached(tmp_path, panel, "acme-1", "acme-2")
    assert ids == ["1", "2"]
    assert problem.startswith("acme-1 is unreadable")


async def test_without_sessions_an_action_takes_no_time() -> None:
    assert Accounts((), (), 0.0).longest == 0.0


def test_the_file_of_profiles_is_read_once_for_all_accounts_and_again_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def reading(path: Path) -> ProfileFile:
        read.append(path)
        return read_profiles(path)

    monkeypatch.setattr(accounts_module, "read_profiles", reading)
    file = keep_profiles(tmp_path, {})
    environment = Environment(config_home=str(tmp_path))
    seen: list[list[str]] = []
    for text in ("[one]", "[one]\n[two]"):
        file.write_text(text)
        seen += [list(profiles_in(environment).tables) for _ in range(3)]
    assert seen == [["one"]] * 3 + [["one", "two"]] * 3
    assert len(read) == 2
    file.unlink()
    with pytest.raises(ConfigurationError, match="does not exist"):
        profiles_in(environment)


def test_a_file_that_others_may_use_since_it_was_read_is_refused(tmp_path: Path) -> None:
    file = keep_profiles(tmp_path, {})
    file.write_text("[one]")
    environment = Environment(config_home=str(tmp_path))
    assert list(profiles_in(environment).tables) == ["one"]
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        profiles_in(environment)
