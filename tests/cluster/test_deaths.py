"""Workers are killed, stopped and cut off in the middle of actions: nothing is lost, and nothing is sent twice.

The panels are in another process than the workers, and their ledgers are the witness. Here are a few such deaths;
`nox -s cluster` has many.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from attrs import frozen

from cluster.makes import keep_profiles
from cluster.servers import Server
from cluster.victims import Order, Victims
from cvm_async import ClusterFleet, FleetReport, NoAnswerError, VpsStatus
from cvm_async._secret import Secret
from cvm_async.cluster.database.postgres import Database
from cvm_async.panel import Power, SimulatedPanel

DEATHS = int(os.environ.get("CVM_ASYNC_CLUSTER_DEATHS", "0"))
"""How many workers come to grief in each way, for each verb; 0: a sample."""
PANELS = 3
VPSES = 24
LIMIT = 4
ACTION = 1.0
"""Seconds that an action may take, at most."""
LEASE = 0.8
POWER = {"stop": Power.RUNNING, "start": Power.STOPPED, "restart": Power.RUNNING}

CUT_ALL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %(us)s
"""

Trouble = Callable[[int, str], Awaitable[None]]
Panels = Mapping[str, SimulatedPanel]

pytestmark = [pytest.mark.long, pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")]


async def killed(pid: int, _url: str) -> None:
    Victims.signal(pid, signal.SIGKILL)


async def terminated(pid: int, _url: str) -> None:
    Victims.signal(pid, signal.SIGTERM)


async def stopped_for_a_while(pid: int, _url: str) -> None:
    Victims.signal(pid, signal.SIGSTOP)
    # Longer than its lease, and than its actions may take: others take it for dead, and then it goes on.
    await asyncio.sleep(3 * ACTION)
    Victims.signal(pid, signal.SIGCONT)


async def cut_off(_pid: int, url: str) -> None:
    """End every session with the database, whosever it is, the engine's included."""
    database = await Database.opened(Secret(url))
    await database.write((CUT_ALL, {"us": database.backend}))
    await database.close()


async def left_alone(_pid: int, _url: str) -> None:
    """Do nothing: where everybody takes every panel, that is trouble enough."""


def posts(panel: SimulatedPanel) -> Counter[int | None]:
    return Counter(record.vps for record in panel.requests if record.verb in POWER)


def assert_nothing_lost(report: FleetReport[VpsStatus | None], panels: Panels) -> None:
    assert len(report) == VPSES * len(panels)
    for panel in panels.values():
        assert max(posts(panel).values()) == 1
        assert panel.peak_in_flight() <= LIMIT
    done = {(name, vps) for name, panel in panels.items() for vps, _ in panel.actions}
    for outcome in report:
        if outcome.ok:
            assert (outcome.panel, outcome.vps.id) in done
        else:
            assert isinstance(outcome.error, NoAnswerError), outcome


@asynccontextmanager
async def serving(verb: str) -> AsyncGenerator[dict[str, SimulatedPanel]]:
    async with AsyncExitStack() as stack:
        panels = {
            f"acme-{number}": SimulatedPanel(vpses=VPSES, nodes=4, shutdown_time=0.03, boot_time=0.03)
            for number in range(PANELS)
        }
        for panel in panels.values():
            await stack.enter_async_context(panel)
            for vps in range(1, VPSES + 1):
                panel.set_power(vps, POWER[verb])
        yield panels


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    with Victims.ready() as ready:
        yield ready


@frozen
class Case:
    """What is done, and what befalls a worker after so many actions."""

    verb: str
    trouble: Trouble
    moment: int


async def come_to_grief(case: Case, victims: Victims, url: str, folder: Path) -> Panels:
    """Have a run over some panels by two workers, of which one comes to grief."""
    verb, trouble, moment = case.verb, case.trouble, case.moment
    async with serving(verb) as panels:
        keep_profiles(folder, panels, max_concurrency=LIMIT, action_timeout=ACTION)
        greedy = trouble is left_alone
        orders = [
            Order(
                id=f"{trouble.__name__}-{moment}-{number}",
                url=url,
                config_home=str(folder),
                log=str(folder / "log"),
                greedy=greedy,
                # Who is terminated says so: nobody waits for the end of a lease.
                lease=600.0 if trouble is terminated else LEASE,
            )
            for number in range(2)
        ]
        pids = [victims.begin(order) for order in orders]
        cluster = ClusterFleet(engine="dbos", database=url, profiles=("acme-*",))
        act = {"stop": cluster.stop, "start": cluster.start, "restart": cluster.restart}[verb]
        running = asyncio.create_task(act())
        # Any of the panels may be the one.
        while sum(len(panel.actions) for panel in panels.values()) < moment:
            await asyncio.sleep(0.002)
        await trouble(pids[0], url)
        report = await running
        victims.end()
        assert_nothing_lost(report, panels)
        if trouble is terminated:
            assert len(report.ok) == len(report)
        return panels


SAMPLE: list[tuple[str, Trouble]] = [
    ("restart", killed),
    ("restart", terminated),
    ("stop", stopped_for_a_while),
    ("stop", cut_off),
    ("restart", left_alone),
]
EVERY: list[tuple[str, Trouble]] = [
    (verb, trouble)
    for trouble in (killed, terminated, stopped_for_a_while, cut_off, left_alone)
    for verb in ("stop", "start", "restart")
]


@pytest.mark.parametrize(
    ("verb", "trouble"),
    EVERY if DEATHS else SAMPLE,
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_nothing_is_lost_and_nothing_is_sent_twice(  # noqa: PLR0917 - fixtures
    verb: str,
    trouble: Trouble,
    victims: Victims,
    url: str,
    postgres: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    chance = random.Random(f"{verb} {trouble.__name__}")  # noqa: S311 - no secret
    tokens: set[str] = set()
    for _ in range(DEATHS or 1):
        case = Case(verb, trouble, chance.randrange(PANELS * VPSES))
        panels = await come_to_grief(case, victims, url, tmp_path)
        tokens |= {token for panel in panels.values() for token in (panel.public_token, panel.private_token)}
    # In a queue, a journal, a result or a log there is no token; in the engine's own tables neither.
    kept = postgres.program("pg_dump", "-h", str(postgres.folder), "-U", "cvm", "cluster", capture=True)
    assert "acme-1" in kept
    log = (tmp_path / "log").read_text()
    assert not [token for token in tokens if token in kept or token in log]
