from watches import BEGIN, LOST, reading, snapshot

from cvm_async import DecodeError, NoAnswerError, Snapshot
from cvm_async.exporter.views import PanelView, views_of


def view(found: Snapshot, source: str = "") -> PanelView:
    (only,) = views_of({source: found}, {})
    return only


def test_a_panel_is_up_while_anything_of_it_can_be_read() -> None:
    assert view(snapshot(reading(1), reading(2, error=LOST))).is_up
    assert not view(snapshot(reading(1, error=NoAnswerError("silent")))).is_up


def test_a_node_is_up_or_down_or_nobody_knows() -> None:
    found = view(
        snapshot(
            reading(1, node=1),
            reading(2, node=2, error=LOST),
            reading(3, node=3, error=DecodeError("odd", problems=(), excerpt="")),
            reading(4, node=None),
        )
    )
    assert found.nodes == {1: True, 2: False}


def test_of_a_panel_that_is_lost_no_node_is_told() -> None:
    assert view(snapshot(reading(1, error=NoAnswerError("silent")))).nodes == {}


def test_a_source_that_is_named_is_a_panel_also_without_a_vps() -> None:
    empty = view(snapshot(), "acme")
    assert (empty.name, empty.is_up, empty.at, empty.readings) == ("acme", True, BEGIN, ())


def test_one_snapshot_may_be_of_several_panels() -> None:
    views = views_of({"": snapshot(reading(1, panel="b"), reading(1, panel="a", error=NoAnswerError("silent")))}, {})
    assert [(each.name, each.is_up, len(each.readings)) for each in views] == [("a", False, 1), ("b", True, 1)]


def test_a_vps_that_two_sources_tell_of_is_there_once() -> None:
    views = views_of({"one": snapshot(reading(1), reading(2)), "two": snapshot(reading(2), reading(3))}, {})
    assert sorted(each.vps.id for view in views for each in view.readings) == [1, 2, 3]


def test_a_panel_that_cannot_be_listed_is_down_and_says_why() -> None:
    (lost,) = views_of({}, {"acme": LOST})
    assert (lost.is_up, lost.at, lost.error) == (False, None, LOST)
