"""Profiles are added, listed, made the default and removed as a person does it."""

import getpass
import io
import json
import os
import pty
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import keyring.core
import pytest

from cli.conftest import Cvm, Tty
from cvm_async._profiles.place import profiles_path
from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel

WORK = '[work]\nurl = "https://work.example.net"\npublic_token = "p"\nprivate_token = "s3cret"\nper_node = 2\n'


@pytest.fixture
def path() -> Path:
    return profiles_path(os.environ["XDG_CONFIG_HOME"])


def write(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_text(text)


@pytest.fixture
def typing(monkeypatch: pytest.MonkeyPatch, at_terminal: Callable[[str], Tty]) -> Callable[..., Tty]:
    """Be a person who types these lines, and these tokens where they do not show."""

    def sit_down(lines: str, *secrets: str) -> Tty:
        tokens = iter(secrets)

        def ask(_: str) -> str:
            return next(tokens)

        monkeypatch.setattr(getpass, "getpass", ask)
        return at_terminal(lines)

    return sit_down


def test_a_profile_that_was_added_serves_at_once(
    cvm: Cvm, panel: SimulatedPanel, typing: Callable[..., Tty], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CVM_URL", "CVM_PUBLIC_TOKEN", "CVM_PRIVATE_TOKEN"):
        monkeypatch.delenv(name)
    err = typing(f"{panel.url}\n", panel.public_token, panel.private_token)
    assert cvm("profile", "add", "work").status == Exit.DONE
    asked, _, told = err.getvalue().replace("\n", "").partition(": [work] is in ")
    assert (asked, told.partition(", ")[2]) == (
        "Address of the panel (https://…)",
        "as the default; to try it: cvm-async profile check work",
    )
    ran = cvm("list", "--json")
    assert len(json.loads(ran.out)["vpses"]) == 24


def test_the_letters_of_a_token_do_not_show_on_a_real_terminal(path: Path) -> None:
    command = [sys.executable, "-m", "cvm_async", "profile", "add", "work", "--url", "https://work.example.net"]
    ours, theirs = pty.openpty()
    # What is run is this interpreter.
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as person:  # noqa: S603
        os.close(theirs)
        seen = until(ours, b"Public token: ")
        os.write(ours, b"p\n")
        seen += until(ours, b"Private token: ")
        os.write(ours, b"s3cret\n")
        seen += until(ours, b"profile check work")
        assert person.wait(60) == Exit.DONE
    os.close(ours)
    assert b"s3cret" not in seen
    assert tomllib.loads(path.read_text())["work"]["private_token"] == "s3cret"


def until(terminal: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 1024)
    return seen


def test_only_the_first_profile_becomes_the_default_by_itself(
    cvm: Cvm, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        monkeypatch.setattr("sys.stdin", io.StringIO("https://x\np\ns3cret\n"))
        assert cvm("profile", "add", name).status == Exit.DONE
    assert tomllib.loads(path.read_text())["default_profile"] == "one"


@pytest.mark.parametrize(("answer", "url"), [("y\n", "https://new.example.net"), ("\n", "https://work.example.net")])
def test_other_tokens_for_a_profile_take_a_yes(
    cvm: Cvm, path: Path, typing: Callable[..., Tty], answer: str, url: str
) -> None:
    write(path, WORK)
    err = typing(f"{answer}https://new.example.net\n", "new", "new-s3cret")
    assert cvm("profile", "add", "work").status == (Exit.DONE if "new" in url else Exit.FAILED)
    assert err.getvalue().startswith("Replace the address and tokens of [work]? [y/N] ")
    found = tomllib.loads(path.read_text())
    assert (found["work"]["url"], found["work"]["per_node"]) == (url, 2)
    assert "default_profile" not in found


def test_a_program_replaces_none(cvm: Cvm, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, WORK)
    monkeypatch.setattr("sys.stdin", io.StringIO("https://x\np\ns3cret\n"))
    ran = cvm("profile", "add", "work")
    assert (ran.status, path.read_text()) == (Exit.USAGE, WORK)
    assert "there is a profile [work] already; where nobody can be asked, remove it first" in ran.err


def test_a_private_token_may_be_kept_elsewhere(cvm: Cvm, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[str, ...]] = []

    def set_password(*password: str) -> None:
        kept.append(password)

    monkeypatch.setattr(keyring.core, "_keyring_backend", SimpleNamespace(set_password=set_password))
    monkeypatch.setattr("sys.stdin", io.StringIO("https://x\np\ns3cret\nhttps://y\np\n"))
    assert cvm("profile", "add", "ring", "--keyring").status == Exit.DONE
    assert cvm("profile", "add", "asks", "--command", "pass show cvm").status == Exit.DONE
    assert "s3cret" not in path.read_text()
    assert kept == [("cvm_async", "ring", "s3cret")]
    found = tomllib.loads(path.read_text())
    assert found["ring"]["private_token_keyring"] == "cvm_async:ring"
    assert found["asks"]["private_token_command"] == "pass show cvm"


def test_where_there_is_no_keyring_nothing_is_written(cvm: Cvm, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setattr("sys.stdin", io.StringIO("https://x\np\ns3cret\n"))
    ran = cvm("profile", "add", "ring", "--keyring")
    assert (ran.status, path.exists()) == (Exit.USAGE, False)
    assert "the system's keyring cannot be used (NoKeyringError)" in ran.err
    assert "s3cret" not in ran.err


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        ("add a,b", "'a,b' is no name for a profile"),
        ("add work --keyring --command x", "give --keyring or --command; not both"),
        ("add work --url http://panel.example.net", "would send the tokens unencrypted"),
        ("use nobody", "there are no profiles: "),
        ("remove nobody", "there are no profiles: "),
        ("check", "there are no profiles: "),
        ("add", "parameter NAME requires an argument"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(cvm: Cvm, path: Path, tokens: str, sentence: str) -> None:
    ran = cvm("profile", *tokens.split())
    assert (ran.status, ran.out, path.exists()) == (Exit.USAGE, "", False)
    assert sentence in ran.err.replace("  ", " ")


def test_a_list_shows_no_token(cvm: Cvm, path: Path) -> None:
    write(path, f'default_profile = "work"\n{WORK}')
    ran = cvm("profile", "list")
    assert ran.status == Exit.DONE
    assert ran.out.splitlines()[-2].split() == ["*", "work", "https://work.example.net", "file", "file"]
    assert ran.out.splitlines()[-1] == f"1 profile in {path}"
    assert "s3cret" not in ran.out + ran.err + cvm("profile", "list", "--json").out


@pytest.mark.parametrize(
    ("tokens", "printed"),
    [
        ("profile list -o name", "work\n"),
        ("-o jsonl profile list", '{"name": "work", "default": true, '),
        ("profile list --output csv", "name,default,url,public_token_from,private_token_from,problem\r\nwork,true,"),
        ("profile list -o yaml", "version: 1\n"),
    ],
)
def test_a_list_is_for_programs_too(cvm: Cvm, path: Path, tokens: str, printed: str) -> None:
    write(path, f'default_profile = "work"\n{WORK}')
    ran = cvm(*tokens.split())
    assert ran.status == Exit.DONE
    assert ran.out.startswith(printed)
    assert "s3cret" not in ran.out


def test_a_list_tells_of_what_cannot_be_used(cvm: Cvm, path: Path) -> None:
    write(path, f"{WORK}[broken]\nurk = 's3cret'\n")
    ran = cvm("profile", "list")
    assert ran.status == Exit.PARTLY
    assert "has the key 'urk', which means nothing" in ran.err
    assert "2 profiles in " in ran.out
    assert "s3cret" not in ran.out + ran.err


def test_where_there_is_no_file_a_list_is_empty(cvm: Cvm, path: Path) -> None:
    ran = cvm("profile", "list", "--json")
    assert (ran.status, json.loads(ran.out)["profiles"]) == (Exit.DONE, [])
    assert cvm("profile", "list").out == f"0 profiles in {path}\n"


def test_a_default_is_named_and_what_counts_before_it(cvm: Cvm, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, WORK)
    ran = cvm("profile", "use", "work")
    assert (ran.status, ran.err) == (Exit.DONE, "[work] is the default\n")
    assert tomllib.loads(path.read_text())["default_profile"] == "work"
    for variable in ("CVM_URL", "CVM_PROFILE"):
        monkeypatch.setenv(variable, "x")
        assert f"{variable} is set here, and counts before it" in cvm("profile", "use", "work").err


def test_a_profile_of_that_name_leaves_no_room_for_a_default(cvm: Cvm, path: Path) -> None:
    text = WORK.replace("[work]", "[default_profile]")
    write(path, text)
    ran = cvm("profile", "use", "default_profile")
    assert (ran.status, path.read_text()) == (Exit.FAILED, text)
    assert "has a profile [default_profile], and so no room for a default: rename that one" in ran.err


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", ["work"]), ("", ["work"])], ids=["yes", "no", "end"])
def test_a_profile_is_removed_after_a_question(
    cvm: Cvm, path: Path, typing: Callable[..., Tty], answer: str, left: list[str]
) -> None:
    write(path, WORK)
    err = typing(answer)
    assert cvm("profile", "remove", "work").status == (Exit.FAILED if left else Exit.DONE)
    assert err.getvalue().startswith("Remove [work] and its tokens? [y/N] ")
    assert list(tomllib.loads(path.read_text())) == left


def test_where_nobody_can_be_asked_a_flag_must_say_so(cvm: Cvm, path: Path) -> None:
    write(path, WORK)
    assert cvm("profile", "remove", "work").status == Exit.USAGE
    assert cvm("profile", "remove", "work", "--yes").status == Exit.DONE
    assert path.read_text() == ""


def test_what_is_left_in_the_keyring_is_told(cvm: Cvm, path: Path) -> None:
    write(path, "[work]\nprivate_token_keyring = 'cvm_async:work'\npublic_token_keyring = 1\n")
    assert "its token is still in the keyring: cvm_async:work\n" in cvm("profile", "remove", "work", "-y").err


def test_ctrl_c_at_a_question_writes_nothing(
    cvm: Cvm, path: Path, typing: Callable[..., Tty], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            signal.raise_signal(signal.SIGINT)
            return "https://x"

    err = typing("")
    monkeypatch.setattr("sys.stdin", Interrupted())
    assert cvm("profile", "add", "work").status == Exit.INTERRUPTED
    assert err.getvalue().endswith("\ncvm-async: interrupted\n")
    assert not path.exists()
