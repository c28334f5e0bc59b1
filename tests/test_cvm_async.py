import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cvm_async

PACKAGE = Path(cvm_async.__file__).parent
CONTRACT = {
    *("CvmSession", "Limits", "Timeouts", "Retry", "lane_client", "fast_client", "LaneTransport"),
    *("Vps", "VpsStatus", "PowerState", "VirtualizationType", "CombinedTraffic", "SplitTraffic"),
    *("CvmError", "ConfigurationError", "SessionClosedError", "NotSentError", "NoAnswerError", "PanelError"),
    *("AuthenticationError", "PermissionDeniedError", "VpsNotFoundError", "ActionFailedError"),
    *("NodeUnreachableError", "RateLimitedError", "DecodeError", "WaitTimeoutError", "FleetError"),
    *("Fleet", "FleetReport", "Outcome", "Rollout", "__version__"),
}


def test_all_names_of_the_contract_are_public() -> None:
    assert set(cvm_async.__all__) >= CONTRACT


@pytest.mark.parametrize("name", cvm_async.__all__)
def test_every_public_name_can_be_imported_and_is_told_of(name: str) -> None:
    assert getattr(cvm_async, name) is not None
    assert name in dir(cvm_async)
    # From the second time on without a detour.
    assert name in vars(cvm_async)


def test_names_are_listed_once_and_in_order() -> None:
    assert sorted(set(cvm_async.__all__)) == [*cvm_async.__all__] == dir(cvm_async)


def test_a_name_that_is_not_there_is_an_attribute_error_in_pythons_words() -> None:
    with pytest.raises(AttributeError, match=r"^module 'cvm_async' has no attribute 'Client'$"):
        _ = cvm_async.__getattr__("Client")


def test_type_checkers_find_each_name_where_it_comes_from_at_run_time() -> None:
    source = Path(cvm_async.__file__).read_text(encoding="utf-8")
    block = next(node for node in ast.parse(source).body if isinstance(node, ast.If))
    found = {
        alias.name: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert {*found, "__version__"} == set(cvm_async.__all__)
    for name, home in found.items():
        assert home is not None
        assert getattr(cvm_async, name) is getattr(importlib.import_module(home), name)


def public_names() -> set[str]:
    """Give what the package offers, and the packages below it that say what they offer."""
    packages = [
        "cvm_async",
        *sorted(f"cvm_async.{each.parent.name}" for each in PACKAGE.glob("[a-z]*/__init__.py")),
    ]
    return {f"{name}.{each}" for name in packages for each in getattr(importlib.import_module(name), "__all__", ())}


def test_the_reference_has_every_public_name_once() -> None:
    pages = (Path(__file__).parent.parent / "docs" / "reference").glob("*.md")
    told = [name for page in pages for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE)]
    assert sorted(told) == sorted(public_names() - {"cvm_async.__version__"})


WITHOUT = {
    "everything of the library": ("httptools", "from cvm_async import *; print(fast_client.__name__)", "fast_client"),
    "everything of the panel": (
        "uvicorn",
        "from cvm_async.panel import *; print(SimulatedPanel.__name__, World.__name__)",
        "SimulatedPanel World",
    ),
    "a fast client": (
        "httptools",
        "import cvm_async; cvm_async.fast_client()",
        "fast_client and FastTransport need httptools: pip install 'cvm_async[fast]'",
    ),
    "a fast transport": (
        "httptools",
        "import cvm_async; cvm_async.FastTransport(max_lanes=2)",
        "fast_client and FastTransport need httptools: pip install 'cvm_async[fast]'",
    ),
    "a simulated panel": (
        "uvicorn",
        "from cvm_async.panel import SimulatedPanel; SimulatedPanel(vpses=2)",
        "serving the simulated panel needs uvicorn: pip install 'cvm_async[panel]'",
    ),
    "a simulated panel, httptools": (
        "httptools",
        "from cvm_async.panel import SimulatedPanel; SimulatedPanel(vpses=2)",
        "serving the simulated panel needs httptools: pip install 'cvm_async[panel]'",
    ),
    "the command line": (
        "cyclopts",
        "from cvm_async.cli import main; main(['list'])",
        "cvm-async: the command line needs cyclopts: pip install 'cvm_async[cli]'",
    ),
    "the command line, rich": (
        "rich",
        "from cvm_async.cli import main; main(['list'])",
        "cvm-async: the command line needs rich: pip install 'cvm_async[cli]'",
    ),
    "a command that serves": (
        "uvicorn",
        "from cvm_async.cli import main; main(['panel'])",
        "cvm-async: serving the simulated panel needs uvicorn: pip install 'cvm_async[panel]'",
    ),
    "a command that shows a live table": (
        "textual",
        "from cvm_async.cli import main; main(['top'])",
        "cvm-async: the live terminal needs textual: pip install 'cvm_async[tui]'",
    ),
    "a module of the live table": (
        "cvm_async.cli.top.painted",
        "from cvm_async.cli import main; main(['top'])",
        "import of cvm_async.cli.top.painted halted; None in sys.modules",
    ),
    "a package that the panel needs in any case": (
        "attrs",
        "from cvm_async.panel import World",
        "import of attrs halted; None in sys.modules",
    ),
    "a module of our own": (
        "cvm_async._lanes.replies.httptools_reply",
        "import cvm_async; cvm_async.fast_client()",
        "import of cvm_async._lanes.replies.httptools_reply halted; None in sys.modules",
    ),
}


@pytest.mark.parametrize(("package", "script", "last_line"), WITHOUT.values(), ids=WITHOUT)
def test_without_an_extra_what_does_not_need_it_works_and_the_rest_says_what_to_install(
    package: str, script: str, last_line: str
) -> None:
    blocked = f"import sys; sys.modules[{package!r}] = None; {script}"
    # What is run is this interpreter and the script above.
    run = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=False)  # noqa: S603
    ended = (run.stdout + run.stderr).splitlines()[-1]
    assert ended.removeprefix("ModuleNotFoundError: ").removeprefix("cvm_async.errors.MissingExtraError: ") == last_line


@pytest.mark.parametrize("module", ["cvm_async", "cvm_async.panel", "cvm_async.render"])
def test_importing_costs_no_http_library(module: str) -> None:
    script = f"import sys, {module}; print(sorted({{'httpx', 'httpcore', 'tenacity', 'uvicorn'}} & set(sys.modules)))"
    # What is run is this interpreter and the script above.
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout == "[]\n"
