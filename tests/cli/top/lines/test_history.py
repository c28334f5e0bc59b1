"""The last looks tell how one VPS went on; of a large fleet few are kept."""

import pytest
from watches import LOST, reading, snapshot, used

from cvm_async.cli.top.lines.history import History, curve, memory, traffic, when_full


def history() -> History:
    kept = History()
    for second in range(3):
        kept.keep(
            snapshot(reading(1, traffic=used(10 * second), limit=used(0, 100), after=second), reading(2), after=second)
        )
    kept.keep(snapshot(reading(1, error=LOST), after=3))
    return kept


def test_it_gives_the_looks_at_which_one_vps_was_read() -> None:
    looks = history().of(("acme", 1))
    assert [len(look) for look in looks] == [1, 1, 1]
    assert memory(looks) == [1024, 1024, 1024]
    assert traffic(looks) == [10.0, 10.0]
    assert len(history().of(("acme", 2))) == 3
    assert history().of(("acme", 3)) == []


def test_it_tells_when_a_limit_is_reached() -> None:
    full = when_full(history().of(("acme", 1)))
    assert full is not None
    assert (full.rate, full.direction) == (10.0, "total")
    assert when_full([]) is None


def test_memory_that_was_not_read_is_not_known() -> None:
    assert memory([snapshot(reading(1, None))]) == [None]


@pytest.mark.parametrize(("vpses", "kept"), [(1, 240), (1_000, 60), (60_000, 8)])
def test_of_a_large_fleet_few_looks_are_kept(vpses: int, kept: int) -> None:
    history = History()
    look = snapshot(*(reading(number) for number in range(vpses)))
    for _ in range(250):
        history.keep(look)
    assert len(history.of(("acme", 0))) == kept


@pytest.mark.parametrize(
    ("figures", "width", "expected"),
    [
        ([0.0, 50.0, 100.0], 9, "▁▅█"),
        ([1.0, None, 1.0], 9, "█ █"),
        ([0.0, 0.0], 9, "▁▁"),
        ([None], 9, " "),
        ([9.0, 1.0, 2.0], 2, "▅█"),
        ([], 9, ""),
    ],
)
def test_a_curve_shows_the_last_figures(figures: list[float | None], width: int, expected: str) -> None:
    assert curve(figures, width) == expected
