"""The profiles are where the platform has its settings, and where they were before that is found, too."""

import pwd
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from cvm_async import ConfigurationError
from cvm_async._profiles import place
from cvm_async._profiles.place import home, is_there, profiles_path


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_an_absolute_folder_that_xdg_names_counts_everywhere() -> None:
    assert profiles_path("/srv/conf") == Path("/srv/conf/cvm_async/profiles.toml")


@pytest.mark.skipif(sys.platform != "linux", reason="where Linux has it")
@pytest.mark.parametrize("said", ["", "relative/path"])
def test_on_linux_they_are_below_dot_config(here: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    if said:
        monkeypatch.setenv("XDG_CONFIG_HOME", said)
    assert profiles_path(said) == here / ".config" / "cvm_async" / "profiles.toml"


def elsewhere(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Be on a platform that has its settings in another folder."""

    def own(name: str, *, appauthor: bool) -> Path:
        assert not appauthor
        return folder / name

    monkeypatch.setattr(place, "user_config_path", own)
    return folder / "cvm_async" / "profiles.toml"


def test_on_another_platform_they_are_where_that_has_its_settings(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = elsewhere(monkeypatch, here / "Library")
    assert profiles_path() == usual


def test_what_was_below_dot_config_there_is_found_still(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = elsewhere(monkeypatch, here / "Library")
    before = put(here / ".config" / "cvm_async" / "profiles.toml")
    assert profiles_path() == before
    put(usual)
    assert profiles_path() == usual


def test_a_relative_folder_is_not_taken_also_where_the_platform_would(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(monkeypatch, Path("relative"))
    assert profiles_path("relative") == here / ".config" / "cvm_async" / "profiles.toml"


def test_without_a_home_directory_it_says_so_but_where_xdg_names_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> NoReturn:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for look in (home, profiles_path):
        with pytest.raises(ConfigurationError, match=r"no home directory to look for profiles in: set HOME, or XDG_"):
            look()
    assert profiles_path("/srv").is_relative_to("/srv")


def test_what_cannot_be_looked_at_may_be_there(tmp_path: Path) -> None:
    assert is_there(tmp_path)
    assert not is_there(tmp_path / "nobody")
    assert not is_there(Path("/dev/null/nobody"))
    assert is_there(tmp_path / ("x" * 300))
    assert is_there(tmp_path / "\0")
