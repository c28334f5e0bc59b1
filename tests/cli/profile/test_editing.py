"""The file is changed at once or not at all, and nothing of it is lost."""

import os
import stat
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, strategies as st
from tomlkit import TOMLDocument

from cvm_async._secret import Secret
from cvm_async.cli.exits import CommandError
from cvm_async.cli.profile.editing import Change, change, naming, putting, removing
from cvm_async.errors import ConfigurationError

WRITTEN = """\
# Mine.

[work]
url = "https://work.example.net"  # the big one
private_token = "s3cret"
# rotated in May

# About home.
[home]
url = 'https://home.example.net'
  per_node   = 2

# The end.
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cvm_async" / "profiles.toml"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(text.encode())
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(path: Path) -> None:
    change(path, putting("work", {"url": Secret("https://x"), "allow_insecure": True}, default=True))
    assert path.read_text() == 'default_profile = "work"\n\n[work]\nurl = "https://x"\nallow_insecure = true\n'
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_what_a_person_wrote_stays_where_it_is(path: Path) -> None:
    write(path, WRITTEN)
    change(path, naming("home"))
    assert path.read_text() == WRITTEN.replace("# Mine.\n", '# Mine.\ndefault_profile = "home"\n')
    change(path, naming("work"))
    assert path.read_text() == WRITTEN.replace("# Mine.\n", '# Mine.\ndefault_profile = "work"\n')


def test_a_default_that_is_there_is_not_taken_by_whoever_thought_to_be_first(path: Path) -> None:
    write(path, f'default_profile = "home"\n{WRITTEN}')
    change(path, putting("new", {"url": Secret("https://x")}, default=True))
    assert tomllib.loads(path.read_text())["default_profile"] == "home"


def test_keys_are_put_into_a_profile_and_taken_out_and_others_stay(path: Path) -> None:
    write(path, WRITTEN)
    keys = {"private_token": None, "private_token_command": Secret('pass show "x"'), "public_token": None}
    change(path, putting("work", keys, default=False))
    was, now = tomllib.loads(WRITTEN), tomllib.loads(path.read_text())
    assert now["work"] == {"url": "https://work.example.net", "private_token_command": 'pass show "x"'}
    assert now["home"] == was["home"]
    assert [line for line in path.read_text().splitlines() if "#" in line] == [
        line for line in WRITTEN.splitlines() if "#" in line
    ]


@pytest.mark.parametrize(
    ("name", "left"),
    [
        (
            "work",
            "# Mine.\n\n# About home.\n[home]\nurl = 'https://home.example.net'\n  per_node   = 2\n\n# The end.\n",
        ),
        ("home", WRITTEN.partition("[home]")[0] + "# The end.\n"),
    ],
)
def test_a_profile_is_taken_out_and_what_is_said_of_the_next_one_stays(path: Path, name: str, left: str) -> None:
    change(write(path, WRITTEN), removing(name))
    assert path.read_text() == left


def test_with_the_default_its_mention_goes(path: Path) -> None:
    write(path, f'default_profile = "work"\n{WRITTEN}')
    change(path, removing("home"))
    assert tomllib.loads(path.read_text())["default_profile"] == "work"
    change(path, removing("work"))
    assert tomllib.loads(path.read_text()) == {}


@pytest.mark.parametrize(
    "text", ["work = {url = 'x'}\n", "[work]", "work.url = 'x'\n", "[work]\nurl='x'\n[work.sub]\n"]
)
def test_a_profile_is_taken_out_however_it_is_written(path: Path, text: str) -> None:
    change(write(path, text), removing("work"))
    assert tomllib.loads(path.read_text()) == {}


def test_what_ends_lines_with_crlf_or_begins_with_a_mark_can_be_read_afterwards(path: Path) -> None:
    write(path, "\ufeff" + WRITTEN.replace("\n", "\r\n"))
    change(path, naming("home"))
    assert tomllib.loads(path.read_text()) == {"default_profile": "home", **tomllib.loads(WRITTEN)}


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    kept = write(tmp_path / "dotfiles" / "profiles.toml", WRITTEN)
    path.parent.mkdir()
    path.symlink_to(kept)
    change(path, naming("home"))
    assert path.is_symlink()
    assert 'default_profile = "home"' in kept.read_text()


def test_a_file_that_others_may_read_is_not_changed_either(path: Path) -> None:
    write(path, WRITTEN).chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        change(path, naming("home"))
    assert path.read_text() == WRITTEN


def test_a_file_that_is_read_only_is_left_alone(path: Path) -> None:
    write(path, WRITTEN).chmod(0o400)
    with pytest.raises(CommandError, match=f"^{path} is read-only: chmod u[+]w {path}$"):
        change(path, naming("home"))
    assert path.read_text() == WRITTEN


@pytest.mark.parametrize("named", ["/dev/null/cvm_async/profiles.toml", "/proc/cvm_async/profiles.toml"])
def test_a_place_that_cannot_be_written_to_is_told(named: str) -> None:
    with pytest.raises(CommandError, match=f"^the profiles of {named} cannot be written: "):
        change(Path(named), naming("home"))


def test_what_fails_half_way_leaves_the_file_as_it_was_and_nothing_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    write(path, WRITTEN)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CommandError, match=r"cannot be written: No space left on device$"):
        change(path, naming("home"))
    assert path.read_text() == WRITTEN
    assert list(path.parent.iterdir()) == [path]


def breaking(document: TOMLDocument) -> None:
    del document["work"]


def spoiling(document: TOMLDocument) -> None:
    document["home"] = tomlkit.string("x")
    document.body.append((None, tomlkit.ws("= nonsense")))


def refusing(document: TOMLDocument) -> None:
    del document["nobody"]


@pytest.mark.parametrize("make", [breaking, spoiling, refusing])
def test_a_change_that_would_touch_what_is_not_meant_is_not_made(
    path: Path, make: Callable[[TOMLDocument], None]
) -> None:
    write(path, WRITTEN)
    with pytest.raises(CommandError, match="cannot be changed without touching other parts of it: edit it"):
        change(path, Change(frozenset({"home"}), make))
    assert path.read_text() == WRITTEN


def test_a_file_of_somebody_else_stays_theirs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[int, int]] = []

    def give(_: int, uid: int, gid: int) -> None:
        given.append((uid, gid))
        raise PermissionError

    monkeypatch.setattr(os, "fchown", give)
    change(write(path, WRITTEN), naming("home"))
    assert given == [(path.stat().st_uid, path.stat().st_gid)]


def test_writers_wait_for_each_other_and_lose_nothing(path: Path) -> None:
    names = [f"p{number}" for number in range(24)]
    writers = [
        threading.Thread(target=change, args=(path, putting(name, {"url": Secret("https://x")}, default=False)))
        for name in names
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(tomllib.loads(path.read_text())) == sorted(names)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_that_is_put_in_is_read_again(text: str) -> None:
    document = tomlkit.document()
    putting("work", {"url": Secret(text)}, default=False).make(document)
    assert tomllib.loads(tomlkit.dumps(document)) == {"work": {"url": text}}
