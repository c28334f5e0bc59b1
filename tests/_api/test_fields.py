"""Every reader is total: any JSON value gives what the field holds, or a refusal, and never a wrong value."""

import math
import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, floats, integers, lists, none, recursive, text as texts

from cvm_async._api.fields import (
    LARGEST,
    RefusedError,
    describe,
    extra_beside,
    flag,
    optional_bytes,
    optional_floor,
    optional_text,
    optional_whole,
    positive,
    power_state,
    state_text,
    text,
    traffic,
    unread_traffic,
    virtualization_type,
    whole,
)
from cvm_async._api.php import Json, Unusable
from cvm_async.models import CombinedTraffic, PowerState, SplitTraffic, Traffic, VirtualizationType

NUMBERS: list[tuple[Json, int]] = [
    ("128", 128),
    (128, 128),
    (128.0, 128),
    ("128.0", 128),
    (0, 0),
    ("0", 0),
    (-0.0, 0),
    (2**63 - 1, 2**63 - 1),
    (str(2**63 - 1), 2**63 - 1),
    (LARGEST, LARGEST),
    (str(LARGEST), LARGEST),
    (1e15, 10**15),
    ("1.0E+15", 10**15),
    ("1e15", 10**15),
    (1.8446744073709552e19, 2**64),
    ("1.8446744073709552E+19", 2**64),
    (str(2**64), 2**64),
    ("007", 7),
    (" 128 ", 128),
    ("128\n", 128),
    ("\t 128.0", 128),
]
NO_NUMBERS: list[Json] = [
    True,
    False,
    -1,
    "-1",
    -0.5,
    2**65 + 1,
    str(2**65 + 1),
    1e20,
    "1e20",
    10**4000,
    "9" * 5000,
    1e400,
    math.nan,
    Unusable("NaN"),
    "NaN",
    "Infinity",
    "1e400",
    "0x10",
    "1_000",
    "+5",
    " ",
    "5 5",
    "1,024",
    "0x1A",
    "1e",
    "--",
    "5 MB",
    "\u0665",
    "five",
    [],
    ["5"],
    {},
]
FRACTIONS: list[Json] = [5.9, "5.9", 0.1, "1233.7373046875", "1.0E-5", " 1.5 "]

any_json = recursive(
    none() | booleans() | integers() | floats() | texts(),
    lambda inner: lists(inner, max_size=3) | dictionaries(texts(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("reader", [whole, optional_whole, optional_floor])
@pytest.mark.parametrize(("value", "number"), NUMBERS, ids=repr)
def test_a_number_is_read_however_php_sends_it(reader: Callable[[Json], int | None], value: Json, number: int) -> None:
    assert reader(value) == number
    assert type(reader(value)) is int


@pytest.mark.parametrize("reader", [whole, optional_whole, optional_floor, positive, virtualization_type])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: repr(value)[:20])
def test_what_is_no_number_is_refused(reader: Callable[[Json], object], value: Json) -> None:
    with pytest.raises(RefusedError):
        reader(value)


@pytest.mark.parametrize("reader", [whole, optional_whole])
@pytest.mark.parametrize("value", FRACTIONS)
def test_a_fraction_is_refused_and_not_cut(reader: Callable[[Json], object], value: Json) -> None:
    with pytest.raises(RefusedError) as caught:
        reader(value)
    assert caught.value.expected == "a whole number"


@pytest.mark.parametrize(("value", "number"), [*zip(FRACTIONS, [5, 5, 0, 1233, 0, 1], strict=True)])
def test_a_fraction_of_a_byte_on_disk_is_dropped(value: Json, number: int) -> None:
    assert optional_floor(value) == number


@pytest.mark.parametrize("absent", [None, ""])
def test_null_and_the_empty_string_are_absent(absent: Json) -> None:
    assert optional_whole(absent) is None
    assert optional_floor(absent) is None
    with pytest.raises(RefusedError):
        whole(absent)


@pytest.mark.parametrize("value", [0, "0", 0.0, LARGEST + 1, 1.8446744073709552e19, 2.0**60, "1.0E+18"])
def test_an_id_is_neither_zero_nor_too_large_nor_rounded(value: Json) -> None:
    with pytest.raises(RefusedError, match="a number of 1 or more"):
        positive(value)


@pytest.mark.parametrize(
    ("value", "number"), [("1", 1), (" 17 ", 17), (17.0, 17), (LARGEST, LARGEST), (2.0**53, 2**53)]
)
def test_an_id_is_any_other_number(value: Json, number: int) -> None:
    assert positive(value) == number


@pytest.mark.parametrize("value", ["", "web", "None", "\x1b"])
def test_text_is_any_string(value: str) -> None:
    assert text(value) == value


@pytest.mark.parametrize("value", [None, 5, True, ["a"], {}])
def test_what_is_no_string_is_no_text(value: Json) -> None:
    with pytest.raises(RefusedError, match="text"):
        text(value)


@pytest.mark.parametrize("state", PowerState)
def test_each_documented_word_is_its_state(state: PowerState) -> None:
    assert power_state(state.value) is state


@pytest.mark.parametrize(("word", "kept"), [("", ""), (None, ""), ("Running", "Running"), ("migrating", "migrating")])
def test_an_undocumented_word_or_none_is_an_unknown_state(word: Json, kept: str) -> None:
    assert power_state(word) is PowerState.UNKNOWN
    assert state_text(word) == kept


def test_a_padded_word_is_the_word_and_kept_as_it_came() -> None:
    assert power_state(" running\n") is PowerState.RUNNING
    assert state_text(" running\n") == " running\n"


@pytest.mark.parametrize("value", [False, 0, 5, [], {}, ["running"], Unusable("NaN")])
def test_what_is_no_word_is_no_state(value: Json) -> None:
    for reader in (power_state, state_text):
        with pytest.raises(RefusedError, match="text"):
            reader(value)


def test_the_documented_platform_has_a_name_and_others_are_numbers() -> None:
    assert virtualization_type("1") is VirtualizationType.OPENVZ
    assert virtualization_type(2) == 2


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({}, None),
        ({"traffic_used": "", "traffic_in_used": None}, None),
        ({"traffic_used": "7"}, CombinedTraffic(7)),
        ({"traffic_used": 0, "traffic_limit": 0}, CombinedTraffic(0, 0)),
        ({"traffic_used": "", "traffic_limit": "9"}, CombinedTraffic(None, 9)),
        ({"traffic_in_used": 1, "traffic_out_used": 2.0}, SplitTraffic(1, 2)),
        ({"traffic_in_used": 1}, SplitTraffic(1, None)),
        (
            {"traffic_in_used": 1, "traffic_out_used": 2, "traffic_in_limit": "0", "traffic_out_limit": 5},
            SplitTraffic(1, 2, None, 5),
        ),
        ({"traffic_used": 7, "traffic_in_used": "", "traffic_out_used": ""}, CombinedTraffic(7)),
        ({"traffic_used": "", "traffic_in_used": 1, "traffic_out_used": 2}, SplitTraffic(1, 2)),
        ({"traffic_used": 3, "traffic_in_used": 1, "traffic_out_used": 2}, SplitTraffic(1, 2)),
    ],
    ids=[
        "none",
        "all empty",
        "combined",
        "a combined limit of nothing",
        "a limit alone",
        "split",
        "one direction",
        "a split limit of 0 is none",
        "split but empty",
        "combined but empty",
        "both",
    ],
)
def test_traffic_is_read_whichever_way_it_is_counted(fields: dict[str, Json], read: Traffic | None) -> None:
    assert traffic(fields) == read


@pytest.mark.parametrize("key", ["traffic_limit", "traffic_out_used"])
def test_a_bad_counter_is_refused(key: str) -> None:
    with pytest.raises(RefusedError):
        traffic({"traffic_in_used": 1, key: "much"} if "out" in key else {key: "much"})


@pytest.mark.parametrize(
    ("keys", "traffic"),
    [
        (["ram_used"], None),
        (["traffic_limit"], CombinedTraffic(None)),
        (["traffic_used", "traffic_in_used"], SplitTraffic(None, None)),
    ],
    ids=["none", "combined", "split"],
)
def test_of_traffic_that_cannot_be_read_at_all_it_is_known_how_it_is_counted(
    keys: list[str], traffic: Traffic | None
) -> None:
    assert unread_traffic(keys) == traffic


def test_unknown_keys_are_kept_as_they_came_and_in_their_order() -> None:
    fields: dict[str, Json] = {"z": 1, "id": "1", "a": {"b": [1.5, None, True, "x"]}}
    extra = extra_beside(frozenset({"id"}))(fields, None)
    assert list(extra.items()) == [("z", 1), ("a", {"b": [1.5, None, True, "x"]})]


def test_what_could_not_be_kept_is_kept_as_words() -> None:
    deep: Json = []
    for _ in range(100):
        deep = [deep]
    fields: dict[str, Json] = {"a": [Unusable("NaN")], "b": {"c": math.inf}, "d": deep}
    extra = extra_beside(frozenset())(fields, None)
    assert extra["a"] == ["NaN"]
    assert extra["b"] == {"c": "inf"}
    assert repr(extra["d"]).strip("[]") == "'an array'"


@given(dictionaries(texts(), any_json))
def test_whatever_is_kept_pickles_and_compares(fields: dict[str, Json]) -> None:
    extra = extra_beside(frozenset({""}))(fields, None)
    assert pickle.loads(pickle.dumps(extra)) == extra
    assert extra.keys() == fields.keys() - {""}


@given(any_json)
def test_every_reader_gives_a_value_or_refuses(value: Json) -> None:
    readers = (whole, positive, optional_whole, optional_floor, text, power_state, state_text, virtualization_type)
    for reader in readers:
        try:
            reader(value)
        except RefusedError as refused:
            assert len(refused.found) <= 42  # noqa: PT017 - the other outcome is as good


@given(any_json)
def test_a_number_that_is_read_is_the_number_that_came(value: Json) -> None:
    try:
        number = whole(value)
    except RefusedError:
        return
    assert isinstance(value, str | int | float)
    assert number == float(value) if isinstance(value, float) else number == int(float(value)) or number == int(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (5.9, "5.9"),
        ("a\x1bb", '"a\ufffdb"'),
        ("x" * 100, f'"{"x" * 39}\u2026"'),
        (10**5000, "a number of more than 20 digits"),
        (-(10**20), "a number of more than 20 digits"),
        ([], "an empty array"),
        ([1], "an array"),
        ({}, "an empty object"),
        ({"a": 1}, "an object"),
        (Unusable("NaN"), "NaN"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else type(value).__name__,
)
def test_a_value_is_described_in_a_few_words(value: Json, words: str) -> None:
    assert describe(value) == words


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (31, 31 * 2**20),
        ("31", 31 * 2**20),
        (0, 0),
        ("0", 0),
        (1233.7373046875, 1_293_667_328),
        ("1233.7373046875", 1_293_667_328),
        ("31.000000953674316", 31 * 2**20 + 1),
        (0.5, 2**19),
        ("0.0000009", 0),
        (2**40, 2**60),
        (None, None),
        ("", None),
    ],
)
def test_megabytes_become_bytes(value: Json, size: int | None) -> None:
    assert optional_bytes(value) == size


@pytest.mark.parametrize("value", ["x", -1, True, [], {}, float("nan"), 2**60, "31 MB"])
def test_what_is_no_number_of_megabytes_is_refused(value: Json) -> None:
    with pytest.raises(RefusedError):
        optional_bytes(value)


@pytest.mark.parametrize(("value", "told"), [("x", "x"), ("", None), (None, None), (" ", " ")])
def test_text_may_be_absent(value: Json, told: str | None) -> None:
    assert optional_text(value) == told


@pytest.mark.parametrize("value", [0, False, [], {}, 7])
def test_what_is_no_text_is_refused(value: Json) -> None:
    with pytest.raises(RefusedError, match="text"):
        optional_text(value)


@pytest.mark.parametrize(
    ("value", "told"), [(True, True), (False, False), (1, True), (0, False), ("1", True), ("0", False), ("", False)]
)
def test_php_says_in_many_ways_what_is_true(value: Json, *, told: bool) -> None:
    assert flag(value) is told


@pytest.mark.parametrize("value", [2, "true", None, [], {}, 1.5, "yes"])
def test_what_is_neither_true_nor_false_is_refused(value: Json) -> None:
    with pytest.raises(RefusedError, match="true or false"):
        flag(value)
