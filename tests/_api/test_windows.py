"""JSON that is read through a window is what `json` makes of it, wherever the window cuts it, and never in one go."""

import json

import pytest
from hypothesis import example, given
from hypothesis.strategies import booleans, characters, dictionaries, floats, integers, lists, none, recursive, text
from turns import run

from cvm_async._api.php import Json, NotJsonError, TooDeepError, Unusable
from cvm_async._api.windows import WINDOW, Streamed, Walk

TORN = 2
"""Characters of a number that a cut may leave behind: a window must hold as many more than its longest value."""


def walked(body: bytes | str, size: int = WINDOW, start: int = 0) -> tuple[Json, Walk]:
    walk = Walk(body.encode() if isinstance(body, str) else body, start, size)
    return run(walk.value())[0], walk


def longest(value: Json) -> int:
    """Give the bytes of the longest text or number in a value, or of the longest object without members."""
    if isinstance(value, list):
        return max([2, *map(longest, value)])
    if isinstance(value, dict):
        return max([2, *map(longest, value), *map(longest, value.values())])
    return len(json.dumps(value).encode())


any_text = text(characters(codec="utf-8"))
any_json = recursive(
    none() | booleans() | integers(-(10**30), 10**30) | floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: lists(inner, max_size=4) | dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)


@given(value=any_json, is_ascii=booleans(), indent=none() | integers(0, 4), more=integers(0, 20))
@example(value=[1.5, 1e300, -5, 10, "1"], is_ascii=True, indent=None, more=0)
@example(value={"a": {"b": ["\u00e9\U0001f600"] * 9}}, is_ascii=False, indent=2, more=0)
def test_wherever_the_window_cuts_it_the_value_is_the_same(
    value: Json, *, is_ascii: bool, indent: int | None, more: int
) -> None:
    source = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()
    found, walk = walked(b"x" + source + b" y", longest(value) + TORN + 1 + more, 1)
    assert found == value
    assert walk.position == len(source) + 1


@given(any_json, integers(8, 40), integers(0, 200))
def test_what_breaks_off_is_no_json_wherever_it_is_cut(value: Json, size: int, cut: int) -> None:
    source = json.dumps([value]).encode()
    with pytest.raises(NotJsonError):
        walked(source[: min(cut, len(source) - 1)], size)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ('["aaaaaaaaaaaaaaaaaaaa", 1]', [Unusable("a text of 20 characters"), 1]),
        (r'["\\\\\\\"\"\"\"\u00e9\u00e9\u00e9", 1]', [Unusable("a text of 32 characters"), 1]),
        ("[77777777777777777777, 1]", [Unusable("a number of 20 characters"), 1]),
        ("[-7777777777.7777777e+20,1]", [Unusable("a number of 23 characters"), 1]),
        ("[                    ]", []),
        ("{                    }", {}),
        ('{"a"        :        {           }          }', {"a": {}}),
        ('{"é":"éé","😀":"é😀", "b": "caf\udce9"}', {"é": "éé", "😀": "é😀", "b": Unusable("text that is no UTF-8")}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        ("[NaN, NaN, NaN, NaN]", [Unusable("NaN")] * 4),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_what_is_longer_than_a_window_is_passed_over_and_the_rest_is_read(source: str, value: Json) -> None:
    assert walked(source.encode("utf-8", "surrogateescape"), 16)[0] == value


@pytest.mark.parametrize(
    "source",
    [
        *[
            "",
            " ",
            "x",
            "]",
            "[1,2,3,4,5,6,7,8,9,",
            "[1 2,3,4,5,6,7,8,9]",
            "[1,,2,3,4,5,6,7,8,9]",
            "[1,2,3,4,5,6,7,8,9}",
        ],
        *[
            '{"a" 1,"b":2,"c":3}',
            '{1:2,"a":3,"b":4}',
            "{[[[[[[[[]]]]]]]]:1}",
            '{"a":1,"b":2,"c":3]',
            '{"a":1,"b":2,"c"',
        ],
        *[
            '["aaaaaaaaaaaaaaaaaaaaaaa',
            r'["aaaaaaaaaaaaaaaaaaaaaaa\\',
            '{"aaaaaaaaaaaaaaaaaaaaaaa":1}',
            "[tru]",
            "[trueeeeeeeeeeeeeee]",
        ],
    ],
)
def test_what_is_no_json_is_refused(source: str) -> None:
    with pytest.raises(NotJsonError, match=r"no JSON \(broken at byte \d+\)"):
        walked(source, 12)


def test_what_is_nested_deeper_than_anything_of_the_panels_is_refused() -> None:
    within, beyond = "[" * 20 + "1,2,3,4,5,6" + "]" * 20, "[" * 30 + "1,2,3,4,5,6" + "]" * 30
    assert json.dumps(walked(within, 12)[0]).replace(" ", "") == within
    with pytest.raises(TooDeepError):
        walked(beyond, 12)
    with pytest.raises(TooDeepError):
        walked("[" * 200_000)


def test_a_long_list_goes_into_the_listing() -> None:
    source = json.dumps({"a": 1, "response": {"vpses": [{"id": 1}, {"id": "2"}, 7], "more": 5}, "errors": []})
    value, walk = walked(source, 16)
    assert value == {"a": 1, "response": {"vpses": Streamed("an array", named=False), "more": 5}, "errors": []}
    assert [vps.id for vps in walk.listing.vpses] == [1, 2]
    assert str(walk.listing.problems[-1]) == "response.vpses[2] is 7, not an object"


@pytest.mark.parametrize(("key", "named"), [("7", False), ("web1", True)])
def test_so_does_an_object_in_its_place_which_may_be_no_php_array(key: str, *, named: bool) -> None:
    value, walk = walked(json.dumps({"response": {"vpses": {"1": {"id": 1}, key: {"id": 7}}}}), 16)
    assert value == {"response": {"vpses": Streamed("an object", named=named)}}
    assert [vps.id for vps in walk.listing.vpses] == [1, 7]


@pytest.mark.parametrize(("source", "empty"), [("[" + " " * 30 + "]", []), ("{" + " " * 30 + "}", {})])
def test_an_empty_one_does_not_whatever_space_it_takes(source: str, empty: Json) -> None:
    assert walked(f'{{"response":{{"vpses":{source}}}}}', 16)[0] == {"response": {"vpses": empty}}


def test_of_too_many_members_none_is_kept() -> None:
    value, _ = walked(json.dumps({"a": [1] * 30_000, "b": 2, "c": {str(key): 1 for key in range(30_000)}}))
    assert value == {
        "a": Unusable("an array with 30,000 members"),
        "b": 2,
        "c": Unusable("an object with 30,000 members"),
    }


def test_of_members_without_end_not_all_are_read() -> None:
    with pytest.raises(NotJsonError, match="more than 1,000,000 members in one place"):
        walked("[" + "1," * 1_000_001 + "1]")


@pytest.mark.parametrize(
    "source",
    [
        "[" + "[]," * 100_000 + "1]",
        "{" + ",".join(f'"{key}":1' for key in range(40_000)) + "}",
        json.dumps({"response": {"vpses": [{"id": number} for number in range(1, 20_000)]}}),
        json.dumps(["x" * 300_000]),
        "[" + "7" * 300_000 + "]",
        "[" + " " * 300_000 + "]",
    ],
    ids=["arrays", "keys", "a list", "a text", "a number", "space"],
)
def test_none_is_read_in_one_go(source: str) -> None:
    assert run(Walk(source.encode(), 0).value())[1] >= len(source) // WINDOW
