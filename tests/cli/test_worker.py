"""`worker` takes what cluster runs ask for; what it does with it has tests of its own."""

import asyncio
import signal
import sys

import pytest

from cvm_async.cli.exits import Exit
from cvm_async.cluster.worker import Worker

from .conftest import Cvm

DATABASE = "postgresql://cvm@db/cvm"


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """The workers that were begun; each ends at once."""
    workers: list[Worker] = []

    async def run(worker: Worker) -> None:
        workers.append(worker)
        worker.on_ready()

    monkeypatch.setattr(Worker, "run", run)
    return workers


def test_it_says_that_it_is_ready_and_for_what(cvm: Cvm, begun: list[Worker]) -> None:
    ran = cvm("worker", "--region", "eu", "--database", DATABASE, "--lease", "7")
    assert ran.status == Exit.DONE
    assert ran.err == f"worker {begun[0].id} is ready, for panels of region eu; Ctrl-C ends it\n"
    assert (begun[0].region, begun[0].lease) == ("eu", 7.0)


def test_the_database_may_be_said_by_the_environment(
    cvm: Cvm, begun: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVM_DATABASE", DATABASE)
    assert "for panels of all regions" in cvm("worker").err
    assert begun[0].url.reveal() == DATABASE


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--database", "sqlite:///x"), "a cluster needs Postgres"),
        (("--database", DATABASE, "--region", "eu west"), "region must be letters"),
        (("--database", DATABASE, "--engine", "celery"), "engine must be 'dbos'"),
        (("--database", DATABASE, "--lease", "0"), "lease"),
        (("--database", DATABASE, "--grace", "-1"), "--grace"),
        ((), "database"),
    ],
)
def test_what_it_cannot_use_it_refuses(cvm: Cvm, flags: tuple[str, ...], said: str) -> None:
    ran = cvm("worker", *flags)
    assert ran.status == Exit.USAGE
    assert said in ran.err


def test_without_the_extra_it_says_what_to_install(cvm: Cvm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    ran = cvm("worker", "--database", DATABASE)
    assert ran.status == Exit.USAGE
    assert "pip install 'cvm_async[cluster]'" in ran.err


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [
        (signal.SIGINT, 130, "Interrupted: nothing new begins."),
        (signal.SIGTERM, 143, "Terminated: nothing new begins."),
    ],
    ids=["Ctrl-C", "kill"],
)
def test_a_signal_ends_it_tidily(
    cvm: Cvm, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, status: int, told: str
) -> None:
    stopped = asyncio.Event()

    def stop(_: Worker, _reason: str) -> None:
        stopped.set()

    async def run(_: Worker) -> None:
        signal.raise_signal(number)
        await stopped.wait()

    monkeypatch.setattr(Worker, "stop", stop)
    monkeypatch.setattr(Worker, "run", run)
    ran = cvm("worker", "--database", DATABASE)
    assert ran.status == status
    assert told in ran.err
    assert ran.err.endswith(f"cvm-async: {Exit(status).name.lower()}\n")
