import pytest
from hypothesis import given, strategies as st

from cvm_async.watch.schedule import Schedule


@pytest.mark.parametrize(
    ("now", "due"),
    [
        pytest.param(100.0, 130.0, id="right after the first look, the next one is an interval later"),
        pytest.param(112.0, 130.0, id="a look that took time does not move the next"),
        pytest.param(130.0, 160.0, id="at a tick, the next one"),
        pytest.param(171.0, 190.0, id="a late one skips what it missed"),
        pytest.param(100_000.0, 100_000.0 + 30 - (99_900.0 % 30), id="after the machine slept, it goes on in step"),
        pytest.param(20.0, 100.0, id="before it begins, the beginning"),
    ],
)
def test_ticks_are_at_the_start_and_multiples_of_the_interval(now: float, due: float) -> None:
    assert Schedule(start=100.0, every=30.0).after(now) == due


@given(st.floats(0, 1e6), st.floats(0.1, 1e4), st.floats(0, 1e6))
def test_the_next_tick_is_within_one_interval_and_never_now(start: float, every: float, late: float) -> None:
    now = start + late
    due = Schedule(start=start, every=every).after(now)
    assert now < due + 1e-6
    assert due <= now + every + 1e-6


def test_jitter_comes_on_top_and_does_not_add_up() -> None:
    schedule = Schedule(start=0.0, every=10.0, jitter=4.0, chance=lambda: 0.5)
    assert [schedule.after(now) for now in (0.0, 12.0, 22.0)] == [12.0, 22.0, 32.0]
