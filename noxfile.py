"""Everything that guards the project, each guard a session; `nox` alone runs them all, the tests last.

`nox -s "tests(3.12)" -- tests/_gates/test_gates.py -x` hands what follows the dashes to pytest.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "layers", "types", "docs", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = ("3.11", "3.12", "3.13")


def works(python: str, version: str) -> bool:
    """Tell whether a command is a Python of that version: a shim of pyenv's may be on the path and lead nowhere."""
    show = "import sys; print('%d.%d' % sys.version_info[:2])"
    run = subprocess.run([python, "-c", show], capture_output=True, text=True, check=False)
    return run.stdout.strip() == version


def interpreter(version: str) -> str | None:
    """Give the Python of that version that this machine has: on the path, or below pyenv's root."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = shutil.which(f"python{version}") or ""
    candidates = [sys.executable, on_path, *map(str, pyenv.glob(f"versions/{version}.*/bin/python"))]
    return next((python for python in candidates if python and works(python, version)), None)


PYTHONS = {version: python for version in SUPPORTED if (python := interpreter(version)) is not None}
HAS_POSTGRES = bool(shutil.which("initdb") or [*Path("/usr/lib/postgresql").glob("*/bin/initdb")])
UNTRIED = () if HAS_POSTGRES else ("--omit", "cvm_async/cluster/*")
"""Where there is no Postgres, the tests of clusters are skipped, with that as their reason."""
SIDE_BY_SIDE = ("-n", str((os.cpu_count() or 1) + 1))
"""A process for each core, and one while others wait: no test depends on another, nor on the machine's speed."""
LONG = ["-m", "long"]
"""Simulations of many calls, and processes that are killed: run on the newest Python, untraced."""
BUT_LONG = ["-m", "not long"]
NEWEST = next(reversed(PYTHONS.values()), sys.executable)


def install(session: nox.Session, *groups: str, extras: str = "all,cluster") -> None:
    """Install the project as its users do, and what a guard needs besides."""
    session.install(f".[{extras}]", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session(python=NEWEST)
def lint(session: nox.Session) -> None:
    """Style and common mistakes: ruff, every rule but those that `pyproject.toml` gives a reason against."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=NEWEST)
def layers(session: nox.Session) -> None:
    """Hold the one-way order of the floors: import-linter."""
    install(session, "lint")
    session.run("lint-imports", "--no-cache")


@nox.session(python=NEWEST)
def types(session: nox.Session) -> None:
    """Check types, strictly, by two checkers; and that every public name has one."""
    install(session, "types")
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "cvm_async", "--ignoreexternal")


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """Build the documentation's site; a link that leads nowhere ends it."""
    session.install(*nox.project.dependency_groups(PROJECT, "docs"))
    session.run("zensical", "build", "--clean", "--strict")
    session.run("python", "docs/llms_full.py", "site/llms-full.txt")


@nox.session(python=NEWEST)
def pages(session: nox.Session) -> None:
    """Write what the pages say of the program, anew."""
    install(session)
    session.run("python", "docs/generate.py")


@nox.session
@nox.parametrize("python", [nox.param(python, id=version) for version, python in PYTHONS.items()])
def tests(session: nox.Session) -> None:
    """Run the tests, on each Python that this machine has; on the newest, some test must run every branch."""
    # The chats' frameworks bring much with them: what is written against them is tried on one Python.
    install(session, "test", *(["frameworks"] if session.python == NEWEST else []))
    if session.python != NEWEST:
        session.run("pytest", *SIDE_BY_SIDE, *(session.posargs or BUT_LONG))
        return
    session.run("coverage", "erase")
    # Absolute, for the Pythons that the tests start in other folders.
    kept = {"COVERAGE_FILE": str(Path.cwd() / ".coverage")}
    session.run("coverage", "run", "-m", "pytest", *SIDE_BY_SIDE, *(session.posargs or BUT_LONG), env=kept)
    session.run("coverage", "combine", "--quiet")
    if not session.posargs:
        session.run("pytest", *SIDE_BY_SIDE, *LONG)
        session.run("coverage", "report", *UNTRIED)


@nox.session(python=NEWEST)
def crashes(session: nox.Session) -> None:
    """Kill and stop runs and cut the power, hundreds of times; the tests do that a few times."""
    install(session, "test")
    often = {"CVM_ASYNC_DEATHS": "400", "CVM_ASYNC_STOPS": "100", "CVM_ASYNC_POWER_CUTS": "1000"}
    which = ("tests/runs/test_crashes.py", "tests/runs/test_power_cuts.py")
    session.run("pytest", "-rP", *SIDE_BY_SIDE, *which, *session.posargs, env=often)


@nox.session(python=NEWEST)
def cluster(session: nox.Session) -> None:
    """Kill, stop and cut off the workers of clusters, many times; the tests do that a few times."""
    install(session, "test")
    session.run("pytest", "tests/cluster/test_deaths.py", *session.posargs, env={"CVM_ASYNC_CLUSTER_DEATHS": "20"})


@nox.session(python=NEWEST)
def benchmarks(session: nox.Session) -> None:
    """Run the benchmark suite; see `benchmarks/`."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)
