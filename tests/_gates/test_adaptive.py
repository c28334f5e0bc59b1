"""The adaptive limit, on a model of a panel: workers, a backlog, refusals beyond it; time is a number here."""

import heapq
import random
from collections import deque
from collections.abc import Iterator
from itertools import count, pairwise

import pytest
from attrs import define, field, frozen
from hypothesis import given, strategies as st

from cvm_async import ConfigurationError, CvmSession, Limits
from cvm_async._gates.adaptive import AdaptiveLimit
from cvm_async._gates.gates import Gates
from cvm_async._gates.verdict import Verdict
from cvm_async.panel import SimulatedPanel


@frozen(kw_only=True)
class Panel:
    workers: int
    service: float
    backlog: float = float("inf")
    scatter: float = 0.05


@define
class Result:
    ended: float = 0.0
    refused: int = 0
    latencies: list[float] = field(factory=list[float])
    limits: list[int] = field(factory=list[int])

    @property
    def throughput(self) -> float:
        return len(self.latencies) / self.ended

    @property
    def p95(self) -> float:
        return sorted(self.latencies)[int(len(self.latencies) * 0.95)]


def run(panel: Panel, calls: int, *, adaptive: AdaptiveLimit | None = None, fixed: int = 0, seed: int = 1) -> Result:
    """Keep as many calls in flight as the limit allows until so many are answered."""
    chance = random.Random(seed)  # noqa: S311 - a model's scatter
    result = Result()
    numbers: Iterator[int] = count()
    events: list[tuple[float, int, bool, float]] = []
    queue: deque[float] = deque()
    in_flight = busy = 0
    now = 0.0

    def serve(began: float) -> None:
        spent = panel.service * (1 + chance.uniform(-panel.scatter, panel.scatter))
        heapq.heappush(events, (now + spent, next(numbers), True, began))

    while len(result.latencies) < calls:
        while in_flight < (adaptive.limit if adaptive else fixed):
            in_flight += 1
            if busy < panel.workers:
                busy += 1
                serve(now)
            elif len(queue) < panel.backlog:
                queue.append(now)
            else:
                heapq.heappush(events, (now + 0.001, next(numbers), False, now))
        now, _, answered, began = heapq.heappop(events)
        if not answered:
            result.refused += 1
            if adaptive:
                adaptive.refused(now, now - began)
        else:
            result.latencies.append(now - began)
            if queue:
                serve(queue.popleft())
            else:
                busy -= 1
            if adaptive:
                adaptive.answered(now, now - began, in_flight)
        in_flight -= 1
        result.limits.append(adaptive.limit if adaptive else fixed)
    result.ended = now
    return result


PANELS = [
    pytest.param(Panel(workers=2, service=0.040), 2, id="2 workers of 40 ms"),
    pytest.param(Panel(workers=20, service=0.200), 20, id="20 workers of 200 ms"),
    pytest.param(Panel(workers=5, service=0.040, backlog=10), 5, id="5 workers, 10 may wait"),
    pytest.param(Panel(workers=20, service=0.200, scatter=0.4), 20, id="answers that scatter"),
]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("panel", "knee"), PANELS)
def test_nine_tenths_of_what_the_workers_can_do_are_done(panel: Panel, knee: int, seed: int) -> None:
    best = run(panel, 3000, fixed=knee, seed=seed)
    found = run(panel, 3000, adaptive=AdaptiveLimit(), seed=seed)
    assert found.throughput >= 0.9 * best.throughput


@pytest.mark.parametrize(("panel", "knee"), PANELS)
def test_once_found_the_limit_stays_near_the_knee(panel: Panel, knee: int) -> None:
    limits = run(panel, 2000, adaptive=AdaptiveLimit()).limits
    settled = limits[len(limits) // 4 :]
    assert knee / 2 <= sum(settled) / len(settled) <= 1.4 * knee + 1


def test_hardly_a_call_is_refused_by_a_panel_with_a_short_backlog() -> None:
    result = run(Panel(workers=5, service=0.040, backlog=10), 2000, adaptive=AdaptiveLimit())
    assert result.refused <= 0.01 * 2000


def test_a_refusal_cuts_the_limit_and_several_at_one_time_cut_it_once() -> None:
    limit = AdaptiveLimit()
    now = 0.0
    while limit.limit < 64:
        now += 1.0
        for _ in range(max(3, limit.limit)):
            limit.answered(now, seconds=0.1, in_flight=limit.limit)
    for _ in range(10):
        limit.refused(now=2000.0, seconds=0.1)
    assert limit.limit == int(64 * 0.7)


def test_a_limit_that_nobody_reaches_does_not_grow() -> None:
    limit = AdaptiveLimit()
    for moment in range(1000):
        limit.answered(now=float(moment), seconds=0.1, in_flight=0)
    assert limit.limit == 1


def test_an_answer_to_a_call_from_before_the_window_says_nothing() -> None:
    limit = AdaptiveLimit()
    for _ in range(3):
        limit.answered(now=10.0, seconds=0.1, in_flight=1)
    assert limit.limit == 2
    for _ in range(10):
        limit.answered(now=10.05, seconds=5.0, in_flight=2)
        limit.refused(now=10.05, seconds=5.0)
    assert limit.limit == 2


def test_a_look_that_finds_the_panel_much_faster_shrinks_the_limit_with_the_latency() -> None:
    limit = AdaptiveLimit()
    now = 0.0

    def window(seconds: float) -> None:
        nonlocal now
        now += 10.0
        # More than a window takes: what is left of them is from before the next one, and says nothing.
        for _ in range(1000):
            limit.answered(now, seconds, in_flight=limit.limit)

    for seconds in (0.1, 0.1, 0.1, 0.4):
        window(seconds)
    while limit._before_probe is None:  # pyright: ignore[reportPrivateUsage] -- when it looks is its own affair
        window(0.1)
    before = limit._before_probe  # pyright: ignore[reportPrivateUsage] -- as above
    window(0.025)
    assert limit.limit == pytest.approx(before * 0.25, abs=1.5)


def test_it_follows_a_panel_that_becomes_slower_for_good() -> None:
    limit = AdaptiveLimit()
    run(Panel(workers=10, service=0.050), 2000, adaptive=limit)
    slower = run(Panel(workers=10, service=0.100), 6000, adaptive=limit)
    settled = slower.limits[len(slower.limits) // 2 :]
    assert 5 <= sum(settled) / len(settled) <= 15


@given(
    news=st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.floats(0, 1), st.integers(0, 300)), max_size=300),
    least=st.integers(1, 10),
    more=st.integers(0, 100),
)
def test_whatever_it_learns_it_stays_within_its_bounds(
    news: list[tuple[bool, float, float, int]], least: int, more: int
) -> None:
    limit = AdaptiveLimit(least=least, most=least + more)
    now = 0.0
    for refused, seconds, pause, in_flight in news:
        now += pause
        limit.refused(now, seconds) if refused else limit.answered(now, seconds, in_flight)
        assert min(2, least) <= limit.limit <= least + more


def gates_at(limit: int) -> tuple[Gates, list[float]]:
    """Give gates at a limit, found by status calls of 0.1 s on ten nodes; and their clock's hand."""
    now = [0.0]
    gates = Gates(Limits(max_concurrency="adaptive", per_node=256), lambda: now[0])
    while gates.limit < limit:
        began = now[0]
        calls = max(3, gates.limit)
        for node in range(calls):
            gates.enter(node % 10)
        now[0] += 0.1
        for node in range(calls):
            gates.leave(node % 10, Verdict.ANSWERED, began, telling=True)
        now[0] += 0.001
    return gates, now


def test_the_gates_follow_the_limit() -> None:
    gates, _ = gates_at(32)
    assert gates.limit == 32
    assert gates.ceiling == 256


def test_a_proxy_without_room_cuts_it() -> None:
    gates, now = gates_at(32)
    gates.enter(1)
    gates.leave(1, Verdict.OVERLOADED, now[0], telling=True)
    assert gates.limit == int(32 * 0.7)


@pytest.mark.parametrize("verdict", [Verdict.NEUTRAL, Verdict.NODE_FAILED], ids=["a refused call", "one lost node"])
def test_what_is_one_nodes_or_one_vps_own_affair_leaves_it(verdict: Verdict) -> None:
    gates, now = gates_at(32)
    for _ in range(5):
        gates.enter(1)
        now[0] += 15.0
        gates.leave(1, verdict, now[0] - 15.0, telling=True)
    assert gates.limit == 32


def test_most_nodes_silent_at_once_is_the_panel_without_room() -> None:
    gates, now = gates_at(32)
    began = now[0]
    for node in range(6):
        gates.enter(node)
    now[0] += 15.0
    for node in range(6):
        gates.leave(node, Verdict.NODE_FAILED, began, telling=True)
    assert gates.limit < 32


def test_the_length_of_a_call_that_is_no_status_says_nothing() -> None:
    gates, now = gates_at(32)
    for _ in range(200):
        gates.enter(1)
        now[0] += 30.0
        gates.leave(1, Verdict.ANSWERED)
    assert gates.limit == 32


async def test_a_session_takes_it_as_its_limit() -> None:
    async with (
        SimulatedPanel(vpses=60, nodes=6, workers=4, cost=0.002) as panel,
        CvmSession(
            panel.url,
            public_token=panel.public_token,
            private_token=panel.private_token,
            limits=Limits(max_concurrency="adaptive", per_node=16),
        ) as session,
    ):
        report = await (await session.fleet()).status()
    assert len(report.ok) == 60


def test_another_word_than_adaptive_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="adaptive"):
        Limits(max_concurrency="fast")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("workers", [20, 200])
def test_after_an_outage_it_finds_the_knee_again_as_fast_as_the_first_time(workers: int) -> None:
    panel = Panel(workers=workers, service=0.2)
    limit = AdaptiveLimit(least=4)
    fresh = run(panel, 150 * workers, adaptive=limit)
    outage = 1e6
    for number in range(60):
        limit.refused(outage + 10.0 * number, seconds=1.0)
    assert limit.limit == 4
    limit._began = 0.0  # pyright: ignore[reportPrivateUsage] -- the model's time begins anew
    again = run(panel, 150 * workers, adaptive=limit)
    assert again.ended <= 1.1 * fresh.ended


def test_a_panel_that_has_become_smaller_in_an_outage_is_not_doubled_on_again_and_again() -> None:
    limit = AdaptiveLimit(least=4)
    run(Panel(workers=100, service=0.2), 5000, adaptive=limit)
    limit._began = 0.0  # pyright: ignore[reportPrivateUsage] -- the model's time begins anew
    smaller = run(Panel(workers=5, service=0.2, backlog=10), 3000, adaptive=limit)
    # A hundred were in flight when it became so.
    assert smaller.refused <= 0.1 * 3000
    assert smaller.limits[-1] <= 10


def answer_all(limit: AdaptiveLimit, now: float, seconds: float) -> float:
    """Answer as many calls as make one step of the limit, each as long as so many seconds; give the time then."""
    before = limit.limit
    for _ in range(1000):
        now += seconds
        limit.answered(now, seconds, limit.limit)
        if limit.limit != before:
            break
    return now


def test_where_it_is_refused_while_it_doubles_again_it_doubles_no_further_than_to_there() -> None:
    limit = AdaptiveLimit(least=4)
    run(Panel(workers=200, service=0.2), 20_000, adaptive=limit)
    now = 1e6
    while limit.limit > 4:
        now += 10.0
        limit.refused(now, seconds=1.0)
    while limit.limit < 32:
        now = answer_all(limit, now, 0.2)
    refused_at = limit.limit
    limit.refused(now + 1.0, seconds=0.1)
    now += 2.0
    limits = [limit.limit]
    for _ in range(8):
        now = answer_all(limit, now, 0.2)
        limits.append(limit.limit)
    doubled = [after for before, after in pairwise(limits) if after > 1.5 * before]
    assert max(doubled, default=0) < refused_at
