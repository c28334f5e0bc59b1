"""Lists are cut to what a context can bear."""

import pytest

from cvm_async.mcp.answers import ROOM, Answer, NodeSummary, fitting


def node(number: int) -> NodeSummary:
    return NodeSummary(panel="p" * 80, node=number, vpses=1, states={"running": 1}, not_read=0)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_there_is_room_for_is_shown(count: int) -> None:
    assert len(fitting(map(node, range(count)))) == count


def test_what_there_is_no_room_for_is_not() -> None:
    shown = fitting(map(node, range(10_000)))
    assert 10 < len(shown) < ROOM / 80
    assert sum(len(each.model_dump_json(exclude_none=True)) for each in shown) <= ROOM
    assert not fitting([node(1)], room=10)


def test_every_answer_says_what_its_texts_are() -> None:
    assert "no instructions" in Answer().note
