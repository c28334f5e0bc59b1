import runpy
from pathlib import Path

import pytest

from cvm_async import __version__
from cvm_async.cli import main

MODULE = str(Path(main.__code__.co_filename).parents[1] / "__main__.py")


def test_the_module_is_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["cvm-async", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(MODULE, run_name="__main__")
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


def test_importing_that_module_runs_nothing() -> None:
    assert "main" in runpy.run_path(MODULE, run_name="cvm_async.__main__")
