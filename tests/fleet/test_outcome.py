import copy
import json
import pickle

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from values import vps

from cvm_async import CombinedTraffic, Failed, NotSentError, Outcome, PowerState, Progress, Succeeded, VpsStatus

STATUS = VpsStatus(
    state=PowerState.RUNNING, state_text="running", ram_used=5, disk_used=7, traffic=CombinedTraffic(9), extra={"up": 1}
)


def test_an_outcome_without_an_error_is_ok() -> None:
    assert Outcome(vps(1), "panel", STATUS).ok
    assert not Outcome(vps(1), "panel", error=NotSentError("no")).ok


UNSENT = NotSentError("no")


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        pytest.param(Outcome(vps(1), "panel", STATUS), Succeeded, id="with a value"),
        pytest.param(Outcome[None](vps(1), "panel"), Succeeded, id="without"),
        pytest.param(Outcome[None](vps(1), "panel", None, UNSENT), Failed, id="an error by its place"),
        pytest.param(Outcome[None](vps(1), "panel", error=UNSENT), Failed, id="an error by its name"),
        pytest.param(Succeeded(vps(1), "panel", STATUS), Succeeded, id="made as what it is"),
        pytest.param(Failed(vps(1), "panel", error=UNSENT), Failed, id="made as a failure"),
    ],
)
def test_an_outcome_has_the_class_of_how_it_went_and_keeps_it(outcome: Outcome[object], kind: type) -> None:
    assert type(outcome) is kind
    assert type(pickle.loads(pickle.dumps(outcome))) is kind
    assert type(copy.copy(outcome)) is type(evolve(outcome, elapsed=1.0)) is kind
    assert isinstance(outcome, Outcome)
    assert not hasattr(outcome, "__dict__")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        pytest.param(
            Outcome(vps(1), "panel", STATUS, elapsed=0.12345678),
            {"ok": True, **STATUS.to_dict(), "error": None, "elapsed": 0.123457},
            id="a status",
        ),
        pytest.param(
            Outcome[None](vps(2, None), "panel"),
            {"id": 2, "node": None, "hostname": "vps2.example.net", "state": None, "ram_used": None, "disk_used": None},
            id="nothing to tell",
        ),
        pytest.param(
            Outcome[None](vps(1), "panel", error=NotSentError("no", vps_id=1), skipped=True),
            {"ok": False, "skipped": True, "error": "no (VPS 1)", "error_type": "NotSentError", "panel": "panel"},
            id="an error",
        ),
    ],
)
def test_an_outcome_is_told_as_json(outcome: Outcome[object], expected: dict[str, object]) -> None:
    told = json.loads(json.dumps(outcome.to_dict()))
    assert {key: told[key] for key in expected} == expected


def test_outcomes_are_values() -> None:
    outcome = Outcome(vps(1), "panel", STATUS)
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    assert pickle.loads(pickle.dumps(Progress(1, 2, outcome))) == Progress(1, 2, outcome)
    with pytest.raises(FrozenInstanceError):
        outcome.panel = "other"  # type: ignore[misc]
