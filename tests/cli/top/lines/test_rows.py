"""Rows come in the order in which a person looks, whatever is known of them."""

import pytest
from attrs import evolve
from hypothesis import given, strategies as st
from watches import LOST, reading, snapshot, split, used

from cvm_async.cli.top.lines.rows import ORDERS, Row, next_order, rows
from cvm_async.cli.top.lines.search import Search
from cvm_async.models import VpsStatus
from cvm_async.watch.rates import Rate
from cvm_async.watch.snapshot import Reading

LIMIT = used(0, 100)
READINGS = (
    reading(1),
    reading(2, "stopped"),
    reading(3, "running", error=LOST),
    reading(4, "suspended"),
    reading(5, "unknown"),
    reading(6, traffic=used(96), limit=LIMIT),
    reading(7, None),
    reading(10, "terminated"),
)


def ids(order: str, **known: object) -> list[int]:
    return [row.reading.vps.id for row in rows(snapshot(*READINGS), order=order, **known)]  # type: ignore[arg-type]


def test_trouble_comes_first() -> None:
    assert ids("trouble") == [3, 5, 7, 6, 4, 10, 2, 1]


def test_names_are_counted_as_people_do() -> None:
    assert ids("name") == [1, 2, 3, 4, 5, 6, 7, 10]


def test_the_largest_comes_first_and_what_is_not_known_last() -> None:
    assert ids("traffic")[0] == 6
    assert ids("ram")[-1] == 7
    assert ids("rate", rates={("acme", 10): Rate(total=5.0), ("acme", 2): Rate(total=0.0)})[:2] == [10, 2]


def test_only_what_is_looked_for_shows() -> None:
    assert ids("name", search=Search.of("stopped")) == [2]


def test_what_is_being_done_stands_in_its_row() -> None:
    (row,) = rows(snapshot(reading(1)), doing={("acme", 1): "stopping"})
    assert (row.key, row.doing) == (("acme", 1), "stopping")


def test_shares_are_of_what_a_vps_has() -> None:
    row = Row(reading(1, traffic=split(10, 90), limit=split(0, 0, {"in_limit": 100, "out_limit": 100})))
    assert (row.ram, row.disk, row.traffic) == (1 / 1024, 2 / 1024, 0.9)
    bare = reading(1)
    bare = evolve(bare, vps=evolve(bare.vps, guaranteed_ram=0, disk_space=None))
    assert (Row(bare).ram, Row(bare).disk, Row(bare).traffic) == (None, None, None)
    unread = evolve(reading(1), status=VpsStatus(state=READINGS[0].status.state, state_text="running"))  # type: ignore[union-attr]
    assert (Row(unread).ram, Row(unread).disk) == (None, None)
    assert (Row(reading(7, None)).ram, Row(reading(7, None)).disk) == (None, None)


@given(st.permutations(READINGS), st.sampled_from(list(ORDERS)))
def test_an_order_does_not_depend_on_the_fleets(shuffled: list[Reading], order: str) -> None:
    assert [row.reading.vps.id for row in rows(snapshot(*shuffled), order=order)] == ids(order)


def test_a_key_steps_through_the_orders_and_around() -> None:
    names = list(ORDERS)
    assert [next_order(name) for name in names] == [*names[1:], names[0]]
    assert next_order(names[0], -1) == names[-1]


@pytest.mark.parametrize("node", [None, 3])
def test_a_node_that_is_not_told_is_no_trouble(node: int | None) -> None:
    assert len(rows(snapshot(reading(1, node=node), reading(2, node=3)), order="node")) == 2
