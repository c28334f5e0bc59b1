# pyright: reportPrivateUsage=false
import asyncio
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from hypothesis import given, settings, strategies as st
from panels import assert_free
from virtual_time import virtual, virtual_loop

from cvm_async import Breaker, CvmError, Limits
from cvm_async._gates.gates import Admission, Gates
from cvm_async._gates.verdict import Verdict
from cvm_async._gates.workers import MOST_AT_REST, SLACK, Assignment, WorkerPool

Member = tuple[int, int | None]
"""A number, and a node."""


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def gates(limit: int = 4, per_node: int = 2, breaker: Breaker | None = None) -> Gates:
    return Gates(Limits(max_concurrency=limit, per_node=per_node, breaker=breaker), loop_time)


def on(*nodes: int | None) -> list[Member]:
    return list(enumerate(nodes))


def node_of(target: Member) -> int | None:
    return target[1]


async def complete(crew: WorkerPool[Member], lots: Iterable[tuple[Gates, list[Member]]]) -> None:
    for room, targets in lots:
        crew.add(room, targets)
    crew.close()
    await crew.run()


class Calls:
    """Work that sleeps inside the gates, and counts."""

    def __init__(self, seconds: Callable[[Member], float] = lambda _: 1.0) -> None:
        self.seconds = seconds
        self.done: list[Member] = []
        self.active = self.peak = 0
        self.by_node: dict[int | None, int] = {}
        self.peak_by_node: dict[int | None, int] = {}

    async def __call__(self, job: Assignment[Member]) -> None:
        node = job.target[1]
        self.active += 1
        self.by_node[node] = self.by_node.get(node, 0) + 1
        self.peak = max(self.peak, self.active)
        self.peak_by_node[node] = max(self.peak_by_node.get(node, 0), self.by_node[node])
        try:
            await asyncio.sleep(self.seconds(job.target))
        finally:
            self.active -= 1
            self.by_node[node] -= 1
        job.permit.leave(Verdict.ANSWERED)
        self.done.append(job.target)


@virtual
async def test_every_target_is_done_once() -> None:
    calls = Calls()
    room = gates()
    await complete(WorkerPool(calls, node_of), [(room, on(*[1, 2, 3] * 10))])
    assert sorted(calls.done) == sorted(on(*[1, 2, 3] * 10))
    assert_free(room)


@virtual
async def test_nodes_take_turns() -> None:
    calls = Calls()
    await complete(WorkerPool(calls, node_of, max_concurrency=1), [(gates(), on(1, 1, 1, 2, 2, None))])
    assert [node for _, node in calls.done] == [1, 2, None, 1, 2, 1]


@virtual
async def test_panels_take_turns() -> None:
    calls = Calls()
    lots = [(gates(), on(1, 1, 1)), (gates(), on(8, 8))]
    await complete(WorkerPool(calls, node_of, max_concurrency=1), lots)
    assert [node for _, node in calls.done] == [1, 8, 1, 8, 1]


@virtual
async def test_nothing_to_do_is_done_at_once() -> None:
    room = gates()
    await complete(WorkerPool(Calls(), node_of), [(room, [])])
    assert_free(room)


@virtual
async def test_its_own_limits_hold_below_those_of_the_gates() -> None:
    calls = Calls()
    crew = WorkerPool(calls, node_of, max_concurrency=3, per_node=1)
    await complete(crew, [(gates(9, 5), on(*[1, 2, 3, 4, 5] * 4))])
    assert calls.peak == 3
    assert set(calls.peak_by_node.values()) == {1}


@virtual
async def test_targets_that_come_later_are_done_by_the_workers_that_are_there() -> None:
    calls = Calls()
    first, second = gates(), gates()
    crew = WorkerPool(calls, node_of)
    running = asyncio.create_task(crew.run())
    crew.add(first, on(1))
    await asyncio.sleep(5)
    crew.add(first, on(1, 2, 3))
    crew.add(second, on(4))
    await asyncio.sleep(5)
    assert len(calls.done) == 5
    assert not running.done()
    crew.close()
    await running
    assert_free(first)
    assert_free(second)


@virtual
async def test_what_was_not_begun_can_be_taken_back_and_what_was_ends() -> None:
    calls = Calls()
    crew = WorkerPool(calls, node_of)
    crew.add(gates(2), on(*range(6)))
    crew.close()
    running = asyncio.create_task(crew.run())
    await asyncio.sleep(0.5)
    rest = crew.drain()
    await running
    assert sorted([*rest, *calls.done]) == on(*range(6))
    assert len(rest) == 4


@virtual
async def test_what_was_not_begun_can_be_taken_back_after_a_cancellation_too() -> None:
    crew = WorkerPool(Calls(), node_of)
    room = gates(1)
    crew.add(room, on(1, 1, 1))
    running = asyncio.create_task(crew.run())
    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.wait([running])
    crew.close()
    assert crew.drain() == [(1, 1), (2, 1)]
    assert_free(room)


@virtual
async def test_a_crew_that_was_cancelled_while_all_of_it_waited_for_room_can_be_closed() -> None:
    crew = WorkerPool(Calls(), node_of)
    room = gates(1)
    room.enter(None)
    crew.add(room, on(1, 1, 1))
    running = asyncio.create_task(crew.run())
    await asyncio.sleep(0.5)
    running.cancel()
    await asyncio.wait([running])
    crew.close()
    assert len(crew.drain()) == 3
    room.leave(None, Verdict.ANSWERED)
    assert_free(room)


@virtual
async def test_targets_of_an_open_node_come_as_refused_and_without_room() -> None:
    room = gates(breaker=Breaker(failures=1, cool_down=30.0))
    refused: list[Member] = []

    async def work(job: Assignment[Member]) -> None:
        if job.refused:
            refused.append(job.target)
        else:
            await asyncio.sleep(1)
            job.permit.leave(Verdict.NODE_FAILED)

    await complete(WorkerPool(work, node_of), [(room, on(1, 1, 1, 1, 1))])
    # Two were under way when the first of them failed.
    assert refused == [(2, 1), (3, 1), (4, 1)]
    assert_free(room)


@virtual
async def test_work_that_forgets_to_leave_the_gates_has_left_them_when_it_is_done() -> None:
    room = gates(1)

    async def work(_: Assignment[Member]) -> None:
        await asyncio.sleep(1)

    await complete(WorkerPool(work, node_of), [(room, on(1, 1, 1))])
    assert_free(room)


@virtual
async def test_there_are_no_more_tasks_than_workers_however_many_targets_there_are() -> None:
    peak = 0

    async def work(job: Assignment[Member]) -> None:
        nonlocal peak
        await asyncio.sleep(0)
        job.permit.leave(Verdict.ANSWERED)
        peak = max(peak, len(asyncio.all_tasks()))

    room = gates(8, 8)
    before = len(asyncio.all_tasks())
    await complete(WorkerPool(work, node_of), [(room, on(*[1, 2] * 1_000))])
    assert peak - before <= SLACK * 8


@virtual
async def test_calls_of_one_panel_that_all_pause_leave_the_workers_of_the_others_alone() -> None:
    """Such as on a 429 that asks for half a minute."""
    stuck, quick = gates(4), gates(4)

    async def work(job: Assignment[Member]) -> None:
        if job.gates is stuck:
            job.permit.step_aside()
            await asyncio.sleep(1000)
        else:
            await asyncio.sleep(1)
            job.permit.leave(Verdict.ANSWERED)
            ended.append(loop_time())

    ended: list[float] = []
    nodes = [None] * 40
    await complete(WorkerPool(work, node_of), [(stuck, on(*nodes)), (quick, on(*nodes))])
    assert ended[-1] == pytest.approx(10.0)


@virtual
async def test_a_node_whose_calls_do_not_end_has_its_share_and_no_more_while_others_want_to_go() -> None:
    room = gates(8, 8)
    calls = Calls(lambda target: 1000.0 if target[1] == 1 else 1.0)
    crew = WorkerPool(calls, node_of)
    running = asyncio.create_task(complete(crew, [(room, on(*[1, 2, 3, 4] * 20))]))
    await asyncio.sleep(5.5)
    # A fourth of the eight; and no more of a node that has not answered yet when nobody else wants to go.
    assert room.on_node(1) == 2
    await asyncio.sleep(10)
    assert room.on_node(1) == 2
    await running


# Who only waits


def waiting_for_a_state(seconds: float, peak: list[int]) -> Callable[[Assignment[Member]], object]:
    at_rest = 0

    async def work(job: Assignment[Member]) -> None:
        nonlocal at_rest
        await asyncio.sleep(1)
        job.permit.leave(Verdict.ANSWERED)
        job.permit.rest()
        at_rest += 1
        peak.append(at_rest)
        await asyncio.sleep(seconds)
        at_rest -= 1

    return work


@virtual
async def test_a_worker_that_waits_for_a_state_is_replaced() -> None:
    peak: list[int] = []
    room = gates(4)
    await complete(WorkerPool(waiting_for_a_state(60, peak), node_of), [(room, on(*[None] * 100))])  # type: ignore[arg-type]
    # 25 rounds of four calls, and the last one's wait.
    assert loop_time() == pytest.approx(25 + 60)
    assert max(peak) == 100
    assert_free(room)


@virtual
async def test_waiting_counts_where_the_run_itself_is_limited() -> None:
    peak: list[int] = []
    crew = WorkerPool(waiting_for_a_state(9, peak), node_of, max_concurrency=20)  # type: ignore[arg-type]
    await complete(crew, [(gates(4, 4), on(*[None] * 100))])
    assert max(peak) == 20


@virtual
async def test_waiting_counts_where_the_run_is_limited_per_node() -> None:
    peak: list[int] = []
    crew = WorkerPool(waiting_for_a_state(9, peak), node_of, per_node=2)  # type: ignore[arg-type]
    await complete(crew, [(gates(4, 4), on(*[1, 2] * 20))])
    assert max(peak) == 4
    assert loop_time() == pytest.approx(10 * 10)


@virtual
async def test_where_targets_hold_their_places_who_waits_counts_as_well() -> None:
    peak: list[int] = []
    crew = WorkerPool(waiting_for_a_state(9, peak), node_of, holds_places=True)  # type: ignore[arg-type]
    await complete(crew, [(gates(4, 2), on(*[1, 2, 3] * 20))])
    assert max(peak) == 4


@virtual
async def test_no_more_than_a_thousand_wait_at_once() -> None:
    peak: list[int] = []
    room = gates(16, 16)
    work = waiting_for_a_state(10_000, peak)
    await complete(WorkerPool(work, node_of), [(room, on(*[None] * 1_500))])  # type: ignore[arg-type]
    assert MOST_AT_REST < max(peak) <= MOST_AT_REST + SLACK * 16
    assert_free(room)


def depth() -> int:
    """Count the frames on the stack."""
    return sum(1 for _ in traceback.walk_stack(None))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio begins tasks eagerly from Python 3.12 on")
@virtual
async def test_where_tasks_begin_eagerly_and_calls_are_answered_at_once_workers_do_not_pile_up() -> None:
    asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009 - not in 3.11
    deepest = 0

    async def work(job: Assignment[Member]) -> None:
        nonlocal deepest
        job.permit.leave(Verdict.ANSWERED)
        deepest = max(deepest, depth())
        job.permit.rest()
        await asyncio.sleep(1)

    room = gates(4)
    await complete(WorkerPool(work, node_of), [(room, on(*[None] * 200))])
    assert deepest < depth() + 20
    assert loop_time() == 1
    assert_free(room)


# What holds for all fleets

PANELS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.integers(1, 3),
        st.lists(st.sampled_from([None, 1, 2, 3]), max_size=25),
    ),
    min_size=1,
    max_size=3,
)
FATES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 1.0, 7.0]),
        st.sampled_from([0.0, 2.0]),
        st.booleans(),
        st.sampled_from([0.0, 3.0]),
        st.sampled_from(list(Verdict)),
    ),
    min_size=1,
    max_size=20,
)


class Witness:
    """Work with a fate for each target, and what must hold whenever nothing more can happen at an instant."""

    def __init__(
        self,
        panels: list[tuple[int, int, list[int | None]]],
        fates: list[tuple[float, float, bool, float, Verdict]],
        max_concurrency: int | None,
        per_node: int | None,
        *,
        holds_places: bool = False,
    ) -> None:
        breaker = Breaker(failures=2, cool_down=5.0)
        self.rooms = [gates(limit, width, breaker) for limit, width, _ in panels]
        self.lots = [(room, list(enumerate(nodes))) for room, (_, _, nodes) in zip(self.rooms, panels, strict=True)]
        self.widths = [(limit, width) for limit, width, _ in panels]
        self.fates = fates
        self.crew: WorkerPool[Member] = WorkerPool(self, node_of, max_concurrency, per_node, holds_places)
        self.ended: list[tuple[int, Member]] = []
        self.under_way = 0
        virtual_loop().before_time_passes.append(self.look)

    async def __call__(self, job: Assignment[Member]) -> None:
        before, pause, again, wait, verdict = self.fates[job.target[0] % len(self.fates)]
        self.under_way += 1
        try:
            if not job.refused:
                await asyncio.sleep(before)
                job.permit.leave(verdict)
                await asyncio.sleep(pause)
                if again and not job.permit.refused:
                    with suppress(CvmError):
                        await job.permit.enter()
                        await asyncio.sleep(before)
                        job.permit.leave(verdict)
            if wait:
                job.permit.rest()
                await asyncio.sleep(wait)
        finally:
            self.under_way -= 1
        self.ended.append((self.rooms.index(job.gates), job.target))

    def look(self) -> None:
        for room, (limit, width) in zip(self.rooms, self.widths, strict=True):
            assert 0 <= room.in_flight <= limit
            assert all(0 <= report.in_flight <= width for report in room.nodes())
        assert self.crew.max_concurrency is None or self.under_way <= self.crew.max_concurrency
        self.assert_nobody_idles()

    def assert_nobody_idles(self) -> None:
        """Whenever time is about to pass, no target that waits could go: each limit that there is stands against it."""
        if self.crew.max_concurrency is not None and self.under_way >= self.crew.max_concurrency:
            return
        for lot, (limit, width) in zip(self.crew._panels.values(), self.widths, strict=True):
            if lot.active >= (limit if self.crew.holds_places else SLACK * limit) or not lot.gates.has_room:
                continue
            widths = [width] if self.crew.holds_places else []
            if self.crew.per_node is not None:
                widths.append(self.crew.per_node)
            for node in lot.queue._items:
                if node is None or all(lot.under_way.get(node, 0) < most for most in widths):
                    assert lot.gates.admission(node) is Admission.WAIT

    async def run(self) -> None:
        await complete(self.crew, self.lots)


LIMITS = st.one_of(st.none(), st.integers(1, 4))


@settings(max_examples=100)
@given(PANELS, FATES, LIMITS, LIMITS, st.booleans())
@virtual
async def test_no_gate_is_exceeded_nobody_idles_and_every_target_is_done_once(
    panels: list[tuple[int, int, list[int | None]]],
    fates: list[tuple[float, float, bool, float, Verdict]],
    max_concurrency: int | None,
    per_node: int | None,
    holds_places: bool,  # noqa: FBT001 - a property's parameter
) -> None:
    witness = Witness(panels, fates, max_concurrency, per_node, holds_places=holds_places)
    await witness.run()
    expected = [(place, target) for place, (_, targets) in enumerate(witness.lots) for target in targets]
    assert sorted(witness.ended, key=str) == sorted(expected, key=str)
    for room in witness.rooms:
        assert_free(room)


@settings(max_examples=100)
@given(PANELS, FATES, LIMITS, st.integers(0, 300))
@virtual
async def test_the_gates_are_whole_after_a_cancellation_at_any_step(
    panels: list[tuple[int, int, list[int | None]]],
    fates: list[tuple[float, float, bool, float, Verdict]],
    max_concurrency: int | None,
    steps: int,
) -> None:
    witness = Witness(panels, fates, max_concurrency, None)
    running = asyncio.create_task(witness.run())
    for _ in range(steps):
        await asyncio.sleep(0 if steps % 3 else 0.1)
    running.cancel()
    await asyncio.wait([running])
    assert witness.under_way == 0
    for room in witness.rooms:
        assert_free(room)
