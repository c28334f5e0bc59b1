"""Whose fault it was, by what others were answered meanwhile; through the gates it is in `test_gates`."""

import pytest
from hypothesis import given, strategies as st

from cvm_async import Breaker, Limits, NodeState, NodeUnreachableError, NotSentError, RateLimitedError
from cvm_async._gates.gates import Admission, Gates
from cvm_async._gates.health import ALLOWANCE, INSISTING, QUEUED, Health
from cvm_async._gates.verdict import LIST, Flight, Verdict

LIMITS = Limits(per_node=4, breaker=Breaker(failures=2, cool_down=30.0), abandoned_for=180.0)


def health(*flights: Flight) -> Health:
    learned = Health(LIMITS)
    for flight in flights:
        learned.learn(flight)
    return learned


def flight(node: int | None, began: float, verdict: Verdict, *, vps: int | None = 1, seconds: float = 1.0) -> Flight:
    return Flight(node, vps, began, began + seconds, verdict)


def hung(node: int | None, began: float, *, vps: int | None = 1) -> Flight:
    return flight(node, began, Verdict.TIMED_OUT, vps=vps, seconds=15.0)


ELSEWHERE = flight(2, 5.0, Verdict.ANSWERED)
ON_THE_NODE = flight(1, 5.0, Verdict.ANSWERED, vps=9)


def state_of(learned: Health, node: int, now: float = 20.0) -> NodeState:
    return next(report.state for report in learned.reports(now) if report.node == node)


@pytest.mark.parametrize(
    ("flights", "state", "is_over"),
    [
        pytest.param([ELSEWHERE, hung(1, 1.0), hung(1, 1.1)], NodeState.OPEN, True, id="another node answers"),
        pytest.param([ON_THE_NODE, hung(1, 1.0), hung(1, 1.1)], NodeState.CLOSED, True, id="the node answers"),
        pytest.param([hung(1, 1.0), hung(1, 1.1)], NodeState.CLOSED, False, id="nobody answers"),
        pytest.param([ELSEWHERE, hung(1, 6.0), hung(1, 6.1)], NodeState.CLOSED, False, id="they answered before"),
        pytest.param([hung(1, 1.0, vps=None)] * 3, NodeState.CLOSED, True, id="actions may take long"),
        pytest.param([flight(1, 1.0, Verdict.NODE_FAILED)] * 2, NodeState.OPEN, True, id="the panel says so"),
        pytest.param([flight(1, 1.0, Verdict.PANEL_ANSWERED)] * 9, NodeState.CLOSED, True, id="a VPS's own failure"),
        pytest.param([flight(1, 1.0, Verdict.NEUTRAL)] * 9, NodeState.CLOSED, True, id="nothing is known"),
        pytest.param(
            [flight(1, 2.0 * number, Verdict.NOT_CONNECTED) for number in range(2)],
            NodeState.CLOSED,
            False,
            id="no connection",
        ),
        pytest.param([flight(1, 1.0, Verdict.NOT_CONNECTED)] * 9, NodeState.CLOSED, True, id="no connection, once"),
        pytest.param([flight(1, 1.0, Verdict.BROKE)] * 9, NodeState.CLOSED, True, id="PHP breaks everywhere"),
        pytest.param(
            [flight(1, 1.0, Verdict.BROKE), ELSEWHERE, flight(1, 6.0, Verdict.BROKE)],
            NodeState.OPEN,
            True,
            id="PHP breaks over this one",
        ),
    ],
)
def test_who_is_left_alone(flights: list[Flight], state: NodeState, *, is_over: bool) -> None:
    learned = health(*flights)
    assert (state_of(learned, 1), learned.outage.is_over) == (state, is_over)


def test_what_was_given_up_holds_a_place_until_its_time_is_over() -> None:
    learned = health(ELSEWHERE, hung(1, 0.0))
    assert [report.abandoned for report in learned.reports(100.0)] == [1, 0]
    assert learned.is_disturbed
    assert [report.abandoned for report in learned.reports(200.0)] == [0, 0]
    assert not learned.is_disturbed


def test_what_was_given_up_after_a_moment_is_over_soon() -> None:
    learned = health(flight(1, 0.0, Verdict.ABANDONED, seconds=0.1))
    assert len(learned.abandoned) == 1
    learned.refresh(1.2)
    assert len(learned.abandoned) == 0


def test_some_abandoned_calls_take_no_place_of_the_sessions() -> None:
    learned = Health(LIMITS)
    free: list[int] = []
    for number in range(ALLOWANCE + 2):
        learned.learn(hung(number, float(number)))
        free.append(learned.free(10))
    assert free == [10] * ALLOWANCE + [9, 8]
    assert learned.free(1) == 1


def test_an_open_node_is_refused_to_fleets_and_not_to_a_person() -> None:
    learned = health(*[flight(1, 1.0, Verdict.NODE_FAILED)] * 2)
    refusal = learned.refusal(1, 70, 3.0, fleet=True)
    assert isinstance(refusal, NodeUnreachableError)
    assert refusal.vps_id == 70
    assert learned.refusal(1, 70, 3.0, fleet=False) is None
    assert learned.refusal(2, 70, 3.0, fleet=True) is None


def test_a_silent_panel_is_refused_to_fleets_whatever_the_node() -> None:
    learned = health(hung(1, 0.0), hung(2, 0.1))
    assert learned.refuses_all(16.0)
    assert isinstance(learned.refusal(3, None, 16.0, fleet=True), NotSentError)
    assert learned.refusal(3, None, 16.0, fleet=False) is None


# Through the gates

HELD = 180.0 + QUEUED


class Panel:
    """Gates with a hand on their clock."""

    def __init__(self, **limits: object) -> None:
        self.now = 0.0
        self.gates = Gates(Limits(**{"max_concurrency": 16, "per_node": 4, **limits}), lambda: self.now)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def begin(self, node: int | None) -> float:
        return self.gates.enter(node)

    def end(self, node: int | None, verdict: Verdict, began: float, vps: int | None = 1) -> None:
        self.gates.leave(node, verdict, began, vps=vps)

    def call(self, node: int | None, verdict: Verdict, *, seconds: float = 0.0, vps: int | None = 1) -> None:
        began = self.begin(node)
        self.now += seconds
        self.end(node, verdict, began, vps)

    def report(self, node: int) -> tuple[str, int, int]:
        [report] = [report for report in self.gates.nodes() if report.node == node]
        return report.state.value, report.failures, report.abandoned

    def time_out(self, node: int, *, others: int | None = 9, vps: int = 1) -> None:
        """Have a call time out, with another node answered meanwhile if one is named."""
        began = self.begin(node)
        if others is not None:
            self.call(others, Verdict.ANSWERED)
        self.now += 15.0
        self.end(node, Verdict.TIMED_OUT, began, vps)


def test_a_silence_while_others_are_answered_is_the_nodes() -> None:
    panel = Panel()
    panel.time_out(1)
    assert panel.report(1) == ("closed", 1, 1)


def test_a_silence_while_the_node_answers_others_is_the_vps_own() -> None:
    panel = Panel()
    panel.time_out(1, others=1)
    assert panel.report(1) == ("closed", 0, 1)
    # Fleets pass that one over, and the rest of the node goes on.
    assert isinstance(panel.gates.refusal(1, 1), NodeUnreachableError)
    assert panel.gates.refusal(1, 2) is None


def test_a_silence_while_nobody_is_answered_opens_no_node_but_the_panel() -> None:
    panel = Panel()
    calls = [(node, panel.begin(node)) for node in (1, 2, 3, 4)]
    panel.now = 15.0
    for node, began in calls:
        panel.end(node, Verdict.TIMED_OUT, began, vps=node)
    assert {panel.report(node)[:2] for node in (1, 2, 3, 4)} == {("closed", 0)}
    error = panel.gates.refusal(7)
    assert isinstance(error, NotSentError)
    assert "the panel does not answer (calls stay without an answer); it is asked again in" in error.message
    assert panel.gates.admission(7) is Admission.REFUSED
    assert panel.gates.has_room
    # One probe, then one on each node, which shows what of it was the panel's.
    panel.now += 30.0
    assert panel.gates.admission(1) is Admission.GO
    panel.call(None, Verdict.PANEL_ANSWERED, vps=LIST)
    assert panel.gates.admission(1) is Admission.GO
    panel.call(1, Verdict.ANSWERED)
    assert panel.report(1) == ("closed", 0, 0)


def test_a_panel_that_takes_no_connection_is_left_alone_after_three_tries_that_did_not_go_together() -> None:
    panel = Panel()
    together = [(node, panel.begin(node)) for node in range(9)]
    panel.now = 5.0
    for node, began in together:
        panel.end(node, Verdict.NOT_CONNECTED, began)
    assert panel.gates.refusal(1) is None
    for _ in range(2):
        panel.now += 0.5
        panel.call(1, Verdict.NOT_CONNECTED, seconds=5.0)
    error = panel.gates.refusal(1)
    assert error is not None
    assert "no connection to it can be opened" in error.message
    assert panel.report(1) == ("closed", 0, 0)


def test_two_calls_without_an_answer_take_all_that_a_node_has_and_it_is_said_for_how_long() -> None:
    panel = Panel()
    panel.time_out(1, vps=1)
    panel.time_out(1, vps=2)
    assert panel.report(1) == ("closed", 2, 2)
    for fleet in (True, False):
        error = panel.gates.refusal(1, 3, fleet=fleet)
        assert isinstance(error, NodeUnreachableError)
        assert error.message.startswith("2 calls to node 1 are still unanswered")
        assert error.vps_id == 3
    assert panel.gates.admission(9) is Admission.GO
    panel.now = HELD + 15.0
    assert panel.gates.admission(1) is Admission.GO
    assert panel.report(1)[2] == 0


def test_one_call_is_told_of_as_one() -> None:
    panel = Panel(per_node=1)
    panel.time_out(1)
    panel.time_out(1)
    panel.now = HELD + 1
    error = panel.gates.refusal(1)
    assert error is None
    panel.time_out(1)
    assert panel.report(1)[0] == NodeState.OPEN.value


@pytest.mark.parametrize(("vps", "whose"), [(LIST, "the list of VPSes"), (5, "this VPS")], ids=["a list", "a VPS"])
def test_where_no_node_is_known_who_asks_for_one_thing_again_and_again_is_told(vps: int, whose: str) -> None:
    panel = Panel()
    for _ in range(INSISTING):
        began = panel.begin(None)
        panel.call(9, Verdict.ANSWERED)
        panel.now += 15.0
        assert panel.gates.refusal(None, vps, fleet=False) is None
        panel.end(None, Verdict.TIMED_OUT, began, vps)
    error = panel.gates.refusal(None, vps, fleet=False)
    assert isinstance(error, NodeUnreachableError)
    assert error.message.startswith(f"the last call for {whose} is still unanswered")
    assert panel.gates.refusal(None, 77, fleet=False) is None


def test_answers_over_which_php_breaks_open_a_node_only_while_another_one_works() -> None:
    panel = Panel()
    for node in (1, 2, 1, 2, 1, 2, 1, 2):
        panel.call(node, Verdict.BROKE)
    assert {panel.report(node)[0] for node in (1, 2)} == {"closed"}
    panel.call(2, Verdict.ANSWERED)
    panel.call(1, Verdict.BROKE)
    assert panel.report(1)[0] == "open"
    assert panel.report(2)[0] == "closed"


def test_a_probe_that_breaks_or_is_silent_needs_nobody_else_to_have_failed() -> None:
    for verdict in (Verdict.BROKE, Verdict.TIMED_OUT):
        panel = Panel(breaker=Breaker(failures=1, cool_down=10.0))
        panel.call(1, Verdict.NODE_FAILED)
        panel.now = 10.0
        panel.call(1, verdict, seconds=5.0)
        assert panel.report(1)[:2] == ("open", 2)


def test_a_probe_that_is_answered_closes_it_and_explains_what_was_cut_off_before() -> None:
    panel = Panel(breaker=Breaker(failures=1, cool_down=10.0))
    panel.call(1, Verdict.ABANDONED, seconds=0.01)
    panel.call(1, Verdict.NODE_FAILED)
    panel.now = 10.0
    panel.call(1, Verdict.ANSWERED)
    assert panel.report(1) == ("closed", 0, 0)


def test_a_call_that_is_cancelled_sooner_than_answers_come_is_over_soon() -> None:
    panel = Panel()
    panel.call(1, Verdict.ANSWERED)
    panel.call(1, Verdict.ABANDONED, seconds=0.01)
    assert panel.report(1) == ("closed", 0, 1)
    panel.now += 1.0
    assert panel.report(1) == ("closed", 0, 0)


def test_doubts_grow_with_each_one_that_is_cancelled_early_and_an_answer_ends_them() -> None:
    panel = Panel()
    for _ in range(20):
        panel.call(1, Verdict.ABANDONED, seconds=0.01)
    panel.now += 1.0
    assert panel.report(1)[2] > 0
    panel.call(1, Verdict.ANSWERED)
    assert panel.gates.admission(1) is Admission.GO


@pytest.mark.parametrize("fleet", [False, True])
def test_however_often_a_vps_is_cut_off_early_it_is_not_refused_for_that(*, fleet: bool) -> None:
    # Of VPSes whose node is not known, of which one may always go.
    learned = health(*(flight(None, 1.0 + number, Verdict.ABANDONED, seconds=0.01) for number in range(40)))
    assert len(learned.abandoned) == 40
    assert learned.refusal(None, 1, 41.0, fleet=fleet) is None
    # One that was borne with for long and stayed without an answer is known to hang.
    learned = health(ELSEWHERE, *(hung(None, 1.0 + number / 10) for number in range(INSISTING)))
    assert isinstance(learned.refusal(None, 1, 41.0, fleet=fleet), NodeUnreachableError)


def test_a_call_that_is_cancelled_late_counts_as_one_that_was_not_answered_but_opens_nothing() -> None:
    panel = Panel(breaker=Breaker(failures=1))
    for vps in (1, 2):
        began = panel.begin(1)
        panel.call(9, Verdict.ANSWERED)
        panel.now += 5.0
        panel.end(1, Verdict.ABANDONED, began, vps)
    assert panel.report(1) == ("closed", 0, 2)
    assert panel.gates.admission(1) is Admission.REFUSED


def test_a_pause_that_the_panel_asks_for_holds_all_and_a_long_one_is_told() -> None:
    panel = Panel()
    began = panel.begin(1)
    panel.gates.leave(1, Verdict.RATE_LIMITED, began, wait=3600.0)
    for fleet in (True, False):
        error = panel.gates.refusal(2, fleet=fleet)
        assert isinstance(error, RateLimitedError)
        assert error.retry_after == pytest.approx(3600.0)
    assert panel.gates.has_room
    panel.now = 3700.0
    assert panel.gates.refusal(2) is None
    assert panel.gates.admission(2) is Admission.GO


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, 1, 2, 3]),
            st.sampled_from(list(Verdict)),
            st.sampled_from([0.0, 0.3, 2.0, 15.0]),
            st.sampled_from([None, LIST, 1, 2]),
        ),
        max_size=60,
    )
)
def test_whatever_befalls_calls_none_is_held_for_ever(
    calls: list[tuple[int | None, Verdict, float, int | None]],
) -> None:
    panel = Panel()
    for node, verdict, seconds, vps in calls:
        panel.call(node, verdict, seconds=seconds, vps=vps)
    panel.now += HELD + 3600.0
    for report in panel.gates.nodes():
        assert (report.in_flight, report.abandoned) == (0, 0)
        assert panel.gates.admission(report.node) is Admission.GO
