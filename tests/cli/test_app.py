"""However a command ends, it ends in a status and at most a sentence."""

import errno
import io
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import trustme

from cvm_async._profiles.place import profiles_path
from cvm_async.cli import app
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.panel import SimulatedPanel, SimulatedVps

from .conftest import Cvm, send_when, use


def test_no_command_shows_the_help(cvm: Cvm) -> None:
    ran = cvm()
    assert ran.status == Exit.DONE
    for command in ("list", "status", "start", "stop", "restart", "wait", "watch", "top", "demo", "panel"):
        assert f"│ {command} " in ran.out


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["sttus"], 'Unknown command "sttus". Did you mean "status"?'),
        (["status", "--node", "x"], "--node: 'x' is no number"),
        (["status", "--bogus"], "Unknown option: --bogus"),
        (["wait"], 'Command "wait" parameter STATE requires an argument'),
        (["start", "1", "--on-unknown", "x"], 'Choose from: "report", "verify"'),
        (["start"], "say which VPSes"),
        (["start", "1", "--all"], "not several of them"),
        (["start", "1", "--batch", "some"], "--batch: 'some' is neither a count such as 3 nor a fraction"),
        (["start", "1", "--pause", "-1"], 'Invalid value "-1.0" for --pause'),
        (["list"], "no panel is named"),
    ],
    ids=str,
)
def test_a_wrong_command_line_ends_with_2_and_a_sentence(cvm: Cvm, tokens: list[str], sentence: str) -> None:
    ran = cvm(*tokens)
    assert (ran.status, ran.out) == (Exit.USAGE, "")
    assert ran.err.startswith("cvm-async: ")
    assert sentence in ran.err


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("stop --all <&-", Exit.USAGE),
        ("list >&-", Exit.DONE),
        ("stop --all 2>&-", Exit.USAGE),
        ("restart 1 2 --yes <&- >&- 2>&-", Exit.DONE),
    ],
)
def test_closed_streams_change_how_no_command_ends(command: str, status: Exit) -> None:
    line = f"exec '{sys.executable}' -m cvm_async {command}"
    ran = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=False, timeout=120, text=True)  # noqa: S603
    assert ran.returncode == status
    assert "Traceback" not in ran.stderr


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize(("command", "status"), [("status 99", Exit.FAILED), ("sttus", Exit.USAGE)])
def test_messages_that_cannot_be_written_change_how_no_command_ends(
    monkeypatch: pytest.MonkeyPatch, command: str, status: Exit
) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "the disk is full")

    monkeypatch.setattr("sys.stderr", Full())
    assert app.run(command.split()) == status


@pytest.mark.parametrize("profile", ["", None], ids=["set to nothing", "not set"])
@pytest.mark.usefixtures("panel")
def test_a_profile_that_is_not_named_is_not_looked_for(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, profile: str | None
) -> None:
    def unknown() -> NoReturn:
        raise RuntimeError

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", unknown)
    if profile is not None:
        monkeypatch.setenv("CVM_PROFILE", profile)
    assert cvm("list").status == Exit.DONE


class TestAuthority:
    @pytest.fixture
    def private(self, monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext) -> Iterator[SimulatedPanel]:
        """A panel whose certificate no public authority vouches for."""
        with SimulatedPanel(vpses=2, tls=server_tls) as panel:
            use(monkeypatch, panel)
            yield panel

    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> str:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        return str(tmp_path / "ca.pem")

    @pytest.mark.usefixtures("private")
    def test_a_private_one_is_trusted_where_it_is_named(
        self, cvm: Cvm, monkeypatch: pytest.MonkeyPatch, ca_file: str
    ) -> None:
        ran = cvm("list")
        assert ran.status == Exit.FAILED
        assert "name it: --ca-file, or ca_file in a profile" in ran.err
        assert cvm("list", "--ca-file", ca_file).status == Exit.DONE
        monkeypatch.setenv("CVM_CA_FILE", ca_file)
        assert cvm("restart", "1", "2", "--yes", "--max-concurrency", "40").status == Exit.DONE

    def test_a_profile_may_name_it(self, cvm: Cvm, private: SimulatedPanel, ca_file: str) -> None:
        path = profiles_path(os.environ["XDG_CONFIG_HOME"])
        path.parent.mkdir()
        path.touch(mode=0o600)
        path.write_text(
            f'[cellar]\nurl = "{private.url}"\nca_file = "{ca_file}"\n'
            f'public_token = "{private.public_token}"\nprivate_token = "{private.private_token}"\n'
        )
        assert cvm("list", "--profile", "cellar").status == Exit.DONE

    @pytest.mark.usefixtures("private")
    def test_one_that_cannot_be_read_is_named(self, cvm: Cvm) -> None:
        ran = cvm("list", "--ca-file", "/nowhere/ca.pem")
        assert ran.status == Exit.USAGE
        assert "'/nowhere/ca.pem' cannot be read" in ran.err


@pytest.mark.usefixtures("panel")
def test_wrong_tokens_end_with_4(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVM_PRIVATE_TOKEN", "s3cret-but-wrong")
    ran = cvm("list")
    assert (ran.status, ran.out) == (Exit.REFUSED, "")
    assert "does not accept this pair of tokens" in ran.err
    assert "s3cret" not in ran.err


def test_tokens_without_access_end_with_4(cvm: Cvm, panel: SimulatedPanel) -> None:
    panel.client_api = False
    assert cvm("status").status == Exit.REFUSED


def test_plain_http_to_another_machine_is_refused_unless_asked_for(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("URL", "http://panel.invalid"), ("PUBLIC_TOKEN", "a"), ("PRIVATE_TOKEN", "b")):
        monkeypatch.setenv(f"CVM_{name}", value)
    assert cvm("list").status == Exit.USAGE


@pytest.mark.usefixtures("panel")
def test_a_reader_who_goes_away_is_no_error_to_complain_about() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "cvm_async", "list"]
    ran = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=120)  # noqa: S603 - ourselves
    os.close(writer)
    assert (ran.returncode, ran.stderr) == (Exit.FAILED, b"")


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize(
    ("error", "err"),
    [(BrokenPipeError(), ""), (OSError("the disk is full"), "cvm-async: the disk is full\n")],
    ids=["nobody reads", "no room"],
)
def test_what_cannot_be_written_ends_with_1_and_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: OSError, err: str
) -> None:
    with (tmp_path / "out").open("w") as out:

        class Broken(io.StringIO):
            def write(self, _: str) -> int:
                raise error

            def fileno(self) -> int:
                return out.fileno()

        monkeypatch.setattr("sys.stdout", Broken())
        complaints = io.StringIO()
        monkeypatch.setattr("sys.stderr", complaints)
        assert app.run(["list"]) == Exit.FAILED
        assert complaints.getvalue() == err
        assert os.fstat(out.fileno()).st_rdev == Path(os.devnull).stat().st_rdev


def test_letters_that_an_encoding_lacks_do_not_end_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="ascii"))
    with SimulatedPanel(vpses=[SimulatedVps(id=1, hostname="København")]) as panel:
        use(monkeypatch, panel)
        assert app.run(["list"]) == Exit.DONE
    assert b" K?benhavn " in raw.getvalue()


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
    ids=["Ctrl-C", "kill"],
)
def test_a_signal_ends_a_command_tidily(
    cvm: Cvm, panel: SimulatedPanel, number: signal.Signals, status: int, word: str
) -> None:
    thread = send_when(lambda: len(panel.requests) > 1, number)
    ran = cvm("watch", "1", "--interval", "0.2")
    thread.join()
    assert ran.status == status
    assert ran.err.endswith(f"cvm-async: {word}\n")


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL], ids=["ignored", "the system's"])
def test_where_ctrl_c_is_not_pythons_a_kill_still_ends_a_command(
    cvm: Cvm, panel: SimulatedPanel, handler: signal.Handlers
) -> None:
    signal.signal(signal.SIGINT, handler)
    thread = send_when(lambda: len(panel.requests) > 1, signal.SIGTERM)
    ran = cvm("watch", "1", "--interval", "0.2")
    thread.join()
    assert ran.status == Exit.TERMINATED
    assert signal.getsignal(signal.SIGINT) is handler


def test_afterwards_signals_do_what_they_did_before(cvm: Cvm) -> None:
    before = signal.getsignal(signal.SIGTERM)
    cvm("--version")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("missing", ["uvicorn", "httptools"])
def test_without_the_extra_for_the_panel_a_sentence_says_what_to_install(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        message = f"serving the simulated panel needs {missing}: pip install 'cvm_async[panel]'"
        raise ModuleNotFoundError(message, name=missing)

    monkeypatch.setattr("cvm_async.panel.SimulatedPanel", fail)
    ran = cvm("panel")
    assert (ran.status, ran.err) == (
        Exit.USAGE,
        f"cvm-async: serving the simulated panel needs {missing}: pip install 'cvm_async[panel]'\n",
    )


def test_any_other_missing_module_shows_as_the_mistake_that_it_is(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(name="cvm_async.nonsense")

    monkeypatch.setattr("cvm_async.panel.SimulatedPanel", fail)
    with pytest.raises(ModuleNotFoundError):
        cvm("panel")


def test_a_command_error_is_a_failure_unless_it_says_otherwise() -> None:
    assert CommandError("no").status is Exit.FAILED


PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "options.md").read_text("utf-8")


@pytest.mark.parametrize("command", ["list", "status", "describe", "wait", "start", "stop", "restart", "watch", "top"])
def test_every_option_stands_on_the_page_of_the_command_line(command: str) -> None:
    options = app.app[command].assemble_argument_collection()
    names = {name for each in options for name in each.names if name.startswith("--") and each.show}
    assert {name for name in names if name not in PAGE} == set()
