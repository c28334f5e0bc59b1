from pathlib import Path

import pytest

from cvm_async import ConfigurationError
from cvm_async._profiles.file import read_profiles
from cvm_async.cluster.selection import Panel, panels_of

PROFILES = """
[acme-1]
url = "https://a.example.net"
[acme-2]
url = "https://b.example.net/cvm"
region = "eu"
[other]
url = "https://A.example.net/"
"""


def panels(tmp_path: Path, *patterns: str, profiles: str = PROFILES) -> list[Panel]:
    path = tmp_path / "profiles.toml"
    path.touch(mode=0o600)
    path.write_text(profiles)
    return panels_of(read_profiles(path), patterns)


def test_profiles_of_one_panel_are_one_panel_and_need_no_tokens(tmp_path: Path) -> None:
    assert panels(tmp_path, "*") == [
        Panel("https://a.example.net/", "", ("acme-1", "other")),
        Panel("https://b.example.net/cvm", "eu", ("acme-2",)),
    ]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [(("acme-*",), ["acme-1", "acme-2"]), (("acme-2", "acme-?"), ["acme-1", "acme-2"]), (("other",), ["other"])],
)
def test_names_and_patterns_are_taken_in_the_files_order_each_once(
    tmp_path: Path, patterns: tuple[str, ...], names: list[str]
) -> None:
    assert [name for panel in panels(tmp_path, *patterns) for name in panel.profiles] == names


def test_a_pattern_that_fits_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no profile in .* fits acme-9"):
        panels(tmp_path, "acme-1", "acme-9")


def test_a_panel_of_two_regions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="of two regions, '' and 'eu', by the profiles acme-1, other"):
        panels(tmp_path, "*", profiles=PROFILES + '\nregion = "eu"\n')


def test_a_region_has_letters_and_digits(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="region must be letters"):
        panels(tmp_path, "*", profiles=PROFILES + '\nregion = "eu west"\n')
