import json
import pickle

import pytest
from attrs.exceptions import FrozenInstanceError
from values import vps

from cvm_async import CombinedTraffic, NotSentError, Outcome, PowerState, Progress, VpsStatus

STATUS = VpsStatus(
    state=PowerState.RUNNING, state_text="running", ram_used=5, disk_used=7, traffic=CombinedTraffic(9), extra={"up": 1}
)


def test_an_outcome_without_an_error_is_ok() -> None:
    assert Outcome(vps(1), "panel", STATUS).ok
    assert not Outcome(vps(1), "panel", error=NotSentError("no")).ok


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
