"""What of a list's problems may hide a VPS: what leaves an entry out, and nothing else."""

import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, integers, lists, none, sampled_from, text

from cvm_async._api.listing import Listing
from cvm_async._api.php import Json
from cvm_async._api.unread import may_hide
from cvm_async.models import Problem

FIGURES = ("guaranteed_ram", "disk_space", "cpu_count", "virtualization_type", "traffic_used", "node", "hostname")
GOOD: dict[str, Json] = {
    "id": 1,
    "hostname": "a",
    "virtualization_type": 1,
    "guaranteed_ram": 1,
    "disk_space": 1,
    "cpu_count": 1,
}


def listing(*entries: Json) -> Listing:
    taken = Listing()
    for key, entry in enumerate(entries):
        taken.take(key, entry)
    return taken


def paths(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.path for problem in problems]


@pytest.mark.parametrize(
    "entry", [None, 5, "x", [], {}, {"id": None}, {"id": "three"}, {"id": 0}, {**GOOD, "id": -1}], ids=repr
)
def test_an_entry_without_an_id_may_hide_any_vps(entry: Json) -> None:
    taken = listing(GOOD, entry)
    assert [vps.id for vps in taken.vpses] == [1]
    assert paths(may_hide(taken.problems)) in (["response.vpses[1]"], ["response.vpses[1].id"])


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("bad", [None, [], {}, True, "x\x00", -1, 1.5], ids=repr)
def test_a_figure_hides_none_but_from_who_looks_for_it(figure: str, bad: Json) -> None:
    taken = listing({**GOOD, figure: bad}, {**GOOD, "id": 2})
    assert [vps.id for vps in taken.vpses] == [1, 2]
    assert may_hide(taken.problems) == ()
    assert paths(may_hide(taken.problems, figure)) == [problem.path for problem in taken.problems]


def test_an_id_that_is_there_twice_hides_none_by_its_id_but_the_second_by_its_name() -> None:
    taken = listing(GOOD, {**GOOD, "hostname": "b"})
    assert may_hide(taken.problems) == ()
    assert paths(may_hide(taken.problems, "hostname", "id")) == ["response.vpses[1].id"]


def test_problems_that_are_not_told_may_hide_any() -> None:
    taken = listing(GOOD, *[{**GOOD, "id": number, "cpu_count": None} for number in range(2, 1010)])
    assert paths(may_hide(taken.problems)) == ["response.vpses"]


@given(
    lists(none() | integers() | dictionaries(sampled_from(["id", *FIGURES]), none() | booleans() | integers() | text()))
)
def test_whoever_is_not_on_a_list_may_be_one_of_its_problems(entries: list[Json]) -> None:
    taken = listing(*entries)
    assert len(taken.vpses) + len(may_hide(taken.problems)) == len(entries)
