"""The traps of cattrs are closed: nothing is read as what it is not, and no bad value hides another."""

import json
import pickle

import attrs
import pytest
from hypothesis import given
from hypothesis.strategies import (
    booleans,
    dictionaries,
    floats,
    integers,
    lists,
    none,
    recursive,
    sampled_from,
    text as texts,
)

from cvm_async._api.fields import COMBINED_KEYS, SPLIT_KEYS, RefusedError
from cvm_async._api.php import Json, Unusable
from cvm_async._api.schema import STATUS, VPS
from cvm_async.models import (
    CombinedTraffic,
    PowerState,
    Problem,
    SplitTraffic,
    Traffic,
    VirtualizationType,
    Vps,
    VpsStatus,
)

any_json = recursive(
    none() | booleans() | integers() | floats() | texts(),
    lambda inner: lists(inner, max_size=3) | dictionaries(texts(), inner, max_size=3),
    max_leaves=6,
)

LISTED: dict[str, Json] = {
    "id": "17",
    "hostname": "web17",
    "virtualization_type": "1",
    "guaranteed_ram": "128",
    "disk_space": "5000",
    "cpu_count": "2",
}


def salvaged(fields: dict[str, Json]) -> Vps:
    vps, problems = VPS.salvage(fields, "response.vpses[3]")
    assert vps is not None
    assert vps.problems == problems
    return vps


def told(problems: tuple[Problem, ...]) -> list[str]:
    return [str(problem) for problem in problems]


def test_a_listed_vps_needs_only_what_the_api_promises() -> None:
    assert VPS.read(LISTED) == Vps(
        id=17,
        hostname="web17",
        virtualization_type=VirtualizationType.OPENVZ,
        guaranteed_ram=128,
        disk_space=5000,
        cpu_count=2,
    )


def test_key_by_key_a_sound_object_is_read_as_at_once() -> None:
    fields = {**LISTED, "traffic_used": 5, "problems": 1, "location": "Roubaix, France"}
    assert salvaged(fields) == VPS.read(fields)


@pytest.mark.parametrize("absent", [{}, {"node": "", "burstable_ram": ""}, {"node": None, "burstable_ram": None}])
def test_empty_null_and_absent_mean_the_same(absent: dict[str, Json]) -> None:
    vps = VPS.read({**LISTED, **absent})
    assert (vps.node, vps.burstable_ram) == (None, None)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("hostname", None, "hostname is null, not text"),
        ("hostname", 5, "hostname is 5, not text"),
        ("hostname", Unusable("text that is no UTF-8"), "hostname is text that is no UTF-8, not text"),
        ("guaranteed_ram", 5.9, "guaranteed_ram is 5.9, not a whole number"),
        ("guaranteed_ram", 10**30, "guaranteed_ram is a number of more than 20 digits, not a whole number"),
        ("guaranteed_ram", {"a": 1}, "guaranteed_ram is an object, not a whole number"),
        ("cpu_count", True, "cpu_count is true, not a whole number"),
        ("cpu_count", "false", 'cpu_count is "false", not a whole number'),
        ("cpu_count", None, "cpu_count is null, not a whole number"),
        ("cpu_count", "1.5", 'cpu_count is "1.5", not a whole number'),
        ("disk_space", "", 'disk_space is "", not a whole number'),
        ("disk_space", "N/A", 'disk_space is "N/A", not a whole number'),
        ("disk_space", -1, "disk_space is -1, not a whole number"),
        ("node", "fr1", 'node is "fr1", not a whole number'),
        ("virtualization_type", "kvm", 'virtualization_type is "kvm", not a whole number'),
        ("burstable_ram", Unusable("NaN"), "burstable_ram is NaN, not a whole number"),
    ],
)
def test_a_bad_value_is_a_problem_and_hides_nothing_else(key: str, value: Json, expected: str) -> None:
    fields = {**LISTED, "node": 4, "burstable_ram": 0, "traffic_used": 5, key: value}
    with pytest.raises(RefusedError):
        VPS.read(fields)
    vps = salvaged(fields)
    assert told(vps.problems) == [f"response.vpses[3].{expected}"]
    assert getattr(vps, key) == ("" if key == "hostname" else None)
    sound = VPS.read({**fields, key: "4"})
    assert attrs.evolve(vps, problems=(), **{key: getattr(sound, key)}) == sound


@pytest.mark.parametrize(
    "value", [None, "", "0", 0, -1, "x", True, 1.5, [], 2**64, 2.0**60, "1.0E+18", Unusable("NaN")]
)
def test_without_an_id_there_is_no_vps_and_all_that_is_wrong_is_told(value: Json) -> None:
    fields = {**LISTED, "id": value, "cpu_count": None}
    with pytest.raises(RefusedError):
        VPS.read(fields)
    vps, problems = VPS.salvage(fields, "response.vpses[3]")
    assert vps is None
    assert [problem.path for problem in problems] == ["response.vpses[3].id", "response.vpses[3].cpu_count"]


@pytest.mark.parametrize("key", ["hostname", "virtualization_type", "guaranteed_ram", "disk_space", "cpu_count"])
def test_an_absent_key_is_a_problem_that_says_so(key: str) -> None:
    fields = {name: value for name, value in LISTED.items() if name != key}
    with pytest.raises(KeyError):
        VPS.read(fields)
    (problem,) = salvaged(fields).problems
    assert (problem.path, problem.found) == (f"response.vpses[3].{key}", "absent")


def test_a_vps_of_which_only_the_id_can_be_read_is_a_vps() -> None:
    vps = salvaged({"id": "17"})
    assert vps == Vps(
        id=17,
        hostname="",
        virtualization_type=None,
        guaranteed_ram=None,
        disk_space=None,
        cpu_count=None,
        problems=vps.problems,
    )
    assert len(vps.problems) == 5


@pytest.mark.parametrize(
    ("counters", "traffic", "bad"),
    [
        ({"traffic_used": "x", "traffic_limit": 9}, CombinedTraffic(None, 9), ["traffic_used"]),
        ({"traffic_used": 5, "traffic_limit": False}, CombinedTraffic(5), ["traffic_limit"]),
        ({"traffic_used": "x"}, CombinedTraffic(None), ["traffic_used"]),
        ({"traffic_in_used": -1, "traffic_out_used": 2}, SplitTraffic(None, 2), ["traffic_in_used"]),
        ({"traffic_in_used": 1, "traffic_out_used": []}, SplitTraffic(1, None), ["traffic_out_used"]),
        (
            {"traffic_in_used": {}, "traffic_out_used": "N/A"},
            SplitTraffic(None, None),
            ["traffic_in_used", "traffic_out_used"],
        ),
        ({"traffic_in_used": 1, "traffic_in_limit": "-"}, SplitTraffic(1, None), ["traffic_in_limit"]),
        ({"traffic_used": 5, "traffic_in_used": "x"}, CombinedTraffic(5), ["traffic_in_used"]),
        ({"traffic_used": "x", "traffic_in_used": 1, "traffic_out_used": 2}, SplitTraffic(1, 2), ["traffic_used"]),
    ],
    ids=[
        "used",
        "limit",
        "all there is",
        "one direction",
        "the other direction",
        "both",
        "a limit of a direction",
        "the other way of counting",
        "the lesser way of counting",
    ],
)
def test_a_bad_counter_hides_none_of_the_others(counters: dict[str, Json], traffic: Traffic, bad: list[str]) -> None:
    status, problems = STATUS.salvage({"status": "running", **counters}, "response")
    assert status is not None
    assert status.traffic == traffic
    assert [problem.path for problem in problems] == [f"response.{key}" for key in bad]


def test_a_status_is_one_where_its_word_can_be_read_and_of_one_key_there_is_one_problem() -> None:
    assert STATUS.salvage({}, "response") == (None, (Problem("response.status", "absent", "text"),))


@given(dictionaries(sampled_from([*LISTED, "node", "burstable_ram", *SPLIT_KEYS, *COMBINED_KEYS]), any_json))
def test_whatever_stands_in_a_figure_there_is_a_vps_and_what_it_lacks_is_told(fields: dict[str, Json]) -> None:
    vps = salvaged({**LISTED, **fields, "id": 17})
    assert vps.id == 17
    bad = {problem.path.removeprefix("response.vpses[3].") for problem in vps.problems}
    for key in ("guaranteed_ram", "disk_space", "cpu_count", "virtualization_type"):
        assert (getattr(vps, key) is None) == (key in bad)
    for key in ("node", "burstable_ram"):
        assert (getattr(vps, key) is None) == (key in bad or fields.get(key) in {None, ""})
    assert pickle.loads(pickle.dumps(vps)) == vps


@given(dictionaries(sampled_from(["ram_used", "disk_used", *SPLIT_KEYS, *COMBINED_KEYS]), any_json))
def test_whatever_stands_in_a_figure_of_a_status_its_state_is_known_and_the_rest_told(fields: dict[str, Json]) -> None:
    status, problems = STATUS.salvage({"status": "running", **fields}, "response")
    assert status is not None
    assert (status.state, status.problems) == (PowerState.RUNNING, problems)
    bad = {problem.path.removeprefix("response.") for problem in problems}
    for key in ("ram_used", "disk_used"):
        assert (getattr(status, key) is None) == (key in bad or fields.get(key) in {None, ""})
    assert json.loads(json.dumps(status.to_dict(), allow_nan=False))["problems"] == [
        problem.to_dict() for problem in problems
    ]


@pytest.mark.parametrize("value", [None, "", [], 5, "web17", [LISTED]])
def test_what_is_no_object_is_refused(value: Json) -> None:
    with pytest.raises(RefusedError):
        VPS.read(value)
    vps, (problem,) = VPS.salvage(value, "response.vpses[3]")
    assert vps is None
    assert (problem.path, problem.expected) == ("response.vpses[3]", "an object")


def test_unknown_keys_stay_reachable_whatever_their_names() -> None:
    unknown: dict[str, Json] = {"uptime": "Roubaix", "extra": 1, "traffic": "x", "*": 2, "state": {}, "problems": []}
    assert VPS.read({**LISTED, **unknown}).extra == unknown
    assert salvaged({**LISTED, **unknown, "cpu_count": None}).extra == unknown


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
    _, problems = STATUS.salvage({"state": "running", "state_text": "running"}, "response")
    assert [problem.path for problem in problems] == ["response.status"]
