"""Names for a shell, out of what was listed last."""

import os
import stat
from pathlib import Path

import pytest

from cli.conftest import Cvm
from cvm_async._profiles.place import profiles_path
from cvm_async.cli.shell.names import accounts, offered, profiles, reads_back, remember
from cvm_async.models import Vps
from cvm_async.panel import SimulatedPanel


def vps(number: int, hostname: str, node: int | None = 3) -> Vps:
    return Vps(
        id=number,
        hostname=hostname,
        node=node,
        virtualization_type=1,
        guaranteed_ram=None,
        disk_space=None,
        cpu_count=None,
    )


def at(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    monkeypatch.setattr("time.time", lambda: moment)


def written() -> list[Path]:
    return [*Path(os.environ["XDG_CACHE_HOME"]).rglob("*.json")]


@pytest.mark.parametrize(
    ("hostname", "good"),
    [
        ("web1.example.net", True),
        ("", False),
        ("a b", False),
        ("a,b", False),
        ("-x", False),
        ("12", False),
        ("1-3", False),
        ("a\x1b", False),
    ],
)
def test_a_name_is_offered_only_where_it_would_be_read_as_one(hostname: str, *, good: bool) -> None:
    assert reads_back(hostname) is good


def test_what_was_listed_is_offered_with_its_age_and_an_id_where_a_name_is_not_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at(monkeypatch, 1_000.0)
    remember("a", [vps(1, "web1"), vps(2, "Twin"), vps(3, "twin", None)])
    at(monkeypatch, 1_000.0 + 7200)
    assert [*offered("a")] == [
        ("web1", "VPS 1 on node 3, listed 2 h ago"),
        ("2", "Twin on node 3, listed 2 h ago"),
        ("3", "twin, listed 2 h ago"),
    ]
    assert [*offered("b")] == []


@pytest.mark.parametrize("later", [8 * 24 * 3600.0, -1.0], ids=["too old", "of the future"])
def test_what_is_too_old_is_not_offered(monkeypatch: pytest.MonkeyPatch, later: float) -> None:
    at(monkeypatch, 1_000.0)
    remember("a", [vps(1, "web1")])
    at(monkeypatch, 1_000.0 + later)
    assert [*offered("a")] == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": 1, "vpses": [[1]]}', '{"at": "x", "vpses": []}'])
def test_a_file_that_is_damaged_offers_nothing(text: str) -> None:
    remember("a", [])
    (file,) = written()
    file.write_text(text)
    assert [*offered("a")] == []


def test_only_its_owner_can_read_it() -> None:
    remember("a", [vps(1, "web1")])
    (file,) = written()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_where_it_cannot_be_written_nothing_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    remember("a", [])
    assert [*offered("a")] == []


def profile_file(text: str) -> None:
    path = profiles_path(os.environ["XDG_CONFIG_HOME"])
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(text)


def test_each_account_has_names_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    profile_file('default_profile = "a"\n[a]\nurl = "https://a.example"\n[b]\nurl = "https://b.example"\n')
    first, second = accounts(("a,b",), every=False)
    assert first != second
    assert accounts((), every=True) == [first, second]
    assert accounts((), every=False) == [first]
    monkeypatch.setenv("CVM_PROFILE", "b")
    assert accounts((), every=False) == [second]
    assert profiles() == ["a", "b"]
    monkeypatch.delenv("CVM_PROFILE")
    for name in ("URL", "PUBLIC_TOKEN", "PRIVATE_TOKEN"):
        monkeypatch.setenv(f"CVM_{name}", "https://c.example")
    assert accounts((), every=False) == ["https://c.example https://c.example"]


def test_a_shell_is_given_the_names_of_the_last_list_without_a_call(cvm: Cvm, panel: SimulatedPanel) -> None:
    cvm("list")
    calls = len(panel.requests)
    words = [line.split("\t")[0] for line in cvm("__complete", "status", "w").out.splitlines()]
    assert "web-001.example.net" in words
    before = cvm("__complete", "--read-timeout", "3", "stop", "--exclude", "w").out
    assert "web-001.example.net" in before
    assert len(panel.requests) == calls


def test_a_shell_is_given_the_names_of_profiles(cvm: Cvm) -> None:
    profile_file('[work]\nurl = "https://a.example"\n')
    assert "work" in cvm("__complete", "list", "--profile", "").out
