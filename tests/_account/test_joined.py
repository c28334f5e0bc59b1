import asyncio

import pytest
from panels import account_of, fleet_of, session_on
from virtual_time import virtual, virtual_loop

from cvm_async import CvmSession
from cvm_async._account.joined import Joined, begin
from cvm_async._deadline import Deadline
from cvm_async._gates.permit import Permit
from cvm_async.panel import PanelApp


def call(session: CvmSession, seconds: float = 10.0) -> Joined[float]:
    """Begin a call that takes so long, and gives the time at its end."""

    async def send(permit: Permit, limit: Deadline) -> float:
        with limit:
            await permit.enter()
            await asyncio.sleep(seconds)
            return virtual_loop().time()
        return -1.0

    return begin(send, Permit(account_of(session).gates, None))


@virtual
async def test_all_who_wait_get_its_result_and_its_permit_is_given_up() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        one = call(session)
        assert all(await asyncio.gather(one.ends(Deadline(None)), one.ends(Deadline(None))))
        assert one.task.result() == 10.0
        assert not one.callers


@virtual
async def test_who_leaves_ends_it_only_as_the_last() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        one = call(session)
        left = asyncio.create_task(one.ends(Deadline(2.0)))
        stays = asyncio.create_task(one.ends(Deadline(4.0)))
        assert not await left
        assert await stays
        assert (virtual_loop().time(), one.task.result(), one.is_ending) == (4.0, -1.0, True)


@virtual
async def test_cancelled_it_goes_on_for_another_and_ends_with_the_last() -> None:
    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        one = call(session)
        waiting = [asyncio.create_task(one.ends(Deadline(None))) for _ in range(2)]
        await asyncio.sleep(1)
        for task, is_ending in zip(waiting, (False, True), strict=True):
            task.cancel()
            await asyncio.wait([task])
            assert one.is_ending is is_ending
        assert one.task.cancelled()


@virtual
async def test_what_it_failed_of_is_no_complaint_where_nobody_waits_any_more() -> None:
    async def send(_permit: Permit, _limit: Deadline) -> None:
        raise ValueError("a fault")

    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        failing = begin(send, Permit(account_of(session).gates, None))
        assert await failing.ends(Deadline(None))
    with pytest.raises(ValueError, match="a fault"):
        failing.task.result()
