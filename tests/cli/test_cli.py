"""The way in, and what happens without the extra."""

import subprocess
import sys

import pytest

from .conftest import Cvm


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
