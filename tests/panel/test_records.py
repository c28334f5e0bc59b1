import math

import pytest

from cvm_async.panel.records import most_at_once

Spans = list[tuple[float, float | None]]


@pytest.mark.parametrize(
    ("spans", "since", "most"),
    [
        pytest.param([], -math.inf, 0, id="none"),
        pytest.param([(0, 1), (1, 2)], -math.inf, 1, id="one after the other"),
        pytest.param([(0, 2), (1, 3), (2, 4)], -math.inf, 2, id="overlapping"),
        pytest.param([(0, None), (5, 6)], -math.inf, 2, id="one that is still open"),
        pytest.param([(0, 4), (1, 4), (2, None), (5, None)], 4, 2, id="only what was open since"),
        pytest.param([(0, None), (1, None), (2, 9)], 5, 3, id="what had begun before and was still open"),
    ],
)
def test_the_most_at_once_is_the_most_that_were_open_at_one_instant(spans: Spans, since: float, most: int) -> None:
    assert most_at_once(spans, since) == most
