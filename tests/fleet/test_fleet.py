import asyncio
import copy
import gc
import inspect
import json
import logging
import math
import pickle
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings, strategies as st
from panels import NO_RETRY, account_of, assert_whole, fleet_of, session_on, settled
from rich import protocol as rich_protocol
from virtual_time import virtual, virtual_loop

from cvm_async import (
    Breaker,
    ConfigurationError,
    CvmError,
    CvmSession,
    Fleet,
    FleetReport,
    Limits,
    NotSentError,
    Outcome,
    Plan,
    PowerState,
    Progress,
    Retry,
    Rollout,
    RunControl,
    SessionClosedError,
    Timeouts,
    Vps,
    partial_report,
)
from cvm_async.panel import Answer, Cut, Fault, Hang, PanelApp, Reset, bad_gateway, garbage, too_many_requests


def now() -> float:
    return asyncio.get_running_loop().time()


# What a fleet is


def is_even(vps: Vps) -> bool:
    return vps.id % 2 == 0


def ids(fleet: Fleet) -> list[int]:
    return [vps.id for vps in fleet]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param({}, [1, 2, 3, 4], id="no condition"),
        pytest.param({"ids": [4, 1, 9]}, [1, 4], id="ids, in the fleet's order"),
        pytest.param({"ids": []}, [], id="no ids"),
        pytest.param({"node": 2}, [3, 4], id="a node"),
        pytest.param({"node": [1, 2]}, [1, 2, 3, 4], id="nodes"),
        pytest.param({"node": 9}, [], id="an unknown node"),
        pytest.param({"hostname": "VPS[1-3]*"}, [1, 2, 3], id="a pattern, whatever the case"),
        pytest.param({"hostname": "vps?.example.net"}, [1, 2, 3, 4], id="a pattern with a question mark"),
        pytest.param({"hostname": "vps1"}, [], id="a pattern is for the whole name"),
        pytest.param({"where": is_even}, [2, 4], id="a condition"),
        pytest.param({"node": 2, "ids": [1, 3]}, [3], id="all conditions hold"),
    ],
)
@virtual
async def test_a_selection_is_what_all_conditions_hold_for(chosen: dict[str, object], expected: list[int]) -> None:
    async with session_on(PanelApp(vpses=fleet_of(1, 1, 2, 2))) as session:
        fleet = await session.fleet()
        assert ids(fleet.select(**chosen)) == expected  # type: ignore[arg-type]
        assert len(fleet) == 4


@virtual
async def test_a_fleet_says_what_it_is() -> None:
    async with session_on(PanelApp(vpses=3), name="a") as one, session_on(PanelApp(vpses=0), name="b") as other:
        assert repr(await one.fleet()) == "<Fleet: 3 VPSes of a>"
        assert repr(await other.fleet()) == "<Fleet: 0 VPSes>"


@virtual
async def test_what_the_list_could_not_say_stays_with_the_fleet_and_its_reports() -> None:
    panel = fleet_of(1, 1)
    broken = PanelApp(vpses=[*panel, *[type(panel[0])(id=3, extra={"guaranteed_ram": "much"})]])
    async with session_on(broken) as session:
        fleet = await session.fleet()
        assert [problem.path for problem in fleet.problems] == ["response.vpses[2].guaranteed_ram"]
        assert (fleet | fleet.select(node=1)).problems == fleet.problems
        report = await fleet.status()
        assert report.problems == fleet.problems
        assert report.summary() == "3 running in 0.0 s; 1 problem in the list"


@virtual
async def test_a_copy_of_a_fleet_is_the_fleet_and_it_is_not_pickled_as_tokens_would_go_along() -> None:
    async with session_on(PanelApp(vpses=2)) as session:
        fleet = await session.fleet()
        assert copy.copy(fleet) is copy.deepcopy(fleet) is fleet
        with pytest.raises(TypeError, match="is not pickled: its plans and reports are"):
            pickle.dumps(fleet)


# Several sessions


@virtual
async def test_vpses_with_one_id_on_two_panels_are_two() -> None:
    one, other = PanelApp(vpses=fleet_of(1, 1)), PanelApp(vpses=fleet_of(1, 1, power="stopped"))
    async with (
        session_on(one, url="https://one.example.net") as a,
        session_on(other, url="https://other.example.net", name="other") as b,
    ):
        both = await a.fleet() | await b.fleet()
        assert both.panels == ("one.example.net", "other")
        report = await both.status()
        assert [(outcome.panel, outcome.vps.id, outcome.value and outcome.value.state) for outcome in report] == [
            ("one.example.net", 1, PowerState.RUNNING),
            ("one.example.net", 2, PowerState.RUNNING),
            ("other", 1, PowerState.STOPPED),
            ("other", 2, PowerState.STOPPED),
        ]
        await both.restart()
    assert sorted(one.actions) == sorted(other.actions) == [(1, "restart"), (2, "restart")]


@virtual
async def test_the_union_never_does_a_vps_twice_also_through_two_sessions() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2))
    async with (
        session_on(app, url="https://panel.example.net/") as a,
        session_on(app, url="HTTPS://Panel.example.net:443") as b,
    ):
        fleet = await a.fleet()
        both = fleet.select(ids=[2]) | await b.fleet() | fleet
        assert ids(both) == [2, 1, 3]
        await both.stop()
    assert sorted(app.actions) == [(1, "stop"), (2, "stop"), (3, "stop")]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Hang(), id="hangs"),
        pytest.param(Reset(), id="resets"),
        pytest.param(too_many_requests(retry_after="25"), id="429, come back in 25 s"),
    ],
)
@virtual
async def test_a_panel_that_is_down_costs_only_its_own(trouble: Fault) -> None:
    sound, down = PanelApp(vpses=400, nodes=5, latency=1.0), PanelApp(vpses=400, nodes=5)
    ended: list[float] = []

    def note(progress: Progress) -> None:
        if progress.latest.panel == "sound.example.net":
            ended.append(now())

    async with (
        session_on(sound, url="https://sound.example.net") as a,
        session_on(down, url="https://down.example.net") as b,
    ):
        fleet = await a.fleet() | await b.fleet()
        down.inject(trouble, times=None)
        report = await fleet.status(progress=note)
        assert len(report.ok) == 400
        # 25 rounds of 16, and at the end one or two more where a node has five left of which four may go.
        assert ended[-1] <= 400 / 16 + 2
        assert sound.peak_in_flight() == 16


# One outcome each, in order


@virtual
async def test_outcomes_come_in_the_fleets_order_and_progress_as_they_are_done() -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 1, 2), latency=1.0)
    app.unreachable_node(1, after=5.0, answer="503")
    seen: list[tuple[int, int, int]] = []

    def note(progress: Progress) -> None:
        seen.append((progress.done, progress.total, progress.latest.vps.id))

    async with session_on(app, retry=NO_RETRY) as session:
        report = await (await session.fleet()).status(progress=note)
        assert [outcome.vps.id for outcome in report] == [1, 2, 3, 4]
        assert [outcome.ok for outcome in report] == [False, True, False, True]
        assert [outcome.elapsed for outcome in report] == [5.0, 1.0, 5.0, 1.0]
        assert report.elapsed == 5.0
    assert [(done, total) for done, total, _ in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    # Of two that are done at the same moment either may be told first.
    assert [{vps_id for *_, vps_id in pair} for pair in (seen[:2], seen[2:])] == [{2, 4}, {1, 3}]


@virtual
async def test_a_progress_callback_that_fails_is_logged_and_the_run_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    told = 0

    def fail(_: Progress) -> None:
        nonlocal told
        told += 1
        raise ZeroDivisionError

    app = PanelApp(vpses=5)
    async with session_on(app) as session:
        report = await (await session.fleet()).restart(progress=fail)
        assert len(report.ok) == 5
    assert told == 1
    assert [(record.name, record.levelno) for record in caplog.records] == [("cvm_async", logging.ERROR)]
    assert "the run goes on" in caplog.text
    assert "ZeroDivisionError" in caplog.text


@virtual
async def test_nothing_is_done_to_an_empty_fleet() -> None:
    async with session_on(PanelApp(vpses=0)) as session:
        report = await (await session.fleet()).stop(rollout=Rollout(batch=(1, 0.5), max_failures=0))
        assert (len(report), report.summary()) == (0, "no VPSes in 0.0 s")
        report.raise_for_failures()


@virtual
async def test_a_run_on_a_session_that_is_closed_meanwhile_still_has_an_outcome_for_each() -> None:
    app = PanelApp(vpses=100, nodes=4, latency=1.0)
    async with session_on(app) as session:
        run = asyncio.create_task((await session.fleet()).status())
        await asyncio.sleep(2.5)
        await session.aclose()
        report = await run
        assert len(report) == 100
        assert {type(outcome.error) for outcome in report.failed} == {SessionClosedError}
        # Two on each node at first, and four once it has answered.
        assert len(report.ok) == 2 * 4 + 2 * 16


# The power verbs


@virtual
async def test_with_wait_a_vps_is_done_when_it_shows_the_state_and_without_when_the_panel_says_so() -> None:
    app = PanelApp(vpses=4, nodes=4, shutdown_time=1.0, boot_time=1.0, settle=9.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        report = await fleet.stop()
        assert [(outcome.value, outcome.elapsed) for outcome in report] == [(None, 1.0)] * 4
        assert report.summary() == "4 stopped in 1.0 s"
        await asyncio.sleep(10)
        waited = await fleet.start(wait=True, interval=3.0)
        assert {outcome.value.state for outcome in waited if outcome.value} == {PowerState.RUNNING}
        assert [outcome.elapsed for outcome in waited] == [10.0] * 4
        assert waited.summary() == "4 running in 10.0 s"


@virtual
async def test_a_vps_that_does_not_get_there_in_time_is_a_failure_of_its_own() -> None:
    app = PanelApp(vpses=3, nodes=1, settle=60.0)
    async with session_on(app) as session:
        report = await (await session.fleet()).stop(wait=True, timeout=10.0)
        assert report.summary() == "3 failed (not there in time on node 1) in 10.0 s"


@virtual
async def test_five_hundred_vpses_boot_at_once_though_sixteen_calls_are_in_flight() -> None:
    app = PanelApp(vpses=fleet_of(*[*range(1, 51)] * 10, power="stopped"), boot_time=1.0, settle=60.0)
    async with session_on(app, limits=Limits(max_concurrency=16)) as session:
        report = await (await session.fleet()).start(wait=True, interval=60.0)
        assert len(report.ok) == 500
        # 32 rounds of starts, then the last one's boot; readings queue with the starts for the same places.
        assert report.elapsed < 32 + 60 + 60 + 60


@pytest.mark.parametrize("knob", ["timeout", "interval"])
@pytest.mark.parametrize("bad", [0, -1, float("nan"), "2"])
@virtual
async def test_a_wait_that_makes_no_sense_is_refused_before_anything_is_sent(knob: str, bad: float) -> None:
    app = PanelApp(vpses=3)
    async with session_on(app) as session:
        fleet = await session.fleet()
        for verb in (fleet.start, fleet.stop, fleet.restart):
            with pytest.raises(ConfigurationError, match=knob):
                await verb(**{knob: bad})  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert len(app.requests) == 1


# The promise

LATENCIES = [pytest.param({"latency": 0.05}, id="50 ms"), pytest.param({"latency": 0.9}, id="900 ms")]
PHP = pytest.param({"cost": 0.04, "workers": 8}, id="8 PHP workers of 40 ms")


def hang(app: PanelApp) -> None:
    app.hang_node(7)


def unreachable(app: PanelApp) -> None:
    app.unreachable_node(7, after=10.0, answer="503")


def nothing(_: PanelApp) -> None:
    pass


def thousand(trouble: Callable[[PanelApp], None], **traits: float) -> PanelApp:
    app = PanelApp(vpses=1000, nodes=20, **traits)  # type: ignore[arg-type]
    trouble(app)
    return app


async def seconds_for_the_sound(app: PanelApp) -> float:
    """Until the statuses of all but node 7 are in."""
    ended: list[float] = []

    def note(progress: Progress) -> None:
        if progress.latest.vps.node != 7:
            assert progress.latest.ok
            ended.append(now())

    async with session_on(app) as session:
        fleet = await session.fleet()
        began = now()
        await fleet.status(progress=note)
    assert len(ended) == 950
    return ended[-1] - began


async def seconds_for_the_sound_with_a_semaphore(app: PanelApp) -> float:
    """Give the same with a plain semaphore of the same width, and a timeout of the same length."""
    width = asyncio.Semaphore(16)
    ended: list[float] = []
    headers = {"API-Public-Token": app.public_token, "API-Private-Token": app.private_token}

    async def one(client: httpx.AsyncClient, vps_id: int, node: int) -> None:
        async with width:
            try:
                async with asyncio.timeout(20):
                    await client.get(f"/api/client/vps/{vps_id}/status", headers=headers)
            except TimeoutError:
                return
        if node != 7:
            ended.append(now())

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://panel.example.net") as client:
        began = now()
        async with asyncio.TaskGroup() as group:
            for vps in app.world:
                group.create_task(one(client, vps.id, vps.node))
    return ended[-1] - began


@pytest.mark.parametrize("traits", [*LATENCIES, PHP])
@pytest.mark.parametrize("trouble", [hang, unreachable])
@virtual
async def test_one_bad_node_of_twenty_costs_the_others_less_than_half_as_much_again(
    trouble: Callable[[PanelApp], None], traits: dict[str, float]
) -> None:
    sound = await seconds_for_the_sound(thousand(nothing, **traits))
    assert await seconds_for_the_sound(thousand(trouble, **traits)) <= 1.2 * sound


@pytest.mark.parametrize(("trouble", "factor"), [(hang, 15), (unreachable, 8)])
@virtual
async def test_with_a_plain_semaphore_one_bad_node_costs_the_others_many_times_as_much(
    trouble: Callable[[PanelApp], None], factor: float
) -> None:
    # Without PHP's lock, which would make it lose most of the others altogether.
    traits = {"latency": 0.05, "cookie_lock": False}
    sound = await seconds_for_the_sound_with_a_semaphore(thousand(nothing, **traits))
    assert await seconds_for_the_sound_with_a_semaphore(thousand(trouble, **traits)) >= factor * sound


# Memory


class Endless(httpx.AsyncBaseTransport):
    """A panel that says at once what every VPS of a large account is doing."""

    def __init__(self, vpses: int, nodes: int) -> None:
        entry = {"virtualization_type": "1", "guaranteed_ram": "1", "disk_space": "1", "cpu_count": "1"}
        listed = [{"id": n, "hostname": f"v{n}", "node": n % nodes, **entry} for n in range(1, vpses + 1)]
        self.list = json.dumps({"response": {"vpses": listed}}).encode()
        self.status = b'{"response":{"status":"running","ram_used":"1","disk_used":"2","traffic_used":"3"}}'
        self.most_tasks = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.most_tasks = max(self.most_tasks, len(asyncio.all_tasks()))
        # One turn of the loop, as a network has it.
        await asyncio.sleep(0)
        return httpx.Response(200, content=self.list if request.url.path.endswith("list") else self.status)


@asynccontextmanager
async def session_over(transport: httpx.AsyncBaseTransport) -> AsyncGenerator[CvmSession]:
    async with httpx.AsyncClient(transport=transport) as client:
        session = CvmSession("https://p.example.net", public_token="a", private_token="b", client=client)
        async with session:
            yield session


def _size(outcome: Outcome[object]) -> int:
    """Of the status alone, which is a model, as tracemalloc would count it: header, slots and what they hold."""
    assert outcome.value is not None
    return 16 + 6 * 8 + 16 + 2 * 32 + 16


@virtual
async def test_a_kept_outcome_takes_at_most_400_bytes_beyond_the_models() -> None:
    async with session_over(Endless(1_000, 20)) as session:
        fleet = await session.fleet()
        # Once before, for all that is made once.
        await fleet.status()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            report = await fleet.status()
            # What only waits for the collector is not kept.
            gc.collect()
            kept = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert len(report.ok) == 1_000
        assert kept - sum(map(_size, report)) <= 400 * len(report)


@virtual
async def test_a_run_over_many_thousands_has_no_more_tasks_than_workers() -> None:
    panel = Endless(4_000, 20)
    async with session_over(panel) as session:
        report = await (await session.fleet()).status()
        assert len(report.ok) == 4_000
    # Two workers for each of the 16 calls in flight; the test itself.
    assert panel.most_tasks <= 2 * 16 + 1


# What holds for all fleets

FLEETS = st.lists(st.lists(st.integers(1, 4), max_size=15), min_size=1, max_size=3)
FAULTS: list[Fault] = [
    bad_gateway(),
    bad_gateway(after_action=True),
    garbage(after_action=True),
    too_many_requests(retry_after="3"),
    Answer(status=404, body=b'{"errors":["no"]}'),
    Answer(status=500),
    Hang(),
    Hang(after_action=True),
    Reset(after_action=True),
    Cut(),
]
TROUBLES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(FAULTS), st.integers(1, 4), st.integers(0, 5), st.integers(1, 9)),
    max_size=5,
)
NODES = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(["hang", "unreachable"])), max_size=3)
ROLLOUTS = st.builds(
    Rollout,
    max_concurrency=st.one_of(st.none(), st.integers(1, 6)),
    per_node=st.one_of(st.none(), st.integers(1, 3)),
    max_failures=st.one_of(st.none(), st.integers(0, 5), st.sampled_from([0.1, 0.5])),
    batch=st.sampled_from([None, 3, 0.5, (1, 0.2, 1.0)]),
    pause=st.sampled_from([0.0, 5.0]),
    deadline=st.one_of(st.none(), st.sampled_from([1.0, 30.0, 300.0])),
    on_unknown=st.sampled_from(["report", "verify"]),
)
BREAKERS = st.builds(Breaker, failures=st.integers(1, 3), cool_down=st.sampled_from([5.0, 30.0]))
LIMITS = st.builds(
    Limits,
    max_concurrency=st.integers(1, 6),
    per_node=st.integers(1, 3),
    breaker=st.one_of(st.none(), BREAKERS),
)
VERBS = ["status", "start", "stop", "restart"]


def line_width(limits: Limits) -> int:
    assert isinstance(limits.max_concurrency, int)
    return limits.max_concurrency


class Scene:
    """Some panels with troubles, a session on each, and a fleet over all of them."""

    def __init__(
        self,
        fleets: list[list[int]],
        troubles: list[tuple[int, Fault, int, int, int]],
        nodes: list[tuple[int, int, str]],
        limits: Limits,
    ) -> None:
        self.limits = limits
        self.width = line_width(limits)
        self.apps = [
            PanelApp(vpses=fleet_of(*places), latency=0.5, boot_time=3.0, shutdown_time=2.0, settle=2.0)
            for places in fleets
        ]
        for place, fault, node, skip, times in troubles:
            self.apps[place % len(fleets)].inject(fault, node=node, skip=skip, times=times)
        for place, node, trouble in nodes:
            app = self.apps[place % len(fleets)]
            if node in app.world.nodes:
                if trouble == "hang":
                    app.hang_node(node)
                else:
                    app.unreachable_node(node, after=4.0, answer="503")

    async def play(self, act: Callable[[Fleet], Awaitable[None]]) -> None:
        await self._with([], act)

    async def _with(self, sessions: list[CvmSession], act: Callable[[Fleet], Awaitable[None]]) -> None:
        if len(sessions) == len(self.apps):
            fleet = Fleet()
            for session in sessions:
                fleet |= await session.fleet()
            await act(fleet)
            await settled()
            for session in sessions:
                assert_whole(session)
            return
        place = len(sessions)
        timeouts = Timeouts(connect=1.0, read=2.0, action=6.0)
        async with session_on(
            self.apps[place],
            url=f"https://panel{place}.example.net",
            limits=self.limits,
            timeouts=timeouts,
            retry=Retry(attempts=2, max_wait=5.0),
        ) as session:
            virtual_loop().before_time_passes.append(lambda: self._look(session))
            await self._with([*sessions, session], act)

    def _look(self, session: CvmSession) -> None:
        assert 0 <= account_of(session).gates.in_flight <= self.width
        assert all(0 <= node.in_flight <= self.limits.per_node for node in session.node_states())

    def assert_never_twice(self, verb: str) -> None:
        for app in self.apps:
            for vps in app.world:
                sent = [record for record in app.requests if record.vps == vps.id and record.verb == verb]
                assert len(sent) <= (1 if verb != "status" else 99)
                assert app.actions.count((vps.id, verb)) <= 1  # type: ignore[arg-type]


def assert_named(report: FleetReport[object]) -> None:
    """Each outcome's error is its own, and names its outcome's VPS."""
    errors = [outcome.error for outcome in report.failed]
    assert [error.vps_id for error in errors] == [outcome.vps.id for outcome in report.failed]
    assert len({id(error) for error in errors}) == len(errors)


def cancellation_of(task: asyncio.Task[object]) -> BaseException:
    try:
        task.result()
    except asyncio.CancelledError as error:
        return error
    raise AssertionError


SCENES = st.builds(Scene, FLEETS, TROUBLES, NODES, LIMITS)
"""Made anew for each example; a panel needs no running loop to be made."""


@settings(max_examples=75)
@given(SCENES, ROLLOUTS, st.sampled_from(VERBS), st.booleans())
@virtual
async def test_whatever_goes_wrong_every_vps_has_one_outcome_in_order_and_no_action_is_sent_twice(
    scene: Scene,
    rollout: Rollout,
    verb: str,
    wait: bool,  # noqa: FBT001 - a property's parameter
) -> None:
    async def act(fleet: Fleet) -> None:
        told: list[tuple[str, Vps]] = []

        def note(progress: Progress) -> None:
            told.append((progress.latest.panel, progress.latest.vps))
            assert (progress.done, progress.total) == (len(told), len(fleet))

        knobs: dict[str, object] = {} if verb == "status" else {"wait": wait, "timeout": 20.0}
        report = await getattr(fleet, verb)(rollout=rollout, progress=note, **knobs)
        expected = [(target.account.panel, target.vps) for target in fleet.members]
        assert [(outcome.panel, outcome.vps) for outcome in report] == expected
        assert sorted(told, key=str) == sorted(expected, key=str)
        assert all(outcome.error is None or isinstance(outcome.error, CvmError) for outcome in report)
        assert_named(report)
        assert json.loads(json.dumps(report.to_dict()))["summary"] == report.summary()
        assert pickle.loads(pickle.dumps(report)).summary() == report.summary()

    await scene.play(act)
    scene.assert_never_twice(verb)


@settings(max_examples=75)
@given(SCENES, ROLLOUTS, st.sampled_from(VERBS), st.integers(0, 400))
@virtual
async def test_a_run_that_is_cancelled_anywhere_leaves_gates_whole_and_nothing_at_work(
    scene: Scene, rollout: Rollout, verb: str, steps: int
) -> None:
    async def act(fleet: Fleet) -> None:
        knobs: dict[str, object] = {} if verb == "status" else {"wait": True, "timeout": 20.0}
        task = asyncio.create_task(getattr(fleet, verb)(rollout=rollout, **knobs))
        for _ in range(steps):
            await asyncio.sleep((0, 0.3, 0)[steps % 3])
        task.cancel()
        await asyncio.wait([task])
        if not steps:
            return
        report = partial_report(cancellation_of(task)) if task.cancelled() else task.result()
        assert report is not None
        expected = [(target.account.panel, target.vps) for target in fleet.members]
        assert [(outcome.panel, outcome.vps) for outcome in report] == expected
        assert_named(report)

    await scene.play(act)
    scene.assert_never_twice(verb)


@virtual
async def test_an_unsent_action_is_tried_again_and_still_carried_out_once() -> None:
    app = PanelApp(vpses=3, nodes=1)
    # So few that no VPS can get a third.
    refusals = 4

    class Refusing(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal refusals
            if request.method == "POST" and refusals:
                refusals -= 1
                raise httpx.ConnectError("refused")
            return await super().handle_async_request(request)

    app.public_token, app.private_token = "a", "b"
    async with session_over(Refusing(app)) as session:
        report = await (await session.fleet()).stop()
        assert len(report.ok) == 3
        refusals = 99
        report = await (await session.fleet()).start()
        assert {type(outcome.error) for outcome in report} == {NotSentError}
        assert [outcome.skipped for outcome in report] == [False] * 3
        assert_whole(session)
    assert sorted(app.actions) == [(1, "stop"), (2, "stop"), (3, "stop")]


@virtual
async def test_in_a_notebook_and_on_a_console_it_is_a_table_of_its_vpses() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1, 2)), name="a & b") as session:
        fleet = await session.fleet()
        html = fleet._repr_html_()  # pyright: ignore[reportPrivateUsage] - notebooks call it
        assert html.startswith("<div><p>2 VPSes of a &amp; b</p><table>")
        assert html.count("<td>vps1.example.net</td>") == html.count("<td>vps2.example.net</td>") == 1
        assert rich_protocol.is_renderable(fleet)


# Untyped callers: a text is true, and "no" is.
DOERS = ("status", "start", "stop", "restart", "stream_status", "stream_start", "stream_stop", "stream_restart")
WRONG: dict[str, tuple[object, ...]] = {
    "rollout": ({}, "all", 3, Rollout),
    "wait": ("yes", "no", "", 1, 0, None),
    "timeout": ("5", 0, -1, math.nan, math.inf, True),
    "interval": ("5", 0, None, math.nan),
    "deadline": ("5", 0, -1, math.nan),
    "progress": (3, "print", asyncio.sleep),
    "control": (3, "stop", RunControl),
    "journal": (3, "maintenance"),
    "whole": ("yes", 1, None),
    "fleet": (3, "all", [1, 2]),
    "state": ("gone", 3, None),
}


def misuses() -> list[object]:
    """Give each wrong value for each argument that a verb of a fleet, or `Plan.apply`, has."""
    functions = {name: getattr(Fleet, name) for name in (*DOERS, "wait_until", "plan")} | {"apply": Plan.apply}
    return [
        pytest.param(name, argument, value, id=f"{name}, {argument}={value!r:.20}")
        for name, function in functions.items()
        for argument in inspect.signature(function).parameters
        for value in WRONG.get(argument, ())
    ]


@pytest.mark.parametrize(("verb", "argument", "value"), misuses())
@virtual
async def test_an_argument_that_is_of_no_use_is_refused_before_anything_is_sent(
    verb: str, argument: str, value: object
) -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        given: dict[str, object] = {"state": PowerState.RUNNING} if verb in {"wait_until", "plan"} else {}
        owner = await fleet.plan(PowerState.STOPPED) if verb == "apply" else fleet
        before = len(app.requests)
        with pytest.raises(ConfigurationError):
            # A stream is refused where it is made, and never awaited.
            await getattr(owner, verb)(**given | {argument: value})
        assert len(app.requests) == before


@virtual
async def test_a_plan_that_is_given_an_empty_fleet_touches_nothing() -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        plan = await fleet.plan(PowerState.STOPPED)
        assert len(await plan.apply(fleet=fleet.select(ids=[]))) == 0
    assert app.actions == []


@pytest.mark.parametrize("indexes", [3, None, "", "01", b"\0"])
@virtual
async def test_places_that_are_none_are_refused(indexes: Any) -> None:  # noqa: ANN401 - callers may be untyped
    async with session_on(PanelApp(vpses=fleet_of(1, 1))) as session:
        with pytest.raises(ConfigurationError, match="indexes must be places of the fleet"):
            (await session.fleet()).at(indexes)
