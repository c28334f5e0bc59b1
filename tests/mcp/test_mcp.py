"""The package is what a program of one's own serves assistants with."""

import subprocess
import sys

import pytest

import cvm_async.mcp


def test_its_name_is_public() -> None:
    assert callable(cvm_async.mcp.assistant_server)


@pytest.mark.parametrize(
    ("package", "last"),
    [
        (
            "mcp",
            "MissingExtraError: the server for assistants needs mcp: pip install 'cvm_async[mcp]'",
        ),
        ("cvm_async.mcp.server", "ModuleNotFoundError: import of cvm_async.mcp.server halted; None in sys.modules"),
    ],
)
def test_without_its_extra_it_says_what_to_install(package: str, last: str) -> None:
    script = f"import sys; sys.modules[{package!r}] = None; import cvm_async.mcp"
    # What is run is this interpreter and the script above.
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    assert run.stderr.splitlines()[-1].removeprefix("cvm_async.errors.") == last
