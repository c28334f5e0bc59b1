from datetime import timedelta

from attrs import evolve
from watches import BEGIN, LOST, reading, snapshot

from cvm_async.models import Problem
from cvm_async.watch.memory import Look, failing, remembering

LATER = BEGIN + timedelta(seconds=30)


def test_what_could_be_read_is_fresh() -> None:
    taken = remembering(None, Look(readings=(reading(1, after=30),)), at=LATER, elapsed=0.5)
    assert (taken["acme", 1].age, taken["acme", 1].is_stale, taken.elapsed, taken.at) == (0.0, False, 0.5, LATER)


def test_what_could_not_be_read_keeps_its_last_status_with_its_age() -> None:
    before = snapshot(reading(1, "stopped"))
    taken = remembering(before, Look(readings=(reading(1, None, error=LOST),)), at=LATER, elapsed=0.5)
    known = taken["acme", 1]
    assert known.status == before["acme", 1].status
    assert (known.age, known.is_stale, known.error) == (30.0, True, LOST)
    again = remembering(taken, Look(readings=(reading(1, None, error=LOST),)), at=LATER + timedelta(1), elapsed=0.5)
    assert again["acme", 1].age == 30.0 + 24 * 3600


def test_a_clock_that_was_set_back_makes_nothing_younger_than_new() -> None:
    taken = remembering(
        snapshot(reading(1)), Look(readings=(reading(1, None, error=LOST),)), at=BEGIN - timedelta(1), elapsed=0.5
    )
    assert taken["acme", 1].age == 0.0


def test_what_was_never_read_has_no_age() -> None:
    taken = remembering(None, Look(readings=(reading(1, None, error=LOST),)), at=LATER, elapsed=0.5)
    assert (taken["acme", 1].age, taken["acme", 1].is_stale) == (None, False)


def test_where_lists_are_read_it_is_stale_too() -> None:
    listed = evolve(reading(1, None), read_at=BEGIN)
    before = remembering(None, Look(readings=(listed,)), at=BEGIN, elapsed=0.5)
    taken = remembering(before, Look(readings=(reading(1, None, error=LOST),)), at=LATER, elapsed=0.5)
    assert [(each.is_stale, each.age) for each in (before["acme", 1], taken["acme", 1])] == [(False, 0.0), (True, 30.0)]


def test_who_is_no_longer_listed_is_not_remembered() -> None:
    taken = remembering(snapshot(reading(1), reading(2)), Look(readings=(reading(2),)), at=LATER, elapsed=0.5)
    assert [each.vps.id for each in taken] == [2]


def test_a_look_that_failed_as_a_whole_is_one_at_the_same_vpses() -> None:
    problems = (Problem("response.vpses[1].id", "absent", "there"),)
    before = remembering(None, Look(readings=(reading(1), reading(2)), problems=problems), at=BEGIN, elapsed=0.5)
    look = failing(before, LOST)
    assert {each.error for each in look.readings} == {LOST}
    assert remembering(before, look, at=LATER, elapsed=0.5).statuses == before.statuses
    assert look.problems == problems
