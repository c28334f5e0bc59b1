"""The rows of a result: found, sorted, made flat."""

import pytest

from cvm_async.cli.exits import CommandError
from cvm_async.cli.output.look import Sort
from cvm_async.cli.output.rows import COLUMNS, Record, columns_of, flat, keys_of, ordered, rows_key, slug


def row(number: int, **more: object) -> Record:
    return {"id": number, **more}


def using(number: int, used: int | None, limit: int | None = None) -> Record:
    figures = {"used": used, "limit": limit}
    return row(number, usage={"ram": figures, "disk": figures, "traffic": figures})


def test_rows_are_found_under_the_key_that_each_kind_of_result_has() -> None:
    assert rows_key({"version": 1, "outcomes": []}) == "outcomes"
    assert rows_key({"CVM_URL": "x"}) is None


@pytest.mark.parametrize(
    ("sort", "rows", "ids"),
    [
        pytest.param(None, [row(2), row(1)], [2, 1], id="as they were"),
        pytest.param(Sort.RAM, [using(1, 5), using(2, None, 9), using(3, None), using(4, 0)], [2, 1, 4, 3], id="ram"),
        pytest.param(Sort.DISK, [using(1, 5), using(2, 7)], [2, 1], id="disk"),
        pytest.param(Sort.TRAFFIC, [using(1, 5), using(2, 7)], [2, 1], id="traffic"),
        pytest.param(Sort.NAME, [row(1, hostname="web-10"), row(2, hostname="web-9"), row(3)], [3, 2, 1], id="name"),
        pytest.param(
            Sort.STATE,
            [row(1, state="running"), row(2, state="odd"), row(3, state="stopped"), row(4, state=None)],
            [4, 3, 1, 2],
            id="state",
        ),
        pytest.param(Sort.NODE, [row(1, node=10), row(2, node=9), row(3, node=None)], [2, 1, 3], id="node"),
    ],
)
def test_rows_are_sorted_and_what_is_not_known_comes_last(
    sort: Sort | None, rows: list[Record], ids: list[int]
) -> None:
    assert [each["id"] for each in ordered(rows, sort)] == ids


def test_a_key_reaches_what_is_inside() -> None:
    assert flat({"usage": {"ram": {"used": 3}}}, "usage.ram.used") == 3
    assert flat({"usage": None}, "usage.ram.used") is None
    assert [*keys_of({"id": 1, "usage": {"ram": {"used": 3}}, "extra": {}})] == ["id", "usage.ram.used", "extra"]


def test_the_usual_columns_are_the_same_whatever_there_is() -> None:
    assert columns_of("vpses", [], (), {}) == COLUMNS["vpses"]
    assert columns_of("profiles", [{"name": "a"}], (), {}) == ("name",)
    assert columns_of("profiles", [], (), {}) == ()


def test_columns_are_named_by_keys_or_by_a_tables_headings() -> None:
    assert columns_of("vpses", [], ("RAM", "id"), {"ram": "guaranteed_ram"}) == ("guaranteed_ram", "id")
    assert columns_of("", [], ("anything",), {}) == ("anything",)
    assert slug("RAM_USED") == slug("ram used") == "ram-used"


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(CommandError, match=r"'n.*pe' is none of .*hostname, id"):
        columns_of("vpses", [], ("n\x1bpe",), {})
