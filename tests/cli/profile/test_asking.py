"""A person is asked, and a token that they type does not show; a program gives lines."""

import getpass
import io
import warnings
from collections.abc import Callable
from typing import NoReturn

import pytest

from cli.conftest import Tty
from cvm_async._secret import Secret
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.profile.asking import Asker
from cvm_async.cli.terminal import Terminal


def test_a_person_is_asked_for_a_line(at_terminal: Callable[[str], Tty]) -> None:
    err = at_terminal(" https://x \n")
    assert Asker(Terminal.here()).text("Address") == "https://x"
    assert err.getvalue() == "Address: "


def test_a_token_is_asked_for_in_pythons_own_way_that_shows_nothing(
    at_terminal: Callable[[str], Tty], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return " s3cret "

    err = at_terminal("never read\n")
    monkeypatch.setattr(getpass, "getpass", ask)
    assert Asker(Terminal.here()).secret("Private token") == Secret("s3cret")
    assert (asked, err.getvalue()) == (["Private token: "], "")


def test_a_program_gives_lines_and_is_shown_no_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("https://x\np\r\ns3cret"))
    asker = Asker(Terminal.here())
    assert [asker.text("Address"), asker.secret("Public"), asker.secret("Private")] == [
        "https://x",
        Secret("p"),
        Secret("s3cret"),
    ]
    assert capsys.readouterr() == ("", "")


def shown(_: str) -> NoReturn:
    warnings.warn("the letters may show", getpass.GetPassWarning, stacklevel=2)
    raise AssertionError


def ended(_: str) -> NoReturn:
    raise EOFError


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (shown, "this terminal cannot keep a token from showing"),
        (ended, "no answer to 'Private token'; nothing was written"),
    ],
    ids=["a terminal that shows all", "the end of what is typed"],
)
def test_a_token_that_cannot_be_had_unseen_is_not_taken(
    at_terminal: Callable[[str], Tty], monkeypatch: pytest.MonkeyPatch, answer: object, sentence: str
) -> None:
    at_terminal("")
    monkeypatch.setattr(getpass, "getpass", answer)
    with pytest.raises(CommandError) as refused:
        Asker(Terminal.here()).secret("Private token")
    assert (str(refused.value), refused.value.status) == (sentence, Exit.USAGE)


@pytest.mark.parametrize("stdin", [None, io.StringIO("")], ids=["closed", "empty"])
def test_where_there_is_nothing_to_read_it_says_so(monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    for ask in (Asker(Terminal.here()).text, Asker(Terminal.here()).secret):
        with pytest.raises(CommandError, match=r"^no answer to 'Address'; nothing was written$"):
            ask("Address")
