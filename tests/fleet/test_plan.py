import asyncio
import copy
import json
import pickle

import pytest
from hypothesis import given, strategies as st
from panels import calls, fleet_of, session_on
from values import vps
from virtual_time import virtual

from cvm_async import (
    ConfigurationError,
    NoAnswerError,
    NotSentError,
    Plan,
    PlannedStep,
    PowerState,
    Problem,
    Result,
    Rollout,
    Step,
    VpsStatus,
    partial_report,
)
from cvm_async.models import usage
from cvm_async.panel import PanelApp, SimulatedVps

RUNNING, STOPPED = PowerState.RUNNING, PowerState.STOPPED


def mixed() -> PanelApp:
    """Running, stopped, suspended, terminated, and one on a node that can't be reached."""
    app = PanelApp(vpses=fleet_of(1, 1, 2, 2, 3))
    for vps_id, power in ((2, "stopped"), (3, "suspended"), (4, "terminated")):
        app.set_power(vps_id, power)
    app.unreachable_node(3, after=0.0, answer="503")
    return app


@pytest.mark.parametrize(
    ("wanted", "steps"),
    [
        pytest.param(RUNNING, [Step.LEAVE, Step.START, Step.CANNOT, Step.CANNOT, Step.CANNOT], id="running"),
        pytest.param(STOPPED, [Step.STOP, Step.LEAVE, Step.CANNOT, Step.CANNOT, Step.CANNOT], id="stopped"),
    ],
)
@virtual
async def test_a_plan_says_for_each_vps_what_it_takes_and_changes_nothing(
    wanted: PowerState, steps: list[Step]
) -> None:
    app = mixed()
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(wanted)
        assert [step.step for step in plan.steps] == steps
        assert [step.reason for step in plan.steps][:4] == ["running", "stopped", "suspended", "terminated"]
        assert "unreachable" in plan.steps[4].reason
        assert len(plan) == 5
        assert len(plan.to_do) == 1
    assert {record.method for record in app.requests} == {"GET"}


@virtual
async def test_a_plan_reads_as_counts_by_node_then_names() -> None:
    async with session_on(mixed()) as session:
        fleet = await session.fleet()
        text = str(await fleet.plan(RUNNING)).splitlines()
        assert text[:4] == [
            "To have 5 VPSes running: 1 to start, 1 to leave as they are, 3 that cannot be started",
            "  start 1 on panel.example.net, node 1: vps2.example.net (2)",
            (
                "  cannot start 2 on panel.example.net, node 2: vps3.example.net (3): suspended, "
                "vps4.example.net (4): terminated"
            ),
            (
                "  cannot start 1 on panel.example.net, node 3: vps5.example.net (5): the host node of the VPS is "
                'unreachable: "The host node of this VPS is unreachable." '
                "(VPS 5, GET /api/client/vps/5/status, 3 attempts)"
            ),
        ]
        assert str(await fleet.select(ids=[]).plan(RUNNING)) == "To have 0 VPSes running: nothing to do"


@virtual
async def test_a_long_plan_names_twenty_a_node_and_no_text_of_the_panel_is_obeyed() -> None:
    vpses = [SimulatedVps(id=n, node=1, hostname=f"\x1b[31m{n}", extra={"node": None}) for n in range(1, 1001)]
    async with session_on(PanelApp(vpses=vpses)) as session:
        plan = await (await session.fleet()).plan(STOPPED)
        title, line = str(plan).splitlines()
        assert title == "To have 1,000 VPSes stopped: 1,000 to stop"
        assert line.startswith("  stop 1,000 on panel.example.net, node not told: ")
        assert line.endswith("and 980 more")
        assert "\x1b" not in line


@virtual
async def test_a_plan_for_a_restart_names_what_it_would_start_and_touches_nothing_suspended() -> None:
    app = mixed()
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan("restart")
        assert [step.step for step in plan.steps] == [Step.RESTART, Step.RESTART, *[Step.CANNOT] * 3]
        assert [step.vps.id for step in plan.started_by_restart] == [2]
        assert str(plan).splitlines()[:2] == [
            (
                "To restart 5 VPSes: 2 to restart (1 of them stopped, which a restart starts), 3 that cannot be "
                "restarted"
            ),
            "  restart 2 on panel.example.net, node 1: vps1.example.net (1), vps2.example.net (2): stopped",
        ]
        assert (plan.verb, plan.wanted, plan.to_dict()["verb"]) == ("restart", RUNNING, "restart")
        again = pickle.loads(pickle.dumps(plan))
        assert (again.verb, again.title) == (plan.verb, plan.title)
        report = await plan.apply(whole=True, wait=True)
        assert report.by_result().keys() == {Result.CHANGED, Result.NOT_POSSIBLE, Result.FAILED}
        assert report.verb == "restart"
    assert sorted(app.actions) == [(1, "restart"), (2, "restart")]


@pytest.mark.parametrize(
    ("now", "result"),
    [("stopped", Result.SKIPPED), ("suspended", Result.NOT_POSSIBLE), ("running", Result.CHANGED)],
)
@virtual
async def test_a_restart_does_not_touch_what_moved_since_it_was_planned(now: str, result: Result) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan("restart")
        app.set_power(1, now)
        report = await plan.apply()
        assert [*report.by_result()] == [result]
    assert app.actions == ([(1, "restart")] if result is Result.CHANGED else [])


@virtual
async def test_a_plan_for_one_says_vps() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        assert str(await (await session.fleet()).plan("restart")).startswith("To restart 1 VPS: 1 to restart\n")


@pytest.mark.parametrize("state", [PowerState.SUSPENDED, PowerState.TERMINATED, PowerState.UNKNOWN])
@virtual
async def test_no_plan_is_made_for_a_state_that_nobody_can_bring_about(state: PowerState) -> None:
    app = mixed()
    async with session_on(app) as session:
        fleet = await session.fleet()
        with pytest.raises(ConfigurationError, match="to running or to stopped, not to"):
            await fleet.plan(state)
        with pytest.raises(ConfigurationError, match="not to reboot; or be restarted"):
            await fleet.plan("reboot")  # type: ignore[arg-type]
    # It was known beforehand, so nobody was asked.
    assert calls(app, "status") == []


@virtual
async def test_the_plain_word_for_a_state_is_as_good_as_the_state() -> None:
    app = PanelApp(vpses=fleet_of(1, power="stopped"))
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan("running")  # type: ignore[arg-type]
        assert plan.wanted is RUNNING
        await plan.apply()
    assert app.actions == [(1, "start")]


@virtual
async def test_a_plan_is_applied_to_what_it_says_and_to_nothing_else() -> None:
    app = mixed()
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(STOPPED)
        report = await plan.apply(wait=True)
        assert [(outcome.vps.id, outcome.ok, outcome.skipped) for outcome in report] == [(1, True, False)]
        assert report.summary() == "1 stopped in 0.0 s"
    assert app.actions == [(1, "stop")]


@virtual
async def test_applying_a_stale_plan_does_not_touch_what_moved_and_says_so() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1))
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(STOPPED)
        app.set_power(1, "stopped")
        app.set_power(2, "suspended")
        report = await plan.apply(rollout=Rollout(max_concurrency=1, max_failures=0))
        there, moved, done = report
        assert (there.ok, there.skipped, there.value and there.value.state) == (True, True, STOPPED)
        assert (moved.ok, moved.skipped) == (False, True)
        assert isinstance(moved.error, NotSentError)
        assert str(moved.error) == "not touched: it was running when this was planned, and is suspended now (VPS 2)"
        assert (done.ok, done.skipped) == (True, False)
    assert app.actions == [(3, "stop")]


@virtual
async def test_a_plan_pickles_without_its_session_and_is_applied_with_a_fleet() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, power="stopped"))
    async with session_on(app) as session:
        plan: Plan = pickle.loads(pickle.dumps(await (await session.fleet()).plan(RUNNING)))
        with pytest.raises(LookupError, match="give `apply` the fleet"):
            await plan.apply()
    assert app.actions == []
    async with session_on(app) as later:
        fleet = await later.fleet()
        report = await plan.apply(fleet=fleet.select(ids=[3, 1]), wait=True)
        assert [(outcome.vps.id, outcome.ok) for outcome in report] == [(1, True), (3, True)]
        # What was begun is there already when the rest is applied.
        again = await plan.apply(fleet=fleet)
        assert [outcome.skipped for outcome in again] == [True, False, True]
        assert again.failed == ()
    assert sorted(app.actions) == [(1, "start"), (2, "start"), (3, "start")]


@virtual
async def test_plans_over_two_panels_keep_them_apart() -> None:
    one, other = PanelApp(vpses=fleet_of(1)), PanelApp(vpses=fleet_of(1, power="stopped"))
    async with (
        session_on(one, url="https://one.example.net") as a,
        session_on(other, url="https://other.example.net") as b,
    ):
        plan = await (await a.fleet() | await b.fleet()).plan(RUNNING)
        assert [step.step for step in plan.steps] == [Step.LEAVE, Step.START]
        await plan.apply()
    assert (one.actions, other.actions) == ([], [(1, "start")])


@virtual
async def test_a_plan_can_report_on_all_of_its_vpses_also_when_it_is_cut_off() -> None:
    async with session_on(mixed()) as session:
        fleet = await session.fleet()
        plan = await fleet.plan(STOPPED)
        report = await plan.apply(whole=True)
        assert [(outcome.vps.id, outcome.ok, outcome.skipped) for outcome in report] == [
            (1, True, False),
            (2, True, True),
            (3, False, True),
            (4, False, True),
            (5, False, True),
        ]
        assert str(report[2].error) == "not touched: it is suspended (VPS 3)"
        assert [vps.id for vps in report.failed_fleet()] == [3, 4, 5]

    app = PanelApp(vpses=fleet_of(1, 1, 1), shutdown_time=10.0)
    app.set_power(1, "stopped")
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(STOPPED)
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(15):
                await plan.apply(whole=True, rollout=Rollout(batch=1))
        partial = partial_report(caught.value)
        assert partial is not None
        assert [(outcome.vps.id, outcome.ok, outcome.skipped) for outcome in partial] == [
            (1, True, True),
            (2, True, False),
            (3, False, False),
        ]


@virtual
async def test_a_plan_is_applied_in_its_own_order_where_another_fleet_has_the_vpses() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, power="stopped"))
    app.set_power(2, "running")
    async with session_on(app) as session:
        fleet = await session.fleet()
        plan: Plan = pickle.loads(pickle.dumps(await fleet.plan(RUNNING)))
        report = await plan.apply(fleet=fleet.at([2, 1]), whole=True)
        assert [(outcome.vps.id, outcome.skipped) for outcome in report] == [(2, True), (3, False)]
        assert report.failed_fleet().panels == ()
    assert app.actions == [(3, "start")]


@virtual
async def test_a_copy_of_a_plan_still_knows_its_session() -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(STOPPED)
        assert len((await copy.deepcopy(copy.copy(plan)).apply()).ok) == 2


def test_a_plan_tells_what_it_does_not_know_of() -> None:
    problems = [Problem(f"response.vpses[{number}].id", "absent", "a number") for number in range(30)]
    few, many = (str(Plan(STOPPED, (), tuple(problems[:number]))).splitlines() for number in (1, 30))
    assert few[1:] == ["  not known to this plan, as it cannot be read: response.vpses[0].id is absent, not a number"]
    assert len(many) == 1 + 20 + 1
    assert many[-1] == "  and 10 more such problems in the list"
    assert pickle.loads(pickle.dumps(Plan(STOPPED, (), (problems[0],)))).problems == (problems[0],)


POWERS = st.sampled_from(["running", "stopped", "suspended", "terminated"])


@given(st.lists(st.tuples(POWERS, POWERS), max_size=8), st.sampled_from([RUNNING, STOPPED]))
@virtual
async def test_a_plan_brings_all_that_can_be_brought_and_never_acts_on_what_moved(
    actions: list[tuple[str, str]], wanted: PowerState
) -> None:
    app = PanelApp(vpses=fleet_of(*[1] * len(actions)))
    for vps_id, (before, _) in enumerate(actions, 1):
        app.set_power(vps_id, before)
    async with session_on(app) as session:
        plan = await (await session.fleet()).plan(wanted)
        for vps, (_, after) in enumerate(actions, 1):
            app.set_power(vps, after)
        await plan.apply(wait=True)
        await asyncio.sleep(0)
    other = "stopped" if wanted is RUNNING else "running"
    stayed = [vps for vps, (before, after) in enumerate(actions, 1) if before == after == other]
    assert sorted(vps for vps, _ in app.actions) == stayed


def test_a_plan_is_told_as_json_with_what_was_seen() -> None:
    stopped = VpsStatus(state=PowerState.STOPPED, state_text="stopped", ram_used=0)
    steps = (
        PlannedStep(vps(1), "panel", "https://x", Step.START, stopped),
        PlannedStep(vps(2), "panel", "https://x", Step.CANNOT, error=NoAnswerError("silence")),
    )
    told = json.loads(json.dumps(Plan(RUNNING, steps).to_dict()))
    whole = {"version": 1, "wanted": "running", "verb": "start", "to_do": 1}
    whole |= {"steps": [step.to_dict() for step in steps], "problems": []}
    assert told == whole
    first, second = told["steps"]
    assert first == {
        "panel": "panel",
        "id": 1,
        "hostname": "vps1.example.net",
        "node": 1,
        "step": "start",
        "reason": "stopped",
        **stopped.to_dict(),
        "usage": usage(vps(1), stopped),
    }
    assert (second["step"], second["reason"], second["state"]) == ("cannot", "silence", None)
    assert second.keys() == first.keys()


@virtual
async def test_its_repr_is_its_title() -> None:
    async with session_on(mixed()) as session:
        plan = await (await session.fleet()).plan(RUNNING)
    assert repr(plan) == f"<Plan: {plan.title}>"
