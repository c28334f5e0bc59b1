"""What is said of a new profile is checked before anything is written."""

import io
from types import SimpleNamespace

import keyring.core
import pytest
from attrs import evolve

from cvm_async._profiles.sources import Command, KeyringEntry, Source
from cvm_async._secret import Secret
from cvm_async.cli.exits import CommandError
from cvm_async.cli.profile.answers import Answers, answered, check_new
from cvm_async.cli.profile.asking import Asker
from cvm_async.cli.terminal import Terminal
from cvm_async.errors import ConfigurationError

GIVEN = Answers("https://x", insecure=False, public=Secret("p"), private=Secret("s3cret"))
ENTRY = KeyringEntry("cvm_async", "work")


@pytest.mark.parametrize("name", ["work", "web-1", "a.b", "_x", "7", "-"])
def test_a_plain_name_will_do(name: str) -> None:
    check_new(name)


@pytest.mark.parametrize("name", ["", "a b", "a,b", "a/b", ".x", "münchen", "a\n", "\x1b[2J", "default_profile", "'"])
def test_a_name_that_a_shell_or_a_list_takes_otherwise_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="is no name for a profile: take letters, digits") as refused:
        check_new(name)
    assert str(refused.value).isprintable()


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the keyring was given."""
    given: list[tuple[str, ...]] = []

    def set_password(*password: str) -> None:
        given.append(password)

    monkeypatch.setattr(keyring.core, "_keyring_backend", SimpleNamespace(set_password=set_password))
    return given


def answers(
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    url: str | None = None,
    command: str | None = None,
    entry: KeyringEntry | None = None,
) -> Answers:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return answered(Asker(Terminal.here()), url=url, insecure=False, command=command, entry=entry)


def test_all_is_asked_for_that_is_not_given(monkeypatch: pytest.MonkeyPatch, kept: list[tuple[str, ...]]) -> None:
    assert answers(monkeypatch, "https://x\np\ns3cret\n") == GIVEN
    assert answers(monkeypatch, "p\ns3cret\n", url=" https://x ") == GIVEN
    by_command = evolve(GIVEN, private=Command(Secret("pass show cvm")))
    assert answers(monkeypatch, "https://x\np\n", command="pass show cvm") == by_command
    assert not kept
    assert answers(monkeypatch, "https://x\np\ns3cret\n", entry=ENTRY) == evolve(GIVEN, private=ENTRY)
    assert kept == [("cvm_async", "work", "s3cret")]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("nonsense\n", "must begin with https://"),
        ("http://panel.example.net\n", "would send the tokens unencrypted"),
        ("https://x\n\ns3cret\n", "public_token is empty"),
        ("https://x\np\n\n", "private_token is empty"),
        ("https://x\np\ns3 crét\n", "private_token has a character that a token cannot have"),
    ],
    ids=["no address", "in the clear", "no public token", "no private token", "no token"],
)
def test_what_can_be_no_panel_or_token_is_refused(monkeypatch: pytest.MonkeyPatch, typed: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as refused:
        answers(monkeypatch, typed)
    assert "s3" not in str(refused.value)


@pytest.mark.parametrize(
    ("private", "key", "value"),
    [
        (Secret("s3cret"), "private_token", "s3cret"),
        (Command(Secret("pass show cvm")), "private_token_command", "pass show cvm"),
        (ENTRY, "private_token_keyring", "cvm_async:work"),
    ],
    ids=["file", "command", "keyring"],
)
def test_a_token_is_written_in_one_place_and_taken_out_of_the_others(private: Source, key: str, value: str) -> None:
    ways = ("", "_command", "_keyring")
    nowhere = {f"{half}_token{way}": None for half in ("public", "private") for way in ways}
    assert evolve(GIVEN, private=private).keys() == {
        **nowhere,
        "url": Secret("https://x"),
        "public_token": Secret("p"),
        key: Secret(value),
    }


def test_an_insecure_panel_is_written_as_one() -> None:
    assert evolve(GIVEN, insecure=True).keys()["allow_insecure"] is True
