"""The resources are plain values: frozen, hashable, comparable, picklable, and small."""

import copy
import json
import pickle
from collections.abc import Callable

import attrs
import cattrs
import pytest
from cattrs.strategies import use_class_methods

from cvm_async.models import (
    JSON_VERSION,
    CombinedTraffic,
    Extra,
    HostNode,
    PowerState,
    Problem,
    SplitTraffic,
    Template,
    Traffic,
    VirtualizationType,
    Vps,
    VpsList,
    VpsStatus,
    shown,
    usage,
)


def a_vps(*, extra: dict[str, object] | None = None, traffic: CombinedTraffic | SplitTraffic | None = None) -> Vps:
    return Vps(
        id=17,
        hostname="web17",
        virtualization_type=VirtualizationType.OPENVZ,
        guaranteed_ram=128,
        disk_space=5000,
        cpu_count=2,
        traffic=traffic,
        extra=extra or {},
    )


VALUES: list[object] = [
    CombinedTraffic(7, 9),
    SplitTraffic(1, 2, 3, None),
    a_vps(traffic=SplitTraffic(1, 2)),
    VpsStatus(state=PowerState.UNKNOWN, state_text="melting", ram_used=1),
    Problem("response.status", "null", "text"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
class TestEveryValue:
    def test_pickles_and_compares_by_value(self, value: object) -> None:
        assert pickle.loads(pickle.dumps(value)) == value

    def test_copies(self, value: object) -> None:
        assert copy.deepcopy(value) == value

    def test_hashes_as_its_equal_does(self, value: object) -> None:
        assert hash(copy.deepcopy(value)) == hash(value)

    def test_has_no_dict_of_its_own(self, value: object) -> None:
        assert not hasattr(value, "__dict__")

    def test_is_frozen(self, value: object) -> None:
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.id = 1  # type: ignore[attr-defined]


def test_extra_takes_part_in_comparing() -> None:
    assert a_vps(extra={"template": 1}) != a_vps(extra={"template": 2})


def test_extra_of_lists_does_not_spoil_the_hash() -> None:
    assert hash(a_vps(extra={"addresses": ["::1"]})) == hash(a_vps(extra={"addresses": []}))


def test_a_vps_keeps_its_extra_when_it_is_pickled() -> None:
    vps = a_vps(extra={"location": "Roubaix, France"})
    assert dict(pickle.loads(pickle.dumps(vps)).extra) == {"location": "Roubaix, France"}


def test_an_absent_extra_is_one_shared_object() -> None:
    assert a_vps().extra is a_vps().extra


def test_a_copy_with_changes_keeps_its_extra() -> None:
    vps = a_vps(extra={"template": 1})
    assert attrs.evolve(vps, hostname="b").extra is vps.extra


def test_extra_does_not_follow_the_mapping_it_was_made_from() -> None:
    items: dict[str, object] = {"template": 1}
    extra = Extra(items)
    items["template"] = 2
    assert extra["template"] == 1


CHANGES: dict[str, Callable[[dict[str, object]], object]] = {
    "an item": lambda extra: extra.__setitem__("a", 2),
    "an item less": lambda extra: extra.__delitem__("a"),
    "clear": lambda extra: extra.clear(),
    "pop": lambda extra: extra.pop("a"),
    "popitem": lambda extra: extra.popitem(),
    "setdefault": lambda extra: extra.setdefault("b", 2),
    "update": lambda extra: extra.update(a=2),
    "|=": lambda extra: extra.__ior__({"a": 2}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_extra_cannot_be_changed(change: Callable[[dict[str, object]], object]) -> None:
    extra = Extra({"a": 1})
    with pytest.raises(TypeError, match="make a dict of it"):
        change(extra)
    assert extra == {"a": 1}


def test_a_model_with_extra_keys_is_json_by_whoever_knows_only_dictionaries() -> None:
    vps = a_vps(extra={"template": 1, "nested": {"a": [1]}}, traffic=SplitTraffic(1, None))
    assert json.loads(json.dumps(attrs.asdict(vps)))["extra"] == {"template": 1, "nested": {"a": [1]}}
    assert type(attrs.asdict(vps)["extra"]) is dict


def test_extra_stays_what_it_is() -> None:
    extra = Extra({"a": 1})
    for twin in (copy.copy(extra), copy.deepcopy(extra), pickle.loads(pickle.dumps(extra))):
        assert (type(twin), twin) == (Extra, {"a": 1})


def test_extra_equals_any_mapping_with_the_same_items() -> None:
    assert Extra({"template": 1}) == {"template": 1}
    assert len(Extra([("template", 1)])) == 1


def test_extra_shows_its_items() -> None:
    assert repr(Extra({"template": 1})) == "Extra({'template': 1})"


def test_a_power_state_is_its_word() -> None:
    assert {state: str(state) for state in PowerState} == {state: state.value for state in PowerState}
    assert {"running": True}[PowerState.RUNNING]


@pytest.mark.parametrize(
    ("traffic", "total"),
    [
        (CombinedTraffic(7), 7),
        (CombinedTraffic(None, 9), None),
        (SplitTraffic(3, 5), 8),
        (SplitTraffic(3, None), None),
        (SplitTraffic(None, 5), None),
    ],
    ids=["combined", "combined, not told", "split", "in alone", "out alone"],
)
def test_total_used_is_both_directions_together_and_none_unless_both_are_told(
    traffic: CombinedTraffic | SplitTraffic, total: int | None
) -> None:
    assert traffic.total_used == total


def test_a_problem_reads_as_a_sentence() -> None:
    problem = Problem("response.vpses[17].guaranteed_ram", '"much"', "a whole number")
    assert str(problem) == 'response.vpses[17].guaranteed_ram is "much", not a whole number'


def test_a_list_of_vpses_compares_as_a_list() -> None:
    assert VpsList([a_vps()], [Problem("a", "b", "c")]) == [a_vps()]


def pickled(vpses: VpsList) -> VpsList:
    twin: VpsList = pickle.loads(pickle.dumps(vpses))
    return twin


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled])
def test_a_list_of_vpses_keeps_its_problems(again: Callable[[VpsList], VpsList]) -> None:
    vpses = VpsList([a_vps()], [Problem("a", "b", "c")])
    twin = again(vpses)
    assert type(twin) is VpsList
    assert twin == vpses
    assert twin.problems == vpses.problems


def test_a_list_of_vpses_shows_its_problems() -> None:
    assert repr(VpsList([], [Problem("a", "b", "c")])) == (
        "VpsList([], problems=(Problem(path='a', found='b', expected='c'),))"
    )


def test_a_list_of_vpses_has_no_problems_unless_it_is_told() -> None:
    assert VpsList().problems == ()


def test_a_vps_is_told_as_json_under_its_attributes_names() -> None:
    problem = Problem("response.vpses[0].burstable_ram", '"x"', "a whole number")
    vps = attrs.evolve(
        a_vps(extra={"location": "Roubaix, France"}, traffic=SplitTraffic(1, 2, 3, None)), problems=(problem,)
    )
    assert json.loads(json.dumps(vps.to_dict())) == {
        "id": 17,
        "hostname": "web17",
        "node": None,
        "virtualization_type": 1,
        "guaranteed_ram": 128,
        "burstable_ram": None,
        "disk_space": 5000,
        "cpu_count": 2,
        "traffic": {"in_used": 1, "out_used": 2, "in_limit": 3, "out_limit": None, "total_used": 3},
        "location": None,
        "template": None,
        "usage": {
            "ram": {"used": None, "limit": 128 * 1024 * 1024, "percent": None},
            "disk": {"used": None, "limit": 5000 * 1024 * 1024, "percent": None},
            "traffic": {"used": 3, "limit": None, "percent": None},
            "traffic_in": {"used": 1, "limit": 3, "percent": 33.3},
            "traffic_out": {"used": 2, "limit": None, "percent": None},
        },
        "extra": {"location": "Roubaix, France"},
        "problems": [{"path": "response.vpses[0].burstable_ram", "found": '"x"', "expected": "a whole number"}],
    }


def test_what_a_panel_does_not_tell_of_a_vps_is_null_as_json() -> None:
    vps = Vps(id=1, hostname="", virtualization_type=None, guaranteed_ram=None, disk_space=None, cpu_count=None)
    told = vps.to_dict()
    nothing = {"used": None, "limit": None, "percent": None}
    uses = dict.fromkeys(("ram", "disk", "traffic", "traffic_in", "traffic_out"), nothing)
    known: dict[str, object] = {"id": 1, "hostname": "", "usage": uses, "extra": {}, "problems": []}
    assert told == {**dict.fromkeys(told), **known}


@pytest.mark.parametrize(
    ("listed", "counted", "used"),
    [
        pytest.param(CombinedTraffic(5, 50), None, [(5, 50, 10.0), (None, None, None)], id="the list's"),
        pytest.param(
            CombinedTraffic(5, 50), CombinedTraffic(10), [(10, 50, 20.0), (None, None, None)], id="the status's"
        ),
        pytest.param(SplitTraffic(1, 2, 10, 20), SplitTraffic(3, 3), [(6, 30, 20.0), (3, 10, 30.0)], id="apart"),
        pytest.param(
            CombinedTraffic(5, 50), SplitTraffic(3, 3), [(6, 50, 12.0), (3, None, None)], id="counted otherwise"
        ),
        pytest.param(CombinedTraffic(5, 0), None, [(5, 0, None), (None, None, None)], id="no share of nothing"),
        pytest.param(None, CombinedTraffic(7), [(7, None, None), (None, None, None)], id="no limit"),
    ],
)
def test_traffic_used_is_told_beside_what_is_allowed(
    listed: Traffic | None, counted: Traffic | None, used: list[tuple[int | None, int | None, float | None]]
) -> None:
    status = VpsStatus(state=PowerState.RUNNING, state_text="running", traffic=counted)
    told = usage(a_vps(traffic=listed), status)
    assert [tuple(told[key].values()) for key in ("traffic", "traffic_in")] == used


def test_memory_and_disk_used_are_told_beside_what_there_is_in_bytes() -> None:
    status = VpsStatus(state=PowerState.RUNNING, state_text="running", ram_used=64 << 20, disk_used=5000 << 20)
    told = usage(a_vps(), status)
    assert told["ram"] == {"used": 64 << 20, "limit": 128 << 20, "percent": 50.0}
    assert told["disk"]["percent"] == 100.0


def test_a_status_is_told_as_json_with_the_panels_own_word() -> None:
    status = VpsStatus(
        state=PowerState.UNKNOWN, state_text="melting", ram_used=5, traffic=CombinedTraffic(7), extra={"uptime": 3}
    )
    assert json.loads(json.dumps(status.to_dict())) == {
        "state": "unknown",
        "state_text": "melting",
        "ram_used": 5,
        "disk_used": None,
        "traffic": {"used": 7, "limit": None, "total_used": 7},
        "extra": {"uptime": 3},
        "problems": [],
    }


def test_a_list_is_told_as_json_with_its_problems() -> None:
    told = VpsList([a_vps()], [Problem("a", "b", "c")]).to_dict()
    assert told == {
        "version": JSON_VERSION,
        "vpses": [a_vps().to_dict()],
        "problems": [{"path": "a", "found": "b", "expected": "c"}],
    }


def test_where_there_is_no_status_its_keys_stand_for_nothing() -> None:
    keys = VpsStatus(state=PowerState.RUNNING, state_text="running").to_dict()
    for nothing in (None, "running"):
        assert shown(nothing) == {**dict.fromkeys(keys), "extra": {}, "problems": []}


@pytest.mark.parametrize(
    "value",
    [
        CombinedTraffic(7),
        SplitTraffic(1, 2),
        a_vps(),
        VpsStatus(state=PowerState.RUNNING, state_text=""),
        Problem("", "", ""),
        HostNode(id=3, name="node3", hostname="node3.example.net"),
        Template(id=7, name="Debian", supported=True, available=True, outdated=False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_attribute_is_forgotten_as_json(
    value: CombinedTraffic | SplitTraffic | Vps | VpsStatus | Problem | HostNode | Template,
) -> None:
    assert {attribute.name for attribute in attrs.fields(type(value))} <= {*value.to_dict()}


@pytest.mark.parametrize(
    "value",
    [
        CombinedTraffic(1, 2),
        SplitTraffic(1, None),
        Problem("response", "absent", "there"),
        VpsStatus(state=PowerState.RUNNING, state_text="running", traffic=CombinedTraffic(1), extra={"a": [1]}),
        VpsList([], [Problem("response", "absent", "there")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_cattrs_gives_the_same_by_its_own_strategy(value: object) -> None:
    converter = cattrs.Converter()
    use_class_methods(converter, unstructure_method_name="to_dict")
    told = value.to_dict()  # type: ignore[attr-defined]
    assert json.loads(json.dumps(converter.unstructure([value]))) == [told]
