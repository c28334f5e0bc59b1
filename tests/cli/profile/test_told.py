"""What is told of a profile says where its tokens come from, and never what they are."""

import json
from pathlib import Path

import pytest

from cvm_async._profiles.file import ProfileFile, read_profiles
from cvm_async.cli.grids import Tone
from cvm_async.cli.profile.told import listing, profile_grid, shown_url, told

TEXT = """\
default_profile = "work"
[work]
url = "https://work.example.net"
public_token = "s3cret"
private_token_command = "echo s3cret"
[home]
url = "https://me:s3cret@home.example.net/cvm"
private_token_keyring = "cvm_async:home"
[broken]
urk = "s3cret"
"""


@pytest.fixture
def file(tmp_path: Path) -> ProfileFile:
    path = tmp_path / "profiles.toml"
    path.touch(mode=0o600)
    path.write_text(TEXT)
    return read_profiles(path)


def test_a_table_says_which_panel_and_where_the_tokens_are(file: ProfileFile) -> None:
    grid = profile_grid(told(file))
    assert [column.title for column in grid.columns] == ["", "PROFILE", "PANEL", "PUBLIC TOKEN", "PRIVATE TOKEN"]
    assert [row.cells for row in grid.rows] == [
        ("*", "work", "https://work.example.net", "file", "command"),
        ("", "home", "…@home.example.net/cvm", "environment", "keyring cvm_async:home"),
        ("", "broken", "can't be used", "", ""),
    ]
    assert [row.tone for row in grid.rows] == [Tone.PLAIN, Tone.PLAIN, Tone.TROUBLE]


def test_a_program_is_told_the_same(file: ProfileFile) -> None:
    found = listing(file, told(file))
    assert "s3cret" not in json.dumps(found)
    assert found["version"] == 1
    assert (found["path"], found["default"]) == (str(file.path), "work")
    profiles = found["profiles"]
    assert isinstance(profiles, list)
    assert profiles[0] == {
        "name": "work",
        "default": True,
        "url": "https://work.example.net",
        "public_token_from": "file",
        "private_token_from": "command",
        "problem": None,
    }
    assert profiles[2]["url"] is profiles[2]["private_token_from"] is None
    assert "'urk', which means nothing" in profiles[2]["problem"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x/cvm", "https://x/cvm"),
        ("https://me:s3cret@x", "…@x"),
        ("a\x1b[2Jb", "a\N{REPLACEMENT CHARACTER}[2Jb"),
    ],
)
def test_an_address_is_shown_safe_and_without_a_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown
