"""The traps of cattrs are closed: nothing is read as what it is not, and each problem has the panel's own key."""

import pytest

from cvm_async._api.fields import RefusedError
from cvm_async._api.php import Json, Unusable
from cvm_async._api.schema import STATUS, VPS
from cvm_async.models import CombinedTraffic, PowerState, Problem, VirtualizationType, Vps, VpsStatus

LISTED: dict[str, Json] = {
    "id": "17",
    "hostname": "web17",
    "virtualization_type": "1",
    "guaranteed_ram": "128",
    "disk_space": "5000",
    "cpu_count": "2",
}


def problems(fields: dict[str, Json]) -> list[str]:
    return [str(problem) for problem in VPS.problems(fields, "response.vpses[3]")]


def test_a_listed_vps_needs_only_what_the_api_promises() -> None:
    assert VPS.read(LISTED) == Vps(
        id=17,
        hostname="web17",
        virtualization_type=VirtualizationType.OPENVZ,
        guaranteed_ram=128,
        disk_space=5000,
        cpu_count=2,
    )


def test_a_sound_object_has_no_problems() -> None:
    assert VPS.problems(LISTED, "response.vpses[3]") == ()


@pytest.mark.parametrize("absent", [{}, {"node": "", "burstable_ram": ""}, {"node": None, "burstable_ram": None}])
def test_empty_null_and_absent_mean_the_same(absent: dict[str, Json]) -> None:
    vps = VPS.read({**LISTED, **absent})
    assert (vps.node, vps.burstable_ram) == (None, None)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hostname", None, "response.vpses[3].hostname is null, not text"),
        ("guaranteed_ram", 5.9, "response.vpses[3].guaranteed_ram is 5.9, not a whole number"),
        ("cpu_count", True, "response.vpses[3].cpu_count is true, not a whole number"),
        ("cpu_count", "false", 'response.vpses[3].cpu_count is "false", not a whole number'),
        ("disk_space", "", 'response.vpses[3].disk_space is "", not a whole number'),
        ("id", "0", 'response.vpses[3].id is "0", not a number of 1 or more'),
        ("node", "fr1", 'response.vpses[3].node is "fr1", not a whole number'),
        ("virtualization_type", "kvm", 'response.vpses[3].virtualization_type is "kvm", not a whole number'),
        ("traffic_out_used", [], "response.vpses[3].traffic_out_used is an empty array, not a whole number"),
        ("burstable_ram", Unusable("NaN"), "response.vpses[3].burstable_ram is NaN, not a whole number"),
    ],
)
def test_a_problem_names_the_panels_key_and_what_was_found(key: str, value: Json, expected: str) -> None:
    fields = {**LISTED, key: value}
    with pytest.raises(RefusedError):
        VPS.read(fields)
    assert problems(fields) == [expected]


def test_an_absent_key_is_a_problem_that_says_so() -> None:
    fields = {key: value for key, value in LISTED.items() if key != "hostname"}
    with pytest.raises(KeyError):
        VPS.read(fields)
    assert problems(fields) == ["response.vpses[3].hostname is absent, not text"]


def test_all_problems_of_an_object_are_told() -> None:
    assert len(problems({"traffic_used": "x"})) == 7


def test_two_attributes_of_one_key_have_one_problem() -> None:
    assert STATUS.problems({}, "response") == (Problem("response.status", "absent", "text"),)


@pytest.mark.parametrize("value", [None, "", [], 5, "web17", [LISTED]])
def test_what_is_no_object_is_refused(value: Json) -> None:
    with pytest.raises(RefusedError):
        VPS.read(value)
    (problem,) = VPS.problems(value, "response.vpses[3]")
    assert (problem.path, problem.expected) == ("response.vpses[3]", "an object")


def test_unknown_keys_stay_reachable_whatever_their_names() -> None:
    unknown: dict[str, Json] = {"location": "Roubaix, France", "extra": 1, "traffic": "x", "*": 2, "state": {}}
    assert VPS.read({**LISTED, **unknown}).extra == unknown


def test_a_status_keeps_the_panels_word() -> None:
    status = STATUS.read({"status": "melting", "ram_used": "", "disk_used": 5.5, "traffic_used": 1, "uptime": 3})
    assert status == VpsStatus(
        state=PowerState.UNKNOWN,
        state_text="melting",
        disk_used=5,
        traffic=CombinedTraffic(1),
        extra={"uptime": 3},
    )


def test_an_attributes_own_name_is_no_key() -> None:
    assert [problem.path for problem in STATUS.problems({"state": "running", "state_text": "running"}, "response")] == [
        "response.status"
    ]
