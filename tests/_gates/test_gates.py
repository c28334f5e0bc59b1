import asyncio
import contextlib
from collections.abc import Callable

import pytest
from panels import NO_RETRY, calls, fleet_of, session_on
from virtual_time import virtual

from cvm_async import Breaker, CvmSession, Limits, NodeState, NodeUnreachableError, SessionClosedError, Timeouts
from cvm_async._gates.gates import Admission, Claim, Gates
from cvm_async._gates.permit import Permit
from cvm_async._gates.verdict import Verdict
from cvm_async.panel import Answer, PanelApp, gateway_timeout

ANSWERED, NEUTRAL, FAILED, OVERLOADED = Verdict.ANSWERED, Verdict.NEUTRAL, Verdict.NODE_FAILED, Verdict.OVERLOADED
SECONDS = 10.0
"""How long a node is left alone in these tests."""


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def gates(
    limit: int = 3, *, per_node: int = 2, breaker: Breaker | None = None, clock: Callable[[], float] | None = None
) -> Gates:
    return Gates(Limits(max_concurrency=limit, per_node=per_node, breaker=breaker), clock or Clock())


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class IdleCrew:
    """Fleet work without end: takes every room that it is offered, and notes when."""

    def __init__(self, gates: Gates, served: list[str], name: str, most: int = 99) -> None:
        self.gates, self.served, self.name, self.most = gates, served, name, most

    def take_room(self) -> bool:
        if not self.most:
            return False
        self.most -= 1
        self.served.append(self.name)
        self.gates.enter(None)
        return True


# Who goes when


@virtual
async def test_as_many_go_as_there_is_room_and_the_rest_waits_its_turn() -> None:
    room = gates(2)
    await room.queue(Claim(None))
    await room.queue(Claim(None))
    third = asyncio.create_task(room.queue(Claim(None)))
    await turns()
    assert (room.in_flight, third.done()) == (2, False)
    assert repr(room) == "<Gates: 2 of 2 in flight, 1 callers waiting>"
    room.leave(None, ANSWERED)
    await third
    assert (room.in_flight, room.limit, room.ceiling) == (2, 2, 2)


@virtual
async def test_callers_of_a_full_node_let_those_of_other_nodes_pass() -> None:
    room = gates(2, per_node=1)
    await room.queue(Claim(1))
    full = asyncio.create_task(room.queue(Claim(1)))
    await turns()
    await room.queue(Claim(2))
    room.leave(2, ANSWERED)
    await turns()
    assert not full.done()
    room.leave(1, ANSWERED)
    await full


@virtual
async def test_a_caller_that_is_cancelled_while_it_waits_takes_no_room() -> None:
    room = gates(1)
    await room.queue(Claim(None))
    waiting = asyncio.create_task(room.queue(Claim(None)))
    await turns()
    waiting.cancel()
    await turns()
    room.leave(None, ANSWERED)
    assert room.in_flight == 0


@virtual
async def test_a_caller_that_is_cancelled_in_the_step_in_which_its_turn_comes_hands_it_on() -> None:
    room = gates(1)
    await room.queue(Claim(1))
    waiting = asyncio.create_task(room.queue(Claim(1)))
    next_one = asyncio.create_task(room.queue(Claim(1)))
    await turns()
    room.leave(1, ANSWERED)
    waiting.cancel()
    await next_one
    assert waiting.cancelled()
    assert [(report.node, report.in_flight) for report in room.nodes()] == [(1, 1)]


@virtual
async def test_single_callers_are_served_before_fleets() -> None:
    room = gates(1)
    served: list[str] = []

    async def call() -> None:
        await room.queue(Claim(None))
        served.append("single")

    room.join(IdleCrew(room, served, "fleet"))
    await room.queue(Claim(None))
    waiting = asyncio.create_task(call())
    await turns()
    room.leave(None, ANSWERED)
    await waiting
    room.leave(None, ANSWERED)
    assert served == ["single", "fleet"]


@virtual
async def test_fleets_are_served_in_rotation_and_one_that_wants_nothing_costs_the_others_none() -> None:
    room = gates(6)
    served: list[str] = []
    crews = [IdleCrew(room, served, name, most) for name, most in (("a", 9), ("b", 1), ("c", 9))]
    for crew in crews:
        room.join(crew)
    await room.queue(Claim(None))
    room.leave(None, ANSWERED)
    assert served == ["a", "b", "c", "a", "c", "a"]
    room.part(crews[0])
    room.leave(None, ANSWERED)
    assert served[-1] == "c"


@virtual
async def test_closing_sends_away_who_waits() -> None:
    room = gates(1)
    await room.queue(Claim(None))
    callers = [asyncio.create_task(room.queue(Claim(None))) for _ in range(3)]
    await turns()
    callers[0].cancel()
    room.close(SessionClosedError("closed"))
    callers[1].cancel()
    assert [type(end) for end in await asyncio.gather(*callers, return_exceptions=True)] == [
        asyncio.CancelledError,
        asyncio.CancelledError,
        SessionClosedError,
    ]


@virtual
async def test_each_who_is_sent_away_has_an_error_of_its_own() -> None:
    room = gates(1)
    await room.queue(Claim(None))
    callers = [asyncio.create_task(room.queue(Claim(None))) for _ in range(3)]
    await turns()
    room.close(SessionClosedError("closed"))
    ends = await asyncio.gather(*callers, return_exceptions=True)
    assert [str(end) for end in ends] == ["closed"] * 3
    assert len({id(end) for end in ends}) == 3


# The breaker


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        pytest.param([FAILED, FAILED], NodeState.CLOSED, id="too few failures"),
        pytest.param([FAILED, FAILED, FAILED], NodeState.OPEN, id="enough in a row"),
        pytest.param([FAILED, FAILED, ANSWERED, FAILED], NodeState.CLOSED, id="an answer between"),
        pytest.param([FAILED, FAILED, NEUTRAL, FAILED], NodeState.OPEN, id="what says nothing changes nothing"),
        pytest.param([NEUTRAL] * 9, NodeState.CLOSED, id="a 4xx, a VPS's own 500, a cancelled call"),
        pytest.param([OVERLOADED] * 9, NodeState.CLOSED, id="a panel without room"),
        pytest.param([FAILED] * 3 + [ANSWERED], NodeState.CLOSED, id="an answer closes it"),
    ],
)
async def test_a_node_opens_after_so_many_failures_in_a_row(verdicts: list[Verdict], state: NodeState) -> None:
    room = gates(breaker=Breaker(failures=3, cool_down=SECONDS))
    for verdict in verdicts:
        room.enter(7)
        room.leave(7, verdict)
    assert [(report.node, report.state) for report in room.nodes()] == [(7, state)]


def opened(clock: Clock, *, per_node: int = 2) -> Gates:
    room = gates(9, per_node=per_node, breaker=Breaker(failures=1, cool_down=SECONDS), clock=clock)
    room.enter(7)
    room.leave(7, FAILED)
    return room


def test_an_open_node_is_refused_to_fleets_until_it_has_cooled_down_and_then_probed_by_one() -> None:
    clock = Clock()
    room = opened(clock)
    assert room.admission(7) is Admission.REFUSED
    assert room.admission(8) is Admission.GO
    clock.now = SECONDS
    assert room.nodes()[0].state is NodeState.HALF_OPEN
    assert room.admission(7) is Admission.GO
    room.enter(7)
    assert room.admission(7) is Admission.WAIT


@pytest.mark.parametrize(
    ("verdict", "state", "admission"),
    [
        pytest.param(ANSWERED, NodeState.CLOSED, Admission.GO, id="answered"),
        pytest.param(FAILED, NodeState.OPEN, Admission.REFUSED, id="failed again"),
        pytest.param(NEUTRAL, NodeState.HALF_OPEN, Admission.GO, id="cancelled: the next is the probe"),
    ],
)
def test_the_probe_decides(verdict: Verdict, state: NodeState, admission: Admission) -> None:
    clock = Clock()
    room = opened(clock)
    clock.now = SECONDS
    room.enter(7)
    room.leave(7, verdict)
    assert (room.nodes()[0].state, room.admission(7)) == (state, admission)


def test_a_late_failure_from_before_the_opening_does_not_prolong_it() -> None:
    clock = Clock()
    room = gates(9, breaker=Breaker(failures=1, cool_down=SECONDS), clock=clock)
    room.enter(7)
    room.enter(7)
    room.leave(7, FAILED)
    clock.now = SECONDS / 2
    room.leave(7, FAILED)
    clock.now = SECONDS
    assert room.nodes()[0].state is NodeState.HALF_OPEN


def test_without_a_breaker_failures_are_counted_and_nothing_is_refused() -> None:
    room = gates(9)
    for _ in range(50):
        room.enter(7)
        room.leave(7, FAILED)
    assert room.admission(7) is Admission.GO
    assert [(report.failures, report.state) for report in room.nodes()] == [(50, NodeState.CLOSED)]


@virtual
async def test_a_single_call_goes_to_an_open_node() -> None:
    room = opened(Clock())
    turn = Permit(room, 7)
    assert not turn.refused
    await turn.enter()
    assert room.in_flight == 1


@virtual
async def test_a_turn_of_a_fleet_goes_out_again_where_the_last_call_about_its_vps_is_unanswered() -> None:
    room = gates(9, per_node=4, clock=asyncio.get_running_loop().time)
    hung = room.enter(1)
    room.leave(1, ANSWERED, room.enter(1))
    await asyncio.sleep(15)
    room.leave(1, Verdict.TIMED_OUT, hung, vps=5)
    for vps, goes in ((5, False), (6, True)):
        turn = Permit(room, 1, began=room.enter(1), refusable=True)
        with contextlib.nullcontext() if goes else pytest.raises(NodeUnreachableError, match="for this VPS"):
            await turn.enter(vps)
        assert room.in_flight == goes
        turn.step_aside()


@virtual
async def test_who_starts_or_stops_a_vps_goes_where_calls_that_were_given_up_have_all_the_places() -> None:
    room = gates(9, per_node=4, clock=asyncio.get_running_loop().time)
    for vps in (1, 2):
        hung = room.enter(1)
        room.leave(2, ANSWERED, room.enter(2))
        await asyncio.sleep(15)
        room.leave(1, Verdict.TIMED_OUT, hung, vps=vps)
    with pytest.raises(NodeUnreachableError, match="2 calls to node 1 are still unanswered"):
        await Permit(room, 1).enter(3)
    await Permit(room, 1).enter(3, acts=True)
    assert room.on_node(1) == 1


@virtual
async def test_a_caller_who_waits_is_told_when_its_turn_cannot_come_any_more() -> None:
    room = gates(9, per_node=2, clock=asyncio.get_running_loop().time)
    hung = [room.enter(1), room.enter(1)]
    waiting = [asyncio.create_task(room.queue(Claim(1), vps)) for vps in (3, 4)]
    await turns()
    waiting[0].cancel()
    room.leave(2, ANSWERED, room.enter(2))
    await asyncio.sleep(15)
    for vps, began in enumerate(hung, 1):
        room.leave(1, Verdict.TIMED_OUT, began, vps=vps)
    with pytest.raises(NodeUnreachableError, match="2 calls to node 1 are still unanswered"):
        await waiting[1]


# Through a session

PATIENT = Timeouts(read=5.0, connect=5.0)


@virtual
async def test_no_gate_is_ever_exceeded_by_concurrent_callers_of_one_session() -> None:
    app = PanelApp(vpses=60, nodes=3, latency=0.5)
    async with session_on(app, limits=Limits(max_concurrency=5, per_node=2)) as session:
        fleet = await session.fleet()
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(fleet.status())
            for vps in fleet:
                group.create_task(session.status(vps))
    assert app.peak_in_flight() == 5
    assert [app.peak_in_flight(node=node) for node in (1, 2, 3)] == [2, 2, 2]


@virtual
async def test_a_single_call_is_next_whatever_waits_in_a_poll_of_ten_thousand() -> None:
    app = PanelApp(vpses=[*fleet_of(*[1, 2, 3, 4] * 250)], latency=1.0)
    async with session_on(app, limits=Limits(max_concurrency=4, per_node=4)) as session:
        fleet = await session.fleet()
        poll = asyncio.create_task(fleet.status())
        await asyncio.sleep(10.5)
        began = asyncio.get_running_loop().time()
        await session.status(1)
        # Half a second until the next call ends, and its own one.
        assert asyncio.get_running_loop().time() - began == pytest.approx(1.5)
        poll.cancel()
        await asyncio.wait([poll])


async def statuses(session: CvmSession, app: PanelApp) -> tuple[int, int, int]:
    """Give one pass over the fleet: good ones, skipped ones, requests."""
    before = len(calls(app, "status"))
    report = await (await session.fleet()).status()
    return len(report.ok), len(report.skipped), len(calls(app, "status")) - before


@virtual
async def test_after_three_failures_the_rest_of_a_node_is_skipped_without_a_call_and_found_again_by_one_probe() -> None:
    app = PanelApp(vpses=40, nodes=2, latency=0.1)
    app.unreachable_node(1, after=1.0, answer="503")
    limits = Limits(per_node=1, breaker=Breaker(failures=3, cool_down=30.0))
    async with session_on(app, limits=limits, retry=NO_RETRY) as session:
        report = await (await session.fleet()).status()
        assert len(report.ok) == 20
        assert [outcome.skipped for outcome in report.failed] == [False] * 3 + [True] * 17
        assert {type(outcome.error) for outcome in report.failed} == {NodeUnreachableError}
        assert len([record for record in calls(app, "status") if record.node == 1]) == 3
        assert [(node.node, node.state, node.failures) for node in session.node_states()] == [
            (1, NodeState.OPEN, 3),
            (2, NodeState.CLOSED, 0),
        ]
        assert await statuses(session, app) == (20, 20, 20)
        await asyncio.sleep(30)
        # One probe, and it fails.
        assert await statuses(session, app) == (20, 19, 21)
        # The next probe comes twice as late.
        await asyncio.sleep(30)
        assert await statuses(session, app) == (20, 20, 20)
        await asyncio.sleep(30)
        app.heal_node(1)
        assert await statuses(session, app) == (40, 0, 40)
        assert {node.state for node in session.node_states()} == {NodeState.CLOSED}


@virtual
async def test_while_one_probe_is_under_way_the_rest_of_its_node_waits_for_it() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1))
    app.unreachable_node(1, after=0.0, answer="503")
    async with session_on(
        app, limits=Limits(breaker=Breaker(failures=1, cool_down=30.0), per_node=4), retry=NO_RETRY
    ) as session:
        await session.fleet()
        with pytest.raises(NodeUnreachableError):
            await session.status(1)
        await asyncio.sleep(30)
        app.heal_node(1)
        app.latency = 1.0
        before = len(app.requests)
        poll = asyncio.create_task((await session.fleet()).status())
        await asyncio.sleep(0.5)
        assert len(app.requests) - before == 2
        assert (await poll).elapsed == pytest.approx(2.0)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Answer(status=404, body=b'{"errors":["no"]}'), id="404"),
        pytest.param(Answer(status=500, body=b'{"errors":["the VPS failed"]}'), id="a VPS's own 500"),
        pytest.param(Answer(status=200, body=b'{"errors":["no"]}'), id="an error with 200"),
        pytest.param(gateway_timeout(), id="504 of a proxy"),
    ],
)
@virtual
async def test_what_says_nothing_of_the_node_never_opens_it(fault: Answer) -> None:
    app = PanelApp(vpses=30, nodes=1)
    app.inject(fault, verb="status", times=None)
    async with session_on(app, retry=NO_RETRY) as session:
        report = await (await session.fleet()).status()
        assert (len(report.failed), len(report.skipped)) == (30, 0)
        assert [node.state for node in session.node_states()] == [NodeState.CLOSED]


@virtual
async def test_cancelled_calls_never_open_a_node() -> None:
    app = PanelApp(vpses=1, nodes=1)
    app.hang_node(1)
    async with session_on(app, limits=Limits(breaker=Breaker(failures=1))) as session:
        await session.fleet()
        for _ in range(5):
            call = asyncio.create_task(session.status(1))
            await asyncio.sleep(1)
            call.cancel()
            await asyncio.wait([call])
        assert [(node.state, node.in_flight) for node in session.node_states()] == [(NodeState.CLOSED, 0)]


@virtual
async def test_a_person_may_call_a_node_that_fleets_leave_alone_and_the_answer_closes_it_for_them_too() -> None:
    app = PanelApp(vpses=10, nodes=1)
    app.unreachable_node(1, after=0.1, answer="503")
    async with session_on(app, retry=NO_RETRY) as session:
        fleet = await session.fleet()
        assert len((await fleet.status()).failed) == 10
        assert [node.state for node in session.node_states()] == [NodeState.OPEN]
        app.heal_node(1)
        await session.status(1)
        assert (await fleet.status()).failed == ()


@virtual
async def test_a_call_that_failed_is_not_tried_again_once_its_node_has_opened() -> None:
    app = PanelApp(vpses=40, nodes=1)
    app.unreachable_node(1, after=10.0, answer="503")
    async with session_on(app, limits=Limits(per_node=4, breaker=Breaker(failures=3))) as session:
        report = await (await session.fleet()).status()
        # Two at once, and two more while those pause; the third failure opens the node, and none is tried again.
        assert [record.vps for record in calls(app, "status")] == [1, 2, 3, 4]
        assert len(report.skipped) == 36
        assert {outcome.error.vps_id for outcome in report if outcome.error} == {vps.id for vps in app.world}
