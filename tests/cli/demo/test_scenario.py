"""What is simulated is what the story says, and both clients are measured alike."""

import pytest
from virtual_time import virtual

from cvm_async.cli.demo.scenario import Scenario
from cvm_async.errors import CvmError
from cvm_async.models import PowerState
from cvm_async.panel import bad_gateway

pytestmark = pytest.mark.usefixtures("no_sockets")

SMALL = Scenario(vpses=12, nodes=4, workers=8)
"""Node 2 hangs and node 3 cannot be reached; each node has three VPSes."""


def test_two_nodes_are_sick_and_they_differ() -> None:
    for nodes in range(2, 20):
        scenario = Scenario(nodes=nodes)
        assert 1 <= scenario.hung <= nodes
        assert 1 <= scenario.unreachable <= nodes
    assert (SMALL.hung, SMALL.unreachable) == (2, 3)


@virtual
async def test_a_well_panel_works_on_as_many_calls_at_a_time_as_it_has_workers() -> None:
    tallies = [await SMALL.poll(sick=False), await SMALL.poll_by_hand(sick=False, keep_cookies=False)]
    # The second round of eight has four.
    assert [(tally.read, round(tally.elapsed, 3), tally.stuck) for tally in tallies] == [(12, 0.08, 0)] * 2


@virtual
async def test_with_the_cookie_one_call_waits_for_the_other() -> None:
    tally = await SMALL.poll_by_hand(sick=False, keep_cookies=True)
    assert (tally.read, round(tally.elapsed, 3), tally.stuck) == (12, 0.48, 0)


@virtual
async def test_on_a_sick_panel_ours_reads_the_well_nodes_and_leaves_fewer_workers_stuck() -> None:
    ours = await SMALL.poll(sick=True)
    by_hand = await SMALL.poll_by_hand(sick=True, keep_cookies=False)
    assert ours.read == 6
    assert ours.stuck <= by_hand.stuck


@virtual
async def test_the_measured_session_tries_once_and_the_other_again() -> None:
    async with SMALL.panel(sick=False) as panel, SMALL.poller(panel) as measured, SMALL.session(panel) as plain:
        panel.inject(bad_gateway(), verb="status", times=2)
        with pytest.raises(CvmError):
            await measured.status(1)
        assert (await plain.status(1)).state is PowerState.RUNNING
        assert [record.verb for record in panel.requests] == ["status"] * 3
