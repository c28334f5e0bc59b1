"""What `--json` prints is JSON, whatever the panel sent."""

import json

from cvm_async.cli.as_json import plan_dict, vps_dict
from cvm_async.errors import NoAnswerError
from cvm_async.fleet.plan import Plan, PlannedStep, Step
from cvm_async.models import PowerState, SplitTraffic, VirtualizationType, Vps, VpsStatus

VPS = Vps(
    id=1,
    hostname="web",
    node=2,
    virtualization_type=VirtualizationType.OPENVZ,
    guaranteed_ram=512,
    disk_space=1000,
    cpu_count=1,
    traffic=SplitTraffic(1, 2, 3, None),
    extra={"location": "Roubaix, France"},
)


def test_a_vps_is_its_attributes_in_the_panels_units() -> None:
    assert json.loads(json.dumps(vps_dict(VPS))) == {
        "id": 1,
        "hostname": "web",
        "node": 2,
        "virtualization_type": 1,
        "guaranteed_ram": 512,
        "burstable_ram": None,
        "disk_space": 1000,
        "cpu_count": 1,
        "traffic": {"in_used": 1, "out_used": 2, "in_limit": 3, "out_limit": None},
        "extra": {"location": "Roubaix, France"},
    }


def test_traffic_that_the_panel_does_not_tell_is_null() -> None:
    plain = Vps(id=1, hostname="", virtualization_type=7, guaranteed_ram=1, disk_space=1, cpu_count=1)
    assert (vps_dict(plain)["traffic"], vps_dict(plain)["virtualization_type"]) == (None, 7)


def test_a_plan_says_what_and_why_for_each_vps() -> None:
    stopped = VpsStatus(state=PowerState.STOPPED, state_text="stopped")
    steps = (
        PlannedStep(VPS, "panel", "https://x", Step.START, stopped),
        PlannedStep(VPS, "panel", "https://x", Step.CANNOT, error=NoAnswerError("silence")),
    )
    plan = plan_dict(Plan(PowerState.RUNNING, steps))
    place = {"panel": "panel", "id": 1, "hostname": "web", "node": 2}
    assert plan == {
        "wanted": "running",
        "to_do": 1,
        "steps": [{**place, "step": "start", "reason": "stopped"}, {**place, "step": "cannot", "reason": "silence"}],
    }
