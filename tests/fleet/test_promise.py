"""One hung host node costs only itself: polls every 20 s for ten minutes, of a panel that works on for who has left."""

import pytest
from trouble import (
    EVERY,
    POLLS,
    SICK,
    by_hand,
    by_session,
    healthy,
    hung,
    in_a_row,
    now,
    panel,
    sick,
)
from virtual_time import virtual

from cvm_async import NodeState

FEW = pytest.param(5, id="5 workers, as Debian has it")
MORE = pytest.param(8, id="8 workers")


@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_with_a_plain_semaphore_the_same_loses_the_panel(workers: int) -> None:
    app = panel(workers)
    hung(app)
    async with by_hand(app) as polling:
        polls = await in_a_row(polling)
    assert app.peak_busy_workers(node=SICK) == workers
    assert all(poll.read.keys() & healthy(app) < healthy(app) for poll in polls)
    # Nothing at all from the second one on.
    assert [len(poll.read) for poll in polls[1:]] == [0] * (POLLS - 1)


@pytest.mark.parametrize("release", [True, False], ids=["its calls go on", "its calls are lost"])
@pytest.mark.parametrize("workers", [FEW, MORE])
@virtual
async def test_a_hung_node_is_found_well_again_within_one_cool_down(workers: int, release: bool) -> None:  # noqa: FBT001 - a table
    app = panel(workers)
    hung(app)
    async with by_session(app) as (session, polling):
        await in_a_row(polling, 10)
        app.heal_node(SICK, release=release)
        healed = now()
        polls = await in_a_row(polling, 15)
        assert {report.state for report in session.nodes()} == {NodeState.CLOSED}
    found = next(poll.began - healed for poll in polls if sick(app) <= poll.read.keys())
    assert found <= 180.0 + EVERY
