import pytest

from cvm_async import (
    AuthenticationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    NotSentError,
    PanelError,
    PowerState,
    VpsStatus,
)
from cvm_async._api import calls
from cvm_async._api.calls import Call
from cvm_async._api.verbs import Verb
from cvm_async._exchange.verdicts import verdict_of_error, verdict_of_value
from cvm_async._gates.verdict import Verdict

LIST, STATUS, STOP = calls.list_vpses(), calls.status(1), calls.power(Verb.STOP, 1)


def status(state: PowerState) -> VpsStatus:
    return VpsStatus(state=state, state_text=state, ram_used=1, disk_used=1, traffic=None)


@pytest.mark.parametrize(
    ("call", "value", "verdict"),
    [
        pytest.param(STATUS, status(PowerState.RUNNING), Verdict.ANSWERED, id="a status"),
        pytest.param(STATUS, status(PowerState.UNKNOWN), Verdict.PANEL_ANSWERED, id="a status that is not known"),
        pytest.param(STOP, None, Verdict.ANSWERED, id="an action"),
        pytest.param(LIST, (), Verdict.PANEL_ANSWERED, id="the list, of no node"),
    ],
)
def test_what_a_good_answer_says(call: Call[object], value: object, verdict: Verdict) -> None:
    assert verdict_of_value(call, value) is verdict


def told(status_code: int, *errors: str) -> PanelError:
    return PanelError("refused", status_code=status_code, errors=errors)


@pytest.mark.parametrize(
    ("call", "error", "status_code", "verdict"),
    [
        pytest.param(STATUS, NotSentError("no"), None, Verdict.NOT_CONNECTED, id="not sent"),
        pytest.param(STATUS, NoAnswerError("no", timed_out=True), None, Verdict.TIMED_OUT, id="nothing in time"),
        pytest.param(STATUS, NoAnswerError("no", timed_out=False), None, Verdict.ABANDONED, id="cut off"),
        pytest.param(STATUS, CvmError("no"), None, Verdict.NEUTRAL, id="something else, and no answer"),
        pytest.param(STATUS, NodeUnreachableError("no"), 503, Verdict.NODE_FAILED, id="the panel says so of the node"),
        pytest.param(STATUS, told(500, "it is locked"), 500, Verdict.PANEL_ANSWERED, id="a failure of the VPS"),
        pytest.param(STATUS, told(502), 502, Verdict.OVERLOADED, id="a proxy's 502"),
        pytest.param(STATUS, told(504), 504, Verdict.OVERLOADED, id="a proxy's 504"),
        pytest.param(STATUS, told(500), 500, Verdict.BROKE, id="an empty 500"),
        pytest.param(STOP, told(500), 500, Verdict.NEUTRAL, id="an empty 500 after an action"),
        pytest.param(LIST, told(500), 500, Verdict.NEUTRAL, id="an empty 500 for the list"),
        pytest.param(STATUS, DecodeError("no"), 200, Verdict.BROKE, id="a page in place of an answer"),
        pytest.param(STATUS, AuthenticationError("no", status_code=401), 401, Verdict.NEUTRAL, id="a proxy's own 401"),
    ],
)
def test_what_a_failure_says(call: Call[object], error: CvmError, status_code: int | None, verdict: Verdict) -> None:
    assert verdict_of_error(call, error, status_code) is verdict
