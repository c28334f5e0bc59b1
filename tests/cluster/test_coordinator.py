"""A run goes on whatever becomes of who began it, and ends where that one says so."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.local import LocalEngine, worker_of, working
from cluster.makes import keep_profiles
from cvm_async import (
    ClusterFleet,
    DatabaseLostError,
    NotSentError,
    Progress,
    RunControl,
    RunNotFoundError,
    partial_report,
)
from cvm_async._secret import Secret
from cvm_async.cluster import coordinator as module
from cvm_async.cluster.database.postgres import Database
from cvm_async.panel import Power, SimulatedPanel

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
async def panel(engine: LocalEngine, tmp_path: Path) -> AsyncIterator[SimulatedPanel]:
    async with SimulatedPanel(vpses=4, nodes=1, shutdown_time=0.1) as served:
        for vps in (1, 2, 3, 4):
            served.set_power(vps, Power.RUNNING)
        keep_profiles(tmp_path, {"acme-1": served}, max_concurrency=1)
        yield served


def cluster(url: str) -> ClusterFleet:
    return ClusterFleet(engine="local", database=url, profiles=("acme-*",))


async def test_a_run_that_another_began_is_followed_to_its_end(
    url: str, engine: LocalEngine, tmp_path: Path, panel: SimulatedPanel
) -> None:
    began = asyncio.create_task(cluster(url).stop())
    while not engine.waiting:
        await asyncio.sleep(0.01)
    seen: list[Progress] = []
    following = asyncio.create_task(cluster(url).follow(engine.waiting[0].run, progress=seen.append))
    async with working(worker_of(url, engine, tmp_path)):
        reports = await asyncio.gather(began, following)
    assert [report.verb for report in reports] == ["stop", "stop"]
    assert [len(report.ok) for report in reports] == [4, 4]
    assert [progress.done for progress in seen] == [1, 2, 3, 4]


async def test_a_run_that_there_is_none_of_cannot_be_followed(url: str, engine: LocalEngine) -> None:
    with pytest.raises(RunNotFoundError, match="there is no run gone"):
        await cluster(url).follow("gone")


async def test_cancelled_the_workers_begin_nothing_new_and_what_is_there_of_the_report_is_with_it(
    url: str, engine: LocalEngine, tmp_path: Path, panel: SimulatedPanel
) -> None:
    acting = asyncio.create_task(cluster(url).stop())
    async with working(worker_of(url, engine, tmp_path, lease=0.2)):
        await panel.wait_for(lambda: bool(panel.actions))
        acting.cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await acting
        await asyncio.gather(*engine.tasks)
    report = partial_report(cut.value)
    assert report is not None
    assert len(report) == 4
    assert len(panel.actions) < 4


async def test_told_to_stop_it_gives_its_whole_report(
    url: str, engine: LocalEngine, tmp_path: Path, panel: SimulatedPanel
) -> None:
    control = RunControl()

    def enough(_: Progress) -> None:
        control.stop("that is enough")
        assert control.under_way() == ()
        for run in control._runs:  # pyright: ignore[reportPrivateUsage]
            # To be told twice changes nothing.
            run.stop("again")
        assert control.stage.batches == 1

    async with working(worker_of(url, engine, tmp_path, lease=0.2)):
        report = await cluster(url).stop(control=control, progress=enough)
    assert len(report) == 4
    assert {type(outcome.error) for outcome in report.failed} <= {NotSentError}


async def test_a_progress_callback_that_ends_the_program_ends_the_run_first(
    url: str, engine: LocalEngine, tmp_path: Path, panel: SimulatedPanel
) -> None:
    def interrupted(_: Progress) -> None:
        raise KeyboardInterrupt

    task = asyncio.create_task(_caught(cluster(url), interrupted))
    async with working(worker_of(url, engine, tmp_path, lease=0.2)):
        error = await task
    report = partial_report(error)
    assert report is not None
    assert len(report) == 4


async def _caught(fleet: ClusterFleet, progress: object) -> BaseException | None:
    try:
        await fleet.stop(progress=progress)  # type: ignore[arg-type]
    except KeyboardInterrupt as error:
        return error
    return None


async def test_it_outlives_its_connection_with_the_database(
    url: str, engine: LocalEngine, tmp_path: Path, panel: SimulatedPanel, database: Database
) -> None:
    acting = asyncio.create_task(cluster(url).stop())
    while not engine.waiting:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    await database.write((CUT, {}))
    async with working(worker_of(url, engine, tmp_path)):
        report = await acting
    assert len(report.ok) == 4


async def test_cancelled_without_a_database_it_says_so(
    url: str, engine: LocalEngine, panel: SimulatedPanel, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting = asyncio.create_task(cluster(url).stop())
    while not engine.waiting:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)

    async def away(_: Database, *_statements: object, **_more: object) -> None:
        raise DatabaseLostError("away")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", away)
        acting.cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await acting
    assert partial_report(cut.value) is None


@pytest.mark.parametrize(
    ("region", "said"),
    [("eu", "no worker lives that takes the region eu;"), ("", "no worker lives that takes panels without a region;")],
)
async def test_that_no_worker_lives_for_a_region_is_said_once(  # noqa: PLR0917 - fixtures
    url: str,
    engine: LocalEngine,
    tmp_path: Path,
    panel: SimulatedPanel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    region: str,
    said: str,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_FOR_WORKERS", 0.0)
    monkeypatch.setattr(module, "POLL", 0.01)
    keep_profiles(tmp_path, {"acme-1": panel}, **({"region": region} if region else {}))
    acting = asyncio.create_task(cluster(url).status())
    async with working(worker_of(url, engine, tmp_path, region="us")):
        while said not in caplog.text and not acting.done():
            await asyncio.sleep(0.01)
        async with working(worker_of(url, engine, tmp_path)):
            report = await acting
    assert len(report.ok) == 4
    assert caplog.text.count("no worker lives") == 1


async def test_where_workers_live_nothing_is_said(  # noqa: PLR0917 - fixtures
    url: str,
    engine: LocalEngine,
    tmp_path: Path,
    panel: SimulatedPanel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_FOR_WORKERS", 0.0)
    keep_profiles(tmp_path, {"acme-1": panel}, region="eu")
    async with working(worker_of(url, engine, tmp_path, region="eu")):
        await cluster(url).status()
    assert "no worker lives" not in caplog.text


async def test_a_database_that_is_not_there_is_said_at_once(engine: LocalEngine, panel: SimulatedPanel) -> None:
    with pytest.raises(DatabaseLostError):
        await cluster("postgresql://cvm@127.0.0.1:1/cvm").status()
    assert Secret("x") == Secret("x")
