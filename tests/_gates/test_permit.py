import asyncio

import pytest
from panels import settled
from virtual_time import virtual, virtual_loop

from cvm_async import Breaker, Limits, NodeUnreachableError
from cvm_async._gates.gates import Gates
from cvm_async._gates.permit import Permit
from cvm_async._gates.verdict import Verdict


def gates(limit: int = 3) -> Gates:
    return Gates(Limits(max_concurrency=limit, breaker=Breaker(failures=1)), lambda: virtual_loop().time())


async def opened(node: int) -> Gates:
    room = gates()
    permit = Permit(room, node)
    await permit.enter()
    permit.leave(Verdict.NODE_FAILED)
    return room


@virtual
async def test_a_permit_enters_and_leaves_once() -> None:
    room = gates()
    permit = Permit(room, 1)
    await permit.enter()
    await permit.enter()
    assert room.in_flight == 1
    permit.leave(Verdict.ANSWERED)
    permit.step_aside()
    assert room.in_flight == 0


@virtual
async def test_a_permit_of_a_fleet_does_not_enter_a_node_that_opened_meanwhile() -> None:
    permit = Permit(await opened(7), 7, refusable=True)
    assert permit.refused
    with pytest.raises(NodeUnreachableError, match="node 7 does not answer and is left alone"):
        await permit.enter()


@virtual
async def test_a_permit_that_was_handed_over_is_its_new_owners() -> None:
    room = gates()
    permit = Permit(room, 1)
    await permit.enter()
    other = permit.hand_over()
    permit.step_aside()
    assert room.in_flight == 1
    other.step_aside()
    assert room.in_flight == 0


def test_a_permit_says_once_that_its_owner_rests() -> None:
    said: list[Permit] = []
    permit = Permit(gates(), 1, on_rest=said.append)
    permit.rest()
    permit.rest()
    Permit(gates(), 1).rest()
    assert said == [permit]


@virtual
async def test_a_permit_waits_for_room_and_for_nothing_once_it_is_inside() -> None:
    room = gates(1)
    first, second = Permit(room, 1), Permit(room, 2)
    await first.enter()
    waiting = asyncio.create_task(second.enter())
    await settled()
    assert not waiting.done()
    first.step_aside()
    await waiting
    await second.enter()
    assert room.in_flight == 1


@virtual
async def test_a_single_call_goes_to_a_node_that_fleets_leave_alone() -> None:
    permit = Permit(await opened(7), 7)
    assert not permit.refused
    await permit.enter()


@virtual
async def test_a_refusal_names_the_vps_also_where_its_reason_has_passed() -> None:
    room = await opened(7)
    refused = Permit(room, 7, refusable=True).refusal(70)
    assert (type(refused), refused.vps_id) == (NodeUnreachableError, 70)
    passed = Permit(room, 8, refusable=True).refusal(80)
    assert (str(passed), passed.vps_id) == ("node 8 was left alone (VPS 80)", 80)


@virtual
async def test_a_permit_that_was_let_in_is_not_refused_any_more() -> None:
    room = await opened(7)
    permit = Permit(room, 7, began=room.enter(7), refusable=True)
    assert not permit.refused
    permit.step_aside()
    assert permit.refused
