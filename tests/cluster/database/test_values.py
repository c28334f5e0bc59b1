import json
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, strategies as st

from cvm_async import (
    CombinedTraffic,
    CvmError,
    DecodeError,
    JournalError,
    NoAnswerError,
    NodeUnreachableError,
    NotPossibleError,
    NotSentError,
    Outcome,
    PanelError,
    PowerState,
    SplitTraffic,
    Vps,
    VpsStatus,
    WaitTimeoutError,
)
from cvm_async.cluster.database.values import outcome_of, outcome_to_json, vps_of, written
from cvm_async.models import Problem

PROBLEM = Problem("a", "b", "c")
STATUS = VpsStatus(
    state=PowerState.RUNNING,
    state_text="running\0\ud800",
    ram_used=3,
    traffic=SplitTraffic(1, 2),
    extra={"more": [1, None]},
    problems=(PROBLEM,),
)


USUAL = Vps(id=1, hostname="a", virtualization_type=1, guaranteed_ram=1, disk_space=2, cpu_count=3)


def vps(**more: Any) -> Vps:  # noqa: ANN401 - whatever a VPS has
    return evolve(USUAL, **more)


@pytest.mark.parametrize(
    "given",
    [
        vps(),
        vps(
            virtualization_type=None, node=7, hostname="<b>\0\ud800", location="Roubaix", template=7, extra={"more": 1}
        ),
        vps(virtualization_type=9, traffic=CombinedTraffic(1, 2), problems=(PROBLEM,)),
        vps(traffic=SplitTraffic(1, 2, None, 4), burstable_ram=9),
    ],
    ids=["usual", "odd", "combined", "split"],
)
def test_a_vps_comes_back_as_it_was(given: Vps) -> None:
    assert vps_of(json.loads(written(given.to_dict()))) == given


ERRORS = [
    NoAnswerError("silent", timed_out=True, method="POST", path="/x", vps_id=3, attempts=2),
    WaitTimeoutError("late", last=STATUS, vps_id=1),
    WaitTimeoutError("never seen"),
    NodeUnreachableError("away", may_be_panel=True),
    PanelError("no", status_code=502, errors=("a", "b"), retry_after=1.5),
    DecodeError("odd", problems=(PROBLEM,), excerpt="<html>"),
    NotSentError("no", may_pass=False),
    NotPossibleError("suspended", last=STATUS),
]


@pytest.mark.parametrize("error", [None, *ERRORS], ids=lambda error: type(error).__name__)
def test_an_outcome_comes_back_with_all_that_its_error_tells(error: CvmError | None) -> None:
    outcome = Outcome(vps(), "acme", STATUS if error is None else None, error, error is not None, 0.25)
    back = outcome_of(json.loads(outcome_to_json(outcome)), outcome.vps, outcome.panel)
    assert back.to_dict() == outcome.to_dict()
    assert back.value == outcome.value
    assert type(back.error) is type(error)
    if error is not None:
        assert vars(back.error) == vars(error)
        assert back.error is not None
        assert back.error.args == error.args


def test_an_error_of_elsewhere_comes_back_as_the_kind_of_error_that_it_is() -> None:
    outcome: Outcome[VpsStatus | None] = Outcome(vps(), "acme", None, JournalError("full"))
    back = outcome_of(json.loads(outcome_to_json(outcome)), outcome.vps, "acme")
    assert (type(back.error), str(back.error)) == (CvmError, "full")


def test_a_name_in_the_database_makes_nothing_but_an_error() -> None:
    found: dict[str, Any] = {
        "status": None,
        "error": {"type": "eval", "message": "1", "more": {}},
        "skipped": False,
        "elapsed": 0.0,
    }
    assert type(outcome_of(found, vps(), "acme").error) is CvmError


@given(st.text())
def test_whatever_a_panels_text_holds_is_written_in_ascii(text: str) -> None:
    assert written(text).isascii()
    assert "\0" not in written(text)
    assert json.loads(written(text)) == text
