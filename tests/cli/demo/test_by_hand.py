"""The poll by hand is what it is said to be: a client that keeps cookies, or one that does not."""

import pytest
from virtual_time import virtual

from cvm_async.cli.demo.by_hand import Tally, poll_by_hand
from cvm_async.panel import SimulatedPanel

pytestmark = pytest.mark.usefixtures("no_sockets")


@pytest.mark.parametrize(("keep_cookies", "sent"), [(True, 8), (False, 0)], ids=["as httpx comes", "dropped"])
@virtual
async def test_the_client_sends_the_panels_cookie_unless_told_to_drop_it(keep_cookies: bool, sent: int) -> None:  # noqa: FBT001
    async with SimulatedPanel(vpses=8, nodes=2) as panel:
        tally = await poll_by_hand(
            panel.url, panel.public_token, panel.private_token, width=1, timeout=5.0, keep_cookies=keep_cookies
        )
    assert tally.read == 8
    assert sum(record.cookie_sent for record in panel.requests) == sent


@virtual
async def test_what_is_refused_or_not_answered_is_not_counted_as_read() -> None:
    async with SimulatedPanel(vpses=9, nodes=3) as panel:
        panel.hang_node(1)
        panel.unreachable_node(2, after=0.0)
        tally = await poll_by_hand(
            panel.url, panel.public_token, panel.private_token, width=16, timeout=5.0, keep_cookies=False
        )
    assert tally.to_dict() == {"read": 3, "elapsed": 5.0, "workers_stuck": 0}


def test_a_tally_begins_with_nothing() -> None:
    assert Tally().to_dict() == {"read": 0, "elapsed": 0.0, "workers_stuck": 0}
