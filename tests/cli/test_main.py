"""The way in: the script, `python -m cvm_async`, and what happens without the extra."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from cvm_async import __version__
from cvm_async.cli import main

from .conftest import Cvm

MODULE = str(Path(main.__code__.co_filename).parents[1] / "__main__.py")


def test_the_module_is_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["cvm-async", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(MODULE, run_name="__main__")
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


def test_importing_that_module_runs_nothing() -> None:
    assert "main" in runpy.run_path(MODULE, run_name="cvm_async.__main__")


@pytest.mark.parametrize("command", [["--help"], ["stop", "--help"], ["status", "--help"]], ids=" ".join)
def test_help_needs_no_http_library_and_no_simulated_panel(command: list[str]) -> None:
    code = (
        "import sys; from cvm_async.cli import main; status = main(sys.argv[1:]);"
        "print([name for name in ('httpx', 'httpcore', 'uvicorn', 'cattrs') if name in sys.modules], file=sys.stderr);"
        "sys.exit(status)"
    )
    whole = [sys.executable, "-c", code, *command]
    ran = subprocess.run(whole, capture_output=True, text=True, check=True, timeout=120)  # noqa: S603 - ourselves
    assert ran.stderr == "[]\n"
    assert ran.stdout.startswith("Usage: cvm-async")


@pytest.mark.parametrize("library", ["cyclopts", "rich"])
def test_without_the_extra_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, cvm: Cvm, library: str
) -> None:
    without(monkeypatch, library)
    ran = cvm("list")
    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"cvm-async: the command line needs {library}: pip install 'cvm_async[cli]'\n"


def test_another_missing_module_is_a_mistake_of_the_installation_and_shows(
    monkeypatch: pytest.MonkeyPatch, cvm: Cvm
) -> None:
    without(monkeypatch, "attrs")
    with pytest.raises(ModuleNotFoundError, match="attrs"):
        cvm("list")


def without(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """Let the import of the commands fail as it does where a library is not installed."""

    class Absent:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "cvm_async.cli.app":
                message = f"No module named {library!r}"
                raise ModuleNotFoundError(message, name=library)

    monkeypatch.delitem(sys.modules, "cvm_async.cli.app", raising=False)
    monkeypatch.setattr("sys.meta_path", [Absent(), *sys.meta_path])
