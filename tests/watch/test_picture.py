import pytest
from watches import reading, snapshot

from cvm_async.watch.events import Change, VpsReadable, VpsUnreadable
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
