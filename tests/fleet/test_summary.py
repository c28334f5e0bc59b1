import pytest
from values import vps

from cvm_async import (
    ActionFailedError,
    CvmError,
    NoAnswerError,
    NodeUnreachableError,
    NotPossibleError,
    NotSentError,
    Outcome,
    PanelError,
    PowerState,
    RateLimitedError,
    VpsStatus,
)
from cvm_async.fleet.summary import counts, error_word


def seen(state: PowerState) -> VpsStatus:
    return VpsStatus(state=state, state_text=state.value)


def good(number: int, state: PowerState | None = None) -> list[Outcome[object]]:
    return [Outcome(vps(1), "one", seen(state) if state else None) for _ in range(number)]


def there(number: int) -> list[Outcome[object]]:
    return [Outcome(vps(1), "one", seen(PowerState.RUNNING), skipped=True) for _ in range(number)]


def bad(
    number: int, error: CvmError, node: int | None = 1, *, panel: str = "one", skipped: bool = False
) -> list[Outcome[object]]:
    return [Outcome(vps(1, node), panel, error=error, skipped=skipped) for _ in range(number)]


UNREACHABLE = NodeUnreachableError("unreachable")
FAILED = ActionFailedError("failed", status_code=500)
UNSENT = NotSentError("not begun")
SILENCE = NoAnswerError("silence", method="POST")
SUSPENDED = NotPossibleError("no", last=seen(PowerState.SUSPENDED))
TERMINATED = NotPossibleError("no", last=seen(PowerState.TERMINATED))


def answered(status_code: int, *errors: str) -> PanelError:
    return PanelError("?", status_code=status_code, errors=errors)


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        pytest.param([], "no VPSes", id="none"),
        pytest.param(good(1_200), "1,200 read", id="without states"),
        pytest.param(
            [*good(41, PowerState.STOPPED), *good(950, PowerState.RUNNING)],
            "950 running, 41 stopped",
            id="states, most first",
        ),
        pytest.param(
            [*bad(3, UNREACHABLE, 7), *bad(6, UNREACHABLE, 7, skipped=True)],
            "9 unreachable on node 7 (6 of them skipped)",
            id="a node, partly skipped",
        ),
        pytest.param(bad(2, UNSENT, skipped=True), "2 not sent on node 1 (skipped)", id="all skipped"),
        pytest.param([*bad(1, FAILED, 2), *bad(1, FAILED, 1)], "2 failed on nodes 1, 2", id="some nodes"),
        pytest.param(
            [outcome for node in range(5) for outcome in bad(1, FAILED, node)], "5 failed on 5 nodes", id="many nodes"
        ),
        pytest.param(bad(1, FAILED, None), "1 failed", id="a node not told"),
        pytest.param(
            [*bad(1, FAILED), *bad(5, UNREACHABLE, 2), *good(1)],
            "1 read, 5 unreachable on node 2, 1 failed on node 1",
            id="good ones, then the most of the bad",
        ),
        pytest.param(
            [*good(1), *bad(1, FAILED, 7, panel="two")],
            "1 read, 1 failed on node 7 of two",
            id="a node of one of several panels",
        ),
        pytest.param(
            [*good(1), *(outcome for node in range(5) for outcome in bad(1, FAILED, node, panel="two\x1b"))],
            "1 read, 5 failed on 5 nodes of two\N{REPLACEMENT CHARACTER}",
            id="nodes of one of several panels",
        ),
        pytest.param([*good(1), *bad(1, FAILED, None, panel="two")], "1 read, 1 failed on two", id="a panel"),
        pytest.param([*bad(1, FAILED), *bad(1, FAILED, panel="two")], "2 failed on 2 panels", id="several panels"),
        pytest.param(bad(3, answered(502), 7), "3 without the panel's word (502)", id="a proxy, which is no node"),
        pytest.param(
            [*bad(2, answered(403), 7), *bad(1, answered(404), 7)],
            "2 without the panel's word (403), 1 without the panel's word (404)",
            id="other programs",
        ),
        pytest.param(
            bad(3, answered(500), 7), "3 without the panel's word (500) on node 7", id="what a lost node may give"
        ),
        pytest.param(bad(1, answered(500, "Locked."), 7), "1 refused on node 7", id="the panel's own word"),
        pytest.param(
            bad(2, RateLimitedError("slow down", status_code=429), 7),
            "2 refused: too many calls",
            id="a limit on the rate",
        ),
        pytest.param(
            [*good(1), *bad(1, answered(502), 7, panel="two")],
            "1 read, 1 without the panel's word (502) on two",
            id="a proxy of one of several panels",
        ),
    ],
)
def test_a_look_reads_as_one_line(outcomes: list[Outcome[object]], text: str) -> None:
    assert counts(outcomes, "status") == text


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        pytest.param([], "no VPSes", id="none"),
        pytest.param(good(1_200), "1,200 started", id="all were started"),
        pytest.param(good(4, PowerState.RUNNING), "4 running", id="all were seen to run"),
        pytest.param(there(2), "2 unchanged (running)", id="all run already"),
        pytest.param([*good(1), *there(2)], "1 changed (started), 2 unchanged (running)", id="some do"),
        pytest.param(
            [*bad(2, SUSPENDED, skipped=True), *bad(1, TERMINATED, skipped=True)],
            "3 not possible (2 suspended, 1 terminated)",
            id="nothing can be done",
        ),
        pytest.param(bad(1, NotPossibleError("no"), skipped=True), "1 not possible", id="no more is known"),
        pytest.param(bad(3, FAILED, 7), "3 failed (on node 7)", id="failed"),
        pytest.param(
            [*bad(1, FAILED, 2), *bad(2, UNREACHABLE, 7)],
            "3 failed (2 unreachable on node 7, 1 on node 2)",
            id="for several reasons",
        ),
        pytest.param(
            [*bad(2, UNREACHABLE, 7, skipped=True), *bad(1, UNSENT, 7, skipped=True)],
            "3 skipped (2 unreachable on node 7, 1 not begun)",
            id="skipped",
        ),
        pytest.param(
            [*good(1), *bad(1, SILENCE), *bad(1, SILENCE, panel="two")],
            "1 changed (started), 2 unknown (without an answer on 2 panels)",
            id="on several panels",
        ),
        pytest.param(
            [Outcome[object](vps(1), "one", None, skipped=True)], "1 unchanged (as wanted)", id="no state is told"
        ),
    ],
)
def test_an_action_reads_as_one_line_of_results_that_do_not_overlap(outcomes: list[Outcome[object]], text: str) -> None:
    assert counts(outcomes, "start") == text


def test_an_error_without_a_word_of_its_own_has_failed() -> None:
    assert error_word(CvmError("?")) == "failed"
    assert error_word(UNREACHABLE) == "unreachable"


def test_a_run_of_anything_reads_as_a_line() -> None:
    assert counts(good(2), "paint") == "2 done"
