"""A check makes one call a profile, and tells each profile's trouble without hiding another's health."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Cvm
from cvm_async._profiles.place import profiles_path
from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel, bad_gateway

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def nothing_said(panel: SimulatedPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CVM_URL", "CVM_PUBLIC_TOKEN", "CVM_PRIVATE_TOKEN"):
        monkeypatch.delenv(name)
    assert not panel.requests


@pytest.fixture
def write() -> Write:
    path = profiles_path(os.environ["XDG_CONFIG_HOME"])
    path.parent.mkdir()
    path.touch(mode=0o600)

    def put(text: str) -> Path:
        path.write_text(text)
        return path

    return put


def good(panel: SimulatedPanel, name: str = "work") -> str:
    return f'[{name}]\nurl = "{panel.url}"\npublic_token = "{panel.public_token}"\n'


def whole(panel: SimulatedPanel, name: str = "work", private: str = "") -> str:
    return f'{good(panel, name)}private_token = "{private or panel.private_token}"\n'


def test_one_call_tells_that_a_profile_is_well(cvm: Cvm, panel: SimulatedPanel, write: Write) -> None:
    write(whole(panel))
    ran = cvm("profile", "check")
    assert (ran.status, ran.err) == (Exit.DONE, "")
    assert ran.out.splitlines()[-1].split()[:4] == ["ok", "work", panel.url, "24"]
    assert len(panel.requests) == 1


def test_one_call_is_all_also_where_it_fails(cvm: Cvm, panel: SimulatedPanel, write: Write) -> None:
    write(f"{whole(panel)}retries = 5\n")
    panel.inject(bad_gateway())
    ran = cvm("profile", "check", "work")
    assert (ran.status, ran.out.splitlines()[-1].split()[:2]) == (Exit.FAILED, ["failed", "work"])
    assert ran.err.startswith("work: ")
    assert len(panel.requests) == 1


def test_each_profile_has_its_own_line(cvm: Cvm, panel: SimulatedPanel, write: Write) -> None:
    write(f"{whole(panel)}{whole(panel, 'wrong', 's3cret')}{good(panel, 'half')}[none]\n")
    ran = cvm("profile", "check", "--json")
    assert ran.status == Exit.PARTLY
    told = json.loads(ran.out)
    assert told["version"] == 1
    assert [(each["name"], each["ok"], each["vpses"], each["error_type"]) for each in told["profiles"]] == [
        ("work", True, 24, None),
        ("wrong", False, None, "AuthenticationError"),
        ("half", False, None, "ConfigurationError"),
        ("none", False, None, "ConfigurationError"),
    ]
    assert "lacks private_token" in ran.err
    assert "s3cret" not in ran.err + ran.out


@pytest.mark.parametrize(
    ("names", "status"),
    [("wrong", Exit.REFUSED), ("none", Exit.USAGE), ("wrong,none", Exit.FAILED), ("wrong,work", Exit.PARTLY)],
)
def test_how_it_ended_is_in_the_exit_status(
    cvm: Cvm, panel: SimulatedPanel, write: Write, names: str, status: Exit
) -> None:
    write(f"{whole(panel)}{whole(panel, 'wrong', 's3cret')}[none]\n")
    assert cvm("profile", "check", names).status == status


@pytest.mark.parametrize("command", ["--profile work profile check", "profile check --profile work,work -o name"])
def test_a_profile_may_be_named_as_to_other_commands(
    cvm: Cvm, panel: SimulatedPanel, write: Write, command: str
) -> None:
    write(f"{whole(panel)}[none]\n")
    assert cvm(*command.split()).status == Exit.DONE
    assert len(panel.requests) == 1


def test_a_profile_that_is_not_there_is_told_before_anybody_is_asked(
    cvm: Cvm, panel: SimulatedPanel, write: Write
) -> None:
    write(whole(panel))
    ran = cvm("profile", "check", "work", "nobody")
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert "has no profile [nobody]; it has: work" in ran.err
    assert not panel.requests


def test_without_profiles_there_is_nothing_to_check(cvm: Cvm, write: Write) -> None:
    path = write("")
    ran = cvm("profile", "check")
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert f"there are no profiles in {path}" in ran.err


def test_the_environment_gives_what_a_profile_leaves_to_it_and_contradicts_nothing(
    cvm: Cvm, panel: SimulatedPanel, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = shlex.join([sys.executable, "-c", f"print({panel.private_token!r})"])
    write(f"{good(panel, 'bare')}{good(panel, 'asks')}private_token_command = {json.dumps(command)}\n{whole(panel)}")
    monkeypatch.setenv("CVM_URL", "https://other.example.net")
    monkeypatch.setenv("CVM_PUBLIC_TOKEN", "somebody else's")
    monkeypatch.setenv("CVM_PRIVATE_TOKEN", panel.private_token)
    assert cvm("profile", "check").status == Exit.DONE
    monkeypatch.setenv("CVM_PRIVATE_TOKEN", "somebody else's")
    ran = cvm("profile", "check", "--json")
    assert [each["ok"] for each in json.loads(ran.out)["profiles"]] == [False, True, True]
