import pytest
from watches import reading, snapshot

from cvm_async.watch.events import (
    Change,
    NodeBack,
    NodeUnreachable,
    PanelBack,
    PanelUnreachable,
    VpsReadable,
    VpsUnreadable,
)
from cvm_async.watch.picture import Picture, after


def test_a_change_that_it_knows_nothing_of_is_refused() -> None:
    with pytest.raises(TypeError, match="says nothing of"):
        after(Change("acme"), Picture.of(snapshot(reading(1))))


def test_what_is_lost_or_unreadable_is_told_apart() -> None:
    picture = Picture.of(snapshot(reading(1), reading(2, None)))
    assert (picture.lost_nodes, picture.lost_panels, picture.unreadable) == (frozenset(), frozenset(), frozenset())
    assert picture.states["acme", 2] is None


def test_what_can_be_read_again_is_no_longer_unreadable() -> None:
    vps = reading(1).vps
    before = Picture.of(snapshot(reading(1)))
    unreadable = after(VpsUnreadable("acme", vps, "its figures"), before)
    assert unreadable.unreadable == {("acme", 1)}
    assert after(VpsReadable("acme", vps), unreadable) == before


def test_a_node_and_a_panel_that_are_back_are_no_longer_lost() -> None:
    before = Picture.of(snapshot(reading(1)))
    lost_node = after(NodeUnreachable("acme", 1, 1, "it hangs"), before)
    assert lost_node.lost_nodes == {("acme", 1)}
    assert after(NodeBack("acme", 1, 1), lost_node) == before
    lost_panel = after(PanelUnreachable("acme", 1, "it is gone"), before)
    assert lost_panel.lost_panels == {"acme"}
    assert after(PanelBack("acme", 1), lost_panel) == before
