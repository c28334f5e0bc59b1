from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.local import LocalEngine, worker_of, working
from cluster.makes import keep_profiles
from cvm_async import ClusterFleet, ConfigurationError, PowerState, Progress, Rollout, Step
from cvm_async.panel import Power, SimulatedPanel

Panels = tuple[SimulatedPanel, SimulatedPanel]


def cluster(url: str, *profiles: str) -> ClusterFleet:
    return ClusterFleet(engine="local", database=url, profiles=profiles or ("*",))


@pytest.fixture
async def panels(engine: LocalEngine, tmp_path: Path) -> AsyncIterator[Panels]:
    async with SimulatedPanel(vpses=3, nodes=2) as one, SimulatedPanel(vpses=2, nodes=1) as two:
        for panel, vpses in ((one, (1, 2, 3)), (two, (1, 2))):
            for vps in vpses:
                panel.set_power(vps, Power.RUNNING)
        keep_profiles(tmp_path, {"acme-1": one, "acme-2": two})
        yield one, two


async def test_statuses_come_from_all_panels_in_the_profiles_order(
    url: str, engine: LocalEngine, tmp_path: Path, panels: Panels
) -> None:
    seen: list[Progress] = []
    async with working(worker_of(url, engine, tmp_path)):
        report = await cluster(url).status(progress=seen.append)
    assert [(outcome.panel, outcome.vps.id) for outcome in report] == [
        ("acme-1", 1),
        ("acme-1", 2),
        ("acme-1", 3),
        ("acme-2", 1),
        ("acme-2", 2),
    ]
    assert report.verb == "status"
    assert {outcome.value.state for outcome in report.ok} == {PowerState.RUNNING}
    assert [progress.done for progress in seen] == [1, 2, 3, 4, 5]
    assert seen[-1].total == 5


async def test_stop_restart_and_start_act_once_on_each(
    url: str, engine: LocalEngine, tmp_path: Path, panels: Panels
) -> None:
    one, two = panels
    fleet = cluster(url)
    async with working(worker_of(url, engine, tmp_path)):
        reports = [await fleet.stop(wait=True), await fleet.restart(), await fleet.start()]
    # What runs cannot be started.
    assert [len(report.ok) for report in reports] == [5, 5, 0]
    assert {outcome.value is not None for outcome in reports[0].ok} == {True}
    assert sorted(one.actions) == sorted((vps, verb) for vps in (1, 2, 3) for verb in ("stop", "restart"))
    assert len(two.actions) == 4


async def test_a_rollout_is_for_each_panel_and_failures_may_be_counted_over_all(
    url: str, engine: LocalEngine, tmp_path: Path, panels: Panels
) -> None:
    fleet = cluster(url)
    async with working(worker_of(url, engine, tmp_path)):
        each = await fleet.start(rollout=Rollout(max_failures=0, batch=1))
        overall = await fleet.start(rollout=Rollout(batch=1), max_failures_overall=0)
    # All of them run, so all of them fail: one on each panel; then nothing new begins there.
    assert [len([outcome for outcome in report if outcome.skipped]) for report in (each,)] == [3]
    assert any(outcome.skipped for outcome in overall)


async def test_a_plan_is_made_of_what_is_seen(url: str, engine: LocalEngine, tmp_path: Path, panels: Panels) -> None:
    one, _ = panels
    one.set_power(2, Power.STOPPED)
    async with working(worker_of(url, engine, tmp_path)):
        plan = await cluster(url, "acme-1").plan(PowerState.STOPPED)
    assert [step.step for step in plan.steps] == [Step.STOP, Step.LEAVE, Step.STOP]
    assert {step.address for step in plan.steps} == {f"{one.url}/"}


async def test_workers_of_a_region_take_its_panels_alone(
    url: str, engine: LocalEngine, tmp_path: Path, panels: Panels
) -> None:
    keep_profiles(tmp_path, {"acme-1": panels[0], "acme-2": panels[1]}, region="eu")
    async with (
        working(worker_of(url, engine, tmp_path, region="us")),
        working(worker_of(url, engine, tmp_path, region="eu")),
    ):
        report = await cluster(url).status()
    assert len(report.ok) == 5


async def test_a_panel_that_cannot_be_had_is_a_problem_of_the_report(
    url: str, engine: LocalEngine, tmp_path: Path, panels: Panels
) -> None:
    panels[0].refuse_connections()
    async with working(worker_of(url, engine, tmp_path)):
        report = await cluster(url).status()
    assert [outcome.panel for outcome in report] == ["acme-2", "acme-2"]
    assert "acme-1 is unreadable" in str(report.problems[0])


@pytest.mark.parametrize("profiles", [(), [], None, 7, ("acme", 7), {"acme": 1}])
def test_profiles_are_names_or_patterns(profiles: object, engine: LocalEngine) -> None:
    with pytest.raises(ConfigurationError, match="profiles must be"):
        ClusterFleet(engine="local", database="postgresql://cvm@db/cvm", profiles=profiles)


def test_one_name_is_enough_and_the_database_is_not_shown(engine: LocalEngine) -> None:
    fleet = ClusterFleet(engine="local", database="postgresql://cvm:hunter2@db/cvm", profiles="acme")
    assert fleet.profiles == ("acme",)
    assert "hunter2" not in repr(fleet)


@pytest.mark.parametrize("given", [-1, 0.5, True, "3"])
async def test_failures_over_all_are_a_count(given: object, engine: LocalEngine) -> None:
    with pytest.raises(ConfigurationError, match="max_failures_overall must be"):
        await cluster("postgresql://cvm@db/cvm").stop(max_failures_overall=given)  # type: ignore[arg-type]
