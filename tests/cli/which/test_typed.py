"""What was typed is understood whole or refused."""

import io

import pytest
from hypothesis import given, strategies as st

from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.which.typed import Asked, asked, lines_of_stdin, listed, numbers


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        (["web1"], ("web1",)),
        (["web1", "7"], ("web1", "7")),
        (["1,2, 3"], ("1", "2", "3")),
        (["1-3"], (range(1, 4),)),
        (["7-7,web1,2-3"], (range(7, 8), "web1", range(2, 4))),
        (["web-1", "10-0-0-5", "-1", "1-", "-"], ("web-1", "10-0-0-5", "-1", "1-", "-")),
        (["0-9999999999999999999"], (range(10**19),)),
        ([], ()),
    ],
    ids=str,
)
def test_names_come_one_by_one_in_lists_and_in_ranges(typed: list[str], names: tuple[Asked, ...]) -> None:
    assert asked(typed) == names


@pytest.mark.parametrize("typed", ["", " ", ",", "1,,2", "web1,", ",web1"])
def test_an_empty_name_is_refused_as_a_variable_that_was_not_set_leaves_it(typed: str) -> None:
    with pytest.raises(CommandError, match="has an empty name in it") as caught:
        asked(["web1", typed])
    assert caught.value.status is Exit.USAGE


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(CommandError, match="the range 3-1 ends before it begins"):
        asked(["1,3-1"])


@given(st.lists(st.text(st.sampled_from("0123-, aé\x1b"))))
def test_whatever_is_typed_every_part_is_asked_for_or_all_is_refused(typed: list[str]) -> None:
    try:
        names = asked(typed)
    except CommandError as error:
        assert str(error).isprintable()  # noqa: PT017 - either way is right
    else:
        assert len(names) == sum(1 + text.count(",") for text in typed)


def test_a_comma_between_the_brackets_of_a_pattern_is_its_own() -> None:
    assert listed(["web[1,2]*,db*", "mail"]) == ["web[1,2]*", "db*", "mail"]


def test_nodes_are_numbers_and_ranges() -> None:
    assert numbers("--node", ["1,2", "5-7"]) == (range(1, 2), range(2, 3), range(5, 8))


@pytest.mark.parametrize("typed", ["x", "-1", "1.5", "٣", "1-2-3"])
def test_a_node_that_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(CommandError, match=r"--node: .* is no number"):
        numbers("--node", ["1", typed])


def test_standard_input_names_one_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffweb1\r\n\n  7 \n1-3"))
    assert lines_of_stdin() == ["web1", "7", "1-3"]


@pytest.mark.parametrize(
    ("stdin", "said", "status"),
    [
        (None, "standard input is closed", Exit.USAGE),
        (io.StringIO(" \n\n"), "standard input names no VPS; nothing was done", Exit.FAILED),
        (io.TextIOWrapper(io.BytesIO(b"web1\n\xff"), encoding="utf-8"), "is no text", Exit.USAGE),
    ],
    ids=["closed", "empty", "no text"],
)
def test_where_standard_input_names_nobody_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, stdin: object, said: str, status: Exit
) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(CommandError, match=said) as caught:
        lines_of_stdin()
    assert caught.value.status is status
