"""A token comes from where a profile says, and from nowhere else; what goes wrong shows neither it nor a command."""

import shlex
import sys
import traceback
from pathlib import Path

import pytest
from keyring.errors import KeyringLocked, NoKeyringError

from cvm_async import ConfigurationError
from cvm_async._profiles import sources
from cvm_async._profiles.sources import Command, KeyringEntry, Source, token
from cvm_async._secret import Secret

CALLED = "private_token of profile [work]"


def python(script: str) -> Command:
    return Command(Secret(shlex.join([sys.executable, "-c", script])))


_FAILS = {"locked": KeyringLocked, "none": NoKeyringError, "odd": ZeroDivisionError}


class Kept:
    """A keyring of one password."""

    def get_password(self, service: str, username: str) -> str | None:
        if service in _FAILS:
            raise _FAILS[service]("s3cret")
        return "s3cret" if (service, username) == ("cvm_async", "work") else None


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keyring.core._keyring_backend", Kept())


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(Secret("s3cret"), id="itself"),
        pytest.param(python("print('s3cret')"), id="a command"),
        pytest.param(python("print('s3cret\\nlogin: me\\n')"), id="the first line of a command"),
        pytest.param(python("print('s3cret', end='\\r\\n')"), id="a command on Windows"),
        pytest.param(python("print(open(0).read() + 's3cret')"), id="a command that gets nothing to read"),
        pytest.param(python("import os; os.write(2, b'oops'); print('s3cret')"), id="a command that complains"),
        pytest.param(KeyringEntry("cvm_async", "work"), id="the keyring"),
    ],
)
@pytest.mark.usefixtures("kept")
def test_a_token_is_had_from(source: Source) -> None:
    assert token(source, CALLED) == Secret("s3cret")


def test_no_shell_reads_a_command() -> None:
    assert token(Command(Secret("echo 's3 cret' $HOME > /nowhere")), CALLED) == Secret("s3 cret $HOME > /nowhere")


FLAWS: dict[str, tuple[Source, str]] = {
    "no such program": (Command(Secret("s3cret-is-no-program x")), "there is no such program as its command names"),
    "no program": (Command(Secret("/dev/null s3cret")), "its command cannot be run"),
    "an open quote": (Command(Secret("echo 's3cret")), "its command is no command"),
    "a NUL": (Command(Secret("echo s3cret\0")), "its command is no command"),
    "no words": (Command(Secret(" ")), "its command is no command"),
    "a failure": (
        python("import sys; print('s3cret'); sys.exit('s3cret')"),
        "its command ended with status 1; run it by hand to see why",
    ),
    "nothing": (python(""), "its command printed nothing"),
    "an empty line": (python("print('\\ns3cret')"), "its command printed nothing"),
    "no text": (python("import sys; sys.stdout.buffer.write(b's3cret\\xff')"), "its command printed what is no text"),
    "no entry": (KeyringEntry("cvm_async", "other"), "the system's keyring has no entry cvm_async:other"),
    **{
        f"a keyring that is {service}": (
            KeyringEntry(service, "work"),
            f"the system's keyring cannot be used ({kind.__name__}): is there one, and is it unlocked?",
        )
        for service, kind in _FAILS.items()
    },
}


@pytest.mark.parametrize(("source", "flaw"), FLAWS.values(), ids=FLAWS)
@pytest.mark.usefixtures("kept")
def test_what_gives_no_token_says_why_and_shows_nothing_of_it(source: Source, flaw: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        token(source, CALLED)
    assert str(refused.value) == f"{CALLED}: {flaw}"
    assert refused.value.__context__ is None
    trace = refused.value.__traceback__
    assert trace is not None
    ours = traceback.TracebackException(ConfigurationError, refused.value, trace.tb_next, capture_locals=True)
    assert "s3cret" not in "".join(ours.format())


def test_a_command_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 0.01)
    with pytest.raises(ConfigurationError, match="its command was not done after 60 s"):
        token(python("import time; print('s3cret', flush=True); time.sleep(600)"), CALLED)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigurationError, match=r"needs keyring: pip install 'cvm_async\[keyring\]'"):
        token(KeyringEntry("cvm_async", "work"), CALLED)


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("cvm_async:work", KeyringEntry("cvm_async", "work")),
        ("https://panel.example.net:8443:me", KeyringEntry("https://panel.example.net:8443", "me")),
        ("work", None),
        (":work", None),
        ("cvm_async:", None),
        ("", None),
    ],
)
def test_an_entry_is_named_by_its_service_and_user(text: str, entry: KeyringEntry | None) -> None:
    assert KeyringEntry.named(text) == entry
    assert entry is None or str(entry) == text


def test_a_command_is_run_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert token(python("import os; print(os.getcwd())"), CALLED) == Secret(str(tmp_path))
