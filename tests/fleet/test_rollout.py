import math
import pickle

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, strategies as st

from cvm_async import ConfigurationError, Rollout
from cvm_async.fleet.rollout import Share


@pytest.mark.parametrize(
    ("batch", "total", "sizes"),
    [
        pytest.param(None, 10, [10], id="all at once"),
        pytest.param((), 10, [10], id="no steps: all at once"),
        pytest.param(3, 10, [3, 3, 3, 1], id="a count"),
        pytest.param(20, 10, [10], id="a count beyond"),
        pytest.param(0.3, 10, [3, 3, 3, 1], id="a fraction of the whole run"),
        pytest.param(0.25, 10, [3, 3, 3, 1], id="a fraction rounds up"),
        pytest.param((1, 0.1, 1.0), 100, [1, 10, 89], id="a canary, a tenth, the rest"),
        pytest.param([1, 2], 8, [1, 2, 2, 2, 1], id="the last step repeats"),
        pytest.param(0.07, 100, [7] * 14 + [2], id="7 % of 100 are 7, though 0.07 * 100 is more"),
        pytest.param(0.1, 0, [], id="nothing"),
    ],
)
def test_batches_are_counts_fractions_or_growing_steps(batch: Share | None, total: int, sizes: list[int]) -> None:
    assert list(Rollout(batch=batch).batch_sizes(total)) == sizes


SHARES = st.one_of(st.integers(1, 50), st.floats(0, 1, exclude_min=True))


@given(st.lists(SHARES, max_size=5), st.integers(0, 500))
def test_batches_are_never_empty_and_make_up_the_whole(steps: list[Share], total: int) -> None:
    sizes = list(Rollout(batch=tuple(steps)).batch_sizes(total))
    assert sum(sizes) == total
    assert all(size >= 1 for size in sizes)


@pytest.mark.parametrize(
    ("max_failures", "total", "allowed"),
    [
        pytest.param(None, 10, math.inf, id="no limit"),
        pytest.param(0, 10, 0, id="none"),
        pytest.param(3, 10, 3, id="a count"),
        pytest.param(0.0, 10, 0, id="a fraction of nothing"),
        pytest.param(0.25, 10, 2, id="a fraction rounds down"),
        pytest.param(1.0, 10, 10, id="all of them: it never stops"),
        pytest.param(0.29, 100, 29, id="29 % of 100 are 29, though 0.29 * 100 is less"),
    ],
)
def test_failures_are_allowed_by_count_or_by_fraction_of_the_whole(
    max_failures: Share | None, total: int, allowed: float
) -> None:
    assert Rollout(max_failures=max_failures).failures_allowed(total) == allowed


NONSENSE: dict[str, tuple[object, ...]] = {
    "max_concurrency": (0, -1, 1.5, True, "4"),
    "per_node": (0, False, 2.0),
    "max_failures": (-1, 1.1, -0.1, 2.5, True, "3", math.nan),
    "batch": (0, 0.0, 1.5, True, "10%", (1, 0), (1, None), math.nan),
    "pause": (-1, math.inf, math.nan, "1", True, None),
    "deadline": (0, -1, math.inf, "1"),
    "on_unknown": ("retry", None, 1, {}),
}


@pytest.mark.parametrize(("knob", "bad"), [(knob, bad) for knob, values in NONSENSE.items() for bad in values])
def test_what_makes_no_sense_is_refused_by_its_name(knob: str, bad: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{knob} must be"):
        Rollout(**{knob: bad})  # type: ignore[arg-type]


def test_a_rollout_is_a_value() -> None:
    rollout = Rollout(max_concurrency=8, per_node=2, max_failures=0.1, batch=(1, 0.5), pause=3, deadline=60)
    assert pickle.loads(pickle.dumps(rollout)) == rollout
    assert hash(rollout) == hash(evolve(rollout))
    with pytest.raises(FrozenInstanceError):
        rollout.pause = 1  # type: ignore[misc]
