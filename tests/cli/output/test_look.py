"""What a person asked results to look like."""

import pytest

from cvm_async.cli.output.look import AS_JSON, TABLE, Format, Look


@pytest.mark.parametrize("way", Format)
def test_all_but_the_tables_are_for_programs(way: Format) -> None:
    assert Look(format=way).is_for_programs is (way not in {Format.TABLE, Format.WIDE})


def test_a_table_is_the_usual_one() -> None:
    assert Look() == TABLE
    assert AS_JSON.is_for_programs
