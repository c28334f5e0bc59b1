"""The file of profiles is read where nobody else can, and what is in it is shown to nobody."""

import traceback
from pathlib import Path

import pytest

from cvm_async import ConfigurationError
from cvm_async._profiles import file as reading
from cvm_async._profiles.file import ProfileFile, read_profiles, written
from cvm_async._secret import Secret

PROFILE = 'url = "https://panel.example.net"\nprivate_token = "s3cret"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profiles.toml"


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.touch(mode=mode)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def test_each_table_is_a_profile_in_the_files_order(path: Path) -> None:
    write(path, f'default_profile = "b"\n[b]\n{PROFILE}[a]\nper_node = 2\n[c.d]\n')
    found = read_profiles(path)
    assert found == ProfileFile(
        path,
        {
            "b": {"url": Secret("https://panel.example.net"), "private_token": Secret("s3cret")},
            "a": {"per_node": 2},
            "c": {"d": {}},
        },
        "b",
    )
    assert list(found.tables) == ["b", "a", "c"]
    assert found.table("a") == {"per_node": 2}
    assert found.called("a") == f"profile [a] of {path}"


@pytest.mark.parametrize("text", ["", f"[a]\n{PROFILE}", "default_profile = 1\n", "[default_profile]\n"])
def test_there_is_a_default_only_where_the_file_names_one(path: Path, text: str) -> None:
    assert read_profiles(write(path, text)).default is None


@pytest.mark.parametrize(
    ("text", "there"),
    [(f"[a]\n{PROFILE}['b\u202e']\n", "a, b\N{REPLACEMENT CHARACTER}"), ("", "none"), (PROFILE, "none")],
    ids=["some", "empty", "no table"],
)
def test_a_profile_that_is_not_there_is_told_with_those_that_are(path: Path, text: str, there: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_profiles(write(path, text)).table("home")
    assert str(refused.value) == f"{path} has no profile [home]; it has: {there}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[home]\nprivate_token = s3cret\n", "is not TOML: Invalid value (at line 2, column 17)"),
        ('[home]\nprivate_token = "s3cret"\n[home]\n', "is not TOML: Cannot declare"),
        (b'[home]\nurl = "s3cret\xff"\n', "is not TOML"),
        (b"\xff\xfe[\x00h\x00]\x00", "is not TOML"),
        ("s3cret = " + "[" * 100_000, "is nested too deep"),
    ],
    ids=["no TOML", "twice", "no UTF-8", "UTF-16", "nested without end"],
)
def test_a_file_that_cannot_be_read_says_why_and_shows_nothing_of_it(
    path: Path, text: str | bytes, sentence: str
) -> None:
    write(path, text)
    with pytest.raises(ConfigurationError) as refused:
        read_profiles(path)
    assert str(refused.value).startswith(f"{path} {sentence}")
    assert refused.value.__context__ is None
    assert "s3cret" not in shown(refused.value)


def shown(error: BaseException) -> str:
    """Give the traceback below the test's own frame, with the locals."""
    trace = error.__traceback__
    assert trace is not None
    return "".join(traceback.TracebackException(type(error), error, trace.tb_next, capture_locals=True).format())


@pytest.mark.parametrize(
    "value",
    ['"s3cret"', "54321098", '["s3cret"]', '{ a = "s3cret" }', "[{ a = ['s3cret'] }]", "1979-05-27"],
    ids=["text", "number", "list", "table", "tables", "date"],
)
def test_whatever_stands_where_a_token_does_is_masked(path: Path, value: str) -> None:
    found = read_profiles(write(path, f"[home]\nprivate_token = {value}\n'my token' = {value}\n"))
    assert not any(plain in repr(found) for plain in ("s3cret", "54321098"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_file_that_others_may_use_is_refused_with_the_cure(path: Path, mode: int) -> None:
    write(path, PROFILE, mode)
    with pytest.raises(ConfigurationError, match=f"other users of this machine may use it: chmod 600 {path}"):
        read_profiles(path)


def test_where_permissions_are_kept_elsewhere_they_are_not_looked_at(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, f"[home]\n{PROFILE}", 0o644)
    monkeypatch.setattr(reading, "_POSIX", False)
    assert list(read_profiles(path).tables) == ["home"]


def test_a_byte_order_mark_before_the_profiles_is_not_read(path: Path) -> None:
    write(path, f"\ufeff[home]\n{PROFILE}")
    assert list(read_profiles(path).tables) == ["home"]
    assert written(path) == Secret(f"[home]\n{PROFILE}")


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("/nowhere/x", "there are no profiles: /nowhere/x does not exist; cvm-async profile add makes one"),
        ("/", "the profiles of / cannot be read: Is a directory"),
        ("/dev/null/x", "the profiles of /dev/null/x cannot be read: Not a directory"),
        ("/srv/\0", "the profiles of /srv/\ufffd cannot be read: embedded null byte"),
        ("/srv/\udcff\x1b[2J", "there are no profiles: /srv/\ufffd\ufffd[2J does not exist; cvm-async"),
        ("/" + "x" * 300, "cannot be read: File name too long"),
    ],
    ids=["not there", "a folder", "in a file", "a NUL", "no UTF-8, and a control", "too long"],
)
def test_a_place_where_there_is_no_file_says_so_and_is_safe_to_print(named: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_profiles(Path(named))
    assert sentence in str(refused.value)
    assert str(refused.value).isprintable()
    assert refused.value.__context__ is None
